"""``authorizer event``: finding a sample, filling it, and what the authorizer answers."""

from __future__ import annotations

import json
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sample_index import read_index, status_of
from simulator import serve_jwks

from authorizer import TokenVerifier, UserPool
from authorizer.cli.event.samples import (
    SAMPLE_SUB,
    Placeholder,
    callers_of_file,
    load_sample,
    sample_names,
)
from authorizer.cli.event.tokens import (
    CLIENT_ID,
    POOL_ID,
    ServedPool,
    given_token,
    own_state,
    throw_away_pool,
)
from authorizer.cli.main import cli
from authorizer.gateway.events import Flavour

PROJECT = Path(__file__).parents[2]
EVENTS = PROJECT / "events"
CALLERS = callers_of_file(PROJECT / "policy.yaml")


@pytest.fixture
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
    return CliRunner().invoke(cli, ["event", *arguments], input=stdin, env=environment)


@pytest.mark.usefixtures("in_project")
def test_without_a_name_it_lists_what_there_is() -> None:
    """The list is the folder's."""
    assert run().stdout.split() == sample_names(EVENTS)


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("name", ["rest-token-allowed", "events/rest-token-allowed.json"])
def test_an_event_is_printed_with_a_token_in_it(name: str) -> None:
    """It can be piped into whatever takes an event."""
    event = json.loads(run(name).stdout)
    assert event["type"] == "TOKEN"
    assert event["authorizationToken"].startswith("Bearer eyJ")


@pytest.mark.usefixtures("in_project")
def test_invoke_says_the_answer_and_why() -> None:
    """The answer goes to standard output; the reason, which no client learns, beside it."""
    result = run("http-2.0-denied-by-rule", "--invoke")
    assert json.loads(result.stdout) == {"isAuthorized": False, "context": {}}
    assert result.stderr.startswith("denied: denied_by_rule (deny ANY /**, line ")

    allowed = run("http-2.0-allowed", "--invoke")
    assert json.loads(allowed.stdout)["isAuthorized"] is True
    assert allowed.stderr.startswith("allowed (allow GET /articles/{id}, line ")


