"""Routes of the template against the policy: who is let in without a word, and who never is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.grants import Analysis, competing_routes, is_usable
from authorizer.cli.analysis.partition import Partition
from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, route_protections
from authorizer.cli.analysis.routes import AskedRoute, asked_route
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.public_lines import lines_for_the_rest
from authorizer.cli.check.unnameable_rules import can_be_named
from authorizer.cli.template.model import Unknown
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.policy_file.source import PublicRoute, SourcePolicy, SourceRule
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy


def open_routes(source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """X101: routes without an authorizer that the policy does not list as public."""
    public = _public_index(source)
    for one in route_protections(template):
        if one.decided_by is DecidedBy.NOBODY and not _is_public(public, one):
            key = one.name
            yield Finding(
                code="X101",
                # Those are mostly there for browsers' preflights, which nobody may refuse.
                severity=Severity.WARNING if one.route.method == "OPTIONS" else Severity.ERROR,
                place=one.route.place,
                message=f"expected an authorizer or a public route of the policy, found {key} "
                f"of {clip(one.api.id)} with neither",
                effect=f"anybody {_where(one)} may call {key}, whatever the policy says",
                fix="give the route the authorizer, or list it under public in the policy",
            )


def closed_public_routes(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X102: public routes that carry an authorizer."""
    public = _public_index(source, lines_for_the_rest(source, template))
    for one in route_protections(template):
        if one.decided_by in (DecidedBy.POLICY, DecidedBy.OTHER) and _is_public(public, one):
            key = one.name
            yield Finding(
                code="X102",
                severity=Severity.ERROR,
                place=one.route.place,
                message=f"expected no authorizer on {key}, which is public in the policy, "
                f"found {name_of_authorizer(one)}",
                effect="callers without a token get 401, although the policy lets everybody in",
                fix="set 'Auth: {Authorizer: NONE}' on the route, or take it out of public",
            )


