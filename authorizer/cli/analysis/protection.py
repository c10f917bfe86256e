"""Who guards each route of an API, and by which kind of answer: one value for all commands.

A route is guarded by the policy's authorizer, by another one, or by nobody; or a deployment decides
it. The settings of a template's functions tell which of them is the policy's. What an authorizer
answers is decided by its API, and by these settings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

from authorizer.cli.analysis.routes import PathPattern, pattern_of_route
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    AuthorizerKind,
    FunctionVariables,
    Route,
    Template,
    Unknown,
)
from authorizer.cli.text import quoted_key, shown
from authorizer.errors import clip
from authorizer.gateway.events import Flavour
from authorizer.gateway.token_sources import AUTHORIZATION
from authorizer.policy.paths import ANY, CONNECT, METHODS
from authorizer.settings import DEFAULT_IAM_MODES, NAMES, PREFIX, HttpApiAnswer, IamMode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


LAMBDA_KINDS = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)
# Every variable that the function knows.
SETTINGS = frozenset(PREFIX + name for name in NAMES)
# What a connection has instead of a method: only rules for ANY cover it.
_NO_METHOD = ("",)
# Methods of routes that take every method: $default has none.
_EVERY = frozenset({"", ANY})
# The kind of an authorizer's events, by its API, and by its payload's version or its own kind.
_FLAVOURS: dict[object, Flavour] = {
    (ApiKind.HTTP, "1.0"): Flavour.HTTP_1,
    (ApiKind.HTTP, "2.0"): Flavour.HTTP_2,
    (ApiKind.REST, AuthorizerKind.TOKEN): Flavour.REST_TOKEN,
    ApiKind.REST: Flavour.REST_REQUEST,
    ApiKind.WEBSOCKET: Flavour.WEBSOCKET,
}
# What a source of tokens is to API Gateway, where it is not called as the setting calls it.
_IDENTITIES = {
    "cookie": "header:cookie",
    "query": "querystring:{}",
    "subprotocol": "header:sec-websocket-protocol",
}


class DecidedBy(Enum):
    """Who decides about a route."""

    POLICY = auto()
    OTHER = auto()
    NOBODY = auto()
    UNKNOWN = auto()


class AnswerKind(StrEnum):
    """What an answer says; of documents, what they cover, as the function's settings call it."""

    SIMPLE = "simple"
    # An IAM document for all that the caller may do, and one for this request alone.
    CALLER = IamMode.CALLER
    REQUEST = IamMode.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteProtection:
    """A route, with who decides about it.

    Attributes:
        methods: those of the requests that come this way. For every method but those that have a
            route of their own.
        authorizer: which one is asked; nothing where there is none, or which one is not known.
        answer: in which form it answers; the usual one where that cannot be decided.
        differs: whether another deployment has another authorizer there.
    """

    api: Api
    route: Route
    decided_by: DecidedBy
    methods: tuple[str, ...] = ()
    authorizer: Authorizer | None = None
    answer: AnswerKind = AnswerKind.SIMPLE
    differs: bool = False

    @property
    def name(self) -> str:
        """Its key, for a message."""
        return quoted_key(self.route.key)

    @property
    def takes_every_method(self) -> bool:
        """Whether it is not a route for one method."""
        return self.route.method in _EVERY and self.route.path != CONNECT

    @property
    def names_route(self) -> bool:
        """Whether the authorizer's events name the route.

        Those of kind TOKEN never do: it is given the concrete path alone, and the policy resolves
        that by itself. Of an authorizer that is not known, the usual is assumed.
        """
        return self.authorizer is None or self.authorizer.kind is not AuthorizerKind.TOKEN

    @property
    def is_decided_by_path(self) -> bool:
        """Whether the concrete path decides, as where the route does not tell it."""
        return not self.names_route or pattern_of_route(self.route.path).more is not None

    @property
    def asks_policy(self) -> bool | None:
        """Whether the policy is asked; nothing where that cannot be told."""
        who = self.decided_by
        return None if who is DecidedBy.UNKNOWN else who is DecidedBy.POLICY

    @property
    def authorizer_name(self) -> str | None:
        """The authorizer's; nothing where there is none, or which one is not known."""
        name = self.route.authorizer
        return name if isinstance(name, str) and not self.differs else None

    @property
    def authorizer_kind(self) -> str | None:
        """``jwt``, ``cognito``, ``iam``, ``request`` or ``token``; nothing where not known."""
        if self.authorizer is None or isinstance(self.authorizer.kind, Unknown):
            return None
        kind = self.authorizer.kind.value
        if self.decided_by is DecidedBy.OTHER and self.authorizer.kind in LAMBDA_KINDS:
            return f"{kind}, by the function {clip(self.authorizer.function)}"
        return kind

    @property
    def in_words(self) -> str:
        """``its authorizer 'Login' (jwt)``."""
        name, kind = self.authorizer_name, self.authorizer_kind
        if name is None:
            return "no authorizer" if self.decided_by is DecidedBy.NOBODY else "an authorizer"
        return f"its authorizer {clip(name)}" + (f" ({kind})" if kind else "")

    @property
    def because(self) -> str:
        """Why it cannot be told whether the policy is asked: ``: parameter Which has no default``.

        Nothing where it can.
        """
        known = self.authorizer
        facts = (self.route.authorizer, *((known.kind, known.function) if known else ()))
        unknown = next((fact for fact in facts if isinstance(fact, Unknown)), None)
        if self.decided_by is not DecidedBy.UNKNOWN:
            return ""
        if self.differs:
            why = "it is not the same in every deployment"
        elif unknown is not None:
            why = str(unknown.why)
        elif known is None:
            why = "the API has no such authorizer"
        elif known.elsewhere is not None:
            why = f"its function {clip(known.elsewhere)} is not in this template"
        else:
            why = "which function is the policy's is not told by their settings"
        return f": {shown(why)}"


