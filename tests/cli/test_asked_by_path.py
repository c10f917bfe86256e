"""An authorizer that is not told the route: every tool asks the policy as it does, by the path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.location import Location
from authorizer.cli.main import cli
from authorizer.cli.template.model import Api, ApiKind, Authorizer, AuthorizerKind, Route, Unknown

if TYPE_CHECKING:
    from click.testing import Result

# Of a path both routes match, /x/x, a TOKEN authorizer cannot know which one was chosen.
POLICY = """\
version: 1
groups:
  reader:
    allow: ["GET /x/{b}"]
    deny: ["GET /{a}/x"]
tests:
  - as: {groups: [reader]}
    allow: [GET /x/y]
    deny: [GET /x/x]
"""
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: x
      Auth:
        DefaultAuthorizer: Rbac
        Authorizers: {Rbac: {FunctionArn: !GetAtt F.Arn, FunctionPayloadType: KIND}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        One: {Type: Api, Properties: {RestApiId: !Ref Api, Method: GET, Path: "/x/{b}"}}
        Two: {Type: Api, Properties: {RestApiId: !Ref Api, Method: GET, Path: "/{a}/x"}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    for kind in ("TOKEN", "REQUEST"):
        (tmp_path / f"{kind}.yaml").write_text(TEMPLATE.replace("KIND", kind))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_explain_counts_the_deny_that_a_token_authorizer_counts(folder: Path) -> None:
    """For ``/x/x`` the deny of the other route counts, and it is the one that is named."""
    asked = ("explain", "GET", "/x/x", "-g", "reader", "--format", "json", "-t")
    by_path, by_route = (
        json.loads(run(*asked, f"{kind}.yaml").stdout) for kind in ("TOKEN", "REQUEST")
    )
    assert (by_path["verdict"], by_path["policy"]["reason"]) == ("denied", "denied_by_rule")
    assert by_path["policy"]["rule"]["line"] == 5
    assert by_path["route"]["key"] == "GET /x/{b}"
    assert by_route["verdict"] == "allowed"


def test_explain_says_that_the_route_is_not_told(folder: Path) -> None:
    """Whoever reads it must not look for the rules of the route alone."""
    said = run("explain", "GET", "/x/x", "-g", "reader", "-t", "TOKEN.yaml").stdout
    assert "its authorizer 'Rbac' (token) is not told it, and judges by the path" in said
    assert (
        "is not told it"
        not in run("explain", "GET", "/x/x", "-g", "reader", "-t", "REQUEST.yaml").stdout
    )


def test_a_case_passes_if_the_token_authorizer_answers_so(folder: Path) -> None:
    """What is denied there may be expected to be."""
    assert run("test", "-t", "TOKEN.yaml").exit_code == 0
    found = run("test", "-t", "REQUEST.yaml")
    assert (found.exit_code, "expected deny, found allow: GET /x/x" in found.stdout) == (1, True)


def test_a_cell_of_the_matrix_depends_on_the_path(folder: Path) -> None:
    """All of it, but for the path that the other route's deny takes away."""
    sheet = run("matrix", "-t", "TOKEN.yaml", "--format", "markdown").stdout
    assert "| `GET /x/{b}` | · | partly 1 |" in sheet
    assert "depends on the path, such as /x/x: denied; /x/*: all of it" in sheet
    told = run("matrix", "-t", "REQUEST.yaml", "--format", "markdown").stdout
    assert "| `GET /x/{b}` | · | allow |" in told


def test_a_diff_has_what_changes_by_the_path(folder: Path) -> None:
    """Without the other route's deny somebody gains ``/x/x``: on the first route, too."""
    (folder / "new.yaml").write_text(POLICY.replace('    deny: ["GET /{a}/x"]\n', ""))
    gained = {}
    for kind in ("TOKEN", "REQUEST"):
        found = json.loads(
            run("diff", "policy.yaml", "new.yaml", "-t", f"{kind}.yaml", "--format", "json").stdout
        )
        gained[kind] = [change["route"] for change in found["changes"] if change["gains"]]
    assert gained == {"TOKEN": ["GET /x/{b}", "GET /{a}/x"], "REQUEST": []}


@pytest.mark.parametrize("kind", [*AuthorizerKind, Unknown("only the deployment tells")])
def test_only_token_authorizers_are_not_told_the_route(kind: AuthorizerKind | Unknown) -> None:
    """And of what cannot be known, the usual is assumed."""
    location = Location(file="t.yaml", line=1, column=1)
    authorizer = Authorizer(name="A", location=location, kind=kind)
    protection = RouteProtection(
        api=Api(id="Api", kind=ApiKind.REST, location=location),
        route=Route(method="GET", path="/x", authorizer="A", location=location),
        decided_by=DecidedBy.POLICY,
        authorizer=authorizer,
    )
    assert protection.names_route is (kind is not AuthorizerKind.TOKEN)


# --- paths that can be read in two ways -----------------------------------------------------------

HTTP = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Rbac
        Authorizers:
          Rbac:
            FunctionArn: !GetAtt F.Arn
            AuthorizerPayloadFormatVersion: "VERSION"
            EnableSimpleResponses: SIMPLE
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/users/{id}"}}
        Two: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /users/admin}}
        Hello: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /hello}}
