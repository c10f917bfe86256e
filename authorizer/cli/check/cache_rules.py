"""Answers that API Gateway remembers, and then gives to another route, path, method or caller.

See :mod:`authorizer.cli.analysis.caching` for what is remembered under which key. Only simple
answers and those for one request are judged here; documents for all that a caller may do serve
every request of the caller's, if they can be made exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.caching import Cache, caches
from authorizer.cli.analysis.paths import PathIndex, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import AnswerKind, DecidedBy, route_protections
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.unnameable_rules import can_be_named
from authorizer.errors import clip
from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.analysis.caching import CacheKey
    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy


def answers_for_all_callers(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X204, X205: answers remembered without the caller's token in the key."""
    for cache in caches(template):
        sources = cache.authorizer.identity_sources
        if cache.key is None or cache.key.token:
            continue
        named = ", ".join(sources) if isinstance(sources, tuple) else ""
        yield Finding(
            code="X205" if sources else "X204",
            severity=Severity.ERROR,
            place=cache.key_place,
            message="expected the Authorization header among the identity sources of "
            f"{cache.name}, whose answers are cached, found {named or 'none'}",
            effect="what one caller is allowed, the next one is, too, whatever their token, "
            "until the answer is forgotten",
            fix="name the header as an identity source (Identity: Headers: [Authorization]), "
            "or set the time to live to 0",
        )


