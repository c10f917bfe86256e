"""``authorizer explain``: the decision, how it came, and what would have to differ."""

from __future__ import annotations

import json
import re
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_policy import policy_of
from simulator import CLIENT_ID, POOL_ID, Cognito, serve_jwks

from authorizer.cli.analysis.alternatives import plain_spellings
from authorizer.cli.analysis.explanation import explain, headline, unsafe_part
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.analysis.request import Caller, Request, resolve, why_preferred
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.local import scenario
from authorizer.cli.local.project import read_project
from authorizer.cli.local.users import Person, machines_of, people_of
from authorizer.cli.location import Location
from authorizer.cli.main import cli
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    AuthorizerKind,
    HiddenRoutes,
    Route,
    Unknown,
    Unresolved,
)
from authorizer.policy.paths import safe_segments

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TEMPLATE = ("--template", "template.yaml")
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


@pytest.fixture(autouse=True)
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample project, nobody signed in."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)


def run(*arguments: str, stdin: str = "") -> Result:
    result = CliRunner().invoke(cli, ["explain", *arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def explained(*arguments: str) -> Any:
    """What programs read."""
    return json.loads(run(*arguments, "--format", "json").stdout)


def transcripts(text: str) -> dict[str, tuple[list[str], str]]:
    """Each command of a transcript, with what it printed; its exit code follows in brackets."""
    told = {}
    for block in re.findall(r"^\$ authorizer explain (.*\n(?:(?![$#`]).*\n)*)", text, re.MULTILINE):
        command, _, printed = block.partition("\n")
        told[command] = (shlex.split(command), printed.strip("\n"))
    return told


PAGE = (ROOT / "docs" / "explain.md").read_text()
DOCUMENTED = transcripts(PAGE)


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample project's files, and those that docs/explain.md shows."""
    for name in ("policy.yaml", "template.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    shown = re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", PAGE, re.DOTALL)
    assert shown
    for name, text in shown:
        (tmp_path / name).write_text(f"# {name}\n{text}")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("documented")
@pytest.mark.parametrize(("arguments", "printed"), DOCUMENTED.values(), ids=DOCUMENTED.keys())
def test_the_documents_examples_are_true(arguments: list[str], printed: str) -> None:
    """docs/explain.md shows what the command prints of files that it shows or that are here."""
    lines = [line.rstrip() for line in run(*arguments).stdout.splitlines()]
    assert lines == [line.rstrip() for line in printed.splitlines()]


VERDICTS = {200: {"allowed", "public"}, 403: {"denied"}, 404: {"no_route"}}


def scenario_cases() -> list[scenario.Case]:
    """What `make run` plays with good tokens, here of a simulated pool."""
    cognito, project = Cognito(), read_project(ROOT / "template.yaml", ROOT / "policy.yaml")
    people = tuple(replace(one, sub=f"{one.name}-0000") for one in people_of(project))

    def access_token(person: Person) -> str:
        if not person.scopes:
            return cognito.sign(cognito.claims(sub=person.sub, cognito_groups=[*person.groups]))
        scope = " ".join(person.scopes)
        return cognito.sign({"sub": person.sub, "client_id": person.sub, "scope": scope})

    machines = machines_of(project, "machine-client", ["reports/read"])
    plan = scenario.Plan(project, people, machines)
    good = plan.cases(access_token)
    return [*plan.without_token(good[0], None)][:1] + good


@pytest.mark.parametrize("case", scenario_cases(), ids=lambda case: f"{case.who}: {case.request}")
def test_it_agrees_with_what_the_api_must_answer(case: scenario.Case) -> None:
    """Each row of `make run` with a good token: its status and reason are those explained."""
    token = ("--token", "-") if case.authorization else ()
    arguments = (case.method, case.path, *token, *TEMPLATE, "--format", "json")
    told = json.loads(run(*arguments, stdin=case.authorization or "").stdout)
    assert told["verdict"] in VERDICTS[case.status]
    if case.status == 403:
        assert told["policy"]["reason"] == case.reason


def test_json_says_the_same() -> None:
    """Every part of the text, as fields."""
    told = explained("POST", "/articles", "-g", "reader", *TEMPLATE)
    assert told["verdict"] == "denied"
    assert told["policy"]["reason"] == "not_granted"
    assert told["route"]["key"] == "POST /articles"
    assert [
        (alternative["changes"], alternative["caller"]["groups"], alternative["rule"]["line"])
        for alternative in told["nearest"]
    ] == [
        ([{"kind": "join_group", "names": ["editor"]}], ["reader", "editor"], 14),
        ([{"kind": "join_group", "names": ["admin"]}], ["reader", "admin"], 14),
    ]
    assert "token" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("GET",), "expected METHOD and PATH", id="no path"),
        pytest.param(("get", "/books"), "found 'get': write GET", id="small method"),
        pytest.param(("get", "books"), "starts with /, found 'books'", id="method and path"),
        pytest.param(("GTE", "/x"), "found 'GTE': did you mean GET?", id="misspelt method"),
        pytest.param(("GET,POST", "/x"), "expected one method at a time", id="two methods"),
        pytest.param(("", "/x"), "expected one method at a time", id="no method"),
        pytest.param(("ANY", "/x"), "expected one method at a time", id="every method"),
        pytest.param(
            ("GET", "https://a.example/prod/books"),
            "leave away the scheme, host and stage",
            id="address",
        ),
        pytest.param(("GET", "hello"), "a path that starts with /", id="no slash"),
        pytest.param(("GET", "/users/{id}"), "expected a concrete path", id="template"),
        pytest.param(("GET", "/hello?x=1"), "without query and fragment", id="query"),
        pytest.param(("GET", "/x", "--claim", "sub"), "as name=value", id="claim"),
        pytest.param(("GET", "/x", "--token", "t", "-g", "a"), "give either", id="token, too"),
        pytest.param(("GET", "/x", "--api", "Api"), "give --template, too", id="api alone"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, and a sentence."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_policy_that_is_not_here_may_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands in the wrong folder is told where to go; whoever named a file is not."""
    monkeypatch.chdir(tmp_path)
    result = run("GET", "/hello")
    assert "policy.yaml: cannot be read: No such file or directory; " in result.stderr
    assert "run it where policy.yaml is, or name it with --policy" in result.stderr
    assert "name it with" not in run("GET", "/hello", "--policy", "other.yaml").stderr


def test_blanks_around_names_do_not_count() -> None:
    """A list may be written as people write one."""
    told = explained("GET", "/hello", "-g", " reader, editor ")
    assert told["caller"]["groups"] == ["reader", "editor"]


def test_routes_that_cannot_be_read_are_said_to_be_missing(tmp_path: Path) -> None:
    """Where a definition is elsewhere, nobody takes what is here for all of the API."""
    template = tmp_path / "t.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n"
        "    Type: AWS::Serverless::HttpApi\n"
        "    Properties: {DefinitionUri: 's3://bucket/openapi.yaml'}\n"
    )
    result = run("GET", "/hello", "-g", "reader", "--template", str(template))
    assert "not every route of Api can be read offline" in result.stderr


@pytest.mark.parametrize(
    ("api", "status"),
    [("http-api", "404"), ("rest-api", "403 (Missing Authentication Token)")],
)
def test_the_status_of_no_route_is_that_of_the_kind_of_api(api: str, status: str) -> None:
    """An HTTP API says 404, and a REST API 403, in words that do not mean a token."""
    template = ROOT / "tests" / "templates" / "base" / f"{api}.yaml"
    result = run("GET", "/nowhere", "-g", "reader", "--template", str(template))
    assert result.stdout.splitlines()[0].endswith(f"answers it by itself, with {status}")


def test_a_web_socket_api_takes_no_other_requests(tmp_path: Path) -> None:
    """Its routes are for messages over a connection, and $default is one of them."""
    template = tmp_path / "t.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n"
        "    Type: AWS::Serverless::WebSocketApi\n"
        "    Properties: {Routes: {$connect: {FunctionArn: x}, $default: {FunctionArn: x}}}\n"
    )
    told = explained("GET", "/hello", "-g", "reader", "--template", str(template))
    assert told["verdict"] == "no_route"


