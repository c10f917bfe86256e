"""template.yaml itself on the emulator: SAM's transform, CloudFormation, the stack and its outputs.

`authorizer local` makes an API of what the tools read in a template. This is the other way, so that
the template is tried, too, and what the tools read of it: both must come to the same.

AWS::Serverless::HttpApi becomes an AWS::ApiGatewayV2::Api whose ``Body`` says all the rest.
API Gateway imports such a body; ministack ignores it, and would serve an API without routes. What
the body says is therefore written out as resources of their own, which ministack does create.
Anything in a body that is not understood here is an error, lest the API here be laxer than the
deployed one.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import WaiterError
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from authorizer.cli.local import backend
from authorizer.cli.local.deploy import Deployment
from authorizer.cli.local.emulator import Emulator, unconfigured_session
from authorizer.cli.local.functions import RUNTIME, zipped
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.package import fill
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.local.project import Project

STACK = "authorizer-local"
BUCKET = "templates"
# Two minutes at most.
_WAITING = {"Delay": 0.1, "MaxAttempts": 1200}
# The pool's domain, and with it an app client for client_credentials, which the sample's template
# makes only when asked.
WITH_OWN_POOL = {"MachineClientDomain": "authorizer-local", "LogLevel": "INFO"}
_API, _POOL, _AUTHORIZER_FUNCTION = "Api", "UserPool", "AuthorizerFunction"
_BACKEND = "HelloFunction"
_Resources = dict[str, dict[str, Any]]
_ANY = "x-amazon-apigateway-any-method"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_CORS = "x-amazon-apigateway-cors"
_INTEGRATION = "x-amazon-apigateway-integration"
_METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", _ANY})


def load_template(path: Path) -> dict[str, Any]:
    """The template with every short form (``!Ref``) in its long one."""
    template: dict[str, Any] = yaml_parse(path.read_text("utf-8"))
    return template


def deploy(
    project: Project,
    emulator: Emulator,
    *,
    stack: str = STACK,
    parameters: Mapping[str, str] = WITH_OWN_POOL,
    larger: str = "",
) -> Deployment:
    """Deploy the sample's template to the emulator.

    Args:
        project: it is in this folder.
        emulator: where to.
        stack: its name; each is an environment of its own.
        parameters: of the template.
        larger: what is put into it to make it so large.
    """
    template = load_template(project.folder / "template.yaml")
    template["Metadata"] = larger
    storage = emulator.client("s3")
    storage.create_bucket(Bucket=BUCKET)
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder, "package"), None, project.compiled, [Path("handlers")])
        packages = {
            _AUTHORIZER_FUNCTION: zipped(Path(folder, "package")),
            _BACKEND: zipped(),
        }
    for name, package in packages.items():
        storage.put_object(Bucket=BUCKET, Key=name, Body=package)
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": name}
    root = str(project.folder.resolve())
    hello = template["Resources"][_BACKEND]["Properties"]
    hello["Environment"] = {"Variables": {backend.NAME: _BACKEND, backend.ROOT: root}}
    for name in packages:
        with_own_runtime(template["Resources"][name]["Properties"])
    outputs = create_stack(translated(template, emulator, parameters), emulator, stack, parameters)
    authorizer = emulator.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=_AUTHORIZER_FUNCTION
    )["StackResourceDetail"]
    return Deployment(
        emulator=emulator,
        base_url=outputs["ApiUrl"],
        user_pool_id=outputs["UserPoolId"],
        client_id=outputs["UserPoolClientId"],
        machine_client_id=outputs.get("MachineClientId", ""),
        authorizer_function=authorizer["PhysicalResourceId"],
        origin="http://localhost:3000",
    )


def with_own_runtime(function: dict[str, Any]) -> None:
    """Have a function run as the local stack's do: the emulator's own runtime takes long to start.

    Args:
        function: its properties.
    """
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables[backend.HANDLER] = function["Handler"]
    function |= RUNTIME


def translated(
    template: dict[str, Any], emulator: Emulator, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """What the SAM transform makes of the template, with what the emulator needs to differ.

    Those are three things: an HTTP API's routes stand outside its body, the API's URL is one of
    this machine, and the authorizer fetches the pool's keys from the emulator. The tokens name
    amazonaws.com as their issuer, as real ones do, so without that one variable it would ask AWS
    for them.
    """
    stack = transformed(template, parameters)
    stack["Resources"] = explicit_apis(stack["Resources"])
    pools = [
        parameters.get("ExistingUserPoolId") or f"${{{_POOL}}}",
        *(entry.partition("=")[0] for entry in parameters.get("FurtherUserPools", "").split()),
    ]
    urls = " ".join(f"{pool}={emulator.jwks_url(pool)}" for pool in pools)
    function = stack["Resources"][_AUTHORIZER_FUNCTION]["Properties"]
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables["AUTHORIZER_JWKS_URLS"] = {"Fn::Sub": urls} if "${" in urls else urls
    url = f"{emulator.url}/_aws/execute-api/${{{_API}}}"
    stack["Outputs"]["ApiUrl"]["Value"] = {"Fn::Sub": url}
    return stack


def transformed(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """What the SAM transform makes of a template."""
    try:
        stack: dict[str, Any] = Translator(
            {}, Parser(), boto_session=unconfigured_session()
        ).translate(template, dict(parameters))
    except InvalidDocumentException as error:
        problems = "\n".join(cause.message for cause in error.causes)
        raise LocalStackError(f"the template cannot be transformed\n{problems}") from error
    return stack


def create_stack(
    template: dict[str, Any], emulator: Emulator, name: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Make a stack; its outputs."""
    # With the body of a real API it is more than the 51,200 bytes that a request may have.
    body = json.dumps(template).encode()
    emulator.client("s3").put_object(Bucket=BUCKET, Key=f"{name}.json", Body=body)
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"https://s3.amazonaws.com/{BUCKET}/{name}.json",
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
