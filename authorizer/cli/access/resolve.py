"""Where the path decides: which places have a say, as ``Policy.decide`` resolves a path.

Where no route is named, and the API's are known, an allow counts if its place covers the one that
the path leads to, a deny also if it covers one that API Gateway might prefer. Otherwise, and on
greedy routes, an allow counts if its place covers the most specific one, and every deny counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.access.rows import Kind, row_of_key
from authorizer.policy.routes import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from authorizer.cli.access.rows import Row
    from authorizer.cli.access.spots import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """The places whose allows count, and those whose denies do."""

    granting: Sequence[Place] = ()
    denying: Sequence[Place] = ()


class Resolver:
    """Resolves paths among the routes of an API, or among the places that rules name."""

    def __init__(self, ruled: Container[Place], routes: Iterable[str] | None) -> None:
        """Note where the routes are.

        Args:
            ruled: the places that have rules.
            routes: their keys, if they are known.
        """
        self._ruled = ruled
        self._methods: dict[Place, set[str]] | None = None
        if routes is not None:
            self._methods = defaultdict(set)
            for key in routes:
                row = row_of_key(key)
                method, blank, _ = key.partition(" ")
                self._methods[row.path, row.is_open_ended].add(method if blank else ANY)
                if row.kind is Kind.DEFAULT:  # all paths, and thus the one without a segment, too
                    self._methods[row.path, False].add(ANY)

    @property
    def places(self) -> frozenset[Place]:
        """The places of the routes."""
        return frozenset(self._methods or ())

    def deciding(self, row: Row, places: Sequence[Place], method: str, length: int) -> Deciding:
        """The places that decide.

        Args:
            row: the route.
            places: those that match a path, the most specific one first.
            method: of the request.
            length: how many segments the path has.
        """
        if self._methods is None or not places:
            told = row.path if row.is_named else ()
            return Deciding(granting=_above(places[:1], places, told), denying=places)
        taking = {place for place in places if _takes(place, method, length, self._methods)}
        known = [place for place in places if place in taking or self._has_say(place)]
        routed = [place for place in known if place in taking]
        if not routed:
            return Deciding()
        told = row.path if row.is_named and row.path else routed[0][0]
        if row.is_named or routed[0][1]:
            # A greedy route does not tell the path; the policy may know more of it.
            return Deciding(granting=_above(known[:1], known, told), denying=known)
        best, *others = routed
        rivals = [best, *(one for one in others if not self._surely_beats(best, one, method))]
        is_sure = not any(is_greedy for _, is_greedy in rivals)
        return Deciding(
            granting=_above([best], known, told),
            denying=[
                place
                for place in known
                if not is_sure or any(_is_below(one, place) for one in rivals)
            ],
        )

    def _has_say(self, place: Place) -> bool:
        # What is a route for other methods only is none here.
        return place in self._ruled or place not in (self._methods or ())

    def _surely_beats(self, place: Place, other: Place, method: str) -> bool:
        """Whether API Gateway prefers a route to another one, of two that match a request."""
        methods = self._methods or {}
        pairs = zip(place[0], other[0], strict=False)
        return (method in methods[place] or method not in methods[other]) and all(
            theirs in (PARAMETER, own) for own, theirs in pairs
        )


def _takes(place: Place, method: str, length: int, methods: Mapping[Place, set[str]]) -> bool:
    """Whether the API has a route there that takes the method, and a path of so many segments."""
    path, is_greedy = place
    if is_greedy and length == len(path):
        return False  # a greedy route takes one segment more, or several
    return not {method, ANY}.isdisjoint(methods.get(place, ()))


def _above(best: Sequence[Place], places: Sequence[Place], told: tuple[str, ...]) -> list[Place]:
    """The places that cover the best one, and are not of another route than is known."""
    return [
        place
        for place in places
        if any(_is_below(one, place) for one in best) and _may_be_of(place, told)
    ]


def _is_below(place: Place, other: Place) -> bool:
    """Whether the other one covers this one: it is the same, or a /** above it."""
    (path, _), (above, is_tail) = place, other
    return place == other or (is_tail and path[: len(above)] == above)


def _may_be_of(place: Place, told: tuple[str, ...]) -> bool:
    """Whether no parameter of the place stands where the route is literal."""
    pairs = zip(place[0], told, strict=False)
    return not any(own == PARAMETER != known for own, known in pairs)
