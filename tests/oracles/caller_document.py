"""Documents made for each caller from the routes and the rules, without a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.policy.caller_document import Inexact
from authorizer.policy.decision import is_machine
from oracles.grants import Grants, InexactError
from oracles.known_routes import KnownRoutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authorizer.policy.decision import Policy

# Documents are remembered per set of groups and the values that rules compare.
_MOST_CALLERS = 512
# To prepare more of them takes too long for a request, and no document is made for so many.
_MOST_ROUTES = 2_000


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
        counting = tuple(scopes) if is_machine(groups, claims) else ()
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
