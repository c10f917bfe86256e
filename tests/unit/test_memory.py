"""The bounded memory of verdicts."""

from __future__ import annotations

import pytest
from simulator import NOW, Clock, Cognito

from authorizer.tokens.memory import Remembered, VerifiedTokens, digest_of

COGNITO = Cognito()


def verdict() -> Remembered:
    key = COGNITO.key_set().get("access-key")
    assert key is not None
    return Remembered(
        token=COGNITO.verifier(Clock()).verify(COGNITO.token()),
        keys=COGNITO.key_set(),
        key=key,
        judged_at_seconds=NOW,
        expires_at_seconds=NOW + 3540,
    )


def test_recalls_what_was_remembered() -> None:
    """The verdict that was kept comes back, the same object, as often as it is asked for."""
    memory, kept = VerifiedTokens(10), verdict()
    memory.remember(digest_of("access", b"token"), kept)
    assert memory.recall(digest_of("access", b"token")) is kept
    assert memory.recall(digest_of("access", b"token")) is kept


@pytest.mark.parametrize(
    ("token_use", "encoded"),
    [
        ("id", b"token"),
        ("access", b"tokeN"),
        ("access", b"token "),
        ("access", b""),
        ("", b"access\x00token"),
        ("acces", b"s\x00token"),
    ],
)
def test_recalls_nothing_else(token_use: str, encoded: bytes) -> None:
    """Another use or other bytes are another token, however the two are cut."""
    memory = VerifiedTokens(10)
    memory.remember(digest_of("access", b"token"), verdict())
    assert memory.recall(digest_of(token_use, encoded)) is None


def test_forgets() -> None:
    """What was forgotten is gone for that use alone, and forgetting the unknown is no error."""
    memory, kept = VerifiedTokens(10), verdict()
    memory.remember(digest_of("access", b"token"), kept)
    memory.remember(digest_of("id", b"token"), kept)
    memory.forget(digest_of("access", b"token"))
    memory.forget(digest_of("access", b"token"))
    assert memory.recall(digest_of("access", b"token")) is None
    assert memory.recall(digest_of("id", b"token")) is kept


def test_the_latest_verdict_counts() -> None:
    """A token that was judged anew has its new verdict."""
    memory, first, second = VerifiedTokens(10), verdict(), verdict()
    memory.remember(digest_of("access", b"token"), first)
    memory.remember(digest_of("access", b"token"), second)
    assert memory.recall(digest_of("access", b"token")) is second


def test_capacity_boundary() -> None:
    """As many as the capacity are kept; with one more, the one unused for longest goes."""
    memory, kept = VerifiedTokens(3), verdict()
    for encoded in (b"a", b"b", b"c"):
        memory.remember(digest_of("access", encoded), kept)
    assert all(memory.recall(digest_of("access", encoded)) for encoded in (b"b", b"c", b"a"))
    memory.remember(digest_of("access", b"d"), kept)
    assert memory.recall(digest_of("access", b"b")) is None
    assert all(memory.recall(digest_of("access", encoded)) for encoded in (b"a", b"c", b"d"))


def test_smallest_capacity() -> None:
    """Room for one is room for the latest."""
    memory, kept = VerifiedTokens(1), verdict()
    memory.remember(digest_of("access", b"a"), kept)
    assert memory.recall(digest_of("access", b"a")) is kept
    memory.remember(digest_of("access", b"b"), kept)
    assert memory.recall(digest_of("access", b"a")) is None
    assert memory.recall(digest_of("access", b"b")) is kept


def test_no_capacity() -> None:
    """Without capacity nothing is kept, and nothing fails."""
    memory = VerifiedTokens(0)
    memory.remember(digest_of("access", b"token"), verdict())
    assert memory.recall(digest_of("access", b"token")) is None
    memory.forget(digest_of("access", b"token"))


def test_holds_no_token_text() -> None:
    """A memory dump shows verdicts, but nothing that could be sent as a bearer token."""
    memory = VerifiedTokens(10)
    token = COGNITO.token().encode()
    memory.remember(digest_of("access", token), verdict())
    ((_, digest),) = memory._entries
    assert len(digest) == 32
    assert digest not in token
    assert token.rpartition(b".")[2].decode() not in repr(memory._entries)
