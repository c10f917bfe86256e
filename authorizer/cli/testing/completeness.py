"""What a complete case implies: each route that it does not list is denied, whatever the values.

For a route with parameters there are endless paths. It is enough to ask for one without any
particular value, and, for each rule of the caller's that could grant it, for the one that has what
this rule wants: the caller's own claims, and its literal segments. Where both route and rule take
everything below a path, denies and other routes may take some of it away: one of each length is
asked for, until it is longer than all that they name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.routing import DEFAULT, named_routes, resolve
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.testing.reader import Case, Expectation
from authorizer.policy.routes import ANY, CONNECT, METHODS, PARAMETER, parse_route, safe_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.policy.model import Policy, Rule
    from authorizer.policy.routes import RoutePattern

# No route has such a segment, and no claim such a value.
_ANY_VALUE = "-any-"


def implied(simulator: Simulator, case: Case) -> Iterator[Expectation]:
    """For each route that the case does not list, a request that must be denied.

    It is one that gets through, where there is one.
    """
    routes = (
        simulator.routes
        if simulator.routes is not None
        else named_routes(_patterns(simulator.policy))
    )
    listed = {
        (_route_of(routes, one.request, is_rest=simulator.is_rest), one.request.method)
        for one in case.expectations
    }
    caller = case.caller
    grants = simulator.policy.rules_of(caller.groups, caller.scopes)
    rules = [rule for rule in grants if rule.effect == "allow"]
    longest = _longest(simulator.policy, routes)
    for key in routes:
        methods = [one for one in _methods(key) if (key, one) not in listed]
        reaching = _requests(key, methods, rules, case.caller, longest)
        asked = [one for one in reaching if _asks_policy(simulator, routes, key, one)]
        if asked:
            worst = next(
                (one for one in asked if simulator.ask(one, case.caller).is_open), asked[0]
            )
            yield Expectation(request=worst, allowed=False, place=case.place, route=key)


def _requests(
    key: str, methods: Iterable[str], rules: Iterable[Rule], caller: Caller, longest: int
) -> Iterator[Request]:
    for method in methods:
        for path in dict.fromkeys(_paths(key, method, rules, caller, longest)):
            yield Request(method=method, path=path)


def _asks_policy(simulator: Simulator, routes: tuple[str, ...], key: str, request: Request) -> bool:
    """Whether a request reaches this route, and not a more specific one, and is not public."""
    if _route_of(routes, request, is_rest=simulator.is_rest) != key:
        return False
    return simulator.ask(request, Caller()).verdict is not Verdict.PUBLIC


def _methods(key: str) -> tuple[str, ...]:
    method, blank, _ = key.partition(" ")
    if blank and method != ANY:
        return (method,)
    return ("",) if key == CONNECT else METHODS


def _paths(
    key: str, method: str, rules: Iterable[Rule], caller: Caller, longest: int
) -> Iterator[str]:
    """Paths of a route: of no particular values, and with what each rule wants."""
    template = key.partition(" ")[2] or key
    if template == CONNECT:
        yield CONNECT
        return
    route = parse_route(template)
    if route is None and template != DEFAULT:
        return
    known = route.path if route is not None else ()
    least = len(known) + 1 if route is not None and route.greedy else len(known)
    is_open_ended = route is None or route.greedy
    yield _path(_ANY_VALUE if one == PARAMETER else one for one in _filled(known, least))
    for rule in rules:
        if rule.pattern.covers_method(method):
            shortest = max(least, len(rule.pattern.path))
            most = max(shortest, longest + 1) if is_open_ended and rule.pattern.tail else shortest
            for length in range(shortest, most + 1):
                wanted = _wanted(rule.pattern, known, length, caller)
                if wanted is not None:
                    yield _path(wanted)


def _filled(path: tuple[str, ...], length: int) -> tuple[str, ...]:
    return (*path, *(PARAMETER,) * (length - len(path)))


def _wanted(
    pattern: RoutePattern, known: tuple[str, ...], length: int, caller: Caller
) -> list[str] | None:
    """The segments of a path that route and rule both match; nothing where there is none."""
    claims = {one.position: caller.claims.get(one.claim) for one in pattern.conditions}
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


def _route_of(routes: tuple[str, ...], request: Request, *, is_rest: bool | None) -> str | None:
    winner = resolve(routes, request, is_rest=is_rest).winner
    return winner.key if winner is not None else None


def _longest(policy: Policy, routes: Iterable[str]) -> int:
    """How many segments the longest path has that rules or routes name."""
    paths = [pattern.path for pattern in (*_patterns(policy), *policy.public)]
    parsed = (parse_route(key.partition(" ")[2] or key) for key in routes)
    paths += [route.path for route in parsed if route is not None]
    return max(map(len, paths), default=0)


def _patterns(policy: Policy) -> Iterator[RoutePattern]:
    return (rule.pattern for rule in policy.rules)
