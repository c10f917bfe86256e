"""OpenAPI 3 and Swagger 2 with API Gateway's extensions: operations, authorizers, CORS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from authorizer.cli.template.authorizers import (
    IAM,
    declared,
    one_body,
    read_authorizer,
    sign,
    unreadable,
)
from authorizer.cli.template.functions import backend_behind
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AuthorizerOf,
    HiddenRoutes,
    Route,
    Unknown,
)
from authorizer.cli.template.nodes import (
    Absent,
    Listing,
    Mapping,
    Node,
    UndecidedError,
    Unresolvable,
    child,
    children_of,
    has_all_entries,
    key_location,
    known,
    or_unknown,
)
from authorizer.cli.template.stages import cache_keys
from authorizer.policy.paths import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading

# By their names in lower case.
METHOD_NAMED = {
    **{name.lower(): name for name in METHODS},
    "any": "ANY",
    "x-amazon-apigateway-any-method": "ANY",
}
AUTHORIZER = "x-amazon-apigateway-authorizer"
INTEGRATION = "x-amazon-apigateway-integration"
AUTH = "x-amazon-apigateway-auth"
CORS = "x-amazon-apigateway-cors"
RESPONSES = "x-amazon-apigateway-gateway-responses"
# What definitions for one kind of API have.
_TELLING = (("swagger", ApiKind.REST), (RESPONSES, ApiKind.REST), (CORS, ApiKind.HTTP))
_TELLING_TYPES = {
    "jwt": ApiKind.HTTP,
    **dict.fromkeys(("token", "cognito_user_pools"), ApiKind.REST),
}
_ALLOW_ORIGIN = "access-control-allow-origin"
# What stands under paths beside them.
_NO_PATHS = ("x-", "Fn::")
# What SAM writes for a route that must not have the default authorizer.
NONE = "NONE"

# With these, what an operation lists under security tells the authorizer.
_DECLARED_BY_SECURITY = frozenset({"CUSTOM", "COGNITO_USER_POOLS", "JWT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route before it is settled what protects it.

    Attributes:
        route: without an authorizer.
        security: the names that it asks for; nothing where it does not say.
        otherwise: what holds where neither it nor SAM says more.
        declared: what ``x-amazon-apigateway-auth`` says beside that.
        asked: the name that an event asks for, as it is written; nothing where none adds to it.
        integrates: whether something is behind it: SAM passes over what has nothing.
    """

    route: Route
    security: tuple[str, ...] | Unknown | None
    otherwise: tuple[str, ...] | Unknown | None = None
    declared: str | Unknown | None = None
    asked: Node | None = None
    integrates: bool = True


def read_document(reading: Reading, draft: Api, body: Mapping) -> list[Operation]:
    """Read a definition into a draft.

    Returns:
        Its operations, for what is yet to be said about them.
    """
    schemes = child(body, "securityDefinitions")
    if isinstance(schemes, Absent):
        schemes = child(reading.get(body, "components"), "securitySchemes")
    for name, location, scheme in reading.entries(schemes, f"the authorizers of {draft.id}"):
        _scheme(reading, draft, name, location, scheme)
    if not isinstance(reading.get(body, CORS), Absent):
        draft.has_cors = True
    read_gateway_responses(reading, draft, child(body, RESPONSES), "responseParameters")
    found: dict[str, Operation] = {}
    for operation in _operations(reading, draft, body):
        first = found.setdefault(operation.route.key, operation)
        if first.security != operation.security:
            why = "it is not protected in the same way in every deployment"
            found[operation.route.key] = replace(first, security=Unknown(why))
    return list(found.values())


def read_routes(reading: Reading, draft: Api, written: Node) -> None:
    """Read a definition, and all routes that it has, into a draft."""
    for body in reading.mappings(written, draft.all_routes, draft):
        for operation in read_document(reading, draft, body):
            route = route_of(reading, draft, operation)
            draft.routes += (route,)
            draft.has_cors = route.is_preflight or draft.has_cors


def route_of(reading: Reading, draft: Api, operation: Operation) -> Route:
    """An operation as a route, with the one authorizer among the names that it asks for."""
    authorizer = _authorizer_among(draft, operation)
    reading.fact(authorizer, operation.route.location, AuthorizerOf(operation.route.key))
    return replace(operation.route, authorizer=authorizer)


@or_unknown
def _authorizer_among(draft: Api, operation: Operation) -> str | None:
    names = known(operation.otherwise if operation.security is None else operation.security) or ()
    found = [name for name in dict.fromkeys(names) if draft.authorizer(name)]
    if len(found) > 1:
        raise UndecidedError(f"it asks for {' and '.join(found)}, API Gateway takes one")
    if found and operation.declared not in {None, found[0], *_DECLARED_BY_SECURITY}:
        raise UndecidedError(f"it asks for {found[0]}, and {AUTH} says otherwise")
    if found and NONE in names:
        raise UndecidedError(f"it asks for {found[0]} and for none")
    return found[0] if found else None


def kind_of(reading: Reading, body: Mapping) -> ApiKind | Unknown:
    """Which kind of API a definition that stands alone is for, by what only one kind has."""
    schemes = children_of(reading.get(reading.get(body, "components"), "securitySchemes"))
    paths = children_of(reading.get(body, "paths"))
    operations = (operation for path in paths for operation in children_of(path))
    integrations = (reading.get(operation, INTEGRATION) for operation in operations)
    kinds = (
        *(kind for name, kind in _TELLING if name in body.entries),
        *(_kind_of_authorizer(reading, reading.get(scheme, AUTHORIZER)) for scheme in schemes),
        *(
            ApiKind.HTTP if "payloadFormatVersion" in integration.entries else ApiKind.REST
            for integration in integrations
            if isinstance(integration, Mapping)
        ),
    )
    unknown = Unknown("nothing in it is of one kind of API only")
    return next(filter(None, kinds), unknown)


