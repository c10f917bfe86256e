"""``authorizer decode``: what it shows, what it hides, and where it says a token fails."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from simulator import CLIENT_ID, POOL_ID, Cognito, b64, private_key, serve_jwks

from authorizer import Reason
from authorizer.cli.account.sessions import Session, SessionStore
from authorizer.cli.account.verification import STEP_OF, TOKEN_STEPS
from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL = ["--pool-id", POOL_ID, "--client-id", CLIENT_ID]
STOPPED = "http://127.0.0.1:9/jwks.json"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


@pytest.fixture
def cognito() -> Cognito:
    return Cognito()


@pytest.fixture
def keys(cognito: Cognito) -> Iterator[str]:
    with serve_jwks(cognito.jwks()) as server:
        yield server.url


def now_claims(cognito: Cognito, **changes: Any) -> dict[str, Any]:
    """An access token's claims for the clock on the wall, which the command reads."""
    now = int(time.time())
    return cognito.claims(**{"iat": now - 60, "auth_time": now - 60, "exp": now + 750} | changes)


def good_token(cognito: Cognito, **changes: Any) -> str:
    return cognito.sign(now_claims(cognito, **changes))


def save(token: str, **changes: Any) -> None:
    session: dict[str, Any] = {
        "region": "eu-west-1",
        "client_id": CLIENT_ID,
        "username": "alice",
        "access_token": token,
        "id_token": "",
        "refresh_token": None,
        "expires_at_seconds": 0,
    }
    SessionStore().save("default", Session(**session | changes))


def run(*arguments: str, stdin: str = "") -> Result:
    """The command, with its input's parts looked for in all that it prints."""
    result = CliRunner().invoke(cli, ["decode", *arguments], input=stdin)
    for token in (*arguments, stdin.strip()):
        if token.count(".") == 2 and len(token) > 200:
            assert not any(part in result.output for part in token.split("."))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_claims_have_a_plain_word_and_times_are_relative(cognito: Cognito) -> None:
    """Each claim is shown with its meaning, and times as a person would say them."""
    result = run("-", stdin=good_token(cognito))

    assert result.exit_code == 0
    assert "groups: what the policy's rules are for" in result.output
    assert "UTC, expires in 12 min" in result.output
    assert "UTC, issued 1 min ago" in result.output
    assert "which of the pool's keys signed it" in result.output


def test_without_a_pool_nothing_is_fetched_and_that_is_said(cognito: Cognito) -> None:
    """Offline, only the shape and the header are judged."""
    result = run("-", stdin=good_token(cognito))

    assert "2 header     passed" in result.output
    assert "3 key        not judged" in result.output
    assert "no pool and client are known" in result.output


def test_the_default_is_the_profiles_access_token(cognito: Cognito) -> None:
    """Without an argument, the stored token is shown, even one that has expired."""
    save(good_token(cognito, exp=int(time.time()) - 200))
    result = run()

    assert result.exit_code == 0
    assert "expired 3 min" in result.output


def test_nobody_signed_in_is_one_sentence() -> None:
    """Without a session and without a token there is nothing to show."""
    result = run()

    assert result.exit_code == 1
    assert "run 'authorizer login' first" in result.output


def test_a_token_may_be_an_argument_with_bearer_before_it(cognito: Cognito) -> None:
    """What is copied from a header works, and the help warns of the shell's history."""
    assert run("Bearer " + good_token(cognito)).exit_code == 0
    assert "shell's history" in " ".join(run("--help").output.split())


def test_a_good_token_passes_all_steps(cognito: Cognito, keys: str) -> None:
    """With pool and client the authorizer's own procedure judges."""
    result = run("-", *POOL, "--jwks-url", keys, stdin=good_token(cognito))

    assert result.exit_code == 0
    assert all(f"{step} {name:<10} passed" in result.output for step, name in TOKEN_STEPS.items())


