"""What is said of a rule that is none, and that it is said of no other text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authorizer.cli.policy_file.grammar import syntax_problem
from authorizer.policy.paths import CONNECT, METHODS, RouteSyntaxError, parse_pattern

PIECES = st.sampled_from(
    [
        *(*METHODS, "ANY", "get", ",", ", ", " ", "\n"),
        *("/", "/**", "/a", "/{x}", "/{x=sub}", "/{y+}", "/..", "/.", CONNECT),
        *("*", "%41", "{", "}", "=", "é", "a"),
    ]
)


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
    with pytest.raises(RouteSyntaxError):
        parse_pattern(text)
    problem = syntax_problem(text)

    assert problem is not None
    assert message in problem.message
    assert problem.offset == offset


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
@example("GET" + " /a" * 101)
@example("GET " + "/a" * 101)
@example("GET /**")
@example("GET //**")
def test_a_text_is_a_rule_or_has_a_problem(text: str) -> None:
    """The parser decides what a rule is; exactly of the other texts it is said what is wrong."""
    try:
        parse_pattern(text)
        is_rule = True
    except RouteSyntaxError:
        is_rule = False

    assert is_rule is (text == CONNECT or syntax_problem(text) is None)
