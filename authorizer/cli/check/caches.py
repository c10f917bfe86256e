"""The authorizers of ours whose answers API Gateway remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    DecidedBy,
    RouteProtection,
    answer_kind,
    our_authorizers,
    route_protections,
)
from authorizer.cli.check.answers import CacheKey, cache_key
from authorizer.cli.template.model import ApiKind
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.protection import AnswerKind
    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Api, Authorizer, Template


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
    def name(self) -> str:
        """The authorizer's, quoted."""
        return clip(self.authorizer.name)

    @property
    def key_place(self) -> Location:
        """Where the identity sources stand."""
        return self.authorizer.identity_place or self.authorizer.place

    @property
    def ttl_place(self) -> Location:
        """Where the time to live stands."""
        return self.authorizer.ttl_place or self.authorizer.place


def caches(template: Template) -> Iterator[Cache]:
    """Every authorizer of ours whose answers are surely remembered."""
    routes = [one for one in route_protections(template) if one.decided_by is DecidedBy.POLICY]
    for api, authorizer in our_authorizers(template):
        ttl = authorizer.ttl_seconds
        if api.kind is ApiKind.WEBSOCKET or not isinstance(ttl, int) or ttl <= 0:
            continue
        yield Cache(
            api=api,
            authorizer=authorizer,
            routes=tuple(one for one in routes if _uses(one, api, authorizer)),
            kind=answer_kind(template, api, authorizer),
            key=cache_key(api, authorizer),
        )


def _uses(one: RouteProtection, api: Api, authorizer: Authorizer) -> bool:
    return one.api is api and one.authorizer is authorizer
