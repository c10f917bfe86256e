"""Routes that no rule is for, that others decide or nobody may use, and rules without a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.api import ApiAnalysis
from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, route_protections
from authorizer.cli.check.finding import Finding
from authorizer.cli.check.public_rules import PublicLines, routes_by_path, routes_of
from authorizer.cli.text import closest
from authorizer.policy.compiled import is_route_key
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule
    from authorizer.cli.template.model import Route, Template
    from authorizer.policy.decision import Policy

# Looking for a similar name is slow, and nobody reads thousands of hints.
_MOST_HINTS = 30


def unreachable_routes(
    source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """X104: routes that nobody at all may use."""
    public = PublicLines(source, template)
    for api in template.apis:
        analysis = ApiAnalysis(policy, template, api)
        for protection in analysis.protections:
            if (
                protection.decided_by is DecidedBy.POLICY
                and can_be_named(protection.route)
                and not public.have(protection)
                and not analysis.is_usable(protection)
            ):
                yield Finding.of("X104", protection.route.place, route=protection.route.key)


def unnameable_routes(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X109: routes that no rule can name. Who has another authorizer there needs no rule."""
    for protection in route_protections(template):
        route = protection.route
        if protection.decided_by is not DecidedBy.OTHER and not can_be_named(route):
            yield Finding.of("X109", route.place, _why_unnameable(route.path), route=route.key)


def can_be_named(route: Route) -> bool:
    """Whether a rule can name the route."""
    path = route.path
    has_empty_segment = "//" in path or (path.endswith("/") and path != "/")
    return is_route_key(route.key) and not has_empty_segment


def _why_unnameable(path: str) -> str:
    if not path.startswith("/"):
        return "no slash"
    if path.endswith("/"):
        return "final slash"
    return "empty segment" if "//" in path else ""


def replaced_apis(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T133: APIs in whose place SAM puts its implicit one."""
    for api in template.apis:
        if api.replaces is not None:
            yield Finding.of("T133", api.replaces, api=api.id)


def routes_of_others(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X108: routes that the policy has rules for, while another authorizer decides."""
    for protection, rule in _of_others(source, template):
        route = protection.route
        if rule is not None:
            yield Finding.of(
                "X108", route.place, route=route.key, cause=rule, authorizer=protection.authorizer
            )


def routes_without_policy(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X131: routes that another authorizer opens, of which the policy says nothing."""
    public = PublicLines(source)
    for protection, rule in _of_others(source, template):
        if rule is None and not public.have(protection):
            route, api = protection.route, protection.api
            yield Finding.of(
                "X131", route.place, route=route.key, api=api.id, authorizer=protection.authorizer
            )


def _of_others(
    source: SourcePolicy, template: Template
) -> Iterator[tuple[RouteProtection, SourceRule | None]]:
    """Routes that another authorizer decides about, each with its first rule."""
    rules = PathIndex((pattern_of_rule(rule.pattern), rule) for rule in source.rules)
    for protection in route_protections(template):
        if protection.decided_by is DecidedBy.OTHER and protection.authorizer is not None:
            yield protection, _first_rule(rules, protection)


def _first_rule(rules: PathIndex[SourceRule], protection: RouteProtection) -> SourceRule | None:
    pattern = pattern_of_route(protection.route.path)
    found = rules.covering(pattern) if pattern.more is None else rules.overlapping(pattern)
    covering = [
        rule
        for rule in found
        if any(rule.pattern.covers_method(method) for method in protection.methods)
    ]
    return min(covering, key=lambda rule: rule.place, default=None)


def rules_without_route(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X105, X106, X107: allows and denies that match no route, and those that are shadowed."""
    if not template.has_all_routes:
        return
    routes = routes_by_path(template)
    protections = route_protections(template)
    keys = sorted({one.route.key for one in protections if can_be_named(one.route)})
    hints = _MOST_HINTS
    # Many groups have the same rules.
    known: dict[tuple[object, ...], str | None] = {}
    for rule in source.rules:
        pattern = rule.pattern
        same = (pattern.path, pattern.tail, pattern.methods, rule.effect)
        if same not in known:
            known[same] = _instead(routes, rule)
        instead, is_deny = known[same], rule.effect == "deny"
        if instead:
            yield Finding.of("X107", rule.place, "deny" * is_deny, rule=rule, route=instead)
        elif instead is not None:
            similar = closest(rule.text, keys) if hints > 0 else None
            hints -= 1
            yield Finding.of("X106" if is_deny else "X105", rule.place, rule=rule, similar=similar)


def _instead(routes: PathIndex[RouteProtection], rule: SourceRule) -> str | None:
    """Of a rule that no route brings to bear, the key of one that takes its requests, or nothing.

    None where a route does.
    """
    overlapping = list(routes_of(routes, rule))
    if any(_asks_for_rule(route, rule) for route in overlapping):
        return None
    return min((one.route.key for one in overlapping if _takes_literal(one, rule)), default="")


def _asks_for_rule(protection: RouteProtection, rule: SourceRule) -> bool:
    """Whether a rule that has paths in common with a route is asked about any of them.

    A route is compared as it is, a parameter with a parameter alone; a path that is all that the
    authorizer is told is resolved to the route first. Below a greedy route the path is compared,
    but no allow that has a parameter where the route is literal counts.
    """
    pattern, own = pattern_of_route(protection.route.path), rule.pattern.path
    if pattern.more is None:
        return pattern.path[: len(own)] == own
    return rule.effect == "deny" or not any(
        mine == PARAMETER != theirs for mine, theirs in zip(own, pattern.path, strict=False)
    )


def _takes_literal(protection: RouteProtection, rule: SourceRule) -> bool:
    """Whether a route has a parameter where the rule has a segment of its own."""
    pattern = pattern_of_route(protection.route.path)
    return any(
        theirs == PARAMETER != mine
        for mine, theirs in zip(rule.pattern.path, pattern.path, strict=False)
    )
