"""What other deployments of the same template open, which the one by its defaults does not.

Each deployment that the template allows is judged by the rules that tell of an open door. A fact
that no deployment at hand tells is taken at its worst: answers are then remembered for as long as
API Gateway can, under nothing that tells callers or routes apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.analysis.protection import DecidedBy, is_ours
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.check.cache_rules import (
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.check.function_rules import (
    doors_beside,
    functions_not_known,
    functions_not_redeployed,
    unresolved_protections,
)
from authorizer.cli.check.route_rules import (
    open_routes,
    replaced_apis,
    routes_of_others,
)
from authorizer.cli.location import Location
from authorizer.cli.template.model import (
    Api,
    Authorizer,
    Deployment,
    Template,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


# What no deployment at hand tells of an authorizer: its answers are remembered for as long as API
# Gateway can, under nothing, and say no more than yes.
_WORST: dict[str, Any] = {
    "ttl_seconds": 3600,
    "identity_sources": (),
    "payload_version": "2.0",
    "simple_responses": True,
}
# Whatever lets somebody in, or moves who decides about it.
_OPENING_RULES = (
    unresolved_protections,
    functions_not_known,
    functions_not_redeployed,
    replaced_apis,
    open_routes,
    routes_of_others,
    doors_beside,
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
)
_WHO_DECIDES = frozenset({"X101", "X108", "X130", "X131"})


def check_deployments(analysis: TemplateAnalysis, known: Sequence[Finding]) -> Iterator[Finding]:
    """X250: what a deployment opens besides what is known of the template by its defaults."""
    template = analysis.template
    seen = {(finding.code, finding.location) for finding in known}
    if template.has_further_deployments:
        locations = (api.location for api in template.apis)
        yield Finding.of("X250", next(locations, Location(file=template.file)), "many")
    for deployment in (*template.deployments, Deployment(chosen=(), template=template)):
        for finding in _open_in(deployment, analysis):
            # Who decides is one question: T050 has asked it already.
            is_asked = finding.code in _WHO_DECIDES and ("T050", finding.location) in seen
            if not is_asked and (finding.code, finding.location) not in seen:
                seen.add((finding.code, finding.location))
                yield Finding.of(
                    "X250",
                    finding.location,
                    "" if deployment.chosen else "worst",
                    finding=finding,
                    chosen=deployment.chosen,
                )


def _open_in(deployment: Deployment, analysis: TemplateAnalysis) -> Iterator[Finding]:
    """What is open in one deployment, where what none tells is at its worst."""
    template = analysis.template
    chosen = set(deployment.chosen)
    further = [one.template for one in template.deployments if chosen < set(one.chosen)]
    worst = _at_worst(deployment.template, further)
    if not chosen and worst == deployment.template:
        return  # as it was judged
    open_by_default = {
        protection.route.location
        for protection in analysis.protections
        if protection.decided_by is DecidedBy.NOBODY
    }
    deployed = TemplateAnalysis(analysis.named, worst)
    for rule in _OPENING_RULES:
        for finding in rule(deployed):
            if finding.code != "X101" or not _is_renamed(finding, deployment, open_by_default):
                yield finding


def _is_renamed(finding: Finding, deployment: Deployment, known: Collection[Location]) -> bool:
    """Whether an open route is one that is open by default, by another name for a path alike."""
    return finding.location in known and not any(
        route.location == finding.location and pattern_of_route(route.path).more is not None
        for api in deployment.template.apis
        for route in api.routes
    )


def _at_worst(template: Template, further: Sequence[Template]) -> Template:
    """The template with the worst for what neither it nor a deployment with more chosen tells."""
    return replace(
        template,
        apis=tuple(
            replace(
                api,
                authorizers=tuple(
                    _authorizer_at_worst(api, authorizer, further)
                    if is_ours(template, authorizer)
                    else authorizer
                    for authorizer in api.authorizers
                ),
            )
            for api in template.apis
        ),
    )


def _authorizer_at_worst(
    api: Api, authorizer: Authorizer, further: Sequence[Template]
) -> Authorizer:
    namesakes = [
        other.authorizer(authorizer.name)
        for template in further
        for other in template.apis
        if (other.id, other.location) == (api.id, api.location)
    ]
    known = [authorizer, *filter(None, namesakes)]
    worst = {
        fact: value
        for fact, value in _WORST.items()
        if all(isinstance(getattr(one, fact), Unknown) for one in known)
    }
    return replace(authorizer, **worst)
