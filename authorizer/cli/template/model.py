"""The facts of a template that matter to access control, each with the place that states it.

Values are those in effect: what a template leaves out has the default of SAM or API Gateway. What
only a deployment could decide (a parameter without a default, an import, a macro) is an
:class:`Unknown`, which says why; nobody may take it for a yes or a no.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.policy.paths import MOST_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.location import Location


@dataclass(frozen=True, slots=True)
class _Worded:
    """What has a meaning beside its words.

    Attributes:
        text: for people.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Mistake(_Worded):
    """Why something is not decided that no deployment can decide: the template is wrong.

    Attributes:
        location: of what is wrong; nothing where the fact that depends on it tells the place.
    """

    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Repetition(Mistake):
    """A name stands again in its mapping, where the last one counts: what is lost was meant."""


@dataclass(frozen=True, slots=True)
class Elsewhere(_Worded):
    """Why something is not decided that another template tells, where that is at hand.

    Attributes:
        key: where it stands: ``("import", name)``, ``("output", stack, name)``, ``("resource",
            id)``; ``("up", ...)`` is one of these in the stack above. Others are nowhere at hand.
    """

    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HiddenRoutes(_Worded):
    """Which fact is missing that hides routes of an API.

    Attributes:
        label: of the one event or route that is meant; nothing where there may be several.
        api: the one API whose routes these are; nothing where it may be any.
    """

    label: str | None = None
    api: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizerOf:
    """Which fact is missing, where that is who guards a route.

    Attributes:
        key: of the route.
    """

    key: str

    def __str__(self) -> str:
        return f"the authorizer of {self.key}"


# Why something is not decided, such as "parameter Stage has no default".
Cause = str | Mistake | Elsewhere
# Which fact is missing, such as "the kind of authorizer Login".
Missing = str | HiddenRoutes | AuthorizerOf


@dataclass(frozen=True, slots=True)
class Unknown:
    """What cannot be decided offline."""

    why: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """Something the reader came across that it could not decide."""

    location: Location
    what: Missing
    why: Cause


def in_order(facts: Iterable[Unresolved]) -> tuple[Unresolved, ...]:
    """Each once, by where it stands; what is at one place stays as it came."""
    return tuple(sorted(dict.fromkeys(facts), key=lambda fact: (fact.location, str(fact.what))))


class ApiKind(StrEnum):
    """The kinds of APIs."""

    HTTP = "http"
    REST = "rest"
    WEBSOCKET = "websocket"


class AuthorizerKind(StrEnum):
    """The kinds of authorizers. Only the first two are Lambda functions."""

    REQUEST = "request"
    TOKEN = "token"
    JWT = "jwt"
    COGNITO = "cognito"
    IAM = "iam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """An authorizer of an API.

    Attributes:
        name: in its API.
        location: where it is declared.
        function: logical id of the function behind it, where it is one of this template's.
        function_location: where it is named.
        elsewhere: how a function is named that is none of this template's.
        stays: why not the function's newest code may answer, such as "version 1 is named"; nothing
            where it does.
        payload_version: ``1.0`` or ``2.0`` for HTTP APIs; nothing for others.
        payload_version_is_text: false if YAML reads the value as a number, as in ``2`` unquoted,
            but for those that are deployed as they should be.
        simple_responses: whether simple answers are enabled (HTTP API, payload 2.0).
        identity_sources: what answers are cached under, in lower case but for names of
            parameters and context variables: ``header:authorization``, ``querystring:token``,
            ``stagevariable:x``, ``context:routeKey``, ``context:path``.
        ttl_seconds: how long answers are cached; 0 is not at all. REST APIs cache for 300 s
            unless told otherwise, HTTP APIs do not. WebSocket APIs never do.
        may_be_invoked: whether API Gateway has the permission to invoke the function.
    """

    name: str
    location: Location
    kind: AuthorizerKind | Unknown
    function: str | Unknown | None = None
    function_location: Location | None = None
    elsewhere: str | None = None
    stays: str | None = None
    payload_version: str | Unknown | None = None
    payload_version_location: Location | None = None
    payload_version_is_text: bool = True
    simple_responses: bool | Unknown = False
    simple_responses_location: Location | None = None
    identity_sources: tuple[str, ...] | Unknown = ()
    identity_location: Location | None = None
    ttl_seconds: int | Unknown = 0
    ttl_location: Location | None = None
    may_be_invoked: bool | Unknown = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of an API.

    Attributes:
        method: ``GET``, ...; ``ANY``; empty for ``$default`` and for a WebSocket API's routes.
        path: the template: ``/users/{id}``, ``/files/{proxy+}``, ``/``, ``$default``, ``$connect``.
        authorizer: its name in the API; nothing where the route has none.
        location: where the route is declared.
        backend: logical id of the function that answers, as far as it is one of this template's;
            where another template tells it, that.
        is_preflight: whether it is an OPTIONS route that SAM or the API adds for CORS.
        cache_keys: what answers are remembered under where a stage remembers them, written as
            identity sources are.
        shared_answers: where a stage is told to remember answers.
    """

    method: str
    path: str
    authorizer: str | Unknown | None
    location: Location
    backend: str | Unknown | None = None
    is_preflight: bool = False
    cache_keys: frozenset[str] = frozenset()
    shared_answers: Location | None = None

    @property
    def key(self) -> str:
        """As API Gateway names it: ``GET /users/{id}``, ``$default``."""
        return f"{self.method} {self.path}" if self.method else self.path


