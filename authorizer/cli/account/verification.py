"""At which step the authorizer would refuse a token, and what the token says of itself.

The authorizer's own procedure verifies; its steps have the numbers of ``docs/procedure.md``. Unlike
:mod:`authorizer.tokens.compact`, ``read_part`` reads what can be read of a broken token, so that a
person can see what they hold: nothing that is read so is proof of anything. The signature is never
kept, let alone shown.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Session, SessionStore, Target
from authorizer.errors import ConfigurationError, InvalidTokenError, KeysUnavailableError, Reason
from authorizer.strict_json import JsonObject, NotStrictJsonError, parse_object
from authorizer.tokens.compact import MAX_TOKEN_CHARACTERS, parse_compact, require_bounded_ascii
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.tokens.jwks import JwksCache


# The steps of which a token alone is judged.
TOKEN_STEPS = MappingProxyType({1: "shape", 2: "header", 3: "key", 4: "signature", 5: "claims"})

_REASONS = {
    0: {
        Reason.TOKEN_MISSING,
        Reason.AUTHORIZATION_AMBIGUOUS,
        Reason.AUTHORIZATION_NOT_BEARER,
        Reason.ORIGIN_NOT_ALLOWED,
    },
    1: {Reason.TOKEN_TOO_LONG, Reason.TOKEN_NOT_COMPACT, Reason.TOKEN_NOT_BASE64URL},
    2: {
        Reason.HEADER_NOT_JSON,
        Reason.ALGORITHM_NOT_ALLOWED,
        Reason.CRITICAL_HEADER,
        Reason.KEY_ID_INVALID,
    },
    3: {Reason.CLAIMS_NOT_JSON, Reason.ISSUER_UNKNOWN, Reason.KEY_UNKNOWN},
    4: {Reason.SIGNATURE_INVALID},
    5: {
        Reason.EXPIRY_INVALID,
        Reason.EXPIRED,
        Reason.NOT_BEFORE_INVALID,
        Reason.NOT_YET_VALID,
        Reason.ISSUED_AT_INVALID,
        Reason.ISSUED_IN_THE_FUTURE,
        Reason.TOKEN_USE_WRONG,
        Reason.CLIENT_UNKNOWN,
        Reason.SUBJECT_INVALID,
        Reason.USERNAME_INVALID,
        Reason.TOKEN_ID_INVALID,
        Reason.GROUPS_INVALID,
        Reason.SCOPE_INVALID,
        Reason.AUDIENCE_WRONG,
        Reason.REVOKED,
    },
    6: {
        Reason.DENIED_BY_RULE,
        Reason.NOT_GRANTED,
        Reason.ROUTE_UNKNOWN,
        Reason.PATH_DISAGREES,
        Reason.PATH_UNSAFE,
        Reason.METHOD_UNSAFE,
        Reason.RESOURCE_TOO_LONG,
    },
}

STEP_OF = MappingProxyType(
    {reason: step for step, reasons in _REASONS.items() for reason in reasons}
)
HEADER, CLAIMS = range(2)
_HEADER_STEP = 2
_KEY_STEP = 3
_LAST_STEP = max(TOKEN_STEPS)
# RFC 7516, section 7.1. Cognito's refresh tokens are encrypted: five parts, not three.
ENCRYPTED_PARTS = 5
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How far a token got.

    Attributes:
        passed: the last step that it passed; 0 for none.
        reason: why it was refused at the next one; nothing when it was not.
        detail: for people, why it was refused or could not be judged further.
        is_good: whether it passed all that there was to be judged by.
    """

    passed: int
    reason: Reason | None = None
    detail: str | None = None
    is_good: bool

    def result_of(self, step: int) -> tuple[str, str]:
        """What came of a step, and a style to print it in."""
        match step - self.passed:
            case 1 if self.reason is not None:
                return f"failed: {self.reason}", "bold red"
            case 1 if not self.is_good:
                return "could not be judged: the pool's keys are out of reach", "bold yellow"
            case ahead if ahead > 0:
                return "not judged" if self.is_good else "not reached", "dim"
        return "passed", "green"


def verify(
    unverified_text: str,
    pool: UserPool | None,
    *,
    keys: JwksCache | None = None,
    clock: Callable[[], float] = time.time,
) -> Verification:
    """Verify a token as an API's authorizer does.

    Args:
        unverified_text: the token.
        pool: with the app client that it should be for. Without one, as far as that takes none:
            the shape, the header, and whether claims are there.
        keys: where the pool's keys come from; by default they are fetched.
        clock: seconds since the epoch.
    """
    try:
        if pool is None:
            return _verify_offline(unverified_text)
        # It takes long to load, and fetches keys.
        from authorizer.tokens.verifier import TokenVerifier  # noqa: PLC0415

        TokenVerifier(pool, keys=keys, remember=0, clock=clock).verify(unverified_text)
    except InvalidTokenError as error:
        step = STEP_OF[error.reason]
        return Verification(
            passed=step - 1,
            reason=error.reason,
            detail=f"Refused at step {step}: {error}",
            is_good=False,
        )
    except KeysUnavailableError as error:
        return Verification(
            passed=_KEY_STEP - 1,
            detail=f"nobody can say whether it is good without the pool's keys: {error}",
            is_good=False,
        )
    return Verification(passed=_LAST_STEP, is_good=True)


def _verify_offline(unverified_text: str) -> Verification:
    parse_compact(require_bounded_ascii(unverified_text))
    if read_part(unverified_text, CLAIMS) is None:
        raise InvalidTokenError(Reason.CLAIMS_NOT_JSON, "expected a JSON object as claims")
    return Verification(passed=_HEADER_STEP, is_good=True)


def strip_scheme(text: str) -> str:
    """The token, where it was pasted with ``Bearer`` before it or blanks around it."""
    text = text.strip()
    return text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else text


def read_part(unverified_text: str, index: int) -> JsonObject | None:
    """A part of a token, ``HEADER`` or ``CLAIMS``, as far as it can be read, however broken."""
    with suppress(NotStrictJsonError, ValueError, IndexError):
        if len(unverified_text) <= MAX_TOKEN_CHARACTERS:
            part = unverified_text.split(".")[index]
            return parse_object(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return None


def groups_of(unverified_claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups that a token names."""
    groups = unverified_claims.get("cognito:groups")
    return tuple(name for name in groups if isinstance(name, str)) if type(groups) is list else ()


def stored_session(profile: str) -> tuple[Session | None, str | None]:
    """The session as it is: a token that has expired is one to look at, not to replace."""
    try:
        return SessionStore().load(profile), None
    except AccountError as error:
        return None, str(error)


def pool_to_verify_by(
    pool_id: str | None, client_id: str | None, jwks_url: str | None, session: Target | None
) -> UserPool | None:
    """What to verify by: the options, and for what they leave open the profile's session."""
    pool = pool_id or (session.pool_id if session else None)
    # Another pool has other clients, and may be elsewhere.
    stored = session if session is not None and session.pool_id == pool else None
    client = client_id or (stored.client_id if stored else None)
    if pool is None or client is None:
        if pool_id or client_id or jwks_url:
            missing = "--client-id" if pool else "--pool-id"
            raise ConfigurationError(
                [f"expected both --pool-id and --client-id to judge by: give {missing}, too"]
            )
        return None
    if jwks_url is None and stored and stored.endpoint_url is not None:
        jwks_url = f"{stored.endpoint_url.rstrip('/')}/{pool}/.well-known/jwks.json"
    return UserPool(pool, [client], jwks_url=jwks_url)
