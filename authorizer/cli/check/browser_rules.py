"""What keeps pages of other origins from calling the API.

Preflights that ask for a token, and refusals without CORS headers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import pattern_of_route
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import Api, ApiKind, AuthorizerKind, Route
from authorizer.cli.text import quoted_key
from authorizer.errors import clip
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

_PREFLIGHT = "OPTIONS"
_LAMBDA = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)
# The one that stands for all refusals, or those that an authorizer causes.
_ALL_REFUSALS = "DEFAULT_4XX"
_OWN_REFUSALS = ("UNAUTHORIZED", "ACCESS_DENIED")


def guarded_preflights(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T201: routes with an authorizer that take browsers' preflights."""
    for api in template.apis:
        if api.has_cors is not True or api.kind is ApiKind.WEBSOCKET:
            continue
        # SAM makes a preflight for each path out of one line of the template: one finding.
        by_place: dict[Location, list[Route]] = defaultdict(list)
        for route in api.routes:
            if isinstance(route.authorizer, str) and _takes_preflights(api, route):
                by_place[route.place].append(route)
        for routes in by_place.values():
            yield _guarded(api, routes)


def refusals_without_cors(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T202: REST APIs for browsers whose refusals browsers cannot read."""
    for api in template.apis:
        if api.kind is not ApiKind.REST or api.has_cors is not True or not _refuses(api):
            continue
        having = api.cors_gateway_responses
        if not isinstance(having, frozenset) or _ALL_REFUSALS in having:
            continue
        missing = [kind for kind in _OWN_REFUSALS if kind not in having]
        if missing:
            yield _unreadable(api, missing)


def _takes_preflights(api: Api, route: Route) -> bool:
    if route.is_preflight or route.method == _PREFLIGHT:
        return True
    return route.method in ("", ANY) and not any(
        _takes_instead(other, route) for other in api.routes
    )


def _takes_instead(other: Route, route: Route) -> bool:
    """Whether an OPTIONS route takes the preflights of a route for every method."""
    if other.method != _PREFLIGHT:
        return False
    own, theirs = pattern_of_route(other.path), pattern_of_route(route.path)
    return own == theirs or (theirs.path == () and own.path == () and own.more == 1)


def _guarded(api: Api, routes: Sequence[Route]) -> Finding:
    first, further = routes[0], len(routes) - 1
    more = f" and {further} more" if further else ""
    return Finding(
        code="T201",
        severity=Severity.ERROR,
        place=first.place,
        message=f"expected no authorizer on the preflights of {clip(api.id)}, which has CORS, "
        f"found {clip(first.authorizer)} on {quoted_key(first.key)}{more}",
        effect="pages of other origins cannot call the route: a browser sends its preflight "
        "without a token, and is refused",
        fix="set AddDefaultAuthorizerToCorsPreflight: false (REST API), or make a route for each "
        "method in place of ANY, or add an OPTIONS route without authorizer for the same path",
    )


def _refuses(api: Api) -> bool:
    used = {route.authorizer for route in api.routes if isinstance(route.authorizer, str)}
    return any(one.name in used and one.kind in _LAMBDA for one in api.authorizers)


def _unreadable(api: Api, missing: list[str]) -> Finding:
    return Finding(
        code="T202",
        severity=Severity.WARNING,
        place=api.place,
        message=f"expected CORS headers on the gateway responses of {clip(api.id)}, found none on "
        f"{' and '.join(missing)}",
        effect="to a page of another origin, 401 and 403 look like a CORS fault: it cannot tell "
        "that its user must sign in again",
        fix="add GatewayResponses for DEFAULT_4XX, or UNAUTHORIZED and ACCESS_DENIED, with "
        "Access-Control-Allow-Origin among their ResponseParameters",
    )
