"""Which published keys may verify a token, and what a signing key says to a signature."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from simulator import Cognito, b64, private_key, public_jwk

from authorizer.tokens.compact import decode_base64url
from authorizer.tokens.keys import (
    MAX_EXPONENT_BITS,
    MAX_KEY_BITS,
    KeySet,
    KeySetError,
    SigningKey,
)

KEY = private_key("access")
JWK = public_jwk(KEY, "k")


def documented(*entries: object) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


def usable(*entries: object) -> set[str]:
    """The key ids that are fit for use among these entries and one that certainly is."""
    good = public_jwk(private_key("good"), "good")
    return set(KeySet.parse(documented(good, *entries)).keys) - {"good"}


def numbered(modulus: int, exponent: int) -> dict[str, Any]:
    return JWK | {
        "n": b64(modulus.to_bytes((modulus.bit_length() + 7) // 8)),
        "e": b64(exponent.to_bytes((exponent.bit_length() + 7) // 8)),
    }


def refused(document: bytes) -> str:
    with pytest.raises(KeySetError) as caught:
        KeySet.parse(document)
    return str(caught.value)


def test_reads_what_cognito_publishes() -> None:
    """Both keys of a pool are found under their ids, with their numbers."""
    cognito = Cognito()
    keys = KeySet.parse(cognito.jwks())
    assert set(keys.keys) == {"access-key", "id-key"}
    key = keys.get("access-key")
    assert key is not None
    numbers = cognito.keys["access-key"].public_key().public_numbers()
    assert (key.key_id, key.modulus, key.exponent) == ("access-key", numbers.n, numbers.e)
    assert keys.get("Access-Key") is None
    assert keys.get("") is None


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (b"", "expected a JWK Set, found no valid JSON"),
        (b"<html>", "expected a JWK Set, found no valid JSON"),
        (b"[]", "expected a JWK Set, found a JSON list"),
        (b"null", "expected a JWK Set, found a JSON NoneType"),
        (b"\xff\xfe", "expected a JWK Set, found text that is not valid Unicode"),
        (b"[" * 60_000, "expected a JWK Set, found values nested too deeply"),
        (b'{"keys":[],"keys":[]}', "expected a JWK Set, found an object with a repeated name"),
        (b"{}", "expected a JWK Set with an array named keys, found none"),
        (b'{"keys":null}', "expected a JWK Set with an array named keys, found none"),
        (b'{"keys":{}}', "expected a JWK Set with an array named keys, found none"),
        (b'{"keys":"k"}', "expected a JWK Set with an array named keys, found none"),
        (b'{"Keys":[]}', "expected a JWK Set with an array named keys, found none"),
        (b'{"keys":[]}', "expected a usable RSA signing key, found none in 0"),
        (b'{"keys":[{},null,7,"k",[]]}', "expected a usable RSA signing key, found none in 5"),
    ],
)
def test_refuses_what_is_no_key_set(document: bytes, found: str) -> None:
    """A document that gives no key is an error, so that it cannot replace keys that work."""
    assert refused(document).startswith(found)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"use": None},
        {"alg": None},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"x5c": ["MII"], "x5t": "x"},
        {"anything": {"else": [1]}},
    ],
)
def test_fit_for_use(change: dict[str, Any]) -> None:
    """Purpose and algorithm may be left unsaid; further members are none of our business."""
    assert usable(public_jwk(KEY, "k", **change)) == {"k"}


@pytest.mark.parametrize(
    "change",
    [
        {"kty": None},
        {"kty": "rsa"},
        {"kty": "EC"},
        {"kty": "oct", "k": "AA"},
        {"kty": ["RSA"]},
        {"use": "enc"},
        {"use": ""},
        {"use": "SIG"},
        {"use": ["sig"]},
        {"use": 7},
        {"alg": "RS384"},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "rs256"},
        {"alg": ""},
        {"alg": ["RS256"]},
        {"key_ops": []},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": {"verify": 1}},
        {"key_ops": [["verify"]]},
        {"kid": None},
        {"kid": ""},
        {"kid": 7},
        {"kid": ["k"]},
        {"kid": "k" * 257},
        {"n": None},
        {"n": ""},
        {"n": 7},
        {"n": [JWK["n"]]},
        {"n": JWK["n"] + "="},
        {"n": JWK["n"] + "\n"},
        {"n": JWK["n"].replace("-", "+").replace("_", "/") + "+"},
        {"n": "é" * 342},
        {"n": "A" * 342},
        {"e": None},
        {"e": ""},
        {"e": 65537},
        {"e": "AQAB="},
        {"e": "AQA"},
        {"e": "AA"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_unfit_for_use(change: dict[str, Any]) -> None:
    """A key for another purpose, or that is misspelt, is passed over; the others stay."""
    entry = {name: value for name, value in (JWK | change).items() if value is not None}
    assert usable(entry) == set()


def test_a_null_is_not_an_absence() -> None:
    """A member that is there and null says something, and nothing that we know."""
    for name in ("use", "alg", "key_ops"):
        assert usable(JWK | {name: None}) == set()


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_a_published_private_part_disqualifies(member: str) -> None:
    """Everybody who reads the document can sign with such a key, so nobody's signature counts."""
    assert usable(JWK | {member: "AQAB"}) == set()
    assert usable(JWK | {member: None}) == set()


