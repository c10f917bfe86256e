"""What a subject may do on a route: how much, under which conditions, and by which rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
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
# What is compared, by its name on the route, and the claims that it must equal.
_Comparisons = frozenset[tuple[str, str]]


class Extent(StrEnum):
    """How much a subject may do on a route."""

    ALLOW = "allow"  # all of it
    OWN = "own"  # where a parameter equals a claim of the caller
    PARTLY = "partly"  # it depends on the path, on the method, or is all but an exception
    DENY = "deny"  # nothing, because a deny covers it
    NONE = "none"  # nothing, because nothing grants it


class DependsOn(Enum):
    """What the parts of a permission differ by."""

    NOTHING = auto()
    METHOD = auto()
    PATH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is permitted in some classes of a route's requests alike.

    Attributes:
        only: of which one must hold; none where nothing is compared.
        unless: of which none may hold.
        where: the methods, or a path that stands for all.
    """

    extent: Extent
    only: frozenset[_Comparisons] = frozenset()
    unless: frozenset[_Comparisons] = frozenset()
    where: str = ""

    @property
    def words(self) -> str:
        """What is permitted, for people."""
        if self.extent is Extent.NONE:
            return "nothing grants it"
        if self.extent is Extent.DENY:
            return "denied"
        words = f"only where {_either(self.only)}" if self.only else "all of it"
        return f"{words}, unless {_either(self.unless)}" if self.unless else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A subject's rights on a route.

    Attributes:
        parts: as many as are told apart; of paths, the first few.
        has_more_parts: whether there are more.
        rules: those that decide, in the file's order.
        origin: where it is from, in words, if not from rules.
    """

    extent: Extent
    parts: tuple[Part, ...] = ()
    depends_on: DependsOn = DependsOn.NOTHING
    has_more_parts: bool = False
    rules: tuple[Rule, ...] = ()
    origin: str = ""

    @property
    def identity(self) -> tuple[object, ...]:
        """Tells it from others. Rules are dear to compare, and the same objects everywhere."""
        parts = (self.depends_on, self.parts, self.has_more_parts)
        return (self.extent, parts, self.origin, *map(id, self.rules))

    @property
    def words(self) -> str:
        """What it depends on, for people."""
        if self.depends_on is DependsOn.NOTHING:
            return self.origin or self.parts[0].words
        parts = "; ".join(f"{part.where}: {part.words}" for part in self.parts)
        if self.depends_on is DependsOn.METHOD:
            return parts
        return f"depends on the path, such as {parts}{'; …' if self.has_more_parts else ''}"


NO_PERMISSION = Permission(extent=Extent.NONE, parts=(Part(extent=Extent.NONE),))


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
    alike: dict[Part, list[RequestClass]] = defaultdict(list)
    for number, requests in enumerate(classes):
        condition = grants[number].condition if number in grants else NOTHING
        alike[_part(condition, route)].append(requests)
    extents = {part.extent for part in alike}
    rules = {id(rule): rule for grant in grants.values() for rule in _deciding(grant)}
    decided = Permission(
        # What a deny covers in part only, and nothing grants elsewhere, is not granted.
        extent=extents.pop()
        if len(extents) == 1
        else (Extent.NONE if extents <= {Extent.NONE, Extent.DENY} else Extent.PARTLY),
        parts=tuple(alike),
        rules=tuple(sorted(rules.values(), key=lambda rule: (rule.line, rule.pattern.text))),
    )
    if len(alike) == 1:
        return decided
    if route.tells_path:
        parts = [replace(part, where=_methods(found)) for part, found in alike.items()]
        parts.sort(key=lambda part: part.extent is Extent.NONE)
        return replace(decided, parts=tuple(parts), depends_on=DependsOn.METHOD)
    parts = [replace(part, where=_example(found)) for part, found in alike.items()]
    return replace(
        decided,
        parts=tuple(parts[:_MOST_EXAMPLES]),
        depends_on=DependsOn.PATH,
        has_more_parts=len(parts) > _MOST_EXAMPLES,
    )


def _part(condition: AccessCondition, route: AskedRoute) -> Part:
    extent = extent_of(condition)
    if extent in {Extent.DENY, Extent.NONE}:
        return Part(extent=extent)
    only = condition.allows if extent is Extent.OWN else ()
    exceptions = (one for clause in condition.allows for one in condition.exceptions(clause))
    return Part(extent=extent, only=_named(only, route), unless=_named(exceptions, route))


def _named(clauses: Iterable[Clause], route: AskedRoute) -> frozenset[_Comparisons]:
    return frozenset(
        frozenset((_name(term, route), claim) for term, claim in clause) for clause in clauses
    )


def _name(term: int | str, route: AskedRoute) -> str:
    if isinstance(term, str):
        return f"'{term}'"
    name = route.names[term] if term < len(route.names) else None
    return f"{{{name}}}" if name else f"segment {term + 1}"


def _either(clauses: Iterable[_Comparisons]) -> str:
    return " or ".join(
        sorted(" and ".join(sorted(f"{name} = {claim}" for name, claim in one)) for one in clauses)
    )


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
