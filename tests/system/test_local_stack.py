"""The real parts together: template, packages, API Gateway, Cognito and sign-ins, emulated here.

What `make run` plays is played, and then the keys are taken away. One stack serves all tests of
this module; each uses tokens of its own, because API Gateway remembers answers per token.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from botocore.exceptions import ClientError
from click.testing import CliRunner
from lambda_runtime import project_in
from rich.console import Console
from simulator import b64, serve_jwks, wait_until
from template_stack import deploy, load_template

from authorizer.cli.event.tokens import own_state
from authorizer.cli.local import report, scenario
from authorizer.cli.local.stack import LocalStack
from authorizer.cli.main import cli
from authorizer.cli.template import reader
from authorizer.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("local stack")]

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
NOWHERE = "http://127.0.0.1:9/jwks.json"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack.running(project_in(PROJECT)) as running:
        yield running


@contextmanager
def environment(stack: LocalStack, **changes: str) -> Iterator[None]:
    """The authorizer with other settings, started cold; what the API remembers stays remembered."""
    function = stack.deployment.authorizer_function
    client = stack.emulator.client("lambda")
    before = client.get_function_configuration(FunctionName=function)["Environment"]
    changed = {"Variables": before["Variables"] | changes}
    client.update_function_configuration(FunctionName=function, Environment=changed)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=function, Environment=before)


def jwks_urls(stack: LocalStack, url: str) -> str:
    return f"{stack.deployment.user_pool_id}={url}"


def bearer(stack: LocalStack, name: str = "alice") -> str:
    return f"Bearer {stack.sign_in(name).access}"


def published_keys(stack: LocalStack) -> bytes:
    """The pool's real JWK Set."""
    function = stack.emulator.client("lambda").get_function_configuration(
        FunctionName=stack.deployment.authorizer_function
    )
    url = function["Environment"]["Variables"]["AUTHORIZER_JWKS_URLS"].partition("=")[2]
    return requests.get(url, timeout=10).content


def with_other_key_id(token: str, key_id: str) -> str:
    """The token, naming a key that the pool does not have."""
    _, payload, signature = token.split(".")
    header = json.dumps({"kid": key_id, "alg": "RS256"}).encode()
    return f"{b64(header)}.{payload}.{signature}"


@pytest.fixture(scope="module")
def outcomes(stack: LocalStack) -> list[scenario.Outcome]:
    return list(scenario.play(stack, scenario.cases(stack)))


def test_the_scenario_comes_out_as_expected(
    stack: LocalStack, outcomes: list[scenario.Outcome]
) -> None:
    """Every sample user on every route, and every bad token, gets the status and the reason."""
    assert len(outcomes) > 70
    assert [(o.case.who, o.case.request, *o.differences) for o in outcomes if o.differences] == []

    cases = [outcome.case for outcome in outcomes]
    walk = scenario.walk(cases, seed=random.randrange(10_000))
    walked = list(scenario.play(stack, walk, reasons=False))
    assert [(o.case.who, o.case.request, *o.differences) for o in walked if o.differences] == []


def test_readme_shows_rows_of_the_table(outcomes: list[scenario.Outcome]) -> None:
    """What a newcomer is shown is what is printed."""
    (shown,) = re.findall(r"^ request .*\n ─+\n((?: .*\n)+)", README.read_text(), re.MULTILINE)
    terminal = Console(width=100, file=io.StringIO())
    with terminal.capture() as printed:
        terminal.print(report.table(outcomes, width=terminal.width))
    rows = {line.rstrip() for line in printed.get().splitlines()}
    assert set(shown.splitlines()) <= rows


def test_the_template_itself_comes_to_the_same(stack: LocalStack) -> None:
    """Transformed and deployed by CloudFormation, it plays as what the tools read in it does."""
    deployment = deploy(stack.project, stack.emulator)
    with closing(LocalStack(deployment, stack.project)) as running:
        outcomes = list(scenario.play(running, scenario.cases(running)))
    assert len(outcomes) > 70
    assert [(o.case.who, o.case.request, *o.differences) for o in outcomes if o.differences] == []


