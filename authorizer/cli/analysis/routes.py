"""The routes that are asked about: a template's, or those that a policy's rules name.

Each with the methods that get to it: ``ANY /x`` answers for those that have no route of their own
at ``/x``. A rule that ends in ``/**`` names no route; it stands for every route below that no other
line names.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import PathPattern
from authorizer.policy.paths import ANY, CONNECT, METHODS, PARAMETER, parse_route

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from authorizer.policy.model import RoutePattern

# Stands for every method beyond the usual ones: only ANY covers it.
OTHER_METHODS = "OTHER"
EVERY_METHOD = (*METHODS, OTHER_METHODS)


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

    @property
    def place(self) -> tuple[RouteKind, tuple[str, ...]]:
        """What it shares with the routes of other methods."""
        return self.kind, self.path


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
    once: dict[tuple[tuple[RouteKind, tuple[str, ...]], str], AskedRoute] = {}
    for route in routes:
        once.setdefault((route.place, route.methods[0]), route)
    taken: dict[tuple[RouteKind, tuple[str, ...]], set[str]] = {}
    for place, method in once:
        taken.setdefault(place, set()).add(method)
    return tuple(_spelled_out(route, taken[route.place]) for route in once.values())


def _spelled_out(route: AskedRoute, taken: set[str]) -> AskedRoute:
    if route.methods != (ANY,):
        return route
    methods = tuple(method for method in EVERY_METHOD if method not in taken)
    return replace(route, methods=methods)


def _reading_order(route: AskedRoute) -> tuple[tuple[str, ...], int]:
    order = (*METHODS, ANY, "")
    # What stands for all the other routes comes after them.
    path = (*route.path, chr(sys.maxunicode)) if route.is_open_ended else route.path
    return (path, order.index(route.methods[0]))