def test_a_connect_route_has_no_path(tmp_path: Path) -> None:
    """A WebSocket API's connection is asked for by its name alone."""
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\ngroups:\n  member: {allow: [$connect]}\n")
    assert run("$connect", "-g", "member", "--policy", str(policy)).exit_code == 0
    (nearest,) = explained("$connect", "--policy", str(policy))["nearest"]
    assert nearest["changes"] == [{"kind": "join_group", "names": ["member"]}]


def test_a_group_with_a_comma_in_its_name_is_one_group(tmp_path: Path) -> None:
    """Cognito allows commas in group names."""
    policy = tmp_path / "p.yaml"
    policy.write_text('version: 1\ngroups:\n  "a,b": {allow: [GET /x]}\n')
    assert run("GET", "/x", "-g", "a,b", "--policy", str(policy)).exit_code == 0


@settings(max_examples=examples(150), deadline=None)
@given(
    st.text(max_size=12) | st.text("/.;%2fcC3aé*{}\x1b[31m\u202e\ud800", max_size=12),
    st.text(max_size=6),
    st.booleans(),
)
def test_nothing_printed_is_obeyed_by_a_terminal(path: str, name: str, with_routes: bool) -> None:  # noqa: FBT001
    """Whatever stands in a path or a group's name, the report is lines of printable text."""
    template = TEMPLATE if with_routes else ()
    arguments = ("explain", "GET", f"/{path}", f"--groups={name}", f"--claim=sub={name}", *template)
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, SystemExit)
    assert all(line.isprintable() for line in result.output.split("\n"))


