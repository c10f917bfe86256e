"""Rules, routes and concrete paths, as text."""

from __future__ import annotations

import pytest

from authorizer.policy.routes import (
    METHODS,
    PARAMETER,
    Condition,
    Route,
    RouteSyntaxError,
    parse_pattern,
    parse_route,
    safe_segments,
    split_path,
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
    pattern = parse_pattern(text)

    assert pattern.text == text
    assert pattern.methods == methods
    assert pattern.path == path
    assert pattern.tail is tail
    assert pattern.conditions == conditions


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
    with pytest.raises(RouteSyntaxError) as caught:
        parse_pattern(text)

    assert message in str(caught.value)
    assert caught.value.offset == offset


@pytest.mark.parametrize("method", METHODS)
def test_a_method_implies_no_other(method: str) -> None:
    """Each method covers itself alone; GET implies neither HEAD nor OPTIONS."""
    pattern = parse_pattern(f"{method} /a")

    assert [other for other in METHODS if pattern.covers_method(other)] == [method]


@pytest.mark.parametrize("method", [*METHODS, "PURGE", ""])
def test_any_is_every_method(method: str) -> None:
    """ANY covers every method, those that the file cannot name too."""
    assert parse_pattern("ANY /a").covers_method(method)


def test_any_in_a_request_is_not_every_method() -> None:
    """A request cannot be for ANY method: a rule for GET does not cover that word."""
    assert not parse_pattern("GET /a").covers_method("ANY")


@pytest.mark.parametrize(
    ("template", "path", "names", "greedy"),
    [
        pytest.param("/", (), (), False, id="root"),
        pytest.param("/a/{id}", ("a", PARAMETER), (None, "id"), False, id="parameter"),
        pytest.param("/a/{proxy+}", ("a",), (None,), True, id="greedy"),
        pytest.param("/{proxy+}", (), (), True, id="greedy at the root"),
        pytest.param("/a/{b:c}", ("a", PARAMETER), (None, "b:c"), False, id="REST's characters"),
        pytest.param("/a/", ("a", ""), (None, None), False, id="slash at the end"),
        pytest.param("$connect", ("", "$connect"), (None, None), False, id="WebSocket"),
    ],
)
def test_a_route_is_read(
    template: str,
    path: tuple[str, ...],
    names: tuple[str | None, ...],
    greedy: bool,  # noqa: FBT001
) -> None:
    """A route keeps the names of its parameters, to look their values up."""
    assert parse_route(template) == Route(path=path, names=names, greedy=greedy)


@pytest.mark.parametrize(
    "template",
    ["$default", "$disconnect", "", "a", "/a/{proxy+}/b", "/a/x{y}", "/{", "/}", "/{}", "/{a+b}"],
)
def test_a_route_that_tells_no_path_is_none(template: str) -> None:
    """What does not tell the path is not guessed at: the path itself is judged instead."""
    assert parse_route(template) is None


@pytest.mark.parametrize(
    ("path", "segments"),
    [("/", ()), ("/a", ("a",)), ("/a/", ("a", "")), ("//", ("", "")), ("/a/b", ("a", "b"))],
)
def test_a_path_is_split_without_losing_a_slash(path: str, segments: tuple[str, ...]) -> None:
    """No empty segment disappears on the way."""
    assert split_path(path) == segments


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        pytest.param("/", (), id="root"),
        pytest.param("/a/b", ("a", "b"), id="plain"),
        pytest.param("/a/...", ("a", "..."), id="three dots"),
        pytest.param("/a/.b", ("a", ".b"), id="dot first"),
        pytest.param("/a:b@c", ("a:b@c",), id="colon and at"),
        pytest.param("/a%20b", ("a%20b",), id="encoded blank"),
        pytest.param("/%C3%A9", ("%C3%A9",), id="encoded letter"),
        pytest.param("/é", ("é",), id="decoded letter"),
        pytest.param("/%e2%82%ac", ("%e2%82%ac",), id="lower-case encoding"),
    ],
)
def test_a_safe_path_keeps_its_spelling(path: str, segments: tuple[str, ...]) -> None:
    """A path that reads one way is split, and not decoded."""
    assert safe_segments(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "//", "/a//b", "/a/", "/.", "/..", "/a/../b", "/a/./b"),
        *("/a;b", "/a*", "/a?b", "/a#b", "/a\\b", "/{a}", "/a{", "/a}"),
        *("/a b", "/a\tb", "/a\nb", "/a\rb", "/a\x00b", "/a\x7fb", "/a\x85b", "/a\xa0b"),
        *("/a\u2028b", "/a\u3000b", "/%2f", "/%2F", "/%2e%2e", "/%5c", "/%3b", "/%00", "/%61"),
        *("/%252f", "/%25", "/%", "/%2", "/%zz", "/%1f", "/%7f", "/%c0%af", "/%c0%ae%c0%ae"),
        *("/%ff", "/%ed%a0%80", "/%C2%85", "/%C2%A0", "/%E2%80%A8", "/%C3"),
    ],
)
def test_a_path_that_reads_two_ways_is_refused(path: str) -> None:
    """Dot segments, separators, controls and needless or broken encodings are never cleaned up."""
    assert safe_segments(path) is None


def test_a_rule_has_at_most_a_hundred_segments() -> None:
    """Just enough, and one too many."""
    assert len(parse_pattern("GET " + "/a" * 100).path) == 100
    with pytest.raises(RouteSyntaxError, match="at most 100 segments, found 101"):
        parse_pattern("GET " + "/a" * 101)