"""
READER = 'version: 1\ngroups: {reader: {allow: ["GET /users/{id}", GET /hello]}}\n'


def explained(path: str, version: str = "2.0", *, is_simple: bool = True) -> tuple[int, Any]:
    """The exit code, and what programs read."""
    Path("policy.yaml").write_text(READER)
    template = HTTP.replace("VERSION", version).replace("SIMPLE", str(is_simple).lower())
    Path("http.yaml").write_text(template)
    found = run("explain", "GET", path, "-g", "reader", "-t", "http.yaml", "--format", "json")
    return found.exit_code, json.loads(found.stdout)


def test_a_slash_too_many_has_the_authorizers_name_and_a_remedy(folder: Path) -> None:
    """The authorizer's log calls it ``path_unsafe``, too; and it says what to write."""
    exit_code, told = explained("/hello/")
    assert (exit_code, told["policy"]["reason"]) == (1, "path_unsafe")
    assert "leave the slash at the end away: /hello" in told["notes"]


def test_what_depends_on_the_reading_is_not_decided(folder: Path) -> None:
    """One route would let it in, and the other would not; which it is, nobody promises."""
    exit_code, told = explained("/users/%61dmin")
    assert (exit_code, told["verdict"], told["route"]["key"]) == (2, "route_ambiguous", None)
    _, allowed, denied = told["notes"]
    assert "if it reaches GET /users/{id}: GET /users/%61dmin is allowed by" in allowed
    assert "if it reaches GET /users/admin: GET /users/%61dmin is denied" in denied

    exit_code, told = explained("/%68ello")
    assert (exit_code, told["verdict"]) == (2, "route_ambiguous")
    assert "or else: GET /%68ello reaches no route of the API" in told["notes"][1]


def test_a_case_that_depends_on_the_reading_is_undecidable(folder: Path) -> None:
    """It passes neither as allowed nor as denied."""
    explained("/hello")
    for effect in ("allow", "deny"):
        Path("policy.yaml").write_text(
            f"{READER}tests: [{{as: {{groups: [reader]}}, {effect}: [GET /users/%61dmin]}}]\n"
        )
        found = run("test", "-t", "http.yaml")
        assert (found.exit_code, "0 passed, 0 failed, 1 undecidable" in found.stdout) == (2, True)


@pytest.mark.parametrize(
    ("version", "is_simple", "exit_code"),
    [("2.0", True, 0), ("2.0", False, 1), ("1.0", False, 1)],
)
def test_a_path_that_no_document_can_name_is_denied(
    version: str, exit_code: int, folder: Path, *, is_simple: bool
) -> None:
    """The authorizer answers ``path_unsafe`` where it answers by an IAM document."""
    found, told = explained("/users/$me", version, is_simple=is_simple)
    assert found == exit_code
    assert (told["policy"]["reason"] == "path_unsafe") is (exit_code == 1)
    assert any("write the path without them" in note for note in told["notes"]) is (exit_code == 1)


def test_a_path_that_is_too_long_for_a_document_is_denied(folder: Path) -> None:
    """However short the rest of the ARN is; and a simple answer has no ARN."""
    path = f"/users/{'x' * 512}"
    exit_code, told = explained(path, "1.0")
    assert (exit_code, told["policy"]["reason"]) == (1, "resource_too_long")
    assert explained(path)[0] == 0


@pytest.mark.parametrize(("rule", "exit_code"), [("GET /{a}/x", 0), ("GET /{a=sub}/x", 1)])
def test_a_callers_document_may_cover_it_with_others(
    rule: str, exit_code: int, folder: Path
) -> None:
    """On a REST API all of ``/x/{b}`` is granted, whatever the value."""
    (folder / "policy.yaml").write_text(
        f'version: 1\ngroups: {{reader: {{allow: ["GET /x/{{b}}", "{rule}"]}}}}\n'
    )
    asked = ("explain", "GET", "/$y/x", "-g", "reader", "--claim", "sub=$y", "-t", "REQUEST.yaml")
    assert run(*asked).exit_code == exit_code


@pytest.mark.parametrize(
    ("template", "modes", "is_allowed"),
    [
        ("REST", "''", True),
        ("REST", "rest-request=request", False),
        ("REST", "rest-token=request", True),
        ("HTTP", "''", False),
        ("HTTP", "http-1.0=caller", True),
        ("HTTP", "http-2.0=caller", False),
        # What only a deployment decides is taken for the usual.
        ("REST", "!Ref AWS::Region", True),
    ],
)
def test_the_functions_settings_say_how_it_answers(
    template: str, modes: str, folder: Path, *, is_allowed: bool
) -> None:
    """A path that no document names is allowed only by one that covers all of its route."""
    text = TEMPLATE if template == "REST" else HTTP.replace("VERSION", "1.0")
    variables = f"AUTHORIZER_USER_POOLS: x, AUTHORIZER_IAM_MODES: {modes}"
    text = text.replace("KIND", "REQUEST").replace("SIMPLE", "false")
    text = text.replace(
        "    Properties:\n      Events:",
        f"    Properties:\n      Environment: {{Variables: {{{variables}}}}}\n      Events:",
    )
    (folder / "t.yaml").write_text(text)
    path = "/x/$y" if template == "REST" else "/users/$y"
    effect = "allow" if is_allowed else "deny"
    (folder / "policy.yaml").write_text(
        'version: 1\ngroups: {reader: {allow: ["GET /x/{b}", "GET /{a}/x", "GET /users/{id}"]}}\n'
        f"tests: [{{as: {{groups: [reader]}}, {effect}: [GET {path}]}}]\n"
    )
    found = run("explain", "GET", path, "-g", "reader", "-t", "t.yaml")
    assert found.exit_code == (0 if is_allowed else 1)
    assert run("test", "-t", "t.yaml").exit_code == 0
