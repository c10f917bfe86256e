"""Routes of APIs that are elsewhere, and what several templates together tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from overlay import base, resources

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.run import run_checks
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import chosen_api

if TYPE_CHECKING:
    from pathlib import Path

POLICY = "version: 1\ngroups:\n  reader: {allow: [GET /hello, DELETE /admin]}\n"
SAM = "Transform: AWS::Serverless-2016-10-31\n"
RESOURCES = "Resources:\n"
WHOLE = base("http-api", "uncached")
API, FUNCTION, BACKEND = resources(WHOLE).values()
ROUTE = """\
  Admin:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: THE_API, RouteKey: DELETE /admin, Target: integrations/x}
"""
PARAMETER = "Parameters: {A: {Type: String}}\n"
STAGE = (
    "Parameters: {Stage: {Type: String, Default: prod}}\n"
    "Conditions: {IsProd: !Equals [!Ref Stage, prod]}\n"
)


def failing(folder: Path, **templates: str) -> list[str]:
    """The codes that --strict fails on."""
    (folder / "policy.yaml").write_text(POLICY)
    for name, text in templates.items():
        (folder / f"{name}.yaml").write_text(text)
    report = run_checks(folder / "policy.yaml", [folder / f"{name}.yaml" for name in templates])
    return sorted(one.code for one in report.findings if one.severity is not Severity.NOTE)


@pytest.mark.parametrize(
    ("head", "named", "expected"),
    [
        ("", "!ImportValue the-api", ["T051", "X101"]),
        ("", "!GetAtt Custom.ApiId", ["T002", "T051", "X101"]),
        ("", "a1b2c3d4", ["T002", "T051", "X101"]),
        ("", "'{{resolve:ssm:/api}}'", ["T002", "T051", "X101"]),
        (PARAMETER, "!Ref A", ["T002", "T051", "X101"]),
        (PARAMETER.replace("String", "String, Default: a1"), "!Ref A", ["T002", "T051", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !Ref Other]", ["T002", "T002", "X101", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !ImportValue x]", ["T002", "T051", "X101", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !Ref Api]", ["X101"]),
    ],
)
def test_a_route_is_listed_whatever_names_its_api(
    tmp_path: Path, head: str, named: str, expected: list[str]
) -> None:
    """It is judged on the API that it may be on, which is then not complete."""
    other = API.replace("Api:", "Other:") if "Other" in named else ""
    custom = "  Custom: {Type: Custom::Api}\n" if "Custom" in named else ""
    text = head + WHOLE + other + custom + ROUTE.replace("THE_API", named)

    assert failing(tmp_path, api=text) == expected
    read = read_template(tmp_path / "api.yaml")
    routes = [route.key for api in read.apis for route in api.routes]
    assert "DELETE /admin" in routes


def test_who_names_no_api_means_the_templates_own(tmp_path: Path) -> None:
    """An API that is elsewhere does not make a template one of several APIs."""
    (tmp_path / "t.yaml").write_text(WHOLE + ROUTE.replace("THE_API", "!ImportValue x"))

    assert chosen_api(read_template(tmp_path / "t.yaml")).id == "Api"


def test_an_authorizer_of_an_api_elsewhere_guards_its_routes(tmp_path: Path) -> None:
    """Routes and authorizers that name the same API belong together."""
    guard = """\
  Rbac:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !ImportValue the-api
      Name: guard
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Authorization]
      AuthorizerUri: !GetAtt AuthorizerFunction.Arn
      AuthorizerCredentialsArn: arn:aws:iam::111122223333:role/invoke
"""
    key = "DELETE /admin, AuthorizationType: CUSTOM, AuthorizerId: !Ref Rbac"
    route = ROUTE.replace("THE_API", "!ImportValue the-api").replace("DELETE /admin", key)

    assert failing(tmp_path, api=WHOLE + guard + route) == ["T051"]


# --- several templates together ---

EXPORT = "Outputs: {Id: {Value: !Ref Api, Export: {Name: NAME}}}\n"
GUARD = """\
  Rbac:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: THE_API
      Name: guard
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Authorization]
      AuthorizerUri: THE_FUNCTION
      AuthorizerCredentialsArn: arn:aws:iam::111122223333:role/invoke
