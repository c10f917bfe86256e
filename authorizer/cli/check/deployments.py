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
from authorizer.cli.check.cache_rules import (
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
)
from authorizer.cli.check.deciding_rules import (
    functions_not_known,
    functions_that_stay,
    replaced_apis,
    routes_without_policy,
)
from authorizer.cli.check.doors_rules import doors_beside
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.routes_rules import open_routes, routes_of_others
from authorizer.cli.check.unresolved_rules import unresolved_protections
from authorizer.cli.location import Location
from authorizer.cli.template.model import Deployment, Unknown
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Api, Authorizer, Template
    from authorizer.policy.model import Policy

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
    seen = {(one.code, one.place) for one in known}
    if template.has_further_deployments:
        yield _further(template)
    deployments = template.deployments
    open_by_default = {
        one.route.place for one in route_protections(template) if one.decided_by is DecidedBy.NOBODY
    }
    for one in (*deployments, Deployment(chosen=(), template=template)):
        further = [other for other in deployments if set(one.chosen) < set(other.chosen)]
        worst = _at_worst(one.template, [other.template for other in further])
        if not one.chosen and worst == one.template:
            continue  # as it was judged
        for rule in _OPENING_RULES:
            for finding in rule(source, policy, worst):
                # Who decides is one question: T050 has asked it already.
                asked = finding.code in _WHO_DECIDES and ("T050", finding.place) in seen
                asked |= finding.code == "X101" and _is_renamed(finding, one, open_by_default)
                if not asked and (finding.code, finding.place) not in seen:
                    seen.add((finding.code, finding.place))
                    yield _in_a_deployment(finding, one)


def _further(template: Template) -> Finding:
    return Finding(
        code="X250",
        severity=Severity.WARNING,
        place=next(
            (api.place for api in template.apis), Location(file=template.file, line=1, column=1)
        ),
        message="expected a handful of values that deployments may choose, found so many that not "
        "all were judged",
        effect="what one of the others opens was not looked for",
        fix="narrow the AllowedValues of what the API depends on, or write the values into the "
        "template",
    )


def _is_renamed(finding: Finding, deployment: Deployment, known: Collection[Location]) -> bool:
    """Whether an open route is one that is open by default, by another name for a path alike."""
    return finding.place in known and not any(
        route.place == finding.place and pattern_of_route(route.path).more is not None
        for api in deployment.template.apis
        for route in api.routes
    )


def _in_a_deployment(finding: Finding, deployment: Deployment) -> Finding:
    values = " and ".join(f"{clip(name)} is {clip(text)}" for name, text in deployment.chosen)
    where = f"where {values}" if values else "where what is not decidable is at its worst"
    return Finding(
        code="X250",
        severity=Severity.WARNING,
        place=finding.place,
        message=f"expected every deployment to be as safe as the one by the defaults, found "
        f"{finding.code} {where}: {finding.message}",
        effect=finding.effect,
        fix=f"allow no such value (AllowedValues), or write it into the template; or {finding.fix}",
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