# --- with a token ---------------------------------------------------------------------------------


@pytest.fixture
def cognito() -> Cognito:
    return Cognito()


@pytest.fixture
def keys(cognito: Cognito) -> Iterator[tuple[str, ...]]:
    with serve_jwks(cognito.jwks()) as server:
        yield ("--pool-id", POOL_ID, "--client-id", CLIENT_ID, "--jwks-url", server.url)


def token(cognito: Cognito, **changes: Any) -> str:
    now = int(time.time())
    times = {"iat": now - 60, "auth_time": now - 60, "exp": now + 750}
    return cognito.sign(cognito.claims(**times | changes))


def run_with_token(text: str, *arguments: str) -> Result:
    """The command, with the token's parts looked for in all that it prints."""
    result = run(*arguments, "--token", "-", stdin=f"Bearer {text}\n")
    assert not any(part in result.output for part in text.split(".") if len(part) > 10)
    return result


def test_a_good_token_tells_who_asks(cognito: Cognito, keys: tuple[str, ...]) -> None:
    """Five steps passed, and the policy asked with the token's own groups and claims."""
    good = token(cognito, cognito_groups=["reader"])
    asked = ("GET", f"/users/{SUB}", *keys, *TEMPLATE, "--format", "json")
    result = run_with_token(good, *asked)
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [step["word"] for step in told["token"]["steps"]] == ["passed"] * 5
    assert (told["verdict"], told["policy"]["rule"]["line"]) == ("allowed", 10)
    assert (told["caller"]["groups"], told["caller"]["claims"]["sub"]) == (["reader"], SUB)
    assert told["route"]["key"] == "GET /users/{user}"


def test_a_refused_token_says_at_which_step(cognito: Cognito, keys: tuple[str, ...]) -> None:
    """The step that failed, those that were not reached, and what a good one would get."""
    expired = token(cognito, cognito_groups=["reader"], exp=int(time.time()) - 9)
    result = run_with_token(expired, "GET", "/hello", *keys, "--format", "json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["verdict"], told["policy"]["verdict"]) == ("refused", "allowed")
    assert told["policy"]["rule"]["line"] == 8
    assert told["token"]["reason"] == "expired"
    assert [step["word"] for step in told["token"]["steps"]] == [*["passed"] * 4, "failed: expired"]


def test_without_a_pool_nothing_is_fetched(cognito: Cognito) -> None:
    """Shape and header are judged, and the rest is said not to be."""
    good = token(cognito, cognito_groups=["reader"])
    result = run_with_token(good, "GET", "/hello", "--format", "json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [step["word"] for step in told["token"]["steps"]] == [
        *["passed"] * 2,
        *["not judged"] * 3,
    ]
    assert told["policy"]["verdict"] == "allowed"


def test_a_token_in_a_file(cognito: Cognito, tmp_path: Path) -> None:
    """A file does as well as standard input."""
    file = tmp_path / "token.txt"
    file.write_text(token(cognito, cognito_groups=["reader"]))
    assert explained("GET", "/hello", "--token", str(file))["policy"]["verdict"] == "allowed"


def test_a_token_among_the_arguments_is_not_quoted(cognito: Cognito) -> None:
    """Whoever gives the token itself is told how to give it, and does not see it again."""
    text = token(cognito)
    result = run("GET", "/hello", "--token", text)
    assert result.exit_code == 2
    assert "a token is given in a file, or as - on standard input" in result.stderr
    assert not any(part in result.output for part in text.split("."))


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=200) | st.text(".eyJ{}\"'0aA-_= \n", max_size=80).map(str.encode))
def test_any_bytes_as_a_token_are_judged(data: bytes) -> None:
    """No bytes break the command, and none are good; no token is no answer."""
    result = CliRunner().invoke(cli, ["explain", "GET", "/hello", "--token", "-"], input=data)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == (1 if result.stdout else 2)


