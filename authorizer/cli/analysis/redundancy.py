"""What removing a rule would change: of a redundant one, nothing.

A rule is redundant if without it every subject is granted the same in every class of requests. Two
kinds of classes tell. At the rule's own route stand the rules that are looked at: whatever of them
makes it idle there does so in all classes below, and for everybody who has the rule. And where API
Gateway tells no route, a rule makes its path known: without it, the path may be taken for one of a
``{parameter}``'s.

Exact: without all that other rules repeat or cover, together, every caller is granted the same.
Therefore a rule that is redundant covers no other one any more. One that is never asked, or denied
anyway, may still make its path known.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import ALWAYS, clause_of, implies
from authorizer.cli.analysis.partition import PathClass, widest_classes
from authorizer.cli.analysis.permissions import Analysis
from authorizer.cli.analysis.routes import AskedRoute, PathPattern, RouteKind, overlapping
from authorizer.cli.policy_file.source import PUBLIC, SourceRule
from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.policy.model import RoutePattern, Rule
    from authorizer.policy.route_tree import Place


# To look at so many takes a second. Ten thousand rules of a usual kind have fewer to look at.
_MOST_PLACES = 100_000


class Why(Enum):
    """How a rule is redundant."""

    NEVER_ASKED = auto()  # its routes are public
    DENIED = auto()  # a grant that denies take away
    REPEATED = auto()  # the same rule once more
    COVERED = auto()  # other rules grant, or deny, the same and more


@dataclass(frozen=True, slots=True, kw_only=True)
class Redundancy:
    """A rule that changes nothing, and the rules because of which that is so."""

    rule: SourceRule
    why: Why
    covering: tuple[Rule, ...]


def redundancies(named: NamedPolicy) -> Iterator[Redundancy]:
    """The redundant ones of a policy's rules, its public routes among them as grants to all."""
    rules = [*named.source.rules, *named.source.public]
    region = _Region(Analysis.of(named), rules)
    cells = [(rule, region.beside(rule, rule.subject)) for rule in rules]
    idle = [found for rule, beside in cells for found in _idle(region, rule, beside)]
    yield from idle
    region.left_out.update(id(found.rule) for found in idle)
    for rule, beside in sorted(cells, key=lambda cell: _narrowness(cell[0])):
        if id(rule) in region.left_out:
            continue
        covering = _covering(rule, [other for other in beside if id(other) not in region.left_out])
        if covering and not region.tells_apart(rule):
            region.leave_out(rule)
            is_same = [_meaning(rule)] == [_meaning(other) for other in covering]
            why = Why.REPEATED if is_same else Why.COVERED
            yield Redundancy(rule=rule, why=why, covering=covering)


def _idle(region: _Region, rule: SourceRule, beside: Iterable[Rule]) -> Iterator[Redundancy]:
    """Why a rule of a group or scope never decides: it is never asked, or denied anyway."""
    if rule.subject == PUBLIC:
        return
    if covering := _covering(rule, region.beside(rule, PUBLIC)):
        yield Redundancy(rule=rule, why=Why.NEVER_ASKED, covering=covering)
    elif rule.effect == "allow":
        denies = [other for other in beside if other.effect == "deny"]
        if covering := _covering(rule, denies):
            yield Redundancy(rule=rule, why=Why.DENIED, covering=covering)


