"""What could not be decided of a template, and what was therefore not looked for.

Four different things: what a deployment decides is a note, and a warning where that is who guards a
route; what no deployment can mend, because the template names what is not there, is an error; and
where a route is missing, whole rules are silent, which nobody may take for a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, route_protections
from authorizer.cli.check.finding import Finding
from authorizer.cli.template.model import AuthorizerOf, Mistake, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Api, Template

_MOST_ROUTES = 3


def unresolved_facts(template: Template) -> Iterator[Finding]:
    """T000, T002, T003, T051."""
    mistakes: set[tuple[Location, Mistake]] = set()
    unguarded = {
        (protection.route.place, protection.route.key)
        for protection in route_protections(template)
        if _is_unresolved(protection)
    }
    for fact in template.unresolved:
        if isinstance(fact.why, Mistake):
            place = fact.why.place or fact.place
            if (place, fact.why) not in mistakes:
                yield Finding.of("T003", place, mistake=fact.why)
            mistakes.add((place, fact.why))
        elif not (
            isinstance(fact.what, AuthorizerOf) and (fact.place, fact.what.key) in unguarded
        ):  # of those T050 tells
            yield Finding.of("T000", fact.place, what=fact.what, why=fact.why)
    for api in template.apis:
        yield from _missing_routes(api)


def unresolved_protections(
    _source: SourcePolicy, _analysis: TemplateAnalysis, template: Template
) -> Iterator[Finding]:
    """T050: routes of which a deployment decides who guards them, if anybody does."""
    for protection in route_protections(template):
        route = protection.route
        if not _is_unresolved(protection):
            continue
        if not isinstance(route.authorizer, Unknown):
            yield Finding.of(
                "T050",
                route.place,
                "no such authorizer",
                route=route.key,
                api=protection.api.id,
                authorizer=route.authorizer,
            )
        elif not isinstance(route.authorizer.why, Mistake):
            yield Finding.of("T050", route.place, route=route.key, why=route.authorizer.why)


def _is_unresolved(protection: RouteProtection) -> bool:
    """Whether it is not known which authorizer a route has. X130 is about one that is known."""
    return protection.decided_by is DecidedBy.UNKNOWN and protection.authorizer is None


def _missing_routes(api: Api) -> Iterator[Finding]:
    if api.elsewhere is not None:
        routes = tuple(route.key for route in api.routes[:_MOST_ROUTES])
        yield Finding.of("T051", api.place, api=api.id, routes=routes, why=api.elsewhere)
    elif not api.is_complete:
        yield Finding.of("T002", api.place, api=api.id)
