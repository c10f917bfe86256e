"""The routes of an API, and the parts of them that a policy grants: all of a route, or values.

What is relied on: that API Gateway prefers a literal segment to a parameter, and a method to ANY,
where one route's words are among another's; that it compares routes and ARNs in one spelling of
the path; and that the policy is compiled with all routes of the API.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authorizer.cli.policy_file.words import (
    STAR,
    Index,
    Words,
    covers_shape,
    is_narrower,
    wins_over,
)
from authorizer.policy.paths import ANY, CONNECT, PARAMETER, parse_route, split_route_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authorizer.policy.decision import Policy
    from authorizer.policy.model import RoutePattern, Rule

# Stands for every method that no rule names; API Gateway's ANY takes them, too.
_OTHER_METHOD = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownRoute:
    """A route, or of one for all methods those requests that rules tell apart.

    Attributes:
        key: as the template has it.
        declared: the words of all its requests.
        shape: its words.
        winners: the words that are surely another's.
        rules: those that cover it, of all subjects.
    """

    key: str
    declared: Words
    shape: Words
    winners: Sequence[Words]
    rules: Sequence[Rule]

    def wins(self, words: Words) -> bool:
        """Whether some of the words are this route's."""
        return not any(covers_shape(winner, words) for winner in self.winners)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What rules grant of a route as one.

    Attributes:
        words: the route's, perhaps with claims in place of parameters.
        allowing: the subjects that are allowed it.
        denying: those that are denied it, whatever the values are.
        comparing: the claims of each deny that compares some, with its subjects.
    """

    route: KnownRoute
    words: Words
    allowing: frozenset[str]
    denying: frozenset[str]
    comparing: Mapping[frozenset[str], frozenset[str]]

    def taken(self, claim: str) -> list[str]:
        """The values of a claim with which these are another route's words."""
        found = set()
        for winner in self.route.winners:
            pairs = list(zip(winner, self.words, strict=False))
            values = {own for own, word in pairs if word == claim and own != STAR}
            if len(winner) == len(self.words) and len(values) == 1:
                filled = tuple(min(values) if word == claim else word for word in self.words)
                found |= values if covers_shape(winner, filled) else set()
        return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRoutes:
    """The routes of an API for one policy.

    Attributes:
        plain: those that tell their path.
        greedy: the words with which those of the others begin.
        declared: by the words of each of the plain ones, those of all its requests.
    """

    plain: list[KnownRoute] = field(default_factory=list)
    greedy: list[Words] = field(default_factory=list)
    declared: dict[Words, Words] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy) -> KnownRoutes:
        """Read the routes that a policy was compiled with, but for those of a WebSocket API."""
        plain: dict[Words, str] = {}
        known = cls()
        for key in policy.routes or ():
            method, path = split_route_key(key)
            route = parse_route(path)
            if route is None:
                known.greedy.append((STAR,))
            elif key != CONNECT:
                words = tuple(STAR if word == PARAMETER else word for word in route.path)
                if not (words or route.greedy):
                    words = ("",)
                shape = (STAR if method == ANY else method, *words)
                if route.greedy:
                    known.greedy.append(shape)
                else:
                    plain.setdefault(shape, key)
        shapes = Index(list(plain), lambda shape: shape)
        for shape, key in plain.items():
            winners = [other for other in shapes.near(shape) if is_narrower(other, shape)]
            told_apart = _told_apart(key, shape, winners, policy)
            known.plain.extend(route for route in told_apart if route.wins(route.shape))
        known.declared.update({route.shape: route.declared for route in known.plain})
        return known

    def literals(self) -> list[str]:
        """What is a segment of a route, and so cannot be taken for somebody's value."""
        paths = (words[1:] for words in (*self.declared, *self.greedy))
        return sorted(set().union(*paths) - {STAR, ""})

    def parts(self) -> Iterator[Part]:
        """What is granted of them, to whomever."""
        for route in self.plain:
            allowing: dict[Words, set[str]] = defaultdict(set)
            comparing: dict[frozenset[str], set[str]] = defaultdict(set)
            denying = set()
            for rule in route.rules:
                conditions = rule.pattern.conditions
                if rule.effect == "allow":
                    allowing[_filled(route.shape, rule.pattern)].add(rule.subject)
                elif conditions:
                    comparing[frozenset(one.claim for one in conditions)].add(rule.subject)
                else:
                    denying.add(rule.subject)
            for words in sorted(allowing):
                if route.wins(words):
                    yield Part(
                        route=route,
                        words=words,
                        allowing=frozenset(allowing[words]),
                        denying=frozenset(denying),
                        comparing={key: frozenset(own) for key, own in comparing.items()},
                    )

    def may_grant_below(self, pattern: RoutePattern) -> bool:
        """Whether a rule grants anything on a greedy route, where each path is judged."""
        if pattern.text == CONNECT:
            return False
        return any(
            _may_grant(pattern, greedy)
            and (
                pattern.tail
                or not all(
                    shape in self.declared and wins_over(self.declared[shape], greedy)
                    for shape in _rule_shapes(pattern)
                )
            )
            for greedy in self.greedy
        )

    def shares(self, part: Part) -> bool:
        """Whether words of a part may be a greedy route's, too.

        A claim's value is none of the literals: there is no document where it is.
        """
        return any(
            len(part.words) > len(greedy)
            and not wins_over(part.route.declared, greedy)
            and all(
                one == other or STAR in (one, other)
                for one, other in zip(part.words, greedy, strict=False)
            )
            for greedy in self.greedy
        )


