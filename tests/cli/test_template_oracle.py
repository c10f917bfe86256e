"""SAM's own translator as the oracle: what it makes of a template is what we must have read."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from annotated import read_cases
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_stack import load_template

from authorizer.cli.check.run import run_checks
from authorizer.cli.check.sam_refusals import refusals_of_sam
from authorizer.cli.template.model import Unknown
from authorizer.cli.template.reader import parse_template, read_template
from authorizer.cli.template.runtime import function_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Api

TESTS = Path(__file__).parents[1]
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
    template = load_template(path)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return transformed(template, parameters)


def transformed(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    session = boto3.Session(region_name="eu-west-1")
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
    # With MergeDefinitions SAM forgets the scheme behind the name.
    known = {*schemes(body), "AWS_IAM"}
    found = {}
    for path, item in body["paths"].items():
        for method, operation in item.items():
            if method == "parameters" or method.startswith("Fn::"):
                continue
            asked = operation.get("security", ())
            # Optional: we take such a route for open.
            names = [] if {} in asked else [name for one in asked for name in one]
            name = next((name for name in names if name in known), None)
            plain = "" if path == "$default" else "ANY" if method == ANY else method.upper()
            found[plain, path] = name
    return found


def read_routes(api: Api) -> dict[tuple[str, str], object]:
    return {(route.method, route.path): route.authorizer for route in api.routes}


def for_sam() -> dict[str, str]:
    """Every template of the tests that SAM alone translates, from what stands in it."""
    files = [*REAL.glob("*.yaml"), *TESTS.glob("*/**/template.yaml"), PROJECT]
    texts = {f"{path.parent.name}/{path.stem}": path.read_text("utf-8") for path in sorted(files)}
    texts |= {
        case.name: case.text("template.yaml")
        for case in read_cases()
        if "template.yaml" in case.files
    }
    return {
        name: text
        for name, text in texts.items()
        if re.search(r"^Transform: AWS::Serverless-2016-10-31$", text, re.MULTILINE)
        and not any(elsewhere in text for elsewhere in ("DefinitionUri", "AWS::Include"))
    }


EVERY = for_sam()


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_every_template_is_read_as_sam_translates_it(text: str, tmp_path: Path) -> None:
    """What SAM refuses is an error; of the rest, all that is taken for known is as SAM has it."""
    policy, path = tmp_path / "policy.yaml", tmp_path / "template.yaml"
    policy.write_text("version: 1\n")
    path.write_text(text, encoding="utf-8")
    if list(refusals_of_sam(path)):
        codes = {one.code for one in run_checks(policy, [path]).findings}
        assert not codes.isdisjoint({"T003", "T052"})
        return
    parameters = load_template(path).get("Parameters", {})
    values = {name: one.get("Default", "value") for name, one in parameters.items()}
    apis = {api.id: api for api in read_template(path).apis}

    for api_id, body in bodies(translated(path, values)):
        expected = routes(body) if "paths" in body else {}
        read = read_routes(apis[api_id]) if expected else {}
        known = {key: name for key, name in read.items() if not isinstance(name, Unknown)}
        assert known == {key: expected[key] for key in known}
        assert not apis[api_id].is_complete or read.keys() >= expected.keys()


def test_there_are_templates_for_sam_to_translate() -> None:
    """The folders are there."""
    assert len(EVERY) >= 50


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


@pytest.mark.parametrize("common", [None, ["x86_64"], ["arm64"]])
@pytest.mark.parametrize("own", [None, ["x86_64"], ["arm64"]])
def test_a_functions_processor_is_the_one_that_sam_gives_it(
    tmp_path: Path, common: list[str] | None, own: list[str] | None
) -> None:
    """A function's own takes the place of that of Globals, where other lists are joined."""
    function = json.loads(json.dumps(FUNCTION))
    template: dict[str, Any] = {"Resources": {"F": function}}
    if common:
        template["Globals"] = {"Function": {"Architectures": common}}
    if own:
        function["Properties"]["Architectures"] = own
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    read = function_runtime(path, "F").architecture
    made = transformed(template, {})["F"]["Properties"]
    assert made.get("Architectures", ["x86_64"]) == [read]


# --- every way to ask for an authorizer, in every place ---

KINDS = {
    "AWS::Serverless::HttpApi": ("HttpApi", "ApiId", "ServerlessHttpApi"),
    "AWS::Serverless::Api": ("Api", "RestApiId", "ServerlessRestApi"),
}
METHODS = ("get", "any", "options")
# Whether there is CORS, and whether a REST API's default authorizer takes preflights.
BROWSERS = {
    "AWS::Serverless::HttpApi": [(True, True)],
    "AWS::Serverless::Api": [(False, True), (True, True), (True, False)],
}
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Runtime": "python3.13", "Handler": "a.b", "CodeUri": "s3://bucket/key"},
}


