"""What removing a rule would change: of a redundant one, nothing.

A rule is redundant if without it every subject is granted the same in every class of requests. All
classes in which it counts lie at its own path or below it, and whatever covers it at its own path
covers it below. So only rules at that path are looked at, and those with a ``/**`` above it: of the
subjects whose rules everybody has who has this one, and under no condition that this one lacks.
Several may cover one together, method by method.

Exact: without all that is reported here, together, every caller is granted the same. Therefore a
rule that is redundant covers no other one any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from itertools import combinations
from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import Placed, pattern_of_rule
from authorizer.cli.policy_file import include_closure
from authorizer.cli.policy_file.source import PUBLIC
from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule
    from authorizer.policy.model import Condition, Effect, RoutePattern

# Rules of one subject at one path, by what they compare and by what they do.
_Alike = dict[frozenset["Condition"], dict["Effect", list["SourceRule"]]]


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
    covering: tuple[SourceRule, ...]


def redundancies(source: SourcePolicy) -> Iterator[Redundancy]:
    """The redundant ones of a policy's rules, its public routes among them as grants to all."""
    rules = [*source.rules, *source.public]
    subjects = _subjects(source)
    coverage = _Coverage(rules)
    idle = [found for rule in rules for found in _idle(coverage, rule, subjects[rule.subject])]
    yield from idle
    coverage.left_out.update(id(found.rule) for found in idle)
    known = _KnownPaths(rules)
    for rule in sorted(rules, key=_narrowness):
        if id(rule) in coverage.left_out:
            continue
        # A deny counts for a grant, too: with GET denied and PUT granted elsewhere, GET,PUT does
        # nothing.
        effects: tuple[Effect, ...] = ("allow", "deny") if rule.effect == "allow" else ("deny",)
        covering = coverage.covering(rule, subjects[rule.subject], effects)
        if covering and not known.only_by(rule, covering):
            coverage.left_out.add(id(rule))
            known.forget(rule)
            is_same = [_meaning(rule)] == [_meaning(other) for other in covering]
            why = Why.REPEATED if is_same else Why.COVERED
            yield Redundancy(rule=rule, why=why, covering=covering)


def _idle(
    coverage: _Coverage, rule: SourceRule, subjects: Mapping[str, None]
) -> Iterator[Redundancy]:
    """Why a rule of a group or scope never decides: it is never asked, or denied anyway."""
    if rule.subject == PUBLIC:
        return
    if covering := coverage.covering(rule, {PUBLIC: None}, ("allow",)):
        yield Redundancy(rule=rule, why=Why.NEVER_ASKED, covering=covering)
    elif rule.effect == "allow" and (covering := coverage.covering(rule, subjects, ("deny",))):
        yield Redundancy(rule=rule, why=Why.DENIED, covering=covering)


def _subjects(source: SourcePolicy) -> dict[str, dict[str, None]]:
    """Each subject with those whose rules everybody has who has this one's, in the file's order."""
    includes = {group.name: [item.text for item in group.includes] for group in source.groups}
    order = {group: position for position, group in enumerate(includes)}
    subjects = {
        f"group:{group}": {
            f"group:{member}": None for member in sorted(members, key=order.__getitem__)
        }
        for group, members in include_closure(includes).items()
    }
    for scope in source.scopes:
        subjects[f"scope:{scope.name}"] = {f"scope:{scope.name}": None}
    return {**subjects, PUBLIC: {PUBLIC: None}}


