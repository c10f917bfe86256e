"""What a complete case implies: each route that it does not list is denied, whatever the values.

For a route with parameters there are endless paths. It is enough to ask for one without any
particular value, and, for each rule of the caller's that could grant it, for the one that has what
this rule wants: the caller's own claims, and its literal segments. Where both route and rule take
everything below a path, denies and other routes may take some of it away: one of each length is
asked for, until it is longer than all that they name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.cases import Case, Expectation
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.routing import DEFAULT, named_routes, resolve
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    PARAMETER,
    parse_route,
    safe_segments,
    split_route_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.policy.model import RoutePattern

# No route has such a segment, and no claim such a value.
_ANY_VALUE = "-any-"


def implied(simulator: Simulator, case: Case) -> Iterator[Expectation]:
    """For each route that the case does not list, a request that must be denied.

    It is one that gets through, where there is one.
    """
    caller, policy = case.caller, simulator.policy
    patterns = [rule.pattern for rule in policy.rules]
    routes = named_routes(patterns) if simulator.routes is None else simulator.routes
    listed = {
        (_route_of(simulator, routes, expectation.request), expectation.request.method)
        for expectation in case.expectations
    }
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    granting = [
        rule.pattern for rule in policy.rules if rule.effect == "allow" and rule.subject in subjects
    ]
    longest = _longest((*patterns, *policy.public), routes)
    for key in routes:
        asked = [
            request
            for request in _requests(key, granting, caller, longest)
            if (key, request.method) not in listed
            and _route_of(simulator, routes, request) == key
            and simulator.ask(request, Caller()).verdict is not Verdict.PUBLIC
        ]
        if asked:
            worst = next(
                (request for request in asked if simulator.ask(request, caller).is_open), asked[0]
            )
            yield Expectation(request=worst, allowed=False, location=case.location, route=key)


def _requests(
    key: str, patterns: Iterable[RoutePattern], caller: Caller, longest: int
) -> Iterator[Request]:
    """Requests for a route: of no particular values, and with what each rule wants."""
    if key == CONNECT:
        yield Request(method="", path=CONNECT)
        return
    method, template = split_route_key(key)
    for verb in METHODS if method in {"", ANY} else (method,):
        covering = [pattern for pattern in patterns if pattern.covers_method(verb)]
        for path in dict.fromkeys(_paths(template, covering, caller, longest)):
            yield Request(method=verb, path=path)


def _paths(
    template: str, patterns: Iterable[RoutePattern], caller: Caller, longest: int
) -> Iterator[str]:
    route = parse_route(template)
    if route is None and template != DEFAULT:
        return
    known = () if route is None else route.path
    is_open_ended = route is None or route.greedy
    least = len(known) + (route is not None and route.greedy)
    yield _path(
        _ANY_VALUE if segment == PARAMETER else segment for segment in _filled(known, least)
    )
    for pattern in patterns:
        shortest = max(least, len(pattern.path))
        most = max(shortest, longest + 1) if is_open_ended and pattern.tail else shortest
        for length in range(shortest, most + 1):
            wanted = _wanted(pattern, known, length, caller)
            if wanted is not None:
                yield _path(wanted)


def _filled(path: tuple[str, ...], length: int) -> tuple[str, ...]:
    return (*path, *(PARAMETER,) * (length - len(path)))


def _wanted(
    pattern: RoutePattern, known: tuple[str, ...], length: int, caller: Caller
) -> list[str] | None:
    """The segments of a path that route and rule both match; nothing where there is none."""
    claims = {
        condition.position: caller.claims.get(condition.claim) for condition in pattern.conditions
    }
    segments = []
    pairs = zip(_filled(known, length), _filled(pattern.path, length), strict=True)
    for position, (own, its) in enumerate(pairs):
        value = claims.get(position, _ANY_VALUE)
        if own != PARAMETER and its not in {PARAMETER, own}:
            return None
        literal = own if own != PARAMETER else its
        if not isinstance(value, str) or safe_segments(f"/{value}") is None or "/" in value:
            return None
        segments.append(value if literal == PARAMETER else literal)
    return segments


def _path(segments: Iterable[str]) -> str:
    return "/" + "/".join(segments)


def _route_of(simulator: Simulator, routes: tuple[str, ...], request: Request) -> str | None:
    winner = resolve(routes, request, is_rest=simulator.is_rest).winner
    return winner.key if winner is not None else None


def _longest(patterns: Iterable[RoutePattern], routes: Iterable[str]) -> int:
    """How many segments the longest path has that rules or routes name."""
    parsed = (parse_route(split_route_key(key)[1]) for key in routes)
    paths = [pattern.path for pattern in patterns]
    paths += [route.path for route in parsed if route is not None]
    return max(map(len, paths), default=0)
