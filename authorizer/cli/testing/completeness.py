"""What a complete case implies: each route that it does not list is denied, whatever the values.

For a route with parameters there are endless paths. It is enough to ask for one without any
particular value, and, for each rule of the caller's that could grant it, for the one that has what
this rule wants: the caller's own claims, and its literal segments. Where both route and rule take
everything below a path, denies and other routes may take some of it away: one of each length is
asked for, until it is longer than all that they name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.cases import Case, Expectation
from authorizer.cli.analysis.partition import widest_classes
from authorizer.cli.analysis.paths import pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.routing import DEFAULT, named_routes, resolve
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    parse_route,
    safe_segments,
    split_route_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.cli.analysis.partition import PathClass
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
    named = [pattern.path for pattern in (*patterns, *policy.public)]
    named += [pattern_of_route(split_route_key(key)[1]).path for key in routes]
    longest = max(map(len, named), default=0)
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
    if parse_route(template) is None and template != DEFAULT:
        return
    route = pattern_of_route(template)
    yield _path(next(widest_classes(route, route, 0)), {})
    for pattern in patterns:
        claims = {one.position: caller.claims.get(one.claim) for one in pattern.conditions}
        own = pattern_of_rule(pattern)
        # A value that no path can have equals none.
        if route.overlaps(own) and all(map(_can_stand, claims.values())):
            for paths in widest_classes(route, own, longest + 1):
                yield _path(paths, claims)


def _can_stand(value: object) -> bool:
    return isinstance(value, str) and "/" not in value and safe_segments(f"/{value}") is not None


def _path(paths: PathClass, claims: Mapping[int, Any]) -> str:
    """A path of a class, with a claim's value where that is compared."""
    words = (
        term if isinstance(term, str) else claims.get(term, _ANY_VALUE) for term in paths.terms
    )
    return "/" + "/".join(words)


def _route_of(simulator: Simulator, routes: tuple[str, ...], request: Request) -> str | None:
    winner = resolve(routes, request, is_rest=simulator.is_rest).winner
    return winner.key if winner is not None else None