@pytest.mark.usefixtures("in_project")
def test_a_refusal_that_is_raised_is_an_answer_too() -> None:
    """REST APIs are told exactly Unauthorized, and the command has done what it was asked."""
    result = run("rest-token-expired-token", "--invoke")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["errorMessage"] == "Unauthorized"
    assert result.stderr.startswith("refused: expired")


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http-2.0-alowed"], "did you mean http-2.0-allowed"),
        (["nonsense"], "no event 'nonsense'; there are"),
        (["hello-rest", "--invoke"], "'make invoke EVENT=hello-rest' runs it"),
        (["http-2.0-allowed", "--events", "nowhere"], "give a file of your own, as in"),
        (["--events", "nowhere"], "no events in nowhere/: give a file of your own, as in"),
        (["docs"], "no file 'docs': give an event's file"),
        (["nowhere/http-3.0.json"], "no file 'nowhere/http-3.0.json': give an event's file"),
        (["events/http-2.0-alowed.json"], "did you mean http-2.0-allowed"),
        (["policy.yaml", "--invoke"], "policy.yaml: expected an event, which is one JSON object"),
        (["/etc", "--invoke"], "no file '/etc'"),
        (["http-2.0-allowed", "--token-from", "-"], "expected a token on standard input"),
        (["http-2.0-allowed", "--invoke", "--policy", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_helpful_error(arguments: list[str], words: str) -> None:
    """What is wrong is said with what would help, and nothing is printed as if it were right."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stdout == ""


OWN = {
    "type": "TOKEN",
    "authorizationToken": f"Bearer {Placeholder.ACCESS}",
    "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET/hello",
}


def own(tmp_path: Path, event: object) -> str:
    path = tmp_path / "hello-mine.json"
    path.write_text(json.dumps(event))
    return str(path)


@pytest.mark.usefixtures("in_project")
def test_a_file_of_ones_own_is_filled_and_judged_like_a_sample(tmp_path: Path) -> None:
    """Whatever its name is: the same tokens are put into the same placeholders."""
    path = own(tmp_path, OWN)
    filled = run(path)
    assert json.loads(filled.stdout)["authorizationToken"].startswith("Bearer eyJ")
    assert (filled.exit_code, filled.stderr) == (0, "")

    result = run(path, "--invoke")
    assert result.stderr.startswith("allowed (allow GET /hello, line ")
    assert json.loads(result.stdout)["principalId"] == SAMPLE_SUB


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("is_for_caller", [True, False])
def test_a_document_for_more_than_the_event_is_told_of(*, is_for_caller: bool) -> None:
    """Or "denied" stands above a document that allows something."""
    sample = "rest-token-denied-by-role" if is_for_caller else "http-2.0-denied-by-role"
    result = run(sample, "--invoke")
    assert result.stderr.startswith("denied: not_granted")
    assert ("for all that the caller may do" in result.stderr) is is_for_caller


@pytest.mark.usefixtures("in_project")
def test_the_environment_says_how_to_answer() -> None:
    """As it does for the function; whose token is good is not of the environment's choice."""
    variables = {
        "AUTHORIZER_HTTP_API_ANSWER": "iam",
        "AUTHORIZER_IAM_MODES": "http-2.0=caller",
        "AUTHORIZER_USER_POOLS": "no pool at all",
    }
    result = run("http-2.0-denied-by-role", "--invoke", **variables)
    assert "for all that the caller may do" in result.stderr
    assert json.loads(result.stdout)["policyDocument"]["Statement"][0]["Effect"] == "Allow"

    wrong = run("http-2.0-allowed", "--invoke", AUTHORIZER_IAM_MODES="caller")
    assert wrong.exit_code == 1
    assert "AUTHORIZER_IAM_MODES" in wrong.stderr


@pytest.mark.usefixtures("in_project")
def test_a_file_without_a_placeholder_is_taken_as_it_is(tmp_path: Path) -> None:
    """That no token was put in is said; its own is judged by the pools of the environment."""
    path = own(tmp_path, OWN | {"authorizationToken": "Bearer e30.e30.e30"})
    result = run(path, "--invoke", AUTHORIZER_USER_POOLS="eu-west-1_Example=client")

    assert result.stderr == (
        f"no token was put into {path}: it has no REPLACE_WITH_ACCESS_TOKEN, "
        "nor another placeholder, and is taken as it is\n"
        "refused: algorithm_not_allowed: expected alg RS256, found None\n"
    )
    assert json.loads(result.stdout)["errorMessage"] == "Unauthorized"


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("change", [(b"{", b"\xef\xbb\xbf{"), (b"\n", b"\r\n")])
def test_a_file_of_another_editor_is_read(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    """A byte order mark and other ends of lines say nothing of the event."""
    path = tmp_path / "mine.json"
    path.write_bytes(json.dumps(OWN, indent=1).encode().replace(*change, 1))
    assert run(str(path), "--invoke").stderr.startswith("allowed (allow GET /hello, line ")


@pytest.mark.usefixtures("in_project")
def test_a_token_of_an_earlier_run_is_told_of(tmp_path: Path) -> None:
    """The throw-away pool's keys are new in each run; a placeholder gets a token that is good."""
    path = own(tmp_path, json.loads(run(own(tmp_path, OWN)).stdout))
    result = run(path, "--invoke")
    hint, refusal = result.stderr.splitlines()
    assert "a token of an earlier run is refused, for the keys of the throw-away pool are" in hint
    assert "it has no REPLACE_WITH_ACCESS_TOKEN" in hint
    assert refusal.startswith("refused: signature_invalid")


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize(
    ("event", "words"),
    [
        (OWN | {"methodArn": None}, "expected an execute-api ARN of API, stage and method, found"),
        (OWN | {"type": "SOMETHING"}, "expected an API Gateway authorizer event: type TOKEN, or"),
        ({"token": OWN["authorizationToken"]}, "expected an API Gateway authorizer event"),
    ],
)
def test_what_an_event_of_ones_own_lacks_is_said(
    tmp_path: Path, event: dict[str, Any], words: str
) -> None:
    """An authorizer cannot be asked with it; filling it is possible, and says the same."""
    path = own(tmp_path, event)
    asked, filled = run(path, "--invoke"), run(path)

    assert (asked.exit_code, asked.stdout) == (1, "")
    assert f"{path} is no event that an authorizer gets: {words}" in asked.stderr
    assert (filled.exit_code, json.loads(filled.stdout).keys()) == (0, event.keys())
    assert words in filled.stderr


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1, "a": 2}', "[" * 100_000, "\ud800"])
def test_a_file_that_is_no_event_is_one_helpful_error(tmp_path: Path, text: str) -> None:
    """Neither its depth nor its bytes make anything else of it."""
    path = tmp_path / "mine"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    result = run(str(path))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {path}: expected an event, which is one JSON object")


@pytest.mark.usefixtures("in_project")
def test_a_token_from_standard_input_is_judged_by_the_pools_of_the_environment() -> None:
    """Whose tokens are accepted is said as it is to the deployed function."""
    result = run(
        *("http-2.0-allowed", "--invoke", "--token-from", "-"),
        stdin="Bearer e30.e30.e30\n",
        AUTHORIZER_USER_POOLS="eu-west-1_Example=client",
    )
    assert result.stderr.startswith("refused: algorithm_not_allowed")

    without = run("http-2.0-allowed", "--invoke", "--token-from", "-", stdin="e30.e30.e30")
    assert "AUTHORIZER_USER_POOLS: expected" in without.stderr


def test_a_given_tokens_user_is_read_from_it() -> None:
    """The sample's record becomes theirs; a token that cannot be read leaves it as it is."""
    token = throw_away_pool(CALLERS).token(Placeholder.MACHINE)
    assert given_token(token).sub == "7h8examplemachine"
    for text in ("garbage", "a.b.c", "e30.e30.e30", "e30.W10.e30", "e30.e\N{SNOWMAN}.e30"):
        assert given_token(text).sub == SAMPLE_SUB


def test_a_token_with_quotes_does_not_break_the_event() -> None:
    """Whatever stands on standard input stays inside its text."""
    text = 'x", "isAuthorized": true, "y": "'
    event = load_sample(EVENTS, "rest-token-allowed").filled(lambda _: text)
    assert event["authorizationToken"] == f"Bearer {text}"
    assert event.keys() == {"type", "authorizationToken", "methodArn"}


def test_the_throw_away_pool_issues_what_the_verifier_accepts() -> None:
    """Its access tokens are genuine, and say what the index says of them."""
    pool = throw_away_pool(CALLERS)
    ((pool_id, clients),) = (entry.split("=") for entry in pool.pools.split())
    with serve_jwks(pool.key_sets()[POOL_ID]) as server:
        verifier = TokenVerifier(UserPool(pool_id, clients.split(","), jwks_url=server.url))
        reader = verifier.verify(pool.token(Placeholder.ACCESS))
        machine = verifier.verify(pool.token(Placeholder.MACHINE))
    assert (reader.sub, reader.groups, reader.client_id) == (SAMPLE_SUB, ("reader",), CLIENT_ID)
    assert (machine.username, machine.groups) == (None, ())
    assert machine.scopes == ("reports/read",)


def test_two_throw_away_pools_do_not_trust_each_other() -> None:
    """Keys are made for one run: nothing that is signed with them works in another."""
    assert throw_away_pool(CALLERS).key_sets() != throw_away_pool(CALLERS).key_sets()


def served(name: str) -> ServedPool:
    return ServedPool(sub=name, pools="p=c", jwks_url="http://127.0.0.1:9/", tokens={"a": "b"})


def test_a_served_pool_is_left_for_this_user_alone(tmp_path: Path) -> None:
    """Its file holds live tokens: nobody else may read it, also on re-use, and git never has it."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "serving.json").write_text("an old one, that everybody can read")
    with own_state(tmp_path) as folder:
        served("s").write(folder)
        assert stat.S_IMODE((folder / "serving.json").stat().st_mode) == 0o600
        assert ServedPool.read(tmp_path) == served("s")
    assert (tmp_path / ".local" / ".gitignore").read_text() == "*\n"
    with pytest.raises(click.ClickException, match="no local stack is up"):
        ServedPool.read(tmp_path)


def test_a_second_stack_leaves_the_first_ones_state_alone(tmp_path: Path) -> None:
    """Whichever ends first, the other one's tokens can still be read."""
    with own_state(tmp_path) as first:
        served("first").write(first)
        with own_state(tmp_path) as second:
            served("second").write(second)
            assert first != second
            assert ServedPool.read(tmp_path) == served("first")
        assert ServedPool.read(tmp_path) == served("first")
    with ExitStack() as running:
        first_to_end = running.enter_context(own_state(tmp_path))
        with own_state(tmp_path) as second:
            served("second").write(second)
            running.close()
            assert first_to_end == tmp_path / ".local"
            assert ServedPool.read(tmp_path) == served("second")


def test_what_a_killed_stack_has_left_is_not_taken_for_a_live_one(tmp_path: Path) -> None:
    """Its lock went with it; the next one takes its place."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "lock").touch()
    served("dead").write(tmp_path / ".local")
    with pytest.raises(click.ClickException, match="no local stack is up"):
        ServedPool.read(tmp_path)
    with own_state(tmp_path) as folder:
        assert folder == tmp_path / ".local"


def test_a_served_pool_brings_the_keys_it_publishes(tmp_path: Path) -> None:
    """Keys are read when they are needed: a container cannot ask this machine's loopback."""
    with serve_jwks(b'{"keys": []}') as server:
        pool = ServedPool(sub="s", pools="eu-west-1_P=c", jwks_url=server.url, tokens={})
        assert pool.source().key_sets() == {"eu-west-1_P": b'{"keys": []}'}
    with pytest.raises(click.ClickException, match="authorizer local serve"):
        pool.source().key_sets()
    with pytest.raises(click.ClickException, match="authorizer local serve"):
        ServedPool.read(tmp_path)


def document(*statements: tuple[str, Any]) -> dict[str, Any]:
    listed = [{"Effect": effect, "Resource": resource} for effect, resource in statements]
    return {"policyDocument": {"Statement": listed}}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"isAuthorized": True, "context": {}}, 200),
        ({"isAuthorized": False, "context": {}}, 403),
        ({"isAuthorized": "true"}, 500),
        (document(("Allow", "arn/GET/a")), 200),
        (document(("Allow", ["arn/GET/b", "arn/GET/*"])), 200),
        (document(("Allow", "arn/GET/b")), 403),
        (document(("Deny", "arn/GET/a")), 403),
        (document(("Allow", ["arn/*"]), ("Deny", ["arn/*/a"])), 403),
        (document(), 403),
        ({"errorMessage": "Unauthorized"}, 401),
        ({"errorMessage": "unauthorized"}, 500),
        ({"statusCode": 401}, 401),
        ({}, 500),
    ],
)
def test_what_api_gateway_makes_of_an_answer(answer: dict[str, Any], status: int) -> None:
    """The status a client sees; what is no answer at all is a 500."""
    assert status_of(answer, {"methodArn": "arn/GET/a"}) == status


