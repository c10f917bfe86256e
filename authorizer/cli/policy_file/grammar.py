"""The grammar of rules: what a text says, or what is wrong with it, and where.

A rule is ``METHOD[,METHOD] /path``, or ``$connect``. A segment of the path is literal, ``{name}``
or ``{name=claim}``; ``/**`` at the end stands for everything below. It is read when the policy is
compiled; ``authorizer.policy.compiled`` reads what came of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from authorizer.errors import clip
from authorizer.policy.compiled import parse_pattern
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    CONNECT_PATH,
    LITERAL,
    METHODS,
    MOST_SEGMENTS,
    split_path,
)

if TYPE_CHECKING:
    from authorizer.policy.model import RoutePattern

_LITERAL = re.compile(LITERAL)
_PARAMETER = re.compile(r"\{(?P<name>[A-Za-z0-9._-]+)(?:=(?P<claim>[A-Za-z0-9._:-]+))?\}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxProblem:
    """The first thing that is wrong with a rule.

    Attributes:
        message: what was expected, and what was found.
        offset: where in the text the trouble starts, counted from 0.
        code: of the finding that ``authorizer check`` makes of it.
        variant: of that finding, which tells what to do.
        meant: the method that was probably meant by one that there is not.
    """

    message: str
    offset: int = 0
    code: str = "P108"
    variant: str = ""
    meant: str | None = None


class RuleSyntaxError(ValueError):
    """A text is no rule.

    Attributes:
        problem: why not.
    """

    def __init__(self, problem: SyntaxProblem) -> None:
        self.problem = problem
        super().__init__(problem.message)


# A rule is read when the file is, and again whenever it is compiled.
@lru_cache(maxsize=16_384)
def parse_rule(text: str) -> dict[str, Any]:
    """Read a rule such as ``GET,PATCH /users/{user=sub}`` or ``ANY /admin/**``.

    Returns:
        What the compiled policy has of it, but for its line: ``methods``; the segments of its
        ``path``, with ``{name}`` for a parameter; whether everything below follows (``tail``); and
        which claims parameters must equal: ``{"{user}": "sub"}``. Not to be changed.

    Raises:
        RuleSyntaxError: for anything else.
    """
    if text == CONNECT:
        return {"methods": [ANY], "path": [*CONNECT_PATH], "tail": False, "equals": {}}
    problem = syntax_problem(text)
    if problem is not None:
        raise RuleSyntaxError(problem)
    methods, _, path = text.partition(" ")
    segments, equals = [], {}
    for segment in split_path(path.removesuffix("/**") or "/"):
        parameter = _PARAMETER.fullmatch(segment)
        segments.append(f"{{{parameter['name']}}}" if parameter else segment)
        if parameter and parameter["claim"]:
            equals[segments[-1]] = parameter["claim"]
    return {
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


def syntax_problem(text: str) -> SyntaxProblem | None:
    """The first thing that is wrong with a rule's text; nothing where it is one.

    ``$connect``, which stands for itself, is not for here.
    """
    if ", " in text:
        message = f"expected methods separated by commas without blanks, found {clip(text)}"
        return SyntaxProblem(message=message, offset=text.index(", ") + 1, variant="blank_in_list")
    methods, blank, path = text.partition(" ")
    if not blank:
        message = f"expected METHOD /path, found {clip(text)}"
        return SyntaxProblem(message=message, variant="no_method")
    return _methods_problem(methods) or _path_problem(path, len(methods) + 1)


def _methods_problem(text: str) -> SyntaxProblem | None:
    methods = text.split(",")
    offset = 0
    for method in methods:
        if method not in METHODS and method != ANY:
            known = f"{', '.join(METHODS)} or {ANY}"
            message = f"expected a method among {known}, found {clip(method)}"
            meant = _method_meant(method)
            variant = "misspelt" if meant else ""
            return SyntaxProblem(
                message=message, offset=offset, code="P109", variant=variant, meant=meant
            )
        offset += len(method) + 1
    if len(set(methods)) != len(methods) or (ANY in methods and len(methods) > 1):
        message = f"expected each method once, or {ANY} alone, found {clip(text)}"
        return SyntaxProblem(message=message)
    return None


def _method_meant(text: str) -> str | None:
    if text == "*":
        return ANY
    close = get_close_matches(text.strip().upper(), [*METHODS, ANY], n=1)
    return close[0] if close else None


def _path_problem(path: str, offset: int) -> SyntaxProblem | None:
    if not path.startswith("/"):
        message = f"expected one blank and a path that starts with /, found {clip(path)}"
        return SyntaxProblem(message=message, offset=offset, variant="no_slash")
    if path.count("/") > MOST_SEGMENTS:
        message = f"expected at most {MOST_SEGMENTS} segments, found {path.count('/')}"
        return SyntaxProblem(message=message, offset=offset, variant="long")
    offset += 1
    plain = path.removesuffix("/**")
    if plain == "/" != path:
        message = "expected no empty segment"
        return SyntaxProblem(message=message, offset=offset, variant="empty_segment")
    names: set[str] = set()
    for segment in split_path(plain) if plain else ():
        parameter = _PARAMETER.fullmatch(segment)
        name = parameter["name"] if parameter else ""
        if name in names:
            message = f"expected each parameter name once, found {clip(segment)} again"
            return SyntaxProblem(message=message, offset=offset, variant="name_again")
        if not name and (problem := _literal_problem(segment, offset)):
            return problem
        if name:
            names.add(name)
        offset += len(segment) + 1
    return None


def _literal_problem(segment: str, offset: int) -> SyntaxProblem | None:
    """What is wrong with a segment that is no parameter; nothing where it is a literal."""
    if segment.endswith("+}"):
        expected, variant = "/** for the rest of a path", "greedy"
    elif "*" in segment:
        expected, variant = "/** at the end only", "star"
    elif segment == "":
        message = "expected no empty segment and no slash at the end"
        return SyntaxProblem(message=message, offset=offset, variant="empty_segment")
    elif not _LITERAL.fullmatch(segment):
        expected, variant = "a plain segment, {name} or {name=claim}", ""
    else:
        return None
    message = f"expected {expected}, found {clip(segment)}"
    return SyntaxProblem(message=message, offset=offset, variant=variant)
