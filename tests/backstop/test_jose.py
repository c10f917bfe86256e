"""What python-jose and cryptography do today: why we use so little of the one.

The first half pins traps. A test that fails here is good news, perhaps: the dependency has changed,
and the rule of ours that goes around the trap can be looked at again.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from jose import jwk, jws, jwt
from jose.backends.cryptography_backend import CryptographyRSAKey
from jose.exceptions import ExpiredSignatureError, JOSEError, JWTError
from simulator import Cognito, b64, private_key, public_jwk

from authorizer.tokens.keys import KeySet

COGNITO = Cognito()
KEY = private_key("access")
JWK = public_jwk(KEY, "access-key")
LONG_AGO = 1_000_000_000


def decode(text: str, algorithms: Any = "RS256") -> dict[str, Any]:
    return jwt.decode(text, JWK, algorithms=algorithms, options={"verify_aud": False})


def no_end(**changes: object) -> str:
    return COGNITO.sign(COGNITO.claims(exp=None, iat=LONG_AGO) | changes)


# --- traps: what is accepted that must not be ---


def test_accepts_no_expiry() -> None:
    """A token that never ends is as good as any."""
    assert "exp" not in decode(no_end())


def test_accepts_a_token_at_the_instant_of_its_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7519, 4.1.4: on *or after* exp the token must not be accepted; jose says after."""
    monkeypatch.setattr("jose.jwt.datetime", StoppedClock)
    assert decode(no_end(exp=StoppedClock.SECONDS))["exp"] == StoppedClock.SECONDS
    with pytest.raises(ExpiredSignatureError):
        decode(no_end(exp=StoppedClock.SECONDS - 1))


class StoppedClock:
    """Stands in for the clock that jose reads, which cannot be passed in."""

    SECONDS = 1_800_000_000

    @classmethod
    def now(cls, _: object) -> StoppedClock:
        return cls()

    def utctimetuple(self) -> tuple[int, ...]:
        import time

        return tuple(time.gmtime(self.SECONDS))


def test_accepts_times_as_text() -> None:
    """Text that looks like a number is taken for one."""
    assert decode(no_end(exp="9999999999"))["exp"] == "9999999999"


def test_accepts_unknown_critical_headers() -> None:
    """RFC 7515, 4.1.11: who does not understand what is critical must refuse."""
    header = {"alg": "RS256", "kid": "access-key", "crit": ["x"], "x": 1}
    assert decode(COGNITO.sign(COGNITO.claims(exp=None), header=header))["username"] == "alice"


def test_accepts_repeated_claims() -> None:
    """The last one wins, whatever the first one said to somebody else."""
    payload = json.dumps(COGNITO.claims(exp=None)).encode()[:-1] + b',"sub":"admin"}'
    assert decode(COGNITO.sign(payload))["sub"] == "admin"


@pytest.mark.parametrize("junk", ["=", "==", "====", "!!!!", "\n\n\n\n", "    ", "==!!!!", "%%%%"])
def test_accepts_other_spellings_of_a_signature(junk: str) -> None:
    """One signature has endless spellings, so a memory keyed by text could be flooded."""
    assert decode(no_end() + junk)["username"] == "alice"


def test_what_stands_behind_the_padding_is_left_to_python() -> None:
    """Python 3.11 cuts it off, 3.14 refuses it: one token, two answers, by the runtime."""
    try:
        base64.urlsafe_b64decode("QQ==AAAA")
    except binascii.Error:
        with pytest.raises(JWTError):
            decode(no_end() + "==AAAA")
    else:
        assert decode(no_end() + "==AAAA")["username"] == "alice"


def test_accepts_unused_bits_of_a_signature() -> None:
    """Sixteen last characters say the same byte."""
    text = no_end()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    start = letters.index(text[-1]) // 16 * 16
    for last in letters[start : start + 16]:
        assert decode(text[:-1] + last)["username"] == "alice"


def test_accepts_any_algorithm_when_none_is_named() -> None:
    """A missing list of algorithms is no error but no restriction."""
    header = {"alg": "RS512", "kid": "access-key"}
    unsigned = f"{b64(json.dumps(header).encode())}.{b64(json.dumps({'a': 1}).encode())}"
    signature = KEY.sign(unsigned.encode(), padding.PKCS1v15(), SHA512())
    assert decode(f"{unsigned}.{b64(signature)}", algorithms=None) == {"a": 1}


def test_takes_a_text_of_algorithms_apart() -> None:
    """Where a list was meant and text is given, 'in' looks for a part of it."""
    assert decode(no_end(), algorithms="not RS256, please")["username"] == "alice"


# --- traps: what is raised that is no error of jose's ---


def test_raises_recursion_error_for_a_nested_header() -> None:
    """A header that nests deeply escapes every 'except JOSEError'."""
    header = b'{"alg":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(RecursionError):
        jwt.decode(f"{b64(header)}.e30.AA", JWK, algorithms=["RS256"])
    assert not issubclass(RecursionError, JOSEError)


