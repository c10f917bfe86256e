"""``authorizer init``: what it writes grants nothing and fits; what it prints guards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from authorizer.cli.main import cli

SAM_ROUTES = """Transform: AWS::Serverless-2016-10-31
Resources:
  Backend:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.14
      CodeUri: .
      Events:
        A: {Type: KIND, Properties: {REF Method: GET, Path: "/hello"}}
        B: {Type: KIND, Properties: {REF Method: DELETE, Path: "/users/{id}"}}
        C: {Type: KIND, Properties: {REF Method: GET, Path: "/files/{proxy+}"}}
        D: {Type: KIND, Properties: {REF Method: GET, Path: "/users/{id}"}}
        E: {Type: KIND, Properties: {REF Method: GET, Path: /users}}
"""
SAM = {
    "http": SAM_ROUTES.replace("KIND", "HttpApi").replace("REF", "ApiId: !Ref Api,")
    + "  Api: {Type: AWS::Serverless::HttpApi}\n",
    "rest": SAM_ROUTES.replace("KIND", "Api").replace("REF", "RestApiId: !Ref Api,")
    + "  Api: {Type: AWS::Serverless::Api, Properties: {StageName: prod}}\n",
    "implicit http": SAM_ROUTES.replace("KIND", "HttpApi").replace("REF ", ""),
    "implicit rest": SAM_ROUTES.replace("KIND", "Api").replace("REF ", ""),
    "websocket": """Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes: {$connect: {FunctionArn: arn:aws:lambda:eu-west-1:123456789012:function:f}}
""",
}
GUARDED = "AuthorizationType: CUSTOM, AuthorizerId: !Ref RbacAuthorizer"
PLAIN = {
    "http": """Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Name: a}}
  Hello:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: GET /hello, GUARD}
""",
    "rest": """Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
  Path:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: hello}
  Hello:
    Type: AWS::ApiGateway::Method
    Properties: {RestApiId: !Ref Api, ResourceId: !Ref Path, HttpMethod: GET, GUARD}
""",
    "websocket": """Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $connect, GUARD}
""",
}
# Whose tokens count, where the template has no pool.
PASTED = "YOUR-USER-POOL=YOUR-APP-CLIENT"
UNGUARDED = PLAIN["http"].replace(", GUARD", "")
OPENAPI = """openapi: 3.0.1
info: {title: a, version: "1"}
paths:
  /hello:
    get: {x-amazon-apigateway-integration: {INTEGRATION}}