def test_kid_length_boundary() -> None:
    """The longest kid that a token may name can be published; a longer one is of no use."""
    assert usable(JWK | {"kid": "k" * 256}) == {"k" * 256}
    assert usable(JWK | {"kid": "k" * 257}) == set()


@pytest.mark.parametrize(
    ("bits", "fit"), [(1024, False), (2047, False), (2048, True), (2049, True)]
)
def test_smallest_modulus(bits: int, fit: bool) -> None:  # noqa: FBT001 - a table
    """RFC 7518, 3.3: at least 2048 bits."""
    modulus = (1 << (bits - 1)) | 1
    assert usable(numbered(modulus, 65537)) == ({"k"} if fit else set())


def test_largest_modulus() -> None:
    """Verifying costs grow with the modulus, so there is an end to it."""
    assert MAX_KEY_BITS == 8192
    assert usable(numbered((1 << (MAX_KEY_BITS - 1)) | 1, 65537)) == {"k"}
    assert usable(numbered((1 << MAX_KEY_BITS) | 1, 65537)) == set()


def test_real_weak_key() -> None:
    """A key of 1024 bits is passed over, however well-formed it is published."""
    assert usable(public_jwk(private_key("weak", 1024), "weak")) == set()


@pytest.mark.parametrize("exponent", [1, 2, 4, 65536])
def test_exponents_that_sign_nothing(exponent: int) -> None:
    """With e = 1 every message is its own signature; an even e belongs to no key."""
    assert usable(numbered(JWK_MODULUS, exponent)) == set()


@pytest.mark.parametrize("exponent", [3, 17, 65537, (1 << MAX_EXPONENT_BITS) - 1])
def test_exponents_in_use(exponent: int) -> None:
    """Small and usual exponents, up to the bound."""
    assert usable(numbered(JWK_MODULUS, exponent)) == {"k"}


def test_largest_exponent() -> None:
    """One bit more than the bound, and the key is passed over: it would be slow to verify with."""
    assert MAX_EXPONENT_BITS == 64
    assert usable(numbered(JWK_MODULUS, (1 << MAX_EXPONENT_BITS) | 1)) == set()


JWK_MODULUS = KEY.public_key().public_numbers().n


def test_other_kinds_of_keys_are_passed_over() -> None:
    """Elliptic, octet and private keys beside a good one take nothing down."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    elliptic = {
        "kty": "EC",
        "crv": "P-256",
        "kid": "ec",
        "x": b64(point.x.to_bytes(32)),
        "y": b64(point.y.to_bytes(32)),
        "use": "sig",
        "alg": "ES256",
    }
    shared_secret = {"kty": "oct", "kid": "oct", "k": b64(b"secret"), "alg": "HS256"}
    entries: list[object] = [None, 7, "k", [], {}, elliptic, shared_secret, JWK]
    assert usable(*entries) == {"k"}


def test_a_kid_of_two_keys_names_none() -> None:
    """Which of two keys is meant cannot be told, and trying both doubles an attacker's chances."""
    other = public_jwk(private_key("id"), "k")
    assert usable(JWK, other) == set()
    assert usable(other, JWK) == set()
    assert usable(JWK, other, JWK) == set()


