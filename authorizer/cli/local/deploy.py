"""Putting a project's API on the emulator: pool, functions, routes, authorizers.

It is made of what the tools read in the template, whatever deploys that: SAM, CDK, the Serverless
Framework, Terraform. What is remembered under which key, who guards which route and how the
authorizer answers is as it says. The user pool is one of our own, which demands TOTP: theirs may
have no app client to sign in with. A route that something else than the policy guards is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.local.functions import Functions, function_name, guards_of
from authorizer.cli.local.project import Project, remembered_seconds
from authorizer.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authorizer.cli.local.emulator import Emulator
    from authorizer.cli.template.model import Authorizer

_STAGE = "local"
# Whose pages may call an API with CORS: what is tried is that a preflight asks no authorizer.
_ORIGIN = "http://localhost:3000"
_FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
_HOUR = {"AccessTokenValidity": 1, "TokenValidityUnits": {"AccessToken": "hours"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was made, and where the API answers on this machine.

    Attributes:
        emulator: on which it is.
        base_url: put a path behind it.
        machine_client_id: of the app client for client_credentials; empty where there is none.
        authorizer_function: its name.
        origin: a web origin whose pages may call the API; nothing where none may.
        put_in_force: has the authorizers decide by another compiled policy from now on.
    """

    emulator: Emulator
    base_url: str
    user_pool_id: str
    client_id: str
    machine_client_id: str
    authorizer_function: str
    origin: str | None = None
    put_in_force: Callable[[bytes], None] | None = None


def deploy(project: Project, emulator: Emulator) -> Deployment:
    """Put the project's API on the emulator.

    Raises:
        LocalStackError: something of it cannot be made there.
        ConfigurationError: the authorizer's package cannot be made.
    """
    pool_id, client_id, machine_client_id = _make_pool(project, emulator)
    functions = Functions(project, emulator)
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
        authorizer_function=function_name(project.authorizers[0]),
        put_in_force=functions.put_in_force,
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
    tested = (group for test in project.tests for group in test.caller.groups)
    for group in dict.fromkeys((*project.groups, *tested)):
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


# --- the API --------------------------------------------------------------------------------------


def _routes(project: Project, functions: Functions) -> Iterator[tuple[RouteProtection, str]]:
    """The routes that the policy or nobody guards, each with how its function is named."""
    for protection in project.simulator.protections.values():
        if protection.decided_by in {DecidedBy.POLICY, DecidedBy.NOBODY}:
            function = protection.route.backend
            if isinstance(function, str) and function in project.functions:
                yield protection, functions.uri(function)
            else:
                why = "what is behind the route is no function of this template"
                yield protection, functions.uri("elsewhere", why)


def _identity(authorizer: Authorizer, of_request: str) -> list[str]:
    """Its sources, as API Gateway writes them."""
    sources = authorizer.identity_sources
    pairs = (source.split(":", 1) for source in sources) if isinstance(sources, tuple) else ()
    kinds = {"context": "context", "stagevariable": "stageVariables"}
    return [f"{kinds.get(kind, f'{of_request}.{kind}')}.{name}" for kind, name in pairs]


def _http_api(project: Project, emulator: Emulator, functions: Functions) -> str:
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
        for name, (authorizer, function) in guards_of(project).items()
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


def _rest_api(project: Project, emulator: Emulator, functions: Functions) -> str:
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
        for name, (authorizer, function) in guards_of(project).items()
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
