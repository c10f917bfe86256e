"""What a deployment decides: judged for every value that the template allows, or not decidable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_templates import analysis_of
from overlay import base, laid_over, replaced

from authorizer.cli.check.deployments import check_deployments
from authorizer.cli.check.finding import Severity
from authorizer.cli.check.run import run_checks
from authorizer.cli.check.template_rules import TEMPLATE_RULES
from authorizer.cli.template.reader import parse_template

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.check.finding import Finding

POLICY = """\
version: 1
groups:
  reader: {allow: [%s]}
"""
URI = (
    "!Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${AuthorizerFunction.Arn}/invocations'"
)
ADMIN = """\
Resources:
  Backend:
    Properties:
      Events:
        Admin: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: DELETE, Path: /admin}}
"""
SAM = laid_over(base("http-api", "uncached"), ADMIN)
# The same, where Globals says who decides.
IN_GLOBALS = laid_over(
    SAM,
    """\
Globals:
  HttpApi:
    Auth:
      DefaultAuthorizer: Rbac
      Authorizers:
        Rbac:
          FunctionArn: !GetAtt AuthorizerFunction.Arn
          AuthorizerPayloadFormatVersion: "2.0"
          EnableSimpleResponses: true
          EnableFunctionDefaultPermissions: true
          Identity: {Headers: [Authorization], ReauthorizeEvery: 0}
Resources:
  Api:
    Properties: {FailOnWarnings: true}
