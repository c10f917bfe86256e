"""Routes against rules and public lines: who may use them, and which line has no route.

An open ``$default`` or ``/{proxy+}`` can be listed by a line for all its paths only, though other
routes are in front of some of them. That line says nothing about those: being public grants
nothing, and API Gateway matches the other route first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.check.finding import GUESS_OF_ROUTES, Finding
from authorizer.cli.policy_file.grammar import is_route_key
from authorizer.cli.text import closest
from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.policy_file.source import SourceRule
    from authorizer.cli.template.model import Route

# Looking for a similar name is slow, and nobody reads thousands of hints.
_MOST_HINTS = 30


def unreachable_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X104: routes that nobody at all may use."""
    return (
        Finding.of("X104", protection.route.location, route=protection.route.key)
        for api in analysis.apis
        for protection in api.protections
        if protection.decided_by is DecidedBy.POLICY
        and can_be_named(protection.route)
        and not analysis.is_public(protection, by_all_lines=False)
        and not api.is_usable(protection)
    )


def unnameable_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X109: routes that no rule can name. Who has another authorizer there needs no rule."""
    routes = (one.route for one in analysis.protections if one.decided_by is not DecidedBy.OTHER)
    return (
        Finding.of("X109", route.location, _why_unnameable(route.path), route=route.key)
        for route in routes
        if not can_be_named(route)
    )


def can_be_named(route: Route) -> bool:
    """Whether a rule can name the route."""
    path = route.path
    has_empty_segment = "//" in path or (path.endswith("/") and path != "/")
    return is_route_key(route.key) and not has_empty_segment


def _why_unnameable(path: str) -> str:
    mistakes = {
        "no slash": not path.startswith("/"),
        "final slash": path.endswith("/"),
        "empty segment": "//" in path,
    }
    return next((variant for variant, is_made in mistakes.items() if is_made), "")


def replaced_apis(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T133: APIs in whose place SAM puts its implicit one."""
    replaced = ((api.replaces, api) for api in analysis.template.apis)
    return (Finding.of("T133", by, api=api.id) for by, api in replaced if by is not None)


def routes_of_others(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X108, X131: routes that another authorizer decides about, with rules or without a word."""
    for protection in analysis.protections:
        if protection.decided_by is not DecidedBy.OTHER or protection.authorizer is None:
            continue
        route, rule = protection.route, analysis.first_rule_for(protection)
        facts = {"route": route.key, "authorizer": protection.authorizer}
        if rule is not None:
            yield Finding.of("X108", route.location, cause=rule, **facts)
        elif not analysis.is_public(protection):
            yield Finding.of("X131", route.location, api=protection.api.id, **facts)


def rules_without_route(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X105, X106, X107: allows and denies that match no route, and those that are shadowed."""
    if not analysis.template.has_all_routes:
        return
    routes = (one.route for one in analysis.protections)
    keys = sorted({route.key for route in routes if can_be_named(route)})
    hints = _MOST_HINTS
    for rule, methods in analysis.rules_without_route():
        is_deny, is_whole = rule.effect == "deny", methods >= rule.pattern.methods
        for instead, part in _by_route(analysis, rule, methods, is_whole=is_whole).items():
            facts = {"rule": rule, "part": () if is_whole else part}
            if instead is not None:
                yield Finding.of("X107", rule.location, "deny" * is_deny, route=instead, **facts)
            elif is_whole or ANY not in rule.pattern.methods:
                similar = closest(rule.text, keys) if is_whole and hints > 0 else None
                hints -= 1
                code = "X106" if is_deny else "X105"
                yield Finding.of(code, rule.location, similar=similar, **facts)


def _by_route(
    analysis: TemplateAnalysis, rule: SourceRule, methods: frozenset[str], *, is_whole: bool
) -> Mapping[str | None, list[str]]:
    """The methods of a rule for which it does not count, by the route that they come by."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for some in [methods] if is_whole else [frozenset({method}) for method in methods]:
        asked = replace(rule, pattern=replace(rule.pattern, methods=some))
        beside = (one for one in analysis.routes_beside(asked) if _takes_literal(one, rule))
        found[min((one.route.key for one in beside), default=None)] += some
    return {instead: sorted(some) for instead, some in found.items()}


def _takes_literal(protection: RouteProtection, rule: SourceRule) -> bool:
    """Whether a route has a parameter where the rule has a segment of its own."""
    pattern = pattern_of_route(protection.route.path)
    return any(
        theirs == PARAMETER != mine
        for mine, theirs in zip(rule.pattern.path, pattern.path, strict=False)
    )


# --- public lines ---------------------------------------------------------------------------------


def open_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X101: routes without an authorizer that the policy does not list as public."""
    for open_route in analysis.protections:
        if open_route.decided_by is DecidedBy.NOBODY and not analysis.is_public(open_route):
            api, route = open_route.api, open_route.route
            preflight = "preflight" if route.method == "OPTIONS" else ""
            private = "private" if api.is_private else ""
            yield Finding.of(
                "X101", route.location, preflight, private, route=route.key, api=api.id
            )


def closed_public_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X102: public routes that carry an authorizer."""
    return (
        Finding.of("X102", one.route.location, route=one.route.key, authorizer=one.authorizer)
        for one in analysis.protections
        if one.decided_by in (DecidedBy.POLICY, DecidedBy.OTHER)
        and analysis.is_public(one, by_all_lines=False)
    )


def missing_public_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X103: public routes that the template does not have."""
    if not analysis.template.has_all_routes:
        return
    for line in analysis.source.public:
        if not analysis.lists_a_route(line):
            another = next((one.route.key for one in analysis.routes_beside(line)), None)
            variant = "another" if another else ""
            yield Finding.of("X103", line.location, variant, rule=line, route=another)


def answers(analysis: TemplateAnalysis) -> Callable[[Finding], bool]:
    """Whether a finding about the policy alone is answered by what the template shows.

    P204 of a line that an open route needs; P206 of a rule whose routes have an authorizer; and all
    that the policy can only guess, where X106 and X107 say it.
    """
    source = analysis.source
    needed = {line.location for line in source.public if analysis.is_needed(line)}
    asked = set()
    for rule in source.rules if needed else ():
        beside = [
            one
            for one in analysis.routes_beside(rule)
            if rule.pattern.tail or pattern_of_route(one.route.path).more is None
        ]
        if beside and all(one.decided_by is not DecidedBy.NOBODY for one in beside):
            asked.add(rule.location)
    answered = {"P204": needed, "P206": asked} if analysis.template.has_all_routes else {}
    guesses = {GUESS_OF_ROUTES} if answered else set()
    return lambda one: one.code in guesses or one.location in answered.get(one.code, ())