"""
GUARDED = ROUTE.replace(
    "DELETE /admin", "DELETE /admin, AuthorizationType: CUSTOM, AuthorizerId: THE_GUARD"
)


@pytest.mark.parametrize(
    ("head", "exported", "imported"),
    [
        ("", "the-api", "the-api"),
        ("", "!Sub '${AWS::StackName}-ApiId'", "base-ApiId"),
        (PARAMETER, "!Sub '${AWS::StackName}-ApiId'", "{'Fn::Sub': '${A}-ApiId'}"),
        (PARAMETER, "base-ApiId", "{'Fn::Sub': '${A}-ApiId'}"),
    ],
)
def test_a_route_belongs_to_the_api_whose_id_it_imports(
    tmp_path: Path, head: str, exported: str, imported: str
) -> None:
    """Given both templates, in either order, it is one of the API's routes: here, an open one."""
    api = WHOLE + EXPORT.replace("NAME", exported)
    route = head + RESOURCES + ROUTE.replace("THE_API", f"!ImportValue {imported}")

    assert failing(tmp_path, api=api, routes=route) == ["X101"]
    assert failing(tmp_path, routes=route, api=api) == ["X101"]


def test_an_import_that_no_template_exports_stays_open(tmp_path: Path) -> None:
    """Another name is another API."""
    route = RESOURCES + ROUTE.replace("THE_API", "!ImportValue another")

    api = WHOLE + EXPORT.replace("NAME", "the-api")
    assert failing(tmp_path, api=api, routes=route) == ["T051", "X101"]


def test_authorizers_and_functions_are_joined_by_exports(tmp_path: Path) -> None:
    """The function in one stack, the authorizer in another, the route in a third."""
    outputs = (
        "Outputs:\n"
        "  Id: {Value: !Ref Api, Export: {Name: the-api}}\n"
        "  Arn: {Value: !GetAtt AuthorizerFunction.Arn, Export: {Name: the-function}}\n"
    )
    guard = GUARD.replace("THE_API", "!ImportValue the-api")
    guard = guard.replace("THE_FUNCTION", "!ImportValue the-function")
    guards = RESOURCES + guard + "Outputs: {G: {Value: !Ref Rbac, Export: {Name: guard}}}\n"
    routes = RESOURCES + GUARDED.replace("THE_API", "!ImportValue the-api")
    routes = routes.replace("THE_GUARD", "!ImportValue guard")

    assert failing(tmp_path, api=WHOLE + outputs, guards=guards, routes=routes) == []


NESTED = """\
  Routes:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: routes.yaml
      Parameters: {TheApi: !Ref Api, Kind: THE_KIND}
"""
CHILD = "Parameters: {TheApi: {Type: String}, Kind: {Type: String, Default: NONE}}\n" + RESOURCES
ASKED = GUARDED.replace("CUSTOM", "!Ref Kind").replace("THE_GUARD", "!Ref Rbac")
INNER = (CHILD + GUARD + ASKED).replace("THE_API", "!Ref TheApi")


@pytest.mark.parametrize(
    ("head", "kind", "expected"),
    [
        ("", "CUSTOM", ["X130"]),
        ("", "NONE", ["X101"]),
        (PARAMETER.replace("}}", ", Default: CUSTOM}}"), "!Ref A", ["T050"]),
    ],
)
def test_a_nested_stack_is_read_with_what_it_is_given(
    tmp_path: Path, head: str, kind: str, expected: list[str]
) -> None:
    """Its routes are those of the API that is handed down, guarded as the parameters say."""
    inner = INNER.replace("THE_FUNCTION", "arn:aws:lambda:eu-west-1:111122223333:function:x")
    (tmp_path / "routes.yaml").write_text(inner)
    text = head + WHOLE + NESTED.replace("THE_KIND", kind)

    assert failing(tmp_path, api=text) == expected
    (api,) = read_template(tmp_path / "api.yaml").apis
    assert [route.key for route in api.routes] == ["GET /hello", "DELETE /admin"]
    assert api.is_complete


