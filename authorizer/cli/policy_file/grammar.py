"""The grammar of rules: what a text says, or what is wrong with it, and where.

A rule is ``METHOD[,METHOD] /path``, or ``$connect``. A segment of the path is literal, ``{name}``
or ``{name=claim}``; ``/**`` at the end stands for everything below. It is read when the policy is
compiled; ``authorizer.policy.model`` reads what came of it, and does not judge it again.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from authorizer.errors import clip
from authorizer.policy.model import RoutePattern, parse_pattern
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    MOST_SEGMENTS,
    parse_route,
    split_route_key,
)

# What would be a wildcard in an ARN, and what no path contains.
_WILDCARD = re.compile(r"[*?\s\x00-\x1f]")
_METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY)"
# Nothing in a literal could be read in two ways, or would be a wildcard in an ARN.
_LITERAL = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()+,=:@-]+"
_NAME, _CLAIM = r"[A-Za-z0-9._-]+", r"[A-Za-z0-9._:-]+"
_SEGMENT = re.compile(
    rf"/(?P<segment>\{{(?P<name>{_NAME})(?:=(?P<claim>{_CLAIM}))?\}}|{_LITERAL})", re.ASCII
)
_SEGMENTS = rf"(?:/(?:\{{{_NAME}(?:={_CLAIM})?\}}|{_LITERAL}))*"
_RULE = re.compile(rf"{_METHOD}(?:,{_METHOD})* (?=/)(?:/|{_SEGMENTS}(?:/\*\*)?)", re.ASCII)
_RIGHT = rf"[^ ]* {_SEGMENTS}"
# What may be wrong with a text: how one looks that has it, and nothing of what stands above; the
# finding's code and variant; what is expected in place of the first group. The trouble starts where
# the last one does.
_MISTAKES = (
    (
        r"(.*?,( ).*)",
        "P108",
        "blank_in_list",
        "methods separated by commas without blanks, found {}",
    ),
    (r"([^ ]*)", "P108", "no_method", "METHOD /path, found {}"),
    (
        rf"(?:{_METHOD},)*(?!{_METHOD}[, ])([^, ]*)[, ].*",
        "P109",
        "",
        f"a method among {', '.join(METHODS)} or {ANY}, found {{}}",
    ),
    (r"[^ ]* (?!/)(.*)", "P108", "no_slash", "one blank and a path that starts with /, found {}"),
    (rf"{_RIGHT}/([^/]*\+\}})(?:/.*)?", "P108", "greedy", "/** for the rest of a path, found {}"),
    (rf"{_RIGHT}/([^/]*\*[^/]*)(?:/.*)?", "P108", "star", "/** at the end only, found {}"),
    (rf"{_RIGHT}/()(?:/.*)?", "P108", "empty_segment", "no empty segment and no slash at the end"),
    (
        rf"{_RIGHT}/([^/]*)(?:/.*)?",
        "P108",
        "",
        "a plain segment, {{name}} or {{name=claim}}, found {}",
    ),
)


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
        connection = {"methods": [ANY], "path": ["", CONNECT], "tail": False, "equals": {}}
        return {"rule": text, **connection}
    if not _RULE.fullmatch(text):
        raise _mistake(text)
    listed, _, path = text.partition(" ")
    methods = listed.split(",")
    if len(set(methods)) != len(methods) or (ANY in methods and len(methods) > 1):
        raise RuleSyntaxError(f"expected each method once, or {ANY} alone, found {clip(listed)}")
    if path.count("/") > MOST_SEGMENTS:
        message = f"expected at most {MOST_SEGMENTS} segments, found {path.count('/')}"
        raise RuleSyntaxError(message, len(listed) + 1, "long")
    segments: list[str] = []
    equals: dict[str, str] = {}
    for found in _SEGMENT.finditer(text, len(listed)):
        segment = f"{{{found['name']}}}" if found["name"] else found["segment"]
        if found["name"] and segment in segments:
            message = f"expected each parameter name once, found {clip(found['segment'])} again"
            raise RuleSyntaxError(message, found.start("segment"), "name_again")
        if found["claim"]:
            equals[segment] = found["claim"]
        segments.append(segment)
    tail = path.endswith("/**")
    return {"rule": text, "methods": methods, "path": segments, "tail": tail, "equals": equals}


def _mistake(text: str) -> RuleSyntaxError:
    """The first thing that is wrong with a text that does not look like a rule."""
    looks = ((re.fullmatch(row[0], text, re.ASCII | re.DOTALL), row) for row in _MISTAKES)
    found, (_, code, variant, expected) = next((look, row) for look, row in looks if look)
    meant = _meant(found[1]) if code == "P109" else None
    message, offset = f"expected {expected.format(clip(found[1]))}", found.start(found.re.groups)
    return RuleSyntaxError(
        message, offset, variant or "misspelt" * bool(meant), code=code, meant=meant
    )


def _meant(method: str) -> str | None:
    close = get_close_matches(method.strip().upper(), [*METHODS, ANY], n=1)
    return ANY if method == "*" else next(iter(close), None)


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
