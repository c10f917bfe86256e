"""What a subject may do on a route: how much, under which conditions, and by which rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import (
    ALWAYS,
    NOTHING,
    AccessCondition,
    Clause,
)
from authorizer.cli.analysis.grants import (
    Analysis,
    Competing,
    Grant,
    Subject,
    request_classes,
)
from authorizer.cli.analysis.routes import EVERY_METHOD, OTHER_METHODS, AskedRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.partition import Partition, RequestClass
    from authorizer.policy.model import Rule

# So many differing paths are shown of a route that the path decides on.
_MOST_EXAMPLES = 4


class Extent(StrEnum):
    """How much a subject may do on a route."""

    ALLOW = "allow"  # all of it
    OWN = "own"  # where a parameter equals a claim of the caller
    PARTLY = "partly"  # it depends on the path, on the method, or is all but an exception
    DENY = "deny"  # nothing, because a deny covers it
    NONE = "none"  # nothing, because nothing grants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A subject's rights on a route.

    Attributes:
        words: what is permitted, or what it depends on, for people.
        depends: whether it depends on the method or the path.
        rules: those that decide, in the file's order.
    """

    extent: Extent
    words: str
    depends: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        """Tells it from others. Rules are dear to compare, and the same objects everywhere."""
        return (self.extent, self.words, *map(id, self.rules))


NO_PERMISSION = Permission(extent=Extent.NONE, words="nothing grants it")


def permissions_of(
    route: AskedRoute,
    partition: Partition,
    analysis: Analysis,
    competing: Competing | None = None,
) -> dict[Subject, Permission]:
    """The permission of each subject that has any rule there; others have ``NO_PERMISSION``."""
    classes = list(request_classes(route, partition, [analysis], competing))
    grants: dict[Subject, dict[int, Grant]] = defaultdict(dict)
    for number, requests in enumerate(classes):
        for subject, grant in analysis.grants(requests).items():
            grants[subject][number] = grant
    return {subject: _permission(route, classes, found) for subject, found in grants.items()}


def extent_of(condition: AccessCondition) -> Extent:
    """How much is granted of one class of requests."""
    if ALWAYS in condition.denies or (condition.is_granted and not condition.allows):
        return Extent.DENY
    if not condition.allows:
        return Extent.NONE
    if ALWAYS not in condition.allows:
        return Extent.OWN
    return Extent.PARTLY if condition.denies else Extent.ALLOW


def _permission(
    route: AskedRoute, classes: Sequence[RequestClass], grants: dict[int, Grant]
) -> Permission:
    alike: dict[tuple[Extent, str], list[RequestClass]] = defaultdict(list)
    for number, requests in enumerate(classes):
        condition = grants[number].condition if number in grants else NOTHING
        alike[_permitted(condition, route)].append(requests)
    extents = {extent for extent, _ in alike}
    rules = {id(rule): rule for grant in grants.values() for rule in _deciding(grant)}
    return Permission(
        # What a deny covers in part only, and nothing grants elsewhere, is not granted.
        extent=extents.pop()
        if len(extents) == 1
        else (Extent.NONE if extents <= {Extent.NONE, Extent.DENY} else Extent.PARTLY),
        words=_in_words(alike, route),
        depends=len(alike) > 1,
        rules=tuple(sorted(rules.values(), key=lambda rule: (rule.line, rule.pattern.text))),
    )


def _permitted(condition: AccessCondition, route: AskedRoute) -> tuple[Extent, str]:
    """What a class of requests is granted, and that in words."""
    extent = extent_of(condition)
    if extent is Extent.NONE:
        return extent, NO_PERMISSION.words
    if extent is Extent.DENY:
        return extent, "denied"
    words = (
        f"only where {_either(condition.allows, route)}" if extent is Extent.OWN else "all of it"
    )
    exceptions = {one for clause in condition.allows for one in condition.exceptions(clause)}
    return extent, f"{words}, unless {_either(exceptions, route)}" if exceptions else words


def _in_words(alike: dict[tuple[Extent, str], list[RequestClass]], route: AskedRoute) -> str:
    """What is permitted, each with the methods, or with a path that stands for all."""
    if len(alike) == 1:
        return next(words for _, words in alike)
    where = _methods if route.tells_path else _example
    parts = [(extent, f"{where(found)}: {words}") for (extent, words), found in alike.items()]
    if route.tells_path:
        parts.sort(key=lambda part: part[0] is Extent.NONE)
        return "; ".join(words for _, words in parts)
    examples = "; ".join(words for _, words in parts[:_MOST_EXAMPLES])
    return f"depends on the path, such as {examples}{'; …' * (len(parts) > _MOST_EXAMPLES)}"


def _either(clauses: Iterable[Clause], route: AskedRoute) -> str:
    named = (
        " and ".join(sorted(f"{_name(term, route)} = {claim}" for term, claim in clause))
        for clause in clauses
    )
    return " or ".join(sorted(set(named)))


def _name(term: int | str, route: AskedRoute) -> str:
    if isinstance(term, str):
        return f"'{term}'"
    name = route.names[term] if term < len(route.names) else None
    return f"{{{name}}}" if name else f"segment {term + 1}"


def _deciding(grant: Grant) -> Iterator[Rule]:
    """The rules that make the outcome: where a deny covers all, no allow does."""
    is_denied = ALWAYS in grant.condition.denies
    for rule in grant.rules:
        if not is_denied or (rule.effect == "deny" and not rule.pattern.conditions):
            yield rule


def _methods(classes: Iterable[RequestClass]) -> str:
    covered = {method for requests in classes for method in requests.methods}
    names = [method for method in EVERY_METHOD if method in covered]
    return ", ".join("other methods" if name == OTHER_METHODS else name for name in names)


def _example(classes: Sequence[RequestClass]) -> str:
    """Of some classes, a path of one that stands for many rather than for one."""
    requests = next((one for one in classes if one.paths.goes_on), classes[0])
    shown = requests.paths.shown
    return (
        shown if requests.methods == requests.route.methods else f"{_methods([requests])} {shown}"
    )
