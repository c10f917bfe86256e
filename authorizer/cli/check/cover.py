"""Which rules cover another one entirely, found along its path and not by comparing all with all.

A rule covers another if it applies whenever that one does: on the same canonical path, or from a
``/**`` above it; for its methods; and under no condition that the other one lacks. Several rules
may cover one together, method by method. Parameters cover parameters only, as in ``decide``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from authorizer.cli.policy_file.source import SourceRule
    from authorizer.policy.paths import Condition

# Rules of one canonical path, by subject and then by conditions.
_ByConditions = dict[frozenset["Condition"], list["SourceRule"]]
_Place = dict[str, _ByConditions]


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    exact: _Place = field(default_factory=dict)
    tails: _Place = field(default_factory=dict)


class RuleTree:
    """Rules by canonical path and subject."""

    def __init__(self, rules: Iterable[SourceRule]) -> None:
        self._root = _Node()
        self._discarded: set[int] = set()
        for rule in rules:
            node = self._root
            for segment in rule.pattern.path:
                node = node.children.setdefault(segment, _Node())
            where = node.tails if rule.pattern.tail else node.exact
            by_conditions = where.setdefault(rule.subject, {})
            by_conditions.setdefault(frozenset(rule.pattern.conditions), []).append(rule)

    def discard(self, rule: SourceRule) -> None:
        """Let this rule cover others no more."""
        self._discarded.add(id(rule))

    def cover(self, rule: SourceRule, subjects: Mapping[str, object]) -> tuple[SourceRule, ...]:
        """Other rules of these subjects that cover this one together; none where it is not covered.

        One rule alone is preferred to several, the nearest path to others, and then the order of
        the subjects given.
        """
        nearest: list[SourceRule] = []
        for other in self._candidates(rule, subjects):
            if all(other.pattern.covers_method(method) for method in rule.pattern.methods):
                return (other,)
            nearest.append(other)
        return _together(nearest, rule.pattern.methods)

    def has_same_place(self, rule: SourceRule) -> bool:
        """Whether another rule, of anybody, has exactly this path."""
        nodes = list(self._along(rule.pattern.path))
        if len(nodes) <= len(rule.pattern.path):
            return False
        place = nodes[-1].tails if rule.pattern.tail else nodes[-1].exact
        return any(other is not rule for other in self._all(place))

    def relates(self, rule: SourceRule) -> bool:
        """Whether a rule of anybody has the same path, one that covers it, or one below its /**."""
        nodes = list(self._along(rule.pattern.path))
        if any(node.tails for node in nodes):
            return True
        if len(nodes) <= len(rule.pattern.path):
            return False
        return bool(nodes[-1].exact) or (rule.pattern.tail and bool(nodes[-1].children))

    def beside(self, rule: SourceRule, depth: int = 0) -> Iterator[SourceRule]:
        """Rules with a parameter where this one is literal, that match paths of this one, too.

        Args:
            rule: whose paths.
            depth: only those whose first difference is at this segment or later.
        """
        path = rule.pattern.path
        for at, node in enumerate(self._along(path)):
            if depth <= at < len(path) and path[at] != PARAMETER and PARAMETER in node.children:
                other = node.children[PARAMETER]
                yield from self._matching(other, path, at + 1, below=rule.pattern.tail)

    def _candidates(self, rule: SourceRule, subjects: Mapping[str, object]) -> Iterator[SourceRule]:
        """Other rules that cover this one's paths, under no further condition."""
        nodes = list(self._along(rule.pattern.path))
        places = [node.tails for node in reversed(nodes)]
        if len(nodes) > len(rule.pattern.path) and not rule.pattern.tail:
            places.insert(0, nodes[-1].exact)
        for place in places:
            # Both are in the file's order, so that the same file always gives the same findings.
            fewer, more = (place, subjects) if len(place) < len(subjects) else (subjects, place)
            for subject in fewer:
                if subject in more:
                    yield from self._others(rule, place[subject])

    def _others(self, rule: SourceRule, by_conditions: _ByConditions) -> Iterator[SourceRule]:
        for conditions in _subsets(rule.pattern.conditions, by_conditions):
            for other in by_conditions.get(conditions, ()):
                if other is not rule and id(other) not in self._discarded:
                    yield other

    def _along(self, path: tuple[str, ...]) -> Iterator[_Node]:
        node: _Node | None = self._root
        for segment in path:
            if node is None:
                return
            yield node
            node = node.children.get(segment)
        if node is not None:
            yield node

    def _all(self, place: _Place) -> Iterator[SourceRule]:
        for by_conditions in place.values():
            for rules in by_conditions.values():
                yield from (one for one in rules if id(one) not in self._discarded)

    def _matching(
        self, start: _Node, path: tuple[str, ...], at: int, *, below: bool
    ) -> Iterator[SourceRule]:
        """Rules that match some path that ``path`` stands for, or one below it."""
        # No recursion: a path may have more segments than Python has frames.
        waiting = [iter([(start, at)])]
        while waiting:
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                continue
            node, at = step
            yield from self._all(node.tails)
            if at == len(path):
                yield from self._all(node.exact)
            waiting.append(_steps(node, path, at, below=below))


def _steps(
    node: _Node, path: tuple[str, ...], at: int, *, below: bool
) -> Iterator[tuple[_Node, int]]:
    if at == len(path):
        children = node.children if below else {}
        yield from ((child, at) for child in children.values())
    elif path[at] == PARAMETER:
        # A parameter may have any value, such as a literal's.
        yield from ((child, at + 1) for child in node.children.values())
    else:
        found = (node.children.get(step) for step in (path[at], PARAMETER))
        yield from ((child, at + 1) for child in found if child is not None)


def _together(rules: list[SourceRule], methods: frozenset[str]) -> tuple[SourceRule, ...]:
    found: list[SourceRule] = []
    for method in sorted(methods):
        covering = next((one for one in rules if one.pattern.covers_method(method)), None)
        if covering is None:
            return ()
        if not any(covering is one for one in found):
            found.append(covering)
    return tuple(found)


def _subsets(
    conditions: tuple[Condition, ...], known: Collection[frozenset[Condition]]
) -> Iterator[frozenset[Condition]]:
    """Those sets among the known ones that demand no more; by whichever way is shorter."""
    if len(known) <= 2 ** len(conditions):
        yield from (one for one in known if one <= set(conditions))
        return
    for size in range(len(conditions) + 1):
        yield from map(frozenset, combinations(conditions, size))


def narrowness(rule: SourceRule) -> tuple[int, int, bool, int, int, int]:
    """Sorts each rule before every other one that covers it, and of doubles the last one first."""
    pattern = rule.pattern
    methods = 99 if ANY in pattern.methods else len(pattern.methods)
    return (
        methods,
        -len(pattern.path),
        pattern.tail,
        -len(pattern.conditions),
        -rule.line,
        -rule.column,
    )
