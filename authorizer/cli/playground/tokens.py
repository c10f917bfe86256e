"""A token judged with how long each step took, and copies with exactly one thing wrong.

The verifier itself runs. Its steps are timed where it asks for something: for the pool's key, which
ends step 3, and for the time of day, with which step 5 begins. Steps 1 and 2 are one function, and
are timed by themselves.

Whoever cannot sign for the pool can only do what is refused by its keys. To see that an expired
token, or another client's, is refused although its signature is right, one needs a signature that
is: the copy is signed with a key made for this run, and judged as if that were the pool's.
"""

from __future__ import annotations

import time
from contextlib import suppress
from enum import StrEnum
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from authorizer.cli.account.verification import CLAIMS, HEADER, read_part
from authorizer.cli.event.tokens import MadeKey, encoded, key_set
from authorizer.cli.explain.token import JudgedToken, judge_token
from authorizer.errors import InvalidTokenError
from authorizer.tokens.compact import parse_compact, require_bounded_ascii
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.keys import KeySet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.tokens.keys import SigningKey
    from authorizer.tokens.pool import UserPool

# The access token of a sign-in, and the ID token: a machine gets none.
Tokens = tuple[str, str | None]
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


@cache
def _own_key() -> MadeKey:
    """Made when first needed, and for this run."""
    return MadeKey("made-for-this-page")


@cache
def own_keys(pool: UserPool) -> JwksCache:
    """The key that bad copies are signed with, as if it were the pool's."""
    return JwksCache(never_expiring={pool: KeySet.parse(key_set(_own_key()))})


def spoil(attack: Attack, tokens: Tokens, groups: Iterable[str]) -> tuple[str, bool]:
    """A copy of a good token with one thing wrong.

    Args:
        attack: what is wrong with it.
        tokens: of a sign-in.
        groups: that whoever changes the claims would like to be in.

    Returns:
        The copy, and whether it is to be judged by ``own_keys``.
    """
    access, id_token = tokens
    header, payload, signature = access.split(".")
    claims = read_part(access, CLAIMS) or {}
    earlier = int(time.time()) - _EARLIER_SECONDS
    signed_anew: dict[Attack, dict[str, Any]] = {
        Attack.OTHER_KEY: {},
        Attack.EXPIRED: {"auth_time": earlier, "iat": earlier, "exp": earlier + 3600},
        Attack.OTHER_CLIENT: {"client_id": _OTHER_CLIENT},
        Attack.ID_TOKEN: {"token_use": "id", "aud": claims.get("client_id")},
    }
    match attack:
        case Attack.CUT:
            return f"{header}.{payload}", False
        case Attack.ID_TOKEN if id_token is not None:
            return id_token, False
        case Attack.ALG_NONE:
            header = encoded({**(read_part(access, HEADER) or {}), "alg": "none"})
        case Attack.CHANGED:
            payload = encoded({**claims, "cognito:groups": list(groups)})
        case _:
            copy = _own_key().sign({**claims, **signed_anew[attack]})
            return copy, attack is not Attack.OTHER_KEY
    return f"{header}.{payload}.{signature}", False