# --- the routes -----------------------------------------------------------------------------------


def can_ask(api: Api, route: Route) -> bool:
    """Whether an authorizer can be asked at a route.

    Those that answer browsers' preflights are nobody's to guard. Of a WebSocket API only the
    connection is authorized, and everything after it with it.
    """
    return not route.is_preflight and (api.kind is not ApiKind.WEBSOCKET or route.path == CONNECT)


def routes_that_ask(api: Api) -> dict[str, Route]:
    """By key, the routes at which an authorizer can be asked."""
    return {route.key: route for route in api.routes if can_ask(api, route)}


def protection_by_route(template: Template, api: Api) -> dict[str, RouteProtection]:
    """By key, for each route of an API; one that conditions put there twice may be undecided."""
    found: dict[str, RouteProtection] = {}
    for protection in protections_of(template, api):
        first = found.setdefault(protection.route.key, protection)
        if _facts(first) != _facts(protection):
            found[protection.route.key] = replace(
                first,
                decided_by=DecidedBy.UNKNOWN,
                authorizer=None,
                answer=AnswerKind.SIMPLE,
                differs=True,
            )
    return found


def unnamed_routes(template: Template, api: Api) -> frozenset[str]:
    """The keys of the routes whose authorizer is given the concrete path alone."""
    protections = protection_by_route(template, api)
    return frozenset(key for key, protection in protections.items() if not protection.names_route)


def _facts(protection: RouteProtection) -> tuple[object, ...]:
    """What must be the same of a route in every deployment."""
    return (protection.decided_by, protection.authorizer, protection.route.authorizer)


def protections_of(template: Template, api: Api) -> Iterator[RouteProtection]:
    """The same, of one API."""
    taken = {(route.method, pattern_of_route(route.path)) for route in api.routes}
    by_name: dict[object, tuple[Authorizer | None, DecidedBy, AnswerKind]] = {
        each.name: (
            each,
            decided_by(template, each),
            answer_kind(template, api, each, is_likely=True) or AnswerKind.SIMPLE,
        )
        for each in reversed(api.authorizers)
    }
    for route in (*api.routes, *_unwritten(api)):
        methods = _methods_of(route, taken)
        if not (can_ask(api, route) and methods):
            continue
        unknown = DecidedBy.NOBODY if route.authorizer is None else DecidedBy.UNKNOWN
        authorizer, who, answer = by_name.get(route.authorizer, (None, unknown, AnswerKind.SIMPLE))
        yield RouteProtection(
            api=api,
            route=route,
            decided_by=who,
            methods=methods,
            authorizer=authorizer,
            answer=answer,
        )


def _unwritten(api: Api) -> Iterator[Route]:
    """The connection that a WebSocket API takes from anybody where it has no route for it."""
    has_routes = api.kind is ApiKind.WEBSOCKET and api.is_complete and api.routes
    if has_routes and all(route.path != CONNECT for route in api.routes):
        yield Route(method="", path=CONNECT, authorizer=None, location=api.location)


def _methods_of(route: Route, taken: Collection[tuple[str, PathPattern]]) -> tuple[str, ...]:
    if route.path == CONNECT:
        return _NO_METHOD
    if route.method not in _EVERY:
        return (route.method,)
    pattern = pattern_of_route(route.path)
    return tuple(method for method in METHODS if (method, pattern) not in taken)


# --- who is asked ---------------------------------------------------------------------------------


def our_authorizers(template: Template) -> Iterator[tuple[Api, Authorizer]]:
    """Every authorizer that asks our function, used or not."""
    every = ((api, authorizer) for api in template.apis for authorizer in api.authorizers)
    return ((api, authorizer) for api, authorizer in every if is_ours(template, authorizer))


def is_ours(template: Template, authorizer: Authorizer) -> bool:
    """Whether an authorizer surely asks our function."""
    return decided_by(template, authorizer) is DecidedBy.POLICY


