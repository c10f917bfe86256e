"""Which step of the procedure a ``Reason`` belongs to: the numbers of ``docs/procedure.md``."""

from __future__ import annotations

from types import MappingProxyType

from authorizer.errors import Reason

# The steps of which a token alone is judged.
TOKEN_STEPS = MappingProxyType(
    {
        1: "shape",
        2: "header",
        3: "key",
        4: "signature",
        5: "claims",
    }
)

_REASONS = {
    0: {
        Reason.TOKEN_MISSING,
        Reason.AUTHORIZATION_AMBIGUOUS,
        Reason.AUTHORIZATION_NOT_BEARER,
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
