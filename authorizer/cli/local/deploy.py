"""Putting template.yaml on the emulator: the packages, the transform, the stack, its outputs.

AWS::Serverless::HttpApi becomes an AWS::ApiGatewayV2::Api whose ``Body`` says all the rest.
API Gateway imports such a body; ministack ignores it, and would serve an API without routes. What
the body says is therefore written out as resources of their own, which ministack does create.
Anything in a body that is not understood here is an error, lest the local API be laxer than the
deployed one.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import WaiterError
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from authorizer.cli.local.emulator import Emulator, unconfigured_session
from authorizer.cli.local.project import (
    OUTPUTS,
    TEMPLATE,
    LocalStackError,
    Parts,
    load_template,
    package_of,
    read_parts,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


STACK = "authorizer-local"
_BUCKET = "packages"
# Two minutes at most.
_WAITING = {"Delay": 0.1, "MaxAttempts": 1200}
# The pool's domain, and with it an app client for client_credentials, which the sample's template
# makes only when asked.
WITH_OWN_POOL = {"MachineClientDomain": "authorizer-local", "LogLevel": "INFO"}
_Resources = dict[str, dict[str, Any]]
_ANY = "x-amazon-apigateway-any-method"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_CORS = "x-amazon-apigateway-cors"
_INTEGRATION = "x-amazon-apigateway-integration"
_METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", _ANY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the template's outputs say, and where the API answers on this machine.

    Attributes:
        emulator: on which it is.
        base_url: put a path behind it.
        machine_client_id: of the app client for client_credentials; empty where there is none.
        authorizer_function: its name.
    """

    emulator: Emulator
    base_url: str
    user_pool_id: str
    client_id: str
    machine_client_id: str
    authorizer_function: str


def deploy(
    project: Path,
    emulator: Emulator,
    *,
    stack: str = STACK,
    parameters: Mapping[str, str] = WITH_OWN_POOL,
) -> Deployment:
    """Deploy the project's template, with the packages in build/local, to the emulator.

    Args:
        project: the checkout.
        emulator: where to.
        stack: its name; each is an environment of its own.
        parameters: of the template, which need not have all of them.

    Raises:
        LocalStackError: the template lacks something, or a package, or the stack was not made.
    """
    parts, template = read_parts(project), load_template(project / TEMPLATE)
    known = parameters.keys() & template.get("Parameters", {})
    given = {name: parameters[name] for name in sorted(known)}
    storage = emulator.client("s3")
    storage.create_bucket(Bucket=_BUCKET)
    for name in (parts.authorizer, *parts.backends):
        package = zipped(package_of(project, name, parts.handlers.get(name)))
        storage.put_object(Bucket=_BUCKET, Key=name, Body=package)
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": _BUCKET, "Key": name}
    outputs = _create_stack(_translate(template, parts, emulator, given), emulator, stack, given)
    _require_outputs(outputs)
    authorizer = emulator.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=parts.authorizer
    )["StackResourceDetail"]
    return Deployment(
        emulator=emulator,
        base_url=outputs["ApiUrl"],
        user_pool_id=outputs["UserPoolId"],
        client_id=outputs["UserPoolClientId"],
        machine_client_id=outputs.get("MachineClientId", ""),
        authorizer_function=authorizer["PhysicalResourceId"],
    )


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


