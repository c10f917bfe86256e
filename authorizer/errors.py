"""Everything that can go wrong, in one tree, and the closed list of why a caller was turned away.

Nothing but an :class:`AuthorizerError` leaves this package, whatever bytes it is given. The tree
has one branch per kind of answer: a *disproof* (the token is not good) is an
:class:`InvalidTokenError`; a *breakage* of ours (no keys, a request we cannot read) is another
exception; a *refusal* of a good token is no error at all but a ``Decision``, a value.
"""

from collections.abc import Iterable
from enum import StrEnum, unique


@unique
class Reason(StrEnum):
    """Why a token or a request was refused. The strings are stable: logs and metrics carry them.

    The order is the order of the procedure in ``docs/procedure.md``: credentials (0), then the
    five steps of token verification, then the policy.
    """

    # 0. Credentials: what the request offers as its token.
    TOKEN_MISSING = "token_missing"
    AUTHORIZATION_AMBIGUOUS = "authorization_ambiguous"
    AUTHORIZATION_NOT_BEARER = "authorization_not_bearer"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    # 1. Shape of the JWS compact serialization.
    TOKEN_TOO_LONG = "token_too_long"
    TOKEN_NOT_COMPACT = "token_not_compact"
    TOKEN_NOT_BASE64URL = "token_not_base64url"
    # 2. Header.
    HEADER_NOT_JSON = "header_not_json"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    CRITICAL_HEADER = "critical_header"
    KEY_ID_INVALID = "key_id_invalid"
    # 3. Key. The payload is read here for the first time, to find the pool.
    CLAIMS_NOT_JSON = "claims_not_json"
    ISSUER_UNKNOWN = "issuer_unknown"
    KEY_UNKNOWN = "key_unknown"
    # 4. Signature.
    SIGNATURE_INVALID = "signature_invalid"
    # 5. Claims.
    EXPIRY_INVALID = "expiry_invalid"
    EXPIRED = "expired"
    NOT_BEFORE_INVALID = "not_before_invalid"
    NOT_YET_VALID = "not_yet_valid"
    ISSUED_AT_INVALID = "issued_at_invalid"
    ISSUED_IN_THE_FUTURE = "issued_in_the_future"
    TOKEN_USE_WRONG = "token_use_wrong"
    CLIENT_UNKNOWN = "client_unknown"
    SUBJECT_INVALID = "subject_invalid"
    USERNAME_INVALID = "username_invalid"
    TOKEN_ID_INVALID = "token_id_invalid"
    GROUPS_INVALID = "groups_invalid"
    SCOPE_INVALID = "scope_invalid"
    AUDIENCE_WRONG = "audience_wrong"
    REVOKED = "revoked"
    # The policy: the token is good, but what it asks for is not granted.
    DENIED_BY_RULE = "denied_by_rule"
    NOT_GRANTED = "not_granted"
    ROUTE_UNKNOWN = "route_unknown"
    PATH_DISAGREES = "path_disagrees"
    PATH_UNSAFE = "path_unsafe"
    METHOD_UNSAFE = "method_unsafe"
    RESOURCE_TOO_LONG = "resource_too_long"


class AuthorizerError(Exception):
    """The root of all that this package raises."""


class InvalidTokenError(AuthorizerError):
    """The token is disproved: an HTTP 401 in meaning, whatever status the gateway makes of it.

    Attributes:
        reason: which rule refused it. Log this; tell the client nothing but the status.

    As text, it says what was expected, and clipped what was found, where that is given. Who refuses
    a flood of tokens and logs none pays for no words.
    """

    def __init__(self, reason: Reason, message: str, *found: object) -> None:
        super().__init__(reason, message, *found)
        self.reason = reason

    def __str__(self) -> str:
        _, message, *found = self.args
        return f"{self.reason}: {', found '.join([message, *map(clip, found)])}"


class KeysUnavailableError(AuthorizerError):
    """The pool's keys could not be had. *Our* failure: a 500 that nothing caches, never a 401."""


class RevocationsUnavailableError(AuthorizerError):
    """The list of revoked tokens could not be had. As with keys, a 500 that nothing caches."""


class MalformedRequestError(AuthorizerError):
    """The event is not one that API Gateway sends to an authorizer: a 500, and a wiring mistake."""


class UnauthorizedError(AuthorizerError):
    """Raised *to API Gateway*: it turns an error message of exactly ``Unauthorized`` into a 401.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class ConfigurationError(AuthorizerError):
    """What we were configured with cannot work. Raised at start-up only, with all that is wrong.

    Attributes:
        problems: one line each, in the order found.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


def clip(foreign: object, limit: int = 60) -> str:
    """Quote text that came from outside for a message: escaped, on one line, and short.

    Args:
        foreign: any value; not a token or a whole claims set, which no message may show.
        limit: most characters to show.
    """
    try:
        text = repr(foreign[: limit + 1] if isinstance(foreign, str | bytes) else foreign)
    except Exception:  # noqa: BLE001 - digits or depth beyond Python's limits, or the object's own
        text = f"a value of type {type(foreign).__name__} that cannot be shown"
    if not text.isprintable():  # such as an object whose own repr has line breaks
        text = repr(text[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