def test_the_index_is_read_as_it_is_written() -> None:
    """A dash is a sample that there is not; a reason is given where something is refused."""
    index = read_index(EVENTS)
    assert "rest-token-no-token" not in index
    assert (index["http-2.0-allowed"].status, index["http-2.0-allowed"].reason) == (200, "allowed")
    assert (index["rest-token-id-token"].status, index["rest-token-id-token"].reason) == (
        401,
        "token_use_wrong",
    )
    assert index["hello-without-context"].status == 401


FLAVOURS = [str(flavour) for flavour in Flavour]


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("flavour", FLAVOURS[:-1])
@pytest.mark.parametrize(
    ("request_", "who", "reason"),
    [
        ("GET /articles/7", ("--groups", "reader"), "allowed"),
        ("PUT /articles/7", ("--groups", "reader"), "denied: not_granted"),
        ("PUT /articles/7", ("--groups", "reader,editor"), "allowed"),
        ("GET /users/42", ("--groups", "reader", "--claim", "sub=42"), "allowed"),
        ("GET /users/43", ("--groups", "reader", "--claim", "sub=42"), "denied: not_granted"),
        ("GET /reports/7", ("--scopes", "reports/read"), "allowed"),
        ("GET /reports/7", ("--scopes", "reports/write"), "denied: not_granted"),
        ("GET /hello", ("--groups", "suspended", "-g", "admin"), "denied: denied_by_rule"),
        ("GET /hello", (), "allowed"),
        ("GET /hello", ("--claim", "token_use=id"), "refused: token_use_wrong"),
    ],
)
def test_an_event_is_made_for_any_request_and_caller(
    flavour: str, request_: str, who: tuple[str, ...], reason: str
) -> None:
    """Of any kind of API: the answer is the policy's, to whom the options say."""
    result = run(*request_.split(), *who, "--flavour", flavour, "--invoke")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(reason)


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("request_", ["http-2.0-allowed", "GET /articles/7"])
def test_a_group_that_the_policy_does_not_have_is_noted(request_: str) -> None:
    """As `explain` says it, beside the event: a denial alone would not tell why."""
    note = "note: policy.yaml does not know the group 'raeder', which grants nothing"
    made = run(*request_.split(), "--groups", "raeder,editor")
    assert made.exit_code == 0
    assert json.loads(made.stdout)["routeKey"] == "GET /articles/{id}"
    assert made.stderr == f"{note}; did you mean 'reader'?\n"
    assert "note" not in run(*request_.split(), "--groups", "reader", "--invoke").stderr


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_made_event_is_like_the_sample(flavour: str) -> None:
    """Whatever it has, API Gateway's has, too, and in the same shape."""
    request = ["$connect"] if flavour == "websocket" else ["GET", "/articles/42"]
    template = [] if flavour != "websocket" else ["--policy", str(without_template())]
    made = json.loads(run(*request, "--flavour", flavour, *template).stdout)
    name = "denied-by-role" if flavour == "websocket" else "allowed"
    sample = json.loads(run(f"{flavour}-{name}").stdout)
    assert shape(made).items() <= (shape(sample) | {"requestContext.accountId": str}).items()
    for key in ("routeKey", "resource", "pathParameters", "methodArn", "routeArn", "rawPath"):
        if key in made:
            assert made[key] == sample.get(key, {})


