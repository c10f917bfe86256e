"""Steps 1 and 2 without any key: the one accepted spelling of a token, and its header."""

from __future__ import annotations

import json
import string
from itertools import product

import pytest
from simulator import b64

from authorizer.errors import InvalidTokenError, Reason
from authorizer.tokens.compact import (
    MAX_KEY_ID_CHARACTERS,
    MAX_TOKEN_CHARACTERS,
    decode_base64url,
    parse_compact,
    require_bounded_ascii,
)

HEADER = b64(b'{"kid":"k","alg":"RS256"}').encode()


def refusal(encoded: bytes) -> Reason:
    with pytest.raises(InvalidTokenError) as caught:
        parse_compact(encoded)
    return caught.value.reason


def refusal_of_text(text: str) -> Reason:
    with pytest.raises(InvalidTokenError) as caught:
        require_bounded_ascii(text)
    return caught.value.reason


def with_header(header: bytes) -> bytes:
    return f"{b64(header)}.e30.AA".encode()


def test_takes_a_token_apart() -> None:
    """The parts come out decoded and unread, next to exactly the bytes that were signed."""
    signed = HEADER + b".bm8ganNvbg"
    assert parse_compact(signed + b"._-8") == ("k", b"no json", signed, b"\xff\xef")


def test_ascii_comes_back_as_bytes() -> None:
    """Text that is bounded and ASCII is passed on unchanged, whatever else is wrong with it."""
    assert require_bounded_ascii("a.b c\n") == b"a.b c\n"
    assert require_bounded_ascii("") == b""


def test_length_boundary() -> None:
    """The longest token that API Gateway lets through is looked at; one character more is not."""
    assert MAX_TOKEN_CHARACTERS == 10_240
    assert len(require_bounded_ascii("a" * MAX_TOKEN_CHARACTERS)) == MAX_TOKEN_CHARACTERS
    assert refusal_of_text("a" * (MAX_TOKEN_CHARACTERS + 1)) is Reason.TOKEN_TOO_LONG


def test_length_is_judged_before_anything_is_read() -> None:
    """Too long is too long, also where the characters are wrong."""
    assert refusal_of_text("é" * (MAX_TOKEN_CHARACTERS + 1)) is Reason.TOKEN_TOO_LONG
    assert refusal_of_text("é" * MAX_TOKEN_CHARACTERS) is Reason.TOKEN_NOT_BASE64URL


@pytest.mark.parametrize("text", ["é", "\ud800", "\u212a", "\uff41", "a\u200b"])
def test_refuses_other_alphabets(text: str) -> None:
    """Nothing that a library might fold to ASCII, and no half of a surrogate pair."""
    assert refusal_of_text(text) is Reason.TOKEN_NOT_BASE64URL


@pytest.mark.parametrize("value", [None, b"a.b.c", 7, ["a.b.c"], {}])
def test_refuses_what_is_no_text(value: str) -> None:
    """A caller that ignores the types gets the usual refusal, not a TypeError."""
    assert refusal_of_text(value) is Reason.TOKEN_NOT_COMPACT


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"e30",
        b"e30.e30",
        b".e30.AA",
        b"e30..AA",
        b"e30.e30.",
        b"e30.e30.AA.",
        b".e30.e30.AA",
        b"e30.e30.AA.AA",
        b"e30.e30.AA.AA.AA",
        b"e30..e30.AA",
    ],
)
def test_refuses_other_than_three_parts(encoded: bytes) -> None:
    """Two parts are unsigned, five are encrypted, and an empty part is a part left out."""
    assert refusal(encoded) is Reason.TOKEN_NOT_COMPACT


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "part",
    [
        b"AA=",
        b"AA==",
        b"A",
        b"AAAAA",
        b"A A",
        b"AA\n",
        b"+A",
        b"/A",
        b"AB",
        b"AAB",
        b"A=A",
        b"=",
        b"AA!",
        b"A\x00A",
    ],
)
def test_refuses_other_spellings_in_each_part(part: bytes, position: int) -> None:
    """Padding, other alphabets, white space and unused bits are refused wherever they stand."""
    parts = [HEADER, b"e30", b"AA"]
    parts[position] = part
    assert refusal(b".".join(parts)) is Reason.TOKEN_NOT_BASE64URL


ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_").encode()


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 31, 32, 33])
def test_decodes_what_was_encoded(length: int) -> None:
    """Every length comes back, whichever of its last characters carry unused bits."""
    data = bytes(range(255, 255 - length, -1))
    assert decode_base64url(b64(data).encode()) == data