def test_smoke_finds_nothing_wrong(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked as a deployed API is, with the tokens that ``serve`` leaves; then with another pool."""
    files = [f"--{name}={PROJECT / name}.yaml" for name in ("template", "policy")]
    command = ["smoke", "--token-from", "local", *files]
    monkeypatch.chdir(tmp_path)
    with own_state(tmp_path) as folder:
        stack.announce(folder)
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
        url = stack.emulator.jwks_url(stack.deployment.user_pool_id)
        with environment(
            stack,
            AUTHORIZER_USER_POOLS="us-east-1_Another=client",
            AUTHORIZER_JWKS_URLS=f"us-east-1_Another={url}",
        ):
            result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    told = json.loads((tmp_path / "smoke-report.json").read_text())
    assert {each["fault"] for each in told["requests"]} == {"every_token_refused", None}
    assert [person.sub for person in stack.people.values() if person.sub in str(told)] == []


NEW_NAMES = {
    "reader": "visitor",
    "editor": "author",
    "admin": "chief",
    "suspended": "banned",
    "HelloFunction": "BackendFunction",
}


def renamed(folder: Path) -> Path:
    """The project with other groups and another function, as somebody makes it their own."""
    for name in ("policy.yaml", "policy.policy-test.yaml", "template.yaml"):
        text = (PROJECT / name).read_text()
        for old, new in NEW_NAMES.items():
            text = re.sub(rf"\b{old}\b", new, text)
        (folder / name).write_text(text)
    shutil.copytree(PROJECT / "handlers", folder / "handlers")
    return folder


def test_a_project_with_other_names_is_played(stack: LocalStack, tmp_path: Path) -> None:
    """Who signs in, and what is expected, follows from policy, tests and template."""
    with LocalStack.running(project_in(renamed(tmp_path))) as running:
        cases = scenario.cases(running)
        outcomes = list(scenario.play(running, cases))
    assert {name for one in running.people.values() for name in one.groups} == {
        *("visitor", "author", "chief", "banned")
    }
    assert len(cases) == len(scenario.cases(stack))
    assert [(o.case.who, o.case.request, *o.differences) for o in outcomes if o.differences] == []


def test_explain_agrees_with_what_the_api_answered(
    stack: LocalStack, outcomes: list[scenario.Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row of the scenario, good tokens and bad: status and reason are those explained."""
    # The template stays the same: what takes longest is to read it for each row.
    monkeypatch.setattr(reader, "read_template", cache(reader.read_template))
    explained = [(o.case.who, o.case.request, *explain(stack, o.case)) for o in outcomes]

    assert len(outcomes) > 70
    assert [row for row, o in zip(explained, outcomes, strict=True) if not agrees(row, o)] == []


def explain(stack: LocalStack, case: scenario.Case) -> tuple[str, str | None]:
    """The verdict and the reason that the command prints."""
    clients = stack.deployment
    client = clients.machine_client_id if case.who == "machine" else clients.client_id
    token = (
        *("--token", "-", "--pool-id", clients.user_pool_id, "--client-id", client),
        *("--jwks-url", stack.emulator.jwks_url(clients.user_pool_id)),
    )
    result = CliRunner().invoke(
        cli,
        [
            *("explain", case.method, case.path, *(token if case.authorization else ())),
            *("--template", "template.yaml", "--format", "json"),
        ],
        input=case.authorization,
    )
    told = json.loads(result.stdout)
    refused = told.get("token", {}).get("reason")
    return ("refused", refused) if refused else (told["verdict"], told["policy"]["reason"])


def agrees(row: tuple[str, str, str, str | None], outcome: scenario.Outcome) -> bool:
    """Whether what is explained is what the API answered, and what the authorizer logged."""
    _, _, verdict, reason = row
    answer = outcome.answer
    match verdict:
        case "public" | "allowed":
            return answer.status == 200
        case "no_route":  # or a preflight, which API Gateway answers by itself
            return answer.status == 404 or outcome.case.origin is not None
        case "denied" if outcome.case.authorization is None:
            return answer.status == 401
        case "refused" if not (outcome.case.authorization or "").startswith("Bearer "):
            # The authorizer refuses the header; the command is given a token, and that is none.
            return answer.status == 403 and reason == Reason.TOKEN_NOT_COMPACT
        case _:
            return answer.status == 403 and answer.reason in {reason, None}


def test_the_backend_greets_the_caller_it_was_told_of(stack: LocalStack) -> None:
    """Hello's words are exact, and who the caller is comes from the authorizer."""
    answer = stack.call("GET", "/hello", bearer(stack))
    assert answer.status == 200
    assert answer.body["message"] == (
        "Hello, your token is valid! Then you can use the API to create some functions now. :3"
    )
    assert answer.body["caller"] == {
        "sub": stack.people["alice"].sub,
        "username": "alice",
        "client_id": stack.deployment.client_id,
        "groups": ["reader"],
        "scope": ["aws.cognito.signin.user.admin"],
    }


def test_unavailable_keys_are_a_500_that_nothing_remembers(stack: LocalStack) -> None:
    """A cold authorizer without keys answers 500, and the same request 200 once they are back."""
    authorization = bearer(stack)
    with environment(stack, AUTHORIZER_JWKS_URLS=jwks_urls(stack, NOWHERE)):
        for _ in range(2):
            answer = stack.call("GET", "/hello", authorization)
            assert (answer.status, answer.reason) == (500, "KeysUnavailableError")
    answer = stack.call("GET", "/hello", authorization)
    assert (answer.status, answer.reason) == (200, "allowed")


def test_a_warm_authorizer_outlives_its_key_server(stack: LocalStack) -> None:
    """Known keys go on working while the JWKS server is down, and only up to the stale limit."""
    jwks = published_keys(stack)
    tokens = [bearer(stack) for _ in range(3)]
    with serve_jwks(jwks) as server:
        settings = {
            "AUTHORIZER_JWKS_URLS": jwks_urls(stack, server.url),
            "AUTHORIZER_JWKS_TIME_TO_LIVE_SECONDS": "0.001",
            "AUTHORIZER_JWKS_STALE_LIMIT_SECONDS": "4",
        }
        with environment(stack, **settings):
            assert stack.call("GET", "/hello", tokens[0]).status == 200
            obtained_at = time.monotonic()
            server.status = 503
            answer = stack.call("GET", "/hello", tokens[1])
            assert (answer.status, answer.reason) == (200, "allowed")
            assert server.fetches == 2  # it did try to refresh them
            time.sleep(max(0.0, obtained_at + 4.1 - time.monotonic()))  # another process's clock
            answer = stack.call("GET", "/hello", tokens[2])
            assert (answer.status, answer.reason) == (500, "KeysUnavailableError")


def command(stack: LocalStack, *arguments: str) -> None:
    """One of ours, asking the emulator as `make serve` lets a terminal do it."""
    told = {"AUTHORIZER_REVOCATION_TABLE": "revoked", **stack.emulator.identity}
    pool = ("--pool-id", stack.deployment.user_pool_id)
    result = CliRunner().invoke(cli, [*arguments, *pool], env=told)
    assert result.exit_code == 0, result.output


def test_a_revoked_user_is_refused_in_time_and_the_table_out_of_reach_gives_what_is_set(
    stack: LocalStack,
) -> None:
    """A token that the authorizer remembers, too; API Gateway's own memory is its own time."""
    path, authorization = f"/users/{stack.people['alice'].sub}", bearer(stack)

    def is_answered(status: int, reason: str) -> bool:
        answer = stack.call("GET", path, authorization)
        return (answer.status, answer.reason) == (status, reason)

    with environment(stack, AUTHORIZER_REVOCATION_TIME_TO_LIVE_SECONDS="3"):
        stack.keep_revoked_tokens()
        assert is_answered(200, "allowed")
        assert stack.call("GET", "/hello", authorization).status == 200
        command(stack, "revoke", "alice", "--for", "1h")
        since = time.monotonic()
        wait_until(lambda: is_answered(403, "revoked"))
        assert time.monotonic() - since < 3
        assert stack.call("GET", "/hello", authorization).status == 200  # for ReauthorizeEvery
        assert is_answered(403, "revoked")
        with pytest.raises(ClientError, match="NotAuthorizedException"):
            stack.emulator.cognito.get_user(AccessToken=authorization.partition(" ")[2])

        command(stack, "unrevoke", "alice")
        wait_until(lambda: is_answered(200, "allowed"))

        stack.emulator.client("dynamodb").delete_table(TableName="revoked")
        wait_until(lambda: is_answered(500, "RevocationsUnavailableError"))
        with environment(stack, AUTHORIZER_REVOCATION_UNAVAILABLE="allow_insecurely"):
            assert is_answered(200, "allowed")


def test_unknown_key_ids_do_not_reach_the_key_server(stack: LocalStack) -> None:
    """Requests with invented key ids cause one fetch, however many there are."""
    jwks = published_keys(stack)
    good = stack.sign_in("alice").access
    with (
        serve_jwks(jwks) as server,
        environment(stack, AUTHORIZER_JWKS_URLS=jwks_urls(stack, server.url)),
    ):
        assert stack.call("GET", "/hello", f"Bearer {good}").status == 200
        for number in range(20):
            answer = stack.call("GET", "/hello", f"Bearer {with_other_key_id(good, str(number))}")
            assert (answer.status, answer.reason) == (403, "key_unknown")
        assert server.fetches == 1


def test_a_refused_token_is_raised_when_the_setting_says_so(stack: LocalStack) -> None:
    """With AUTHORIZER_HTTP_API_REFUSAL=unauthorized the function raises exactly Unauthorized."""
    with environment(stack, AUTHORIZER_HTTP_API_REFUSAL="unauthorized"):
        answer = stack.call("GET", "/hello", "Bearer not.a.token")
        # The emulator makes it a 500 on payload 2.0; what AWS makes of it is not documented.
        assert answer.status in {401, 500}
        assert answer.reason == "token_not_base64url"
        denied = stack.call("POST", "/articles", bearer(stack))
        assert (denied.status, denied.reason) == (403, "not_granted")


def test_a_broken_configuration_fails_every_request(stack: LocalStack) -> None:
    """An authorizer that cannot start lets nobody in."""
    with environment(stack, AUTHORIZER_USER_POOL="misspelt"):
        assert stack.call("GET", "/hello", bearer(stack)).status == 500
    assert stack.call("GET", "/hello", bearer(stack)).status == 200


def of_two_routes(folder: Path) -> Path:
    """The project without most routes and without its tests, so that it is played sooner."""
    template = load_template(PROJECT / "template.yaml")
    hello = template["Resources"]["HelloFunction"]["Properties"]
    hello["Events"] = {name: hello["Events"][name] for name in ("Hello", "Health")}
    folder.mkdir(parents=True)
    (folder / "handlers").symlink_to(PROJECT / "handlers")
    (folder / "template.yaml").write_text(json.dumps(template))
    shutil.copy(PROJECT / "policy.yaml", folder)
    return folder


@pytest.mark.xdist_group("serving")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_serving_leaves_nothing_behind(end: signal.Signals, tmp_path: Path) -> None:
    """However `make serve` ends, its emulator, function workers and folders end with it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "authorizer.cli", "local", "serve"],
        cwd=of_two_routes(tmp_path / "project"),
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Serving "):
            break
    assert any("curl" in line for line in lines), "".join(lines)
    process.send_signal(end)
    process.communicate(timeout=120)
    assert process.returncode == {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGKILL: -9}[end]

    give_up_at = time.monotonic() + 60
    while (left := _processes_in(temporary)) or any(temporary.iterdir()):
        assert time.monotonic() < give_up_at, (left, list(temporary.iterdir()))
        time.sleep(0.05)


def _processes_in(folder: Path) -> list[str]:
    """Command lines of processes that were started with something below the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            text = entry.read_bytes() + entry.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in text:
            found.append(entry.parent.name)
    return found