class _Region:
    """The classes of requests in which rules meet, without the rules that are left out."""

    def __init__(self, analysis: Analysis, rules: Iterable[Rule]) -> None:
        self.left_out: set[int] = set()
        self._analysis = analysis
        self._tree = analysis.policy.tree
        # How many lines make a place known. A public line for all below one does not.
        self._known = Counter(place for rule in rules if (place := self._place(rule)))
        self._longest = max((len(place.path) for place in self._known), default=0) + 1
        self._left = _MOST_PLACES

    def leave_out(self, rule: Rule) -> None:
        """Have the policy not contain a rule."""
        self.left_out.add(id(rule))
        if place := self._place(rule):
            self._known[place] -= 1

    def _place(self, rule: Rule) -> Place | None:
        pattern = rule.pattern
        if rule.subject == PUBLIC and pattern.tail:
            return None
        return self._tree.place(pattern.path, is_tail=pattern.tail)

    def beside(self, rule: Rule, subject: str) -> list[Rule]:
        """Other rules that hold wherever a rule does, at its own route: the nearest path first.

        A deny is beside a grant, too: with GET denied and PUT granted elsewhere, GET,PUT does
        nothing.

        Args:
            rule: the rule.
            subject: whose rules to take, with those of what it includes.
        """
        route, paths = _own_class(rule.pattern.path, rule.pattern.tail)
        effects = {rule.effect, "deny"} if subject != PUBLIC else {"allow"}
        is_machine = subject.startswith("scope:")
        clause = clause_of(rule, paths.terms, is_machine=is_machine)
        if clause is None:
            return []  # no caller has such claims
        found = []
        for other in self._analysis.rules_for(subject, route, paths):
            if other is not rule and other.effect in effects:
                target = clause_of(other, paths.terms, is_machine=is_machine)
                if target is not None and implies(clause, ALWAYS, target):
                    found.append(other)
        return sorted(found, key=_distance)

    def tells_apart(self, rule: Rule) -> bool:
        """Whether this rule alone keeps a path from being taken for one of a parameter's.

        Where API Gateway tells no route, a grant of ``/{lang}/help`` would be one of
        ``/admin/help`` if nothing named that, though ``/**`` grants it.
        """
        own = self._place(rule)
        if own is None or self._known[own] > 1:
            return False
        for other in overlapping(self._tree, _paths_of(own)):
            if self._left <= 0:
                return True  # what takes too long to prove is not said
            is_rival = _may_take_over(other, own) and self._is_granting(other)
            if is_rival and any(map(self._is_granting, self._gained(own, other))):
                return True
        return False

    def _gained(self, own: Place, other: Place) -> set[Place]:
        """Where allows stand that count only without one place, for the paths of it and another."""
        *_, paths = widest_classes(_paths_of(own), _paths_of(other), self._longest)
        places = tuple(one for one in self._tree.matching(paths.example) if self._known[one])
        self._left -= len(places)
        without = tuple(one for one in places if one is not own)
        before, after = (
            self._analysis.policy.deciding_places("", None, some, len(paths.terms))[0]
            for some in (places, without)
        )
        return {*after} - {*before}

    def _is_granting(self, place: Place) -> bool:
        rules = self._analysis.rules_of.get((place, "allow"), ())
        return any(id(rule) not in self.left_out for rule in rules)


@lru_cache(maxsize=4096)
def _own_class(path: tuple[str, ...], is_tail: bool) -> tuple[AskedRoute, PathClass]:  # noqa: FBT001
    """The route of a rule, and the class of its paths."""
    kind = RouteKind.BELOW if is_tail else RouteKind.EXACT
    route = AskedRoute(key="", kind=kind, path=path, names=(), methods=())
    return route, PathClass(terms=tuple(range(len(path))))


def _paths_of(place: Place) -> PathPattern:
    return PathPattern(path=place.path, more=0 if place.is_tail else None)


def _may_take_over(other: Place, own: Place) -> bool:
    """Whether a place has a parameter where another one is literal, and nothing before differs."""
    pairs = zip(own.path, other.path, strict=False)
    mine, theirs = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return theirs == PARAMETER != mine


def _covering(rule: Rule, others: Sequence[Rule]) -> tuple[Rule, ...]:
    """Of rules beside a rule those that leave it nothing to do; none where it has some.

    One rule alone is preferred to several, each for some of the methods.
    """
    methods = sorted(rule.pattern.methods)
    for other in others:
        if all(map(other.pattern.covers_method, methods)):
            return (other,)
    found = [
        next((other for other in others if other.pattern.covers_method(method)), None)
        for method in methods
    ]
    return () if None in found else tuple(dict.fromkeys(filter(None, found)))


def _distance(rule: Rule) -> tuple[int, bool, int, str, str]:
    """Sorts the nearest path of those that cover a route first, and then as the file does."""
    pattern = rule.pattern
    return (-len(pattern.path), pattern.tail, rule.line, rule.subject, pattern.text)


def _narrowness(rule: SourceRule) -> tuple[int, int, bool, int, int, int]:
    """Sorts each rule before every other one that covers it, and of doubles the last one first."""
    pattern = rule.pattern
    methods = 99 if ANY in pattern.methods else len(pattern.methods)
    depth, conditions = len(pattern.path), len(pattern.conditions)
    return (methods, -depth, pattern.tail, -conditions, -rule.line, -rule.location.column)


def _meaning(rule: Rule) -> tuple[str, RoutePattern]:
    return rule.subject, replace(rule.pattern, text="")
