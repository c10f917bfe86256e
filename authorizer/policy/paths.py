"""Route patterns: what a rule covers, what API Gateway matched, and how the two compare.

A rule is one line, ``METHOD[,METHOD] /path``. A segment of the path is literal, ``{name}`` (the
route's own parameter at that place), or ``{name=claim}`` (the same, equal to that claim of the
caller); ``/**`` at the end stands for zero or more segments. There are no other wildcards.

A pattern covers a *route*, such as API Gateway's ``/users/{id}``, and a parameter covers a
parameter, whatever either is called: a rule for ``/users/{id}`` says nothing about a route
``/users/admin``. Where no route is known, a path is checked here before anything is matched
against it, and rejected, never normalised, if another program could read it in another way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ANY = "ANY"
CONNECT = "$connect"
# What stands for a parameter in a canonical path. No literal segment contains a brace.
PARAMETER = "{}"
# Canonical path of a WebSocket API's $connect. No segment of a real path is empty.
_CONNECT_PATH = ("", CONNECT)

# No path that API Gateway lets through has so many, and trees are walked by recursion.
MOST_SEGMENTS = 100

# A method, or several; a path of literals and parameters; and everything below it.
_METHOD = "|".join((*METHODS, ANY))
_RULE = re.compile(
    rf"(?P<methods>(?:{_METHOD})(?:,(?:{_METHOD}))*) (?=/)"
    r"(?:/|(?P<path>(?:/(?!\.{1,2}(?:/|\Z))"
    r"(?:[A-Za-z0-9._~!$&'()+,=:@-]+|\{[A-Za-z0-9._-]+(?:=[A-Za-z0-9._:-]+)?\}))+)?"
    r"(?P<tail>/\*\*)?)",
    re.ASCII,
)
# Emulators write a greedy one as {proxy*}: that is no parameter of one segment.
_ROUTE = re.compile(r"(?:/(?:[^{}/]*|\{[^{}/+*]+\}))*(?P<greedy>/\{[^{}/+*]+\+\})?")
# What most paths look like. Nothing in them could be read in two ways.
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()+,=:@-]+)+", re.ASCII)
# Characters that some program between here and the backend treats as a separator or wildcard,
# besides white space and controls.
_UNSAFE = re.compile(r"[;*?\\#\s\x00-\x1f\x7f-\x9f\u2028\u2029]")
# An encoded character is only safe where no literal segment can contain it: beyond ASCII, or a
# blank. "%2f", "%2e", "%25" and also "%61" can be read in two ways.
_UNSAFE_ENCODING = re.compile(r"%(?!20|[89a-fA-F][0-9a-fA-F])")


class RouteSyntaxError(ValueError):
    """A rule's text is not in the format. The tools say what is wrong with it, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A path parameter must equal a claim.

    Attributes:
        position: index of the path segment, counted from 0.
        claim: name of the claim.
    """

    position: int
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePattern:
    """One rule's pattern, parsed.

    Attributes:
        text: as written.
        methods: those covered, or exactly ``{"ANY"}``.
        path: canonical segments, with ``PARAMETER`` for each parameter.
        tail: whether ``/**`` follows.
        conditions: parameters that must equal a claim.
    """

    text: str
    methods: frozenset[str]
    path: tuple[str, ...]
    tail: bool = False
    conditions: tuple[Condition, ...] = ()

    def covers_method(self, method: str) -> bool:
        """Whether a request's method is among those covered. ``GET`` does not imply ``HEAD``."""
        return method in self.methods or ANY in self.methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The route that API Gateway matched.

    Attributes:
        path: canonical segments, without a greedy parameter at the end.
        names: the parameter's name per segment, ``None`` where the segment is literal.
        greedy: whether a ``{proxy+}`` follows, so that the route does not tell the path.
    """

    path: tuple[str, ...]
    names: tuple[str | None, ...]
    greedy: bool
    # The path as a format of the parameters' values, and what takes these out of a mapping.
    _format: str = field(init=False, repr=False, compare=False)
    _values: Callable[[Any], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare what ``agrees`` compares with."""
        segments = (segment.replace("%", "%%") for segment in self.path)
        plain = "".join(
            f"/{segment if name is None else '%s'}"
            for segment, name in zip(segments, self.names, strict=True)
        )
        names = [name for name in self.names if name is not None]
        object.__setattr__(self, "_format", plain or "/")
        object.__setattr__(self, "_values", itemgetter(*names) if names else lambda _: ())

    def agrees(self, path: str, parameters: Mapping[str, str]) -> bool:
        """Whether a concrete path is one of this route's, with the values that were extracted.

        Neither spelling is known to be the decoded one, so that either may be, by one step.
        """
        if path.count("/") != (len(self.path) or 1) or (path == "/" and self.path):
            return False
        try:
            if self._format % self._values(parameters) == path:
                return True
        except KeyError:
            pass  # compared below, as far as they were extracted
        segments = split_path(path)
        if len(segments) != len(self.path) or not path.startswith("/"):
            return False
        for segment, expected, name in zip(segments, self.path, self.names, strict=True):
            if name is None:
                if expected not in {segment, unquote(segment)}:
                    return False
            elif name in parameters:
                value = parameters[name]
                if unquote(segment) not in {value, unquote(value)} and segment != unquote(value):
                    return False
        return True


def parse_pattern(text: str) -> RoutePattern:
    """Read a rule such as ``GET,PATCH /users/{user=sub}`` or ``ANY /admin/**``.

    Raises:
        RouteSyntaxError: for anything else.
    """
    if text == CONNECT:
        return RoutePattern(text=text, methods=frozenset({ANY}), path=_CONNECT_PATH)
    rule = _RULE.fullmatch(text)
    if rule is None or text.count("/") > MOST_SEGMENTS:
        raise RouteSyntaxError(f"expected METHOD /path, found {clip(text)}")
    methods = rule["methods"].split(",")
    segments = (rule["path"] or "").split("/")[1:]
    # The name, the equals sign and the claim of each parameter, by its position.
    parameters = {
        position: segment[1:-1].partition("=")
        for position, segment in enumerate(segments)
        if segment[0] == "{"
    }
    if len({name for name, _, _ in parameters.values()}) != len(parameters):
        raise RouteSyntaxError(f"expected each parameter name once, found {clip(text)}")
    if len(set(methods)) != len(methods) or (ANY in methods and len(methods) > 1):
        raise RouteSyntaxError(f"expected each method once, or {ANY} alone, found {clip(text)}")
    return RoutePattern(
        text=text,
        methods=frozenset(methods),
        path=tuple(
            PARAMETER if position in parameters else segment
            for position, segment in enumerate(segments)
        ),
        tail=rule["tail"] is not None,
        conditions=tuple(
            Condition(position=position, claim=claim)
            for position, (_, _, claim) in parameters.items()
            if claim
        ),
    )


@lru_cache(maxsize=4096)
def parse_route(template: str) -> Route | None:
    """Read a route as API Gateway names it: ``/users/{id}``, ``/files/{proxy+}``, ``$connect``.

    Returns:
        Nothing for ``$default`` and whatever else does not tell a path.
    """
    if template == CONNECT:
        return Route(path=_CONNECT_PATH, names=(None, None), greedy=False)
    route = _ROUTE.fullmatch(template)
    if not template or route is None:
        return None
    is_greedy = route["greedy"] is not None
    segments = split_path(template)[: -1 if is_greedy else None]
    names = tuple(segment[1:-1] if segment.startswith("{") else None for segment in segments)
    path = tuple(PARAMETER if segment.startswith("{") else segment for segment in segments)
    return Route(path=path, names=names, greedy=is_greedy)


def split_route_key(key: str) -> tuple[str, str]:
    """Method and path of a route key: ``GET /users/{id}``; no method for ``$default``."""
    method, blank, path = key.partition(" ")
    return (method, path) if blank else ("", method)


def split_path(path: str) -> tuple[str, ...]:
    """The segments of a path that starts with a slash; none for ``/``."""
    return () if path == "/" else tuple(path[1:].split("/"))


def safe_segments(path: str) -> tuple[str, ...] | None:
    """The segments of a concrete path, or nothing where the path could be read in two ways.

    Rejected: empty and dot segments, ``;``, ``*``, ``?``, ``#``, braces, backslash, white space,
    control characters, encodings of anything that could be written plainly, and encodings that
    are not UTF-8.
    """
    if _PLAIN_PATH.fullmatch(path):
        return tuple(path[1:].split("/"))
    if not path.startswith("/") or _UNSAFE.search(path) or _UNSAFE_ENCODING.search(path):
        return None
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None  # such as the overlong %c0%af, which lenient decoders read as a slash
    if _UNSAFE.search(decoded.replace(" ", "")):
        return None
    segments = split_path(path)
    if any(segment in {"", ".", ".."} or "{" in segment or "}" in segment for segment in segments):
        return None
    return segments