def test_pool_and_client_come_from_the_session(cognito: Cognito) -> None:
    """A session of an emulator has its pool's keys at the emulator's endpoint."""
    with serve_jwks(cognito.jwks()) as server:
        endpoint = server.url.removesuffix("/jwks.json")
        save(good_token(cognito), pool_id=POOL_ID, endpoint_url=endpoint)
        result = run()

        assert (result.exit_code, server.fetches) == (0, 1)
    assert f"Good: pool {POOL_ID}" in result.output


OTHER_KEY = private_key("somebody else's")
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "algorithm": (
        {},
        {"header": {"kid": "access-key", "alg": "none"}},
        Reason.ALGORITHM_NOT_ALLOWED,
    ),
    "issuer": ({"iss": "https://example.com"}, {}, Reason.ISSUER_UNKNOWN),
    "key": ({}, {"header": {"kid": "x", "alg": "RS256"}}, Reason.KEY_UNKNOWN),
    "signature": ({}, {"key": OTHER_KEY}, Reason.SIGNATURE_INVALID),
    "expired": ({"exp": 1_000_000_000}, {}, Reason.EXPIRED),
    "client": ({"client_id": "another"}, {}, Reason.CLIENT_UNKNOWN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_refusing_step_is_named(cognito: Cognito, keys: str, name: str) -> None:
    """Steps before it passed, it failed with the reason, those behind it were not reached."""
    changes, signing, reason = REFUSED[name]
    token = cognito.sign(now_claims(cognito, **changes), **signing)
    result = run("-", *POOL, "--jwks-url", keys, stdin=token)

    assert result.exit_code == 1
    for step, title in TOKEN_STEPS.items():
        failing = STEP_OF[reason]
        verdict = (
            "passed"
            if step < failing
            else f"failed: {reason}"
            if step == failing
            else "not reached"
        )
        assert f"{step} {title:<10} {verdict}" in result.output


def test_keys_out_of_reach_are_said_plainly(cognito: Cognito) -> None:
    """Nobody can judge without keys: that is no refusal, but no success either."""
    result = run("-", *POOL, "--jwks-url", STOPPED, stdin=good_token(cognito))

    assert result.exit_code == 1
    assert "3 key        could not be judged: the pool's keys are out of reach" in result.output
    assert "nobody can say whether it is good" in result.output


def test_an_id_token_is_warned_of(cognito: Cognito, keys: str) -> None:
    """The warning says what an API wants and why; the procedure refuses at step 5."""
    now = int(time.time())
    token = cognito.id_token(iat=now - 60, auth_time=now - 60, exp=now + 750)
    result = run("-", *POOL, "--jwks-url", keys, stdin=token)

    assert result.exit_code == 1
    assert "An API wants the access token." in result.output
    assert "5 claims     failed: token_use_wrong" in result.output


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda parts: parts[:2], Reason.TOKEN_NOT_COMPACT),
        (lambda parts: [*parts[:2], parts[2] + "="], Reason.TOKEN_NOT_BASE64URL),
        (lambda parts: [b64(b"[]"), *parts[1:]], Reason.HEADER_NOT_JSON),
    ],
    ids=["no signature", "padding", "header"],
)
def test_a_malformed_token_still_shows_its_claims(
    cognito: Cognito, broken: Any, reason: Reason
) -> None:
    """What can be read is shown, and why the rest cannot be used."""
    text = ".".join(broken(good_token(cognito).split(".")))
    result = run("-", stdin=text)

    assert result.exit_code == 1
    assert "username" in result.output
    assert f"Refused at step {STEP_OF[reason]}: {reason}" in result.output


def test_claims_that_are_no_json_are_refused_offline(cognito: Cognito) -> None:
    """The header is shown, and step 3 named: it reads the claims."""
    result = run("-", stdin=cognito.sign(b"not json"))

    assert result.exit_code == 1
    assert "claims: not readable" in result.output
    assert "3 key        failed: claims_not_json" in result.output


@pytest.mark.parametrize("text", ["garbage", "a.b.c", "x" * 20_000, "ü.ü.ü", "..", "\x00"])
def test_garbage_is_refused_and_not_repeated(text: str) -> None:
    """Whatever it is, it gets a reason and exit code 1."""
    result = run("-", stdin=text)

    assert result.exit_code == 1
    assert "Refused at step 1" in result.output
    assert "garbage" not in result.output


