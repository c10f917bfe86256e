"""Step 5: the claims of a token whose signature holds, judged at a given instant.

Every claim that Cognito documents for an access token is accounted for: judged here, passed on
in ``claims``, or both. Nothing is coerced: a number is not a string that looks like one.

RFC 7519, section 4.1; RFC 6749, section 3.3 (scope);
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
"""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from authorizer.errors import InvalidTokenError, Reason, clip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.strict_json import JsonObject
    from authorizer.tokens.pool import UserPool

TokenUse = Literal["access", "id"]
TOKEN_USES = ("access", "id")

# For `nbf` and `iat` only, where a fast clock at the issuer would turn good callers away. `exp`
# gets no leeway: it only ever extends a token's life.
CLOCK_SKEW_SECONDS = 60
# The last second of the year 9999, where datetime ends.
_LAST_NUMERIC_DATE = 253_402_300_799
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_VERIFIED = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What every verified token says. Only a ``TokenVerifier`` makes one.

    Attributes:
        sub: the caller's immutable id; for ``client_credentials``, the client's.
        username: absent when no user stands behind the token.
        client_id: the app client it was issued to.
        groups: those of ``cognito:groups`` that a policy can name, in the token's order; empty
            when there are none.
        issuer: the ``iss`` claim.
        pool_id: the pool that vouches for it.
        jti: the token's id, where it has one.
        issued_at: the ``iat`` claim, where it has one.
        expires_at: the ``exp`` claim.
        claims: all claims, read-only through and through.
    """

    sub: str
    username: str | None
    client_id: str
    groups: tuple[str, ...]
    issuer: str
    pool_id: str
    jti: str | None
    issued_at: datetime | None
    expires_at: datetime
    # Not in the repr, which ends up in logs; and a mapping has no hash.
    claims: Mapping[str, Any] = field(repr=False, hash=False)
    verified: InitVar[object]

    @property
    def groups_skipped(self) -> int:
        """How many of the token's groups no policy can name, so that they grant nothing."""
        return len(self.claims.get("cognito:groups", ())) - len(self.groups)

    def __post_init__(self, verified: object) -> None:
        """Trust is in the type, so the type cannot be had without verification."""
        if verified is not _VERIFIED:
            raise TypeError(f"{type(self).__name__} comes from TokenVerifier.verify only")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(VerifiedToken):
    """A verified access token: what an API authorizes with.

    Attributes:
        scopes: the ``scope`` claim, split.
    """

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken(VerifiedToken):
    """A verified ID token: says who signed in. Not fit for authorizing API calls."""


def is_nameable(group: str) -> bool:
    """Whether a policy can name that group.

    The names of Cognito's own groups have no white space; those of an identity provider may. To a
    backend, which gets groups joined by blanks, each would be two. Nothing is trimmed: ``admin``
    with a blank after it is another group.
    """
    return group.split() == [group]


def judge_claims(
    claims: JsonObject, pool: UserPool, now_seconds: float, token_use: TokenUse
) -> AccessToken | IdToken:
    """Judge claims whose signature was verified, and make the token.

    Args:
        claims: the payload of a token that a key of ``pool`` signed.
        pool: what the claims must fit.
        now_seconds: the instant to judge at, seconds since the epoch.
        token_use: which kind of token is expected.

    Raises:
        InvalidTokenError: with the first claim that does not fit, in the order of the procedure.
    """
    issuer = claims.get("iss")
    if issuer not in pool.issuers:
        raise InvalidTokenError(
            Reason.ISSUER_UNKNOWN, f"expected an issuer of pool {pool.id}, found {clip(issuer)}"
        )
    expires_at, issued_at = _judge_times(claims, now_seconds)
    _judge_use(claims, token_use)
    common: dict[str, Any] = {
        "client_id": _judge_client(claims, pool, "client_id" if token_use == "access" else "aud"),
        "sub": _text(claims, "sub", Reason.SUBJECT_INVALID, required=True),
        "username": _text(
            claims,
            "username" if token_use == "access" else "cognito:username",
            Reason.USERNAME_INVALID,
        ),
        "jti": _text(claims, "jti", Reason.TOKEN_ID_INVALID),
        "groups": _groups(claims),
        "issuer": issuer,
        "pool_id": pool.id,
        "issued_at": issued_at,
        "expires_at": expires_at,
        "verified": _VERIFIED,
    }
    if token_use == "id":
        return IdToken(**common, claims=_frozen(claims))
    scopes = _scopes(claims)
    _judge_audience(claims, pool)
    return AccessToken(**common, scopes=scopes, claims=_frozen(claims))


