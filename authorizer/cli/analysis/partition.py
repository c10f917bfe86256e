"""The requests of a route, sorted by which rules match them.

A route that tells its path is one *spot*: the same rules cover it, whatever the values. Below a
``{proxy+}``, for ``$default``, and where the authorizer is not told the route, the path decides,
and the policy's literals divide the endless many paths into finitely many spots: at every place,
each literal that a rule has there, and any other one.

Where the path decides, places have a say as ``Policy.decide`` resolves a path: where no route is
named, and the API's are known, an allow counts if its place covers the one that the path leads to,
a deny also if it covers one that API Gateway might prefer. Otherwise, and on greedy routes, an
allow counts if its place covers the most specific one, and every deny counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from authorizer.cli.analysis.routes import Kind, Row, row_of_key
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.routes import ANY, PARAMETER, safe_segments

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.analysis.conditions import Excluded, Term

# Ten thousand rules of a usual kind make fewer than as many; a crafted few could make billions.
MOST_SPOTS = 100_000

# A canonical path, and whether everything below it belongs to it.
Place = tuple[tuple[str, ...], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Paths that the same places match.

    Attributes:
        places: those that match, the most specific one first.
        terms: per segment, what is compared with a claim; only of segments that are told apart.
        excluded: which literals a segment is not.
        goes_on: whether paths that go on below are of this spot, too.
        shown: such a path, for people.
    """

    places: tuple[Place, ...]
    terms: tuple[Term, ...]
    excluded: Excluded = ()
    goes_on: bool = False
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Some methods at one spot of a route, for which the same rules count."""

    row: Row
    spot: Spot
    methods: tuple[str, ...]


class Ground:
    """All places of a policy, or of several, as a tree."""

    def __init__(self, places: Iterable[Place]) -> None:
        """Plant the places."""
        self._root = _Node()
        for path, is_tail in places:
            node = self._root
            for segment in path:
                node = node.children.setdefault(segment, _Node())
            if is_tail:
                node.has_tail = True
            else:
                node.is_place = True

    def spots(self, row: Row) -> Iterator[Spot]:
        """The spots of a row.

        Raises:
            ConfigurationError: there are more than anyone would wait for.
        """
        if row.tells_path:
            yield self._of_route(row)
            return
        start = _Front(live=((self._root, (), ()),))
        most = len(row.path) if row.kind is Kind.EXACT else None
        fewest = 0 if row.kind is Kind.DEFAULT else len(row.path) + (most is None)
        # Counted before any is judged, which takes ten times as long as walking.
        fronts = islice(_walk(start, row.path, fewest, most), MOST_SPOTS + 1)
        if sum(1 for _ in fronts) > MOST_SPOTS:
            raise ConfigurationError([_too_many(row)])
        for front in _walk(start, row.path, fewest, most):
            yield front.spot(is_end=len(front.terms) == most)

    def _of_route(self, row: Row) -> Spot:
        found: list[Place] = []
        node: _Node | None = self._root
        for depth in range(len(row.path) + 1):
            if depth:
                node = node.children.get(row.path[depth - 1]) if node else None
            if node is None:
                break
            if node.has_tail:
                found.append((row.path[:depth], True))
            if depth == len(row.path) and node.is_place and not row.is_open_ended:
                found.append((row.path, False))
        return Spot(places=tuple(reversed(found)), terms=tuple(range(len(row.path))))


def _too_many(row: Row) -> str:
    return (
        f"expected at most {MOST_SPOTS} kinds of paths that the policy tells apart on "
        f"{clip(row.key)}, found more: its rules mix literals and parameters in too many places"
    )


class _Node:
    __slots__ = ("children", "has_tail", "is_place")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.has_tail = False
        self.is_place = False


# A node, how it was come to (0 for a literal, 1 for a parameter), and its canonical path.
_Live = tuple[_Node, tuple[int, ...], tuple[str, ...]]
# A /** that was passed, with how it was come to.
_Passed = tuple[tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """Where one is in the tree after some segments: at several nodes at once."""

    live: tuple[_Live, ...]
    passed: tuple[_Passed, ...] = ()
    terms: tuple[Term, ...] = ()
    excluded: Excluded = ()
    segments: tuple[str, ...] = ()

    def spot(self, *, is_end: bool) -> Spot:
        # A literal before a parameter, at the first place where two differ; the deeper before a
        # /** above it; the path itself before the /** that begins there.
        found = [((*steps, 2), (path, True)) for steps, path in self._tails()]
        found += [((*steps, 0), (path, False)) for node, steps, path in self.live if node.is_place]
        return Spot(
            places=tuple(place for _, place in sorted(found)),
            terms=self.terms,
            excluded=self.excluded,
            goes_on=not (self.live or is_end),
            shown="/" + "/".join(self.segments) + ("" if self.live or is_end else "/**"),
        )

    def _tails(self) -> tuple[_Passed, ...]:
        here = ((steps, path) for node, steps, path in self.live if node.has_tail)
        return (*self.passed, *here)

    def literals(self) -> list[str]:
        """The literals that are told apart in the next segment."""
        names = {name for node, _, _ in self.live for name in node.children}
        return sorted(name for name in names if name != PARAMETER and _can_stand(name))

    def after(self, literal: str) -> _Front:
        return self._step(literal, literal, self.excluded, literal)

    def after_any_other(self, literals: Iterable[str]) -> _Front:
        at = len(self.terms)
        never = frozenset(literals)
        excluded = (*self.excluded, (at, never)) if never else self.excluded
        return self._step(None, at, excluded, "*")

    def _step(self, literal: str | None, term: Term, excluded: Excluded, shown: str) -> _Front:
        names = (PARAMETER,) if literal is None else (literal, PARAMETER)
        return _Front(
            live=tuple(
                (node.children[name], (*steps, int(name == PARAMETER)), (*path, name))
                for node, steps, path in self.live
                for name in names
                if name in node.children
            ),
            passed=self._tails(),
            terms=(*self.terms, term),
            excluded=excluded,
            segments=(*self.segments, shown),
        )


def _walk(front: _Front, told: tuple[str, ...], fewest: int, most: int | None) -> Iterator[_Front]:
    """Every front from here on that is a spot.

    Args:
        front: where one is.
        told: what is known of the segments to come.
        fewest: how many segments a path must have at least.
        most: how many it may have; nothing where there is no end.
    """
    depth = len(front.terms)
    if depth >= fewest:
        yield front
        if not front.live or depth == most:
            return  # whatever is further below, nothing changes any more
    if depth < len(told) and told[depth] != PARAMETER:
        yield from _walk(front.after(told[depth]), told, fewest, most)
        return
    literals = front.literals()
    for literal in literals:
        yield from _walk(front.after(literal), told, fewest, most)
    yield from _walk(front.after_any_other(literals), told, fewest, most)


def _can_stand(literal: str) -> bool:
    """Whether a path with that segment is judged at all, and the segment is what it says."""
    return "%" not in literal and safe_segments(f"/{literal}") is not None


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
