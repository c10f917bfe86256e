"""Tokens that were verified already: a busy caller costs a lookup. The only user of cachetools.

A token is known by its digest: the memory holds no bearer token that a core dump could leak. It
is bounded, and forgets what was not used for longest.
"""

from __future__ import annotations

from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

if TYPE_CHECKING:
    from authorizer.tokens.claims import AccessToken, IdToken
    from authorizer.tokens.jwks import KeySource
    from authorizer.tokens.keys import SigningKey


Digest = tuple[str, bytes]


class Remembered(NamedTuple):
    """A verdict, with what it hangs on.

    Attributes:
        token: what verification returned.
        keys: where the keys of the pool come from that issued it.
        key: the key that signed it. The verdict falls with the key.
        judged_at_seconds: when it was given, seconds since the epoch. It says nothing about times
            before that.
        expires_at_seconds: the ``exp`` claim, seconds since the epoch.
    """

    token: AccessToken | IdToken
    keys: KeySource
    key: SigningKey
    judged_at_seconds: float
    expires_at_seconds: int


class VerifiedTokens:
    """A bounded memory of verdicts, by the digests of tokens. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        """Remember at most ``capacity`` tokens; 0 remembers none."""
        self._entries: LRUCache[Digest, Remembered] = LRUCache(capacity)
        self._lock = Lock()

    def recall(self, digest: Digest) -> Remembered | None:
        """What is remembered of that token, verified for that use."""
        with self._lock:
            return self._entries.get(digest)

    def remember(self, digest: Digest, verdict: Remembered) -> None:
        """Keep a verdict. The digest must be of the token's one accepted spelling."""
        if self._entries.maxsize > 0:
            with self._lock:
                self._entries[digest] = verdict

    def forget(self, digest: Digest) -> None:
        """Drop a verdict that no longer holds."""
        with self._lock:
            self._entries.pop(digest, None)


def digest_of(token_use: str, encoded: bytes) -> Digest:
    """The name of a token. The use is part of it: an ID token is no access token."""
    return token_use, sha256(encoded).digest()
