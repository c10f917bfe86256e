"""What is wrong with a rule that the policy's format does not have, and where in its text.

``authorizer.policy.paths.parse_pattern`` decides what a rule is. Here is only said why a text is
none; a property holds the two together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from authorizer.errors import clip
from authorizer.policy.paths import ANY, METHODS, MOST_SEGMENTS, split_path

_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@-]+", re.ASCII)
_PARAMETER = re.compile(r"\{(?P<name>[A-Za-z0-9._-]+)(?:=(?P<claim>[A-Za-z0-9._:-]+))?\}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxProblem:
    """The first thing that is wrong with a rule.

    Attributes:
        message: what was expected, and what was found.
        offset: where in the text the trouble starts, counted from 0.
        is_unknown_method: whether it is a method that API Gateway does not have.
    """

    message: str
    offset: int = 0
    is_unknown_method: bool = False


def syntax_problem(text: str) -> SyntaxProblem | None:
    """The first thing that is wrong with a rule's text; nothing where it is one.

    ``$connect``, which stands for itself, is not for here.
    """
    if ", " in text:
        message = f"expected methods separated by commas without blanks, found {clip(text)}"
        return SyntaxProblem(message=message, offset=text.index(", ") + 1)
    methods, blank, path = text.partition(" ")
    if not blank:
        return SyntaxProblem(message=f"expected METHOD /path, found {clip(text)}")
    return _methods_problem(methods) or _path_problem(path, len(methods) + 1)


def _methods_problem(text: str) -> SyntaxProblem | None:
    methods = text.split(",")
    offset = 0
    for method in methods:
        if method not in METHODS and method != ANY:
            known = f"{', '.join(METHODS)} or {ANY}"
            message = f"expected a method among {known}, found {clip(method)}"
            return SyntaxProblem(message=message, offset=offset, is_unknown_method=True)
        offset += len(method) + 1
    if len(set(methods)) != len(methods) or (ANY in methods and len(methods) > 1):
        message = f"expected each method once, or {ANY} alone, found {clip(text)}"
        return SyntaxProblem(message=message)
    return None


def _path_problem(path: str, offset: int) -> SyntaxProblem | None:
    if not path.startswith("/"):
        message = f"expected one blank and a path that starts with /, found {clip(path)}"
        return SyntaxProblem(message=message, offset=offset)
    if path.count("/") > MOST_SEGMENTS:
        message = f"expected at most {MOST_SEGMENTS} segments, found {path.count('/')}"
        return SyntaxProblem(message=message, offset=offset)
    offset += 1
    plain = path.removesuffix("/**")
    if plain == "/" != path:
        return SyntaxProblem(message="expected no empty segment", offset=offset)
    names: set[str] = set()
    for segment in split_path(plain) if plain else ():
        parameter = _PARAMETER.fullmatch(segment)
        name = parameter["name"] if parameter else ""
        if name in names:
            message = f"expected each parameter name once, found {clip(segment)} again"
            return SyntaxProblem(message=message, offset=offset)
        if not name and (message := _literal_problem(segment)):
            return SyntaxProblem(message=message, offset=offset)
        if name:
            names.add(name)
        offset += len(segment) + 1
    return None


def _literal_problem(segment: str) -> str:
    """What is wrong with a segment that is no parameter; nothing where it is a literal."""
    if segment.endswith("+}"):
        return f"expected /** for the rest of a path, found {clip(segment)}"
    if "*" in segment:
        return f"expected /** at the end only, found {clip(segment)}"
    if segment == "":
        return "expected no empty segment and no slash at the end"
    if segment in {".", ".."} or not _LITERAL.fullmatch(segment):
        return f"expected a plain segment, {{name}} or {{name=claim}}, found {clip(segment)}"
    return ""