def backend_answers_for_all_callers(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X205, too: what a stage remembers of guarded routes without the caller's token in the key."""
    shared: dict[Location, RouteProtection] = {}
    for one in route_protections(template):
        if one.decided_by is not DecidedBy.NOBODY and one.route.shared_answers is not None:
            shared.setdefault(one.route.shared_answers, one)
    for place, one in shared.items():
        yield Finding(
            code="X205",
            severity=Severity.WARNING,
            place=place,
            message="expected the Authorization header in the key under which a stage of "
            f"{clip(one.api.id)} remembers the answers of {one.name}, found none",
            effect="what the backend answered one caller, the next one is given, for whom it was "
            "not meant",
            fix="name method.request.header.Authorization among the integration's "
            "CacheKeyParameters, or set CachingEnabled: false for the route; where all callers "
            "are answered alike, accept this and say so",
        )


def answers_for_all_routes(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X201: simple answers that serve another route."""
    for cache in caches(template):
        if cache.kind is not AnswerKind.SIMPLE or cache.key is None:
            continue
        pair = _sharing(cache.key, cache.routes)
        if pair is None:
            continue
        one, other = pair
        yield Finding(
            code="X201",
            severity=Severity.ERROR,
            place=cache.key_place,
            message=f"expected $context.routeKey among the identity sources of {cache.name}, "
            f"whose simple answers are cached for {len(cache.routes)} routes, such as "
            f"{one.name} and {other.name}",
            effect=f"whoever was allowed {one.name} is allowed every one of these routes, "
            "until the answer is forgotten",
            fix="add routeKey to the identity sources (Identity: Context: [routeKey]), or set the "
            "time to live to 0",
        )


def answers_for_other_requests(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X202, X203: simple answers that serve another path or method of the same route."""
    rules = PathIndex((pattern_of_rule(rule.pattern), rule) for rule in source.rules)
    for cache in caches(template):
        if cache.kind is AnswerKind.SIMPLE and cache.key is not None:
            for one in filter(lambda each: can_be_named(each.route), cache.routes):
                yield from _other_requests(cache, cache.key, one, rules)


def documents_for_one_request(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X206: IAM documents for one request that are remembered for others."""
    for cache in caches(template):
        if cache.kind is not AnswerKind.REQUEST or cache.key is None:
            continue
        why = _other_request(cache.key, cache.routes)
        if why is not None:
            yield Finding(
                code="X206",
                severity=Severity.ERROR,
                place=cache.ttl_place,
                message=f"expected no caching by {cache.name}, which answers with a document for "
                f"one request alone, but {why}",
                effect="after a first request, callers get 403 on others that they may make, "
                "until the answer is forgotten",
                fix="set the time to live to 0, or let the function answer for all that the "
                "caller may do (AUTHORIZER_IAM_MODES, mode caller)",
            )


def answers_older_than_tokens(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X208: answers remembered for longer than a token is valid."""
    known = [one for one in template.clients if isinstance(one.access_token_seconds, int)]
    for cache in caches(template):
        ttl = cache.authorizer.ttl_seconds
        for client in known:
            valid = client.access_token_seconds
            if isinstance(ttl, int) and isinstance(valid, int) and ttl > valid:
                yield Finding(
                    code="X208",
                    severity=Severity.WARNING,
                    place=cache.ttl_place,
                    message=f"expected {cache.name} to cache for at most the {valid} s that "
                    f"access tokens of {clip(client.id)} are valid, found {ttl} s",
                    effect="callers go on with a token that has expired, for as long as its last "
                    "answer is remembered",
                    fix="shorten the time to live; a minute saves nearly all of the calls",
                )
                break


def _sharing(
    key: CacheKey, routes: Sequence[RouteProtection]
) -> tuple[RouteProtection, RouteProtection] | None:
    """Two routes whose requests can have the same key."""
    for at, one in enumerate(routes):
        for other in routes[at + 1 :]:
            if key.may_be_shared(one.route, other.route):
                return one, other
    return None


def _other_requests(
    cache: Cache, key: CacheKey, one: RouteProtection, rules: PathIndex[SourceRule]
) -> Iterator[Finding]:
    if not key.path:
        why = _why_path_matters(one, rules)
        if why:
            yield _other_path(cache, one, why)
            return
    if not key.method and _does_method_matter(one, rules):
        yield _other_method(cache, one)


def _why_path_matters(one: RouteProtection, rules: PathIndex[SourceRule]) -> str:
    if one.is_decided_by_path:
        return "the path behind it decides"
    for rule in rules.covering(pattern_of_route(one.route.path)):
        if rule.pattern.conditions and _covers(rule, one.methods):
            return f"{clip(rule.text)} on line {rule.line} of the policy compares its path"
    return ""


def _other_path(cache: Cache, one: RouteProtection, why: str) -> Finding:
    key = one.name
    return Finding(
        code="X202",
        severity=Severity.ERROR,
        place=one.route.place,
        message=f"expected no caching for {key}, since {why}, found {cache.name} that caches for "
        f"{cache.authorizer.ttl_seconds} s without the path in its key",
        effect="a caller who was allowed one path is allowed all others of this route, such as "
        "other people's records, until the answer is forgotten",
        fix="use an authorizer with a time to live of 0 for the route (HTTP API: "
        "Identity: ReauthorizeEvery: 0)",
    )


def _does_method_matter(one: RouteProtection, rules: PathIndex[SourceRule]) -> bool:
    """Whether a route for every method is not decided alike for all of them."""
    if not one.takes_every_method:
        return False
    pattern = pattern_of_route(one.route.path)
    found = rules.overlapping(pattern) if one.is_decided_by_path else rules.covering(pattern)
    return any(ANY not in rule.pattern.methods and _covers(rule, one.methods) for rule in found)


def _other_method(cache: Cache, one: RouteProtection) -> Finding:
    key = one.name
    return Finding(
        code="X203",
        severity=Severity.ERROR,
        place=one.route.place,
        message=f"expected no caching for {key}, which takes every method and is not decided "
        f"alike for all, found {cache.name} that caches for {cache.authorizer.ttl_seconds} s "
        "without the method in its key",
        effect="a caller who was allowed a GET is allowed a DELETE, until the answer is forgotten",
        fix="make a route for each method, or use an authorizer with a time to live of 0",
    )


def _other_request(key: CacheKey, routes: Sequence[RouteProtection]) -> str | None:
    """How a second request can have the key of a first one."""
    pair = _sharing(key, routes)
    if pair is not None:
        return f"{pair[0].name} and {pair[1].name} share its answers"
    for one in routes:
        pattern = pattern_of_route(one.route.path)
        if not key.path and (pattern.more is not None or PARAMETER in pattern.path):
            return f"all paths of {one.name} share its answers"
        if not key.method and len(one.methods) > 1:
            return f"all methods of {one.name} share its answers"
    return None


def _covers(rule: SourceRule, methods: Sequence[str]) -> bool:
    return any(rule.pattern.covers_method(method) for method in methods)
