"""Rules of the policy that no route of the template ever brings to bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import RouteProtection, route_protections
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.routes_rules import knows_all_routes
from authorizer.cli.check.unnameable_rules import can_be_named
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

# Looking for a similar name is slow, and nobody reads thousands of hints.
_MOST_HINTS = 30


def rules_without_route(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X105, X106, X107: allows and denies that match no route, and those that are shadowed."""
    if not knows_all_routes(template):
        return
    routes = PathIndex(
        (pattern_of_route(one.route.path), one) for one in route_protections(template)
    )
    keys = sorted({one.route.key for one in route_protections(template) if can_be_named(one.route)})
    hints = _MOST_HINTS
    # Many groups have the same rules.
    known: dict[tuple[object, ...], _Match] = {}
    for rule in source.rules:
        pattern = rule.pattern
        same = (pattern.path, pattern.tail, pattern.methods, rule.effect)
        match = known.get(same)
        if match is None:
            match = known[same] = _match(routes, rule)
        if match.taker:
            yield _shadowed(rule, match.taker)
        elif not match.is_matched:
            yield _unmatched(rule, keys if hints > 0 else ())
            hints -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """What becomes of a rule.

    Attributes:
        is_matched: whether a route brings it to bear.
        taker: key of a route that takes its requests, where none does.
    """

    is_matched: bool
    taker: str = ""


def _match(routes: PathIndex[RouteProtection], rule: SourceRule) -> _Match:
    if any(_brings_to_bear(one, rule) for one in _meeting(routes, rule)):
        return _Match(is_matched=True)
    takers = (one.name for one in _meeting(routes, rule) if _takes_literal(one, rule))
    return _Match(is_matched=False, taker=min(takers, default=""))


def _meeting(routes: PathIndex[RouteProtection], rule: SourceRule) -> Iterator[RouteProtection]:
    for one in routes.overlapping(pattern_of_rule(rule.pattern)):
        if any(rule.pattern.covers_method(method) for method in one.methods):
            yield one


def _brings_to_bear(one: RouteProtection, rule: SourceRule) -> bool:
    """Whether a rule that has paths in common with a route is asked about any of them.

    A route is compared as it is, a parameter with a parameter alone; a path that is all that the
    authorizer is told is resolved to the route first. Below a greedy route the path is compared,
    but no allow that has a parameter where the route is literal counts.
    """
    pattern, own = pattern_of_route(one.route.path), rule.pattern.path
    if pattern.more is None:
        return pattern.path[: len(own)] == own
    return rule.effect == "deny" or not any(
        mine == PARAMETER != theirs for mine, theirs in zip(own, pattern.path, strict=False)
    )


def _takes_literal(one: RouteProtection, rule: SourceRule) -> bool:
    """Whether a route has a parameter where the rule has a segment of its own."""
    known = pattern_of_route(one.route.path).path
    return any(
        theirs == PARAMETER != mine for mine, theirs in zip(rule.pattern.path, known, strict=False)
    )


def _shadowed(rule: SourceRule, key: str) -> Finding:
    is_deny = rule.effect == "deny"
    return Finding(
        code="X107",
        severity=Severity.ERROR if is_deny else Severity.WARNING,
        place=rule.place,
        message=f"expected a route of its own for {clip(rule.text)} of {_owner(rule)}, "
        f"but requests for it come by {key}",
        effect=f"the line denies nothing: whoever may call {key} gets this, too"
        if is_deny
        else f"the line grants nothing: only rules for {key} are asked",
        fix=f"make it a route of the template, or write the rule for {key}",
    )


def _unmatched(rule: SourceRule, keys: Sequence[str]) -> Finding:
    is_deny = rule.effect == "deny"
    return Finding(
        code="X106" if is_deny else "X105",
        severity=Severity.WARNING,
        place=rule.place,
        message=f"expected a route of the template for {clip(rule.text)} of {_owner(rule)}, "
        f"found none{did_you_mean(rule.text, keys)}",
        effect="the line denies nothing, and what was meant by it may be open"
        if is_deny
        else "the line grants nothing, and those it was meant for get 403 or 404",
        fix="write the rule as the template has the route, add the route, or take the line out",
    )


def _owner(rule: SourceRule) -> str:
    kind, _, name = rule.subject.partition(":")
    return f"{kind} {clip(name)}"