def _judge_times(claims: JsonObject, now: float) -> tuple[datetime, datetime | None]:
    exp = _numeric_date(claims, "exp", Reason.EXPIRY_INVALID)
    if exp is None:
        raise InvalidTokenError(Reason.EXPIRY_INVALID, "expected an exp claim, found none")
    if now >= exp:
        raise InvalidTokenError(Reason.EXPIRED, f"expired {now - exp:.0f} s ago")
    nbf = _numeric_date(claims, "nbf", Reason.NOT_BEFORE_INVALID)
    if nbf is not None and nbf > now + CLOCK_SKEW_SECONDS:
        raise InvalidTokenError(Reason.NOT_YET_VALID, f"not valid for another {nbf - now:.0f} s")
    iat = _numeric_date(claims, "iat", Reason.ISSUED_AT_INVALID)
    if iat is not None and iat > now + CLOCK_SKEW_SECONDS:
        raise InvalidTokenError(Reason.ISSUED_IN_THE_FUTURE, f"issued {iat - now:.0f} s from now")
    issued_at = None if iat is None else datetime.fromtimestamp(iat, UTC)
    return datetime.fromtimestamp(exp, UTC), issued_at


def _numeric_date(claims: JsonObject, name: str, reason: Reason) -> int | None:
    if name not in claims:
        return None
    value = claims[name]
    # bool is a kind of int in Python, and a float may be infinite: Cognito sends whole seconds.
    if type(value) is not int or not 0 <= value <= _LAST_NUMERIC_DATE:
        raise InvalidTokenError(reason, f"expected {name} in whole seconds, found {clip(value)}")
    return value


def _judge_use(claims: JsonObject, token_use: TokenUse) -> None:
    if claims.get("token_use") != token_use:
        raise InvalidTokenError(
            Reason.TOKEN_USE_WRONG,
            f"expected token_use {token_use!r}, found {clip(claims.get('token_use'))}",
        )


def _judge_client(claims: JsonObject, pool: UserPool, name: str) -> str:
    client = claims.get(name)
    # The type first: a list, which `aud` may be, cannot be looked up in a set.
    if not (isinstance(client, str) and client in pool.client_ids):
        raise InvalidTokenError(
            Reason.CLIENT_UNKNOWN, f"expected a configured {name}, found {clip(client)}"
        )
    return client


def _judge_audience(claims: JsonObject, pool: UserPool) -> None:
    """Whether a resource-bound token is for this API. RFC 8707, 2; RFC 7519, 4.1.3."""
    if pool.audiences is None or not (pool.audiences or "aud" in claims):
        return
    named = claims.get("aud")
    names: Any = [named] if isinstance(named, str) else named
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or pool.audiences.isdisjoint(names):
        expected = "an aud that is configured" if pool.audiences else "no aud"
        raise InvalidTokenError(Reason.AUDIENCE_WRONG, f"expected {expected}, found {clip(named)}")


def _text(claims: JsonObject, name: str, reason: Reason, *, required: bool = False) -> str | None:
    if name not in claims and not required:
        return None
    value = claims.get(name)
    if not (isinstance(value, str) and value):
        raise InvalidTokenError(reason, f"expected {name} to be a non-empty string")
    return value


def _scopes(claims: JsonObject) -> tuple[str, ...]:
    scope = claims.get("scope", "")
    if scope == "":
        return ()
    if not (isinstance(scope, str) and _SCOPE.fullmatch(scope)):
        raise InvalidTokenError(
            Reason.SCOPE_INVALID, "expected scope to be names separated by single spaces"
        )
    return tuple(scope.split(" "))


def _groups(claims: JsonObject) -> tuple[str, ...]:
    groups = claims.get("cognito:groups", [])
    if not (isinstance(groups, list) and all(isinstance(group, str) for group in groups)):
        raise InvalidTokenError(
            Reason.GROUPS_INVALID, "expected cognito:groups to be a list of names"
        )
    return tuple(filter(is_nameable, groups))


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A read-only copy: a remembered token is shared, and one reader must not change another's."""
    if type(value) is dict:
        return MappingProxyType({name: _frozen(inner) for name, inner in value.items()})
    if type(value) is list:
        return tuple(_frozen(inner) for inner in value)
    return value
