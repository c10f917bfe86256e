"""What concrete paths a rule or a route stands for, and the routes that are asked about.

A *path pattern* is canonical segments, and how many more may follow: none for ``/users/{id}``, one
or more for ``/files/{proxy+}``, any number for ``/admin/**`` and ``$default``. Patterns stand in
the tree that the policy decides by, where those that have a path in common with another one are
found without trying all of them: a policy has thousands of rules, an API hundreds of routes.

The routes are a template's, or those that a policy's rules name, each with the methods that get to
it: ``ANY /x`` answers for those that have no route of their own at ``/x``. A rule that ends in
``/**`` names no route; it stands for every route below that no other line names.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    MOST_SEGMENTS,
    PARAMETER,
    parse_route,
)
from authorizer.policy.route_tree import BELOW, Place

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from authorizer.policy.model import RoutePattern, Rule

Item = TypeVar("Item")
# Stands for every method beyond the usual ones: only ANY covers it.
OTHER_METHODS = "OTHER"
EVERY_METHOD = (*METHODS, OTHER_METHODS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPattern:
    """The concrete paths of a rule or route.

    Attributes:
        path: canonical segments.
        more: least number of further segments; nothing where none may follow.
    """

    path: tuple[str, ...]
    more: int | None = None

    def has_length_of(self, other: PathPattern) -> bool:
        """Whether a path can be as long as both want it."""
        if self.more is None:
            return other.takes(len(self.path))
        return other.more is not None or self.takes(len(other.path))

    def overlaps(self, other: PathPattern) -> bool:
        """Whether some path has both shapes."""
        return self.has_length_of(other) and all(
            own == theirs or PARAMETER in (own, theirs)
            for own, theirs in zip(self.path, other.path, strict=False)
        )

    def covers(self, segments: tuple[str, ...]) -> bool:
        """Whether a concrete path is one of these: no parameter is empty."""
        return self.takes(len(segments)) and all(
            own == segment or (own == PARAMETER and segment != "")
            for own, segment in zip(self.path, segments, strict=False)
        )

    def takes(self, length: int) -> bool:
        """Whether it has paths of that many segments."""
        if self.more is None:
            return length == len(self.path)
        return length >= len(self.path) + self.more


def pattern_of_rule(pattern: RoutePattern) -> PathPattern:
    """The paths that a rule covers."""
    return PathPattern(path=pattern.path, more=0 if pattern.tail else None)


@lru_cache(maxsize=4096)
def pattern_of_route(template: str) -> PathPattern:
    """The paths that a route takes: any, where the template does not tell."""
    route = parse_route(template)
    if route is None:
        return PathPattern(path=(), more=0)
    return PathPattern(path=route.path, more=1 if route.greedy else None)


def overlapping(tree: Place, pattern: PathPattern) -> Iterator[Place]:
    """The places of a tree that may have a concrete path in common with a pattern.

    All that have it but for the length of what follows a ``/**``.
    """
    # No recursion: a path may have more segments than Python has frames.
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        is_below = depth >= len(pattern.path)
        if node.is_named and pattern.takes(depth):
            yield node
        if BELOW in node.children:
            yield node.children[BELOW]
        if is_below and pattern.more is None:
            continue
        names: Iterable[str] = [name for name in node.children if name != BELOW]
        if not is_below and pattern.path[depth] != PARAMETER:
            names = (pattern.path[depth], PARAMETER)
        children = [node.children[name] for name in names if name in node.children]
        waiting += [(child, depth + 1) for child in reversed(children)]


class Placed(Generic[Item]):
    """Things that stand in a tree, each at its path pattern."""

    def __init__(self, items: Iterable[tuple[PathPattern, Item]]) -> None:
        self._tree = Place()
        self._items: dict[Place, list[tuple[PathPattern, Item]]] = defaultdict(list)
        for pattern, item in items:
            # A template may have any length.
            is_tail = pattern.more is not None or len(pattern.path) > MOST_SEGMENTS
            place = self._tree.place(pattern.path[:MOST_SEGMENTS], is_tail=is_tail)
            self._items[place].append((pattern, item))

    def overlapping(self, pattern: PathPattern) -> Iterator[Item]:
        """The things that have a concrete path in common with a pattern."""
        for place in overlapping(self._tree, pattern):
            yield from (item for own, item in self._items[place] if own.overlaps(pattern))


# --- the routes that are asked about --------------------------------------------------------------


class RouteKind(Enum):
    """What the route tells of the path."""

    EXACT = auto()  # all of it, but for parameters
    BELOW = auto()  # where it starts; a route nonetheless, and none that a rule names
    GREEDY = auto()  # where it starts, and the rest is decided by the path itself
    DEFAULT = auto()  # nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRoute:
    """A route.

    Attributes:
        key: as API Gateway names it, or as the rule does.
        path: canonical segments, as far as they are told.
        names: the parameter's name per segment.
        methods: those that get here; one empty text for ``$connect``.
        is_named: whether the route is named to who is asked about it, and not the path alone.
    """

    key: str
    kind: RouteKind
    path: tuple[str, ...]
    names: tuple[str | None, ...]
    methods: tuple[str, ...]
    is_named: bool = True

    @property
    def tells_path(self) -> bool:
        """Whether rules are compared with the route, and not with the path."""
        return self.is_named and self.kind in {RouteKind.EXACT, RouteKind.BELOW}

    @property
    def is_open_ended(self) -> bool:
        """Whether it goes on below what is told."""
        return self.kind is not RouteKind.EXACT

    @property
    def pattern(self) -> PathPattern:
        """The paths that get here."""
        more = {RouteKind.EXACT: None, RouteKind.GREEDY: 1}.get(self.kind, 0)
        return PathPattern(path=self.path, more=more)


def asked_routes(keys: Iterable[str], unnamed: Container[str] = ()) -> tuple[AskedRoute, ...]:
    """A template's routes, in their order.

    Args:
        keys: such as ``GET /users/{id}``, ``ANY /x``, ``/files/{proxy+}``, ``$default``.
        unnamed: those whose authorizer is given the concrete path alone.
    """
    return _with_methods(replace(asked_route(key), is_named=key not in unnamed) for key in keys)


def routes_of_rules(patterns: Iterable[RoutePattern]) -> tuple[AskedRoute, ...]:
    """The routes that rules name: by path, and then by method."""
    routes = [route for pattern in patterns for route in _routes_of_rule(pattern)]
    return _with_methods(sorted(routes, key=_reading_order))


def named_routes(patterns: Iterable[RoutePattern]) -> tuple[str, ...]:
    """The keys of routes that rules speak of, for want of those of the API; each once.

    Names of parameters are those of the first rule. One that ends in ``/**`` speaks of two.
    """
    keys: dict[tuple[object, ...], str] = {}
    for route in chain.from_iterable(map(_routes_of_rule, patterns)):
        key, place = route.key.removesuffix("/**"), (route.methods, route.path)
        keys.setdefault((place, "exact"), f"{key}/" if key.endswith(" ") else key)
        if route.is_open_ended:
            keys.setdefault((place, "below"), f"{key}/{{proxy+}}")
    return tuple(keys.values())


def asked_route(key: str) -> AskedRoute:
    """One route, as if it were the only one."""
    method, blank, path = key.partition(" ")
    if not blank:
        method, path = ANY, key
    route = parse_route(path)
    if route is None:
        return AskedRoute(key=key, kind=RouteKind.DEFAULT, path=(), names=(), methods=(method,))
    return AskedRoute(
        key=key,
        kind=RouteKind.GREEDY if route.greedy else RouteKind.EXACT,
        path=route.path,
        names=route.names,
        methods=("",) if path == CONNECT else (method,),
    )


def _routes_of_rule(pattern: RoutePattern) -> Iterator[AskedRoute]:
    if pattern.text == CONNECT:
        yield asked_route(CONNECT)
        return
    written = pattern.text.partition(" ")[2].removesuffix("/**")
    segments = written[1:].split("/") if written.strip("/") else []
    names = tuple(
        segment.strip("{}").partition("=")[0] if canonical == PARAMETER else None
        for segment, canonical in zip(segments, pattern.path, strict=True)
    )
    shown = "".join(
        f"/{segment if name is None else f'{{{name}}}'}"
        for segment, name in zip(pattern.path, names, strict=True)
    )
    tail = "/**" if pattern.tail else ""
    for method in sorted(pattern.methods):
        yield AskedRoute(
            key=f"{method} {shown + tail or '/'}",
            kind=RouteKind.BELOW if pattern.tail else RouteKind.EXACT,
            path=pattern.path,
            names=names,
            methods=(method,),
        )


def _with_methods(routes: Iterable[AskedRoute]) -> tuple[AskedRoute, ...]:
    """Each route once, and ``ANY`` as what no other route of the same path takes."""
    once: dict[tuple[object, str], AskedRoute] = {}
    for route in routes:
        once.setdefault(((route.kind, route.path), route.methods[0]), route)
    return tuple(
        replace(route, methods=tuple(one for one in EVERY_METHOD if (place, one) not in once))
        if method == ANY
        else route
        for (place, method), route in once.items()
    )


def _reading_order(route: AskedRoute) -> tuple[tuple[str, ...], int]:
    order = (*METHODS, ANY, "")
    # What stands for all the other routes comes after them.
    path = (*route.path, chr(sys.maxunicode)) if route.is_open_ended else route.path
    return (path, order.index(route.methods[0]))


class PublicLines(Placed["Rule"]):
    """The lines that list public routes, by where they stand."""

    def __init__(self, lines: Iterable[Rule]) -> None:
        super().__init__((pattern_of_rule(line.pattern), line) for line in lines)

    def at(self, route: AskedRoute, method: str | None = None) -> Iterator[Rule]:
        """Those that make a route public, for one of its methods or for any."""
        for place in self._tree.covering(route.path[:MOST_SEGMENTS]):
            is_whole = not route.is_open_ended and len(place.path) == len(route.path)
            for _, line in self._items[place] if place.is_tail or is_whole else ():
                if method is None or line.pattern.covers_method(method):
                    yield line
