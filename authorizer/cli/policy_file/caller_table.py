"""The table by which the authorizer makes one document for all that a caller may do.

Everything that takes long depends on the routes and the rules alone, so it is worked out when the
policy is compiled: of each *part* that rules grant (a route, or those of its paths that have the
caller's own value) what its glob covers besides, and of each deny what it would take away. What is
left for a request are unions and look-ups: ``authorizer.policy.caller_document``.

A *spot* is what globs cover and what may not be granted: words of a route; or of no route, with
more segments than a glob is meant for, or with empty ones. Whatever is allowed, each of its spots
is granted or denied. A deny is only used if it takes nothing away that is granted.

Sets are integers: each bit is a part, or a spot.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from authorizer.cli.policy_file.route_parts import (
    KnownRoute,
    KnownRoutes,
    outweighs,
)
from authorizer.cli.policy_file.words import (
    STAR,
    Index,
    TooManyWaysError,
    Words,
    covers,
    covers_shape,
    is_claim,
    meet,
)
from authorizer.policy.paths import ANY, PARAMETER, parse_route, split_route_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.policy.decision import Policy
    from authorizer.policy.model import RoutePattern, Rule

    Item = TypeVar("Item")
    # Words of a route, or of none.
    Spot = tuple[KnownRoute | None, Words]

Table = dict[str, Any]
# Of more routes, or of such as meet in more spots, the table would be larger than all else in the
# policy, and to compare more globs takes ten seconds.
_MOST_ROUTES = 2_000
_MOST_SPOTS = 8_000
_MANY_SPOTS = 500
_MOST_COMPARED = 600_000
# The table is read at each cold start: more takes half a second.
_MOST_BYTES = 2_000_000
# Rules that cover routes: with more, it takes long to tell the routes' methods apart.
_MOST_COVERING = 1_000_000
# Empty segments: no parameter's value is one, and a REST API gives /users/ to the route /users.
_EMPTY = ((STAR, "", STAR), (STAR, STAR, ""))
_EVERYTHING = (STAR, STAR)


def caller_table(policy: Policy) -> Table | None:
    """What ``policy.json`` has as ``callers``, of a policy with its API's routes.

    Returns:
        Nothing where the API is too large for it.
    """
    if len(policy.routes or ()) > _MOST_ROUTES or _covering(policy) > _MOST_COVERING:
        return None
    # Whatever meets in many spots, such as routes that begin with a parameter, meets in few routes.
    for most_spots, is_coarse in (
        (_MANY_SPOTS + 10 * len(policy.routes or ()), False),
        (_MOST_SPOTS, True),
    ):
        with suppress(TooManyWaysError):
            table = _Compiler(policy, most_spots, is_coarse=is_coarse).table()
            if len(json.dumps(table)) <= _MOST_BYTES:
                return table
    return None


def _covering(policy: Policy) -> int:
    """How many rules cover the routes, each counted with each of them."""
    routes = (parse_route(split_route_key(key)[1]) for key in policy.routes or ())
    return sum(
        len(of_subject)
        for route in routes
        for place in policy.tree.covering(route.path if route else ())
        for of_subject in place.rules.values()
    )


def with_callers(policy: Policy) -> Policy:
    """A policy with the table for the routes that it has, whatever it was compiled with."""
    return replace(policy, callers=None if policy.routes is None else caller_table(policy))


class _Compiler:
    """Makes the table of one policy."""

    def __init__(self, policy: Policy, most_spots: int, *, is_coarse: bool) -> None:
        self._policy = policy
        self._most_spots = most_spots
        self._is_coarse = is_coarse
        self._known = KnownRoutes.of(policy)
        self._parts = list(self._known.parts())
        self._routes = Index(self._known.plain, lambda route: route.shape)
        self._part_index = Index(list(enumerate(self._parts)), lambda pair: pair[1].words)
        self._wholes = {
            part.route: at for at, part in enumerate(self._parts) if part.words == part.route.shape
        }
        # The rules that allow everything below some literals: without a parameter, none compares.
        self._wide: dict[Words, list[Rule]] = defaultdict(list)
        for rule in policy.rules:
            pattern = rule.pattern
            if rule.effect == "allow" and pattern.tail and PARAMETER not in pattern.path:
                self._wide[pattern.path].append(rule)
        # A slash too many cannot be denied altogether where routes end in one.
        self._slashed = [words for words in self._known.declared if words[2:] and not words[-1]]
        self._with_slash = Index(
            [route for route in self._known.plain if self._slashed and route.shape[-1]],
            lambda route: (*route.shape, ""),
        )
        self._spots: dict[Spot, int] = {}
        self._longer: set[Words] = set()
        self._compared_globs = 0

    def table(self) -> Table:
        """The table, as plain values."""
        hits = [self._hits(part.words) for part in self._parts]
        folds = [self._fold(glob) for glob in self._fold_globs()]
        denies = self._denies({tuple(fold["glob"].split("/")) for fold in folds})
        spare, empty = (
            _bits(at for (route, words), at in self._spots.items() if not route and words in some)
            for some in (self._longer, _EMPTY)
        )
        is_greedy = bool(self._known.greedy)
        return {
            "parts": [
                {
                    "glob": "/".join(part.words),
                    "values": {
                        word[1:-1]: part.taken(word) for word in filter(is_claim, part.words)
                    },
                    # The part that is all of its route; none where it is that itself.
                    "whole": _bits({self._wholes.get(part.route, at)} - {at}),
                    "within": self._within(at, part.words),
                    "hits": hits[at],
                }
                for at, part in enumerate(self._parts)
            ],
            "words": self._known.literals(),
            "folds": folds,
            "denies": denies,
            "granted_by": [self._granting(route, words) for route, words in self._spots],
            # With a greedy route in the API, whatever is covered besides belongs to that one.
            "spare": 0 if is_greedy else spare & ~empty,
            "wanted": 0 if is_greedy else spare | empty,
            "shared": _bits(at for at, part in enumerate(self._parts) if self._known.shares(part)),
            "below": self._below(),
            "compared": self._compared(),
            "subjects": self._subjects(),
        }

    def _hits(self, glob: Words, *, is_fold: bool = False) -> int:
        """The spots of a glob."""
        spots: list[Spot] = [
            (route, _widened(words, route.shape) if is_fold or self._is_coarse else words)
            for route in self._near(self._routes, glob)
            for words in meet(glob, route.shape)
            if self._wins(route, words)
        ]
        spots += [
            (route, (*route.shape, "") if is_fold or self._is_coarse else words)
            for route in self._near(self._with_slash, glob)
            for words in meet(glob, (*route.shape, ""))
            if self._wins(route, words[:-1])
            and not any(covers_shape(slashed, words) for slashed in self._slashed)
        ]
        stars = [at for at, word in enumerate(glob) if word == STAR]
        if stars and not (is_fold and glob == _EVERYTHING):
            # A fold is meant to have more segments at its end.
            for at in stars[:-1] if is_fold else stars:
                longer = (*glob[:at], STAR, *glob[at:])
                self._longer.add(longer)
                spots.append((None, longer))
            spots += [(None, words) for words in _EMPTY]
            # The root ends in a slash, too, and is $default's where there is no other route for it.
            if self._known.greedy and glob[1:] == (STAR,):
                spots.append((None, (glob[0], "")))
        for spot in spots:
            self._spots.setdefault(spot, len(self._spots))
        if len(self._spots) > self._most_spots:
            raise TooManyWaysError
        return _bits(self._spots[spot] for spot in spots)

    def _fold_globs(self) -> list[Words]:
        """Globs that may stand for several parts: of one method, or all, below some segments."""
        if self._known.greedy:
            return []
        globs = {
            (method, *words[1:length], STAR)
            for words in {part.words for part in self._parts}
            for method in (STAR, words[0])
            for length in range(1, len(words))
            if not any(word == STAR or is_claim(word) for word in words[1:length])
        }
        # A star in place of a method crosses into every path: only where a rule says as much.
        globs -= {glob for glob in globs if glob[0] == STAR and not self._subjects_of(glob)}
        found: dict[frozenset[int], Words] = {}
        # Of those that stand for the same, the one with most segments covers least besides.
        for glob in sorted(
            globs - {_EVERYTHING}, key=lambda glob: (-len(glob), STAR in glob[0], glob)
        ):
            parts = frozenset(self._covered(glob))
            if len(parts) > 1:
                found.setdefault(parts, glob)
        folds = [_EVERYTHING, *found.values()] if self._parts else []
        return sorted(folds, key=lambda glob: (len(glob), glob[0] != STAR, glob))

    def _fold(self, glob: Words) -> Table:
        return {
            "glob": "/".join(glob),
            "parts": _bits(self._covered(glob)),
            "hits": self._hits(glob, is_fold=True),
            "subjects": self._subjects_of(glob),
        }

    def _subjects_of(self, glob: Words) -> list[str]:
        """Who is allowed all that a glob is meant for, by one rule."""
        method = ANY if glob[0] == STAR else glob[0]
        return sorted(
            {
                rule.subject
                for length in range(1, len(glob))
                for rule in self._wide[glob[1:length]]
                if rule.pattern.covers_method(method)
            }
        )

    def _covered(self, glob: Words) -> list[int]:
        """The parts that a glob allows."""
        near = self._near(self._part_index, glob)
        return [at for at, part in near if covers(glob, part.words)]

    def _within(self, at: int, words: Words) -> int:
        """The parts whose globs allow this one, too."""
        near = self._near(self._part_index, words)
        return _bits(
            other
            for other, part in near
            if other != at and covers(part.words, words) and (part.words != words or other < at)
        )

    def _denies(self, folds: set[Words]) -> list[Table]:
        """What may be denied to keep spots out: as widely as can be, or nothing but these."""
        globs = folds | {words for _, words in self._spots}
        globs |= {route.shape for route, _ in self._spots if route is not None}
        index = Index(list(self._spots.items()), lambda item: item[0][1])
        found = []
        for glob in globs - {_EVERYTHING}:
            spots = [
                number for (_, words), number in self._near(index, glob) if covers(glob, words)
            ]
            if spots:
                found.append((-len(spots), len(glob), glob, _bits(spots)))
        return [
            {"glob": "/".join(glob), "takes": self._taken(glob), "covers": spots}
            for _, _, glob, spots in sorted(found)
        ]

    def _taken(self, glob: Words) -> int:
        """The parts that would lose something if a glob were denied."""
        return _bits(
            at
            for at, part in self._near(self._part_index, glob)
            if any(self._wins(part.route, words) for words in meet(glob, part.words))
        )

    def _granting(self, route: KnownRoute | None, words: Words) -> int:
        """The parts that grant a spot."""
        if route is not None:
            words = words[: len(route.shape)]  # without a slash too many
        return _bits(
            at
            for at, part in self._near(self._part_index, words)
            if (part.route is route and covers_shape(part.words, words))
            or (route is None and part.words == words)
        )

    def _below(self) -> list[Table]:
        """Who is granted something where the path decides, unless somebody is denied it."""
        allowed: dict[str, list[Rule]] = defaultdict(list)
        for rule in self._policy.rules if self._known.greedy else ():
            if rule.effect == "allow":
                allowed[rule.pattern.text].append(rule)
        found: dict[str, set[frozenset[str]]] = defaultdict(set)
        for rules in allowed.values():
            self._count(len(self._known.greedy))
            if self._known.may_grant_below(rules[0].pattern):
                unless = self._denied(rules[0].pattern)
                for rule in rules:
                    found[rule.subject].add(unless)
        return [
            {"subject": subject, "unless": unless}
            for subject in sorted(found)
            for unless in sorted(map(sorted, found[subject]))
        ]

    def _denied(self, pattern: RoutePattern) -> frozenset[str]:
        """Who is denied whatever a rule allows."""
        words = [tuple({word, PARAMETER}) for word in pattern.path]
        near = [
            rule
            for place in self._policy.tree.found(words)
            for of_subject in place.rules.values()
            for rule in of_subject.values()
        ]
        self._count(len(near))
        return frozenset(
            rule.subject
            for rule in near
            if rule.effect == "deny" and outweighs(rule.pattern, pattern)
        )

    def _compared(self) -> list[Table]:
        """Which denies compare claims, and what they deny something of."""
        found: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
        for at, part in enumerate(self._parts):
            for claims, subjects in part.comparing.items():
                for subject in subjects:
                    found[subject, tuple(sorted(claims))] |= 1 << at
        return [
            {"subject": subject, "claims": list(claims), "parts": parts}
            for (subject, claims), parts in sorted(found.items())
        ]

    def _subjects(self) -> Table:
        """What each subject is allowed, and what it is denied."""
        found: Table = {}
        for at, part in enumerate(self._parts):
            for effect, subjects in (("allow", part.allowing), ("deny", part.denying)):
                for subject in subjects:
                    row = found.setdefault(subject, {"allow": 0, "deny": 0})
                    row[effect] |= 1 << at
        return dict(sorted(found.items()))

    def _wins(self, route: KnownRoute, words: Words) -> bool:
        """Whether some of the words are a route's: it is compared with each that wins over it."""
        self._count(len(route.winners) // 8)
        return route.wins(words)

    def _near(self, index: Index[Item], words: Words) -> list[Item]:
        found = index.near(words)
        self._count(len(found) * (1 + len(words) // 8))
        return found

    def _count(self, compared: int) -> None:
        self._compared_globs += compared
        if self._compared_globs > _MOST_COMPARED:
            raise TooManyWaysError


def _widened(words: Words, shape: Words) -> Words:
    """All words of a route that are not somebody's own, for some of them."""
    return tuple(
        word if is_claim(word) else known for word, known in zip(words, shape, strict=True)
    )


def _bits(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in {*numbers})
