"""Which rules cover another one entirely, found along its path and not by comparing all with all.

A rule covers another if it applies whenever that one does: on the same canonical path, or from a
``/**`` above it; for its methods; and under no condition that the other one lacks. Several rules
may cover one together, method by method. Parameters cover parameters only, as in ``decide``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authorizer.policy.routes import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from authorizer.cli.source import SourceRule
    from authorizer.cli.template.model import Place

_BySubject = dict[str, list["SourceRule"]]


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    exact: _BySubject = field(default_factory=dict)
    tails: _BySubject = field(default_factory=dict)


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
            where.setdefault(rule.subject, []).append(rule)

    def discard(self, rule: SourceRule) -> None:
        """Let this rule cover others no more."""
        self._discarded.add(id(rule))

    def cover(self, rule: SourceRule, subjects: Collection[str]) -> tuple[SourceRule, ...]:
        """Other rules of these subjects that cover this one together; none where it is not covered.

        One rule alone is preferred to several, and of those the one with the nearest path.
        """
        nearest: list[SourceRule] = []
        for other in self._candidates(rule, subjects):
            if set(other.pattern.conditions) <= set(rule.pattern.conditions):
                if all(other.pattern.covers_method(method) for method in rule.pattern.methods):
                    return (other,)
                nearest.append(other)
        return _together(nearest, rule.pattern.methods)

    def has_same_place(self, rule: SourceRule) -> bool:
        """Whether another rule, of anybody, has exactly this path."""
        *_, last = [None, *self._along(rule.pattern.path)]
        where = (last.tails if rule.pattern.tail else last.exact) if last else {}
        return any(other is not rule for other in self._kept(where, where))

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

    def _candidates(self, rule: SourceRule, subjects: Collection[str]) -> Iterator[SourceRule]:
        nodes = list(self._along(rule.pattern.path))
        complete = len(nodes) == len(rule.pattern.path) + 1
        places = [node.tails for node in reversed(nodes)]
        if complete and not rule.pattern.tail:
            places.insert(0, nodes[-1].exact)
        for place in places:
            for other in sorted(self._kept(place, subjects), key=_in_file):
                if other is not rule:
                    yield other

    def _kept(self, place: _BySubject, subjects: Collection[str]) -> Iterator[SourceRule]:
        fewer, more = (place, subjects) if len(place) < len(subjects) else (subjects, place)
        for subject in fewer:
            if subject in more:
                yield from (one for one in place[subject] if id(one) not in self._discarded)

    def _along(self, path: tuple[str, ...]) -> Iterator[_Node]:
        node: _Node | None = self._root
        for segment in path:
            if node is None:
                return
            yield node
            node = node.children.get(segment)
        if node is not None:
            yield node

    def _matching(
        self, node: _Node, path: tuple[str, ...], at: int, *, below: bool
    ) -> Iterator[SourceRule]:
        """Rules that match some path that ``path`` stands for, or one below it."""
        yield from _all(node.tails)
        if at == len(path):
            yield from _all(node.exact)
            if below:
                for child in node.children.values():
                    yield from self._matching(child, path, at, below=True)
            return
        # A parameter may have any value, such as a literal's.
        steps = node.children if path[at] == PARAMETER else (path[at], PARAMETER)
        for step in steps:
            if step in node.children:
                yield from self._matching(node.children[step], path, at + 1, below=below)


def _together(rules: list[SourceRule], methods: frozenset[str]) -> tuple[SourceRule, ...]:
    found: list[SourceRule] = []
    for method in sorted(methods):
        covering = next((one for one in rules if one.pattern.covers_method(method)), None)
        if covering is None:
            return ()
        if not any(covering is one for one in found):
            found.append(covering)
    return tuple(found)


def _in_file(rule: SourceRule) -> Place:
    return rule.place


def _all(place: _BySubject) -> Iterator[SourceRule]:
    for rules in place.values():
        yield from rules


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
