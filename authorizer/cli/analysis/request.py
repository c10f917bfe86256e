"""One question to the policy, as an authorizer will be asked it.

Whether its events name the route makes a difference. Where they do, the rules are compared with the
route that API Gateway matched. A TOKEN authorizer of a REST API is given the concrete path alone,
and the policy then resolves it by itself: a deny may count that is none of the route's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.template.model import AuthorizerKind
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authorizer.cli.template.model import Authorizer
    from authorizer.policy.model import Decision, Policy


def names_route(authorizer: Authorizer | None) -> bool:
    """Whether an authorizer's events name the route that was matched.

    One of kind TOKEN is never told it. Of one that is not known, the usual is assumed.
    """
    return authorizer is None or authorizer.kind is not AuthorizerKind.TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """What the policy is asked: the words of an event, but for who asks.

    Attributes:
        method: of the request; nothing for ``$connect``.
        route: the template that was matched; nothing where the event does not name it.
        path: the concrete path; nothing for ``$connect``.
        path_parameters: the values that API Gateway extracted.
    """

    method: str
    route: str | None = None
    path: str | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)

    def without_route(self) -> PolicyRequest:
        """The same as a TOKEN authorizer is asked it."""
        return replace(self, route=None, path_parameters={})

    def put_to(
        self,
        policy: Policy,
        *,
        groups: Iterable[str] = (),
        scopes: Iterable[str] = (),
        claims: Mapping[str, Any] | None = None,
    ) -> Decision:
        """What the policy decides for a caller."""
        return policy.decide(
            method=self.method,
            route=self.route,
            path=self.path,
            path_parameters=self.path_parameters,
            groups=groups,
            scopes=scopes,
            claims=claims,
        )


CONNECTION = PolicyRequest(method="", route=CONNECT)
