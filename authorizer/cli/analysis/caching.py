"""The answers that API Gateway remembers, and under which key.

An answer that is remembered is given to every request that has the same key. A simple answer is
yes or no to whatever is asked next. An IAM document names what it allows: this request alone, or
all that the caller may do.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    AnswerKind,
    DecidedBy,
    RouteProtection,
    answer_kind,
    our_authorizers,
)
from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    AuthorizerKind,
    Route,
    Template,
    Unknown,
)
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.location import Location

# Methods of routes that take every method: $default has none.
_EVERY = frozenset({"", ANY})


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """What of a request is in the key.

    Attributes:
        route: the template that was matched, with its method where that has one.
        method: of the request.
        path: the concrete one.
    """

    route: bool
    method: bool
    path: bool

    @property
    def tells_request(self) -> bool:
        """Whether requests with the same key are the same request."""
        return self.method and self.path

    def may_be_shared(self, one: Route, other: Route) -> bool:
        """Whether requests by two routes can have the same key."""
        if self.tells_request or (self.route and one.key != other.key):
            return False
        has_one_method = one.method == other.method
        may_have_one = has_one_method or not _EVERY.isdisjoint((one.method, other.method))
        if not self.path:
            return may_have_one or not self.method
        # Of one method, a path belongs to one route.
        pattern = pattern_of_route(one.path)
        return not has_one_method and pattern.overlaps(pattern_of_route(other.path))


def cache_key(api: Api, authorizer: Authorizer) -> CacheKey | None:
    """The key that answers are remembered under; nothing where that cannot be decided."""
    if authorizer.kind is AuthorizerKind.TOKEN:
        return CacheKey(route=False, method=False, path=False)
    sources = authorizer.identity_sources
    if isinstance(sources, Unknown):
        return None
    path = "context:path" in sources
    method = "context:httpMethod" in sources
    if api.kind is ApiKind.HTTP:
        route = "context:routeKey" in sources
    else:
        of_resource = {"context:resourcePath", "context:resourceId"}
        route = method and not of_resource.isdisjoint(sources)
    return CacheKey(route=route, method=method, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """An authorizer of ours whose answers are remembered.

    Attributes:
        routes: those that use it.
        kind: what it answers; nothing where that cannot be decided.
        key: what its answers are remembered under; nothing where that cannot be decided.
    """

    api: Api
    authorizer: Authorizer
    routes: tuple[RouteProtection, ...]
    kind: AnswerKind | None
    key: CacheKey | None

    @property
    def key_location(self) -> Location:
        """Where the identity sources stand."""
        return self.authorizer.identity_location or self.authorizer.location

    @property
    def ttl_location(self) -> Location:
        """Where the time to live stands."""
        return self.authorizer.ttl_location or self.authorizer.location


def caches(template: Template, protections: Iterable[RouteProtection]) -> Iterator[Cache]:
    """Every authorizer of ours whose answers are surely remembered.

    Args:
        template: as read.
        protections: of all its routes.
    """
    guarded = [one for one in protections if one.decided_by is DecidedBy.POLICY]
    for api, authorizer in our_authorizers(template):
        ttl = authorizer.ttl_seconds
        if api.kind is ApiKind.WEBSOCKET or not isinstance(ttl, int) or ttl <= 0:
            continue
        yield Cache(
            api=api,
            authorizer=authorizer,
            routes=tuple(
                route for route in guarded if route.api is api and route.authorizer is authorizer
            ),
            kind=answer_kind(template, api, authorizer),
            key=cache_key(api, authorizer),
        )
