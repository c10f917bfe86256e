"""Whether anybody at all can use a route, as ``Policy.decide`` decides it.

Whoever is allowed is so by one rule, and the fewest denies meet a caller who is in that rule's own
group and no other; so each rule is tried with that caller, and with the claims that it asks for.

Where the route is known, a deny leaves nothing of an allow if it compares nothing but what the
allow compares, too. Where only the path is, ``decide`` is asked about a path: the one that has
made-up segments wherever the rule and the route leave them open, and so meets the fewest others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.shapes import Shape, shape_of_route, shape_of_rule
from authorizer.policy.model import CLAIMS_OF_USERS
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.analysis.protection import GuardedRoute
    from authorizer.cli.check.shapes import Shapes
    from authorizer.cli.policy_file.source import SourceRule
    from authorizer.policy.model import Policy

# A token with one of these has a user, for whom scopes grant nothing.
# No rule and no route has such a segment.
_MADE_UP = "made-up~{}~"
# How many segments of a /** to try, beyond the longest rule.
_DEEPEST = 12


def is_reachable(
    policy: Policy,
    rules: Shapes[SourceRule],
    guarded: GuardedRoute,
    routes: Shapes[GuardedRoute],
) -> bool:
    """Whether there is a caller who may use a route.

    Args:
        policy: the compiled policy.
        rules: all of its rules.
        guarded: the route.
        routes: all routes of its API, for what API Gateway prefers to it.
    """
    if guarded.is_judged_by_path:
        return _is_reachable_by_path(policy, rules, guarded, routes)
    return _is_reachable_by_route(policy, rules, guarded)


def _is_reachable_by_route(
    policy: Policy, rules: Shapes[SourceRule], guarded: GuardedRoute
) -> bool:
    covering = list(rules.covering(shape_of_route(guarded.route.path)))
    denies = [rule for rule in covering if rule.effect == "deny"]
    for rule in covering:
        if rule.effect == "allow" and _is_possible(rule):
            against = _denies_against(policy, rule, denies)
            if any(_survives(rule, method, against) for method in guarded.methods):
                return True
    return False


def _denies_against(
    policy: Policy, rule: SourceRule, denies: Sequence[SourceRule]
) -> list[SourceRule]:
    """The denies that everybody has who has the rule."""
    kind, _, name = rule.subject.partition(":")
    having = policy.groups.get(name, frozenset()) if kind == "group" else frozenset()
    subjects = {f"group:{member}" for member in having}
    return [deny for deny in denies if deny.subject in subjects]


def _survives(rule: SourceRule, method: str, denies: Sequence[SourceRule]) -> bool:
    compared = set(rule.pattern.conditions)
    return rule.pattern.covers_method(method) and not any(
        deny.pattern.covers_method(method) and compared.issuperset(deny.pattern.conditions)
        for deny in denies
    )


def _is_possible(rule: SourceRule) -> bool:
    """Whether a token can have what a rule compares: a machine's has nothing of a user."""
    claims = {condition.claim for condition in rule.pattern.conditions}
    return not (rule.subject.startswith("scope:") and claims & CLAIMS_OF_USERS)


def _is_reachable_by_path(
    policy: Policy,
    rules: Shapes[SourceRule],
    guarded: GuardedRoute,
    routes: Shapes[GuardedRoute],
) -> bool:
    shape = shape_of_route(guarded.route.path)
    told = guarded.route.path if guarded.is_told else None
    # No allow with a parameter counts where the route that is known is literal.
    literally = guarded.is_told or policy.routes is not None
    return any(
        _is_allowed(policy, rule, method, told, path)
        for rule in rules.meeting(shape, literally=literally)
        if rule.effect == "allow" and _is_possible(rule)
        for path in _paths(shape, rule)
        for method in _methods_left(guarded, routes, path)
        if rule.pattern.covers_method(method)
    )


def _is_allowed(
    policy: Policy, rule: SourceRule, method: str, told: str | None, path: tuple[str, ...]
) -> bool:
    kind, _, name = rule.subject.partition(":")
    claims = {one.claim: path[one.position] for one in rule.pattern.conditions}
    if kind == "scope":
        client = claims.get("sub") or claims.get("client_id") or "a client"
        claims = {"sub": client, "client_id": client} | claims
    try:
        return policy.decide(
            method=method,
            route=told,
            path="/" + "/".join(path),
            groups=[name] if kind == "group" else [],
            scopes=[name] if kind == "scope" else [],
            claims=claims,
        ).allowed
    except RecursionError:  # more segments than Python has frames
        return True  # not proven to be unreachable


def _paths(shape: Shape, rule: SourceRule) -> Iterator[tuple[str, ...]]:
    """Concrete paths of a route that a rule covers, from the shortest to long ones."""
    other = shape_of_rule(rule.pattern)
    longest = max(len(shape.path), len(other.path))
    open_ended = shape.more is not None and other.more is not None
    for length in range(longest, longest + 2 + (_DEEPEST if open_ended else 0)):
        if shape.takes(length) and other.takes(length):
            path = _merged(shape.path, rule, length)
            if path is not None:
                yield path


def _merged(known: tuple[str, ...], rule: SourceRule, length: int) -> tuple[str, ...] | None:
    """The path with all that rule and route say; nothing where one claim must be two things."""
    path = [PARAMETER] * length
    for segments in (known, rule.pattern.path):
        for at, segment in enumerate(segments):
            path[at] = segment if segment != PARAMETER else path[at]
    values: dict[str, str] = {}
    for condition in rule.pattern.conditions:
        at = condition.position
        if path[at] == PARAMETER:
            continue
        if values.setdefault(condition.claim, path[at]) != path[at]:
            return None
    for condition in rule.pattern.conditions:
        made_up = _MADE_UP.format(condition.claim.replace(":", "."))
        path[condition.position] = values.setdefault(condition.claim, made_up)
    return tuple(
        _MADE_UP.format(at) if segment == PARAMETER else segment for at, segment in enumerate(path)
    )


def _methods_left(
    guarded: GuardedRoute, routes: Shapes[GuardedRoute], path: tuple[str, ...]
) -> list[str]:
    """The methods of a path that come by the route.

    The others belong to routes that API Gateway surely prefers: nowhere less specific.
    """
    own = shape_of_route(guarded.route.path)
    rivals = [
        other
        for other in routes.meeting(Shape(path=path))
        if (shape := shape_of_route(other.route.path)) != own and _is_more_specific(shape, own)
    ]
    taken = {method for rival in rivals for method in rival.methods}
    return [method for method in guarded.methods if method not in taken]


def _is_more_specific(shape: Shape, other: Shape) -> bool:
    if len(shape.path) < len(other.path) or shape.more == 0:  # that is $default
        return False
    return all(
        theirs in (PARAMETER, own) for own, theirs in zip(shape.path, other.path, strict=False)
    )
