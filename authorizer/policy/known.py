"""The routes of an API, and which of their paths a caller is granted, as shapes.

What is relied on: that API Gateway prefers a literal segment to a parameter, and a method to ANY,
where one route's words are among another's; that it compares routes and ARNs in one spelling of
the path; and that the policy was compiled with all routes of the API.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authorizer.policy.exact import Maker
from authorizer.policy.grants import Grants, Inexact, InexactError, Steps
from authorizer.policy.routes import ANY, CONNECT, METHODS, PARAMETER, parse_route, split_route_key
from authorizer.policy.words import STAR, Words, covers_shape, is_narrower, wins_over

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.policy.model import Answer, Policy
    from authorizer.policy.routes import Condition, Route, RoutePattern

# Stands for every method that has no name here; API Gateway's ANY takes them, too.
_OTHER_METHOD = "OTHER"
# Literal in an ARN and in a path. A dollar sign is neither wildcard nor variable, but begins one.
_LITERAL_VALUE = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~!&'()+,=:@-]+", re.ASCII)


@dataclass(slots=True, eq=False)
class KnownRoute:
    """A route of the API: its shape, and the shapes that surely win over it."""

    method: str
    route: Route
    shape: Words
    winners: list[Words] = field(default_factory=list)

    def wins(self, words: Words, steps: Steps) -> bool:
        """Whether some of the words are this route's."""
        steps.take(len(self.winners))
        return not any(covers_shape(winner, words) for winner in self.winners)


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
                self._plain.append(KnownRoute(method, route, shape))
        self._find_winners()

    def grants(
        self, groups: Sequence[str], scopes: Sequence[str], claims: Mapping[str, Any]
    ) -> Grants:
        """What the caller may do.

        Args:
            groups: the caller's.
            scopes: those that count; see ``counting_scopes``.
            claims: for ``{name=claim}``.

        Raises:
            InexactError: no document says exactly that.
        """
        steps = Steps()
        rules = self._policy.rules_of(groups, scopes)
        # A policy may say the same many times.
        allows, denies = (
            tuple(dict.fromkeys(rule.pattern for rule in rules if rule.effect == effect))
            for effect in ("allow", "deny")
        )
        self._require_nothing_below(allows, denies, steps)
        owned: dict[Words, KnownRoute] = {}
        for known in self._plain:
            steps.take(15)  # what the policy says of a route is asked for each method
            for words in self._granted(known, groups, scopes, claims):
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

    def _granted(
        self,
        known: KnownRoute,
        groups: Sequence[str],
        scopes: Sequence[str],
        claims: Mapping[str, Any],
    ) -> list[Words]:
        """The shapes of a route that the caller is granted: all of it, or with values in it."""

        def paths(method: str) -> list[Words]:
            answer = self._policy.answer_on_route(method, known.route, groups, scopes)
            return _granted_paths(answer, _path_of(known.shape), claims)

        if known.method != ANY:
            start = known.shape[: len(known.shape) - len(_path_of(known.shape))]
            return [(*start, *path) for path in paths(known.method)]
        other = paths(_OTHER_METHOD)
        named = {method: paths(method) for method in METHODS}
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


def _granted_paths(answer: Answer, path: Words, claims: Mapping[str, Any]) -> list[Words]:
    if any(not rule.pattern.conditions for rule in answer.denies):
        return []
    granted = {
        filled
        for rule in answer.allows
        if (filled := _filled(path, rule.pattern.conditions, claims)) is not None
    }
    compared = [{one.claim for one in rule.pattern.conditions} for rule in answer.denies]
    if granted and any(names <= claims.keys() for names in compared):
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
