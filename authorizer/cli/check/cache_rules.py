"""Answers that API Gateway remembers, and then gives to another route, path, method or caller.

See :mod:`authorizer.cli.analysis.caching` for what is remembered under which key. Simple answers
and those for one request must not be given to another one. Documents for all that a caller may do
serve every request of the caller's, if there is one that says exactly that.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import AnswerKind, DecidedBy, RouteProtection
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.check.finding import Finding
from authorizer.cli.check.route_rules import can_be_named
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.analysis.caching import Cache, CacheKey
    from authorizer.cli.location import Location


def answers_for_all_callers(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X204, X205: answers remembered without the caller's token in the key."""
    for cache in analysis.caches:
        sources = cache.authorizer.identity_sources
        if cache.key is not None and not cache.key.token:
            yield Finding.of(
                "X205" if sources else "X204",
                cache.key_location,
                authorizer=cache.authorizer.name,
                sources=sources,
            )


def backend_answers_for_all_callers(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X205, too: what a stage remembers of guarded routes without the caller's token in the key."""
    shared: dict[Location, RouteProtection] = {}
    for guarded in analysis.protections:
        location = guarded.route.shared_answers
        if guarded.decided_by is not DecidedBy.NOBODY and location is not None:
            shared.setdefault(location, guarded)
    for location, guarded in shared.items():
        yield Finding.of("X205", location, "backend", api=guarded.api.id, route=guarded.route.key)


def answers_for_all_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X201: simple answers that serve another route."""
    for cache in analysis.caches:
        if cache.kind is AnswerKind.SIMPLE and cache.key is not None:
            pair = _sharing(cache.key, cache.routes)
            if pair:
                yield Finding.of(
                    "X201",
                    cache.key_location,
                    route=pair[0],
                    other=pair[1],
                    authorizer=cache.authorizer.name,
                    count=len(cache.routes),
                )


def answers_for_other_requests(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X202, X203: simple answers that serve another path or method of the same route."""
    for cache in analysis.caches:
        key, routes = cache.key, [route for route in cache.routes if can_be_named(route.route)]
        if cache.kind is AnswerKind.SIMPLE and key is not None and not key.tells_request and routes:
            for route in routes:
                yield from _other_requests(cache, key, route, analysis)


def _other_requests(
    cache: Cache,
    key: CacheKey,
    route: RouteProtection,
    analysis: TemplateAnalysis,
) -> Iterator[Finding]:
    location, authorizer, api = route.route.location, cache.authorizer, analysis.of(cache.api)
    facts = {
        "route": route.route.key,
        "authorizer": authorizer.name,
        "seconds": authorizer.ttl_seconds,
    }
    if not key.path and route.is_decided_by_path:
        # Even where all paths are granted alike, one that can be read in two ways is refused.
        yield Finding.of("X202", location, **facts)
    elif not key.path and (comparing := api.comparing_rule(route)):
        yield Finding.of("X202", location, "compares", cause=comparing, **facts)
    elif not key.method and route.takes_every_method and api.differs_by_method(route):
        yield Finding.of("X203", location, **facts)


def documents_for_one_request(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X206: IAM documents for one request that are remembered for others."""
    for cache in analysis.caches:
        if cache.kind is AnswerKind.REQUEST and cache.key is not None:
            yield from _other_documents(cache, cache.key)


def _other_documents(cache: Cache, key: CacheKey) -> Iterator[Finding]:
    """The first way in which a second request can have the key of a first one."""
    location, name = cache.ttl_location, cache.authorizer.name
    pair = _sharing(key, cache.routes)
    if pair:
        yield Finding.of("X206", location, authorizer=name, route=pair[0], other=pair[1])
        return
    for route in cache.routes:
        pattern = pattern_of_route(route.route.path)
        has_paths = pattern.more is not None or PARAMETER in pattern.path
        has_methods = len(route.methods) > 1
        shared = "paths" if has_paths and not key.path else "methods"
        if (has_paths and not key.path) or (has_methods and not key.method):
            yield Finding.of("X206", location, shared, authorizer=name, route=route.route.key)
            return


def answers_older_than_tokens(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X208: answers remembered for longer than a token is valid."""
    for cache in analysis.caches:
        ttl, name = cache.authorizer.ttl_seconds, cache.authorizer.name
        for client in analysis.template.clients:
            valid = client.access_token_seconds
            if isinstance(ttl, int) and isinstance(valid, int) and ttl > valid:
                yield Finding.of(
                    "X208",
                    cache.ttl_location,
                    authorizer=name,
                    client=client.id,
                    valid=valid,
                    seconds=ttl,
                )
                break


def _sharing(key: CacheKey, routes: Sequence[RouteProtection]) -> tuple[str, str] | None:
    """The keys of two routes whose requests can have the same key."""
    pairs = combinations((one.route for one in routes), 2)
    shared = ((one.key, other.key) for one, other in pairs if key.may_be_shared(one, other))
    return next(shared, None)
