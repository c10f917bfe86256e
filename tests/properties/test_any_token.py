"""Whatever the bytes: a value, or an error of ours."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simulator import Clock, Cognito, b64, private_key, public_jwk

from authorizer.errors import InvalidTokenError, KeysUnavailableError, Reason
from authorizer.strict_json import NotStrictJsonError, parse_object
from authorizer.tokens.claims import AccessToken
from authorizer.tokens.compact import decode_base64url
from authorizer.tokens.keys import KeySet, KeySetError

COGNITO = Cognito()
GOOD = COGNITO.token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
# The discard port answers no fetch, so that unknown key ids end in KeysUnavailableError.
VERIFIER = COGNITO.verifier(Clock())
URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# A busy machine is no finding.
UNHURRIED = settings(
    max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=5,
)


def refused(text: str) -> Reason | None:
    """Why; or nothing, where keys would be needed that cannot be had here."""
    with pytest.raises((InvalidTokenError, KeysUnavailableError)) as caught:
        VERIFIER.verify(text)
    return caught.value.reason if isinstance(caught.value, InvalidTokenError) else None


@UNHURRIED
@given(st.text())
@example("")
@example("..")
@example("\ud800.\ud800.\ud800")
def test_any_text(text: str) -> None:
    """Text that nobody signed is refused by a reason."""
    assert refused(text) is not None


@UNHURRIED
@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_any_parts(parts: list[bytes]) -> None:
    """Well-encoded parts with anything in them are refused by a reason."""
    assert refused(".".join(b64(part) for part in parts)) is not None


@UNHURRIED
@given(JSON, JSON, st.binary())
def test_any_json_parts(header: object, claims: object, signature: bytes) -> None:
    """Parts that are even JSON are refused by a reason."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    assert refused(".".join(b64(part) for part in parts)) is not None


@UNHURRIED
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "crit", "jku", "typ"]), JSON), JSON, st.binary()
)
def test_any_header_values(header: dict[str, object], claims: object, signature: bytes) -> None:
    """The members that are looked at may hold anything."""
    header = {"alg": "RS256", "kid": "access-key"} | header
    claims = {"iss": COGNITO.issuer, "x": claims}
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    refused(".".join(b64(part) for part in parts))


@UNHURRIED
@given(
    st.dictionaries(st.sampled_from([*COGNITO.claims(), "nbf", "aud"]), JSON, min_size=1),
)
def test_any_claim_values(changes: dict[str, Any]) -> None:
    """Claims that the pool did sign may hold anything: a token comes out, or a reason does."""
    claims = COGNITO.claims() | changes
    with suppress(InvalidTokenError):
        token = VERIFIER.verify(COGNITO.sign(claims))
        assert type(token) is AccessToken
        assert token.sub == claims["sub"]
        assert token.sub
        named = [
            group for group in claims["cognito:groups"] if group and not re.search(r"\s", group)
        ]
        assert list(token.groups) == named
        assert token.groups_skipped == len(claims["cognito:groups"]) - len(named)
        assert not any(character.isspace() for group in token.groups for character in group)
        assert " ".join(token.scopes) == claims["scope"]
        assert type(claims["exp"]) is int
        assert claims["exp"] > VERIFIER._clock()


def test_every_single_character_change() -> None:
    """At every place of a genuine token, whatever else stands there, the token is refused."""
    changes = URL_SAFE + "=+/. \n\x00é"
    for position, character in enumerate(GOOD):
        # All changes at the ends of the parts, where spellings differ; a few everywhere else.
        is_end = GOOD[position + 1 : position + 2] in ("", ".") or character == "."
        for other in changes if is_end else changes[position % 7 :: 7]:
            if other != character:
                refused(f"{GOOD[:position]}{other}{GOOD[position + 1 :]}")


@UNHURRIED
@given(st.data())
def test_any_mutation(data: st.DataObject) -> None:
    """A genuine token with a piece cut out, put in, doubled or replaced is refused."""
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 40)))
    piece = data.draw(
        st.text(URL_SAFE + ".=", max_size=8) | st.text(max_size=4) | st.just(GOOD[start:end] * 2)
    )
    mutated = GOOD[:start] + piece + GOOD[end:]
    if mutated != GOOD:
        refused(mutated)


@UNHURRIED
@given(st.binary(min_size=1, max_size=300))
def test_any_signature(signature: bytes) -> None:
    """Only the pool's own signature is one."""
    assert refused(f"{HEADER}.{PAYLOAD}.{b64(signature)}") is Reason.SIGNATURE_INVALID


@UNHURRIED
@given(st.one_of(st.none(), st.integers(), st.binary(), st.lists(st.text()), st.floats()))
def test_any_value(value: Any) -> None:
    """Not even the type is taken on trust."""
    assert refused(value) is Reason.TOKEN_NOT_COMPACT


@UNHURRIED
@given(st.binary())
def test_any_base64(data: bytes) -> None:
    """What is encoded comes back, and what is decoded has no other spelling."""
    assert decode_base64url(b64(data).encode()) == data
    with suppress(ValueError):
        assert b64(decode_base64url(data)).encode() == data


@UNHURRIED
@given(st.binary())
@example(b"\xff\xfe{\x00}\x00")
@example(b"[" * 60_000)
def test_any_key_set(document: bytes) -> None:
    """A document is a key set or an error of ours."""
    with suppress(KeySetError):
        assert KeySet.parse(document).keys


KEY_MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "n", "e", "d"]),
    JSON | st.text(URL_SAFE, max_size=400),
)


@UNHURRIED
@given(st.lists(JSON | KEY_MEMBERS, max_size=4), KEY_MEMBERS)
def test_any_entries(entries: list[object], changes: dict[str, object]) -> None:
    """Whatever stands next to a good key: it is found, or its kid was taken by another."""
    good = public_jwk(private_key("access"), "good")
    document = json.dumps({"keys": [*entries, good, good | {"kid": "bent"} | changes]})
    with suppress(KeySetError):
        keys = KeySet.parse(document.encode())
        assert all(key.modulus.bit_length() >= 2048 for key in keys.keys.values())
        assert all(0 < len(kid) <= 256 for kid in keys.keys)


@UNHURRIED
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_json(data: bytes) -> None:
    """Bytes are one object or an error of ours; and an object can be written again."""
    with suppress(NotStrictJsonError):
        value = parse_object(data)
        assert type(value) is dict
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@UNHURRIED
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON), st.booleans())
def test_any_object(value: dict[str, object], ensure_ascii: bool) -> None:  # noqa: FBT001
    """What is an object of unique names is read as what it is, escaped or not."""
    assert parse_object(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == value