def settings_of(kind: str, default: str | None, *, cors: bool, preflight: bool) -> dict[str, Any]:
    """An API's properties but for its definition."""
    is_http = kind == "AWS::Serverless::HttpApi"
    one: dict[str, Any] = {"FunctionArn": {"Fn::GetAtt": ["F", "Arn"]}}
    if is_http:
        one["AuthorizerPayloadFormatVersion"] = "2.0"
    auth: dict[str, Any] = {"Authorizers": {"A": one, "B": dict(one)}}
    if default:
        auth["DefaultAuthorizer"] = default
    if is_http:
        auth["EnableIamAuthorizer"] = True
    elif not preflight:
        auth["AddDefaultAuthorizerToCorsPreflight"] = False
    found: dict[str, Any] = {"Auth": auth}
    if cors:
        found["CorsConfiguration" if is_http else "Cors"] = True if is_http else "'*'"
    return found


def events_of(kind: str, default: str | None, api: dict[str, Any]) -> dict[str, Any]:
    """An event for each method and authorizer that SAM lets one ask for."""
    asked = [None, "A", "B", "AWS_IAM", *(["NONE"] if default else [])]
    found = {}
    for number, (method, name) in enumerate(product(METHODS, asked)):
        properties = {"Path": f"/{method}/{name}", "Method": method, **api}
        if name:
            properties["Auth"] = {"Authorizer": name}
        found[f"E{number}"] = {"Type": KINDS[kind][0], "Properties": properties}
    return found


def agrees(template: dict[str, Any]) -> int:
    """Compare what is read with what SAM makes of it; the number of routes."""
    read = parse_template(json.dumps(template).encode(), "t.json")
    assert read.unresolved == ()
    apis = {api.id: api for api in read.apis}
    count = 0
    for api_id, body in bodies(transformed(json.loads(json.dumps(template)), {})):
        expected = routes(body)
        assert read_routes(apis.pop(api_id)) == expected
        count += len(expected)
    assert not apis
    return count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["explicit", "globals", "implicit"])
@pytest.mark.parametrize("default", [None, "A", "AWS_IAM"])
def test_every_event_has_the_authorizer_that_sam_gives_it(
    kind: str, where: str, default: str | None
) -> None:
    """Whatever the API says by default, and an event for itself, is settled as SAM settles it."""
    for cors, preflight in BROWSERS[kind]:
        settings = settings_of(kind, default, cors=cors, preflight=preflight)
        event, named, _ = KINDS[kind]
        api = {} if where == "implicit" else {named: {"Ref": "TheApi"}}
        function = json.loads(json.dumps(FUNCTION))
        function["Properties"]["Events"] = events_of(kind, default, api)
        template: dict[str, Any] = {"Resources": {"F": function}}
        if where != "explicit":
            template["Globals"] = {event: settings}
        if where != "implicit":
            own = settings if where == "explicit" else {}
            stage = {"StageName": "prod"} if event == "Api" else {}
            template["Resources"]["TheApi"] = {"Type": kind, "Properties": own | stage}
        assert agrees(template) >= 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("default", [None, "A"])
@pytest.mark.parametrize("merges", [False, True])
def test_every_operation_has_the_authorizer_that_sam_gives_it(
    kind: str, default: str | None, *, merges: bool
) -> None:
    """A definition's own security, SAM's default and events come together as SAM has it."""
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": "arn:aws:x"}
    securities: list[Any] = [None, [], [{"A": []}], [{"key": []}], [{"NONE": []}]]
    for cors, preflight in BROWSERS[kind]:
        paths: dict[str, Any] = {}
        for method, (number, security), integrated in product(
            ("get", ANY, "options"), enumerate(securities), (True, False)
        ):
            operation: dict[str, Any] = {"responses": {}}
            if security is not None:
                operation["security"] = security
            if integrated:
                operation["x-amazon-apigateway-integration"] = integration
            paths[f"/{method}/{number}/{integrated}"] = {method: operation}
        settings = settings_of(kind, default, cors=cors, preflight=preflight)
        settings["DefinitionBody"] = {"openapi": "3.0.1", "info": {}, "paths": paths}
        event, named, _ = KINDS[kind]
        function = json.loads(json.dumps(FUNCTION))
        function["Properties"]["Events"] = events_of(kind, default, {named: {"Ref": "TheApi"}})
        if event == "Api":
            settings |= {"StageName": "prod", "MergeDefinitions": merges}
        resources = {"F": function, "TheApi": {"Type": kind, "Properties": settings}}
        assert agrees({"Resources": resources}) >= 30