def _translate(
    template: dict[str, Any], parts: Parts, emulator: Emulator, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """What the SAM transform makes of the template, with what the emulator needs to differ.

    Those are three things: an HTTP API's routes stand outside its body, the API's URL is one of
    this machine, and the authorizer fetches the pool's keys from the emulator. The tokens name
    amazonaws.com as their issuer, as real ones do, so without that one variable it would ask AWS
    for them.
    """
    try:
        stack: dict[str, Any] = Translator(
            {}, Parser(), boto_session=unconfigured_session()
        ).translate(template, dict(parameters))
    except InvalidDocumentException as error:
        problems = "\n".join(cause.message for cause in error.causes)
        raise LocalStackError(f"template.yaml cannot be transformed\n{problems}") from error
    stack["Resources"] = explicit_apis(stack["Resources"])
    pools = [
        parameters.get("ExistingUserPoolId") or f"${{{parts.pool}}}",
        *(entry.partition("=")[0] for entry in parameters.get("FurtherUserPools", "").split()),
    ]
    urls = " ".join(f"{pool}={emulator.jwks_url(pool)}" for pool in pools)
    function = stack["Resources"][parts.authorizer]["Properties"]
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables["AUTHORIZER_JWKS_URLS"] = {"Fn::Sub": urls} if "${" in urls else urls
    url = f"{emulator.url}/_aws/execute-api/${{{parts.api}}}"
    stack["Outputs"]["ApiUrl"]["Value"] = {"Fn::Sub": url}
    return stack


def _create_stack(
    template: dict[str, Any], emulator: Emulator, name: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    # With the body of a real API it is more than the 51,200 bytes that a request may have.
    body = json.dumps(template).encode()
    emulator.client("s3").put_object(Bucket=_BUCKET, Key=f"{name}.json", Body=body)
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"https://s3.amazonaws.com/{_BUCKET}/{name}.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    try:
        made = cloudformation.get_waiter("stack_create_complete")
        made.wait(StackName=name, WaiterConfig=_WAITING)
    except WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        first: dict[str, Any] = min(failed, key=lambda event: event["Timestamp"], default={})
        resource, why = first.get("LogicalResourceId", name), first.get("ResourceStatusReason")
        raise LocalStackError(f"the stack could not be made: {resource}: {why or error}") from error
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def _require_outputs(found: Mapping[str, str]) -> None:
    missing = [name for name in OUTPUTS if name not in found]
    if missing:
        raise LocalStackError(
            f"expected the output {' and '.join(missing)} of template.yaml, found none: "
            "it has a Condition that does not hold with the parameters' defaults"
        )


# --- an API's body --------------------------------------------------------------------------------


def explicit_apis(resources: _Resources) -> _Resources:
    """The same resources, with every HTTP API's body written out.

    Raises:
        LocalStackError: a body says something that is not understood.
    """
    explicit: _Resources = {}
    for name, resource in resources.items():
        body = resource.get("Properties", {}).get("Body")
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and body is not None:
            explicit |= _explicit_api(name, body)
        else:
            explicit[name] = resource
    return explicit


def _explicit_api(api: str, body: dict[str, Any]) -> _Resources:
    resources: _Resources = {
        api: {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": body.get("info", {}).get("title", api),
                "ProtocolType": "HTTP",
                # In the body's spelling (allowOrigins), not the resource's (AllowOrigins):
                # ministack keeps it as it comes and reads it as API Gateway's own calls write it.
                "CorsConfiguration": body.get(_CORS, {}),
            },
        }
    }
    schemes = body.get("components", {}).get("securitySchemes", {})
    for name, scheme in schemes.items():
        resources[f"{api}Authorizer{name}"] = _authorizer(api, name, scheme)
    for path, operations in body.get("paths", {}).items():
        for method, operation in operations.items():
            resources |= _route(api, method, path, operation, schemes)
    return resources


def _authorizer(api: str, name: str, scheme: dict[str, Any]) -> dict[str, Any]:
    authorizer = scheme.get(_AUTHORIZER, {})
    if authorizer.get("type") != "request":
        raise LocalStackError(f"expected a request authorizer, {api} has another: {name}")
    _require(
        authorizer, ("authorizerUri", "authorizerPayloadFormatVersion"), f"the authorizer {name}"
    )
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": api},
            "Name": name,
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": authorizer["authorizerUri"],
            "AuthorizerPayloadFormatVersion": authorizer["authorizerPayloadFormatVersion"],
            "EnableSimpleResponses": authorizer.get("enableSimpleResponses", False),
            "IdentitySource": authorizer.get("identitySource", []),
            "AuthorizerResultTtlInSeconds": authorizer.get("authorizerResultTtlInSeconds", 0),
        },
    }


def _require(found: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise LocalStackError(f"expected {' and '.join(missing)} in {where}, found none")


def _route(
    api: str, method: str, path: str, operation: dict[str, Any], schemes: dict[str, Any]
) -> _Resources:
    if method not in _METHODS:
        raise LocalStackError(f"expected a method below {path}, found {method!r}")
    integration = operation.get(_INTEGRATION, {})
    if integration.get("type") != "aws_proxy":
        found = clip(integration.get("type"))
        raise LocalStackError(f"expected a Lambda proxy behind {path}, found {found}")
    _require(integration, ("uri", "payloadFormatVersion"), f"the integration of {path}")
    verb = "ANY" if method == _ANY else method.upper()
    # Logical ids are alphanumeric; the length of each segment keeps /a/bc and /ab/c apart.
    suffix = verb + "".join(f"{len(part)}{part}" for part in re.findall(r"[A-Za-z0-9]+", path))
    target = f"{api}Integration{suffix}"
    return {
        target: {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        },
        f"{api}Route{suffix}": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteKey": f"{verb} {path}",
                "Target": {"Fn::Sub": f"integrations/${{{target}}}"},
                **_authorization(api, path, operation, schemes),
            },
        },
    }


def _authorization(
    api: str, path: str, operation: dict[str, Any], schemes: dict[str, Any]
) -> dict[str, Any]:
    names = [name for requirement in operation.get("security", []) for name in requirement]
    match names:
        case [] | ["NONE"]:  # what SAM writes for `Authorizer: NONE`
            return {"AuthorizationType": "NONE"}
        case [name] if name in schemes:
            return {
                "AuthorizationType": "CUSTOM",
                "AuthorizerId": {"Ref": f"{api}Authorizer{name}"},
            }
    raise LocalStackError(f"expected one known authorizer for {path}, found {names}")
