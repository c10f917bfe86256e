"""What other deployments of the same template open, which the one by its defaults does not.

Each deployment that the template allows is judged by the rules that tell of an open door. A fact
that no deployment at hand tells is taken at its worst: answers are then remembered for as long as
API Gateway can, under nothing that tells callers or routes apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import pattern_of_route
from authorizer.cli.analysis.protection import DecidedBy, is_ours, route_protections
from authorizer.cli.check.authorizer_rules import functions_not_known, functions_that_stay
from authorizer.cli.check.cache_rules import (
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.check.function_rules import doors_beside
from authorizer.cli.check.public_rules import open_routes
from authorizer.cli.check.route_rules import replaced_apis, routes_of_others, routes_without_policy
from authorizer.cli.check.unresolved_rules import unresolved_protections
from authorizer.cli.location import Location
from authorizer.cli.template.model import Deployment, Unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Api, Authorizer, Template
    from authorizer.policy.decision import Policy

# The longest that API Gateway remembers an answer.
_LONGEST_SECONDS = 3600
# Whatever lets somebody in, or moves who decides about it.
_OPENING_RULES = (
    unresolved_protections,
    functions_not_known,
    functions_that_stay,
    replaced_apis,
    open_routes,
    routes_of_others,
    routes_without_policy,
    doors_beside,
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
)
_WHO_DECIDES = frozenset({"X101", "X108", "X130", "X131"})


def check_deployments(
    source: SourcePolicy, policy: Policy, template: Template, known: Sequence[Finding]
) -> Iterator[Finding]:
    """X250: what a deployment opens besides what is known of the template by its defaults."""
    seen = {(finding.code, finding.place) for finding in known}
    if template.has_further_deployments:
        places = (api.place for api in template.apis)
        yield Finding.of("X250", next(places, Location(file=template.file)), "many")
    for deployment in (*template.deployments, Deployment(chosen=(), template=template)):
        for finding in _open_in(deployment, source, policy, template):
            # Who decides is one question: T050 has asked it already.
            is_asked = finding.code in _WHO_DECIDES and ("T050", finding.place) in seen
            if not is_asked and (finding.code, finding.place) not in seen:
                seen.add((finding.code, finding.place))
                yield Finding.of(
                    "X250",
                    finding.place,
                    "" if deployment.chosen else "worst",
                    finding=finding,
                    chosen=deployment.chosen,
                )


def _open_in(
    deployment: Deployment, source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """What is open in one deployment, where what none tells is at its worst."""
    chosen = set(deployment.chosen)
    further = [one.template for one in template.deployments if chosen < set(one.chosen)]
    worst = _at_worst(deployment.template, further)
    if not chosen and worst == deployment.template:
        return  # as it was judged
    open_by_default = {
        protection.route.place
        for protection in route_protections(template)
        if protection.decided_by is DecidedBy.NOBODY
    }
    for rule in _OPENING_RULES:
        for finding in rule(source, policy, worst):
            if finding.code != "X101" or not _is_renamed(finding, deployment, open_by_default):
                yield finding


def _is_renamed(finding: Finding, deployment: Deployment, known: Collection[Location]) -> bool:
    """Whether an open route is one that is open by default, by another name for a path alike."""
    return finding.place in known and not any(
        route.place == finding.place and pattern_of_route(route.path).more is not None
        for api in deployment.template.apis
        for route in api.routes
    )


# --- what is not decided, at its worst ---


def _at_worst(template: Template, further: Sequence[Template]) -> Template:
    """The template with the worst for what neither it nor a deployment with more chosen tells."""
    return replace(
        template,
        apis=tuple(
            replace(
                api,
                authorizers=tuple(
                    _authorizer(one, list(_namesakes(api, one, further)))
                    if is_ours(template, one)
                    else one
                    for one in api.authorizers
                ),
            )
            for api in template.apis
        ),
    )


def _namesakes(api: Api, one: Authorizer, further: Sequence[Template]) -> Iterator[Authorizer]:
    for template in further:
        for other in template.apis:
            if (other.id, other.place) == (api.id, api.place):
                yield from (each for each in other.authorizers if each.name == one.name)


def _authorizer(one: Authorizer, told: Sequence[Authorizer]) -> Authorizer:
    if isinstance(one.ttl_seconds, Unknown) and not _tells(told, "ttl_seconds"):
        one = replace(one, ttl_seconds=_LONGEST_SECONDS)
    if isinstance(one.identity_sources, Unknown) and not _tells(told, "identity_sources"):
        one = replace(one, identity_sources=())
    if isinstance(one.payload_version, Unknown) and not _tells(told, "payload_version"):
        one = replace(one, payload_version="2.0")
    if isinstance(one.simple_responses, Unknown) and not _tells(told, "simple_responses"):
        one = replace(one, simple_responses=True)
    return one


def _tells(told: Sequence[Authorizer], fact: str) -> bool:
    return any(not isinstance(getattr(one, fact), Unknown) for one in told)
