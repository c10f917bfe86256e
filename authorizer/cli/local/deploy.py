"""Putting a project's API on the emulator: pool, functions, routes, authorizers.

It is made of what the tools read in the template, whatever deploys that: SAM, CDK, the Serverless
Framework, Terraform. What is remembered under which key, who guards which route and how the
authorizer answers is as it says. The user pool is one of our own, which demands TOTP: theirs may
have no app client to sign in with. A route that something else than the policy guards is left out.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.local import backend
from authorizer.cli.local.project import (
    LocalStackError,
    Project,
    authorizer_function,
    remembered_seconds,
)
from authorizer.cli.package import fill
from authorizer.settings import NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authorizer.cli.local.emulator import Emulator
    from authorizer.cli.template.model import Authorizer, FunctionVariables

_BUCKET, _LOG = "packages", "/aws/lambda/authorizers"
_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
_OUR_HANDLER = "authorizer.aws_lambda.handler"
# A cold start on a machine that is busy takes more than what is deployed.
_SECONDS = 30
_STAGE = "local"
# Whose pages may call an API with CORS: what is tried is that a preflight asks no authorizer.
_ORIGIN = "http://localhost:3000"
_FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
_HOUR = {"AccessTokenValidity": 1, "TokenValidityUnits": {"AccessToken": "hours"}}
# Settings that count here, too: how to answer. The others name pools, files and hosts.
_KEPT = frozenset({"HTTP_API_ANSWER", "HTTP_API_REFUSAL", "IAM_MODES"})
_LEFT_OUT = frozenset(PREFIX + name for name in NAMES - _KEPT)
_MODULE = "authorizer_local_backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was made, and where the API answers on this machine.

    Attributes:
        emulator: on which it is.
        base_url: put a path behind it.
        machine_client_id: of the app client for client_credentials; empty where there is none.
        authorizer_function: its name.
        origin: a web origin whose pages may call the API; nothing where none may.
    """

    emulator: Emulator
    base_url: str
    user_pool_id: str
    client_id: str
    machine_client_id: str
    authorizer_function: str
    origin: str | None = None


def deploy(project: Project, emulator: Emulator) -> Deployment:
    """Put the project's API on the emulator.

    Raises:
        LocalStackError: something of it cannot be made there.
        ConfigurationError: the authorizer's package cannot be made.
    """
    pool_id, client_id, machine_client_id = _make_pool(project, emulator)
    functions = _Functions(project, emulator)
    clients = ",".join(filter(None, (client_id, machine_client_id)))
    functions.make_authorizers(
        {
            f"{PREFIX}USER_POOLS": f"{pool_id}={clients}",
            # Tokens name amazonaws.com as their issuer, as real ones do.
            f"{PREFIX}JWKS_URLS": f"{pool_id}={emulator.jwks_url(pool_id)}",
            "POWERTOOLS_LOG_LEVEL": "INFO",  # or no decision is in the log
        }
    )
    make = _rest_api if project.is_rest else _http_api
    return Deployment(
        emulator=emulator,
        base_url=make(project, emulator, functions),
        user_pool_id=pool_id,
        client_id=client_id,
        machine_client_id=machine_client_id,
        authorizer_function=_name(project.authorizers[0]),
        origin=_ORIGIN if project.answers_preflights else None,
    )


# --- who signs in ---------------------------------------------------------------------------------


def _make_pool(project: Project, emulator: Emulator) -> tuple[str, str, str]:
    """The ids of the pool, its app client, and that for machines; "" where nobody needs one."""
    cognito = emulator.cognito
    pool_id = cognito.create_user_pool(PoolName="local")["UserPool"]["Id"]
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool_id,
        SoftwareTokenMfaConfiguration={"Enabled": True},
        MfaConfiguration="ON",
    )
    wanted = [group for test in project.tests for group in test.caller.groups]
    for group in dict.fromkeys((*project.groups, *wanted)):
        cognito.create_group(UserPoolId=pool_id, GroupName=group)
    client = {"UserPoolId": pool_id, **_HOUR}
    made = cognito.create_user_pool_client(**client, ClientName="people", ExplicitAuthFlows=_FLOWS)[
        "UserPoolClient"
    ]["ClientId"]
    told = [scope.name for scope in project.policy.scopes]
    told += [scope for test in project.tests for scope in test.caller.scopes]
    # Cognito gives machines those of resource servers alone.
    scopes = [scope for scope in dict.fromkeys(told) if all(scope.rpartition("/"))]
    for server in dict.fromkeys(scope.rpartition("/")[0] for scope in scopes):
        names = [scope.rpartition("/")[2] for scope in scopes if scope.startswith(f"{server}/")]
        cognito.create_resource_server(
            UserPoolId=pool_id,
            Identifier=server,
            Name=server,
            Scopes=[{"ScopeName": name, "ScopeDescription": name} for name in names],
        )
    if not scopes:
        return pool_id, made, ""
    machines = cognito.create_user_pool_client(
        **client,
        ClientName="machines",
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=scopes,
    )["UserPoolClient"]["ClientId"]
    return pool_id, made, machines