@pytest.mark.parametrize(("prefix", "spellings"), [(b"A", 4), (b"AA", 16), (b"AAA", 64)])
def test_one_spelling_for_each_value(prefix: bytes, spellings: int) -> None:
    """Of the 64 last characters, exactly those are accepted that leave no bit unused."""
    accepted = {}
    for last in ALPHABET:
        encoded = prefix + bytes([last])
        try:
            accepted[encoded] = decode_base64url(encoded)
        except ValueError:
            continue
    assert len(accepted) == spellings
    assert len(set(accepted.values())) == spellings


def test_no_other_byte_is_skipped() -> None:
    """Of all bytes at any place of a quantum, only the 64 of the alphabet are accepted."""
    for place, byte in product(range(4), range(256)):
        encoded = b"AAAA"[:place] + bytes([byte]) + b"AAAA"[place + 1 :]
        if byte in ALPHABET:
            assert len(decode_base64url(encoded)) == 3
        else:
            with pytest.raises(ValueError, match=r"canonical|padding|length|base64|character"):
                decode_base64url(encoded)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b'"RS256"',
        b'{"alg":"RS256","kid":"k","kid":"k"}',
        b'{"alg":"none","alg":"RS256","kid":"k"}',
        b'\xef\xbb\xbf{"alg":"RS256","kid":"k"}',
        '{"alg":"RS256","kid":"k"}'.encode("utf-16"),
        b'{"alg":"RS256","kid":"\xff"}',
        rb'{"alg":"RS256","kid":"\ud800"}',
        b'{"alg":"RS256","kid":"k","x":NaN}',
        b'{"alg":"RS256","kid":"k","x":' + b"[" * 7_000,
    ],
)
def test_refuses_a_header_that_is_no_object(header: bytes) -> None:
    """A header is one JSON object in UTF-8 that says each thing once."""
    expected = Reason.HEADER_NOT_JSON if header else Reason.TOKEN_NOT_COMPACT
    assert refusal(with_header(header)) is expected


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "",
        "rs256",
        "RS256 ",
        " RS256",
        "RS256\x00",
        "RS384",
        "RS512",
        "PS256",
        "ES256",
        "HS256",
        "EdDSA",
        None,
        True,
        256,
        ["RS256"],
        {"RS256": 1},
        [["none"]],
    ],
)
def test_refuses_every_other_algorithm(algorithm: object) -> None:
    """Only one value passes, and it must be that string."""
    header = json.dumps({"alg": algorithm, "kid": "k"}).encode()
    assert refusal(with_header(header)) is Reason.ALGORITHM_NOT_ALLOWED


def test_refuses_no_algorithm() -> None:
    """The algorithm must be said; there is no default."""
    assert refusal(with_header(b'{"kid":"k"}')) is Reason.ALGORITHM_NOT_ALLOWED


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None, "exp", {}])
def test_refuses_crit_of_any_kind(crit: object) -> None:
    """We understand no extension, so whatever is called critical is refused."""
    header = json.dumps({"alg": "RS256", "kid": "k", "crit": crit}).encode()
    assert refusal(with_header(header)) is Reason.CRITICAL_HEADER


@pytest.mark.parametrize("key_id", ["", None, 0, 1, True, ["k"], {"k": 1}])
def test_refuses_a_kid_that_is_no_text(key_id: object) -> None:
    """What cannot name a key is refused before keys are asked for."""
    header = json.dumps({"alg": "RS256", "kid": key_id}).encode()
    assert refusal(with_header(header)) is Reason.KEY_ID_INVALID


def test_refuses_no_kid() -> None:
    """No key is tried on the chance that it fits."""
    assert refusal(with_header(b'{"alg":"RS256"}')) is Reason.KEY_ID_INVALID


def test_kid_length_boundary() -> None:
    """The longest kid passes; one character more does not."""
    assert MAX_KEY_ID_CHARACTERS == 256
    longest = "k" * MAX_KEY_ID_CHARACTERS
    assert (
        parse_compact(with_header(b'{"alg":"RS256","kid":"%b"}' % longest.encode()))[0] == longest
    )
    assert (
        refusal(with_header(b'{"alg":"RS256","kid":"%bk"}' % longest.encode()))
        is Reason.KEY_ID_INVALID
    )


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c", "x5t", "typ", "cty", "zip", "b64"])
def test_other_members_are_ignored(name: str) -> None:
    """What the header says besides changes nothing, least of all where keys come from."""
    header = json.dumps({"alg": "RS256", "kid": "k", name: "https://evil.example"}).encode()
    assert parse_compact(with_header(header))[0] == "k"


def test_the_header_is_judged_in_order() -> None:
    """Of several faults the first of the procedure is named: alg, then crit, then kid."""
    assert refusal(with_header(b'{"crit":[]}')) is Reason.ALGORITHM_NOT_ALLOWED
    assert refusal(with_header(b'{"crit":[],"alg":"RS256"}')) is Reason.CRITICAL_HEADER
