"""JSON with one meaning: what is read, and every way in which a text may fail to be that."""

from __future__ import annotations

import time

import pytest

from authorizer.strict_json import MOST_LEVELS, JsonObject, NotStrictJsonError, parse_object


def refused(data: bytes) -> str:
    with pytest.raises(NotStrictJsonError) as caught:
        parse_object(data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b' \t\r\n{ "a" : 1 } \n', {"a": 1}),
        (
            b'{"a":[1,2.5,-1e3,true,false,null,{"a":{}}]}',
            {"a": [1, 2.5, -1e3, True, False, None, {"a": {}}]},
        ),
        ('{"é": "ü€😀"}'.encode(), {"é": "ü€😀"}),
        (rb'{"a": "\u00e9\n\"\\"}', {"a": 'é\n"\\'}),
        (rb'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (rb'{"a": "\\ud800"}', {"a": r"\ud800"}),
        (b'{"": 0}', {"": 0}),
        (b'{"a": {"b": 1}, "b": {"a": 1}}', {"a": {"b": 1}, "b": {"a": 1}}),
        (b'{"A": 1, "a": 2}', {"A": 1, "a": 2}),
        (b'{"a": 1e308, "b": 1e-999}', {"a": 1e308, "b": 0.0}),
    ],
    ids=[
        "empty",
        "white space",
        "every type",
        "UTF-8",
        "escapes",
        "surrogate pair",
        "escaped backslash before ud800",
        "empty name",
        "same name at different depths",
        "names that differ in case",
        "largest floats",
    ],
)
def test_reads(data: bytes, value: JsonObject) -> None:
    """A single, unambiguous object is read as what it says."""
    assert parse_object(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"b":2,"a":3}',
        b'{"x":{"a":1,"a":2}}',
        b'{"x":[[{"a":1,"a":2}]]}',
        rb'{"a":1,"\u0061":2}',
    ],
    ids=["equal values", "not adjacent", "nested object", "in arrays", "spelt with an escape"],
)
def test_refuses_a_repeated_name(data: bytes) -> None:
    """A name that stands twice means one thing to the last-wins parser and another to its peer."""
    assert refused(data) == "an object with a repeated name"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_refuses_numbers_json_does_not_have(constant: str) -> None:
    """Python's parser knows three numbers that JSON does not."""
    assert refused(b'{"a": %b}' % constant.encode()) == "a number that is not finite"


@pytest.mark.parametrize("number", ["1e309", "-1e309", "1e999", "9" * 400 + ".0"])
def test_refuses_infinity_in_disguise(number: str) -> None:
    """A number beyond the floats would be read as infinity, and written as no JSON at all."""
    assert refused(b'{"a": %b}' % number.encode()) == "a number that is not finite"


def test_integers_to_the_digit_limit() -> None:
    """An integer may have as many digits as Python reads in linear time, and not one more."""
    digits = b"9" * 4300
    assert parse_object(b'{"a": %b}' % digits) == {"a": int(digits)}
    assert refused(b'{"a": 9%b}' % digits).startswith("no valid JSON: Exceeds the limit")


