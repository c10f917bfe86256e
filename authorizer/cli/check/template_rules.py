"""The rules that look at a template, and at what does not fit between it and the policy.

Each takes the analysis of both, which has the policy with its places, and the template. What of
the template could not be decided is neither a finding nor a pass to any of them.

Here are those about pages of other origins, user pools and their groups, and what could not be
decided: what a deployment decides is a note; what no deployment can mend, because the template
names what is not there, is an error; and where a route is missing, whole rules are silent, which
nobody may take for a pass. See
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.analysis.cases import tested_groups
from authorizer.cli.analysis.protection import LAMBDA_KINDS, AnswerKind
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.check.cache_rules import (
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
    documents_for_one_request,
    sources_without_token,
)
from authorizer.cli.check.deployments import check_deployments
from authorizer.cli.check.finding import UNREADABLE_TEMPLATE, Finding
from authorizer.cli.check.function_rules import (
    answers_at_odds,
    doors_beside,
    functions_not_known,
    functions_not_redeployed,
    is_unresolved,
    missing_permissions,
    other_policies,
    payload_versions,
    relaxing_settings,
    settings_refused,
    unresolved_protections,
)
from authorizer.cli.check.policy_rules import OF_PROVIDER
from authorizer.cli.check.route_rules import (
    answers,
    closed_public_routes,
    missing_public_routes,
    open_routes,
    replaced_apis,
    routes_of_others,
    rules_without_route,
    unnameable_routes,
    unreachable_routes,
)
from authorizer.cli.check.sam_refusals import refusals_of_sam
from authorizer.cli.location import FileError, Location
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AuthorizerOf,
    Mistake,
    Repetition,
    Route,
    Template,
    Unknown,
)
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import join
from authorizer.cli.text import closest
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from authorizer.cli.analysis.named_policy import NamedPolicy

    TemplateRule = Callable[[TemplateAnalysis], Iterator[Finding]]

# As many as are named of an API that is elsewhere.
_MOST_ROUTES = 3
_PREFLIGHT = "OPTIONS"
# The one that stands for all refusals, or those that an authorizer causes.
_ALL_REFUSALS = "DEFAULT_4XX"
_OWN_REFUSALS = ("UNAUTHORIZED", "ACCESS_DENIED")
# The newer and the older name of the flow in which a client passes a user's password on.
_PASSWORD_FLOWS = frozenset({"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"})
# The longest that Cognito gives access tokens.
_DAY_SECONDS = 24 * 3600


def unresolved_facts(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T000, T002, T003, T004, T005, T051."""
    template = analysis.template
    if not template.apis:
        yield Finding.of("T004", Location(file=template.file))
    mistakes = dict.fromkeys(
        (fact.why.location or fact.location, fact.why)
        for fact in template.unresolved
        if isinstance(fact.why, Mistake)
    )
    for location, mistake in mistakes:
        code = "T005" if isinstance(mistake, Repetition) else "T003"
        yield Finding.of(code, location, mistake=mistake)
    unguarded = {
        (protection.route.location, protection.route.key)
        for protection in analysis.protections
        if is_unresolved(protection)
    }
    for fact in template.unresolved:
        what = fact.what  # T050 tells who guards a route
        is_told = isinstance(what, AuthorizerOf) and (fact.location, what.key) in unguarded
        if not (is_told or isinstance(fact.why, Mistake)):
            yield Finding.of("T000", fact.location, what=what, why=fact.why)
    for api in template.apis:
        if api.elsewhere is not None:
            routes = tuple(route.key for route in api.routes[:_MOST_ROUTES])
            yield Finding.of("T051", api.location, api=api.id, routes=routes, why=api.elsewhere)
        elif not api.is_complete:
            yield Finding.of("T002", api.location, api=api.id)


