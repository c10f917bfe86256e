"""A plain word on each claim, and times as people say them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import MappingProxyType

# The last second of the year 9998: local time may be a day ahead, and datetime ends with 9999.
_LAST_SECOND = 253_370_764_799
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
# From here on the next smaller unit is told no more.
_FEW = 2
_LONGEST = 300

HEADER_WORDS = MappingProxyType(
    {
        "alg": "how it is signed; the authorizer takes RS256 and nothing else",
        "crit": "extensions that a reader must know; the authorizer knows none, and refuses",
        "cty": "kind of content",
        "enc": "how it is encrypted: only Cognito can read it",
        "kid": "which of the pool's keys signed it",
        "typ": "kind of document",
    }
)
CLAIM_WORDS = MappingProxyType(
    {
        "at_hash": "ties this ID token to the access token issued with it",
        "aud": "API that it is bound to; AUTHORIZER_AUDIENCES can demand one",
        "auth_time": "when the user signed in",
        "birthdate": "date of birth",
        "client_id": "app client that it was issued to",
        "cognito:groups": "groups: what the policy's rules are for",
        "cognito:preferred_role": "AWS role that comes first among the groups'",
        "cognito:roles": "AWS roles of the groups",
        "cognito:username": "user name (in ID tokens)",
        "device_key": "remembered device that signed in",
        "email": "e-mail address",
        "email_verified": "whether the e-mail address was verified",
        "event_id": "the sign-in that it came of, for searching in logs",
        "exp": "when it expires",
        "family_name": "family name",
        "given_name": "given name",
        "iat": "when it was issued",
        "identities": "identity provider that the user signed in with",
        "iss": "user pool that issued it",
        "jti": "this token's own id",
        "locale": "language",
        "name": "full name",
        "nbf": "not valid before",
        "nonce": "ties it to the request for it",
        "origin_jti": "the sign-in's id: revoking it revokes all tokens that came of it",
        "phone_number": "phone number",
        "phone_number_verified": "whether the phone number was verified",
        "preferred_username": "name that the user goes by",
        "scope": "scopes: what an app may do, where no user stands behind the token",
        "sub": "the user's id, which never changes",
        "token_use": "kind of token; an API wants access",
        "username": "user name",
        "version": "version of the token's format",
    }
)
_UNKNOWN_HEADER = "not a field of Cognito's"
_UNKNOWN_CLAIM = "not one of Cognito's own: added for this pool"
# Where a claim means another thing in an ID token.
_ID_CLAIM_WORDS = MappingProxyType({"aud": "app client that it was issued to"})
_ATTRIBUTE = "an attribute of this pool's own"
# claim -> said of an instant to come, said of one gone by.
_TIMES = MappingProxyType(
    {
        "auth_time": ("signs in", "signed in"),
        "exp": ("expires", "expired"),
        "iat": ("issued", "issued"),
        "nbf": ("valid", "valid since"),
    }
)


def word_on_header(name: str) -> str:
    """What a header field means."""
    return HEADER_WORDS.get(name, _UNKNOWN_HEADER)


def word_on_claim(name: str, token_use: object = None) -> str:
    """What a claim means, in that kind of token."""
    if name.startswith(("custom:", "dev:custom:")):
        return _ATTRIBUTE
    if token_use == "id" and name in _ID_CLAIM_WORDS:
        return _ID_CLAIM_WORDS[name]
    return CLAIM_WORDS.get(name, _UNKNOWN_CLAIM)


def shown(name: str, value: object, now_seconds: float) -> str:
    """A claim's value for people: short, on one line, and harmless to a terminal."""
    if name in _TIMES and type(value) is int and 0 <= value <= _LAST_SECOND:
        return f"{local_time(value)}, {relative(name, value, now_seconds)}"
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def local_time(seconds: int) -> str:
    """An instant on this machine's clock, with its zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def relative(name: str, seconds: float, now_seconds: float) -> str:
    """``expires in 12 min``, ``issued 3 h 5 min ago``, ``expired just now``."""
    to_come, gone_by = _TIMES[name]
    distance = seconds - now_seconds
    if distance > 0:
        return f"{to_come} in {duration(distance)}"
    return f"{gone_by} {duration(-distance)} ago" if distance <= -1 else f"{gone_by} just now"


def duration(seconds: float) -> str:
    """A length of time in its one or two largest units, rounded down."""
    rest = int(seconds)
    told: list[str] = []
    for size, unit in _UNITS:
        number, rest = divmod(rest, size)
        if number or told:
            told.append(f"{number} {unit}" if number else "")
        if len(told) == _FEW:
            break
    return " ".join(part for part in told if part) or f"{rest} s"


def _text(value: object) -> str:
    if isinstance(value, str):
        # Escapes would reach the terminal as commands, and direction marks would rearrange the row.
        return value if value.isprintable() else json.dumps(value)
    if type(value) is list and value and all(isinstance(item, str) for item in value):
        return ", ".join(_text(item) for item in value)
    try:
        return json.dumps(value)
    except RecursionError:
        return "nested too deeply to show"