@dataclass(slots=True, kw_only=True)
class Api:
    """One API of the template: put together while that is read, and then left as it is.

    Attributes:
        id: logical id; SAM's implicit ones are ``ServerlessRestApi`` and ``ServerlessHttpApi``.
        is_complete: whether every route could be read; otherwise ``Template.unresolved`` says why.
        has_cors: whether the API answers browsers' preflights or sets CORS headers.
        cors_gateway_responses: types of REST gateway responses that carry CORS headers, such as
            ``DEFAULT_4XX``, ``UNAUTHORIZED``, ``ACCESS_DENIED``.
        elsewhere: why the API itself is not known, to which the template adds these routes;
            nothing where it is one of the template's.
        is_private: whether it is reached from within networks only.
        stands_alone: whether it is a definition without a template, which has no functions.
        replaces: where the template has a resource of this name that SAM puts its implicit API in
            the place of; nothing where it has none.
    """

    id: str
    kind: ApiKind
    location: Location
    routes: tuple[Route, ...] = ()
    authorizers: tuple[Authorizer, ...] = ()
    is_complete: bool = True
    has_cors: bool | Unknown = False
    cors_gateway_responses: frozenset[str] | Unknown = frozenset()
    is_private: bool = False
    stands_alone: bool = False
    elsewhere: Elsewhere | None = None
    replaces: Location | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Its routes by their keys, but for preflights that are answered for it.

        And but for those that are longer than any path that API Gateway lets through.
        """
        routes = (route for route in self.routes if route.path.count("/") <= MOST_SEGMENTS)
        return tuple(dict.fromkeys(route.key for route in routes if not route.is_preflight))

    @property
    def all_routes(self) -> HiddenRoutes:
        """The name of the fact which routes it has."""
        return HiddenRoutes(f"the routes of {self.id}", api=self.id)

    def put(self, authorizer: Authorizer) -> None:
        """Add an authorizer, in the place of one of its name."""
        by_name = {other.name: other for other in self.authorizers}
        self.authorizers = tuple((by_name | {authorizer.name: authorizer}).values())

    def authorizer(self, name: str) -> Authorizer | None:
        """The authorizer of that name."""
        return next(
            (authorizer for authorizer in self.authorizers if authorizer.name == name), None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPool:
    """A Cognito user pool.

    Attributes:
        mfa: ``ON``, ``OPTIONAL`` or ``OFF``.
    """

    id: str
    location: Location
    mfa: str | Unknown = "OFF"
    mfa_location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppClient:
    """An app client of a user pool.

    Attributes:
        has_secret: whether Cognito makes a secret for it.
        auth_flows: ``ExplicitAuthFlows``, such as ``ALLOW_USER_PASSWORD_AUTH``.
        access_token_seconds: how long access tokens are valid.
    """

    id: str
    location: Location
    has_secret: bool | Unknown = False
    auth_flows: tuple[str, ...] | Unknown = ()
    access_token_seconds: int | Unknown = 3600
    access_token_location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """A group of a user pool."""

    id: str
    location: Location
    name: str | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVariables:
    """A function's environment variables, by name, as far as they are decidable.

    Attributes:
        common: names of those that it has from ``Globals``, as every function.
        locations: where each stands.
        likely: what those come to that name user pools and app clients of the template: these
            get their ids only when deployed, but of one shape.
        is_complete: whether there can be no others.
        code: what it runs, as far as that is written: functions with another one do another thing.
    """

    id: str
    location: Location
    variables: dict[str, str | Unknown]
    common: frozenset[str] = frozenset()
    locations: dict[str, Location] = field(default_factory=dict)
    likely: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True
    code: tuple[str, ...] = ()


class DoorKind(StrEnum):
    """What leads to a function beside the APIs."""

    URL = "url"
    SERVICE = "service"
    STACK = "stack"
    PERMISSION = "permission"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A way to a function of this template that is no route of an API.

    Attributes:
        function: its logical id; or why it is not known which function of these templates it is.
        what: in words, such as "target group Targets of a load balancer".
        api: the only one that may come that way, which is no door if it is at hand.
    """

    location: Location
    kind: DoorKind
    function: str | Unknown
    what: str
    api: Elsewhere | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What was read.

    Attributes:
        doors: ways to functions that whoever is no part of this account may take.
        unresolved: every fact that could not be decided, with its place.
        deployments: what else a deployment may make of it.
        has_further_deployments: whether it allows more than were read.
        exports: logical ids of resources that other stacks may import, by the export's name.
        constructs: where resources of CDK's begin, and the paths of their constructs.
    """

    file: str
    apis: tuple[Api, ...] = ()
    pools: tuple[UserPool, ...] = ()
    clients: tuple[AppClient, ...] = ()
    groups: tuple[UserGroup, ...] = ()
    functions: tuple[FunctionVariables, ...] = ()
    doors: tuple[Door, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    has_further_deployments: bool = False
    exports: dict[str, str] = field(default_factory=dict)
    constructs: dict[Location, str] = field(default_factory=dict)

    @property
    def has_all_routes(self) -> bool:
        """Whether no route could be missing from what was read."""
        return bool(self.apis) and all(api.is_complete for api in self.apis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a template comes to where a deployment chooses other values than the defaults.

    Attributes:
        chosen: names and values, such as ``("CacheSeconds", "300")``.
    """

    chosen: tuple[tuple[str, str], ...]
    template: Template
