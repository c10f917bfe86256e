"""The words on claims, and times as people say them."""

from __future__ import annotations

import json

import pytest
from simulator import Cognito

from authorizer.cli.account.decode import (
    CLAIM_MEANINGS,
    claim_meaning,
    duration,
    relative,
    shown_value,
)


def test_every_claim_that_cognito_sends_has_a_word() -> None:
    """Both kinds of token are covered; what a pool adds is named as that."""
    cognito = Cognito()
    assert {*cognito.claims(), *cognito.id_claims()} <= set(CLAIM_MEANINGS)
    assert "this pool's own" in claim_meaning("custom:team")
    assert "added for this pool" in claim_meaning("tenant")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
    ],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    """One or two units, the largest ones."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(101, "expires in 1 s"), (100, "expired just now"), (99, "expired 1 s ago")],
)
def test_the_instant_of_expiry(seconds: int, text: str) -> None:
    """At the very second of exp a token has expired, as the verifier has it."""
    assert relative("exp", seconds, 100) == text


@pytest.mark.parametrize("value", [-1, 10**20, 1.5, "1", True])
def test_a_time_that_is_none_is_shown_as_it_is(value: object) -> None:
    """Only whole seconds that a calendar has are turned into a date."""
    assert shown_value("exp", value, 0) == (value if isinstance(value, str) else json.dumps(value))
