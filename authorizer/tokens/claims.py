"""Step 5: the claims of a token whose signature holds, judged at a given instant.

Every claim that Cognito documents for an access token is accounted for: judged here, passed on
in ``claims``, or both. Nothing is coerced: a number is not a string that looks like one.

RFC 7519, section 4.1; RFC 6749, section 3.3 (scope);
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from authorizer.errors import InvalidTokenError, Reason
from authorizer.strict_json import JsonObject
from authorizer.tokens.pool import UserPool

TokenUse = Literal["access", "id"]

# For `nbf` and `iat` only, where a fast clock at the issuer would turn good callers away. `exp`
# gets no leeway: it only ever extends a token's life.
CLOCK_SKEW_SECONDS = 60
# The last second of the year 9999, where most calendars end.
_LAST_NUMERIC_DATE = 253_402_300_799
# Where the two kinds of tokens name their client and their user.
_NAMES: Mapping[TokenUse, tuple[str, str]] = {
    "access": ("client_id", "username"),
    "id": ("aud", "cognito:username"),
}
# What may not be said of the future, beyond the skew: why it is refused if it is no time; if it is
# said; and in which words.
_NOT_AHEAD = (
    ("nbf", Reason.NOT_BEFORE_INVALID, Reason.NOT_YET_VALID, "not valid for another {:.0f} s"),
    ("iat", Reason.ISSUED_AT_INVALID, Reason.ISSUED_IN_THE_FUTURE, "issued {:.0f} s from now"),
)
# What must be text that is not empty, where it is there: why it is refused otherwise.
_TEXTS = {
    "sub": Reason.SUBJECT_INVALID,
    "username": Reason.USERNAME_INVALID,
    "cognito:username": Reason.USERNAME_INVALID,
    "jti": Reason.TOKEN_ID_INVALID,
}
_VERIFIED = object()
_TEXT, _CONTAINERS = frozenset({str}), frozenset({dict, list})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What every verified token says. Only a ``TokenVerifier`` makes one.

    Attributes:
        sub: the caller's immutable id; for ``client_credentials``, the client's.
        username: absent when no user stands behind the token.
        client_id: the app client it was issued to.
        groups: those of ``cognito:groups`` that a policy can name, in the token's order; empty
            when there are none.
        pool_id: the pool that vouches for it.
        jti: the token's id, where it has one.
        claims: all claims, read-only through and through.
    """

    sub: str
    username: str | None
    client_id: str
    groups: tuple[str, ...]
    pool_id: str
    jti: str | None
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
    if claims.get("iss") not in pool.issuers:
        raise InvalidTokenError(
            Reason.ISSUER_UNKNOWN, f"expected an issuer of pool {pool.id}", claims.get("iss")
        )
    _judge_times(claims, now_seconds)
    if claims.get("token_use") != token_use:
        raise InvalidTokenError(
            Reason.TOKEN_USE_WRONG, f"expected token_use {token_use!r}", claims.get("token_use")
        )
    client_claim, user_claim = _NAMES[token_use]
    client = claims.get(client_claim)
    # The type first: a list, which `aud` may be, cannot be looked up in a set.
    if not (isinstance(client, str) and client in pool.client_ids):
        raise InvalidTokenError(
            Reason.CLIENT_UNKNOWN, f"expected a configured {client_claim}", client
        )
    for name in ("sub", user_claim, "jti"):
        text = claims.get(name)
        if not (isinstance(text, str) and text) and (name in claims or name == "sub"):
            raise InvalidTokenError(_TEXTS[name], f"expected {name} to be a non-empty string")
    said: dict[str, Any] = {
        "sub": claims["sub"],
        "username": claims.get(user_claim),
        "client_id": client,
        "groups": _groups(claims),
        "pool_id": pool.id,
        "jti": claims.get("jti"),
        "claims": _frozen(claims),
    }
    if token_use == "id":
        return IdToken(**said, verified=_VERIFIED)
    scopes = _scopes(claims)
    _judge_audience(claims, pool)
    return AccessToken(**said, scopes=scopes, verified=_VERIFIED)


def _judge_times(claims: JsonObject, now: float) -> None:
    exp = _numeric_date(claims, "exp", Reason.EXPIRY_INVALID)
    if now >= exp:
        raise InvalidTokenError(Reason.EXPIRED, f"expired {now - exp:.0f} s ago")
    for name, malformed, is_ahead, words in _NOT_AHEAD:
        if name in claims:
            seconds = _numeric_date(claims, name, malformed) - now
            if seconds > CLOCK_SKEW_SECONDS:
                raise InvalidTokenError(is_ahead, words.format(seconds))


def _numeric_date(claims: JsonObject, name: str, malformed: Reason) -> int:
    value = claims.get(name)
    # bool is a kind of int in Python, and a float may be infinite: Cognito sends whole seconds.
    if type(value) is not int or not 0 <= value <= _LAST_NUMERIC_DATE:
        raise InvalidTokenError(malformed, f"expected {name} in whole seconds", value)
    return value


def _judge_audience(claims: JsonObject, pool: UserPool) -> None:
    """Whether a resource-bound token is for this API. RFC 8707, 2; RFC 7519, 4.1.3."""
    if pool.audiences or (pool.audiences is not None and "aud" in claims):
        named = claims.get("aud")
        names = named if isinstance(named, list) else [named]
        if not _TEXT.issuperset(map(type, names)) or pool.audiences.isdisjoint(names):
            expected = "an aud that is configured" if pool.audiences else "no aud"
            raise InvalidTokenError(Reason.AUDIENCE_WRONG, f"expected {expected}", named)


def _scopes(claims: JsonObject) -> tuple[str, ...]:
    """The scopes. RFC 6749, 3.3: printed ASCII but for two characters, with single blanks."""
    scope = claims.get("scope", "")
    if isinstance(scope, str) and scope.isascii() and scope.isprintable():
        names = scope.split()
        if " ".join(names) == scope and '"' not in scope and "\\" not in scope:
            return tuple(names)
    raise InvalidTokenError(
        Reason.SCOPE_INVALID, "expected scope to be names separated by single spaces"
    )


def _groups(claims: JsonObject) -> tuple[str, ...]:
    groups = claims.get("cognito:groups", [])
    if not (isinstance(groups, list) and _TEXT.issuperset(map(type, groups))):
        raise InvalidTokenError(
            Reason.GROUPS_INVALID, "expected cognito:groups to be a list of names"
        )
    # All at once: of many groups, nearly always each can be named.
    return tuple(groups if " ".join(groups).split() == groups else filter(is_nameable, groups))


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A read-only copy: a remembered token is shared, and one reader must not change another's."""
    if type(value) is dict:
        # Few are containers: most claims are text.
        return MappingProxyType(
            value | {n: _frozen(inner) for n, inner in value.items() if type(inner) in _CONTAINERS}
        )
    return tuple([_frozen(inner) if type(inner) in _CONTAINERS else inner for inner in value])