def guarded_preflights(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T201: routes with an authorizer that take browsers' preflights."""
    for api in analysis.template.apis:
        if api.has_cors is not True or api.kind is ApiKind.WEBSOCKET:
            continue
        # SAM makes a preflight for each path out of one line of the template: one finding.
        by_location: dict[Location, list[Route]] = defaultdict(list)
        for route in api.routes:
            if isinstance(route.authorizer, str) and _takes_preflights(api, route):
                by_location[route.location].append(route)
        for location, routes in by_location.items():
            keys = tuple(route.key for route in routes)
            yield Finding.of(
                "T201", location, api=api.id, authorizer=routes[0].authorizer, routes=keys
            )


def _takes_preflights(api: Api, route: Route) -> bool:
    others = (_takes_instead(other, route) for other in api.routes)
    return (
        route.is_preflight
        or route.method == _PREFLIGHT
        or (route.method in ("", ANY) and not any(others))
    )


def _takes_instead(other: Route, route: Route) -> bool:
    """Whether an OPTIONS route takes the preflights of a route for every method."""
    own, theirs = pattern_of_route(other.path), pattern_of_route(route.path)
    is_below_root = theirs.path == own.path == () and own.more == 1
    return other.method == _PREFLIGHT and (own == theirs or is_below_root)


def refusals_without_cors(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T202: REST APIs for browsers whose refusals browsers cannot read."""
    for api in analysis.template.apis:
        having = api.cors_gateway_responses
        if api.kind is not ApiKind.REST or api.has_cors is not True or isinstance(having, Unknown):
            continue
        missing = [kind for kind in _OWN_REFUSALS if not having & {kind, _ALL_REFUSALS}]
        if missing and _refuses(api):
            yield Finding.of("T202", api.location, api=api.id, missing=missing)


def _refuses(api: Api) -> bool:
    used = {route.authorizer for route in api.routes if isinstance(route.authorizer, str)}
    return any(one.name in used and one.kind in LAMBDA_KINDS for one in api.authorizers)


def pools_without_mfa(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T301: user pools without a second factor."""
    without = (pool for pool in analysis.template.pools if pool.mfa == "OFF")
    return (
        Finding.of("T301", pool.mfa_location or pool.location, pool=pool.id) for pool in without
    )


def secrets_with_passwords(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T302: app clients with a secret that users' passwords go through."""
    return (
        Finding.of("T302", client.location, client=client.id)
        for client in analysis.template.clients
        if client.has_secret is True
        and isinstance(client.auth_flows, tuple)
        and _PASSWORD_FLOWS & set(client.auth_flows)
    )


def long_access_tokens(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T303: access tokens that are valid for longer than a day."""
    for client in analysis.template.clients:
        seconds = client.access_token_seconds
        if isinstance(seconds, int) and seconds > _DAY_SECONDS:
            location = client.access_token_location or client.location
            yield Finding.of(
                "T303", location, client=client.id, longest=_DAY_SECONDS, seconds=seconds
            )


def groups_not_created(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X301: groups of the policy that the template does not create, where it creates any."""
    template = analysis.template
    created = sorted({group.name for group in template.groups if isinstance(group.name, str)})
    is_one_unknown = any(isinstance(group.name, Unknown) for group in template.groups)
    if is_one_unknown or not (template.pools or template.groups):
        return
    # A group that one of those includes has its members there.
    used = {member for name in created for member in analysis.policy.groups.get(name, ())}
    for group in analysis.source.groups:
        name = group.name
        if name not in used and not OF_PROVIDER.fullmatch(name):
            yield Finding.of("X301", group.location, group=name, similar=closest(name, created))


def groups_without_rules(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X302: groups that the template creates and the policy does not know."""
    known = [group.name for group in analysis.source.groups]
    for group in analysis.template.groups:
        name = group.name
        if isinstance(name, str) and name not in known:
            yield Finding.of("X302", group.location, group=name, similar=closest(name, known))


def documents_for_callers(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X207, X209: who is answered for one request alone, while answers for all are cached."""
    if any(cache.kind is AnswerKind.CALLER for cache in analysis.caches):
        # Slow to load, and few templates need it.
        from authorizer.cli.check.document_rules import inexact_documents  # noqa: PLC0415

        yield from inexact_documents(analysis)


TEMPLATE_RULES: tuple[TemplateRule, ...] = (
    missing_permissions,
    payload_versions,
    answers_at_odds,
    replaced_apis,
    functions_not_redeployed,
    functions_not_known,
    doors_beside,
    settings_refused,
    other_policies,
    relaxing_settings,
    guarded_preflights,
    refusals_without_cors,
    pools_without_mfa,
    secrets_with_passwords,
    long_access_tokens,
    unresolved_protections,
    open_routes,
    closed_public_routes,
    missing_public_routes,
    unreachable_routes,
    unnameable_routes,
    rules_without_route,
    routes_of_others,
    answers_for_all_callers,
    sources_without_token,
    answers_for_all_routes,
    answers_for_other_requests,
    documents_for_one_request,
    documents_for_callers,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
    groups_not_created,
    groups_without_rules,
)


def check_templates(
    named: NamedPolicy, policy: Path, paths: Iterable[Path]
) -> tuple[list[Finding], Callable[[Finding], bool] | None]:
    """The findings of templates, as one.

    Args:
        named: the policy.
        policy: its file.
        paths: of the templates.

    Returns:
        The findings; and whether what is found of the policy alone is answered by the templates:
        nothing where one of them cannot be read.
    """
    templates: list[Template] = []
    findings: list[Finding] = []
    for path in paths:
        try:
            templates.append(read_template(path))
            findings += refusals_of_sam(path)
        except FileError as error:
            # It may stand in a file that the template includes.
            where = error.location or Location(file=str(path))
            findings.append(Finding.of(UNREADABLE_TEMPLATE, where, problem=error.message))
    if any(finding.code == UNREADABLE_TEMPLATE for finding in findings):
        return findings, None
    tested = partial(tested_groups, named.source, policy)
    template = join(templates)
    analysis = TemplateAnalysis(named, template, tested)
    rules = (unresolved_facts, *TEMPLATE_RULES)
    found = [finding for rule in rules for finding in rule(analysis)]
    findings += [*found, *check_deployments(analysis, found)]
    # What SAM says of our mistakes is the same again.
    mistaken = {finding.location.file for finding in found if finding.code == "T003"}
    refused = (one for one in findings if one.code != "T052" or one.location.file not in mistaken)
    known = [replace(one, construct=_construct_at(template, one.location)) for one in refused]
    return known, answers(analysis)


def _construct_at(template: Template, location: Location) -> str:
    before = (start for start in template.constructs if start <= location)
    start = max(before, default=None)
    same_file = start is not None and start.file == location.file
    return template.constructs[start] if start is not None and same_file else ""
