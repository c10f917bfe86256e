"""``authorizer keys pull``: from a pool, by HTTP, to a file that a function starts with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from naive_policy import NaivePolicy
from simulator import CLIENT_ID, POOL_ID, Cognito, serve_jwks

from authorizer import Settings
from authorizer.cli.main import cli
from authorizer.cli.policy_file import dump_policy
from authorizer.tokens.keys import KeySet

COGNITO = Cognito()


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pull(url: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["keys", "pull", POOL_ID, "--jwks-url", url, *more])


def test_what_is_pulled_starts_a_function() -> None:
    """The document as the pool serves it, and the setting that reads it."""
    with serve_jwks(COGNITO.jwks()) as server:
        done = pull(server.url)
    assert done.exit_code == 0, done.output
    assert Path("jwks.json").read_bytes() == COGNITO.jwks()
    line = done.output.splitlines()[-1]
    name, _, value = line.partition("=")
    Path("policy.json").write_bytes(dump_policy(NaivePolicy().document()))
    environment = {"AUTHORIZER_USER_POOLS": f"{POOL_ID}={CLIENT_ID}", name: value}
    settings = Settings.from_environment(environment)
    assert [keys.keys for keys in settings.bundled_keys.values()] == [
        KeySet.parse(COGNITO.jwks()).keys
    ]


def test_it_says_what_changed_since() -> None:
    """By the ids of the keys, and the age of the file that was there."""
    Path("keys.json").write_bytes(COGNITO.jwks())
    os.utime("keys.json", (0, 0))
    other = (
        Cognito()
        .jwks()
        .replace(b'"kid": "', b'"kid": "other-')
        .replace(b'"kid":"', b'"kid":"other-')
    )
    with serve_jwks(other) as server:
        done = pull(server.url, "-o", "keys.json")
    assert done.exit_code == 0, done.output
    assert "new since 1970-01-01: " in done.output
    assert "gone since 1970-01-01: " in done.output
    assert Path("keys.json").read_bytes() == other


@pytest.mark.parametrize("body", [b"<html>", b'{"keys": []}'])
def test_what_is_no_set_of_keys_replaces_none(body: bytes) -> None:
    """A captive portal's page is no reason to ship nothing."""
    Path("jwks.json").write_bytes(COGNITO.jwks())
    with serve_jwks(body) as server:
        done = pull(server.url)
    assert done.exit_code == 1
    assert done.output.startswith("Error: expected a")
    assert Path("jwks.json").read_bytes() == COGNITO.jwks()


def test_nobody_is_asked_who_is_no_pool() -> None:
    """The URL follows from the pool's id."""
    done = CliRunner().invoke(cli, ["keys", "pull", "nonsense"])
    assert done.exit_code == 1
    assert "expected a user pool id" in done.output
