"""Steps 1 and 2: the shape of a JWS compact serialization, and its header. No cryptography here.

What comes out is *unverified*: it says what the token claims, and no more. Each token has one
accepted spelling, so that whoever remembers a verified token by its text cannot be flooded with
respellings of it.

RFC 7515, sections 2, 4.1 and 7.1; RFC 4648, sections 3.5 and 5; RFC 8725, section 3.
"""

from binascii import a2b_base64
from functools import lru_cache

from authorizer.errors import InvalidTokenError, Reason
from authorizer.strict_json import JsonObject, NotStrictJsonError, parse_object

# API Gateway refuses requests whose headers exceed 10,240 bytes in all, so that nothing longer
# can come from it; and it bounds what an attacker can make us parse.
MAX_TOKEN_CHARACTERS = 10_240
# Cognito's key ids have 44 characters.
MAX_KEY_ID_CHARACTERS = 256
ALGORITHM = "RS256"

# The decoder knows the other alphabet, and padding. What that has and ours has not is refused.
_PLUS, _SLASH, _EQUALS, _DOT = b"+/=."
# By what remains of the length, divided by four: the padding that the decoder wants, and the last
# characters whose unused bits are zero. There is no octet in a single character.
_PADDING = (b"", b"", b"==", b"=")
_ENDINGS = tuple(
    tuple(one.encode() for one in last) for last in ([""], [], "AQgw", "AEIMQUYcgkosw048")
)


def require_bounded_ascii(unverified_text: str) -> bytes:
    """The text's bytes, once it is known that working on them is cheap.

    Raises:
        InvalidTokenError: ``token_too_long``, ``token_not_compact``, ``token_not_base64url``.
    """
    if not isinstance(unverified_text, str):
        raise InvalidTokenError(
            Reason.TOKEN_NOT_COMPACT, f"expected text, found {type(unverified_text).__name__}"
        )
    if len(unverified_text) > MAX_TOKEN_CHARACTERS:
        raise InvalidTokenError(
            Reason.TOKEN_TOO_LONG,
            f"expected at most {MAX_TOKEN_CHARACTERS} characters, found {len(unverified_text)}",
        )
    try:
        return unverified_text.encode("ascii")
    except UnicodeEncodeError as error:
        raise InvalidTokenError(Reason.TOKEN_NOT_BASE64URL, "expected ASCII only") from error


def parse_compact(encoded: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Take a token apart, strictly, into what nobody has vouched for yet.

    Args:
        encoded: from :func:`require_bounded_ascii`.

    Returns:
        The header's ``kid``; the decoded, unread claims; what the signature is over, the first two
        parts with the dot between them; and the decoded signature.

    Raises:
        InvalidTokenError: ``token_not_compact``, ``token_not_base64url``, ``header_not_json``,
            ``algorithm_not_allowed``, ``critical_header``, ``key_id_invalid``.
    """
    signing_input, _, signature = encoded.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    if not (header and payload and signature) or _DOT in payload:
        raise InvalidTokenError(
            Reason.TOKEN_NOT_COMPACT, "expected three non-empty parts between two dots"
        )
    try:
        claims, decoded_signature = decode_base64url(payload), decode_base64url(signature)
        key_id = _require_key_id(header)
    except ValueError as error:
        raise InvalidTokenError(
            Reason.TOKEN_NOT_BASE64URL, "expected unpadded, canonical base64url"
        ) from error
    return key_id, claims, signing_input, decoded_signature


def parse_part(data: bytes, name: str, reason: Reason) -> JsonObject:
    """Read the JSON of a decoded part.

    Raises:
        InvalidTokenError: with that reason.
    """
    try:
        return parse_object(data)
    except NotStrictJsonError as error:
        raise InvalidTokenError(
            reason, f"expected a JSON object as {name}, found {error}"
        ) from error


def decode_base64url(encoded: bytes) -> bytes:
    """Decode unpadded base64url that has exactly one spelling.

    Raises:
        ValueError: for padding, foreign characters, an impossible length, or a last character
            whose unused bits are not zero.
    """
    remainder = len(encoded) % 4
    if (
        not encoded.endswith(_ENDINGS[remainder])
        or _PLUS in encoded
        or _SLASH in encoded
        or _EQUALS in encoded
    ):
        raise ValueError("not canonical base64url")
    standard = encoded.replace(b"-", b"+").replace(b"_", b"/")
    return a2b_base64(standard + _PADDING[remainder], strict_mode=True)


# Few are seen: one per key, and those that somebody makes up.
@lru_cache(maxsize=64)
def _require_key_id(encoded_header: bytes) -> str:
    """Judge the header (step 2) and return its ``kid``. What it says depends on nothing else."""
    header = parse_part(decode_base64url(encoded_header), "header", Reason.HEADER_NOT_JSON)
    # Compared with a constant: the token does not get to choose how it is verified.
    if header.get("alg") != ALGORITHM:
        raise InvalidTokenError(
            Reason.ALGORITHM_NOT_ALLOWED,
            f"expected alg {ALGORITHM}",
            header.get("alg"),
        )
    if "crit" in header:
        # RFC 7515, 4.1.11: who does not understand an extension listed there must refuse.
        raise InvalidTokenError(Reason.CRITICAL_HEADER, "expected no crit header")
    key_id = header.get("kid")
    if not (isinstance(key_id, str) and 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS):
        raise InvalidTokenError(Reason.KEY_ID_INVALID, "expected a kid", key_id)
    return key_id
