"""From the OpenAPI body of an HTTP API to explicit routes, integrations and authorizers.

AWS::Serverless::HttpApi becomes an AWS::ApiGatewayV2::Api whose ``Body`` says all the rest.
API Gateway imports such a body; ministack ignores it, and would serve an API without routes. What
the body says is therefore written out as resources of their own, which ministack does create.
Anything in a body that is not understood here is an error, lest the local API be laxer than the
deployed one.
"""

from __future__ import annotations

import re
from typing import Any

from authorizer.cli.local.project import LocalStackError
from authorizer.errors import clip

_Resources = dict[str, dict[str, Any]]

_ANY = "x-amazon-apigateway-any-method"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_CORS = "x-amazon-apigateway-cors"
_INTEGRATION = "x-amazon-apigateway-integration"
_METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", _ANY})


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