@pytest.mark.parametrize("default", [None, "A"])
@pytest.mark.parametrize("own", [None, [], [{"A": []}], [{"B": []}], [{"NONE": []}]])
@pytest.mark.parametrize("asked", [None, "A"])
def test_an_event_merged_over_an_operation_wins(
    default: str | None, own: list[Any] | None, asked: str | None
) -> None:
    """With MergeDefinitions, an event's authorizer takes the place of the definition's."""
    operation: dict[str, Any] = {"x-amazon-apigateway-integration": {"type": "http", "uri": "x"}}
    if own is not None:
        operation["security"] = own
    kind = "AWS::Serverless::Api"
    settings = settings_of(kind, default, cors=False, preflight=True)
    settings |= {"StageName": "prod", "MergeDefinitions": True}
    settings["DefinitionBody"] = {"swagger": "2.0", "paths": {"/a": {"get": operation}}}
    properties: dict[str, Any] = {"RestApiId": {"Ref": "TheApi"}, "Path": "/a", "Method": "get"}
    if asked:
        properties["Auth"] = {"Authorizer": asked}
    function = json.loads(json.dumps(FUNCTION))
    function["Properties"]["Events"] = {"E": {"Type": "Api", "Properties": properties}}
    resources = {"F": function, "TheApi": {"Type": kind, "Properties": settings}}
    assert agrees({"Resources": resources}) == 1


# --- what SAM makes of names and kinds that do not belong together ---


@pytest.mark.parametrize("default", [None, "A"])
@pytest.mark.parametrize("own", [None, [], [{"A": []}], [{"B": []}], [{"NONE": []}]])
@pytest.mark.parametrize("asked", [None, "A"])
@pytest.mark.parametrize("path", ["/a", "/b"])
def test_an_event_for_http_apis_adds_to_a_rest_apis_definition(
    default: str | None, own: list[Any] | None, asked: str | None, path: str
) -> None:
    """SAM takes an HttpApi event on a REST API: its route is there, and perhaps open."""
    if path == "/a" and own in ([{"B": []}], [{"NONE": []}]) and asked:
        pytest.skip("SAM writes both, and API Gateway takes one")
    operation: dict[str, Any] = {"x-amazon-apigateway-integration": {"type": "http", "uri": "x"}}
    if own is not None:
        operation["security"] = own
    settings = settings_of("AWS::Serverless::Api", default, cors=False, preflight=True)
    settings["DefinitionBody"] = {
        "openapi": "3.0.1",
        "info": {},
        "paths": {"/a": {"get": operation}},
    }
    properties: dict[str, Any] = {"ApiId": {"Ref": "TheApi"}, "Path": path, "Method": "get"}
    if asked:
        properties["Auth"] = {"Authorizer": asked}
    function = json.loads(json.dumps(FUNCTION))
    function["Properties"]["Events"] = {"E": {"Type": "HttpApi", "Properties": properties}}
    api = {"Type": "AWS::Serverless::Api", "Properties": settings | {"StageName": "prod"}}
    template = {"Resources": {"F": function, "TheApi": api}}
    assert agrees(template) == len({"/a", path})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", ["AWS::Serverless::HttpApi", "AWS::Serverless::Api", "raw"])
@pytest.mark.parametrize("says", [None, "by reference", "by text", "another"])
@pytest.mark.parametrize("in_globals", [False, True])
def test_an_api_with_a_name_of_sams_own_is_read_as_sam_replaces_it(
    kind: str, written: str, says: str | None, *, in_globals: bool
) -> None:
    """Beside events of the implicit API its Auth is lost; what Globals say stays."""
    event, named, name = KINDS[kind]
    api: dict[str, Any] = {"Ref": "Other"} if says == "another" else {"Ref": name}
    properties: dict[str, Any] = {"Path": "/a", "Method": "get"}
    if says:
        properties[named] = name if says == "by text" else api
    function = json.loads(json.dumps(FUNCTION))
    function["Properties"]["Events"] = {"E": {"Type": event, "Properties": properties}}
    stage = {"StageName": "prod"}
    settings = settings_of(kind, "A", cors=False, preflight=False)
    explicit: dict[str, Any] = {"Type": written, "Properties": {}}
    if written == kind:
        explicit["Properties"] = settings | (stage if event == "Api" else {})
    elif written == "raw":
        body = {"openapi": "3.0.1", "info": {}, "paths": {"/b": {"get": {}}}}
        raw = "AWS::ApiGateway::RestApi" if event == "Api" else "AWS::ApiGatewayV2::Api"
        explicit = {"Type": raw, "Properties": {"Body": body}}
    elif written == "AWS::Serverless::Api":
        explicit["Properties"] = stage
    other = {"Type": kind, "Properties": dict(settings) | (stage if event == "Api" else {})}
    resources = {"F": function, name: explicit, "Other": other}
    template: dict[str, Any] = {"Resources": resources}
    if says != "another":
        del resources["Other"]
    if in_globals:
        template["Globals"] = {event: {"Auth": settings["Auth"]}}
    assert agrees(template) >= 1
