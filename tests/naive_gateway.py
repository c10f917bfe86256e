"""API Gateway's routing and IAM's evaluation once more, written to be read and not to be fast.

Neither shares code with what makes the documents.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from naive_policy import is_greedy, segments_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def iam_allows(document: Any, arn: str) -> bool:
    """IAM's evaluation: a matching Allow, and no matching Deny."""
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        for resource in _listed(statement["Resource"])
        if statement["Action"] == "execute-api:Invoke" and globs(resource, arn)
    }
    return effects == {"Allow"}


def globs(resource: str, arn: str) -> bool:
    """Whether a resource covers an ARN: ``*`` is any run of characters, ``?`` any one."""
    return _pattern(resource).fullmatch(arn) is not None


def candidates(keys: Collection[str], method: str, path: str) -> set[str]:
    """The routes that may get a request: those that match, but for those that surely lose.

    A route loses to one that is literal wherever it is literal, and somewhere more, or that names
    the method where it takes any; and a greedy one to whatever is more specific from the left.
    Where that does not settle it, who wins depends on the kind of API, and so both may.
    """
    matching = {key for key in keys if _matches(key, method, path)}
    return {key for key in matching if not any(_surely_wins(other, key) for other in matching)}


def parameters_of(key: str, path: str) -> dict[str, str]:
    """What API Gateway extracts, without the greedy part."""
    template = [] if key == "$default" else segments_of(key.partition(" ")[2])
    return {
        segment[1:-1]: value
        for segment, value in zip(template, segments_of(path), strict=False)
        if segment.startswith("{") and not segment.endswith("+}")
    }


@lru_cache(maxsize=10_000)
def _pattern(resource: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wildcards.get(character, re.escape(character)) for character in resource),
        re.DOTALL,
    )


def _listed(resource: str | list[str]) -> list[str]:
    return [resource] if isinstance(resource, str) else resource


def _matches(key: str, method: str, path: str) -> bool:
    if key == "$default":
        return True
    own_method, _, template = key.partition(" ")
    if own_method not in {"ANY", method}:
        return False
    known, values = segments_of(template), path[1:].split("/")
    if path == "/":
        return template == "/"
    if known and known[-1].endswith("+}"):
        return len(values) >= len(known) and _fits(known[:-1], values)
    return len(known) == len(values) and _fits(known, values)


def _fits(known: Sequence[str], values: Sequence[str]) -> bool:
    return all(
        (one.startswith("{") and value != "") or one == value
        for one, value in zip(known, values, strict=False)
    )


def _surely_wins(one: str, other: str) -> bool:
    if other == "$default" or one == "$default":
        return one != "$default"
    method, _, template = one.partition(" ")
    other_method, _, other_template = other.partition(" ")
    known, others = segments_of(template), segments_of(other_template)
    if is_greedy(other):
        others = others[:-1]
        if is_greedy(one):
            known = known[:-1]
        if len(known) < len(others):
            return False
        same_length = len(known) == len(others)
        known = known[: len(others)]
    elif is_greedy(one):
        return False
    else:
        same_length = True
    pairs = list(zip(known, others, strict=True))
    if not all(b.startswith("{") or a == b for a, b in pairs):
        return False
    narrower = any(b.startswith("{") and not a.startswith("{") for a, b in pairs)
    if is_greedy(other):
        return not same_length or narrower or not is_greedy(one) or _narrower_method(one, other)
    return other_method in {method, "ANY"} and (narrower or method != other_method)


def _narrower_method(one: str, other: str) -> bool:
    return other.startswith("ANY ") and not one.startswith("ANY ")