def missing_public_routes(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X103: public routes that the template does not have."""
    if not knows_all_routes(template):
        return
    routes = PathIndex(
        (pattern_of_route(one.route.path), one) for one in route_protections(template)
    )
    for listed in source.public:
        overlapping = list(_routes_of(routes, listed))
        if not any(_may_be(one, listed) for one in overlapping):
            yield _missing(listed, overlapping)


def unreachable_routes(
    source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """X104: routes that nobody at all may use."""
    public = _public_index(source, lines_for_the_rest(source, template))
    # By identity: APIs of several templates may have the same name.
    of_api: dict[int, list[RouteProtection]] = defaultdict(list)
    for one in route_protections(template):
        of_api[id(one.api)].append(one)
    for others in of_api.values():
        analysis = Analysis(_compiled_for(policy, others))
        partition = Partition(analysis.paths)
        routes = {id(one): _asked(one) for one in others}
        competing = competing_routes(routes.values())
        for one in others:
            if (
                one.decided_by is DecidedBy.POLICY
                and can_be_named(one.route)
                and not _is_public(public, one)
                and not is_usable(routes[id(one)], partition, analysis, competing)
            ):
                yield _unreachable(one)


def _asked(one: RouteProtection) -> AskedRoute:
    return replace(asked_route(one.route.key), methods=one.methods, is_named=one.names_route)


def routes_of_others(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X108: routes that the policy has rules for, while another authorizer decides."""
    for one, rule in _of_others(source, template):
        if rule is not None:
            yield Finding(
                code="X108",
                severity=Severity.ERROR,
                place=one.route.place,
                message=f"expected the policy's authorizer on {one.name}, for which it has "
                f"{clip(rule.text)} on line {rule.line}, found {name_of_authorizer(one)}",
                effect="whoever that authorizer lets in may call the route: the policy's allows "
                "and denies count for nothing there",
                fix="give the route the Lambda authorizer that enforces the policy, or take its "
                "rules out of the policy",
            )


def routes_without_rule(source: SourcePolicy, template: Template) -> Iterator[RouteProtection]:
    """Routes that another authorizer decides about, of which the policy says nothing at all."""
    public = _public_index(source)
    for one, rule in _of_others(source, template):
        if rule is None and not _is_public(public, one):
            yield one


def _of_others(
    source: SourcePolicy, template: Template
) -> Iterator[tuple[RouteProtection, SourceRule | None]]:
    """Routes that another authorizer decides about, each with its first rule."""
    rules = PathIndex((pattern_of_rule(rule.pattern), rule) for rule in source.rules)
    for one in route_protections(template):
        if one.decided_by is DecidedBy.OTHER and one.authorizer is not None:
            yield one, _first_rule(rules, one)


def knows_all_routes(template: Template) -> bool:
    """Whether no route could be missing from what was read."""
    return bool(template.apis) and all(api.is_complete for api in template.apis)


def _where(one: RouteProtection) -> str:
    return "who reaches its VPC endpoint" if one.api.is_private else "on the internet"


def _public_index(
    source: SourcePolicy, but_for: Sequence[PublicRoute] = ()
) -> PathIndex[PublicRoute]:
    return PathIndex(
        (pattern_of_rule(listed.pattern), listed)
        for listed in source.public
        if listed not in but_for
    )


def _is_public(public: PathIndex[PublicRoute], one: RouteProtection) -> bool:
    """Whether everything that comes by the route is public."""
    covering = list(public.covering(pattern_of_route(one.route.path)))
    return all(any(_covers(listed, method) for listed in covering) for method in one.methods)


def _covers(listed: PublicRoute, method: str) -> bool:
    return listed.pattern.covers_method(method)


def _routes_of(
    routes: PathIndex[RouteProtection], listed: PublicRoute
) -> Iterator[RouteProtection]:
    for one in routes.overlapping(pattern_of_rule(listed.pattern)):
        if any(_covers(listed, method) for method in one.methods):
            yield one


def _may_be(one: RouteProtection, listed: PublicRoute) -> bool:
    """Whether a route is the one that is listed; a greedy one is only where nobody guards it."""
    pattern = pattern_of_route(one.route.path)
    if pattern.more is not None:
        return (
            one.decided_by in (DecidedBy.NOBODY, DecidedBy.UNKNOWN)
            or pattern_of_rule(listed.pattern) == pattern
        )
    own = listed.pattern
    return pattern.path[: len(own.path)] == own.path


def _compiled_for(policy: Policy, others: Sequence[RouteProtection]) -> Policy:
    """The policy as it is compiled for an API; it makes a difference where paths are judged."""
    api = others[0].api
    if not api.is_complete or not any(one.is_decided_by_path for one in others):
        return policy
    return replace(
        policy,
        routes=tuple(dict.fromkeys(route.key for route in api.routes if not route.is_preflight)),
    )


def _missing(listed: PublicRoute, overlapping: Sequence[RouteProtection]) -> Finding:
    takes = next((one for one in overlapping), None)
    where = "the template has no such route"
    if takes is not None:
        where = f"the template has only {takes.name}, which is another route"
    return Finding(
        code="X103",
        severity=Severity.WARNING,
        place=listed.place,
        message=f"expected a route for the public {clip(listed.text)}, but {where}",
        effect="nobody can call it, and whoever reads the policy believes that it is open",
        fix="add the route with 'Auth: {Authorizer: NONE}', or take the line out of public",
    )


def _unreachable(one: RouteProtection) -> Finding:
    return Finding(
        code="X104",
        severity=Severity.WARNING,
        place=one.route.place,
        message=f"expected a group or scope that may call {one.name}, found none",
        effect="every caller gets 403, whatever their groups",
        fix="grant the route to a group or scope in the policy, lift the deny that is in the way, "
        "or take the route out of the template",
    )


def _first_rule(rules: PathIndex[SourceRule], one: RouteProtection) -> SourceRule | None:
    pattern = pattern_of_route(one.route.path)
    found = rules.covering(pattern) if pattern.more is None else rules.overlapping(pattern)
    covering = [
        rule for rule in found if any(rule.pattern.covers_method(each) for each in one.methods)
    ]
    return min(covering, key=lambda rule: rule.place, default=None)


def name_of_authorizer(one: RouteProtection) -> str:
    """The authorizer of a route in words."""
    authorizer = one.authorizer
    if authorizer is None or isinstance(authorizer.kind, Unknown):
        return "another authorizer"
    return f"{clip(authorizer.name)} of kind {authorizer.kind.value}"