def test_a_key_published_twice_is_one_key() -> None:
    """Repeating a key contradicts nothing, also where its other members differ."""
    assert usable(JWK, public_jwk(KEY, "k", alg=None)) == {"k"}


def test_an_unfit_key_does_not_make_a_kid_ambiguous() -> None:
    """A key that is passed over does not take a good one of the same kid with it."""
    assert usable(JWK | {"use": "enc"}, JWK, numbered(JWK_MODULUS, 1)) == {"k"}


def test_one_key_under_two_kids() -> None:
    """A pool may publish a key under an old and a new name."""
    assert usable(JWK, JWK | {"kid": "new"}) == {"k", "new"}


def test_no_usable_key_at_all() -> None:
    """Only unfit or ambiguous keys are the same as none."""
    assert refused(documented(JWK | {"use": "enc"})) == (
        "expected a usable RSA signing key, found none in 1"
    )
    assert "none in 2" in refused(documented(JWK, public_jwk(private_key("id"), "k")))


def signing_key(key: rsa.RSAPrivateKey = KEY) -> SigningKey:
    found = KeySet.parse(documented(public_jwk(key, "k"))).get("k")
    assert found is not None
    return found


def test_verifies_its_own_signature_only() -> None:
    """The signature of this key over these bytes, and of no other key over no other bytes."""
    signature = KEY.sign(b"message", padding.PKCS1v15(), SHA256())
    assert signing_key().verifies(b"message", signature)
    assert not signing_key().verifies(b"messagE", signature)
    assert not signing_key(private_key("id")).verifies(b"message", signature)


@pytest.mark.parametrize("name", ["n", "e"])
@pytest.mark.parametrize("zeros", [1, 2, 300])
def test_a_number_has_one_spelling(name: str, zeros: int) -> None:
    """RFC 7518, 2: as few octets as the number needs; a key with more of them is skipped."""
    padded = b64(b"\0" * zeros + decode_base64url(JWK[name].encode()))
    assert usable(JWK) == {"k"}
    assert usable(JWK | {name: padded}) == set()


def test_refuses_other_schemes() -> None:
    """Another hash or padding under the same key is another algorithm."""
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    for signature in (
        KEY.sign(b"message", padding.PKCS1v15(), SHA512()),
        KEY.sign(b"message", padding.PKCS1v15(), SHA1()),
        KEY.sign(b"message", pss, SHA256()),
    ):
        assert not signing_key().verifies(b"message", signature)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x00",
        b"\x00" * 256,
        b"\x01" * 256,
        b"\xff" * 256,
        b"\x00" * 255,
        b"\x00" * 257,
        b"\xff" * 7_000,
    ],
    ids=["empty", "short", "zero", "ones", "above n", "one short", "one long", "huge"],
)
def test_hostile_signatures_are_a_no(signature: bytes) -> None:
    """Whatever the bytes, the answer is no and not an exception."""
    assert signing_key().verifies(b"message", signature) is False


def test_a_verifier_that_breaks_says_no() -> None:
    """An error of any kind from the library is not a yes."""

    class Broken:
        def verify(self, msg: bytes, sig: bytes) -> bool:
            raise MemoryError

    key = SigningKey(key_id="k", modulus=1, exponent=1, _verifier=Broken())
    assert key.verifies(b"", b"") is False


def test_frozen() -> None:
    """Neither a key nor the set that holds it is exchanged behind a verifier's back."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        signing_key().modulus = 1  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cognito().key_set().keys = {}  # type: ignore[misc]


def test_equal_by_numbers() -> None:
    """A key fetched again is the same key; one with another modulus under its name is not."""
    assert signing_key() == signing_key()
    assert signing_key() is not signing_key()
    assert signing_key() != signing_key(private_key("id"))
    assert "verifier" not in repr(signing_key())