class _Coverage:
    """Rules by path, subject and conditions, so that not all are compared with all."""

    def __init__(self, rules: Iterable[SourceRule]) -> None:
        self.left_out: set[int] = set()
        self._rules: dict[tuple[tuple[str, ...], bool], dict[str, _Alike]] = defaultdict(dict)
        for rule in rules:
            pattern = rule.pattern
            alike = self._rules[pattern.path, pattern.tail].setdefault(rule.subject, {})
            effects = alike.setdefault(frozenset(pattern.conditions), {"allow": [], "deny": []})
            effects[rule.effect].append(rule)

    def covering(
        self, rule: SourceRule, subjects: Mapping[str, None], effects: Sequence[Effect]
    ) -> tuple[SourceRule, ...]:
        """Other rules that cover a rule together; none where it is not covered.

        One rule alone is preferred to several, the nearest path to others, and then the order of
        the subjects given.
        """
        nearest: list[SourceRule] = []
        for other in self._candidates(rule.pattern, subjects, effects):
            if other is rule or id(other) in self.left_out:
                continue
            if all(other.pattern.covers_method(method) for method in rule.pattern.methods):
                return (other,)
            nearest.append(other)
        return _together(nearest, rule.pattern.methods)

    def _candidates(
        self, pattern: RoutePattern, subjects: Mapping[str, None], effects: Sequence[Effect]
    ) -> Iterator[SourceRule]:
        """The rules that cover a pattern's paths, under no further condition."""
        tails = [(pattern.path[:depth], True) for depth in range(len(pattern.path), -1, -1)]
        for place in tails if pattern.tail else [(pattern.path, False), *tails]:
            rules = self._rules.get(place, {})
            # Both are in the file's order, so that the same file always gives the same findings.
            fewer, more = (rules, subjects) if len(rules) < len(subjects) else (subjects, rules)
            for subject in (one for one in fewer if one in more):
                for conditions in _subsets(pattern.conditions, rules[subject]):
                    found = rules[subject].get(conditions, {})
                    yield from (rule for effect in effects for rule in found.get(effect, ()))


class _KnownPaths:
    """By which rules alone the policy knows that a path is not some ``{parameter}``'s.

    Where API Gateway tells no route, a grant of ``/{lang}/help`` would be one of ``/admin/help``
    if nothing named that, though ``/admin/**`` grants it.
    """

    def __init__(self, rules: Iterable[SourceRule]) -> None:
        patterns = [(pattern_of_rule(rule.pattern), rule) for rule in rules]
        self._count = Counter(pattern for pattern, _ in patterns)
        self._grants = Placed(
            (pattern, rule)
            for pattern, rule in patterns
            if rule.effect == "allow" and rule.subject != PUBLIC
        )
        self._forgotten: set[int] = set()

    def forget(self, rule: SourceRule) -> None:
        """Have the policy not contain a rule."""
        self._count[pattern_of_rule(rule.pattern)] -= 1
        self._forgotten.add(id(rule))

    def only_by(self, rule: SourceRule, covering: Iterable[SourceRule]) -> bool:
        """Whether a path of a rule would be taken for a parameter's, given what covers it."""
        pattern = pattern_of_rule(rule.pattern)
        depth = min(len(other.pattern.path) for other in covering)
        if self._count[pattern] > 1:
            return False
        for other in self._grants.overlapping(pattern):
            at = parameter_beside(rule.pattern, other.pattern)
            if at is not None and at >= depth and id(other) not in self._forgotten:
                return True
        return False


def parameter_beside(pattern: RoutePattern, other: RoutePattern) -> int | None:
    """Where two patterns first differ, if the other one has a parameter there."""
    for at, (own, theirs) in enumerate(zip(pattern.path, other.path, strict=False)):
        if own != theirs:
            return at if theirs == PARAMETER else None
    return None


def _together(rules: Sequence[SourceRule], methods: frozenset[str]) -> tuple[SourceRule, ...]:
    """For each method the first rule that covers it; none if one has none."""
    found: dict[int, SourceRule] = {}
    for method in sorted(methods):
        covering = next((rule for rule in rules if rule.pattern.covers_method(method)), None)
        if covering is None:
            return ()
        found[id(covering)] = covering
    return tuple(found.values())


def _subsets(
    conditions: tuple[Condition, ...], known: Collection[frozenset[Condition]]
) -> Iterator[frozenset[Condition]]:
    """Those sets among the known ones that demand no more; by whichever way is shorter."""
    if len(known) <= 2 ** len(conditions):
        yield from (one for one in known if one <= set(conditions))
        return
    for size in range(len(conditions) + 1):
        yield from map(frozenset, combinations(conditions, size))


def _narrowness(rule: SourceRule) -> tuple[int, int, bool, int, int, int]:
    """Sorts each rule before every other one that covers it, and of doubles the last one first."""
    pattern = rule.pattern
    methods = 99 if ANY in pattern.methods else len(pattern.methods)
    depth, conditions = len(pattern.path), len(pattern.conditions)
    return (methods, -depth, pattern.tail, -conditions, -rule.line, -rule.location.column)


def _meaning(rule: SourceRule) -> tuple[object, ...]:
    pattern = rule.pattern
    conditions = frozenset(pattern.conditions)
    return rule.subject, pattern.methods, pattern.path, pattern.tail, conditions
