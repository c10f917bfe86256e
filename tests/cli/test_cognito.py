"""Whom to sign in with: where secrets may go, and where they must not."""

from __future__ import annotations

import pytest

from authorizer.cli.account.cognito import Cognito, find_target
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Session

POOL = "eu-west-1_AbCdEfGhI"
ELSEWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"]
)
def test_a_session_of_awss_goes_to_aws(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """What `make serve` has one export does not send a real refresh token to the emulator."""
    monkeypatch.setenv(variable, ELSEWHERE)
    session = Session(
        region="eu-west-1",
        pool_id=POOL,
        client_id="4k2example",
        username="alice",
        access_token="",
        id_token="",
        refresh_token="r",
        expires_at_seconds=0,
    )
    assert Cognito(session).url == "https://cognito-idp.eu-west-1.amazonaws.com"


def test_an_endpoint_that_was_given_is_used() -> None:
    """An emulator on loopback may be spoken to in the clear."""
    target = find_target(pool_id=POOL, client_id="4k2example", endpoint_url=ELSEWHERE)
    assert Cognito(target).url == ELSEWHERE


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "nowhere", "https://a@b"])
def test_secrets_do_not_travel_in_the_clear(url: str) -> None:
    """Anything but https, or http on loopback, is no place to send a password."""
    with pytest.raises(AccountError, match="expected the endpoint URL to be https"):
        find_target(pool_id=POOL, client_id="4k2example", endpoint_url=url)


def test_a_servers_words_do_not_steer_the_terminal() -> None:
    """Escape sequences in what a server said are shown as what they are: nothing."""
    assert str(AccountError("no such\x1b]0;title\x07 user\u202e")) == "no such�]0;title� user�"


@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_what_is_no_pool_id_is_said_to_be(region: str | None) -> None:
    """Whoever gave one is not told to give one."""
    with pytest.raises(AccountError) as caught:
        find_target(pool_id="nonsense", client_id="c", region=region)
    assert str(caught.value) == (
        "expected a pool id such as eu-west-1_AbCdEfGhI, found 'nonsense': "
        "check --pool-id and COGNITO_USER_POOL_ID"
    )
