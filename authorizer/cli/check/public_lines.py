"""Public lines that are there for a route which takes whatever no other route does.

An open ``$default`` or ``/{proxy+}`` can be listed by a line for all its paths only, though other
routes are in front of some of them. That line says nothing about those: being public grants
nothing, and API Gateway matches the other route first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import DecidedBy, route_protections

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.check.finding import Finding
    from authorizer.cli.policy_file.source import PublicRoute, SourcePolicy
    from authorizer.cli.template.model import Template


def lines_for_the_rest(source: SourcePolicy, template: Template) -> list[PublicRoute]:
    """The public lines that an open route for all other paths needs."""
    open_ones = [
        pattern
        for one in route_protections(template)
        if one.decided_by is DecidedBy.NOBODY
        and (pattern := pattern_of_route(one.route.path)).more is not None
    ]
    found = []
    for listed in source.public:
        own = pattern_of_rule(listed.pattern)
        if own.more is not None and any(pattern.path == own.path for pattern in open_ones):
            found.append(listed)
    return found


def moot(source: SourcePolicy, template: Template) -> Callable[[Finding], bool]:
    """Whether a finding about the policy alone is cured by what the template shows.

    P204 of a line that an open route needs; P206 of a rule whose routes have an authorizer.
    """
    needed = {listed.place for listed in lines_for_the_rest(source, template)}
    routes = PathIndex(
        (pattern_of_route(one.route.path), one) for one in route_protections(template)
    )
    asked = set()
    for rule in source.rules if needed else ():
        overlapping = [
            one
            for one in routes.overlapping(pattern_of_rule(rule.pattern))
            if any(rule.pattern.covers_method(method) for method in one.methods)
            and (rule.pattern.tail or pattern_of_route(one.route.path).more is None)
        ]
        if overlapping and all(one.decided_by is not DecidedBy.NOBODY for one in overlapping):
            asked.add(rule.place)
    return lambda finding: (
        (finding.code, finding.place)
        in {
            *(("P204", place) for place in needed),
            *(("P206", place) for place in asked),
        }
    )