def decided_by(template: Template, authorizer: Authorizer) -> DecidedBy:
    """Who decides where an authorizer is asked.

    The settings of the template's functions tell which of them is ours. Where none has any, and
    all authorizers ask the same function, that one is meant.
    """
    if isinstance(authorizer.kind, Unknown):
        return DecidedBy.UNKNOWN
    if authorizer.kind not in LAMBDA_KINDS:
        return DecidedBy.OTHER
    # Those with settings of their own: what all have tells nothing of one.
    settled = [
        function
        for function in template.functions
        if not SETTINGS.isdisjoint(function.variables.keys() - function.common)
    ]
    asked = {each.function for api in template.apis for each in api.authorizers}
    ours = {each.id for each in settled if each.id in asked or _may_start(each)}
    if not ours:
        # One with settings, behind no route, may be ours although no authorizer asks it.
        backends = {route.backend for api in template.apis for route in api.routes}
        is_only = len(_asked_beside(template, authorizer)) == 1
        is_only &= backends.issuperset(each.id for each in settled)
        return DecidedBy.POLICY if is_only else DecidedBy.UNKNOWN
    own = next((each for each in settled if each.id == authorizer.function), None)
    has_rival = own and any(each.id in asked and _may_be_instead(each, own) for each in settled)
    if has_rival or not isinstance(authorizer.function, str):
        return DecidedBy.UNKNOWN
    return DecidedBy.POLICY if authorizer.function in ours else DecidedBy.OTHER


def _may_be_instead(function: FunctionVariables, own: FunctionVariables) -> bool:
    """Whether another function of the same file may be the policy's: it is not the same code."""
    return function.code != own.code and function.location.file == own.location.file


def _asked_beside(template: Template, authorizer: Authorizer) -> set[object]:
    """The functions that the Lambda authorizers of an authorizer's file ask."""
    return {
        (other.function, other.elsewhere)
        for api in template.apis
        for other in api.authorizers
        if other.kind in LAMBDA_KINDS and other.location.file == authorizer.location.file
    }


def _may_start(function: FunctionVariables) -> bool:
    """Whether a function may be ours that no authorizer asks: without pools ours does not start."""
    return f"{PREFIX}USER_POOLS" in function.variables or not function.is_complete


# --- what it answers ------------------------------------------------------------------------------


def answer_kind(
    template: Template, api: Api, authorizer: Authorizer, *, is_likely: bool = False
) -> AnswerKind | None:
    """What an authorizer of ours answers; nothing where that cannot be decided.

    Args:
        template: that has the API.
        api: that has the authorizer.
        authorizer: the authorizer.
        is_likely: whether the usual is taken for what cannot be decided.
    """
    flavour = flavour_of(api, authorizer)
    modes = _setting(template, authorizer, "IAM_MODES", "")
    if is_likely:
        flavour, modes = flavour or Flavour.HTTP_2, modes or ""
    if flavour is Flavour.HTTP_2 and authorizer.simple_responses:
        is_known = not isinstance(authorizer.simple_responses, Unknown)
        return AnswerKind.SIMPLE if is_known or is_likely else None
    if flavour is None or modes is None:
        return None
    # Such as "rest-request=caller http-2.0=request". What is misspelt fails the start instead.
    mode = dict(pair.partition("=")[::2] for pair in modes.split()).get(flavour, "")
    return AnswerKind(mode if mode in set(IamMode) else DEFAULT_IAM_MODES[flavour])


def answers_simply(template: Template, authorizer: Authorizer) -> bool | None:
    """Whether the function answers yes or no on payload 2.0; nothing where it cannot be decided."""
    answer = _setting(template, authorizer, "HTTP_API_ANSWER", HttpApiAnswer.SIMPLE)
    return answer == HttpApiAnswer.SIMPLE if answer in set(HttpApiAnswer) else None


def token_identities(template: Template, authorizer: Authorizer) -> frozenset[str] | None:
    """The identity sources that may hold a token; nothing where that cannot be decided."""
    written = _setting(template, authorizer, "TOKEN_SOURCES", AUTHORIZATION)
    if written is None:
        return None
    sources = (source.partition(":")[::2] for source in written.split())
    return frozenset(
        _IDENTITIES.get(kind, "header:{}").format(name if kind == "query" else name.lower())
        for kind, name in sources
    )


def _setting(template: Template, authorizer: Authorizer, name: str, default: str) -> str | None:
    """A variable of the function behind an authorizer; nothing where it cannot be decided."""
    values = (
        function.variables.get(f"{PREFIX}{name}", default)
        for function in template.functions
        if function.id == authorizer.function
    )
    value = next(values, None)
    return value if isinstance(value, str) else None


def flavour_of(api: Api, authorizer: Authorizer) -> Flavour | None:
    """The kind of its events; nothing where that cannot be decided."""
    told = authorizer.payload_version if api.kind is ApiKind.HTTP else authorizer.kind
    return _FLAVOURS.get((api.kind, told), _FLAVOURS.get(api.kind))
