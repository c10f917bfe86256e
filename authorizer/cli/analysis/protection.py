"""Which routes of a template our authorizer guards, and which nobody or somebody else does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING

from authorizer.cli.analysis.request import names_route
from authorizer.cli.check.shapes import shape_of_route
from authorizer.cli.template.model import ApiKind, Authorizer, AuthorizerKind, Route, Unknown
from authorizer.errors import clip
from authorizer.policy.routes import ANY, CONNECT, METHODS, parse_route

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from authorizer.cli.check.shapes import Shape
    from authorizer.cli.template.model import Api, FunctionVariables, Template

_LAMBDA = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)
_PREFIX = "AUTHORIZER_"
_POOLS = "AUTHORIZER_USER_POOLS"
# Long enough for a key to be recognized, and accepted, by.
_LONGEST_KEY = 120
# What a connection has instead of a method: only rules for ANY cover it.
_NO_METHOD = ("",)
# Methods of routes that take every method: $default has none.
_EVERY = frozenset({"", ANY})


class Guard(Enum):
    """Who decides about a route."""

    OURS = auto()
    OTHER = auto()
    NOBODY = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedRoute:
    """A route, with who decides about it.

    Attributes:
        methods: those of the requests that come this way. For every method but those that have a
            route of their own.
    """

    api: Api
    route: Route
    guard: Guard
    methods: tuple[str, ...]
    authorizer: Authorizer | None = None

    @property
    def name(self) -> str:
        """Its key, for a message."""
        return shown(self.route.key)

    @property
    def takes_every_method(self) -> bool:
        """Whether it is not a route for one method."""
        return self.route.method in _EVERY and self.route.path != CONNECT

    @property
    def is_told(self) -> bool:
        """Whether the authorizer is told the route; one of kind TOKEN never is."""
        return names_route(self.authorizer)

    @property
    def is_judged_by_path(self) -> bool:
        """Whether the concrete path decides, as where the route does not tell it."""
        route = parse_route(self.route.path)
        return not self.is_told or route is None or route.greedy


def shown(key: str) -> str:
    """A route's key for a message, quoted."""
    return clip(key, _LONGEST_KEY)


def guarded_routes(template: Template) -> Iterator[GuardedRoute]:
    """Every route that may carry an authorizer.

    Those that answer browsers' preflights are nobody's to guard. Of a WebSocket API only the
    connection is authorized, and everything after it with it.
    """
    for api in template.apis:
        own = {(route.method, shape_of_route(route.path)) for route in api.routes}
        for route in (*api.routes, *_unwritten(api)):
            methods = _methods_of(route, own)
            is_later = api.kind is ApiKind.WEBSOCKET and route.path != CONNECT
            if route.is_preflight or is_later or not methods:
                continue
            name = route.authorizer
            authorizer = api.authorizer(name) if isinstance(name, str) else None
            yield GuardedRoute(
                api=api,
                route=route,
                guard=_guard_of(template, route, authorizer),
                methods=methods,
                authorizer=authorizer,
            )


def _unwritten(api: Api) -> Iterator[Route]:
    """The connection that a WebSocket API takes from anybody where it has no route for it."""
    has_routes = api.kind is ApiKind.WEBSOCKET and api.is_complete and api.routes
    if has_routes and all(route.path != CONNECT for route in api.routes):
        yield Route(method="", path=CONNECT, authorizer=None, place=api.place)


def _methods_of(route: Route, own: Collection[tuple[str, Shape]]) -> tuple[str, ...]:
    if route.path == CONNECT:
        return _NO_METHOD
    if route.method not in _EVERY:
        return (route.method,)
    shape = shape_of_route(route.path)
    return tuple(method for method in METHODS if (method, shape) not in own)


def our_authorizers(template: Template) -> Iterator[tuple[Api, Authorizer]]:
    """Every authorizer that asks our function, used or not."""
    for api in template.apis:
        for authorizer in api.authorizers:
            if is_ours(template, authorizer):
                yield api, authorizer


def is_ours(template: Template, authorizer: Authorizer) -> bool:
    """Whether an authorizer surely asks our function."""
    return _guard_by(template, authorizer) is Guard.OURS


def _guard_by(template: Template, authorizer: Authorizer) -> Guard:
    """Who decides where an authorizer is asked.

    The settings of the template's functions tell which of them is ours. Where none has any, and
    all authorizers ask the same function, that one is meant.
    """
    if isinstance(authorizer.kind, Unknown):
        return Guard.UNKNOWN
    if authorizer.kind not in _LAMBDA:
        return Guard.OTHER
    asked = {one.function for api in template.apis for one in api.authorizers}
    ours = {
        one.id
        for one in template.functions
        if has_settings(one) and (one.id in asked or _may_start(one))
    }
    if not ours:
        return Guard.OURS if len(_asked_beside(template, authorizer)) == 1 else Guard.UNKNOWN
    if not isinstance(authorizer.function, str) or _has_rivals(template, authorizer):
        return Guard.UNKNOWN
    return Guard.OURS if authorizer.function in ours else Guard.OTHER


def _has_rivals(template: Template, authorizer: Authorizer) -> bool:
    """Whether functions of its file that are asked have settings of ours, but not the same code."""
    asked = {one.function for api in template.apis for one in api.authorizers}
    settled = [one for one in template.functions if one.id in asked and has_settings(one)]
    own = next((one for one in settled if one.id == authorizer.function), None)
    return own is not None and any(
        one.code != own.code and one.place.file == own.place.file for one in settled
    )


def _asked_beside(template: Template, authorizer: Authorizer) -> set[object]:
    """The functions that the Lambda authorizers of an authorizer's file ask."""
    return {
        (one.function, one.elsewhere)
        for api in template.apis
        for one in api.authorizers
        if one.kind in _LAMBDA and one.place.file == authorizer.place.file
    }


def has_settings(function: FunctionVariables) -> bool:
    """Whether a function has settings of ours for itself: what all have tells nothing of one."""
    own = function.variables.keys() - function.common
    return any(name.startswith(_PREFIX) for name in own) and not own.isdisjoint(setting_names())


def _may_start(function: FunctionVariables) -> bool:
    """Whether a function may be ours that no authorizer asks: without pools ours does not start."""
    return _POOLS in function.variables or not function.is_complete


@cache
def setting_names() -> frozenset[str]:
    """Every variable that the function knows."""
    from authorizer.settings import NAMES, PREFIX  # noqa: PLC0415 - with what it needs to run

    return frozenset(PREFIX + name for name in NAMES)


def _guard_of(template: Template, route: Route, authorizer: Authorizer | None) -> Guard:
    if route.authorizer is None:
        return Guard.NOBODY
    return Guard.UNKNOWN if authorizer is None else _guard_by(template, authorizer)
