"""The routes of an API, and which of their paths a caller is granted, as shapes.

What is relied on: that API Gateway prefers a literal segment to a parameter, and a method to ANY,
where one route's words are among another's; that it compares routes and ARNs in one spelling of
the path; and that the policy was compiled with all routes of the API.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from authorizer.policy.caller_document import Inexact
from authorizer.policy.paths import ANY, CONNECT, PARAMETER, parse_route, split_route_key
from oracles.exact_document import KnownRoute, Maker
from oracles.globs import STAR, Words, is_narrower, steps_of, wins_over
from oracles.grants import Grants, InexactError, Steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Condition, RoutePattern
    from authorizer.policy.paths import Route
    from authorizer.policy.route_tree import Place

    # The conditions of each rule, without doubles; and those that allow and that deny, by method.
    _Compared = set[tuple[Condition, ...]]
    _Said = dict[str, tuple[_Compared, _Compared]]

# Stands for every method that has no name here; API Gateway's ANY takes them, too.
_OTHER_METHOD = "OTHER"
# Literal in an ARN and in a path. A dollar sign is neither wildcard nor variable, but begins one.
_LITERAL_VALUE = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~!&'()+,=:@-]+", re.ASCII)


class KnownRoutes:
    """The routes of an API, and the exact documents for its callers."""

    def __init__(self, policy: Policy, keys: Iterable[str]) -> None:
        """Take all routes of one API, as ``Policy.routes`` has them."""
        self._policy = policy
        self._plain: list[KnownRoute] = []
        self._greedy: list[Words] = []
        for key in keys:
            method, path = split_route_key(key)
            route = parse_route(path)
            shape = _shape(method, route)
            if route is None or route.greedy:
                self._greedy.append(shape)
            else:
                places = tuple(one for one in policy.tree.covering(route.path) if one.rules)
                self._plain.append(KnownRoute(method, shape, places))
        self._find_winners()

    def grants(
        self, groups: Sequence[str], scopes: Sequence[str], claims: Mapping[str, Any]
    ) -> Grants:
        """What the caller may do.

        Args:
            groups: the caller's.
            scopes: those that count; see ``is_machine``.
            claims: for ``{name=claim}``.

        Raises:
            InexactError: no document says exactly that.
        """
        steps = Steps()
        subjects = self._policy.subjects_of(groups, scopes)
        rules = [rule for rule in self._policy.rules if rule.subject in subjects]
        # A policy may say the same many times.
        allows, denies = (
            tuple(
                {
                    rule.pattern.text: rule.pattern for rule in rules if rule.effect == effect
                }.values()
            )
            for effect in ("allow", "deny")
        )
        self._require_nothing_below(allows, denies, steps)
        owned: dict[Words, KnownRoute] = {}
        said: dict[tuple[Place, ...], _Said] = {}
        for known in self._plain:
            steps.take(10)
            if known.places not in said:  # most routes have rules of their own, or none
                said[known.places] = _said(known.places, subjects, steps)
            for words in _granted(known, said[known.places], claims, steps):
                if known.wins(words, steps):
                    owned.setdefault(words, known)
        return Maker(self._plain, self._greedy, owned, steps).make(allows)

    def _find_winners(self) -> None:
        by_word = defaultdict(list)
        for known in self._plain:
            for at, word in ((-1, ""), *enumerate(known.shape)):
                by_word[len(known.shape), at, word].append(known.shape)
        for known in self._plain:
            # A narrower shape has each word that this one has: those with the rarest one are few.
            sharing = (
                by_word[len(known.shape), at, word]
                for at, word in ((-1, ""), *enumerate(known.shape))
                if word != STAR
            )
            known.winners = [
                other for other in min(sharing, key=len) if is_narrower(other, known.shape)
            ]

    def _require_nothing_below(
        self, allows: Sequence[RoutePattern], denies: Sequence[RoutePattern], steps: Steps
    ) -> None:
        """On a greedy route the path is judged, which no document can do: grant nothing there."""
        shapes = {known.shape for known in self._plain}
        for allow in allows if self._greedy else ():
            steps.take(len(denies) + len(self._greedy))
            if any(_outweighs(deny, allow) for deny in denies):
                continue
            for greedy in self._greedy:
                taken = not allow.tail and all(
                    shape in shapes and wins_over(shape, greedy) for shape in _rule_shapes(allow)
                )
                if _may_grant(allow, greedy) and not taken:
                    raise InexactError(Inexact.PATH_DECIDES)


def _said(places: Iterable[Place], subjects: set[str], steps: Steps) -> _Said:
    """What the rules of some places compare, by method: of those that allow, and that deny."""
    rules = [
        rule
        for place in places
        for subject in place.rules.keys() & subjects
        for rule in place.rules[subject].values()
    ]
    methods = {_OTHER_METHOD}.union(*(rule.pattern.methods for rule in rules)) - {ANY}
    steps.take(len(rules) * len(methods))
    return {
        method: (
            {rule.pattern.conditions for rule in covering if rule.effect == "allow"},
            {rule.pattern.conditions for rule in covering if rule.effect == "deny"},
        )
        for method in methods
        for covering in [[rule for rule in rules if rule.pattern.covers_method(method)]]
    }


def _granted(
    known: KnownRoute, said: _Said, claims: Mapping[str, Any], steps: Steps
) -> list[Words]:
    """The shapes of a route that the caller is granted: all of it, or with values in it."""

    def paths(method: str) -> list[Words]:
        allows, denies = said.get(method, said[_OTHER_METHOD])
        steps.take(3 * (len(allows) + len(denies)) * steps_of(known.shape))
        return _granted_paths(allows, denies, _path_of(known.shape), claims)

    if known.method != ANY:
        start = known.shape[: len(known.shape) - len(_path_of(known.shape))]
        return [(*start, *path) for path in paths(known.method)]
    other = paths(_OTHER_METHOD)
    named = {method: paths(method) for method in said if method != _OTHER_METHOD}
    if all(path == other for path in named.values()):
        return [(STAR, *path) for path in other]
    if other:
        raise InexactError(Inexact.ROUTES_OVERLAP)
    return [(method, *path) for method, granted in named.items() for path in granted]


def _shape(method: str, route: Route | None) -> Words:
    """A route's words; of a greedy one, those with which its words begin."""
    if route is None:
        return (STAR,)
    if not method:
        return (CONNECT,)
    path = tuple(STAR if word == PARAMETER else word for word in route.path)
    return (STAR if method == ANY else method, *(path if path or route.greedy else ("",)))