def without_template() -> Path:
    """The sample's policy, where no template is beside it."""
    folder = Path(tempfile.mkdtemp())
    (folder / "policy.yaml").write_bytes((PROJECT / "policy.yaml").read_bytes())
    return folder / "policy.yaml"


def shape(event: dict[str, Any], prefix: str = "") -> dict[str, type]:
    found: dict[str, type] = {}
    for name, value in event.items():
        key = f"{prefix}{name}"
        found |= shape(value, f"{key}.") if isinstance(value, dict) else {key: type(value)}
    return found


def test_without_a_template_a_request_takes_the_route_that_takes_everything(tmp_path: Path) -> None:
    """The policy is then asked about the path."""
    policy = tmp_path / "policy.yaml"
    policy.write_bytes((PROJECT / "policy.yaml").read_bytes())
    for flavour in ("http-2.0", "rest-request", "rest-token"):
        asked = ("--policy", str(policy), "--flavour", flavour, "--invoke")
        assert run("GET", "/articles/7", "-g", "reader", *asked).stderr.startswith("allowed")
        assert run("GET", "/nowhere", "-g", "reader", *asked).stderr.startswith("denied")


@pytest.mark.parametrize(
    ("project", "template", "flavour_key"),
    [
        ("sam", "template.yaml", "routeKey"),
        ("cdk", "cdk.out/Api.template.json", "routeKey"),
        ("serverless", ".serverless/cloudformation-template-update-stack.json", "routeKey"),
        ("terraform", "plan.json", "routeKey"),
    ],
)
def test_a_template_of_any_deployer_tells_the_route(
    tmp_path: Path, project: str, template: str, flavour_key: str
) -> None:
    """And the kind of event that its authorizer gets."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ngroups: {writer: {allow: ['GET /orders/{id}']}}\n")
    path = PROJECT / "tests" / "adopters" / project / template
    asked = ("--policy", str(policy), "--template", str(path), "-g", "writer")
    made = json.loads(run("GET", "/orders/a%20b", *asked).stdout)
    assert made[flavour_key] == "GET /orders/{id}"
    assert (made["rawPath"], made["pathParameters"]) == ("/orders/a b", {"id": "a b"})
    assert run("GET", "/orders/7", *asked, "--invoke").stderr.startswith("allowed")


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["GET", "/nowhere"], "expected a request that takes a route of template.yaml, found none"),
        (["GET", "/health"], "found 'GET /health': nobody is asked there"),
        (["get", "/hello"], "expected a method in capitals"),
        (["GET", "/hello", "/x"], "expected"),
        (["GET", "/hello", "--claim", "x"], "expected --claim as name=value"),
        (
            ["GET", "/hello", "--flavour", "websocket"],
            "expected $connect for a WebSocket",
        ),
        (["GET", "/hello", "-g", "reader", "--token-from", "-"], "a token has its own groups"),
    ],
)
def test_what_is_no_request_of_the_api_is_said(arguments: list[str], words: str) -> None:
    """And no event is printed."""
    result = run(*arguments)
    assert result.exit_code in {1, 2}
    assert words in result.stderr
    assert result.stdout == ""