# --- functions ------------------------------------------------------------------------------------


def zipped(package: Path) -> bytes:
    """The package as Lambda takes it.

    It goes no farther than this machine, so that to compress it would only take time.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(package.rglob("*")):
            if file.is_file():
                packed.write(file, file.relative_to(package))
    return archive.getvalue()


def backend_package() -> bytes:
    """What is put in the place of a function behind a route, whichever it is."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(backend.__file__, f"{_MODULE}.py")
    return archive.getvalue()


class _Functions:
    """The project's functions on the emulator, made when first asked for."""

    def __init__(self, project: Project, emulator: Emulator) -> None:
        self._project = project
        self._emulator = emulator
        self._uris: dict[str, str] = {}
        emulator.client("s3").create_bucket(Bucket=_BUCKET)
        trust = {"Version": "2012-10-17", "Statement": [{**_TRUST, "Action": "sts:AssumeRole"}]}
        self._role = emulator.client("iam").create_role(
            RoleName="local", AssumeRolePolicyDocument=json.dumps(trust)
        )["Role"]["Arn"]

    def make_authorizers(self, settings: Mapping[str, str]) -> None:
        """The policy's own, in its package as it is made for Lambda, but for this machine."""
        with tempfile.TemporaryDirectory(prefix="authorizer-package-") as folder:
            package = Path(folder, "package")
            fill(package, None, self._project.compiled)
            content = zipped(package)
        self._emulator.client("logs").create_log_group(logGroupName=_LOG)
        for function in self._project.authorizers:
            told = self._project.functions.get(function)
            variables = {**_known(told), **settings}
            handler = told.code[0] if told and told.code[0] else _OUR_HANDLER
            if handler != _OUR_HANDLER and told:
                # One of their own around ours: it is imported from where it lies.
                root, why = code_root(self._project.folder, told)
                if why:
                    raise LocalStackError(f"the authorizer {function} cannot run here: {why}")
                variables["PYTHONPATH"] = root
            self._make(function, handler, content, variables, LoggingConfig={"LogGroup": _LOG})

    def uri(self, function: str, why: str = "") -> str:
        """How an API names it.

        Args:
            function: logical id, or what stands for it.
            why: it cannot be run here.
        """
        if function not in self._uris:
            told = self._project.functions.get(function)
            root, found = code_root(self._project.folder, told) if told else ("", "")
            own = {
                backend.NAME: function,
                backend.WHY: why or found,
                backend.ROOT: root,
                backend.HANDLER: told.code[0] if told else "",
            }
            variables = {**_known(told), **own}
            self._make(function, f"{_MODULE}.handler", backend_package(), variables)
        return self._uris[function]

    def _make(
        self,
        function: str,
        handler: str,
        package: bytes,
        variables: Mapping[str, str],
        **more: Any,  # noqa: ANN401 - of boto3
    ) -> None:
        name = _name(function)
        self._emulator.client("s3").put_object(Bucket=_BUCKET, Key=name, Body=package)
        made = self._emulator.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.{1}".format(*sys.version_info),
            Role=self._role,
            Handler=handler,
            Code={"S3Bucket": _BUCKET, "S3Key": name},
            Timeout=_SECONDS,
            Environment={"Variables": {key: value for key, value in variables.items() if value}},
            **more,
        )
        region = self._emulator.client("lambda").meta.region_name
        self._uris[function] = (
            f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
            f"{made['FunctionArn']}/invocations"
        )


def _name(function: str) -> str:
    """What it is called there: Terraform's addresses are no names of functions."""
    return re.sub(r"[^A-Za-z0-9]+", "-", function)[:64]


def _known(function: FunctionVariables | None) -> dict[str, str]:
    """Its variables, as far as they are known; whose tokens count here is known better."""
    variables = function.variables if function is not None else {}
    return {
        name: value
        for name, value in variables.items()
        if isinstance(value, str) and name not in _LEFT_OUT
    }


def code_root(folder: Path, function: FunctionVariables) -> tuple[str, str]:
    """Where a function's code is, and why it cannot be run here: one of the two is "".

    Args:
        folder: of the template: code is named from there, and CDK and Serverless put it there.
        function: which one.
    """
    handler, uri, code, inline, image, _, _, runtime = function.code
    if runtime and not runtime.startswith("python"):
        return "", f"its runtime is {runtime}"
    if image or not handler:
        return "", "it is a container image"
    if inline:
        return "", "its code is written in the template"
    module = f"{handler.rpartition('.')[0].replace('.', '/')}.py"
    key = re.search(r"S3Key: ([^,}]+)", code)
    asset = key[1].rpartition("/")[2] if key else code
    named = (uri, asset, f"asset.{asset.removesuffix('.zip')}")
    for name in (f".aws-sam/build/{function.id}", *filter(None, named), "."):
        place = (folder / name).resolve()
        if _has(place, module):
            return str(place), ""
    return "", f"no {module} in {uri or asset or folder}"


