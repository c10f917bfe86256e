"""Answers that API Gateway remembers, and then gives to another route, path, method or caller.

See :mod:`authorizer.cli.analysis.caching` for what is remembered under which key. Simple answers
and those for one request must not be given to another one. Documents for all that a caller may do
serve every request of the caller's, if there is one that says exactly that.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    AnswerKind,
    DecidedBy,
    RouteProtection,
    our_authorizers,
    token_identities,
)
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.check.finding import Finding
from authorizer.cli.check.route_rules import can_be_named
from authorizer.cli.template.model import AuthorizerKind, Unknown
from authorizer.gateway.token_sources import AUTHORIZATION
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.analysis.caching import Cache, CacheKey
    from authorizer.cli.template.model import Authorizer

_USUAL = frozenset({AUTHORIZATION})


def answers_for_all_callers(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X204, X205, X211: answers remembered without the token, or the origin, in the key."""
    for cache in analysis.caches:
        sources = cache.authorizer.identity_sources
        if isinstance(sources, Unknown) or cache.authorizer.kind is AuthorizerKind.TOKEN:
            continue
        tokens = _tokens_of(analysis, cache.authorizer)
        lacks_origin = "header:cookie" in tokens and "header:origin" not in sources
        if not tokens <= {*sources} or lacks_origin:
            code = "X211" if tokens <= {*sources} else "X205" if sources else "X204"
            facts = {"sources": sources, "tokens": sorted(tokens)}
            yield Finding.of(code, cache.key_location, authorizer=cache.authorizer.name, **facts)


def sources_without_token(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X210: what a caller has to send is no source of tokens, and nothing is remembered."""
    for _, one in our_authorizers(analysis.template):
        tokens = token_identities(analysis.template, one)
        sources = () if isinstance(one.identity_sources, Unknown) else one.identity_sources
        sent = [source for source in sources if source.startswith(("header:", "querystring:"))]
        is_asked = one.kind is AuthorizerKind.REQUEST and all(
            one is not cache.authorizer for cache in analysis.caches
        )
        if is_asked and sent and tokens is not None and tokens.isdisjoint(sent):
            facts = {"sources": sent, "tokens": sorted(tokens)}
            location = one.identity_location or one.location
            yield Finding.of("X210", location, authorizer=one.name, **facts)


def backend_answers_for_all_callers(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X205, too: what a stage remembers of guarded routes without the caller's token in the key."""
    # The first route that is told so in one place stands for them all.
    shared = {
        one.route.shared_answers: one
        for one in reversed(analysis.protections)
        if one.decided_by is not DecidedBy.NOBODY
        and not _tokens_of(analysis, one.authorizer) <= one.route.cache_keys
    }
    return (
        Finding.of(
            "X205",
            location,
            "backend",
            api=one.api.id,
            route=one.route.key,
            tokens=sorted(_tokens_of(analysis, one.authorizer)),
        )
        for location, one in shared.items()
        if location is not None
    )


def _tokens_of(analysis: TemplateAnalysis, own: Authorizer | None) -> frozenset[str]:
    # Where they cannot be decided, they may be the usual one.
    return (own and token_identities(analysis.template, own)) or _USUAL


def answers_for_all_routes(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X201: simple answers that serve another route."""
    for cache in analysis.caches:
        pairs = _sharing(cache) if cache.kind is AnswerKind.SIMPLE else iter(())
        for route, other in islice(pairs, 1):
            facts = {"authorizer": cache.authorizer.name, "count": len(cache.routes)}
            yield Finding.of("X201", cache.key_location, route=route, other=other, **facts)


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
            yield from islice(_other_documents(cache, cache.key), 1)


def _other_documents(cache: Cache, key: CacheKey) -> Iterator[Finding]:
    """The ways in which a second request can have the key of a first one."""
    location, name = cache.ttl_location, cache.authorizer.name
    for route, other in _sharing(cache):
        yield Finding.of("X206", location, authorizer=name, route=route, other=other)
    for protection in cache.routes:
        pattern, route = pattern_of_route(protection.route.path), protection.route.key
        if not key.path and (pattern.more is not None or PARAMETER in pattern.path):
            yield Finding.of("X206", location, "paths", authorizer=name, route=route)
        elif not key.method and len(protection.methods) > 1:
            yield Finding.of("X206", location, "methods", authorizer=name, route=route)


def answers_older_than_tokens(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X208: answers remembered for longer than a token is valid."""
    clients = ((one.id, one.access_token_seconds) for one in analysis.template.clients)
    known = [(client, valid) for client, valid in clients if isinstance(valid, int)]
    for cache in analysis.caches:
        ttl, name = cache.authorizer.ttl_seconds, cache.authorizer.name
        exceeded = (pair for pair in known if isinstance(ttl, int) and ttl > pair[1])
        for client, valid in islice(exceeded, 1):
            facts = {"client": client, "valid": valid, "seconds": ttl}
            yield Finding.of("X208", cache.ttl_location, authorizer=name, **facts)


def _sharing(cache: Cache) -> Iterator[tuple[str, str]]:
    """The keys of each two routes whose requests can have the same key."""
    key, pairs = cache.key, combinations((one.route for one in cache.routes), 2)
    return ((one.key, other.key) for one, other in pairs if key and key.may_be_shared(one, other))