def _path_of(shape: Words) -> Words:
    return shape if shape == (CONNECT,) else shape[1:]


def _rule_shapes(pattern: RoutePattern) -> Iterator[Words]:
    """The routes that a rule without ``/**`` names."""
    path = tuple(STAR if word == PARAMETER else word for word in pattern.path) or ("",)
    for method in pattern.methods:
        yield (STAR if method == ANY else method, *path)


def _granted_paths(
    allows: _Compared, denies: _Compared, path: Words, claims: Mapping[str, Any]
) -> list[Words]:
    if () in denies:
        return []
    filled = (_filled(path, conditions, claims) for conditions in allows)
    granted = {words for words in filled if words is not None}
    if granted and any({one.claim for one in compared} <= claims.keys() for compared in denies):
        # It also denies other spellings of the value, and there is no end of them.
        raise InexactError(Inexact.DENY_COMPARES_CLAIM)
    return [path] if path in granted else sorted(granted)


def _filled(
    path: Words, conditions: Iterable[Condition], claims: Mapping[str, Any]
) -> Words | None:
    """The path with the values of claims in it; nothing where no value could be equal."""
    words = list(path)
    for condition in conditions:
        value = claims.get(condition.claim)
        if not isinstance(value, str) or "%" in value:
            return None
        if not _LITERAL_VALUE.fullmatch(value):
            raise InexactError(Inexact.CLAIM_NOT_LITERAL)
        words[condition.position] = value
    return tuple(words)


def _may_grant(pattern: RoutePattern, greedy: Words) -> bool:
    """Whether a rule grants anything on a greedy route."""
    method, prefix = greedy[0], greedy[1:]
    return (
        (method == STAR or pattern.covers_method(method))
        and (pattern.tail or len(pattern.path) > len(prefix) or not prefix)
        and all(known in (STAR, own) for own, known in zip(pattern.path, prefix, strict=False))
    )


def _outweighs(own: RoutePattern, theirs: RoutePattern) -> bool:
    """Whether a deny leaves nothing of an allow."""
    return (
        own.tail
        and not own.conditions
        and len(own.path) <= len(theirs.path)
        and all(one in (PARAMETER, two) for one, two in zip(own.path, theirs.path, strict=False))
        and (ANY in own.methods or theirs.methods <= own.methods)
    )