""",
)
CFN = base("cloudformation-http")
PLAIN = {
    "globals": IN_GLOBALS,
    "sam": SAM,
    "cfn": CFN,
    "rest": base("cloudformation-rest"),
    "openapi": base("openapi-http"),
    "websocket": base("websocket"),
}
TWO = "Parameters: {A: {Type: String, Default: CUSTOM, AllowedValues: [CUSTOM, NONE]}}\n"
ONE = "Parameters: {A: {Type: String, Default: CUSTOM, AllowedValues: [CUSTOM]}}\n"
OPEN = "Parameters: {A: {Type: String, Default: CUSTOM}}\n"
NO_DEFAULT = "Parameters: {A: {Type: String, AllowedValues: [CUSTOM, AWS_IAM]}}\n"
UNSET = "Parameters: {A: {Type: String}}\n"
STAGE = (
    "Parameters: {Stage: {Type: String, Default: prod}}\n"
    "Conditions: {IsProd: !Equals [!Ref Stage, prod]}\n"
)
STAGES = (
    "Mappings: {M: {prod: {a: CUSTOM}, dev: {a: %s}}}\n"
    "Parameters: {Stage: {Type: String, Default: prod}}\n"
)
LIST = "Parameters: {A: {Type: CommaDelimitedList, Default: CUSTOM}}\n"
REGIONS = "Mappings: {M: {eu-west-1: {a: CUSTOM, t: 0}, us-east-1: {a: %s, t: %s}}}\n"
SECONDS = "Parameters: {Seconds: {Type: Number, Default: 0%s}}\n"
BY_REGION = "!FindInMap [M, !Ref AWS::Region, %s]"
SECRET = "'{{resolve:ssm:/stage/value}}'"

KEYED = (
    "Identity: !If [IsProd, {Headers: [Authorization]}, "
    "{Headers: [Authorization], Context: [routeKey], ReauthorizeEvery: 60}]"
)

# The template, what goes before it, what takes what's place, and the findings.
WHO = [
    ("globals", OPEN, "DefaultAuthorizer: Rbac", "DefaultAuthorizer: !Ref A", {"T050"}),
    (
        "globals",
        STAGE,
        "DefaultAuthorizer: Rbac",
        "DefaultAuthorizer: !If [IsProd, Rbac, !Ref AWS::NoValue]",
        {"T050"},
    ),
    ("cfn", TWO, "CUSTOM # of Admin", "!Ref A", {"T050"}),
    ("cfn", ONE, "CUSTOM # of Admin", "!Ref A", set()),
    ("cfn", OPEN, "CUSTOM # of Admin", "!Ref A", {"T050"}),
    ("cfn", NO_DEFAULT, "CUSTOM # of Admin", "!Ref A", {"T050"}),
    ("cfn", "", "CUSTOM # of Admin", SECRET, {"T050"}),
    ("cfn", "", "CUSTOM # of Admin", "!ImportValue kind", {"T050"}),
    ("cfn", STAGE, "CUSTOM # of Admin", "!If [IsProd, CUSTOM, NONE]", {"T050"}),
    ("cfn", STAGE, "CUSTOM # of Admin", "!If [IsProd, CUSTOM, CUSTOM]", set()),
    ("cfn", REGIONS % ("NONE", 0), "CUSTOM # of Admin", BY_REGION % "a", {"T050"}),
    ("cfn", OPEN, "CUSTOM # of Admin", "!Sub '${A}'", {"T050"}),
    ("cfn", STAGES % "NONE", "CUSTOM # of Admin", "!FindInMap [M, !Ref Stage, a]", {"T050"}),
    ("cfn", STAGES % "CUSTOM", "CUSTOM # of Admin", "!FindInMap [M, !Ref Stage, a]", set()),
    (
        "cfn",
        STAGE,
        "CUSTOM # of Admin",
        "!If [IsProd, !If [IsProd, CUSTOM, NONE], NONE]",
        {"T050"},
    ),
    ("cfn", LIST, "CUSTOM # of Admin", "!Select [0, !Ref A]", {"T050"}),
    ("cfn", OPEN.replace("CUSTOM", SECRET), "CUSTOM # of Admin", "!Ref A", {"T050"}),
    ("cfn", "", "CUSTOM # of Admin", "custom", {"T050"}),
    ("cfn", OPEN, "!Ref Rbac # of Admin", "!Ref A", {"T050"}),
    ("cfn", "", "!Ref Rbac # of Admin", SECRET, {"T050"}),
    ("cfn", STAGE, "!Ref Rbac # of Admin", "!If [IsProd, !Ref Rbac, abc123]", {"T050"}),
    ("cfn", "", "!Ref Rbac # of Admin", "abc123", {"T050"}),
    ("cfn", TWO, "AuthorizerType: REQUEST", "AuthorizerType: !Ref A", {"X130"}),
    ("cfn", UNSET, URI, "!Ref A", {"X130"}),
    ("cfn", "", URI, SECRET, {"X130"}),
    # A WebSocket API without $connect is one that anybody connects to.
    (
        "cfn",
        STAGE,
        "ProtocolType: HTTP",
        "ProtocolType: !If [IsProd, HTTP, WEBSOCKET]",
        {"T002", "X250"},
    ),
    ("rest", TWO, "CUSTOM # of Admin", "!Ref A", {"T050"}),
    ("rest", "", "CUSTOM # of Admin", SECRET, {"T050"}),
    ("rest", STAGE, "CUSTOM # of Admin", "!If [IsProd, CUSTOM, NONE]", {"T050"}),
    ("rest", TWO, "Type: REQUEST", "Type: !Ref A", {"X130"}),
    ("openapi", TWO, "type: request", "type: !Ref A", {"X130"}),
    ("openapi", UNSET, URI, "!Ref A", {"X130"}),
    ("openapi", STAGE, "[Rbac: []] ", "!If [IsProd, [Rbac: []], []]", {"T050"}),
    ("sam", OPEN, "DefaultAuthorizer: Rbac", "DefaultAuthorizer: !Ref A", {"T050"}),
    ("sam", TWO, "Path: /admin", "Path: /admin, Auth: {Authorizer: !Ref A}", {"T050"}),
    ("sam", "", "Path: /admin", f"Path: /admin, Auth: {{Authorizer: {SECRET}}}", {"T050"}),
    (
        "sam",
        STAGE,
        "Path: /admin",
        "Path: /admin, Auth: {Authorizer: !If [IsProd, Rbac, NONE]}",
        {"T050"},
    ),
    ("sam", UNSET, "!GetAtt AuthorizerFunction.Arn", "!Ref A", {"X130"}),
    (
        "sam",
        STAGE,
        "!GetAtt AuthorizerFunction.Arn",
        "!If [IsProd, !GetAtt AuthorizerFunction.Arn, !GetAtt Backend.Arn]",
        {"X130", "X250"},
    ),
    ("websocket", TWO, "AuthType: CUSTOM", "AuthType: !Ref A", {"T050"}),
    ("websocket", "", "AuthType: CUSTOM", f"AuthType: {SECRET}", {"T050"}),
]
HOW = [
    ("globals", SECONDS % "", "ReauthorizeEvery: 0", "ReauthorizeEvery: !Ref Seconds", {"X250"}),
    ("globals", "", "ReauthorizeEvery: 0", f"ReauthorizeEvery: {SECRET}", {"X250"}),
    ("sam", SECONDS % "", "ReauthorizeEvery: 0", "ReauthorizeEvery: !Ref Seconds", {"X250"}),
    (
        "sam",
        SECONDS % ", AllowedValues: [0, 60]",
        "ReauthorizeEvery: 0",
        "ReauthorizeEvery: !Ref Seconds",
        {"X250"},
    ),
    (
        "sam",
        SECONDS % ", AllowedValues: [0]",
        "ReauthorizeEvery: 0",
        "ReauthorizeEvery: !Ref Seconds",
        set(),
    ),
    (
        "sam",
        SECONDS % ", MaxValue: 0",
        "ReauthorizeEvery: 0",
        "ReauthorizeEvery: !Ref Seconds",
        set(),
    ),
    (
        "sam",
        SECONDS % "",
        "ReauthorizeEvery: 0",
        "Context: [routeKey], ReauthorizeEvery: !Ref Seconds",
        set(),
    ),
    (
        "sam",
        STAGE,
        "ReauthorizeEvery: 0",
        "ReauthorizeEvery: !If [IsProd, 0, 60]",
        {"X250"},
    ),
    (
        "sam",
        SECONDS.replace("}}\n", "}, Stage: {Type: String}}\n") % ""
        + "Conditions: {Off: !Equals [!Ref Stage, dev]}\n",
        "ReauthorizeEvery: 0",
        "ReauthorizeEvery: !If [Off, 0, !Ref Seconds]",
        {"X250"},
    ),
    (
        "sam",
        REGIONS % ("CUSTOM", 60),
        "ReauthorizeEvery: 0",
        f"ReauthorizeEvery: {BY_REGION % 't'}",
        {"X250"},
    ),
    (
        "sam",
        REGIONS % ("CUSTOM", 0),
        "ReauthorizeEvery: 0",
        f"ReauthorizeEvery: {BY_REGION % 't'}",
        set(),
    ),
    ("sam", "", "ReauthorizeEvery: 0", f"ReauthorizeEvery: {SECRET}", {"X250"}),
    ("sam", "", "ReauthorizeEvery: 0", "ReauthorizeEvery: !ImportValue seconds", {"X250"}),
    (
        "sam",
        OPEN,
        "[Authorization], ReauthorizeEvery: 0",
        "[Authorization], Context: [!Ref A], ReauthorizeEvery: 60",
        {"X201"},
    ),
    (
        "sam",
        OPEN.replace("CUSTOM", "routeKey"),
        "[Authorization], ReauthorizeEvery: 0",
        "[Authorization], Context: [!Ref A], ReauthorizeEvery: 60",
        {"X250"},
    ),
    (
        "sam",
        OPEN.replace("CUSTOM", "Authorization"),
        "[Authorization], ReauthorizeEvery: 0",
        "[!Ref A], Context: [routeKey], ReauthorizeEvery: 60",
        {"X250"},
    ),
    (
        "sam",
        STAGE,
        "Identity: {Headers: [Authorization], ReauthorizeEvery: 0}",
        "Identity: !If [IsProd, {Headers: [Authorization]}, {ReauthorizeEvery: 60}]",
        {"X250"},
    ),
    (
        "sam",
        STAGE,
        "Identity: {Headers: [Authorization], ReauthorizeEvery: 0}",
        KEYED,
        set(),
    ),
    (
        "cfn",
        SECONDS % "",
        "AuthorizerResultTtlInSeconds: 0",
        "AuthorizerResultTtlInSeconds: !Ref Seconds",
        {"X250"},
    ),
    (
        "openapi",
        SECONDS % "",
        "authorizerResultTtlInSeconds: 0",
        "authorizerResultTtlInSeconds: !Ref Seconds",
        {"X250"},
    ),
    (
        "rest",
        OPEN.replace("CUSTOM", "method.request.header.Authorization"),
        "method.request.header.Authorization\n      AuthorizerResultTtlInSeconds: 0",
        "!Ref A\n      AuthorizerResultTtlInSeconds: 60",
        {"X250"},
    ),
]


def failing(tmp_path: Path, name: str, text: str) -> list[Finding]:
    """What --strict fails on."""
    granted = "$connect" if name == "websocket" else "GET /hello, DELETE /admin"
    (tmp_path / "policy.yaml").write_text(POLICY % granted)
    (tmp_path / "template.yaml").write_text(text)
    report = run_checks(tmp_path / "policy.yaml", [tmp_path / "template.yaml"])
    return [one for one in report.findings if one.severity is not Severity.NOTE]


@pytest.mark.parametrize("name", PLAIN)
def test_what_no_deployment_changes_is_not_warned_of(tmp_path: Path, name: str) -> None:
    """Written out and guarded, each way of writing an API passes."""
    assert failing(tmp_path, name, PLAIN[name]) == []


@pytest.mark.parametrize(("name", "head", "written", "instead", "expected"), [*WHO, *HOW])
def test_every_allowed_deployment_is_judged(
    *, tmp_path: Path, name: str, head: str, written: str, instead: str, expected: set[str]
) -> None:
    """Who decides is the same in all deployments, or not decidable; caches are judged in each."""
    found = failing(tmp_path, name, head + replaced(PLAIN[name], written, instead))

    # Some of it SAM refuses besides, where it is installed.
    assert {one.code for one in found} - {"T052"} == expected
    assert {one.severity for one in found if one.code.endswith("50")} <= {Severity.WARNING}


PATH = "Parameters: {V: {Type: String, Default: v1, AllowedValues: [v1, v2, 'WHOLE']}}\n"
OPEN_ROUTE = (
    "        Health: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, "
    "Path: !Sub '${V}', Auth: {Authorizer: NONE}}}\n"
)


@pytest.mark.parametrize(("other", "expected"), [("/v3", []), ("$default", ["X250"])])
def test_an_open_route_may_have_another_name_but_not_take_everything(
    tmp_path: Path, other: str, expected: list[str]
) -> None:
    """What is public under one path is meant to be under another one of its length."""
    head = PATH.replace("WHOLE", other).replace("v1", "/v1").replace("v2", "/v2")
    (tmp_path / "t.yaml").write_text(head + SAM + OPEN_ROUTE)
    policy = POLICY % "GET /hello, DELETE /admin" + "public: [ANY /v1]\n"
    (tmp_path / "policy.yaml").write_text(policy)
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings

    assert [one.code for one in found if one.code != "T052"] == expected


def test_guarded_routes_whose_path_a_deployment_decides_cost_no_further_rules() -> None:
    """A template with many such parameters is read again for each, and judged once."""
    names = [f"P{number}" for number in range(20)]
    head = "".join(f"  {name}: {{Type: String, Default: {name}}}\n" for name in names)
    more = "".join(
        f"        {name}: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Method: GET, "
        f"Path: !Sub '/${{{name}}}'}}}}\n"
        for name in names
    )
    read = parse_template(f"Parameters:\n{head}{SAM}{more}".encode(), "t.yaml")

    assert read.deployments == ()
    assert len(read.apis[0].routes) == 22


@pytest.mark.parametrize(("rest", "expected"), [("", set()), ("${!stageVariables.x}", {"X130"})])
def test_a_name_that_a_stage_completes_is_no_functions_name(
    tmp_path: Path, rest: str, expected: set[str]
) -> None:
    """Which function an authorizer asks is then decided by a stage variable."""
    name = "Resources:\n  AuthorizerFunction:\n    Properties:\n      FunctionName: auth\n"
    function = f"arn:aws:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:auth{rest}"
    uri = URI.replace("${AuthorizerFunction.Arn}", function)

    text = replaced(laid_over(CFN, name), URI, uri)

    assert {one.code for one in failing(tmp_path, "cfn", text)} == expected


@pytest.mark.parametrize(("count", "expected"), [(90, set()), (130, {"X250"})])
def test_deployments_that_are_too_many_to_judge_are_said_to_be(
    tmp_path: Path, count: int, expected: set[str]
) -> None:
    """Nobody may take what was not looked at for a pass."""
    values = ", ".join(f"v{number}" for number in range(count))
    head = f"Parameters: {{V: {{Type: String, Default: v0, AllowedValues: [{values}]}}}}\n"
    text = replaced(SAM, "Path: /hello", "Path: !Sub '/${V}'")
    found = failing(tmp_path, "sam", head + text)

    assert {one.code for one in found} - {"T052", "X104", "X105"} == expected


BOTH = """\
Parameters: {A: {Type: String, Default: x}, B: {Type: String, Default: x, AllowedValues: [x, y]}}
Conditions:
  IsA: !Equals [!Ref A, y]
  IsB: !Not [!Equals [x, !Ref B]]
  Both: WRITTEN