"""
INTEGRATION = {
    "http": 'type: aws_proxy, payloadFormatVersion: "2.0"',
    "rest": "type: aws_proxy, httpMethod: POST",
}


class _Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _function(loader: _Tags, suffix: str, node: yaml.ScalarNode) -> dict[str, Any]:
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": loader.construct_scalar(node)}


_Tags.add_multi_constructor("!", _function)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=answer, catch_exceptions=False)


def pasted(template: str, output: str) -> str:
    """The template with what was printed put where it says."""
    snippet = output.partition("needs besides:\n")[2]
    merged = yaml.load(template, _Tags)

    def merge(into: dict[str, Any], other: dict[str, Any]) -> None:
        for name, value in other.items():
            if isinstance(value, dict) and isinstance(into.get(name), dict):
                merge(into[name], value)
            else:
                into[name] = value

    merge(merged, yaml.load(snippet, _Tags))
    return json.dumps(merged)


def grant_everything(policy: str = "policy.yaml") -> None:
    """Take every "#" away, as who would allow all of it."""
    path = Path(policy)
    path.write_text(path.read_text().replace("# - ", "- "))


@pytest.mark.parametrize(
    "template",
    [
        *(pytest.param(text, id=f"SAM, {kind}") for kind, text in SAM.items()),
        *(pytest.param(text, id=f"CloudFormation, {kind}") for kind, text in PLAIN.items()),
    ],
)
def test_what_is_printed_makes_a_project_that_passes(template: str) -> None:
    """Pasted, and with the lines taken out of their comments, nothing is found, of any severity.

    But for the pool, where the template has none: whoever leaves that as it is is told.
    """
    Path("template.yaml").write_text(template.replace(", GUARD", ""))
    begun = run("init")
    assert begun.exit_code == 0, begun.output
    grant_everything()
    made = pasted(template.replace("GUARD", GUARDED), begun.output)
    Path("template.yaml").write_text(made)
    check = ("check", "policy.yaml", "--template", "template.yaml", "--strict")
    unchanged = run(*check)
    assert {line.split(" ")[2] for line in unchanged.output.splitlines() if " error " in line} == {
        "T130"
    }
    Path("template.yaml").write_text(made.replace(PASTED, "eu-west-1_AbCdEf123=4k2example"))
    checked = run(*check)
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize("kind", INTEGRATION)
def test_a_definition_alone_gets_a_security_scheme(kind: str) -> None:
    """Of the kind of API that its integrations are for."""
    definition = OPENAPI.replace("INTEGRATION", INTEGRATION[kind])
    Path("openapi.yaml").write_text(definition)
    begun = run("init")
    definition = definition.replace("get: {", "get: {security: [{Rbac: []}], ")
    Path("openapi.yaml").write_text(pasted(definition, begun.output))
    grant_everything()
    checked = run("check", "policy.yaml", "--template", "openapi.yaml")
    assert checked.exit_code == 0, checked.output
    assert run("init").output.count("its authorizer 'Rbac' (request") == 1


def test_a_sam_apis_own_definition_is_changed_there() -> None:
    """SAM adds no authorizer to a definition that is not inline, and refuses to be told to."""
    adopter = Path(__file__).parents[1] / "adopters" / "sam-rest"
    definition, _, scheme = (adopter / "openapi.yaml").read_text().partition("components:")
    template = (adopter / "template.yaml").read_text().partition("  RbacFunction:")[0]
    Path("openapi.yaml").write_text(definition)
    Path("template.yaml").write_text(template)
    begun = run("init").output
    of_template, _, of_definition = begun.partition("what openapi.yaml needs besides:")
    assert "Auth:" not in of_template
    assert yaml.safe_load(of_definition)["components"] == yaml.safe_load(scheme)
    Path("template.yaml").write_text(pasted(template, of_template))
    Path("openapi.yaml").write_text(definition + "components:" + scheme)
    grant_everything()
    checked = run("check", "policy.yaml", "--template", "template.yaml", "--strict")
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize("template", SAM.values(), ids=SAM)
def test_what_is_written_grants_nothing(template: str) -> None:
    """Each route stands there once, in a comment; and the tests say that nobody may anything."""
    Path("template.yaml").write_text(template)
    assert run("init").exit_code == 0
    tried = run("test", "--template", "template.yaml", "--strict")
    assert tried.exit_code == 0, tried.output
    text = Path("policy.yaml").read_text()
    rules = [line for line in text.splitlines() if line.strip().startswith("# - ")]
    assert len(rules) == len(set(rules)) == (1 if "WebSocket" in template else 5)
    assert yaml.safe_load(text)["groups"] == {"users": {"allow": None}}
    assert yaml.safe_load(text).get("public") is None


@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("GET /customers/{id}/orders", "GET /customers/7/orders"),
        ("ANY /files/{proxy+}", "GET /files/7"),
        ("$default", "GET /7"),
    ],
)
def test_the_example_in_the_tests_is_a_request(path: str, example: str) -> None:
    """Who takes its "#" away has a test that can be tried; an open route passes it."""
    Path("template.yaml").write_text(UNGUARDED.replace("GET /hello", f"'{path}'"))
    assert run("init").exit_code == 0
    tests = Path("policy.policy-test.yaml")
    assert f"    # allow:\n    #   - {example}\n" in tests.read_text()
    tests.write_text(tests.read_text().replace("# allow", "allow").replace("#   -", "  -"))
    tried = run("test", "--template", "template.yaml")
    assert tried.exit_code == 0, tried.output


def test_groups_of_the_pool_are_those_of_the_policy() -> None:
    """Whatever they are called: the first has the lines."""
    groups = ["no", "a:b", "Leser*"]
    pool = "".join(
        f"  G{at}:\n    Type: AWS::Cognito::UserPoolGroup\n"
        f"    Properties: {{UserPoolId: x, GroupName: '{name}'}}\n"
        for at, name in enumerate(groups)
    )
    Path("template.yaml").write_text(SAM["http"] + pool)
    assert run("init").exit_code == 0
    assert [*yaml.safe_load(Path("policy.yaml").read_text())["groups"]] == groups
    assert run("test", "--template", "template.yaml", "--strict").exit_code == 0


def test_nothing_that_exists_is_changed() -> None:
    """Neither the policy nor its tests; and nothing is new in a template that did not change."""
    Path("template.yaml").write_text(SAM["http"])
    Path("policy.policy-test.yaml").write_text("mine")
    run("init")
    before = Path("policy.yaml").read_bytes()
    again = run("init", "--update")
    assert "knows every route" in again.output
    assert Path("policy.yaml").read_bytes() == before
    assert Path("policy.policy-test.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "answer", "is_added"),
    [((), None, False), (("--update",), "n\n", False), (("--update",), "y\n", True)],
    ids=["told", "asked, and no", "asked, and yes"],
)
def test_new_routes_are_added_only_when_told_to(
    *, arguments: tuple[str, ...], answer: str | None, is_added: bool
) -> None:
    """The change is shown first. What is added is a comment, and grants nothing."""
    Path("template.yaml").write_text(SAM["http"])
    run("init")
    before = Path("policy.yaml").read_text()
    Path("template.yaml").write_text(SAM["http"].replace("/hello", "/orders/{id}"))
    told = run("init", *arguments, answer=answer)
    assert "+# - GET /orders/{id}" in told.output
    assert "+# - DELETE" not in told.output
    after = Path("policy.yaml").read_text()
    assert (after != before) is is_added
    assert after.startswith(before)
    assert yaml.safe_load(after) == yaml.safe_load(before)
    if is_added:
        assert "knows every route" in run("init").output


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "name the file"),
        ({"serverless.yml": "service: a"}, "serverless package"),
        ({"cdk.json": "{}"}, "cdk synth"),
        ({"main.tf": ""}, "terraform show -json plan > plan.json"),
        (
            {f"cdk.out/{name}.template.json": UNGUARDED for name in "ab"},
            "which template is meant: cdk.out/a.template.json or cdk.out/b.template.json",
        ),
    ],
    ids=["nothing", "Serverless Framework", "CDK", "Terraform", "two stacks"],
)
def test_without_a_template_it_says_what_to_do(files: dict[str, str], expected: str) -> None:
    """And writes nothing."""
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    refused = run("init")
    assert refused.exit_code == 1
    assert expected in refused.output
    assert not Path("policy.yaml").exists()


@pytest.mark.parametrize(
    ("folder", "name", "piece"),
    [
        (".serverless", "cloudformation-template-update-stack.json", "functionName: rbac"),
        ("cdk.out", "Api.template.json", "new HttpLambdaAuthorizer("),
    ],
)
def test_each_deployer_gets_its_own_piece(folder: str, name: str, piece: str) -> None:
    """For what is made of its files, its own way to write them."""
    Path(folder).mkdir()
    Path(folder, name).write_text(UNGUARDED)
    begun = run("init")
    assert begun.exit_code == 0
    assert piece in begun.output
    # Beside what the deployer reads, and not in the folder that it makes anew.
    assert (
        f"authorizer package policy.yaml -t {folder}/{name} --output rbac-function" in begun.output
    )


@pytest.mark.parametrize(
    ("api", "piece"),
    [
        ("aws_apigatewayv2_api.quick", 'resource "aws_apigatewayv2_authorizer" "rbac"'),
        ("aws_api_gateway_rest_api.spec", 'resource "aws_api_gateway_authorizer" "rbac"'),
    ],
)
def test_a_plan_of_terraforms_gets_its_own_piece_too(api: str, piece: str) -> None:
    """Whatever the file is called."""
    plan = Path(__file__).parents[1] / "templates" / "real" / "terraform.json"
    Path("plan.json").write_bytes(plan.read_bytes())
    begun = run("init", "plan.json", "--api", api)
    assert begun.exit_code == 0, begun.output
    assert piece in begun.output


@pytest.mark.parametrize("named", [["a.json"], ["-t", "a.json"], ["a.json", "--template=a.json"]])
def test_a_template_is_named_as_in_other_commands(named: list[str]) -> None:
    """Or as the argument; as two different ones it is refused."""
    Path("a.json").write_text(UNGUARDED)
    begun = run("init", *named, "--policy", "my policy.yaml")
    assert begun.exit_code == 0, begun.output
    assert "package 'my policy.yaml' -t a.json --output rbac-function" in begun.output
    refused = run("init", "a.json", "-t", "b.json")
    assert refused.exit_code == 2
    assert "expected one template, found 'a.json' and --template 'b.json'" in refused.output
    assert "; did you mean 'a.json'?" in run("init", "aa.json").output


def test_a_route_that_no_rule_can_name_is_said() -> None:
    """It stays a comment that tells why."""
    Path("template.yaml").write_text(SAM["http"].replace("/hello", "/hello/"))
    run("init")
    assert "# - GET /hello/   # no rule can name this path" in Path("policy.yaml").read_text()
    assert "knows every route" in run("init").output


@pytest.mark.parametrize("ending", ["\u2028", "\u2029", "\u0085", "\n"])
def test_no_route_ends_its_comment(ending: str) -> None:
    """And begins a rule: nobody may do anything yet, whatever a template says."""
    path = f"/pay/x{ending}      - ANY /**{ending}      #"
    Path("openapi.json").write_text(json.dumps({"openapi": "3.0.1", "paths": {path: {"get": {}}}}))
    assert run("init").exit_code == 0
    assert yaml.safe_load(Path("policy.yaml").read_text()) == {
        "version": 1,
        "groups": {"users": {"allow": None}},
    }
    (users, others) = yaml.safe_load(Path("policy.policy-test.yaml").read_text())["tests"]
    assert "allow" not in users | others


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    """A path may have brackets."""
    Path("openapi.json").write_text('{"openapi": "3.0.1", "paths": {"/a/[/b]": {"get": {}}}}')
    begun = run("init")
    assert begun.exit_code == 0
    assert "GET /a/[/b]" in begun.output


@pytest.mark.parametrize("name", ["a,b", "a]", "no", "{x}", "a#b"])
def test_a_groups_name_is_one_name(name: str) -> None:
    """In the policy and in the list of the tests."""
    Path("template.yaml").write_text(
        f"{SAM['http']}  G:\n    Type: AWS::Cognito::UserPoolGroup\n"
        f"    Properties: {{UserPoolId: x, GroupName: '{name}'}}\n"
    )
    assert run("init").exit_code == 0
    tests = yaml.safe_load(Path("policy.policy-test.yaml").read_text())["tests"]
    assert tests[0]["as"]["groups"] == [name]
    assert run("test", "--template", "template.yaml", "--strict").exit_code == 0
