"""Routes as API Gateway names them, and concrete paths.

Where no route is known, a path is checked here before anything is matched against it, and
rejected, never normalised, if another program could read it in another way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Methods are case-sensitive, and API Gateway knows only upper-case ones.
METHOD = re.compile(r"[A-Z]{1,32}", re.ASCII)
ANY = "ANY"
CONNECT = "$connect"
# What stands for a parameter in a canonical path. No literal segment contains a brace.
PARAMETER = "{}"

# No path that API Gateway lets through has so many, and trees are walked by recursion.
MOST_SEGMENTS = 100

# Emulators write a greedy one as {proxy*}: that is no parameter of one segment.
_ROUTE = re.compile(r"(?=/)(?:/(?:[^{}/]*|\{[^{}/+*]+\}))*(?P<greedy>/\{[^{}/+*]+\+\})?")
# What some program between here and the backend treats as a separator or wildcard, white space and
# controls. An encoded character is only safe where no literal segment can contain it, beyond ASCII
# or a blank: "%2f", "%2e", "%25" and also "%61" can be read in two ways. So can bytes
# that are not UTF-8 (\udc80 and so on), such as the overlong %c0%af, which lenient decoders read as
# a slash.
_SAFE = (
    r"[^#%*/;?\\{}\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    r"\udc80-\udcff]*+"
)
_SAFE_PATH = re.compile(
    rf"(?:/(?!\.{{0,2}}(?:/|\Z)){_SAFE}(?:%(?:20|[89a-fA-F][0-9a-fA-F]){_SAFE})*+)++|/"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The route that API Gateway matched.

    Attributes:
        path: canonical segments, without a greedy parameter at the end.
        names: the parameter's name per segment, ``None`` where the segment is literal.
        greedy: whether a ``{proxy+}`` follows, so that the route does not tell the path.
        form: the path as a format of the parameters' values.
    """

    path: tuple[str, ...]
    names: tuple[str | None, ...]
    greedy: bool
    form: str = field(default="", repr=False, compare=False)

    def agrees(self, path: str, parameters: Mapping[str, str]) -> bool:
        """Whether a concrete path is one of this route's, with the values that were extracted.

        Neither spelling is known to be the decoded one, so that either may be, by one step.
        """
        try:
            if path.count("/") == len(self.path) and path == self.form % parameters != "/":
                return True
        except (KeyError, ValueError, TypeError):  # or a name with which this is no format
            pass  # compared below, as far as they were extracted
        segments = split_path(path)
        if len(segments) != len(self.path) or path[:1] != "/":
            return False
        for segment, literal, name in zip(segments, self.path, self.names, strict=True):
            expected = literal if name is None else parameters.get(name, segment)
            if segment != expected and {segment, unquote(segment)}.isdisjoint(
                {expected, expected if name is None else unquote(expected)}
            ):
                return False
        return True

    def is_above(self, segments: tuple[str, ...]) -> bool:
        """Whether it is a greedy one that takes a path: with one segment more, or several."""
        return (
            self.greedy
            and len(segments) > len(self.path)
            and all(
                expected in (PARAMETER, segment)
                for segment, expected in zip(segments, self.path, strict=False)
            )
        )


@lru_cache(maxsize=4096)
def parse_route(template: str) -> Route | None:
    """Read a route as API Gateway names it: ``/users/{id}``, ``/files/{proxy+}``, ``$connect``.

    Returns:
        Nothing for ``$default`` and whatever else does not tell a path.
    """
    # No segment of a real path is empty.
    path = f"//{CONNECT}" if template == CONNECT else template
    matched = _ROUTE.fullmatch(path)
    if matched is None:
        return None
    is_greedy = matched["greedy"] is not None
    segments = split_path(path)[: -1 if is_greedy else None]
    return Route(
        path=tuple(PARAMETER if segment.startswith("{") else segment for segment in segments),
        names=tuple(segment[1:-1] if segment.startswith("{") else None for segment in segments),
        greedy=is_greedy,
        form="".join(
            f"/%({segment[1:-1]})s" if segment.startswith("{") else "/" + segment.replace("%", "%%")
            for segment in segments
        ),
    )


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
    is_safe = _SAFE_PATH.fullmatch(path) and (
        "%" not in path
        or _SAFE_PATH.fullmatch(unquote(path, errors="surrogateescape").replace(" ", "_"))
    )
    return split_path(path) if is_safe else None


@lru_cache(maxsize=64)
def spellings_of(value: str) -> frozenset[str]:
    """What a value may be read as.

    Found out once: a client may send thousands of encodings, and many denies may compare them.
    """
    return frozenset({value, unquote(value), unquote(unquote(value))})
