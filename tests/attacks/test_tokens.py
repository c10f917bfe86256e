"""Forged, borrowed, bent and broken tokens: one table, by attack.

Each row differs from a genuine token in one thing and names the reason for which it is refused.
What is malformed and yet signed by the pool is there, too: a signature says who wrote something,
not that it can be read in one way only.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from simulator import (
    CLIENT_ID,
    NOW,
    Clock,
    Cognito,
    b64,
    private_key,
    public_jwk,
    serve_jwks,
)

from authorizer.errors import InvalidTokenError, Reason
from authorizer.tokens.claims import AccessToken, IdToken
from authorizer.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COGNITO = Cognito()
KEY = private_key("access")
MODULUS = KEY.public_key().public_numbers().n
MALLORY = private_key("mallory")
GOOD_CLAIMS = COGNITO.claims()
GOOD = COGNITO.token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
GOOD_HEADER = {"kid": "access-key", "alg": "RS256"}
EVIL = "http://evil.example/jwks.json"

Row = tuple[str, str, Reason]


def published() -> bytes:
    """What the pool publishes here: two good keys, and every kind that must not be used."""
    entries = json.loads(COGNITO.jwks())["keys"]
    mallory = public_jwk(MALLORY, "x")
    entries += [
        public_jwk(private_key("weak", 1024), "weak"),
        mallory | {"kid": "e1", "e": "AQ"},
        mallory | {"kid": "for-encryption", "use": "enc"},
        mallory | {"kid": "for-RS512", "alg": "RS512"},
        mallory | {"kid": "for-signing-only", "key_ops": ["sign"]},
        mallory | {"kid": "private", "d": "AQAB"},
        mallory | {"kid": "twice"},
        public_jwk(KEY, "twice"),
    ]
    return json.dumps({"keys": entries}).encode()


@pytest.fixture(scope="module")
def verifier() -> Iterator[TokenVerifier]:
    """One verifier for the whole table: no attack may leave anything behind that helps another."""
    with serve_jwks(published()) as server:
        yield TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=Clock())


def refusal(verifier: TokenVerifier, text: str) -> InvalidTokenError:
    with pytest.raises(InvalidTokenError) as caught:
        verifier.verify(text)
    return caught.value


# --- making them ---


def encoded(header: object, claims: object = GOOD_CLAIMS) -> str:
    """Two parts of a token, to be signed."""
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"


def with_header(*without: str, **changes: object) -> str:
    """Signed by the pool, under another header."""
    header = {name: value for name, value in GOOD_HEADER.items() if name not in without}
    return COGNITO.sign(GOOD_CLAIMS, header=header | changes)


def with_claim(name: str, *value: object) -> str:
    """Signed by the pool, with one claim changed, or left out."""
    claims = {other: kept for other, kept in GOOD_CLAIMS.items() if other != name}
    if value:
        claims[name] = value[0]
    return COGNITO.sign(claims)


def with_payload(payload: bytes) -> str:
    return COGNITO.sign(payload)


def claims_text(old: str, new: str) -> str:
    """Signed by the pool, over claims whose JSON was edited as text."""
    text = json.dumps(GOOD_CLAIMS)
    assert text.count(old) == 1
    return with_payload(text.replace(old, new).encode())


def signed(algorithm: str, sign: Callable[[bytes], bytes]) -> str:
    signing_input = encoded(GOOD_HEADER | {"alg": algorithm})
    return f"{signing_input}.{b64(sign(signing_input.encode()))}"


def rsa_signed(hash_algorithm: HashAlgorithm) -> Callable[[bytes], bytes]:
    return lambda data: KEY.sign(data, padding.PKCS1v15(), hash_algorithm)


def pss_signed(data: bytes) -> bytes:
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    return KEY.sign(data, pss, SHA256())


def ec_signed(data: bytes) -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).sign(data, ec.ECDSA(SHA256()))


def public_pem(kind: serialization.PublicFormat) -> bytes:
    return KEY.public_key().public_bytes(serialization.Encoding.PEM, kind)


def hmac_signed(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda data: hmac.digest(secret, data, hashlib.sha256)


def by_mallory(**header: object) -> str:
    """Signed by an attacker, who says where their key can be had."""
    return COGNITO.sign(GOOD_CLAIMS, header=GOOD_HEADER | header, key=MALLORY)


def respelt_signature() -> str:
    """The number s + n is congruent to the signature s, and as long where it fits."""
    for number in itertools.count():
        token = COGNITO.token(jti=str(number))
        signing_input, _, signature = token.rpartition(".")
        respelt = int.from_bytes(urlsafe_b64decode(signature + "==")) + MODULUS
        if respelt.bit_length() <= 2048:
            return f"{signing_input}.{b64(respelt.to_bytes(256))}"
    raise AssertionError


def of_length(length: int) -> str:
    """A genuine token of exactly that many characters."""
    for in_header, in_claims in itertools.product(range(4), range(6_500, 7_500)):
        header = GOOD_HEADER | {"x": "x" * in_header}
        claims = COGNITO.claims(x="x" * in_claims)
        if len(encoded(header, claims)) + 1 + len(SIGNATURE) == length:
            return COGNITO.sign(claims, header=header)
    raise AssertionError(length)


# --- the table ---


def algorithm_rows() -> Iterator[Row]:
    refused = Reason.ALGORITHM_NOT_ALLOWED
    for name in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "null",
        "rs256",
        "RS256 ",
        "RS256\x00",
        "Rs256",
    ):
        yield f"alg {name!r}", with_header(alg=name), refused
    others: tuple[object, ...] = (None, True, 0, ["RS256"], ["RS256", "none"], {"alg": "RS256"}, [])
    for value in others:
        yield f"alg {value!r}", with_header(alg=value), refused
    yield "no alg", with_header("alg"), refused
    yield "alg under another case", with_header("alg", Alg="RS256"), refused
    unsigned = encoded(GOOD_HEADER | {"alg": "none"})
    yield "alg none, no signature", f"{unsigned}.", Reason.TOKEN_NOT_COMPACT
    yield "alg none, no third part", unsigned, Reason.TOKEN_NOT_COMPACT
    yield "alg none, some signature", f"{unsigned}.AA", refused
    spki, pkcs1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
    for what, secret in {
        "PEM": public_pem(spki),
        "stripped PEM": public_pem(spki).strip(),
        "PKCS#1": public_pem(pkcs1),
        "modulus": MODULUS.to_bytes(256),
        "JWK": json.dumps(public_jwk(KEY, "access-key")).encode(),
        "nothing": b"",
    }.items():
        yield f"HS256, public key as secret: {what}", signed("HS256", hmac_signed(secret)), refused
        confused = signed("RS256", hmac_signed(secret))
        yield f"HS256 called RS256: {what}", confused, Reason.SIGNATURE_INVALID
    for name, sign in {
        "RS384": rsa_signed(SHA384()),
        "RS512": rsa_signed(SHA512()),
        "PS256": pss_signed,
        "ES256": ec_signed,
    }.items():
        yield name, signed(name, sign), refused
        yield f"{name} called RS256", signed("RS256", sign), Reason.SIGNATURE_INVALID


def header_rows() -> Iterator[Row]:
    mallory = public_jwk(MALLORY, "access-key")
    pointers: dict[str, object] = {
        "jku": EVIL,
        "x5u": EVIL,
        "jwk": mallory,
        "x5c": ["MIIB"],
        "x5t": "AA",
    }
    for name, pointer in pointers.items():
        text = by_mallory(**{name: pointer})
        yield f"{name}, kid of the pool", text, Reason.SIGNATURE_INVALID
        text = by_mallory(kid="m", **{name: pointer})
        yield f"{name}, kid of their own", text, Reason.KEY_UNKNOWN
    not_understood: tuple[object, ...] = (["exp"], ["b64"], [], None, "exp", 0)
    for value in not_understood:
        yield f"crit {value!r}", with_header(crit=value), Reason.CRITICAL_HEADER
    for name, header in {
        "kid twice": b'{"kid":"access-key","alg":"RS256","kid":"access-key"}',
        "alg twice": b'{"kid":"access-key","alg":"none","alg":"RS256"}',
        "alg twice, one escaped": rb'{"kid":"access-key","alg":"RS256","\u0061lg":"none"}',
        "a name twice, nested": b'{"kid":"access-key","alg":"RS256","x":{"y":1,"y":2}}',
        "not closed": b'{"kid":"access-key","alg":"RS256"',
        "followed by another": b'{"kid":"access-key","alg":"RS256"}{}',
        "in a list": b'[{"kid":"access-key","alg":"RS256"}]',
        "as text": b'"RS256"',
        "with a mark": b'\xef\xbb\xbf{"kid":"access-key","alg":"RS256"}',
        "in UTF-16": '{"kid":"access-key","alg":"RS256"}'.encode("utf-16"),
        "in Latin-1": '{"kid":"access-key","alg":"RS256","x":"é"}'.encode("latin-1"),
        "with half a surrogate pair": rb'{"kid":"access-key","alg":"RS256","x":"\udfff"}',
        "with NaN": b'{"kid":"access-key","alg":"RS256","x":NaN}',
        "with a huge float": b'{"kid":"access-key","alg":"RS256","x":1e999}',
        "with a huge integer": b'{"kid":"access-key","alg":"RS256","x":1%b}' % (b"0" * 5_000),
        "nested deeply": b'{"kid":"access-key","alg":"RS256","x":' + b"[" * 6_000,
    }.items():
        yield f"header {name}", COGNITO.sign(GOOD_CLAIMS, header=header), Reason.HEADER_NOT_JSON
    nested = b'{"kid":"access-key","alg":' + b"[" * 60 + b"]" * 60 + b"}"
    text = COGNITO.sign(GOOD_CLAIMS, header=nested)
    yield "alg nested deeply", text, Reason.ALGORITHM_NOT_ALLOWED


def key_id_rows() -> Iterator[Row]:
    yield "no kid", with_header("kid"), Reason.KEY_ID_INVALID
    for value in ("", None, 0, 1, True, ["access-key"], {"kid": "access-key"}, "k" * 257):
        yield f"kid that is none: {value!r:.20}", with_header(kid=value), Reason.KEY_ID_INVALID
    for kid in (
        "unknown",
        "k" * 256,
        "access-key ",
        "access-key\x00",
        "Access-Key",
        "access\u2010key",
        "../../../../dev/null",
        "/proc/self/environ",
        "x' UNION SELECT 'key",
        "|curl evil.example",
        EVIL,
        "__proto__",
        "*",
        "\n",
    ):
        yield f"kid {kid!r:.20}", with_header(kid=kid), Reason.KEY_UNKNOWN
    mallory_as_id_key = COGNITO.sign(GOOD_CLAIMS, kid="id-key", key=KEY)
    yield "kid of the pool's other key", mallory_as_id_key, Reason.SIGNATURE_INVALID
    for kid in ("e1", "for-encryption", "for-RS512", "for-signing-only", "private", "twice"):
        text = COGNITO.sign(GOOD_CLAIMS, kid=kid, key=MALLORY)
        yield f"signed with the published key {kid}", text, Reason.KEY_UNKNOWN
    text = COGNITO.sign(GOOD_CLAIMS, kid="weak", key=private_key("weak", 1024))
    yield "signed with the published weak key", text, Reason.KEY_UNKNOWN


def shape_rows() -> Iterator[Row]:
    compact, alphabet = Reason.TOKEN_NOT_COMPACT, Reason.TOKEN_NOT_BASE64URL
    for name, text in {
        "nothing": "",
        "a dot": ".",
        "two dots": "..",
        "two parts": f"{HEADER}.{PAYLOAD}",
        "no signature": f"{HEADER}.{PAYLOAD}.",
        "no payload": f"{HEADER}..{SIGNATURE}",
        "no header": f".{PAYLOAD}.{SIGNATURE}",
        "four parts": f"{GOOD}.{SIGNATURE}",
        "a dot before": f".{GOOD}",
        "a dot behind": f"{GOOD}.",
        "five parts, as encrypted": f"{HEADER}.AA.AA.AA.AA",
        "JSON serialization": json.dumps(
            {
                "payload": PAYLOAD,
                "signatures": [{"protected": HEADER, "signature": SIGNATURE}],
            }
        ),
        "flattened JSON": json.dumps(
            {"payload": PAYLOAD, "protected": HEADER, "signature": SIGNATURE}
        ),
    }.items():
        yield name, text, compact
    for name, text in {
        "Bearer before": f"Bearer {GOOD}",
        "blank before": f" {GOOD}",
        "blank behind": f"{GOOD} ",
        "newline behind": f"{GOOD}\n",
        "return and newline behind": f"{GOOD}\r\n",
        "zero behind": f"{GOOD}\x00",
        "newline within": f"{HEADER}.\n{PAYLOAD}.{SIGNATURE}",
        "tab within": f"{HEADER}\t.{PAYLOAD}.{SIGNATURE}",
        "invisible blank behind": f"{GOOD}\u200b",
        "fullwidth letter": f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-1]}\uff21",
        "Kelvin sign": f"{HEADER}.{PAYLOAD}.\u212a{SIGNATURE[1:]}",
        "half a surrogate pair": f"{GOOD}\udc80",
        "quotes around": f'"{GOOD}"',
        "two tokens": f"{GOOD},{GOOD}".replace(".", "-", 2),
        "padded header": f"{HEADER}=.{PAYLOAD}.{SIGNATURE}",
        "padded payload": f"{HEADER}.{PAYLOAD}==.{SIGNATURE}",
        "padded signature": f"{GOOD}==",
        "percent-encoded padding": f"{GOOD}%3D%3D",
        "junk after the signature": f"{GOOD}!junk",
        "junk after padding": f"{GOOD}==AAAA",
        "three characters more": f"{GOOD}AAA",
        "plus": f"{HEADER}.{PAYLOAD}.+{SIGNATURE[1:]}",
        "slash": f"{HEADER}.{PAYLOAD}./{SIGNATURE[1:]}",
    }.items():
        yield name, text, alphabet
    last = SIGNATURE[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    start = letters.index(last) // 16 * 16
    for number, spelling in enumerate(letters[start : start + 16].replace(last, "")):
        yield f"the same signature, respelling {number}", GOOD[:-1] + spelling, alphabet
    yield "too long by one", of_length(10_241), Reason.TOKEN_TOO_LONG
    yield "a megabyte", "A" * 1_000_000, Reason.TOKEN_TOO_LONG
    yield "a megabyte of dots", "." * 1_000_000, Reason.TOKEN_TOO_LONG


def payload_rows() -> Iterator[Row]:
    refused = Reason.CLAIMS_NOT_JSON
    good = json.dumps(GOOD_CLAIMS).encode()
    for name, payload in {
        "no JSON": b"sub=alice",
        "cut short": good[:-1],
        "followed by another": good + b"{}",
        "followed by zero": good + b"\x00",
        "a list": b"[" + good + b"]",
        "null": b"null",
        "text": b'"alice"',
        "with a mark": b"\xef\xbb\xbf" + good,
        "in UTF-16": good.decode().encode("utf-16"),
        "in UTF-16 without a mark": good.decode().encode("utf-16-le"),
        "in UTF-32": good.decode().encode("utf-32"),
        "in Latin-1": good.replace(b"alice", b"al\xefce"),
        "with an overlong slash": good.replace(b"alice", b"al\xc0\xafce"),
        "with an encoded surrogate": good.replace(b"alice", b"\xed\xa0\x80"),
        "with half a surrogate pair": good.replace(b"alice", rb"\ud800"),
        "with a line break": good.replace(b"alice", b"al\nice"),
        "with a zero": good.replace(b"alice", b"al\x00ice"),
        "with a comment": good[:-1] + b"/**/}",
        "with NaN": good[:-1] + b',"x":NaN}',
        "with Infinity": good[:-1] + b',"x":Infinity}',
        "with minus Infinity": good[:-1] + b',"x":[-Infinity]}',
        "with a float beyond all": good[:-1] + b',"x":1e999}',
        "with an integer beyond all": good[:-1] + b',"x":' + b"9" * 4_301 + b"}",
        "nested deeply in lists": good[:-1] + b',"x":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        "nested deeply in objects": good[:-1] + b',"x":' + b'{"":' * 1_000 + b"1" + b"}" * 1_001,
        "nested without end": good[:-1] + b',"x":' + b"[" * 6_000,
        "sub twice": good[:-1] + b',"sub":"admin"}',
        "groups twice": good[:-1] + b',"cognito:groups":["admin"]}',
        "groups twice, one escaped": good[:-1] + rb',"cognito\u003agroups":["admin"]}',
        "exp twice": good[:-1] + b',"exp":9999999999}',
        "a name twice, nested": good[:-1] + b',"x":[{"y":1,"y":1}]}',
    }.items():
        yield f"claims {name}", with_payload(payload), refused


ABSENT = object()


def claim_rows() -> Iterator[Row]:
    times: tuple[object, ...] = (
        str(NOW + 60), "", "never", NOW + 60.0, 1e300, True, False, None, [NOW + 60], {},
        -1, 253_402_300_800, 10**30, 10**4_000, -(10**30),
    )  # fmt: skip
    not_text: tuple[object, ...] = (None, "", 0, 7, 1.5, True, False, [], ["x"], {}, {"x": 1})
    issuer = COGNITO.issuer
    faults: dict[tuple[str, Reason], tuple[object, ...]] = {
        ("exp", Reason.EXPIRY_INVALID): (ABSENT, *times),
        ("exp", Reason.EXPIRED): (0, 1, NOW - 3600, NOW - 1, NOW),
        ("nbf", Reason.NOT_BEFORE_INVALID): times,
        ("nbf", Reason.NOT_YET_VALID): (NOW + 61, NOW + 3600, 253_402_300_799),
        ("iat", Reason.ISSUED_AT_INVALID): times,
        ("iat", Reason.ISSUED_IN_THE_FUTURE): (NOW + 61, NOW + 3600, 253_402_300_799),
        ("iss", Reason.ISSUER_UNKNOWN): (
            ABSENT, None, "", 7, True, [issuer], {"iss": issuer}, issuer + "/", issuer + " ",
            issuer + "\n", " " + issuer, issuer + "\x00", issuer[:-1], issuer + "x",
            issuer.upper(), issuer.lower(), issuer.replace("https", "http"),
            issuer.replace("https", "HTTPS"), issuer.replace("https://", ""),
            issuer.replace("eu-west-1.", "eu-west-2."), issuer.replace("eu-west-1", "eu-central-1"),
            issuer.replace("Simulated", "Simulate"), issuer.replace("Simulated", "Other"),
            issuer.replace("amazonaws.com", "amazonaws.com.cn"),
            issuer.replace("amazonaws.com", "amazonaws.com.evil.example"),
            issuer.replace("amazonaws.com", "amazonaws.com:443"),
            issuer.replace("https://", "https://evil.example/"),
            issuer.replace("https://", "https://user@"), issuer + "?", issuer + "#",
            issuer.replace("/eu", "/./eu"), issuer.replace("/eu", "//eu"),
            issuer.replace("_", "%5F"), issuer.replace("i", "\u0456"), EVIL,
            f"{issuer} {issuer}", f"{issuer},{EVIL}", issuer + "/.well-known/jwks.json",
        ),
        ("token_use", Reason.TOKEN_USE_WRONG): (
            ABSENT, None, "", "id", "refresh", "Access", "ACCESS", "access ", " access",
            "access\x00", "acces", "access id", ["access"], ["access", "id"], {"access": 1}, True,
        ),
        ("client_id", Reason.CLIENT_UNKNOWN): (
            ABSENT, None, "", "other", CLIENT_ID.upper(), CLIENT_ID + " ", CLIENT_ID[:-1],
            CLIENT_ID + "x", f"{CLIENT_ID},other", [CLIENT_ID], [CLIENT_ID, "other"],
            {CLIENT_ID: 1}, 7, True,
        ),
        ("sub", Reason.SUBJECT_INVALID): (ABSENT, *not_text),
        ("username", Reason.USERNAME_INVALID): not_text,
        ("jti", Reason.TOKEN_ID_INVALID): not_text,
        ("cognito:groups", Reason.GROUPS_INVALID): (
            "admin", "", "reader admin", '["admin"]', None, 7, True, {}, {"admin": True}, [None],
            ["reader", None], [7], [True], [["admin"]], [{"admin": 1}], ["reader admin", 7],
        ),
        ("scope", Reason.SCOPE_INVALID): (
            None, 7, True, False, [], ["a"], {}, " ", " a", "a ", "a  b", "a\nb", "a\n", "a\tb",
            "a\u00a0b", "a\u2028b", "\u00e4", 'a"b', "a\\b", "a\x00", "a,\u200bb",
        ),
    }  # fmt: skip
    for (name, reason), values in faults.items():
        for number, value in enumerate(values):
            if value is ABSENT:
                yield f"no {name}", with_claim(name), reason
            else:
                yield f"{name} {reason} {number}: {value!r:.40}", with_claim(name, value), reason
    yield "exp Infinity", claims_text(str(NOW + 3540), "Infinity"), Reason.CLAIMS_NOT_JSON
    yield "exp 1e999", claims_text(str(NOW + 3540), "1e999"), Reason.CLAIMS_NOT_JSON
    yield "exp 1.8e9", claims_text(str(NOW + 3540), "1.900000000e9"), Reason.EXPIRY_INVALID
    audience = COGNITO.claims(client_id=None, aud=CLIENT_ID)
    yield "aud in place of client_id", COGNITO.sign(audience), Reason.CLIENT_UNKNOWN
    yield "an ID token", COGNITO.id_token(), Reason.TOKEN_USE_WRONG
    dressed = COGNITO.id_claims(client_id=CLIENT_ID, scope="x", username="alice")
    yield "an ID token dressed up", COGNITO.sign(dressed), Reason.TOKEN_USE_WRONG


def signature_rows() -> Iterator[Row]:
    refused = Reason.SIGNATURE_INVALID
    unsigned = f"{HEADER}.{PAYLOAD}"
    raw = urlsafe_b64decode(SIGNATURE + "==")
    promoted = b64(json.dumps(COGNITO.claims(cognito_groups=["admin"])).encode())
    for name, signature in {
        "of another payload": urlsafe_b64decode(COGNITO.token(sub="bob").split(".")[2] + "=="),
        "truncated": raw[:-1],
        "cut to a byte": raw[:1],
        "one byte longer": raw + b"\x00",
        "with a zero before": b"\x00" + raw,
        "twice": raw + raw,
        "reversed": raw[::-1],
        "zero": b"\x00" * 256,
        "one": b"\x00" * 255 + b"\x01",
        "the modulus": MODULUS.to_bytes(256),
        "the modulus less one": (MODULUS - 1).to_bytes(256),
        "all ones": b"\xff" * 256,
        "negated": (MODULUS - int.from_bytes(raw)).to_bytes(256),
        "with one bit changed": bytes([raw[0] ^ 1]) + raw[1:],
        "with the modulus added, longer": (int.from_bytes(raw) + MODULUS).to_bytes(257),
        "a bare digest": hashlib.sha256(unsigned.encode()).digest(),
        "a padded digest, not encrypted": b"\x00\x01"
        + b"\xff" * 202
        + b"\x00"
        + bytes.fromhex("3031300d060960864801650304020105000420")
        + hashlib.sha256(unsigned.encode()).digest(),
        "huge": b"\x01" * 6_000,
    }.items():
        yield f"signature {name}", f"{unsigned}.{b64(signature)}", refused
    yield "signature with the modulus added", respelt_signature(), refused
    yield "other payload under the signature", f"{HEADER}.{promoted}.{SIGNATURE}", refused
    other_header = b64(json.dumps(GOOD_HEADER | {"typ": "JWT"}).encode())
    yield "other header over the signature", f"{other_header}.{PAYLOAD}.{SIGNATURE}", refused
    respaced = b64(json.dumps(GOOD_CLAIMS, separators=(",", ":")).encode())
    yield "the same claims, spaced otherwise", f"{HEADER}.{respaced}.{SIGNATURE}", refused
    yield "signed by nobody we know", by_mallory(), refused
    other = Cognito("eu-west-1_Other", keys={"access-key": MALLORY, "other-key": MALLORY})
    yield "of another pool", other.token(), Reason.ISSUER_UNKNOWN
    posing = other.token(iss=COGNITO.issuer)
    yield "of another pool with the same kid, posing as ours", posing, refused
    text = other.sign(GOOD_CLAIMS, kid="other-key")
    yield "of another pool, posing as ours", text, Reason.KEY_UNKNOWN


ATTACKS = [
    *algorithm_rows(),
    *header_rows(),
    *key_id_rows(),
    *shape_rows(),
    *payload_rows(),
    *claim_rows(),
    *signature_rows(),
]


@pytest.mark.parametrize(
    ("text", "reason"),
    [pytest.param(text, reason, id=ascii(name)[1:-1]) for name, text, reason in ATTACKS],
)
def test_refused(verifier: TokenVerifier, text: str, reason: Reason) -> None:
    """The attack fails for its own reason, twice in a row, with a message fit for a log."""
    error = refusal(verifier, text)
    assert error.reason is reason
    assert refusal(verifier, text).reason is reason
    message = str(error)
    assert message.isprintable()
    assert len(message) < 250
    assert SIGNATURE[:20] not in message
    assert PAYLOAD[:20] not in message
    assert "alice" not in message


def test_each_attack_has_a_row_of_its_own() -> None:
    """No row stands in for another, and none is the genuine token."""
    assert len({name for name, _, _ in ATTACKS}) == len(ATTACKS)
    assert GOOD not in {text for _, text, _ in ATTACKS}


def test_the_genuine_token_still_passes(verifier: TokenVerifier) -> None:
    """What all rows start from is accepted: they are refused for their one difference."""
    assert verifier.verify(GOOD).groups == ("reader",)
    assert verifier.verify(with_header(typ="JWT", cty="x")).username == "alice"
    assert verifier.verify(with_claim("custom", {"x": [1, None, 2.5]})).username == "alice"


def test_the_longest_genuine_token_passes(verifier: TokenVerifier) -> None:
    """Exactly as long as allowed; one more is in the table."""
    text = of_length(10_240)
    assert len(text) == 10_240
    assert verifier.verify(text).username == "alice"


@pytest.mark.parametrize(
    "value", [None, GOOD.encode(), bytearray(GOOD.encode()), 7, True, [GOOD], {}]
)
def test_no_text_at_all(verifier: TokenVerifier, value: Any) -> None:
    """What a careless caller hands over is refused as any other token is."""
    assert refusal(verifier, value).reason is Reason.TOKEN_NOT_COMPACT


@pytest.mark.parametrize("member", ["jku", "x5u", "kid", "iss"])
@pytest.mark.parametrize("kid", ["access-key", "of-their-own"])
def test_no_url_of_the_token_is_ever_asked(verifier: TokenVerifier, member: str, kid: str) -> None:
    """Wherever a token points, with a real server there: nobody goes and looks."""
    mallory = Cognito(keys={kid: MALLORY})
    with serve_jwks(mallory.jwks()) as evil:
        claims = GOOD_CLAIMS | (
            {"iss": evil.url.removesuffix("/jwks.json")} if member == "iss" else {}
        )
        header = {"alg": "RS256", "kid": kid} | ({} if member == "iss" else {member: evil.url})
        error = refusal(verifier, COGNITO.sign(claims, header=header, key=MALLORY))
        assert error.reason in {Reason.SIGNATURE_INVALID, Reason.KEY_UNKNOWN, Reason.ISSUER_UNKNOWN}
        assert evil.fetches == 0


# --- what is remembered must not help ---


def test_a_remembered_id_token_is_no_access_token() -> None:
    """Verified as one kind, asked for as the other: the memory does not mix them up."""
    verifier = COGNITO.verifier(Clock())
    both = COGNITO.id_claims(client_id=CLIENT_ID)
    id_token, access_token = COGNITO.sign(both, kid="id-key"), GOOD
    for _ in range(2):
        assert type(verifier.verify_id_token(id_token)) is IdToken
        assert type(verifier.verify(access_token)) is AccessToken
        assert refusal(verifier, id_token).reason is Reason.TOKEN_USE_WRONG
        with pytest.raises(InvalidTokenError) as caught:
            verifier.verify_id_token(access_token)
        assert caught.value.reason is Reason.TOKEN_USE_WRONG


def test_a_remembered_token_lends_nothing_to_its_neighbours() -> None:
    """After a genuine token, one that differs from it in any one place is still refused."""
    with serve_jwks(published()) as server:
        verifier = TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=Clock())
        verifier.verify(GOOD)
        for position, character in enumerate(GOOD):
            other = "B" if character == "A" else "A"
            refusal(verifier, f"{GOOD[:position]}{other}{GOOD[position + 1 :]}")
        assert len(verifier._verified) == 1


def test_what_one_caller_does_to_a_token_the_next_does_not_see() -> None:
    """The verdict is shared, so it cannot be changed."""
    verifier = COGNITO.verifier(Clock())
    text = COGNITO.token(custom={"roles": ["reader"]})
    token: Any = verifier.verify(text)
    for change in (
        lambda: token.claims.update(sub="mallory"),
        lambda: token.claims["custom"].pop("roles"),
        lambda: token.claims["custom"]["roles"].append("admin"),
        lambda: token.groups.append("admin"),
        lambda: setattr(token, "groups", ("admin",)),
        lambda: delattr(token, "claims"),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    assert verifier.verify(text).claims["custom"]["roles"] == ("reader",)
    assert verifier.verify(text).groups == ("reader",)


@pytest.mark.parametrize("remember", [0, 1_000])
@pytest.mark.parametrize("aud", [None, "https://other.example", ["https://other.example"], 7])
def test_a_token_for_another_api(aud: object, remember: int) -> None:
    """A genuine token that its user gave to another API does not open one that asks for its own."""
    here = COGNITO.verifier(Clock(), remember=remember, audiences=["https://api.example"])
    assert here.verify(COGNITO.token(aud="https://api.example")).username == "alice"
    for _ in range(2):
        with pytest.raises(InvalidTokenError) as caught:
            here.verify(COGNITO.token(aud=aud))
        assert caught.value.reason is Reason.AUDIENCE_WRONG
