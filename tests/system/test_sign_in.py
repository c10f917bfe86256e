"""A person's way from an invitation to a call, and out again, on the local stack."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyotp
import pytest
from lambda_runtime import project_in
from simulator import Clock
from template_stack import deploy

from authorizer.cli.account.challenges import SignIn
from authorizer.cli.account.cognito import find_target
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.login import Terminal
from authorizer.cli.account.sessions import Target
from authorizer.cli.local.stack import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("sign-in")]

PROJECT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "authorizer.cli"]
PASSWORD = "aB3$aB3$aB3$aB3$"
# Those of the stack that these tests share, by its pool and the user's name.
SESSIONS: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack.running(project_in(PROJECT)) as running:
        yield running


@pytest.fixture
def environment(stack: LocalStack, tmp_path: Path) -> dict[str, str]:
    """What `make serve` prints to be exported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": stack.emulator.url,
        "API_URL": stack.base_url,
        "COGNITO_USER_POOL_ID": stack.deployment.user_pool_id,
        "COGNITO_CLIENT_ID": stack.deployment.client_id,
        "XDG_STATE_HOME": str(tmp_path),
    }


def authorizer(
    environment: dict[str, str], *arguments: str, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=PROJECT,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def login(stack: LocalStack, environment: dict[str, str], name: str) -> None:
    """Sign a user in, as a profile of the same name; once, then take what was kept again.

    A second sign-in would wait for the next code of the authenticator app, up to half a minute.
    """
    person = stack.people[name]
    path = Path(environment["XDG_STATE_HOME"]) / "authorizer" / f"{name}.json"
    known = (stack.deployment.user_pool_id, name)
    if known in SESSIONS:
        path.parent.mkdir(mode=0o700)
        path.touch(mode=0o600)
        path.write_text(SESSIONS[known])
        return
    secret = {"COGNITO_TOTP_SECRET": person.totp_secret}
    done = authorizer(
        environment | secret,
        *("login", "--username", name, "--profile", name, "--password-stdin"),
        *("--print", "access"),
        typed=f"{person.password}\n",
    )
    assert done.returncode == 0, done.stderr
    SESSIONS[known] = path.read_text()
    assert done.stdout == f"{json.loads(SESSIONS[known])['access_token']}\n"


def expire(folder: Path, profile: str) -> dict[str, object]:
    """Make a kept session's access token look expired; returns the session."""
    path = folder / "authorizer" / f"{profile}.json"
    session: dict[str, object] = json.loads(path.read_text())
    path.write_text(json.dumps(session | {"expires_at_seconds": 0}))
    return session


def test_a_new_user_signs_in(
    stack: LocalStack,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first time with a new password and an authenticator app, then with the next code."""
    temporary = stack.invite("newcomer", ("reader",))
    arguments = [*COMMAND[1:], "login", "--username", "newcomer"]
    terminal = pexpect.spawn(
        COMMAND[0],
        arguments,
        cwd=str(PROJECT),
        env=environment,
        encoding="utf-8",
        timeout=120,
        dimensions=(80, 120),
    )
    for prompt, answer in (
        ("Password", temporary),
        ("New password", PASSWORD),
        ("Repeat for confirmation", PASSWORD),
    ):
        terminal.expect_exact(prompt)
        terminal.sendline(answer)
    terminal.expect("secret: ([A-Z2-7]+)")
    assert "█" in str(terminal.before)  # the QR code
    assert isinstance(terminal.match, re.Match)
    secret = terminal.match[1]
    terminal.expect_exact("Code from the authenticator app")
    typed_at = time.time()
    terminal.sendline(pyotp.TOTP(secret).at(int(typed_at)))
    terminal.expect_exact("signed in as newcomer")
    terminal.expect(pexpect.EOF)
    terminal.wait()  # it may take a while to end, and closing would end it by a signal
    terminal.close()
    assert terminal.exitstatus == 0

    kept = tmp_path / "authorizer" / "default.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    first = json.loads(kept.read_text())["access_token"]

    # At the moment of that code, whatever the machine's clock says by now: it is not taken twice.
    clock = Clock(typed_at)
    monkeypatch.setenv("COGNITO_TOTP_SECRET", secret)
    target = Target(
        region="us-east-1",
        client_id=stack.deployment.client_id,
        endpoint_url=stack.emulator.url,
    )
    again = SignIn(target, "newcomer", Terminal(), wait=clock.pass_seconds, clock=clock).run(
        PASSWORD
    )
    assert again.access_token != first
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "the code was already used, or has run out: use the next one",
        f"waiting {30 - typed_at % 30:.0f} s for the next code",
    ]


def test_two_people_call(stack: LocalStack, environment: dict[str, str]) -> None:
    """What one may, the other may not, and the command says why."""
    login(stack, environment, "alice")
    login(stack, environment, "ada")
    allowed = authorizer(environment, "call", "GET", "/admin/users", "--profile", "ada")
    assert allowed.returncode == 0, allowed.stderr
    assert json.loads(allowed.stdout)["caller"]["username"] == "ada"

    denied = authorizer(environment, "call", "GET", "/admin/users", "--profile", "alice")
    assert denied.returncode == 1
    assert "403" in denied.stderr
    assert "reader" in denied.stderr
    assert "admin" in denied.stderr


def test_a_session_is_refreshed_and_ends(
    stack: LocalStack, environment: dict[str, str], tmp_path: Path
) -> None:
    """An expired access token is replaced; after logout nothing can be."""
    login(stack, environment, "edgar")
    before = expire(tmp_path, "edgar")
    refreshed = authorizer(environment, "call", "GET", "/hello", "--profile", "edgar")
    assert refreshed.returncode == 0, refreshed.stderr
    assert "was refreshed" in refreshed.stderr
    path = tmp_path / "authorizer" / "edgar.json"
    after = json.loads(path.read_text())
    assert after["access_token"] != before["access_token"]

    copied = path.read_text()
    assert authorizer(environment, "logout", "--profile", "edgar").returncode == 0
    assert not path.exists()
    path.touch(mode=0o600)
    path.write_text(copied)
    expire(tmp_path, "edgar")
    ended = authorizer(environment, "call", "GET", "/hello", "--profile", "edgar")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the session has ended" in ended.stderr


def test_a_sample_event_takes_the_kept_token(
    stack: LocalStack, environment: dict[str, str]
) -> None:
    """Whoever signed in can be the one who asks in a sample event."""
    login(stack, environment, "alice")
    done = authorizer(
        environment | {"COGNITO_PROFILE": "alice"},
        *("event", "http-2.0-own-record", "--token-from", "login", "--invoke"),
    )
    assert done.returncode == 0, done.stderr
    assert stack.people["alice"].sub in done.stdout
    assert "allowed" in done.stdout + done.stderr


def test_decode_names_the_step_that_refuses(stack: LocalStack, environment: dict[str, str]) -> None:
    """A kept session's token is judged as the authorizer would judge it."""
    login(stack, environment, "alice")
    url = f"{stack.emulator.url}/{stack.deployment.user_pool_id}/.well-known/jwks.json"
    good = authorizer(environment, "decode", "--profile", "alice", "--jwks-url", url)
    assert good.returncode == 0, good.stderr + good.stdout
    identity = stack.sign_in("alice").id
    refused = authorizer(environment, "decode", "-", "--jwks-url", url, typed=identity)
    assert refused.returncode == 1
    assert "token_use_wrong" in refused.stdout + refused.stderr
    for shown in (good, refused):
        assert identity.rpartition(".")[2] not in shown.stdout + shown.stderr


def test_the_stack_tells_whom_to_sign_in_with(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pool, client and API are read from the outputs of the stack that the template makes."""
    deployment = deploy(stack.project, stack.emulator)
    credentials = stack.emulator.client("sts")._request_signer._credentials
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
    target = find_target(
        stack_name="authorizer-local", region="us-east-1", endpoint_url=stack.emulator.url
    )
    assert (target.pool_id, target.client_id, target.api_url) == (
        deployment.user_pool_id,
        deployment.client_id,
        deployment.base_url,
    )
    with pytest.raises(AccountError, match="stack 'no-such-stack' cannot be read"):
        find_target(stack_name="no-such-stack", region="us-east-1", endpoint_url=stack.emulator.url)