def test_a_refresh_token_is_recognised() -> None:
    """Five parts are an encrypted token, which belongs to no API."""
    header = b64(json.dumps({"cty": "JWT", "enc": "A256GCM", "alg": "RSA-OAEP"}).encode())
    result = run("-", stdin=f"{header}.key.iv.text.tag")

    assert result.exit_code == 1
    assert "as Cognito's refresh tokens are" in result.output


def test_nothing_on_standard_input_is_said() -> None:
    """An empty pipe is most likely a failed command before it."""
    result = run("-")

    assert result.exit_code == 1
    assert "expected a token, found nothing" in result.output


def test_the_name_of_a_file_is_no_token(tmp_path: Path) -> None:
    """Who gives a file is told how it is read, and not that a token is malformed."""
    file = tmp_path / "token.txt"
    file.write_text("token")
    result = run(str(file))

    assert result.exit_code == 1
    assert "expected a token, found a file's name: decode - < FILE reads it" in result.output


@pytest.mark.parametrize("name", ["nothere.txt", "no/such/token"])
def test_the_name_of_no_file_is_no_token(name: str) -> None:
    """Who mistypes a file's name hears of the file, and not of a header."""
    result = run(name)

    assert result.exit_code == 1
    assert "found what may be a file's name, and there is no such file" in result.output


def test_a_token_without_its_signature_is_no_files_name(cognito: Cognito) -> None:
    """It has one dot, as many names have."""
    assert "Refused at step 1" in run(good_token(cognito).rpartition(".")[0]).output


def test_half_of_what_judging_needs_is_an_error(cognito: Cognito) -> None:
    """A pool without a client is not silently left unjudged."""
    result = run("-", "--pool-id", POOL_ID, stdin=good_token(cognito))

    assert result.exit_code == 1
    assert "expected both --pool-id and --client-id" in result.output


def test_a_claim_cannot_command_the_terminal(cognito: Cognito) -> None:
    """Escape sequences and markup in names and values come out as text."""
    token = good_token(cognito, **{"custom:x": "\x1b[2J", "a\x1b[1m": "[bold]b[/bold]"})
    result = run("-", stdin=token)

    assert "\x1b" not in result.output
    assert "[bold]b[/bold]" in result.output


@pytest.mark.parametrize("aud", ["https://api.example.com", ["https://api.example.com"]])
def test_the_audience_of_an_access_token_is_no_app_client(cognito: Cognito, aud: object) -> None:
    """In an access token it is the API that the token is bound to; in an ID token, the app."""
    result = run("-", stdin=good_token(cognito, aud=aud))
    (row,) = [line for line in result.output.splitlines() if line.split()[:1] == ["aud"]]
    assert "https://api.example.com" in row
    assert "API that it is bound to; AUTHORIZER_AUDIENCES can demand one" in row

    result = run("-", stdin=good_token(cognito, aud=CLIENT_ID, token_use="id"))
    (row,) = [line for line in result.output.splitlines() if line.split()[:1] == ["aud"]]
    assert "app client that it was issued to" in row


def test_every_reason_belongs_to_one_step() -> None:
    """A new reason needs a step, or decode could not name it."""
    assert set(STEP_OF) == set(Reason)
    in_order = [STEP_OF[reason] for reason in Reason]
    assert in_order == sorted(in_order)
    assert set(in_order) == set(range(7))


def test_groups_that_are_skipped_are_shown(cognito: Cognito, keys: str) -> None:
    """Whoever wonders why a group counts for nothing sees which one, and why."""
    token = good_token(cognito, cognito_groups=["reader", "Domain Users", ""])
    result = run("-", *POOL, "--jwks-url", keys, stdin=token)
    assert result.exit_code == 0
    assert "Skipped groups: 'Domain Users', ''. A policy cannot name a group" in result.output
    assert "Skipped" not in run("-", stdin=good_token(cognito)).output