def _kind_of_authorizer(reading: Reading, authorizer: Node) -> ApiKind | None:
    if key_location(authorizer, "authorizerPayloadFormatVersion"):
        return ApiKind.HTTP
    return _TELLING_TYPES.get(str(reading.text(reading.get(authorizer, "type"))))


# --- operations ---


def _operations(reading: Reading, draft: Api, body: Mapping) -> Iterator[Operation]:
    at_root = None
    # REST APIs do not use security at the root (the developer guide's notes for REST APIs); of
    # HTTP APIs nothing is documented, and nobody may take such a route for a protected one.
    if draft.kind is ApiKind.HTTP and isinstance(child(body, "security"), Listing):
        at_root = Unknown("it is not documented whether HTTP APIs use security at the root")
    for path, location, item in reading.entries(child(body, "paths"), draft.all_routes, draft):
        what = HiddenRoutes(f"the routes of {path}")
        if path.startswith("Fn::"):
            why = f"{path} is decided only when deployed"
            reading.hide(location, draft.all_routes, why, draft)
        for found in reading.mappings(item, what, draft) if not path.startswith(_NO_PATHS) else ():
            if "$ref" in found.entries:
                reading.hide(location, what, "it is described elsewhere ($ref)", draft)
            for operation in _of_path(reading, draft, path, found):
                yield replace(operation, otherwise=operation.otherwise or at_root)


def _of_path(reading: Reading, draft: Api, path: str, item: Mapping) -> Iterator[Operation]:
    for name, location, node in item:
        method = METHOD_NAMED.get(name.lower(), "")
        what = HiddenRoutes(f"whether {method} {path} is there")
        for operation in reading.mappings(node, what, draft) if method else ():
            integration = reading.get(operation, INTEGRATION)
            mock = reading.text(reading.get(integration, "type"))
            is_preflight = method == "OPTIONS" and str(mock).lower() == "mock"
            route = replace(
                route_named(method, path, location),
                backend=backend_behind(reading, child(integration, "uri")),
                is_preflight=is_preflight,
                cache_keys=cache_keys(reading, integration),
            )
            # Its type of authorization is not documented to win or to lose.
            declared = reading.choice(child(reading.get(operation, AUTH), "type"))
            if declared == IAM:  # signed requests without a security scheme
                sign(draft, location)
            yield Operation(
                route=route,
                security=_security(reading, operation),
                otherwise=(IAM,) if declared == IAM else None,
                declared=declared,
                integrates=not isinstance(integration, Absent),
            )


def route_named(method: str, path: str, location: Location) -> Route:
    """A route without an authorizer.

    ``$default`` is also written ``/$default``, so that imports do not warn of it.
    """
    is_default = path in {"$default", "/$default"}
    path, method = ("$default", "") if is_default else (path, method)
    return Route(method=method, path=path, authorizer=None, location=location)


@or_unknown
def _security(reading: Reading, operation: Mapping) -> tuple[str, ...] | None:
    value = reading.steady(child(operation, "security"))
    if isinstance(value, Absent):
        return None
    if not isinstance(value, Listing):
        raise UndecidedError(getattr(value, "why", "security is no list"))
    names: list[str] = []
    for requirement in map(reading.resolve, value.items):
        match requirement:
            case Absent():
                continue
            case Mapping(entries=entries, open=None) if entries:
                names += entries
            case Mapping(open=None):
                # OpenAPI: security is optional then, so whoever sends nothing is let in. What API
                # Gateway makes of it is not documented, and nobody should find out.
                return ()
            case _:
                raise UndecidedError("expected security to list mappings")
    return tuple(names)


# --- authorizers ---


def _scheme(reading: Reading, draft: Api, name: str, location: Location, node: Node) -> None:
    """A security scheme, where it is an authorizer: an API key is none."""
    scheme = one_body(reading, draft, name, location, node, what=f"whether {name} is an authorizer")
    if scheme is None:
        return
    ours = reading.steady(child(scheme, AUTHORIZER))
    sort = reading.text(reading.get(scheme, "x-amazon-apigateway-authtype"))
    match ours:
        case Mapping():
            own = declared(reading, name, location, ours, child(scheme, "name"))
            sources = (child(ours, "identitySource"),)
            read_authorizer(reading, draft, own, ours, sources=sources)
        case _ if sort == "awsSigv4":
            sign(draft, location, name)
        case Unresolvable(why=why):
            reading.note(location, f"authorizer {name}", why)
            draft.put(unreadable(name, location, why))


# --- CORS ---


def read_gateway_responses(reading: Reading, draft: Api, written: Node, *path: str) -> None:
    """Read gateway responses, whose headers are at the end of a path."""
    for kind, _, response in reading.entries(written, f"gateway responses of {draft.id}"):
        inner = reduce(reading.get, path[:-1], response)
        gateway_response(reading, draft, kind, child(inner, path[-1]))


def gateway_response(reading: Reading, draft: Api, kind: str, headers: Node) -> None:
    """Whether a gateway response lets a browser read it."""
    value = reading.steady(headers)
    if not has_all_entries(value):
        why = value.why if isinstance(value, Unresolvable) else "expected a mapping of headers"
        draft.cors_gateway_responses = Unknown(why)
        reading.note(value.location, f"the headers of gateway response {kind}", why)
    elif isinstance(draft.cors_gateway_responses, frozenset) and any(
        name.lower().endswith(_ALLOW_ORIGIN) for name in getattr(value, "entries", ())
    ):
        draft.cors_gateway_responses |= {kind}
