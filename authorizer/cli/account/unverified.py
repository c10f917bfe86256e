"""What a token says of itself, for its owner's eyes. Nothing here is proof of anything.

Unlike :mod:`authorizer.tokens.compact`, this reads as much of a broken token as can be read, so
that a person can see what they hold. The signature is never kept, let alone shown.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authorizer.strict_json import NotStrictJsonError, parse_object
from authorizer.tokens.compact import MAX_TOKEN_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.strict_json import JsonObject

# RFC 7516, section 7.1. Cognito's refresh tokens are encrypted: five parts, not three.
ENCRYPTED_PARTS = 5
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedParts:
    """The readable parts of a token.

    Attributes:
        header, claims: nothing where that part cannot be read.
        number: how many parts there are between dots; three in a sound token.
    """

    header: JsonObject | None
    claims: JsonObject | None
    number: int


def strip_scheme(text: str) -> str:
    """The token, where it was pasted with ``Bearer`` before it or blanks around it."""
    text = text.strip()
    return text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else text


def read_parts(unverified_text: str) -> UnverifiedParts:
    """Read what can be read of a token, however broken."""
    parts = unverified_text.split(".")
    readable = len(unverified_text) <= MAX_TOKEN_CHARACTERS
    return UnverifiedParts(
        header=_read(parts[0]) if readable else None,
        claims=_read(parts[1]) if readable and len(parts) > 1 else None,
        number=len(parts),
    )


def groups_of(unverified_claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups that a token names."""
    groups = unverified_claims.get("cognito:groups")
    return tuple(name for name in groups if isinstance(name, str)) if type(groups) is list else ()


def _read(part: str) -> JsonObject | None:
    try:
        return parse_object(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (NotStrictJsonError, ValueError):
        return None