@pytest.mark.parametrize(
    ("handed", "expected"),
    [
        ("!Sub '${A}-x'", ["T050"]),
        ("!Sub 'a-${A}-x'", []),
        ("!Sub '${A}-${A}'", []),
    ],
)
def test_a_parameter_may_be_handed_down_in_a_text(
    tmp_path: Path, handed: str, expected: list[str]
) -> None:
    """What it must be there tells what it must be above."""
    condition = "Conditions: {Open: !Equals [!Ref Kind, dev-x]}\n"
    inner = condition + INNER.replace("!Ref Kind", "!If [Open, NONE, CUSTOM]")
    (tmp_path / "routes.yaml").write_text(
        inner.replace("THE_FUNCTION", "arn:aws:lambda:eu-west-1:111122223333:function:x")
    )
    head = PARAMETER.replace("}}", ", Default: live}}")
    found = failing(tmp_path, api=head + WHOLE + NESTED.replace("THE_KIND", f"{handed}"))

    assert [one for one in found if one != "X130"] == expected


def test_what_a_nested_stack_outputs_is_known_to_the_one_above(tmp_path: Path) -> None:
    """An API of the nested stack has the routes that stand above."""
    outputs = "Outputs: {Id: {Value: !Ref Api}, Arn: {Value: !GetAtt AuthorizerFunction.Arn}}\n"
    (tmp_path / "inner.yaml").write_text(WHOLE + outputs)
    nested = "  Inner: {Type: AWS::Serverless::Application, Properties: {Location: inner.yaml}}\n"
    guard = GUARD.replace("THE_FUNCTION", "!GetAtt Inner.Outputs.Arn")
    route = GUARDED.replace("THE_GUARD", "!Ref Rbac")
    named = (guard + route).replace("THE_API", "!GetAtt Inner.Outputs.Id")

    assert failing(tmp_path, api=SAM + RESOURCES + nested + named) == []
    assert failing(tmp_path, api=SAM + RESOURCES + nested + named.replace("CUSTOM", "NONE")) == [
        "X101"
    ]


