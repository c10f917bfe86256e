"""Tokens that were verified already: a busy caller costs a lookup. The only user of cachetools.

A token is known by its digest: the memory holds no bearer token that a core dump could leak. It
is bounded, and forgets what was not used for longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

if TYPE_CHECKING:
    from authorizer.tokens.claims import AccessToken, IdToken
    from authorizer.tokens.keys import SigningKey
    from authorizer.tokens.pool import UserPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A verdict, with what it hangs on.

    Attributes:
        token: what verification returned.
        pool: the pool that issued it.
        key: the key that signed it. The verdict falls with the key.
        judged_at_seconds: when it was given, seconds since the epoch. It says nothing about times
            before that.
        expires_at_seconds: the ``exp`` claim, seconds since the epoch.
    """

    token: AccessToken | IdToken
    pool: UserPool
    key: SigningKey
    judged_at_seconds: float
    expires_at_seconds: int


class VerifiedTokens:
    """A bounded memory of verdicts, by use and bytes of the token. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        """Remember at most ``capacity`` tokens; 0 remembers none."""
        self._entries: LRUCache[bytes, Remembered] = LRUCache(capacity)
        self._capacity = capacity
        self._lock = Lock()

    def recall(self, token_use: str, encoded: bytes) -> Remembered | None:
        """What is remembered of that token, verified for that use."""
        digest = _digest(token_use, encoded)
        with self._lock:
            return self._entries.get(digest)

    def remember(self, token_use: str, encoded: bytes, verdict: Remembered) -> None:
        """Keep a verdict. ``encoded`` must be the token's one accepted spelling."""
        if self._capacity > 0:
            with self._lock:
                self._entries[_digest(token_use, encoded)] = verdict

    def forget(self, token_use: str, encoded: bytes) -> None:
        """Drop a verdict that no longer holds."""
        with self._lock:
            self._entries.pop(_digest(token_use, encoded), None)


def _digest(token_use: str, encoded: bytes) -> bytes:
    # The use is part of the name: an ID token that was verified as one is not an access token.
    return sha256(b"%b\0%b" % (token_use.encode(), encoded)).digest()
