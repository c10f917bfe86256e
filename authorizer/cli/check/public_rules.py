"""What the policy lists as public against the routes that nobody guards.

An open ``$default`` or ``/{proxy+}`` can be listed by a line for all its paths only, though other
routes are in front of some of them. That line says nothing about those: being public grants
nothing, and API Gateway matches the other route first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import pattern_of_route
from authorizer.cli.analysis.protection import DecidedBy
from authorizer.cli.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template


def open_routes(
    _source: SourcePolicy, analysis: TemplateAnalysis, _template: Template
) -> Iterator[Finding]:
    """X101: routes without an authorizer that the policy does not list as public."""
    for open_route in analysis.protections:
        if open_route.decided_by is DecidedBy.NOBODY and not analysis.is_public(open_route):
            api, route = open_route.api, open_route.route
            preflight = "preflight" if route.method == "OPTIONS" else ""
            private = "private" if api.is_private else ""
            yield Finding.of("X101", route.place, preflight, private, route=route.key, api=api.id)


def closed_public_routes(
    _source: SourcePolicy, analysis: TemplateAnalysis, _template: Template
) -> Iterator[Finding]:
    """X102: public routes that carry an authorizer."""
    for closed in analysis.protections:
        is_closed = closed.decided_by in (DecidedBy.POLICY, DecidedBy.OTHER)
        if is_closed and analysis.is_public(closed, by_all_lines=False):
            yield Finding.of(
                "X102", closed.route.place, route=closed.route.key, authorizer=closed.authorizer
            )


def missing_public_routes(
    source: SourcePolicy, analysis: TemplateAnalysis, template: Template
) -> Iterator[Finding]:
    """X103: public routes that the template does not have."""
    if not template.has_all_routes:
        return
    for line in source.public:
        if not analysis.lists_a_route(line):
            another = next((one.route.key for one in analysis.routes_beside(line)), None)
            variant = "another" if another else ""
            yield Finding.of("X103", line.place, variant, rule=line, route=another)


def is_answered(analysis: TemplateAnalysis) -> Callable[[Finding], bool]:
    """Whether a finding about the policy alone is answered by what the template shows.

    P204 of a line that an open route needs; P206 of a rule whose routes have an authorizer.
    """
    source = analysis.source
    needed = {line.place for line in source.public if analysis.is_needed(line)}
    asked = set()
    for rule in source.rules if needed else ():
        beside = [
            one
            for one in analysis.routes_beside(rule)
            if rule.pattern.tail or pattern_of_route(one.route.path).more is None
        ]
        if beside and all(one.decided_by is not DecidedBy.NOBODY for one in beside):
            asked.add(rule.place)
    answered = {"P204": needed, "P206": asked}
    return lambda finding: finding.place in answered.get(finding.code, ())