def test_a_nested_stack_that_is_not_at_hand_leaves_open_the_api_that_it_is_given(
    tmp_path: Path,
) -> None:
    """It may add routes."""
    text = WHOLE + NESTED.replace("THE_KIND", "CUSTOM")

    assert failing(tmp_path, api=text) == ["T002"]
    assert failing(tmp_path, api=text.replace("TheApi: !Ref Api, ", "")) == ["X105"]
    given = STAGE + text.replace("TheApi: !Ref Api", "TheApi: !If [IsProd, x, !Ref Api]")
    assert failing(tmp_path, api=given) == ["T002"]
    published = "{ApplicationId: arn:aws:serverlessrepo:x, SemanticVersion: 1.0.0}"
    of_sam = text.replace("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
    of_sam = of_sam.replace("TemplateURL: routes.yaml", f"Location: {published}")
    assert failing(tmp_path, api=of_sam) == ["T002"]
    told = {str(one.why) for one in read_template(tmp_path / "api.yaml").unresolved}
    assert told == {"a nested stack has a template of its own: check that, too"}


def test_a_module_may_add_routes(tmp_path: Path) -> None:
    """What is in it stands in the account's registry."""
    module = "  More: {Type: 'Our::Routes::Admin::MODULE', Properties: {ApiId: !Ref Api}}\n"
    assert failing(tmp_path, api=WHOLE + module) == ["T002"]


@pytest.mark.parametrize(
    ("qualifier", "expected"), [("", []), (":1", ["T132"]), (":live", []), (":1x", [])]
)
def test_a_version_of_an_imported_function_stays(
    tmp_path: Path, qualifier: str, expected: list[str]
) -> None:
    """Its alias may be moved by the template that has it, a version by nobody."""
    outputs = "Outputs: {F: {Value: !GetAtt AuthorizerFunction.Arn, Export: {Name: function}}}\n"
    named = f"!Sub ['${{F}}{qualifier}', {{F: !ImportValue function}}]"
    guarded = API.replace("!GetAtt AuthorizerFunction.Arn", named)

    texts = {"rbac": SAM + RESOURCES + FUNCTION + outputs}
    found = failing(tmp_path, api=SAM + RESOURCES + guarded + BACKEND, **texts)
    assert [one for one in found if one != "X105"] == expected


URL = "  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: WHOSE, AuthType: NONE}}\n"
OTHERS = {
    "url": (URL, ["T134"]),
    "balancer": (
        (
            "  Targets:\n"
            "    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n"
            "    Properties: {TargetType: lambda, Targets: [{Id: WHOSE}]}\n"
        ),
        ["T135"],
    ),
    "permission": (
        (
            "  Permission:\n"
            "    Type: AWS::Lambda::Permission\n"
            "    Properties: {Action: lambda:InvokeFunction, FunctionName: WHOSE, Principal: '*'}\n"
        ),
        ["T136"],
    ),
}


@pytest.mark.parametrize(("door", "expected"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("function", ["Backend", "AuthorizerFunction"])
def test_a_door_may_be_in_another_stack_than_the_function(
    tmp_path: Path, door: str, expected: list[str], function: str
) -> None:
    """By an import, or handed down; one to a function that answers no route is none."""
    output = f"Outputs: {{F: {{Value: !GetAtt {function}.Arn, Export: {{Name: function}}}}}}\n"
    doors = RESOURCES + door.replace("WHOSE", "!ImportValue function")
    found = failing(tmp_path, api=WHOLE + output, doors=doors)
    assert [one for one in found if one != "X105"] == (expected if function == "Backend" else [])

    inner = "Parameters: {F: {Type: String}}\n" + RESOURCES + door.replace("WHOSE", "!Ref F")
    (tmp_path / "inner.yaml").write_text(inner)
    nested = (
        "  Inner:\n"
        "    Type: AWS::Serverless::Application\n"
        f"    Properties: {{Location: inner.yaml, Parameters: {{F: !GetAtt {function}.Arn}}}}\n"
    )
    found = failing(tmp_path, api=WHOLE + nested)
    assert [one for one in found if one != "X105"] == (expected if function == "Backend" else [])


PERMISSION = """\
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !ImportValue function
      Principal: apigateway.amazonaws.com
      SourceArn:
        !Sub ["arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${A}/*", {A: THE_API}]
"""
BOTH = EXPORT.replace("NAME", "the-api").replace(
    "}\n", ", F: {Value: !GetAtt Backend.Arn, Export: {Name: function}}}\n"
)


@pytest.mark.parametrize(
    ("whose", "api", "expected"),
    [
        ("AWS::AccountId", "!ImportValue the-api", []),
        ("AWS::AccountId", "!ImportValue function", ["T136"]),  # which is no API
        ("AWS::AccountId", "!ImportValue nowhere", ["T136"]),
        ("AWS::StackName", "!ImportValue the-api", ["T136"]),  # which is no account
    ],
)
def test_a_permission_for_an_api_of_another_template_is_no_door(
    tmp_path: Path, whose: str, api: str, expected: list[str]
) -> None:
    """If that template is at hand; whatever else it names may call the function, too."""
    door = RESOURCES + PERMISSION.replace("THE_API", api).replace("AWS::AccountId", whose)
    found = failing(tmp_path, api=WHOLE + BOTH, doors=door)
    assert [one for one in found if one != "X105"] == expected


def test_a_permission_for_the_api_that_a_nested_stack_is_given_is_no_door(tmp_path: Path) -> None:
    """It is the API above; not so, where it is given one that nobody knows."""
    given = PERMISSION.replace("!ImportValue function", "!Ref F").replace("THE_API", "!Ref TheApi")
    (tmp_path / "inner.yaml").write_text(
        "Parameters: {F: {Type: String}, TheApi: {Type: String}}\n" + RESOURCES + given
    )
    nested = (
        "  Inner:\n"
        "    Type: AWS::Serverless::Application\n"
        "    Properties:\n"
        "      Location: inner.yaml\n"
        "      Parameters: {F: !GetAtt Backend.Arn, TheApi: !Ref Api}\n"
    )
    found = failing(tmp_path, api=WHOLE + nested)
    assert [one for one in found if one != "X105"] == []
    found = failing(tmp_path, api=WHOLE + nested.replace("!Ref Api", "!GetAtt Custom.Id"))
    assert "T136" in found


def test_a_function_of_a_nested_stack_may_answer_a_route_above(tmp_path: Path) -> None:
    """Its URL there is a door beside that route."""
    inner = (
        RESOURCES
        + "  Backend: {Type: AWS::Lambda::Function, Properties: {Handler: a.b}}\n"
        + URL.replace("WHOSE", "!Ref Backend")
        + "Outputs: {Arn: {Value: !GetAtt Backend.Arn}}\n"
    )
    (tmp_path / "inner.yaml").write_text(inner)
    above = (
        "  Inner: {Type: AWS::Serverless::Application, Properties: {Location: inner.yaml}}\n"
        "  Target:\n"
        "    Type: AWS::ApiGatewayV2::Integration\n"
        "    Properties: {ApiId: !Ref Api, IntegrationUri: !GetAtt Inner.Outputs.Arn}\n"
    )
    guarded = GUARDED.replace("integrations/x", "!Sub 'integrations/${Target}'")
    guarded = (GUARD + guarded).replace("THE_API", "!Ref Api").replace("THE_GUARD", "!Ref Rbac")
    text = WHOLE + above + guarded.replace("THE_FUNCTION", "!GetAtt AuthorizerFunction.Arn")

    assert failing(tmp_path, api=text) == ["T134"]


def test_a_stack_that_is_nested_in_itself_is_read_a_few_times(tmp_path: Path) -> None:
    """And comes to an end."""
    nested = "  Self: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: self.yaml}}\n"
    (tmp_path / "self.yaml").write_text(RESOURCES + nested)

    assert read_template(tmp_path / "self.yaml").apis == ()


@pytest.mark.parametrize(
    ("named", "auth", "expected"),
    [
        ("!ImportValue x", "", {"T050", "T051"}),
        ("!ImportValue x", ", Auth: {Authorizer: NONE}", {"T051", "X101"}),
        ("!Sub '${AWS::StackName}'", ", Auth: {Authorizer: Rbac}", {"T050", "T051"}),
    ],
)
def test_an_event_is_listed_whatever_names_its_api(
    tmp_path: Path, named: str, auth: str, expected: set[str]
) -> None:
    """SAM refuses it, where it is asked; without it, too, no route is passed over."""
    backend = BACKEND.replace("!Ref Api", named).replace("/hello", f"/hello{auth}")
    found = failing(tmp_path, api=SAM + RESOURCES + FUNCTION + backend)

    assert set(found) - {"T052"} == expected


def test_an_event_of_a_kind_that_is_not_known_may_be_a_route(tmp_path: Path) -> None:
    """The APIs are not complete then."""
    text = WHOLE + "        More: {Type: !ImportValue kind, Properties: {ApiId: !Ref Api}}\n"

    assert set(failing(tmp_path, api=text)) - {"T052"} == {"T002"}