def outweighs(own: RoutePattern, theirs: RoutePattern) -> bool:
    """Whether a deny leaves nothing of an allow."""
    return (
        own.tail
        and not own.conditions
        and len(own.path) <= len(theirs.path)
        and all(one in (PARAMETER, two) for one, two in zip(own.path, theirs.path, strict=False))
        and (ANY in own.methods or theirs.methods <= own.methods)
    )


def _told_apart(
    key: str, shape: Words, winners: list[Words], policy: Policy
) -> Iterator[KnownRoute]:
    """A route; one for all methods as those that rules name, and all others."""
    path = split_route_key(key)[1]
    route = parse_route(path)
    rules = [
        rule
        for place in policy.tree.covering(route.path if route else ())
        for of_subject in place.rules.values()
        for rule in of_subject.values()
    ]
    methods = {shape[0]}
    if shape[0] == STAR:
        methods = {_OTHER_METHOD}.union(*(rule.pattern.methods for rule in rules)) - {ANY}
    named = [(method, *shape[1:]) for method in sorted(methods - {_OTHER_METHOD})]
    for method in sorted(methods):
        covering = [rule for rule in rules if rule.pattern.covers_method(method)]
        is_rest = method == _OTHER_METHOD
        own = shape if is_rest else (method, *shape[1:])
        lost = [*winners, *named] if is_rest else winners
        yield KnownRoute(key=key, declared=shape, shape=own, winners=lost, rules=covering)


def _filled(shape: Words, pattern: RoutePattern) -> Words:
    claims = {one.position + 1: f"{{{one.claim}}}" for one in pattern.conditions}
    return tuple(claims.get(at, word) for at, word in enumerate(shape))


def _rule_shapes(pattern: RoutePattern) -> Iterator[Words]:
    """The routes that a rule without ``/**`` names."""
    path = tuple(STAR if word == PARAMETER else word for word in pattern.path) or ("",)
    for method in pattern.methods:
        yield (STAR if method == ANY else method, *path)


def _may_grant(pattern: RoutePattern, greedy: Words) -> bool:
    """Whether a rule grants anything on a greedy route."""
    method, prefix = greedy[0], greedy[1:]
    return (
        (method == STAR or pattern.covers_method(method))
        and (pattern.tail or len(pattern.path) > len(prefix) or not prefix)
        and all(known in (STAR, own) for own, known in zip(pattern.path, prefix, strict=False))
    )
