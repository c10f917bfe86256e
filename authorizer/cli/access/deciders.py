"""Who decides about each route of an API: the policy's authorizer, another one, nobody, or unknown.

It is one answer for all commands, in the words that they print. What makes an authorizer ours is
not said here, but in ``analysis.protection``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.answer import AnswerKind, likely_answer
from authorizer.cli.analysis.protection import Guard, guarded_routes
from authorizer.cli.template.model import AuthorizerKind, Unknown
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.analysis.protection import GuardedRoute
    from authorizer.cli.template.model import Api, Authorizer, Template

_LAMBDA = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)
_DIFFERS = "it is not the same in every deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides about a route.

    Attributes:
        name: of the authorizer; nothing where there is none, or which one is not known.
        kind: ``jwt``, ``cognito``, ``iam``, ``request`` or ``token``; nothing where not known.
        why: why it is not known whether the policy is asked.
        names_route: whether its events name the route, so that the policy is not asked about the
            path alone.
        answer: in which form it answers.
    """

    guard: Guard
    name: str | None = None
    kind: str | None = None
    why: str | None = None
    names_route: bool = True
    answer: AnswerKind = AnswerKind.SIMPLE

    @property
    def in_words(self) -> str:
        """``its authorizer 'Login' (jwt)``."""
        if self.name is None:
            return "no authorizer" if self.guard is Guard.NOBODY else "an authorizer"
        return f"its authorizer {clip(self.name)}" + (f" ({self.kind})" if self.kind else "")

    @property
    def asks_policy(self) -> bool | None:
        """Whether the policy is asked; nothing where that cannot be told."""
        return None if self.guard is Guard.UNKNOWN else self.guard is Guard.OURS


def deciders_of(template: Template, api: Api) -> dict[str, Decider]:
    """By key, for each route at which an authorizer may be asked."""
    found: dict[str, Decider] = {}
    for one in guarded_routes(template):
        if one.api is api:
            decider = _decider_of(template, one)
            if found.setdefault(one.route.key, decider) != decider:
                found[one.route.key] = Decider(guard=Guard.UNKNOWN, why=_DIFFERS)
    return found


def unnamed_routes(template: Template, api: Api) -> frozenset[str]:
    """The keys of the routes whose authorizer is given the concrete path alone."""
    deciders = deciders_of(template, api)
    return frozenset(key for key, decider in deciders.items() if not decider.names_route)


def _decider_of(template: Template, one: GuardedRoute) -> Decider:
    authorizer, asked = one.authorizer, one.route.authorizer
    if authorizer is None:
        if isinstance(asked, str):
            return Decider(guard=one.guard, name=asked, why="the API has no such authorizer")
        return Decider(guard=one.guard, why=asked.why if asked else None)
    return Decider(
        guard=one.guard,
        name=authorizer.name,
        kind=_kind_of(authorizer, one.guard),
        why=_why_unknown(authorizer) if one.guard is Guard.UNKNOWN else None,
        names_route=one.is_told,
        answer=likely_answer(template, one.api, authorizer),
    )


def _kind_of(authorizer: Authorizer, guard: Guard) -> str | None:
    if isinstance(authorizer.kind, Unknown):
        return None
    kind = authorizer.kind.value
    if guard is Guard.OTHER and authorizer.kind in _LAMBDA:
        return f"{kind}, by the function {clip(authorizer.function)}"
    return kind


def _why_unknown(authorizer: Authorizer) -> str:
    for fact in (authorizer.kind, authorizer.function):
        if isinstance(fact, Unknown):
            return fact.why
    if authorizer.elsewhere is not None:
        return f"its function {clip(authorizer.elsewhere)} is not in this template"
    return "which function is the policy's is not told by their settings"