# --- how a request comes to its route -------------------------------------------------------------

ROUTES = (
    *("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"),
    *("ANY /mixed", "GET /mixed", "GET /{lang}/help", "GET /admin/{proxy+}", "POST /only/{id}"),
)


@pytest.mark.parametrize(
    ("request_text", "http", "rest"),
    [
        pytest.param("GET /pets/dog/1", "GET /pets/dog/1", "GET /pets/dog/1", id="literal"),
        pytest.param("GET /pets/dog/2", "GET /pets/dog/{id}", "GET /pets/dog/{id}", id="parameter"),
        pytest.param("GET /pets/cat/1", "GET /pets/{proxy+}", "GET /pets/{proxy+}", id="greedy"),
        pytest.param("POST /test/5", "ANY /{proxy+}", "ANY /{proxy+}", id="shorter greedy"),
        pytest.param("GET /", "$default", "$default", id="default"),
        pytest.param("GET /mixed", "GET /mixed", "GET /mixed", id="method before ANY"),
        pytest.param("PUT /mixed", "ANY /mixed", "ANY /mixed", id="ANY for the others"),
        pytest.param("GET /admin/help", "GET /{lang}/help", "GET /admin/{proxy+}", id="kinds"),
        pytest.param("GET /only/1", "ANY /{proxy+}", None, id="method elsewhere"),
    ],
)
def test_api_gateways_order(request_text: str, http: str | None, rest: str | None) -> None:
    """As the documentation's own examples have it; and REST APIs look at the path first."""
    method, _, path = request_text.partition(" ")
    request = Request(method=method, path=path)
    for is_rest, expected in ((False, http), (True, rest)):
        winner = resolve(ROUTES, request, is_rest=is_rest).winner
        assert (winner.key if winner else None) == expected


def test_why_one_route_is_preferred() -> None:
    """Each candidate that was not reached has its reason."""
    resolution = resolve(ROUTES, Request(method="GET", path="/pets/dog/1"), is_rest=False)
    winner = resolution.winner
    assert winner is not None
    assert [(one.key, why_preferred(winner, one)) for one in resolution.candidates[1:]] == [
        ("GET /pets/dog/{id}", "literal 1 before a parameter"),
        ("GET /pets/{proxy+}", "a full match before {proxy+}"),
        ("ANY /{proxy+}", "a full match before {proxy+}"),
        ("$default", "$default takes only what no other route takes"),
    ]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        pytest.param("/a;b", "the character ';'", id="parameter"),
        pytest.param(
            "/a//b", "an empty segment (two slashes in a row, or one at the end)", id="//"
        ),
        pytest.param("/a/", "an empty segment (two slashes in a row, or one at the end)", id="end"),
        pytest.param("/a/../b", "the dot segment '..'", id="dots"),
        pytest.param("/a%2fb", "'%2f', which another program may read as '/'", id="slash"),
        pytest.param("/%61", "'%61', which another program may read as 'a'", id="letter"),
        pytest.param(
            "/%C3%A9%2e", "'%2e', which another program may read as '.'", id="among others"
        ),
        pytest.param("/%c0%af", "'%c0%af', which is not valid UTF-8", id="overlong"),
        pytest.param("/a\x00", "the control character or white space '\\x00'", id="control"),
        pytest.param("/a%", "the character '%'", id="lone percent"),
        pytest.param("x", "it does not start with /", id="no slash"),
        pytest.param("/plain/%C3%A9", None, id="plain"),
    ],
)
def test_the_unsafe_part_is_named(path: str, part: str | None) -> None:
    """The character, the segment or the encoding that can be read in two ways."""
    assert unsafe_part(path) == part


