"""Rules, routes and concrete paths, as text."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from authorizer.policy.paths import PARAMETER, Route, parse_route, safe_segments, split_path


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
        *("/\udc80", "/%ff", "/%ed%a0%80", "/%C2%85", "/%C2%A0", "/%E2%80%A8", "/%C3"),
    ],
)
def test_a_path_that_reads_two_ways_is_refused(path: str) -> None:
    """Dot segments, separators, controls and needless or broken encodings are never cleaned up."""
    assert safe_segments(path) is None


@pytest.mark.parametrize(
    ("template", "path", "parameters", "agrees"),
    [
        pytest.param("/a/{x}", "/a/1", {"x": "1"}, True, id="as extracted"),
        pytest.param("/a/{x}", "/a/%31", {"x": "1"}, True, id="extracted decoded"),
        pytest.param("/a/{x}", "/a/1", {}, True, id="not extracted"),
        pytest.param("/a/{x}", "/a/1", {"x": "2"}, False, id="another value"),
        pytest.param("/{x}", "/", {"x": ""}, False, id="the root has no segment"),
        pytest.param("/a%20b/{x}", "/a%20b/1", {"x": "1"}, True, id="encoded literal"),
        pytest.param("/a%20b/{x}", "/a%20b/1", {}, True, id="encoded literal, not extracted"),
        pytest.param("/%s/{x}", "/%s/1", {"x": "1"}, True, id="literal like a format"),
        pytest.param("/%s/{x}", "/1/1", {"x": "1"}, False, id="format that is none"),
    ],
)
def test_a_path_agrees_with_its_route(
    template: str,
    path: str,
    parameters: dict[str, str],
    agrees: bool,  # noqa: FBT001
) -> None:
    """The quick comparison and the thorough one say the same."""
    route = parse_route(template)

    assert route is not None
    assert route.agrees(path, parameters) is agrees


@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x84", "\x9f"])
def test_controls_beyond_ascii_are_unsafe(character: str) -> None:
    """C1 controls are none of a path's letters, as they stand or encoded."""
    assert safe_segments(f"/a{character}") is None
    assert safe_segments(f"/a{quote(character)}") is None
    assert safe_segments(f"/a{quote(chr(0xA1))}") is not None
