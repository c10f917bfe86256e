"""How much work a token and an event are, in calls: what a test can hold on to, unlike time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from simulator import Clock, Cognito

from authorizer import Authorizer, InvalidTokenError, JwksCache, TokenVerifier
from authorizer.cli.event.samples import load_sample
from authorizer.cli.policy_file import load_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PROJECT = Path(__file__).parents[2]
COGNITO, CLOCK = Cognito(), Clock()
TOKEN = COGNITO.token(cognito_groups=["reader"])
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")
NO_ALGORITHM = f"eyJhbGciOiJub25lIn0.{PAYLOAD}.{SIGNATURE}"


def verifier() -> TokenVerifier:
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=CLOCK)
    return TokenVerifier(COGNITO.pool(), keys=keys, clock=CLOCK)


def calls_of(function: Callable[[], object]) -> int:
    """How many functions a call enters, those of libraries and of C among them."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        function()
    except InvalidTokenError:
        pass
    finally:
        sys.setprofile(None)
    return count


# Whoever needs more looks at what for; whoever needs less lowers it. Pythons differ by a little.
@pytest.mark.parametrize(
    ("before", "token", "most"),
    [
        pytest.param(COGNITO.token(jti="another"), TOKEN, 115, id="new"),
        pytest.param(TOKEN, TOKEN, 25, id="remembered"),
        pytest.param(TOKEN, "garbage", 20, id="garbage"),
        pytest.param(TOKEN, NO_ALGORITHM, 54, id="another algorithm"),
    ],
)
def test_a_token_takes_so_many_calls(before: str, token: str, most: int) -> None:
    """One that is verified, after whatever is done once, or remembered, or refused."""
    own = verifier()
    own.verify(before)
    assert calls_of(lambda: own.verify(token)) <= most


@pytest.mark.parametrize(
    ("name", "most"),
    [("http-2.0-allowed", 96), ("rest-request-allowed", 108), ("rest-token-allowed", 98)],
)
def test_an_event_takes_so_many_calls(name: str, most: int) -> None:
    """With a token that is remembered, and a policy that has answered the same before."""
    _, policy = load_document(PROJECT / "policy.yaml")
    authorizer = Authorizer(verifier(), policy)
    event = load_sample(PROJECT / "events", name).filled(lambda _: TOKEN)
    assert authorizer.judge(event).verdict == "allowed"
    authorizer.authorize(event)
    assert calls_of(lambda: authorizer.authorize(event)) <= most