@settings(max_examples=examples(300), deadline=None)
@given(st.text("/.;%2fcC3aé* \x00\\{", max_size=12).map("/{}".format))
def test_a_path_is_unsafe_exactly_when_a_part_is_named(path: str) -> None:
    """It is the policy's own check that is explained, and plain spellings pass it."""
    assert (unsafe_part(path) is None) is (safe_segments(path) is not None)
    assert all(safe_segments(plain) is not None for plain in plain_spellings(path))


# --- what else there is to know -------------------------------------------------------------------


def notes(policy: str, request: Request, caller: Caller, **api: Any) -> tuple[str, ...]:
    return explain(Simulator(policy=policy_of(policy), **api), request, caller).notes


HERE = Location(file="t.yaml", line=1, column=1)


def protected(
    decided_by: DecidedBy,
    authorizer: Authorizer | None = None,
    asked: str | Unknown | None = None,
) -> RouteProtection:
    """A route that an authorizer guards, or of which it is not known which one does."""
    name = asked if authorizer is None else authorizer.name
    return RouteProtection(
        api=Api(id="Api", kind=ApiKind.HTTP, location=HERE),
        route=Route(method="GET", path="/health", authorizer=name, location=HERE),
        decided_by=decided_by,
        authorizer=authorizer,
    )


NOBODY = protected(DecidedBy.NOBODY)
OURS = protected(
    DecidedBy.POLICY, Authorizer(name="Rbac", kind=AuthorizerKind.REQUEST, location=HERE)
)
OWN = "version: 1\ngroups: {reader: {allow: ['GET /users/{user=sub}']}}\npublic: [GET /health]\n"


def test_a_claim_that_is_no_text_is_noted() -> None:
    """Rule 4: nothing is coerced, so a number never equals what looks like it."""
    caller = Caller(groups=("reader",), claims={"sub": 42})
    assert notes(OWN, Request(method="GET", path="/users/42"), caller) == (
        "the claim sub is no text (42): it equals nothing",
    )


def test_an_encoded_value_is_noted() -> None:
    """An encoded value equals no claim, whatever it decodes to."""
    caller = Caller(groups=("reader",), claims={"sub": "a b"})
    assert notes(OWN, Request(method="GET", path="/users/a%20b"), caller) == (
        "'a%20b' in the path is percent-encoded: it equals no claim",
    )


@pytest.mark.parametrize(
    ("path", "protections", "verdict"),
    [
        pytest.param("/health", {"GET /health": NOBODY}, Verdict.PUBLIC, id="both say public"),
        pytest.param("/health", {"GET /health": OURS}, Verdict.DENIED, id="the template guards it"),
        pytest.param("/health", {}, Verdict.PUBLIC, id="the template does not tell"),
        pytest.param("/open", {"GET /open": NOBODY}, Verdict.PUBLIC, id="the template forgot it"),
    ],
)
def test_what_is_public_is_what_the_template_says(
    path: str, protections: dict[str, RouteProtection], verdict: Verdict
) -> None:
    """The policy's list of public routes opens nothing: only a route without authorizer is open."""
    simulator = Simulator(
        policy=policy_of(OWN),
        routes=("GET /health", "GET /open"),
        routes_from="t.yaml",
        protections=protections,
    )
    explanation = explain(simulator, Request(method="GET", path=path), Caller())
    assert explanation.answer.verdict is verdict
    if verdict is Verdict.DENIED:
        assert "says that it is public, but t.yaml has an authorizer" in explanation.notes[0]
    if path == "/open":
        assert "by t.yaml, which has no authorizer for its route" in headline(
            simulator, explanation
        )


@pytest.mark.parametrize(
    ("protection", "verdict", "note"),
    [
        pytest.param(
            protected(
                DecidedBy.UNKNOWN,
                Authorizer(
                    name="Either",
                    kind=AuthorizerKind.REQUEST,
                    function=Unknown("it depends"),
                    location=HERE,
                ),
            ),
            Verdict.DENIED,
            "whether its authorizer 'Either' (request) asks policy.yaml cannot be told from "
            "t.yaml: it depends; this holds if it does",
            id="which function",
        ),
        pytest.param(
            protected(DecidedBy.UNKNOWN, asked=Unknown("it depends")),
            Verdict.PUBLIC,
            "whether the route has an authorizer cannot be told from t.yaml: it depends; "
            "this holds if it has none",
            id="whether there is one",
        ),
    ],
)
def test_an_authorizer_that_cannot_be_told_is_noted(
    protection: RouteProtection, verdict: Verdict, note: str
) -> None:
    """The policy's answer stands, with what it depends on."""
    simulator = Simulator(
        policy=policy_of(OWN),
        routes=("GET /health",),
        routes_from="t.yaml",
        protections={"GET /health": protection},
    )
    explanation = explain(simulator, Request(method="GET", path="/health"), Caller())
    assert explanation.answer.verdict is verdict
    assert note in explanation.notes


