"""The classes into which the requests of a route fall: those of one are decided by the same rules.

A route that tells its path is one class, whatever the values. Below a ``{proxy+}``, for
``$default``, and where the authorizer is not told the route, the path decides. The segments that
policy and API name divide the endless many paths into finitely many classes: at every position,
each literal that is named there, and any other one. Which rules count in a class is not found out
here: the policy is asked about one path of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from authorizer.cli.analysis.routes import AskedRoute, PathPattern, RouteKind
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.paths import MOST_SEGMENTS, PARAMETER, safe_segments
from authorizer.policy.route_tree import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.conditions import Excluded, Term

# The routes of an API, each at its place with its methods.
Competing = Place
# Ten thousand rules of a usual kind make fewer than as many; a crafted few could make billions.
MOST_CLASSES = 100_000
# A segment that no rule and no route has: its slash can stand in none.
OTHER_SEGMENT = "/other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathClass:
    """Paths that the same rules match.

    Attributes:
        terms: per segment, what is compared with a claim: the literal that stands there, or the
            position of a segment that may be any other.
        excluded: which literals a segment is not.
        goes_on: whether paths that go on below are of this class, too.
    """

    terms: tuple[Term, ...]
    excluded: Excluded = ()
    goes_on: bool = False

    @property
    def example(self) -> tuple[str, ...]:
        """The segments of one such path."""
        return tuple(term if isinstance(term, str) else OTHER_SEGMENT for term in self.terms)

    @property
    def literals(self) -> int:
        """How many segments are told apart from all others."""
        return sum(isinstance(term, str) for term in self.terms)

    @property
    def shown(self) -> str:
        """The class for people: ``/a/*``, and ``/a/**`` if it goes on."""
        segments = (term if isinstance(term, str) else "*" for term in self.terms)
        return "/" + "/".join(segments) + ("/**" if self.goes_on else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClass:
    """Some methods and paths of a route, for which the same rules count."""

    route: AskedRoute
    paths: PathClass
    methods: tuple[str, ...]


class Partition:
    """What the segments of policies and of their APIs tell apart."""

    def __init__(self, *trees: Place) -> None:
        """Take the trees in which the rules of each policy stand, and the routes that it knows."""
        self._trees = trees

    def path_classes(self, route: AskedRoute) -> Iterator[PathClass]:
        """The classes of a route's paths.

        Raises:
            ConfigurationError: there are more than anyone would wait for.
        """
        # Counted before any is judged, which takes ten times as long as walking.
        if sum(1 for _ in islice(self.walk(route), MOST_CLASSES + 1)) > MOST_CLASSES:
            raise ConfigurationError([_too_many(route)])
        yield from self.walk(route)

    def walk(self, route: AskedRoute, within: PathPattern | None = None) -> Iterator[PathClass]:
        """The same, however many they are, or those of paths that another pattern has, too."""
        if route.tells_path:
            yield PathClass(terms=tuple(range(len(route.path))))
            return
        fewest, most, told = _in_common([one for one in (route.pattern, within) if one])
        # No recursion: a path may have more segments than Python has frames.
        waiting = [_Front(nodes=self._trees)]
        while waiting:
            front = waiting.pop()
            depth = len(front.terms)
            is_end = depth == most
            if depth >= fewest:
                yield front.path_class(is_end=is_end)
                if is_end or not front.nodes:
                    continue  # whatever is further below, nothing changes any more
            waiting += reversed(front.after(told[depth] if depth < len(told) else PARAMETER))


def widest_classes(own: PathPattern, other: PathPattern, longest: int) -> Iterator[PathClass]:
    """Of the paths that two patterns have in common: those with no segment that need not be.

    One class of each length, up to a longest one; whatever matches all of it, matches every other
    class of that length.
    """
    fewest, most, told = _in_common([own, other])
    for length in range(fewest, max(fewest, longest if most is None else most) + 1):
        segments = enumerate((*told, *(PARAMETER,) * length)[:length])
        yield PathClass(terms=tuple(at if one == PARAMETER else one for at, one in segments))


def _in_common(patterns: Sequence[PathPattern]) -> tuple[int, int | None, list[str]]:
    """How many segments paths of all these patterns have, at least and at most, and which."""
    fewest = max(len(one.path) + (one.more or 0) for one in patterns)
    most = min((len(one.path) for one in patterns if one.more is None), default=None)
    known = zip_longest(*(one.path for one in patterns), fillvalue=PARAMETER)
    told = [next((one for one in both if one != PARAMETER), PARAMETER) for both in known]
    return fewest, most, told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """Where one is in the tree after some segments: at several nodes at once."""

    nodes: tuple[Place, ...]
    terms: tuple[Term, ...] = ()
    excluded: Excluded = ()

    def path_class(self, *, is_end: bool) -> PathClass:
        goes_on = not (self.nodes or is_end)
        return PathClass(terms=self.terms, excluded=self.excluded, goes_on=goes_on)

    def after(self, told: str) -> list[_Front]:
        """What the next segment may be: one that is told, or each literal and then any other."""
        if told != PARAMETER:
            return [self._step(told, told, self.excluded)]
        names = sorted({name for node in self.nodes for name in node.children if _can_stand(name)})
        at = len(self.terms)
        excluded = (*self.excluded, (at, frozenset(names))) if names else self.excluded
        literals = [self._step(name, name, self.excluded) for name in names]
        return [*literals, self._step(PARAMETER, at, excluded)]

    def _step(self, segment: str, term: Term, excluded: Excluded) -> _Front:
        nodes = tuple(
            node.children[name]
            for node in self.nodes
            for name in dict.fromkeys((segment, PARAMETER))
            if name in node.children
        )
        return _Front(nodes=nodes, terms=(*self.terms, term), excluded=excluded)


def _can_stand(segment: str) -> bool:
    """Whether a path with that segment is judged at all, and the segment is what it says."""
    return "%" not in segment and safe_segments(f"/{segment}") is not None


def _too_many(route: AskedRoute) -> str:
    return (
        f"expected at most {MOST_CLASSES} kinds of paths that the policy tells apart on "
        f"{clip(route.key)}, found more: its rules mix literals and parameters in too many places"
    )


# --- by methods, and without what other routes get ------------------------------------------------


def competing_routes(routes: Iterable[AskedRoute]) -> Competing:
    """The routes of an API, of which one may get a request that another one could."""
    competing = Place()
    for route in routes:
        # $default takes what is left, and no request gets to a longer one.
        if route.kind is not RouteKind.DEFAULT and len(route.path) <= MOST_SEGMENTS:
            place = competing.place(route.path, is_tail=route.is_open_ended)
            place.methods.update(route.methods)
    return competing


def methods_left(route: AskedRoute, paths: PathClass, competing: Competing | None) -> list[str]:
    """The methods of a class of paths that come by a route, and by none that is more specific."""
    length = len(paths.terms)
    places = () if competing is None or route.tells_path else competing.matching(paths.example)
    preferred = [place for place in places if _is_preferred(place, route)]
    return [
        method
        for method in route.methods
        if not any(place.is_route_of(method, length) for place in preferred)
    ]


def _is_preferred(place: Place, route: AskedRoute) -> bool:
    """Whether what is a route at a place gets a path before one gets it that does not tell it.

    Where one is literal and then the other is, kinds of APIs differ: neither counts as preferred.
    """
    is_own = place.path == route.path and place.is_tail == route.is_open_ended
    is_shorter = place.is_tail and len(place.path) < len(route.path)
    if route.kind is RouteKind.DEFAULT:
        return True
    return not is_own and not is_shorter and place.may_be_of(route.path)
