"""The procedure: token text in, verified token out, or one reason why not.

The five steps here carry the numbers of ``docs/procedure.md``. Which pool, key and algorithm are
used follows from our configuration; the token only chooses among what was configured.
"""

import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from authorizer.errors import ConfigurationError, InvalidTokenError, Reason, clip
from authorizer.tokens.claims import (
    AccessToken,
    IdToken,
    TokenUse,
    VerifiedToken,
    judge_claims,
)
from authorizer.tokens.compact import parse_compact, parse_part, require_bounded_ascii
from authorizer.tokens.jwks import JwksCache, KeySource
from authorizer.tokens.keys import SigningKey
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from authorizer.tokens.revocation import Revocations

# A sandbox serves one request at a time; this many callers within a token's life are a lot.
REMEMBERED_TOKENS = 1_000


# What is remembered of a token that was verified, with what it hangs on: where its pool's keys come
# from; the key that signed it, which takes the verdict with it when it leaves; and when it was
# judged, seconds since the epoch, for that says nothing about times before.
_Verdict = tuple[VerifiedToken, KeySource, SigningKey, float]


class TokenVerifier:
    """Verifies tokens of the configured pools. Thread-safe; make one and keep it.

    Attributes:
        keys: where it gets the pools' keys.
    """

    def __init__(
        self,
        pools: UserPool | Iterable[UserPool],
        *,
        keys: JwksCache | None = None,
        remember: int = REMEMBERED_TOKENS,
        revocations: "Revocations | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to verify.

        Args:
            pools: the user pools to trust.
            keys: where to get their keys; by default a cache of its own.
            remember: how many verified tokens to keep in mind until they expire; 0 for none.
            revocations: which tokens were taken back before they expire; by default nobody knows.
            clock: seconds since the epoch.

        Raises:
            ConfigurationError: for no pool, two pools that claim the same issuer, or a negative
                ``remember``.
        """
        if remember < 0:
            raise ConfigurationError([f"expected remember to be 0 or more, found {clip(remember)}"])
        self.keys = keys or JwksCache(clock=clock)
        self._pools: dict[str, tuple[UserPool, KeySource]] = {}
        for pool in (pools,) if isinstance(pools, UserPool) else pools:
            for issuer in pool.issuers:
                if self._pools.setdefault(issuer, (pool, self.keys.of(pool)))[0] is not pool:
                    raise ConfigurationError(
                        [f"expected one user pool per issuer, found {clip(issuer, 120)} in two"]
                    )
        if not self._pools:
            raise ConfigurationError(["expected at least one user pool, found none"])
        # It forgets what was not used for longest. Only what passed gets into it.
        self._verified: LRUCache[tuple[TokenUse, bytes], _Verdict] = LRUCache(remember)
        self._lock = Lock()
        self._clock, self._revocations = clock, revocations

    def verify(self, unverified_text: str) -> AccessToken:
        """Verify an access token's signature, issuer, times, use and client.

        Args:
            unverified_text: the JWS compact serialization, without ``Bearer``.

        Raises:
            InvalidTokenError: the token is refused; ``reason`` says by which rule.
            KeysUnavailableError: it could not be judged, because the pool's keys are out of reach.
            RevocationsUnavailableError: the same, where the list of revoked tokens is.
        """
        return self._verify(unverified_text, "access")  # type: ignore[no-any-return]

    def verify_id_token(self, unverified_text: str) -> IdToken:
        """The same for an ID token, which says who signed in, and is no leave to call an API."""
        return self._verify(unverified_text, "id")  # type: ignore[no-any-return]

    def _verify(self, unverified_text: str, token_use: TokenUse) -> Any:  # noqa: ANN401 - of that use
        encoded = require_bounded_ascii(unverified_text)
        # An ID token is no access token. And the memory holds no bearer token that a core dump
        # could leak, but the digest of its one accepted spelling.
        name = token_use, sha256(encoded).digest()
        token = self._remembered(name) or self._verify_anew(encoded, name)
        # Of a remembered token, too: it may have been taken back since.
        if self._revocations is not None:
            self._revocations.require_unrevoked(token.claims)
        return token

    def _remembered(self, name: tuple[TokenUse, bytes]) -> VerifiedToken | None:
        with self._lock:
            remembered = self._verified.get(name)
        if remembered is not None:
            token, keys, key, judged_at_seconds = remembered
            # The clock is read after the key is there: getting it may take until the deadline, and
            # the token may expire. Where the clock was set back, what had begun to be valid by
            # then may not have begun yet.
            current = keys.get(key.key_id)
            if (current is key or current == key) and (
                judged_at_seconds <= self._clock() < token.claims["exp"]
            ):
                return token
            with self._lock:
                self._verified.pop(name, None)
        return None

    def _verify_anew(self, encoded: bytes, name: tuple[TokenUse, bytes]) -> VerifiedToken:
        # 1. shape, and 2. header
        key_id, unverified_payload, signing_input, signature = parse_compact(encoded)
        # 3. key, of the pool that the still unverified issuer names among ours
        unverified_claims = parse_part(unverified_payload, "claims", Reason.CLAIMS_NOT_JSON)
        issuer = unverified_claims.get("iss")
        known = self._pools.get(issuer) if isinstance(issuer, str) else None
        if known is None:
            raise InvalidTokenError(Reason.ISSUER_UNKNOWN, "expected a configured issuer", issuer)
        pool, keys = known
        key = keys.get(key_id)
        if key is None:
            raise InvalidTokenError(Reason.KEY_UNKNOWN, f"expected a kid of pool {pool.id}", key_id)
        # 4. signature
        if not key.verifies(signing_input, signature):
            raise InvalidTokenError(
                Reason.SIGNATURE_INVALID, f"not signed by key {clip(key_id)} of pool {pool.id}"
            )
        # 5. claims, at the instant at which everything else is known
        claims, now = unverified_claims, self._clock()
        token = judge_claims(claims, pool, now, name[0])
        if self._verified.maxsize:
            with self._lock:
                self._verified[name] = token, keys, key, now
        return token