UNREAD = (
    Unresolved(
        location=Location(file="t.yaml", line=4, column=9),
        what=HiddenRoutes("the route of event S", label="event S"),
        why="w",
    ),
)


@pytest.mark.parametrize(
    ("method", "path", "noted"),
    [
        pytest.param("GET", "/open", False, id="literal"),
        pytest.param("PUT", "/open", True, id="every method"),
        pytest.param("GET", "/users/1", True, id="parameter"),
        pytest.param("GET", "/more/of/it", True, id="greedy"),
    ],
)
def test_a_route_that_was_not_read_may_be_more_specific(
    method: str,
    path: str,
    noted: bool,  # noqa: FBT001
) -> None:
    """Only a literal route with the request's own method can be had by no other."""
    routes = ("GET /open", "ANY /open", "GET /users/{user}", "GET /more/{proxy+}")
    told = notes(OWN, Request(method=method, path=path), Caller(), routes=routes, unread=UNREAD)
    assert ("t.yaml:4:9 (event S) could not be read, and may take it instead" in told) is noted


def test_what_is_not_decided_by_the_policy_is_neither_yes_nor_no() -> None:
    """Another authorizer, or a route that was not read: exit code 2, and no nearest alternative."""
    simulator = Simulator(
        policy=policy_of(OWN),
        routes=("GET /users/{user}",),
        routes_from="t.yaml",
        protections={
            "GET /users/{user}": protected(
                DecidedBy.OTHER, Authorizer(name="Login", kind=AuthorizerKind.JWT, location=HERE)
            )
        },
        unread=UNREAD,
    )
    told = {
        path: explain(simulator, Request(method="GET", path=path), Caller(groups=("reader",)))
        for path in ("/users/1", "/search/live")
    }
    assert [one.answer.verdict for one in told.values()] == [Verdict.ELSEWHERE, Verdict.UNREAD]
    assert not any(one.answer.is_open or one.answer.is_known for one in told.values())
    assert headline(simulator, told["/users/1"]) == (
        "GET /users/1 is decided by its authorizer 'Login' (jwt), which does not ask policy.yaml; "
        "whoever that lets in may call it"
    )
    assert headline(simulator, told["/search/live"]) == (
        "GET /search/live reaches none of the routes that could be read; "
        "t.yaml:4:9 (event S) could not be"
    )
    assert [one.alternatives for one in told.values()] == [(), ()]


@pytest.mark.usefixtures("documented")
def test_json_says_who_decides_and_what_was_not_read() -> None:
    """A program sees neither an allow nor a denial."""
    for method, path, verdict in (
        ("POST", "/articles", "decided_elsewhere"),
        ("GET", "/search/live", "route_not_read"),
    ):
        result = run(method, path, "-g", "editor", "-t", "shop.yaml", "--format", "json")
        told = json.loads(result.stdout)
        assert (told["verdict"], result.exit_code) == (verdict, 2)
        (unread,) = told["route"]["unread"]
        assert unread["why"] == "parameter Stage has no default"
        if verdict == "decided_elsewhere":
            login = {"name": "Login", "kind": "jwt", "asks_policy": False}
            assert told["route"]["authorizer"] == login


def test_a_preflight_is_noted() -> None:
    """A missing OPTIONS route is what CORS makes of it."""
    request = Request(method="OPTIONS", path="/users/1")
    assert notes(OWN, request, Caller(), routes=("GET /users/{id}",)) == (
        "the API has such a path with GET only",
        "an API with CORS answers a browser's preflight by itself, and asks no authorizer",
    )


def test_connect_without_its_route_reaches_nothing() -> None:
    """A WebSocket API that has no $connect route in the template asks nobody."""
    simulator = Simulator(policy=policy_of(OWN), routes=("GET /health",))
    answer = simulator.ask(Request(method="", path="$connect"), Caller())
    assert answer.verdict is Verdict.NO_ROUTE