@pytest.mark.parametrize(
    "data",
    [
        rb'{"a": "\ud800"}',
        rb'{"a": "\udc00x"}',
        rb'{"a": "\ude00\ud83d"}',
        rb'{"\ud800": 1}',
        rb'{"a": [{"b": "\uD800"}]}',
    ],
    ids=["high", "low", "swapped", "in a name", "nested"],
)
def test_refuses_half_a_surrogate_pair(data: bytes) -> None:
    """Half a pair is no character, and breaks whoever encodes it later: a log, an answer."""
    assert refused(data) == "text that is not valid Unicode"


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xf0\x9f"}',
        b'{"a": "\xf4\x90\x80\x80"}',
        '{"a": "é"}'.encode("latin-1"),
        "{}".encode("utf-16"),
    ],
    ids=[
        "no UTF-8",
        "overlong",
        "encoded surrogate",
        "cut short",
        "beyond Unicode",
        "Latin-1",
        "UTF-16 with its mark",
    ],
)
def test_refuses_what_is_not_utf8(data: bytes) -> None:
    """RFC 8259, 8.1: JSON between systems is UTF-8."""
    assert refused(data) == "text that is not valid Unicode"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"{}{}",
        b"{} x",
        b"{}\x00",
        b'{"a":1,}',
        b'{"a":}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":0x1}',
        b'{"a":1_0}',
        b'{"a":tru}',
        b"//\n{}",
        b'{"a":"\n"}',
        b'{"a":"\x00"}',
        rb'{"a":"\x41"}',
        rb'{"a":"\u12"}',
        b'{"a":1 "b":2}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16-le"),
        "{}".encode("utf-32-le"),
        '{"a":\u0661}'.encode(),
        b"\x0b{}",
        "\xa0{}".encode(),
    ],
)
def test_refuses_what_is_no_json(data: bytes) -> None:
    """Nothing is forgiven: no second value, comment, mark, other encoding or other notation."""
    assert refused(data).startswith("no valid JSON: ")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"[]", "list"),
        (b"null", "NoneType"),
        (b"true", "bool"),
        (b"1", "int"),
        (b"1.5", "float"),
        (b'"{}"', "str"),
    ],
)
def test_refuses_other_values(data: bytes, found: str) -> None:
    """A header, a claims set and a key set are objects; nothing else has names to look up."""
    assert refused(data) == f"a JSON {found} where an object belongs"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("closed", [True, False])
def test_deep_nesting_is_an_error_of_ours(opening: bytes, closing: bytes, *, closed: bool) -> None:
    """However deep a text nests, the parser's RecursionError does not come through."""
    depth = 100_000
    data = b'{"a":' + opening * depth + (b"1" + closing * depth + b"}" if closed else b"")
    assert refused(data) == "values nested too deeply"


@pytest.mark.parametrize(
    "before",
    [
        b"",
        rb'"\u0061":"\u0061",',
        rb'"\\":"\\","\"[":"\"]",',
        b'"[{":"]}",' + b'"x":[' + b"{},[]," * 100 + b"0],",
    ],
    ids=["plain", "escapes", "quotes", "brackets elsewhere"],
)
def test_the_deepest_nesting(before: bytes) -> None:
    """How deep a text may nest is a number of ours, the same on every Python."""
    deep = b"[" * (MOST_LEVELS - 1) + b"]" * (MOST_LEVELS - 1)
    assert "y" in parse_object(b"{" + before + b'"y":' + deep + b"}")
    assert refused(b"{" + before + b'"y":[' + deep + b"]}") == "values nested too deeply"
    assert refused(b"[" * (MOST_LEVELS + 1)) == "values nested too deeply"


def test_brackets_in_texts_are_no_nesting() -> None:
    """What stands in quotes opens nothing, whatever it is and wherever the quotes end."""
    for text in (b"[" * 9_999, rb"\"[{" * 999, rb"\\", b"]}" * 999):
        assert len(parse_object(b'{"a":"' + text + b'","b":"' + text + b'"}')) == 2
    for text in (b"[" * 999, rb"\"[{" * 999):  # without an end
        assert refused(b'{"a":"' + text).startswith("no valid JSON: Unterminated string")


def test_looking_at_the_nesting_takes_no_longer_than_reading() -> None:
    """No text makes the search for its brackets start again and again."""
    hostile = b"[" * MOST_LEVELS + b'"' + rb"\"" * 500_000
    started = time.process_time()
    refused(b'{"a":' + hostile)
    assert time.process_time() - started < 5  # it would take hours


def test_messages_quote_nothing() -> None:
    """A message tells where and what kind, never the text: claims are not for logs."""
    for data in (
        b'{"secret": tru}',
        b'{"secret":1,"secret":1}',
        b'["secret"]',
        b'{"secret": "\xff"}',
    ):
        assert "secret" not in refused(data)
