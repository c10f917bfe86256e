"""Two policies compared by what they say, and not by how they say it.

*Alone*, a subject gains a route if some request to it is allowed to it by the new policy and was
not by the old one, and loses it the other way around. Both may be true of one route.

That is not all, for a caller may be in several groups, and a deny of one takes away what another
grants. A deny that goes, or covers less, is *lifted*: whoever is in its group and in one that
grants the route gains it. These two are complete. Say a caller gains a request, and k is the group
of theirs whose allow grants it now. If no group of theirs granted it before, then k alone gains.
Otherwise a deny of some group g of theirs covered it, and covers it no more: g's deny was lifted,
for callers in g and k. What is lost is the same with old and new exchanged: a deny is *imposed*.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import NOTHING, AccessCondition, lifts
from authorizer.cli.analysis.grants import (
    Analysis,
    Competing,
    Grant,
    Subject,
    SubjectKind,
    competing_routes,
    request_classes,
)
from authorizer.cli.analysis.partition import Partition
from authorizer.cli.analysis.permissions import NO_PERMISSION, Permission, permissions_of
from authorizer.cli.analysis.routes import AskedRoute, RouteKind, asked_routes, routes_of_rules

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.analysis.partition import RequestClass
    from authorizer.cli.analysis.source import Source
    from authorizer.policy.model import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different for one subject alone, on one route.

    Attributes:
        gains: whether some request is allowed that was not.
        loses: whether some request was allowed that is not.
    """

    subject: Subject
    row: AskedRoute
    gains: bool
    loses: bool
    before: Permission
    after: Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyChange:
    """A deny that went or came, on one route, for callers who have another group besides.

    Attributes:
        group: the one whose deny it is.
        others: the groups that grant the route, of which one makes the difference.
        rules: the denies: of the old policy if lifted, of the new one if imposed.
    """

    group: Subject
    row: AskedRoute
    others: tuple[Subject, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All differences.

    Attributes:
        added: groups and scopes that the old policy did not name.
        removed: those that the new one does not.
        rows: the routes that were compared.
        elsewhere: routes that are not among them, and of which the policies say different things.
    """

    old: Source
    new: Source
    changes: tuple[Change, ...] = ()
    lifted: tuple[DenyChange, ...] = ()
    imposed: tuple[DenyChange, ...] = ()
    added: tuple[Subject, ...] = ()
    removed: tuple[Subject, ...] = ()
    rows: tuple[AskedRoute, ...] = ()
    elsewhere: tuple[AskedRoute, ...] = ()

    @property
    def gains(self) -> tuple[Change, ...]:
        """The changes by which someone may more."""
        return tuple(change for change in self.changes if change.gains)

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes by which someone may less."""
        return tuple(change for change in self.changes if change.loses)

    @property
    def widens(self) -> bool:
        """Whether any caller, of one group or of several, may do what they could not."""
        return bool(self.gains or self.lifted)

    @property
    def is_empty(self) -> bool:
        """Whether every caller may do exactly what they could before."""
        return not (self.changes or self.lifted or self.imposed)


def compare(
    old: Source,
    new: Source,
    routes: Sequence[str] | None = None,
    unnamed: Container[str] = (),
) -> Diff:
    """Compare two policies.

    Args:
        old: before.
        new: after.
        routes: the keys of the API's routes; without them, those that either policy names.
        unnamed: those whose authorizer is given the concrete path alone.
    """
    sides = _Sides(Analysis.of(old, routes), Analysis.of(new, routes))
    rows = _rows(old, new) if routes is None else asked_routes(routes, unnamed)
    competing = None if routes is None else competing_routes(rows)
    found = [_on_row(row, sides, competing) for row in rows if row.methods]
    before, after = sides.old.subjects, sides.new.subjects
    return Diff(
        old=old,
        new=new,
        changes=tuple(change for one in found for change in one.changes),
        lifted=tuple(change for one in found for change in one.lifted),
        imposed=tuple(change for one in found for change in one.imposed),
        added=tuple(subject for subject in after if subject not in set(before)),
        removed=tuple(subject for subject in before if subject not in set(after)),
        rows=rows,
        elsewhere=() if routes is None else tuple(_elsewhere(compare(old, new), rows)),
    )


def _elsewhere(named: Diff, rows: Sequence[AskedRoute]) -> Iterator[AskedRoute]:
    """The routes with changes that rules name, and an API does not have."""
    changed = {one.row for one in named.changes}
    changed |= {one.row for one in (*named.lifted, *named.imposed)}
    for row in named.rows:
        if (
            row in changed
            and row.kind is RouteKind.EXACT
            and not any(_meets(row, one) for one in rows)
        ):
            yield row


def _meets(row: AskedRoute, route: AskedRoute) -> bool:
    """Whether requests to a row may get to a route of the API."""
    here = row.path[: len(route.path)] if route.is_open_ended else row.path
    return here == route.path and not set(row.methods).isdisjoint(route.methods)


class _Sides:
    """Both policies on common ground."""

    def __init__(self, old: Analysis, new: Analysis) -> None:
        self.old = old
        self.new = new
        self.ground = Partition(old.paths | new.paths)
        self.subjects = tuple(dict.fromkeys((*old.subjects, *new.subjects)))
        self._same_groups = old.policy.groups == new.policy.groups

    def are_alike_in(self, region: RequestClass) -> bool:
        """Whether they have the same rules there, for the same groups: the usual case."""
        if not self._same_groups:
            return False
        old, new = (
            [
                (rule.effect, rule.subject, rule.pattern)
                for rule in (
                    *side.rules_at(region.route, region.paths, region.methods[0]),
                    *side.public_at(region.route, region.methods[0]),
                )
            ]
            for side in (self.old, self.new)
        )
        return old == new


@dataclass(slots=True)
class _OnRow:
    changes: list[Change] = field(default_factory=list)
    lifted: list[DenyChange] = field(default_factory=list)
    imposed: list[DenyChange] = field(default_factory=list)


def _rows(old: Source, new: Source) -> tuple[AskedRoute, ...]:
    rules = (*new.policy.rules, *new.public, *old.policy.rules, *old.public)
    return routes_of_rules(rule.pattern for rule in rules)


def _on_row(row: AskedRoute, sides: _Sides, competing: Competing | None) -> _OnRow:
    gaining: set[Subject] = set()
    losing: set[Subject] = set()
    lifted, imposed = _Denies(), _Denies()
    for region in request_classes(row, sides.ground, (sides.old, sides.new), competing):
        if sides.are_alike_in(region):
            continue
        before, after = sides.old.grants(region), sides.new.grants(region)
        for subject in {**before, **after}:
            was, becomes = _form(before, subject), _form(after, subject)
            if was != becomes:
                gaining |= {subject} if becomes.widens(was) else set()
                losing |= {subject} if was.widens(becomes) else set()
        lifted.add(before, after)
        imposed.add(after, before)
    return _OnRow(
        changes=list(_changes(row, sides, competing, gaining, losing)),
        lifted=lifted.of(row, sides.subjects),
        imposed=imposed.of(row, sides.subjects),
    )


def _changes(
    row: AskedRoute,
    sides: _Sides,
    competing: Competing | None,
    gaining: set[Subject],
    losing: set[Subject],
) -> Iterator[Change]:
    if not gaining and not losing:
        return
    before = permissions_of(row, sides.ground, sides.old, competing)
    after = permissions_of(row, sides.ground, sides.new, competing)
    for subject in sides.subjects:
        if subject in gaining or subject in losing:
            yield Change(
                subject=subject,
                row=row,
                gains=subject in gaining,
                loses=subject in losing,
                before=before.get(subject, NO_PERMISSION),
                after=after.get(subject, NO_PERMISSION),
            )


class _Denies:
    """Gathers the denies of a route that went, region by region."""

    def __init__(self) -> None:
        self._others: dict[Subject, set[Subject]] = defaultdict(set)
        self._rules: dict[Subject, dict[int, Rule]] = defaultdict(dict)

    def add(self, old: Mapping[Subject, Grant], new: Mapping[Subject, Grant]) -> None:
        """Note what is lifted in a region, from the old policy to the new one."""
        granting = [
            (subject, said.condition)
            for subject, said in new.items()
            if subject.kind is SubjectKind.GROUP and said.condition.allows
        ]
        for group, said in old.items():
            now = _form(new, group)
            if said.condition.denies == now.denies:
                continue
            others = [other for other, form in granting if _gains_with(said.condition, now, form)]
            if others:
                self._others[group].update(others)
                denies = (rule for rule in said.rules if rule.effect == "deny")
                self._rules[group].update((id(rule), rule) for rule in denies)

    def of(self, row: AskedRoute, order: Iterable[Subject]) -> list[DenyChange]:
        """What was gathered, in the file's order."""
        known = tuple(order)
        return [
            DenyChange(
                group=group,
                row=row,
                others=tuple(other for other in known if other in self._others[group]),
                rules=tuple(self._rules[group].values()),
            )
            for group in known
            if group in self._others
        ]


def _gains_with(was: AccessCondition, becomes: AccessCondition, granted: AccessCondition) -> bool:
    """Whether callers of two groups gain by the first one's denies, and not by its grants alone."""
    return granted.widens(becomes) and lifts(was, becomes, granted)


def _form(said: Mapping[Subject, Grant], subject: Subject) -> AccessCondition:
    return said[subject].condition if subject in said else NOTHING
