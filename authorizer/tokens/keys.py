"""A JWK Set document becomes the keys that may verify a token. The only module that knows jose.

python-jose is used for two things it does well: building an RSA key from a JWK, and verifying a
signature with it. Which keys are fit to be used is decided here, before it sees them: it ignores
``use`` and ``key_ops`` and accepts keys of any size.

RFC 7517, sections 4 and 5; RFC 7518, sections 3.3 and 6.3.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from authorizer.deferral import deferred
from authorizer.errors import AuthorizerError
from authorizer.strict_json import NotStrictJsonError, parse_object
from authorizer.tokens.compact import ALGORITHM, MAX_KEY_ID_CHARACTERS, decode_base64url

# For keys in PEM and in certificates, which ours are not: half of what importing jose takes.
with deferred("cryptography.hazmat.primitives.serialization", "cryptography.x509"):
    from jose import jwk as jose_jwk

# RFC 7518, 3.3 asks for 2048 bits or more. Verification costs grow with the size, so there is an
# upper bound too: no signer we know of uses more.
MIN_KEY_BITS = 2048
MAX_KEY_BITS = 8192
# Exponents are 65537 in practice; this bounds the cost of verifying with a hostile one.
MAX_EXPONENT_BITS = 64
# RFC 7518, 6.3.2.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


class KeySetError(AuthorizerError):
    """The document holds no usable key. Whoever fetched it turns this into a failed fetch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One RSA public key of a pool. Two are equal when their numbers are.

    Attributes:
        key_id: the ``kid`` under which tokens refer to it.
        modulus: n.
        exponent: e.
    """

    key_id: str
    modulus: int
    exponent: int
    _verifier: Any = field(compare=False, repr=False)

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's RS256 signature over ``signing_input``."""
        try:
            return bool(self._verifier.verify(signing_input, signature))
        except Exception:  # noqa: BLE001 - whatever a library says of hostile bytes, it is "no"
            return False


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one JWK Set, by ``kid``. Built by :meth:`parse` only from what is fit to use."""

    keys: dict[str, SigningKey]

    @classmethod
    def parse(cls, document: bytes, *, may_be_empty: bool = False) -> Self:
        """Read a JWK Set.

        Keys that are malformed, weak, or for another purpose are skipped: one foreign key must
        not take the others down. A ``kid`` that names two different keys names none.

        Args:
            document: what was fetched, or read from a file.
            may_be_empty: whether a JWK Set without a usable key is one, too: the answer of a pool
                that has withdrawn its keys.

        Raises:
            KeySetError: when the document is no JWK Set, or holds no usable key.
        """
        try:
            entries = parse_object(document).get("keys")
        except NotStrictJsonError as error:
            raise KeySetError(f"expected a JWK Set, found {error}") from error
        if not isinstance(entries, list):
            raise KeySetError("expected a JWK Set with an array named keys, found none")
        fit = (_build(one) for one in entries if isinstance(one, dict) and _is_for_verifying(one))
        keys = dict.fromkeys(filter(None, fit))  # the same one twice is one
        named = Counter(key.key_id for key in keys)
        usable = {key.key_id: key for key in keys if named[key.key_id] == 1}
        if not usable and not may_be_empty:
            raise KeySetError(f"expected a usable RSA signing key, found none in {len(entries)}")
        return cls(usable)

    def get(self, key_id: str) -> SigningKey | None:
        """The key of that ``kid``, or nothing."""
        return self.keys.get(key_id)


def _is_for_verifying(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    key_id = entry.get("kid")
    return (
        entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(key_id, str)
        and 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS
        # A published private exponent, or prime, means that anybody can sign with this key.
        and _PRIVATE_MEMBERS.isdisjoint(entry)
    )


def _build(entry: dict[str, Any]) -> SigningKey | None:
    """The key, or nothing where its numbers are missing, misspelt, or of the wrong size."""
    with suppress(Exception):  # jose and cryptography raise many types; all mean "skip it"
        modulus, exponent = (_unsigned(entry[name]) for name in ("n", "e"))
        if (
            MIN_KEY_BITS <= modulus.bit_length() <= MAX_KEY_BITS
            and exponent.bit_length() <= MAX_EXPONENT_BITS
        ):
            return SigningKey(
                key_id=entry["kid"],
                modulus=modulus,
                exponent=exponent,
                _verifier=jose_jwk.construct(
                    {"kty": "RSA", "n": entry["n"], "e": entry["e"]}, algorithm=ALGORITHM
                ),
            )
    return None


def _unsigned(encoded: str) -> int:
    """RFC 7518, 2 and 6.3.1: as few octets as the number needs, so that it has one spelling."""
    octets = decode_base64url(encoded.encode("ascii"))
    if octets[0] == 0:
        raise ValueError("a leading zero octet")
    return int.from_bytes(octets)
