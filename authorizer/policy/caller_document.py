"""One IAM document for all that a caller may do: right however API Gateway caches it.

A cached document answers for every route of the API, so it must say of each what ``decide`` says
if it is told the route. (A TOKEN authorizer is not: what it refuses as ``path_unsafe`` when asked
is allowed by a document from before, if API Gateway found it to be a route that is granted.)

The difficulty is that ``*`` in an ARN also crosses ``/``: ``GET/users/*``, meant for
``/users/{id}``, grants ``/users/1/keys``, too, and ``/users/admin``, a route of its own.
``known_routes`` finds out what is granted, ``exact_document`` makes of it what a document can say,
``globs`` is their arithmetic; here it is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.policy.decision import counting_scopes
from authorizer.policy.grants import Grants, Inexact, InexactError
from authorizer.policy.known_routes import KnownRoutes
from authorizer.policy.paths import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authorizer.policy.decision import Policy

# Documents are remembered per set of groups and the values that rules compare.
_MOST_CALLERS = 512
# To prepare more of them takes too long for a request, and no document is made for so many.
_MOST_ROUTES = 2_000


def http_routes(policy: Policy) -> tuple[str, ...] | None:
    """The routes for which one document of a caller answers: all that are requested by a method."""
    return policy.routes and tuple(key for key in policy.routes if key != CONNECT)


class CallerDocuments:
    """What each caller may do, found out once. Thread-safe."""

    def __init__(self, policy: Policy, routes: Sequence[str] | None) -> None:
        """Take the routes of one API; nothing where they are not known."""
        # Here, and not for the first request, which may be of a thousand routes.
        is_small = routes is not None and len(routes) <= _MOST_ROUTES
        self._known = KnownRoutes(policy, routes or ()) if is_small else None
        self._without = Inexact.ROUTES_UNKNOWN if routes is None else Inexact.TOO_LARGE
        conditions = (one for rule in policy.rules for one in rule.pattern.conditions)
        self._compared = sorted({condition.claim for condition in conditions})
        self._made: dict[tuple[Any, ...], Grants | Inexact] = {}

    def of(
        self, groups: Sequence[str], scopes: Iterable[str], claims: Mapping[str, Any]
    ) -> Grants | Inexact:
        """What the caller may do, or why no document says exactly that.

        Args:
            groups: the caller's.
            scopes: the token's. They count only if the claims show that no user is there.
            claims: the token's.
        """
        if self._known is None:
            return self._without
        counting = counting_scopes(groups, scopes, claims)
        texts = {name: claims[name] for name in self._compared if type(claims.get(name)) is str}
        key = (tuple(groups), counting, tuple(texts.items()))
        made = self._made.get(key)
        if made is None:
            try:
                made = self._known.grants(groups, counting, texts)
            except InexactError as error:
                made = error.reason
            if len(self._made) >= _MOST_CALLERS:
                self._made.clear()
            self._made[key] = made
        return made
