"""What the policy lists as public against the routes that nobody guards.

An open ``$default`` or ``/{proxy+}`` can be listed by a line for all its paths only, though other
routes are in front of some of them. That line says nothing about those: being public grants
nothing, and API Gateway matches the other route first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, route_protections
from authorizer.cli.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authorizer.cli.policy_file.source import PublicRoute, SourcePolicy, SourceRule
    from authorizer.cli.template.model import Template
    from authorizer.policy.decision import Policy


class PublicLines:
    """The public routes of a policy, by their paths.

    Args:
        source: the policy.
        template: where given, the lines that an open route of it needs are left out.
    """

    def __init__(self, source: SourcePolicy, template: Template | None = None) -> None:
        left_out = [] if template is None else _lines_for_the_rest(source, template)
        self._lines = PathIndex(
            (pattern_of_rule(line.pattern), line) for line in source.public if line not in left_out
        )

    def have(self, route: RouteProtection) -> bool:
        """Whether everything that comes by the route is public."""
        covering = list(self._lines.covering(pattern_of_route(route.route.path)))
        return all(
            any(line.pattern.covers_method(method) for line in covering) for method in route.methods
        )


def routes_by_path(template: Template) -> PathIndex[RouteProtection]:
    """All routes, to be found by the paths that they take."""
    return PathIndex(
        (pattern_of_route(route.route.path), route) for route in route_protections(template)
    )


def routes_of(
    routes: PathIndex[RouteProtection], rule: SourceRule | PublicRoute
) -> Iterator[RouteProtection]:
    """Routes that have requests in common with a rule."""
    for route in routes.overlapping(pattern_of_rule(rule.pattern)):
        if any(rule.pattern.covers_method(method) for method in route.methods):
            yield route


def open_routes(source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """X101: routes without an authorizer that the policy does not list as public."""
    public = PublicLines(source)
    for open_route in route_protections(template):
        if open_route.decided_by is DecidedBy.NOBODY and not public.have(open_route):
            api, route = open_route.api, open_route.route
            preflight = "preflight" if route.method == "OPTIONS" else ""
            private = "private" if api.is_private else ""
            yield Finding.of("X101", route.place, preflight, private, route=route.key, api=api.id)


def closed_public_routes(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X102: public routes that carry an authorizer."""
    public = PublicLines(source, template)
    for closed in route_protections(template):
        if closed.decided_by in (DecidedBy.POLICY, DecidedBy.OTHER) and public.have(closed):
            yield Finding.of(
                "X102", closed.route.place, route=closed.route.key, authorizer=closed.authorizer
            )


def missing_public_routes(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X103: public routes that the template does not have."""
    if not template.has_all_routes:
        return
    routes = routes_by_path(template)
    for line in source.public:
        overlapping = list(routes_of(routes, line))
        if not any(_may_be(route, line) for route in overlapping):
            another = next((route.route.key for route in overlapping), None)
            variant = "another" if another else ""
            yield Finding.of("X103", line.place, variant, rule=line, route=another)


def _may_be(route: RouteProtection, line: PublicRoute) -> bool:
    """Whether a route is the one that is listed; a greedy one is only where nobody guards it."""
    pattern, listed = pattern_of_route(route.route.path), pattern_of_rule(line.pattern)
    if pattern.more is not None:
        return route.decided_by in (DecidedBy.NOBODY, DecidedBy.UNKNOWN) or listed == pattern
    return pattern.path[: len(listed.path)] == listed.path


def is_answered(source: SourcePolicy, template: Template) -> Callable[[Finding], bool]:
    """Whether a finding about the policy alone is answered by what the template shows.

    P204 of a line that an open route needs; P206 of a rule whose routes have an authorizer.
    """
    needed = {line.place for line in _lines_for_the_rest(source, template)}
    routes = routes_by_path(template)
    asked = set()
    for rule in source.rules if needed else ():
        overlapping = [
            route
            for route in routes_of(routes, rule)
            if rule.pattern.tail or pattern_of_route(route.route.path).more is None
        ]
        if overlapping and all(one.decided_by is not DecidedBy.NOBODY for one in overlapping):
            asked.add(rule.place)
    answered = {"P204": needed, "P206": asked}
    return lambda finding: finding.place in answered.get(finding.code, ())


def _lines_for_the_rest(source: SourcePolicy, template: Template) -> Sequence[PublicRoute]:
    """The public lines that an open route for all other paths needs."""
    patterns = [
        pattern_of_route(route.route.path)
        for route in route_protections(template)
        if route.decided_by is DecidedBy.NOBODY
    ]
    greedy = {pattern.path for pattern in patterns if pattern.more is not None}
    return [line for line in source.public if line.pattern.tail and line.pattern.path in greedy]
