"""SAM's own translator as the oracle: what it makes of a template is what we must have read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from authorizer.cli.local.template import load_template
from authorizer.cli.template import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Api

REAL = Path(__file__).parents[1] / "templates" / "real"
PROJECT = Path(__file__).parents[2] / "template.yaml"
ANY = "x-amazon-apigateway-any-method"
AUTHORIZER = "x-amazon-apigateway-authorizer"

# Those that SAM translates by itself: no macro, no include, no file, nothing undecided but once
# deployed; each parameter without a default with a value.
TEMPLATES = {
    "http-inline-openapi": {},
    "http-globals": {"Pool": "eu-west-1_abc"},
    "rest-implicit": {},
    "rest-token": {},
    "rest-request": {"Alias": "live"},
    "anchors": {},
}


def translated(path: Path, parameters: dict[str, str]) -> dict[str, Any]:
    session = boto3.Session(region_name="eu-west-1")
    template = load_template(path)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    result = Translator({}, Parser(), boto_session=session).translate(template, parameters)
    resources: dict[str, Any] = result["Resources"]
    return resources


def bodies(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in resources.items():
        if resource["Type"] in {"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"}:
            yield name, resource["Properties"].get("Body", {})


def schemes(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("securityDefinitions") or body.get("components", {}).get("securitySchemes")
    return {
        name: scheme.get(AUTHORIZER, {})
        for name, scheme in (found or {}).items()
        if AUTHORIZER in scheme or scheme.get("x-amazon-apigateway-authtype") == "awsSigv4"
    }


def routes(body: dict[str, Any]) -> dict[tuple[str, str], str | None]:
    known = schemes(body)
    found = {}
    for path, item in body["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            names = [name for one in operation.get("security", ()) for name in one]
            name = next((name for name in names if name in known), None)
            plain = "" if path == "$default" else "ANY" if method == ANY else method.upper()
            found[plain, path] = name
    return found


def read_routes(api: Api) -> dict[tuple[str, str], object]:
    return {(route.method, route.path): route.authorizer for route in api.routes}


@pytest.mark.parametrize("name", [*TEMPLATES, "the project's own"])
def test_routes_and_their_authorizers_are_those_of_sams_definition(name: str) -> None:
    """Every route, and what protects it, is read as SAM's translator writes it."""
    path = REAL / f"{name}.yaml" if name in TEMPLATES else PROJECT
    resources = translated(path, TEMPLATES.get(name, {}))
    apis = {api.id: api for api in read_template(path).apis}

    for api_id, body in bodies(resources):
        assert read_routes(apis.pop(api_id)) == routes(body)
    assert not apis


@pytest.mark.parametrize("name", [*TEMPLATES, "the project's own"])
def test_time_to_live_is_that_of_sams_definition(name: str) -> None:
    """A time to live that SAM does not write is API Gateway's: 300 s for REST, none for HTTP."""
    path = REAL / f"{name}.yaml" if name in TEMPLATES else PROJECT
    resources = translated(path, TEMPLATES.get(name, {}))
    apis = {api.id: api for api in read_template(path).apis}

    for api_id, body in bodies(resources):
        for scheme, written in schemes(body).items():
            one = apis[api_id].authorizer(scheme)
            assert one is not None
            default = 300 if "swagger" in body and written else 0
            assert one.ttl_seconds == written.get("authorizerResultTtlInSeconds", default)


@pytest.mark.parametrize("name", [*TEMPLATES, "the project's own"])
def test_permissions_are_those_that_sam_writes(name: str) -> None:
    """An authorizer that SAM gives a permission may be invoked."""
    path = REAL / f"{name}.yaml" if name in TEMPLATES else PROJECT
    resources = translated(path, TEMPLATES.get(name, {}))

    for api in read_template(path).apis:
        for one in api.authorizers:
            if f"{api.id}{one.name}AuthorizerPermission" in resources:
                assert one.may_be_invoked is True
