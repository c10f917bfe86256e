"""What no deployment can mend is an error, and what one can, or might, is none."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from made_templates import analysis_of
from samtranslator.model.eventsources.push import Api, HttpApi
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.model.stepfunctions.events import Api as StateMachineApi
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_stack import load_template

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.template_rules import unresolved_facts
from authorizer.cli.template.reader import parse_template
from authorizer.cli.template.sam import EVENT_PROPERTIES

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Seconds: {Type: Number, Default: 0}, Name: {Type: String, Default: Rbca}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Rbac
        Authorizers: {Rbac: {FunctionArn: !GetAtt Authorizer.Arn, Identity: {ReauthorizeEvery: 0}}}
  Authorizer: {Type: AWS::Serverless::Function}
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: /hello, Auth: {Authorizer: Rbac}}
        Put: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: PUT, Path: /hello}}
"""

_NOT_DECIDABLE = "not decidable: AUTHORIZER_USER_POOLS: "
_NAMED_LATER = f"{_NOT_DECIDABLE}Authorizer has its name only when deployed"


def found(*changes: tuple[str, str], text: str = TEMPLATE) -> list[tuple[str, int, str]]:
    """Code, line and message of what is not decided."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    template = parse_template(text.encode(), "template.yaml")
    return [
        (one.code, one.location.line, one.message)
        for one in unresolved_facts(analysis_of(template))
    ]


def test_nothing_is_amiss_with_a_template_that_names_what_it_has() -> None:
    """What the changes below are made to is right."""
    assert found() == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        pytest.param("DefaultAuthorizer: Rbac", "DefaultAuthorizer: rbca", 8,
                     "Api has no authorizer 'rbca'; did you mean 'Rbac'?", id="default"),
        pytest.param("Authorizer: Rbac}", "Authorizer: Rbacc}", 17,
                     "Api has no authorizer 'Rbacc'; did you mean 'Rbac'?", id="event's"),
        pytest.param("Authorizer: Rbac}", "Authorizer: None}", 17,
                     "Api has no authorizer 'None'; did you mean 'NONE'?", id="None"),
        pytest.param("Auth: {Authorizer: Rbac}", "Auth: NONE", 17,
                     "expected Auth to be a mapping such as {Authorizer: NONE}, found 'NONE'",
                     id="Auth as text"),
        pytest.param("Auth: {Authorizer: Rbac}", "Auth: [Rbac]", 17,
                     "expected Auth to be a mapping such as {Authorizer: NONE}, found something "
                     "else", id="Auth as a list"),
        pytest.param("!GetAtt Authorizer.Arn", "!GetAtt Authoriser.Arn", 9,
                     "'Authoriser' is no resource of this template; did you mean 'Authorizer'?",
                     id="GetAtt"),
        pytest.param("Every: 0", "Every: !Ref Secnds", 9,
                     "'Secnds' is neither a parameter nor a resource; did you mean 'Seconds'?",
                     id="Ref"),
        pytest.param("Every: 0", "Every: !Reff Seconds", 9,
                     "expected a function of CloudFormation's, found 'Reff'; did you mean 'Ref'?",
                     id="Reff"),
        pytest.param("Every: 0", "Every: !If [IsLive, 0, 60]", 9,
                     "the template has no condition 'IsLive'", id="condition"),
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_an_error(old: str, new: str, line: int, message: str) -> None:
    """It stands where it is written, with the name that comes closest."""
    assert found((old, new)) == [("T003", line, message)]


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        ('{AUTHORIZER_USER_POOLS: !Sub "${Authorizer}=${WebClient}"}',
         [("T003", "'WebClient' is neither a parameter nor a resource"), ("T000", _NAMED_LATER)]),
        ("{AUTHORIZER_USER_POOLS: !Join [=, [!Ref User, !Ref WebClient]]}",
         [("T003", "'User' is neither a parameter nor a resource"),
          ("T003", "'WebClient' is neither a parameter nor a resource")]),
        ("{AUTHORIZER_AUDIENCES: !If [IsRbca, !Ref Name, !GetAtt Authoriser.Arn]}",
         [("T003", "'Authoriser' is no resource of this template; did you mean 'Authorizer'?")]),
        ('{AUTHORIZER_USER_POOLS: !Sub "${Authorizer}=${AWS::Region}${HelloRole}"}',
         [("T000", _NAMED_LATER)]),
        ("{AUTHORIZER_USER_POOLS: !ImportValue pools}",
         [("T000", f"{_NOT_DECIDABLE}Fn::ImportValue is decided only when deployed")]),
        ("{AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=yourappclientid}", []),
        ("{OTHER: !Ref Nothing}", []),
    ],
)  # fmt: skip
def test_a_variable_that_names_nothing_is_an_error(
    variables: str, messages: list[tuple[str, str]]
) -> None:
    """No such template is deployed; of other variables than ours, cfn-lint tells."""
    function = "Authorizer: {Type: AWS::Serverless::Function"
    new = f"{function},\n    Properties: {{Environment: {{Variables: {variables}}}}}"
    condition = "Conditions: {IsRbca: !Equals [!Ref Name, Rbca]}\nResources:\n  Api:"
    changes = ((function, new), ("Resources:\n  Api:", condition))
    assert found(*changes) == [(code, 12, message) for code, message in messages]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("Method: GET", "Methd: GET",
                     "an event of type HttpApi has no property 'Methd'; did you mean 'Method'?",
                     id="property"),
        pytest.param("Method: GET", "Method: GETT",
                     "expected a path and a method, found '/hello' and 'GETT'", id="method"),
        pytest.param("ApiId: !Ref Api, Method: GET", "ApiId: !Ref Apii, Method: GET",
                     "'Apii' is neither a parameter nor a resource; did you mean 'Api'?", id="API"),
    ],
)  # fmt: skip
def test_a_mistake_that_loses_a_route_makes_the_api_incomplete(
    old: str, new: str, message: str
) -> None:
    """One error says what is wrong, and a warning what was not looked for."""
    incomplete, mistake = sorted(found((old, new)))

    assert incomplete[:2] == ("T002", 4)
    assert (mistake[0], mistake[2]) == ("T003", message)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([("Every: 0", "Every: !Ref Secnds"),
                      ("Transform: AWS", "Transform: [Macro, AWS"), ("10-31", "10-31]")],
                     id="a macro may add the parameter"),
        pytest.param([("Every: 0", "Every: !Ref Secnds"),
                      ("Resources:\n", "Resources:\n  Fn::ForEach::Each: [N, [a], {}]\n")],
                     id="a loop may add the resource"),
        pytest.param([("Authorizer.Arn", "AuthorizerAliaslive.Arn")], id="SAM adds an alias"),
        pytest.param([("Authorizer.Arn", "ServerlessHttpApiStage.Arn")], id="SAM's own"),
        pytest.param([("Authorizers: {", "Authorizers: {'Fn::Transform': {Name: Macro}, "),
                      ("Authorizer: Rbac}", "Authorizer: Rbacc}")],
                     id="a macro may add the authorizer"),
        pytest.param([("Every: 0", "Every: !ImportValue x")], id="an import"),
    ],
)  # fmt: skip
def test_what_may_yet_come_is_no_mistake(changes: list[tuple[str, str]]) -> None:
    """An error must not stop a template that deploys."""
    codes = {code for code, _, _ in found(*changes)}

    assert not codes.isdisjoint({"T000", "T050"})
    assert "T003" not in codes


def test_another_value_for_an_authorizer_is_no_mistake() -> None:
    """Who guards the route is then left to the deployment, which T050 says."""
    assert found(("DefaultAuthorizer: Rbac", "DefaultAuthorizer: !Ref Name")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DefaultAuthorizer: Rbac", "DefaultAuthorizer: rbca"),
        ("Authorizer: Rbac}", "Authorizer: Rbacc}"),
        ("Authorizer: Rbac}", "Authorizer: None}"),
        ("Auth: {Authorizer: Rbac}", "Auth: NONE"),
        ("Auth: {Authorizer: Rbac}", "Auth: [Rbac]"),
        ("Method: GET", "Methd: GET"),
        ("Method: GET", "Method: GET, Methd: PUT"),
        ("ApiId: !Ref Api, Method: GET", "ApiId: !Ref Apii, Method: GET"),
    ],
)
def test_sam_refuses_what_is_called_a_mistake(tmp_path: Path, old: str, new: str) -> None:
    """An error stops a build, so that it must be one."""
    assert "T003" in {code for code, _, _ in found((old, new))}
    assert _is_refused_by_sam(tmp_path, TEMPLATE.replace(old, new))
    assert not _is_refused_by_sam(tmp_path, TEMPLATE)


def _is_refused_by_sam(folder: Path, text: str) -> bool:
    path = folder / "template.yaml"
    path.write_text(text)
    template = load_template(path)
    code = {"CodeUri": "s3://bucket/key", "Handler": "a.b", "Runtime": "python3.13"}
    for name in ("Authorizer", "Hello"):
        template["Resources"][name].setdefault("Properties", {}).update(code)
    authorizers = template["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]
    authorizers["Rbac"]["AuthorizerPayloadFormatVersion"] = "2.0"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="eu-west-1"))
    try:
        translator.translate(template, {})
    except InvalidDocumentException:
        return True
    return False


def test_a_fact_of_a_value_is_at_the_value() -> None:
    """Who looks for what could not be decided is sent to the line that says it."""
    asked = "\n          {ReauthorizeEvery: !Ref Seconds}"
    (one,) = found(("Default: 0}", "}"), ("{ReauthorizeEvery: 0}", asked))
    what = "not decidable: the time to live of Rbac: parameter Seconds has no default"
    assert one == ("T000", 10, what)


def test_an_auth_of_a_websocket_api_that_is_text_is_no_protection() -> None:
    """SAM takes a mapping there, too."""
    text = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Socket:\n"
        "    Type: AWS::Serverless::WebSocketApi\n"
        "    Properties: {Auth: NONE, Routes: {$connect: {FunctionArn: x}}}\n"
    )
    why = "expected Auth to be a mapping such as {Authorizer: NONE}, found 'NONE'"
    assert found(text=text) == [("T003", 5, why)]


def test_an_incomplete_api_is_a_warning_that_says_what_was_not_looked_for() -> None:
    """Whole rules are silent where a route is missing, and nobody may take that for a pass."""
    text = TEMPLATE.replace("Path: /hello", "Path: !Sub '/${AWS::Region}/hello'")
    template = parse_template(text.encode(), "template.yaml")
    (one,) = (each for each in unresolved_facts(analysis_of(template)) if each.code == "T002")

    assert (one.severity, one.location.line) == (Severity.WARNING, 4)
    assert one.effect.startswith("X103, X105, X106, X107 and X207 were not looked for")
    assert "compile --template" in one.effect


def test_the_properties_of_events_are_those_of_sam() -> None:
    """A property that SAM comes to know is added here before its users meet an error."""
    assert set(HttpApi.property_types) == EVENT_PROPERTIES["HttpApi"]
    assert {*Api.property_types, *StateMachineApi.property_types} == EVENT_PROPERTIES["Api"]


def test_a_name_that_stands_twice_is_said_where_it_counts_for_nothing(tmp_path: Path) -> None:
    """Also in a file that is included; a name that is merged in, and one's own, are no such two."""
    (tmp_path / "events.yaml").write_text("Get: {Type: HttpApi}\nGet: {Type: Schedule}\n")
    include = "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: events.yaml}}}"
    text = (
        "Resources:\n"
        "  Api: {Type: AWS::Serverless::HttpApi}\n"
        "  Hello: &function\n"
        "    Type: AWS::Serverless::Function\n"
        f"    Properties: {{Events: {include}}}\n"
        "  Other: {<<: *function, Type: AWS::Serverless::StateMachine}\n"
        "  Api: {Type: AWS::Serverless::Api}\n"
    )
    template = parse_template(text.encode(), "template.yaml", folder=tmp_path)
    said = {
        (Path(one.location.file).name, one.location.line, one.location.column, one.message)
        for one in unresolved_facts(analysis_of(template))
        if one.code == "T005"
    }
    again = "expected each name once, found"
    assert said == {
        ("template.yaml", 2, 3, f"{again} 'Api' again on line 7, which counts"),
        ("events.yaml", 1, 1, f"{again} 'Get' again on line 2, which counts"),
    }


def test_what_is_within_a_choice_is_not_decidable_where_the_choice_stands() -> None:
    """A mapping that a condition chooses has everything, and nothing, for certain."""
    chosen = "Identity:\n            !If [C, {ReauthorizeEvery: 0}, !Ref AWS::NoValue]"
    condition = "Conditions: {C: !Equals [!Ref Name, a]}\nResources:\n  Api:"
    facts = found(("Identity: {ReauthorizeEvery: 0}", chosen), ("Resources:\n  Api:", condition))
    assert {line for code, line, _ in facts if code == "T000"} == {11}
