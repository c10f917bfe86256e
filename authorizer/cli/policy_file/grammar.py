"""The grammar of rules: what a text says, or what is wrong with it, and where.

A rule is ``METHOD[,METHOD] /path``, or ``$connect``. A segment of the path is literal, ``{name}``
or ``{name=claim}``; ``/**`` at the end stands for everything below. It is read when the policy is
compiled; ``authorizer.policy.model`` reads what came of it, and does not judge it again.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from authorizer.errors import clip
from authorizer.policy.model import parse_pattern
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    CONNECT_PATH,
    METHODS,
    MOST_SEGMENTS,
    parse_route,
    split_path,
    split_route_key,
)

if TYPE_CHECKING:
    from authorizer.policy.model import RoutePattern

# Nothing in it could be read in two ways, or would be a wildcard in an ARN.
_LITERAL = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~!$&'()+,=:@-]+", re.ASCII)
# What would be a wildcard in an ARN, and what no path contains.
_WILDCARD = re.compile(r"[*?\s\x00-\x1f]")
_PARAMETER = re.compile(r"\{(?P<name>[A-Za-z0-9._-]+)(?:=(?P<claim>[A-Za-z0-9._:-]+))?\}", re.ASCII)


class RuleSyntaxError(ValueError):
    """A text is no rule: the first thing that is wrong with it, in words.

    Attributes:
        offset: where in the text the trouble starts, counted from 0.
        code: of the finding that ``authorizer check`` makes of it.
        variant: of that finding, which tells what to do.
        meant: the method that was probably meant by one that there is not.
    """

    def __init__(
        self,
        message: str,
        offset: int = 0,
        variant: str = "",
        *,
        code: str = "P108",
        meant: str | None = None,
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.variant = variant
        self.code = code
        self.meant = meant


# A rule is read when the file is, and again whenever it is compiled.
@lru_cache(maxsize=16_384)
def parse_rule(text: str) -> dict[str, Any]:
    """Read a rule such as ``GET,PATCH /users/{user=sub}`` or ``ANY /admin/**``.

    Returns:
        What the compiled policy has of it, but for its line: its text (``rule``); ``methods``; the
        segments of its ``path``, with ``{name}`` for a parameter; whether everything below follows
        (``tail``); and which claims parameters must equal: ``{"{user}": "sub"}``. Not to be
        changed.

    Raises:
        RuleSyntaxError: for anything else.
    """
    if text == CONNECT:
        connection = {"methods": [ANY], "path": [*CONNECT_PATH], "tail": False, "equals": {}}
        return {"rule": text, **connection}
    methods, blank, path = text.partition(" ")
    if ", " in text:
        message = "expected methods separated by commas without blanks, found"
        raise RuleSyntaxError(f"{message} {clip(text)}", text.index(", ") + 1, "blank_in_list")
    if not blank:
        raise RuleSyntaxError(f"expected METHOD /path, found {clip(text)}", 0, "no_method")
    _require_methods(methods)
    segments, equals = _segments(path, len(methods) + 1)
    return {
        "rule": text,
        "methods": methods.split(","),
        "path": segments,
        "tail": path.endswith("/**"),
        "equals": equals,
    }


def pattern_of(text: str) -> RoutePattern:
    """What a rule covers.

    Raises:
        RuleSyntaxError: the text is none.
    """
    return parse_pattern(parse_rule(text))


def is_route_key(key: str) -> bool:
    """Whether it is a route as API Gateway names it: ``GET /users/{id}``, ``$default``."""
    method, path = split_route_key(key)
    if not method:
        return path in {"$default", CONNECT}
    return (
        method in {*METHODS, ANY}
        and path.startswith("/")
        and path.count("/") <= MOST_SEGMENTS
        and _WILDCARD.search(path) is None
        and parse_route(path) is not None
    )


def _require_methods(text: str) -> None:
    methods = text.split(",")
    offset = 0
    for method in methods:
        if method not in METHODS and method != ANY:
            known = f"{', '.join(METHODS)} or {ANY}"
            message = f"expected a method among {known}, found {clip(method)}"
            close = get_close_matches(method.strip().upper(), [*METHODS, ANY], n=1)
            meant = ANY if method == "*" else next(iter(close), None)
            variant = "misspelt" if meant else ""
            raise RuleSyntaxError(message, offset, variant, code="P109", meant=meant)
        offset += len(method) + 1
    if len(set(methods)) != len(methods) or (ANY in methods and len(methods) > 1):
        raise RuleSyntaxError(f"expected each method once, or {ANY} alone, found {clip(text)}")


def _segments(path: str, offset: int) -> tuple[list[str], dict[str, str]]:
    """The segments of a path that stands at an offset, and the claims that some must equal."""
    if not path.startswith("/"):
        message = f"expected one blank and a path that starts with /, found {clip(path)}"
        raise RuleSyntaxError(message, offset, "no_slash")
    if path.count("/") > MOST_SEGMENTS:
        message = f"expected at most {MOST_SEGMENTS} segments, found {path.count('/')}"
        raise RuleSyntaxError(message, offset, "long")
    offset += 1
    plain = path.removesuffix("/**")
    if plain == "/" != path:
        raise RuleSyntaxError("expected no empty segment", offset, "empty_segment")
    segments: list[str] = []
    equals: dict[str, str] = {}
    for segment in split_path(plain or "/"):
        parameter = _PARAMETER.fullmatch(segment)
        name = f"{{{parameter['name']}}}" if parameter else segment
        if parameter is None:
            _require_literal(segment, offset)
        elif name in segments:
            message = f"expected each parameter name once, found {clip(segment)} again"
            raise RuleSyntaxError(message, offset, "name_again")
        elif parameter["claim"]:
            equals[name] = parameter["claim"]
        segments.append(name)
        offset += len(segment) + 1
    return segments, equals


def _require_literal(segment: str, offset: int) -> None:
    """Refuse a segment that is no literal, and no parameter either."""
    if segment == "":
        message = "expected no empty segment and no slash at the end"
        raise RuleSyntaxError(message, offset, "empty_segment")
    if _LITERAL.fullmatch(segment):
        return
    expected, variant = "a plain segment, {name} or {name=claim}", ""
    if segment.endswith("+}"):
        expected, variant = "/** for the rest of a path", "greedy"
    elif "*" in segment:
        expected, variant = "/** at the end only", "star"
    raise RuleSyntaxError(f"expected {expected}, found {clip(segment)}", offset, variant)