def test_raises_type_error_for_an_object_as_algorithm() -> None:
    """So does an algorithm that cannot be looked up in a set."""
    header = b64(b'{"alg":{"RS256":1}}')
    with pytest.raises(TypeError):
        jwt.decode(f"{header}.e30.AA", JWK, algorithms=None)


def test_raises_overflow_error_for_an_infinite_expiry() -> None:
    """And an expiry that JSON does not even have."""
    payload = json.dumps(COGNITO.claims(exp=None)).encode()[:-1] + b',"exp":Infinity}'
    with pytest.raises(OverflowError):
        decode(COGNITO.sign(payload))


# --- traps: which keys it takes ---


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}, {"alg": "RS512"}, {"alg": "none"}],
)
def test_ignores_what_a_key_is_for(change: dict[str, object]) -> None:
    """A key published for another purpose verifies all the same."""
    assert jwk.construct(JWK | change, "RS256").verify(*signed())
    with pytest.raises(Exception, match="usable"):
        KeySet.parse(json.dumps({"keys": [JWK | change]}).encode())


def test_takes_keys_of_any_size() -> None:
    """A key that can be factored overnight is as good as another."""
    weak = private_key("weak", 1024)
    signature = weak.sign(b"message", padding.PKCS1v15(), SHA256())
    assert jwk.construct(public_jwk(weak, "weak"), "RS256").verify(b"message", signature)


def test_takes_private_keys() -> None:
    """A key set that gives away its private part raises no eyebrow."""
    numbers = KEY.private_numbers()
    private = JWK | {"d": b64(numbers.d.to_bytes(256))}
    assert not jwk.construct(private, "RS256").is_public()  # type: ignore[attr-defined]


def test_takes_numbers_misspelt() -> None:
    """Padding and junk within a modulus are skipped in silence."""
    message, signature = signed()
    for modulus in (JWK["n"] + "=", JWK["n"] + "\n", JWK["n"] + "!"):
        assert jwk.construct(JWK | {"n": modulus}, "RS256").verify(message, signature)


# --- what we rely on ---


def signed() -> tuple[bytes, bytes]:
    return b"message", KEY.sign(b"message", padding.PKCS1v15(), SHA256())


def test_the_backend_is_cryptography() -> None:
    """Not one of the pure Python fallbacks, which jose would choose without a word."""
    assert isinstance(jwk.construct(JWK, "RS256"), CryptographyRSAKey)


def test_jose_refuses_none() -> None:
    """An unsigned token is refused, whichever algorithms were asked for."""
    header = b64(b'{"alg":"none"}')
    unsigned = f"{header}.e30."
    for algorithms in (["RS256"], ["none"], None):
        with pytest.raises(JOSEError):
            decode(unsigned, algorithms=algorithms)


def test_jose_says_no_and_raises_nothing() -> None:
    """Verifying gives True or False, whatever the length of what it is given."""
    key, (message, signature) = jwk.construct(JWK, "RS256"), signed()
    assert key.verify(message, signature) is True
    for wrong in (
        b"",
        b"\x00",
        signature[:-1],
        signature + b"\x00",
        b"\xff" * 256,
        b"\x00" * 9_999,
    ):
        assert key.verify(message, wrong) is False


def test_cryptography_refuses_a_signature_plus_the_modulus() -> None:
    """RFC 8017, 5.2.2: a representative that is not below n is out of range, congruent or not."""
    public = KEY.public_key()
    modulus = public.public_numbers().n
    fits = longer = 0
    for number in range(1_000):
        message = b"%d" % number
        signature = int.from_bytes(KEY.sign(message, padding.PKCS1v15(), SHA256()))
        respelt = signature + modulus
        length = (respelt.bit_length() + 7) // 8
        fits, longer = fits + (length == 256), longer + (length == 257)
        with pytest.raises(InvalidSignature):
            public.verify(respelt.to_bytes(length), message, padding.PKCS1v15(), SHA256())
        if fits and longer:
            break
    assert fits or longer


@pytest.mark.parametrize("length", [0, 1, 128, 255, 257, 512])
def test_cryptography_refuses_other_lengths(length: int) -> None:
    """RFC 8017, 8.2.2, step 1: as long as the modulus, also where only zeros are missing."""
    message, signature = signed()
    for wrong in (
        signature[:length].ljust(length, b"\x00"),
        signature.rjust(length, b"\x00")[:length],
    ):
        with pytest.raises(InvalidSignature):
            KEY.public_key().verify(wrong, message, padding.PKCS1v15(), SHA256())


def test_cryptography_refuses_useless_exponents() -> None:
    """With e = 1 anybody signs; an even e has no private key."""
    for exponent in ("AQ", "Ag", "BA", "AA"):
        with pytest.raises(ValueError, match="e must be"):
            jwk.construct(JWK | {"e": exponent}, "RS256")


def test_jws_would_look_elsewhere_for_keys() -> None:
    """Given a set, jose tries each key in it and ignores the kid: ours is looked up by kid."""
    text = COGNITO.sign(COGNITO.claims(), header={"alg": "RS256", "kid": "no such key"})
    others = {"keys": [public_jwk(private_key("other"), "x"), JWK]}
    assert jws.verify(text, others, algorithms=["RS256"])
