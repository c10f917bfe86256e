"""Routes as API Gateway names them, and concrete paths.

Where no route is known, a path is checked here before anything is matched against it, and
rejected, never normalised, if another program could read it in another way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ANY = "ANY"
CONNECT = "$connect"
# What stands for a parameter in a canonical path. No literal segment contains a brace.
PARAMETER = "{}"
# Canonical path of a WebSocket API's $connect. No segment of a real path is empty.
CONNECT_PATH = ("", CONNECT)

# No path that API Gateway lets through has so many, and trees are walked by recursion.
MOST_SEGMENTS = 100

# Emulators write a greedy one as {proxy*}: that is no parameter of one segment.
_ROUTE = re.compile(r"(?:/(?:[^{}/]*|\{[^{}/+*]+\}))*(?P<greedy>/\{[^{}/+*]+\+\})?")
# A literal segment of a rule. Nothing in it could be read in two ways.
LITERAL = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()+,=:@-]+"
_PLAIN_PATH = re.compile(rf"(?:/{LITERAL})+")  # what most paths look like
# Characters that some program between here and the backend treats as a separator or wildcard,
# besides white space and controls.
_UNSAFE = re.compile(r"[;*?\\#\s\x00-\x1f\x7f-\x9f\u2028\u2029]")
# An encoded character is only safe where no literal segment can contain it: beyond ASCII, or a
# blank. "%2f", "%2e", "%25" and also "%61" can be read in two ways.
_UNSAFE_ENCODING = re.compile(r"%(?!20|[89a-fA-F][0-9a-fA-F])")


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


@lru_cache(maxsize=4096)
def parse_route(template: str) -> Route | None:
    """Read a route as API Gateway names it: ``/users/{id}``, ``/files/{proxy+}``, ``$connect``.

    Returns:
        Nothing for ``$default`` and whatever else does not tell a path.
    """
    if template == CONNECT:
        return Route(path=CONNECT_PATH, names=(None, None), greedy=False)
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
