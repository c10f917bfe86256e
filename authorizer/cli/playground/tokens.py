"""A token judged with how long each step took, and copies with exactly one thing wrong.

The verifier itself runs. Its steps are timed where it asks for something: for the pool's key, which
ends step 3, and for the time of day, with which step 5 begins. Steps 1 and 2 are one function, and
are timed by themselves.

Whoever cannot sign for the pool can only do what is refused by its keys. To see that an expired
token, or another client's, is refused although its signature is right, one needs a signature that
is: the copy is signed with a key made for this run, and judged as if that were the pool's.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk
from jose.utils import base64url_encode

from authorizer.cli.account.verification import CLAIMS, HEADER, read_part
from authorizer.cli.event.tokens import encoded
from authorizer.cli.explain.token import JudgedToken, judge_token
from authorizer.errors import InvalidTokenError
from authorizer.tokens.compact import parse_compact, require_bounded_ascii
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.keys import MIN_KEY_BITS, KeySet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.tokens.keys import SigningKey
    from authorizer.tokens.pool import UserPool

# The access token of a sign-in, and the ID token: a machine gets none.
Tokens = tuple[str, str | None]
_OWN_KEY = "made-for-this-page"
_OTHER_CLIENT = "1somebodyelsesapp"
_EARLIER_SECONDS = 7200


def judge(
    unverified_text: str, pool: UserPool, keys: JwksCache
) -> tuple[JudgedToken, tuple[float, ...]]:
    """Judge a token, step by step.

    Args:
        unverified_text: the token.
        pool: with the app clients that it should be for.
        keys: where the pool's keys come from.

    Returns:
        What came of it; and how many seconds each step took as far as it came, steps 1 and 2
        together.
    """
    started = time.perf_counter()
    with suppress(InvalidTokenError):
        parse_compact(require_bounded_ascii(unverified_text))
    marks = [0.0, time.perf_counter() - started]
    started = time.perf_counter()

    def notice() -> float:
        marks.append(time.perf_counter() - started)
        return time.time()

    def looked_up(key_id: str) -> SigningKey | None:
        key = keys.of(pool).get(key_id)
        notice()
        return key

    watched = cast("JwksCache", SimpleNamespace(of=lambda _: SimpleNamespace(get=looked_up)))
    judged = judge_token(unverified_text, pool, keys=watched, clock=notice)
    notice()
    return judged, tuple(max(end - start, 0) for start, end in pairwise(marks))


class Attack(StrEnum):
    """What is wrong with a token, in the order of the steps that notice it."""

    CUT = "cut"
    ALG_NONE = "alg_none"
    OTHER_KEY = "other_key"
    CHANGED = "changed"
    EXPIRED = "expired"
    OTHER_CLIENT = "other_client"
    ID_TOKEN = "id_token"


class Forger:
    """Makes bad copies of good tokens. Its key is made when first needed, and for this run.

    Args:
        pool: whose keys the forger's own stands in for.
    """

    def __init__(self, pool: UserPool) -> None:
        self._pool = pool

    @cached_property
    def _key(self) -> Any:  # noqa: ANN401 - jose's stubs know no key objects
        return jwk.construct(rsa.generate_private_key(65537, MIN_KEY_BITS), "RS256")  # type: ignore[arg-type]

    @cached_property
    def keys(self) -> JwksCache:
        """The forger's own key, as if it were the pool's."""
        entry = {**self._key.public_key().to_dict(), "kid": _OWN_KEY, "use": "sig"}
        document = json.dumps({"keys": [entry]}).encode()
        return JwksCache(never_expiring={self._pool: KeySet.parse(document)})

    def spoil(self, attack: Attack, tokens: Tokens, groups: Iterable[str]) -> tuple[str, bool]:
        """A copy of a good token with one thing wrong.

        Args:
            attack: what is wrong with it.
            tokens: of a sign-in.
            groups: that whoever changes the claims would like to be in.

        Returns:
            The copy, and whether it is to be judged by the forger's own key.
        """
        access, id_token = tokens
        header, payload, signature = access.split(".")
        claims = read_part(access, CLAIMS) or {}
        match attack:
            case Attack.CUT:
                return f"{header}.{payload}", False
            case Attack.ALG_NONE:
                unsigned = {**(read_part(access, HEADER) or {}), "alg": "none"}
                return f"{encoded(unsigned)}.{payload}.{signature}", False
            case Attack.CHANGED:
                wanted = {**claims, "cognito:groups": list(groups)}
                return f"{header}.{encoded(wanted)}.{signature}", False
            case Attack.OTHER_KEY:
                return self._signed(claims), False
            case Attack.ID_TOKEN if id_token is not None:
                return id_token, False
        earlier = int(time.time()) - _EARLIER_SECONDS
        changed: dict[Attack, dict[str, Any]] = {
            Attack.EXPIRED: {"auth_time": earlier, "iat": earlier, "exp": earlier + 3600},
            Attack.OTHER_CLIENT: {"client_id": _OTHER_CLIENT},
            Attack.ID_TOKEN: {"token_use": "id", "aud": claims.get("client_id")},
        }
        return self._signed({**claims, **changed[attack]}), True

    def _signed(self, claims: dict[str, Any]) -> str:
        signed = f"{encoded({'kid': _OWN_KEY, 'alg': 'RS256'})}.{encoded(claims)}"
        return f"{signed}.{base64url_encode(self._key.sign(signed.encode())).decode()}"