def _has(place: Path, module: str) -> bool:
    if zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            return module in archive.namelist()
    return (place / module).is_file()


# --- the API --------------------------------------------------------------------------------------


def _routes(project: Project, functions: _Functions) -> Iterator[tuple[RouteProtection, str]]:
    """The routes that the policy or nobody guards, each with how its function is named."""
    for protection in project.simulator.protections.values():
        if protection.decided_by in {DecidedBy.POLICY, DecidedBy.NOBODY}:
            function = protection.route.backend
            if isinstance(function, str) and function in project.functions:
                yield protection, functions.uri(function)
            else:
                why = "what is behind the route is no function of this template"
                yield protection, functions.uri("elsewhere", why)


def _guards(project: Project) -> dict[str, tuple[Authorizer, str]]:
    """The authorizers that the guarded routes ask, by name, and the functions behind them."""
    return {
        protection.authorizer.name: (protection.authorizer, authorizer_function(protection))
        for protection in project.guarded.values()
        if protection.authorizer is not None
    }


def _identity(authorizer: Authorizer, of_request: str) -> list[str]:
    """Its sources, as API Gateway writes them."""
    sources = authorizer.identity_sources
    pairs = (source.split(":", 1) for source in sources) if isinstance(sources, tuple) else ()
    kinds = {"context": "context", "stagevariable": "stageVariables"}
    return [f"{kinds.get(kind, f'{of_request}.{kind}')}.{name}" for kind, name in pairs]


def _http_api(project: Project, emulator: Emulator, functions: _Functions) -> str:
    gateway = emulator.client("apigatewayv2")
    cors = {"AllowOrigins": [_ORIGIN], "AllowHeaders": ["authorization"], "AllowMethods": ["*"]}
    api = gateway.create_api(
        Name=project.api.id,
        ProtocolType="HTTP",
        **({"CorsConfiguration": cors} if project.answers_preflights else {}),
    )["ApiId"]
    guards = {
        name: gateway.create_authorizer(
            ApiId=api,
            Name=name,
            AuthorizerType="REQUEST",
            AuthorizerUri=functions.uri(function),
            AuthorizerPayloadFormatVersion=str(authorizer.payload_version or "2.0"),
            EnableSimpleResponses=authorizer.simple_responses is True,
            IdentitySource=[f"${source}" for source in _identity(authorizer, "request")],
            AuthorizerResultTtlInSeconds=remembered_seconds(project.api, authorizer),
        )["AuthorizerId"]
        for name, (authorizer, function) in _guards(project).items()
    }
    for protection, uri in _routes(project, functions):
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
        )
        guard = guards.get(protection.authorizer.name) if protection.authorizer else None
        asked = {"AuthorizationType": "CUSTOM", "AuthorizerId": guard} if guard else {}
        gateway.create_route(
            ApiId=api,
            RouteKey=protection.route.key,
            Target=f"integrations/{integration['IntegrationId']}",
            **asked,
        )
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return f"{emulator.url}/_aws/execute-api/{api}"


def _rest_api(project: Project, emulator: Emulator, functions: _Functions) -> str:
    gateway = emulator.client("apigateway")
    api = gateway.create_rest_api(name=project.api.id)["id"]
    guards = {
        name: gateway.create_authorizer(
            restApiId=api,
            name=name,
            type=str(authorizer.kind).upper(),
            authorizerUri=functions.uri(function),
            identitySource=",".join(_identity(authorizer, "method.request")),
            authorizerResultTtlInSeconds=remembered_seconds(project.api, authorizer),
        )["id"]
        for name, (authorizer, function) in _guards(project).items()
    }
    resources = {"": gateway.get_resources(restApiId=api)["items"][0]["id"]}
    for protection, uri in _routes(project, functions):
        path = ""
        for part in filter(None, protection.route.path.split("/")):
            above, path = resources[path], f"{path}/{part}"
            if path not in resources:
                made = gateway.create_resource(restApiId=api, parentId=above, pathPart=part)
                resources[path] = made["id"]
        method = protection.route.method
        place = {"restApiId": api, "resourceId": resources[path], "httpMethod": method}
        guard = guards.get(protection.authorizer.name) if protection.authorizer else None
        asked = {"authorizerId": guard} if guard else {}
        kind = "CUSTOM" if guard else "NONE"
        gateway.put_method(**place, authorizationType=kind, **asked)
        gateway.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName=_STAGE)
    return f"{emulator.url}/_aws/execute-api/{api}/{_STAGE}"
