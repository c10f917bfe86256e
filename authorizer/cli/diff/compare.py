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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import NOTHING, AccessCondition, lifts
from authorizer.cli.analysis.partition import Competing, Partition, RequestClass, competing_routes
from authorizer.cli.analysis.permissions import (
    NO_PERMISSION,
    Analysis,
    Grant,
    Permission,
    Subject,
    SubjectKind,
    permissions_of,
    request_classes,
)
from authorizer.cli.analysis.routes import (
    AskedRoute,
    RouteKind,
    asked_routes,
    routes_of_rules,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.policy.model import Rule

# What each subject is granted in a class of requests by one policy, and by another one.
_Pair = tuple["Mapping[Subject, Grant]", "Mapping[Subject, Grant]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different for one subject alone, on one route.

    Attributes:
        gains: whether some request is allowed that was not.
        loses: whether some request was allowed that is not.
    """

    subject: Subject
    route: AskedRoute
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
    route: AskedRoute
    others: tuple[Subject, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All differences.

    Attributes:
        added: groups and scopes that the old policy did not name.
        removed: those that the new one does not.
        routes: the routes that were compared.
        elsewhere: routes that are not among them, and of which the policies say different things.
    """

    old: NamedPolicy
    new: NamedPolicy
    changes: tuple[Change, ...] = ()
    lifted: tuple[DenyChange, ...] = ()
    imposed: tuple[DenyChange, ...] = ()
    added: tuple[Subject, ...] = ()
    removed: tuple[Subject, ...] = ()
    routes: tuple[AskedRoute, ...] = ()
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
    old: NamedPolicy,
    new: NamedPolicy,
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
    if routes is None:
        rules = [rule for one in (new, old) for rule in (*one.policy.rules, *one.source.public)]
        asked, competing = routes_of_rules(rule.pattern for rule in rules), None
    else:
        asked = asked_routes(routes, unnamed)
        competing = competing_routes(asked)
    both = _Both(Analysis.of(old, routes), Analysis.of(new, routes), competing)
    found = [both.differences(route) for route in asked if route.methods]
    return Diff(
        old=old,
        new=new,
        changes=tuple(change for changes, _, _ in found for change in changes),
        lifted=tuple(change for _, lifted, _ in found for change in lifted),
        imposed=tuple(change for _, _, imposed in found for change in imposed),
        added=tuple(one for one in both.new.subjects if one not in both.old.subjects),
        removed=tuple(one for one in both.old.subjects if one not in both.new.subjects),
        routes=asked,
        elsewhere=() if routes is None else tuple(_elsewhere(compare(old, new), asked)),
    )


def _elsewhere(named: Diff, routes: Sequence[AskedRoute]) -> Iterator[AskedRoute]:
    """The routes with changes that rules name, and an API does not have."""
    changed = {one.route for one in (*named.lifted, *named.imposed)}
    changed |= {one.route for one in named.changes}
    for route in named.routes:
        is_exact = route in changed and route.kind is RouteKind.EXACT
        if is_exact and not any(_may_get_to(route, other) for other in routes):
            yield route


def _may_get_to(route: AskedRoute, other: AskedRoute) -> bool:
    """Whether requests for a route that rules name may come by one of the API."""
    here = route.path[: len(other.path)] if other.is_open_ended else route.path
    return here == other.path and not set(route.methods).isdisjoint(other.methods)


class _Both:
    """Both policies, with what either of them tells apart."""

    def __init__(self, old: Analysis, new: Analysis, competing: Competing | None) -> None:
        self.old = old
        self.new = new
        self.subjects = tuple(dict.fromkeys((*old.subjects, *new.subjects)))
        self._partition = Partition(old.policy.tree, new.policy.tree)
        self._competing = competing

    def differences(
        self, route: AskedRoute
    ) -> tuple[list[Change], list[DenyChange], list[DenyChange]]:
        """What changes on a route: for subjects alone, by denies that went, and that came."""
        policies = (self.old, self.new)
        pairs = [
            (self.old.grants(requests), self.new.grants(requests))
            for requests in request_classes(route, self._partition, policies, self._competing)
            if not self._are_alike(requests)
        ]
        backwards = [(after, before) for before, after in pairs]
        return (
            list(self._changes(route, _gaining(pairs), _gaining(backwards))),
            list(_lifted(route, pairs, self.subjects)),
            list(_lifted(route, backwards, self.subjects)),
        )

    def _are_alike(self, requests: RequestClass) -> bool:
        """Whether both have the same rules there, for the same groups: the usual case."""
        route, paths, method = requests.route, requests.paths, requests.methods[0]
        old, new = (
            [
                (rule.effect, rule.subject, rule.pattern)
                for rule in (*one.rules_at(route, paths, method), *one.public.at(route, method))
            ]
            for one in (self.old, self.new)
        )
        return old == new and self.old.policy.groups == self.new.policy.groups

    def _changes(
        self, route: AskedRoute, gaining: set[Subject], losing: set[Subject]
    ) -> Iterator[Change]:
        """What changes on a route for those who gain or lose there."""
        if not gaining and not losing:
            return
        before, after = (
            permissions_of(route, self._partition, policy, self._competing)
            for policy in (self.old, self.new)
        )
        for subject in self.subjects:
            if subject in gaining or subject in losing:
                yield Change(
                    subject=subject,
                    route=route,
                    gains=subject in gaining,
                    loses=subject in losing,
                    before=before.get(subject, NO_PERMISSION),
                    after=after.get(subject, NO_PERMISSION),
                )


def _gaining(pairs: Iterable[_Pair]) -> set[Subject]:
    """Who is granted something by the second of two policies, and was not by the first."""
    return {
        subject
        for old, new in pairs
        for subject, grant in new.items()
        if grant.condition.widens(_condition(old, subject))
    }


def _lifted(
    route: AskedRoute, pairs: Iterable[_Pair], subjects: Iterable[Subject]
) -> Iterator[DenyChange]:
    """The denies of a route that went, from the first of two policies to the second."""
    others: dict[Subject, set[Subject]] = defaultdict(set)
    rules: dict[Subject, dict[int, Rule]] = defaultdict(dict)
    for old, new in pairs:
        for group, grant in old.items():
            gaining = _gaining_with(group, grant.condition, new)
            if gaining:
                others[group] |= gaining
                denies = (rule for rule in grant.rules if rule.effect == "deny")
                rules[group].update((id(rule), rule) for rule in denies)
    for group in (subject for subject in subjects if subject in others):
        yield DenyChange(
            group=group,
            route=route,
            others=tuple(subject for subject in subjects if subject in others[group]),
            rules=tuple(rules[group].values()),
        )


def _gaining_with(
    group: Subject, was: AccessCondition, new: Mapping[Subject, Grant]
) -> set[Subject]:
    """The groups whose callers gain by the denies of another, and not by its grants alone."""
    becomes = _condition(new, group)
    granted = {
        subject: grant.condition
        for subject, grant in new.items()
        if subject.kind is SubjectKind.GROUP
    }
    return {
        subject
        for subject, condition in granted.items()
        if lifts(was, becomes, condition) and condition.widens(becomes)
    }


def _condition(grants: Mapping[Subject, Grant], subject: Subject) -> AccessCondition:
    return grants[subject].condition if subject in grants else NOTHING
