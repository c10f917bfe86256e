"""What a rule says, what is said of a text that is none, and that it is said of no other."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authorizer.cli.policy_file.grammar import RuleSyntaxError, parse_rule, pattern_of
from authorizer.policy.model import Condition
from authorizer.policy.paths import CONNECT, METHODS, PARAMETER

PIECES = st.sampled_from(
    [
        *(*METHODS, "ANY", "get", ",", ", ", " ", "\n"),
        *("/", "/**", "/a", "/{x}", "/{x=sub}", "/{y+}", "/..", "/.", CONNECT),
        *("*", "%41", "{", "}", "=", "é", "a"),
    ]
)


@pytest.mark.parametrize(
    ("text", "methods", "path", "tail", "conditions"),
    [
        pytest.param("GET /", {"GET"}, (), False, (), id="root"),
        pytest.param("GET /a/b", {"GET"}, ("a", "b"), False, (), id="literal"),
        pytest.param("GET,PATCH /a", {"GET", "PATCH"}, ("a",), False, (), id="two methods"),
        pytest.param("ANY /a/**", {"ANY"}, ("a",), True, (), id="rest of a path"),
        pytest.param("ANY /**", {"ANY"}, (), True, (), id="everything"),
        pytest.param("GET /a/{x}/c", {"GET"}, ("a", PARAMETER, "c"), False, (), id="parameter"),
        pytest.param(
            "GET /u/{x=sub}",
            {"GET"},
            ("u", PARAMETER),
            False,
            (Condition(position=1, claim="sub"),),
            id="parameter that equals a claim",
        ),
        pytest.param(
            "GET /{x=cognito:username}/{y=custom:a.b-c}/**",
            {"GET"},
            (PARAMETER, PARAMETER),
            True,
            (
                Condition(position=0, claim="cognito:username"),
                Condition(position=1, claim="custom:a.b-c"),
            ),
            id="claims with Cognito's characters",
        ),
        pytest.param(
            "GET /~a._!$&'()+,=:@-/...",
            {"GET"},
            ("~a._!$&'()+,=:@-", "..."),
            False,
            (),
            id="every character that a segment may have",
        ),
        pytest.param("$connect", {"ANY"}, ("", "$connect"), False, (), id="WebSocket"),
    ],
)
def test_a_rule_is_read(
    text: str,
    methods: set[str],
    path: tuple[str, ...],
    tail: bool,  # noqa: FBT001
    conditions: tuple[Condition, ...],
) -> None:
    """A rule is methods and a path of literals, parameters and perhaps a rest."""
    pattern = pattern_of(text)

    assert pattern.text == text  # which is made of what was read
    assert pattern.methods == methods
    assert pattern.path == path
    assert pattern.tail is tail
    assert pattern.conditions == conditions


@pytest.mark.parametrize("method", METHODS)
def test_a_method_implies_no_other(method: str) -> None:
    """Each method covers itself alone; GET implies neither HEAD nor OPTIONS."""
    pattern = pattern_of(f"{method} /a")

    assert [other for other in METHODS if pattern.covers_method(other)] == [method]


@pytest.mark.parametrize("method", [*METHODS, "PURGE", ""])
def test_any_is_every_method(method: str) -> None:
    """ANY covers every method, those that the file cannot name too."""
    assert pattern_of("ANY /a").covers_method(method)


def test_any_in_a_request_is_not_every_method() -> None:
    """A request cannot be for ANY method: a rule for GET does not cover that word."""
    assert not pattern_of("GET /a").covers_method("ANY")


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        pytest.param("", 0, "expected METHOD /path, found ''", id="empty"),
        pytest.param("/a", 0, "expected METHOD /path, found '/a'", id="no method"),
        pytest.param("GET", 0, "expected METHOD /path, found 'GET'", id="no path"),
        pytest.param("get /a", 0, "found 'get'", id="lower case"),
        pytest.param("TRACE /a", 0, "expected a method among GET, HEAD", id="unknown method"),
        pytest.param("GET,FOO /a", 4, "found 'FOO'", id="unknown second method"),
        pytest.param("GET, PUT /a", 4, "separated by commas without blanks", id="blank"),
        pytest.param("* /a", 0, "found '*'", id="star as a method"),
        pytest.param("GET,GET /a", 0, "expected each method once", id="method twice"),
        pytest.param("ANY,GET /a", 0, "or ANY alone", id="ANY and another"),
        pytest.param("GET a", 4, "a path that starts with /, found 'a'", id="no slash"),
        pytest.param("GET  /a", 4, "expected one blank", id="two blanks"),
        pytest.param("GET\t/a", 0, "expected METHOD /path", id="tab"),
        pytest.param("GET https://x/a", 4, "a path that starts with /", id="whole URL"),
        pytest.param("GET /a/", 7, "expected no empty segment", id="slash at the end"),
        pytest.param("GET //a", 5, "expected no empty segment", id="two slashes"),
        pytest.param("GET //", 5, "expected no empty segment", id="slashes alone"),
        pytest.param("ANY //**", 5, "expected no empty segment", id="slashes and a rest"),
        pytest.param("ANY /a//**", 7, "expected no empty segment", id="slashes before a rest"),
        pytest.param("GET /**/a", 5, "expected /** at the end only", id="rest in the middle"),
        pytest.param("GET /**/**", 5, "expected /** at the end only", id="rest twice"),
        pytest.param("GET /a/*", 7, "expected /** at the end only, found '*'", id="one star"),
        pytest.param("GET /a*", 5, "expected /** at the end only", id="star in a segment"),
        pytest.param("GET /a/{x+}", 7, "expected /** for the rest of a path", id="greedy"),
        pytest.param("GET /a/{}", 7, "a plain segment, {name} or {name=claim}", id="no name"),
        pytest.param("GET /a/{x=}", 7, "{name=claim}", id="no claim"),
        pytest.param("GET /a/{x", 7, "expected a plain segment", id="open brace"),
        pytest.param("GET /a/x{y}", 7, "expected a plain segment", id="part of a segment"),
        pytest.param("GET /{x}/{x}", 9, "expected each parameter name once", id="name twice"),
        pytest.param("GET /{x}/{x=sub}", 9, "expected each parameter name once", id="and a claim"),
        pytest.param("GET /a/../b", 7, "found '..'", id="dot segment"),
        pytest.param("GET /./b", 5, "found '.'", id="single dot"),
        pytest.param("GET /a%2fb", 5, "found 'a%2fb'", id="encoded"),
        pytest.param("GET /a?b=c", 5, "found 'a?b=c'", id="query"),
        pytest.param("GET /a#b", 5, "found 'a#b'", id="fragment"),
        pytest.param("GET /a;b", 5, "found 'a;b'", id="matrix parameter"),
        pytest.param("GET /a b", 5, "found 'a b'", id="blank in a segment"),
        pytest.param("GET /a\n", 5, r"found 'a\n'", id="line break"),
        pytest.param("GET /é", 5, "found 'é'", id="not ASCII"),
        pytest.param("ANY $connect", 4, "a path that starts with /", id="connect and a method"),
    ],
)
def test_a_rule_that_is_none_says_where(text: str, offset: int, message: str) -> None:
    """A rule out of format is refused, with the place and with what was expected."""
    with pytest.raises(RuleSyntaxError) as caught:
        parse_rule(text)

    assert message in str(caught.value)
    assert caught.value.offset == offset


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
@example("GET" + " /a" * 101)
@example("GET " + "/a" * 101)
@example("GET /**")
@example("GET //**")
@example(CONNECT)
@example("GET,GET /a")
@example("ANY,GET /a")
@example("GET /{x}/{x=sub}")
def test_a_text_is_a_rule_exactly_where_the_format_has_it(text: str) -> None:
    """What is read is written again as it was; what the format does not have is not read."""
    if is_rule(text):
        assert pattern_of(text).text == text
    else:
        with pytest.raises(RuleSyntaxError):
            parse_rule(text)


def is_rule(text: str) -> bool:
    """The format once more, as one expression and two sentences."""
    method = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY)"
    literal = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()+,=:@-]+"
    parameter = r"\{[A-Za-z0-9._-]+(?:=[A-Za-z0-9._:-]+)?\}"
    path = rf"(?:/|(?:/(?:{literal}|{parameter}))+|(?:/(?:{literal}|{parameter}))*/\*\*)"
    if not re.fullmatch(rf"\$connect|{method}(?:,{method})* {path}", text, re.ASCII):
        return False
    methods, _, rest = text.partition(" ")
    listed, names = methods.split(","), re.findall(r"\{([^=}]+)", rest)
    each_once = len({*listed}) == len(listed) and len({*names}) == len(names)
    return each_once and ("ANY" not in listed or len(listed) == 1) and rest.count("/") <= 100


def test_a_rule_has_at_most_a_hundred_segments() -> None:
    """Just enough, and one too many."""
    assert len(pattern_of("GET " + "/a" * 100).path) == 100
    with pytest.raises(RuleSyntaxError, match="at most 100 segments, found 101"):
        pattern_of("GET " + "/a" * 101)