"""
TOGETHER = {
    "and": "!And [!Condition IsA, !Condition IsB]",
    "not or": "!Not [!Or [!Not [!Condition IsA], !Not [Condition: IsB]]]",
    "constant": "!And [!Equals [x, x], !Condition IsA, !Equals [!Ref B, y]]",
    "either": "!Or [!Equals [x, y], !And [!Condition IsA, !Condition IsB]]",
}
NEVER = {
    "no such value": "!And [!Condition IsA, !Equals [!Ref B, z]]",
    "contradiction": "!And [!Condition IsA, !Equals [!Ref A, x], !Condition IsB]",
    "constant": "!And [!Condition IsA, !Condition IsB, !Equals [x, y]]",
    "circle": "!And [!Condition IsA, !Condition IsB, !Condition Both]",
}
OPENED = {
    "cache": ("ReauthorizeEvery: 0", "ReauthorizeEvery: !If [Both, 300, 0]", "X201"),
    "settings": (
        "eu-west-1_AbCdEf123=4k2example",
        "!If [Both, x, eu-west-1_AbCdEfGhI=client]",
        "T130",
    ),
}


def found_together(written: str, case: str) -> list[Finding]:
    """What a condition of two parameters opens, where it says so."""
    plain, instead, _ = OPENED[case]
    text = replaced(SAM, plain, instead)
    template = parse_template((BOTH.replace("WRITTEN", written) + text).encode(), "t.yaml")
    analysis = analysis_of(template, POLICY % "GET /hello, DELETE /admin")
    found = [one for rule in TEMPLATE_RULES for one in rule(analysis)]
    return [*found, *check_deployments(analysis, found)]


@pytest.mark.parametrize("written", TOGETHER.values(), ids=TOGETHER)
@pytest.mark.parametrize("case", OPENED)
def test_what_two_parameters_open_together_is_found(written: str, case: str) -> None:
    """Neither of them does so alone."""
    (finding,) = found_together(written, case)
    assert OPENED[case][2] in f"{finding.code} {finding.message}"
    assert "'A' is 'y' and 'B' is 'y'" in finding.message


@pytest.mark.parametrize("written", NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("case", OPENED)
def test_what_no_deployment_can_choose_opens_nothing(written: str, case: str) -> None:
    """A value that is not allowed, two values of one parameter, or a constant in between."""
    assert found_together(written, case) == []


def test_a_condition_that_was_met_where_it_did_not_matter_matters_elsewhere(
    tmp_path: Path,
) -> None:
    """A pool's MFA opens nothing; a permission by the same condition does."""
    text = f"""\
Parameters: {{A: {{Type: String, Default: x}}}}
Conditions: {{IsA: !Equals [!Ref A, y]}}
{SAM}\
  Pool:
    Type: AWS::Cognito::UserPool
    Properties: {{MfaConfiguration: !If [IsA, "ON", OPTIONAL]}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Backend
      SourceAccount: !If [IsA, !Ref AWS::NoValue, !Ref AWS::AccountId]
      Principal: s3.amazonaws.com
"""
    assert "X250" in {one.code for one in failing(tmp_path, "SAM", text)}


def test_what_a_mapping_lacks_has_the_default_that_is_written(tmp_path: Path) -> None:
    """AWS::LanguageExtensions lets FindInMap say what it is then; without, nothing is deployed."""
    head = "Parameters: {A: {Type: String, Default: x}}\nMappings: {M: {x: {seconds: 0}}}\n"
    for default, expected in ((", {DefaultValue: 300}", ["X250"]), ("", [])):
        found = f"!FindInMap [M, !Ref A, seconds{default}]"
        text = head + replaced(SAM, "ReauthorizeEvery: 0", f"ReauthorizeEvery: {found}")
        assert [one.code for one in failing(tmp_path, "SAM", text)] == expected
