"""``authorizer logout``: what becomes of a session, at Cognito and on this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from cognito_standin import CLIENT_ID, USERNAME, FailureError, StandIn, serve_cognito

from authorizer.cli.account.sessions import Session, SessionStore
from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OR_FORGET = "nothing was removed; logout --forget removes it here, and leaves it valid at Cognito"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionStore:
    """Sessions of the test's own; neither AWS's configuration nor a proxy has a say."""
    for name in ("AWS_PROFILE", "COGNITO_CLIENT_SECRET", "COGNITO_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return SessionStore()


@pytest.fixture
def pool() -> Iterator[StandIn]:
    with serve_cognito() as standin:
        yield standin


def keep(store: SessionStore, endpoint_url: str) -> Path:
    return store.save(
        "default",
        Session(
            region="eu-west-1",
            client_id=CLIENT_ID,
            username=USERNAME,
            access_token="a.b.c",
            id_token="",
            refresh_token="refresh",
            expires_at_seconds=0,
            endpoint_url=endpoint_url,
        ),
    )


def logout(*options: str) -> Result:
    return CliRunner().invoke(cli, ["logout", *options])


def gone_url() -> str:
    """A port of this machine where nobody listens any more."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_a_session_is_revoked_and_removed(pool: StandIn, store: SessionStore) -> None:
    """At Cognito first, and then here."""
    pool.refresh_tokens = {"refresh"}
    path = keep(store, pool.url)
    result = logout()

    assert (result.exit_code, path.exists(), pool.refresh_tokens) == (0, False, set())
    assert result.stderr == "signed out alice: session default is revoked and removed\n"


def test_a_stack_that_is_gone_takes_its_sessions_along(store: SessionStore) -> None:
    """Nobody can revoke what an emulator has forgotten: the session ends all the same."""
    url = gone_url()
    path = keep(store, url)
    result = logout()

    assert (result.exit_code, path.exists()) == (0, False)
    assert result.stderr == (
        "signed out alice: session default is removed; "
        f"the emulator at {url} is gone, and its sessions with it\n"
    )


def test_an_app_client_that_is_gone_takes_its_sessions_along(
    pool: StandIn, store: SessionStore
) -> None:
    """The stack was deleted at AWS: there is nothing left to revoke."""
    pool.fail = {"RevokeToken": [FailureError("ResourceNotFoundException", "No such client")]}
    path = keep(store, pool.url)
    result = logout()

    assert (result.exit_code, path.exists()) == (0, False)
    assert result.stderr.endswith("removed; its app client is gone, and its sessions with it\n")


def test_what_may_still_be_valid_is_kept(pool: StandIn, store: SessionStore) -> None:
    """Nobody is told that a session has ended which may not have; the way out is named."""
    pool.fail = {"RevokeToken": [FailureError("TooManyRequestsException")]}
    path = keep(store, pool.url)
    result = logout()

    assert (result.exit_code, path.exists()) == (1, True)
    assert result.stderr == (
        f"Error: Cognito is being asked too often: wait a minute and try again; {OR_FORGET}\n"
    )


def test_aws_out_of_reach_is_not_gone(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only on this machine does a port without a listener say that nothing is left."""
    monkeypatch.setenv("HTTPS_PROXY", gone_url())
    path = keep(store, "https://cognito.example.com")
    result = logout()

    assert (result.exit_code, path.exists()) == (1, True)
    assert result.stderr.endswith(f"; {OR_FORGET}\n")


def test_forgetting_asks_nobody(pool: StandIn, store: SessionStore) -> None:
    """Whoever cannot reach Cognito gets rid of the session here, and is told what that leaves."""
    path = keep(store, pool.url)
    result = logout("--forget")

    assert (result.exit_code, path.exists(), pool.requests) == (0, False, [])
    assert result.stderr == (
        "signed out alice: session default is removed here, and still valid at Cognito\n"
    )


@pytest.mark.parametrize("options", [(), ("--forget",)])
def test_nobody_signed_in(store: SessionStore, options: tuple[str, ...]) -> None:
    """There is nothing to end, and no folder is made to say so."""
    result = logout(*options)
    assert (result.exit_code, store.folder.exists()) == (1, False)
    assert result.stderr == (
        "Error: nobody is signed in with profile default: there is nothing to sign out of\n"
    )
