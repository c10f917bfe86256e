"""OpenAPI 3 and Swagger 2 with API Gateway's extensions: operations, authorizers, CORS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from authorizer.cli.template.authorizers import (
    IAM,
    OPENAPI,
    Written,
    header_source,
    iam,
    identity_sources,
    kind_named,
    read_authorizer,
    unreadable,
)
from authorizer.cli.template.functions import backend_behind
from authorizer.cli.template.model import (
    ApiKind,
    Authorizer,
    AuthorizerKind,
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
    Unresolvable,
    child,
    key_place,
)
from authorizer.cli.template.stages import keys_by_caller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Draft, Reading

METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
ANY_METHOD = "x-amazon-apigateway-any-method"
AUTHORIZER = "x-amazon-apigateway-authorizer"
INTEGRATION = "x-amazon-apigateway-integration"
AUTH = "x-amazon-apigateway-auth"
CORS = "x-amazon-apigateway-cors"
RESPONSES = "x-amazon-apigateway-gateway-responses"
# What SAM writes for a route that must not have the default authorizer.
NONE = "NONE"

# With these, what an operation lists under security tells the authorizer.
_DECLARED_BY_SECURITY = frozenset({"CUSTOM", "COGNITO_USER_POOLS", "JWT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route before it is settled what protects it.

    Attributes:
        security: the names that it asks for; nothing where it does not say.
        otherwise: what holds where neither it nor SAM says more.
        declared: what ``x-amazon-apigateway-auth`` says beside that.
        asked: the name that an event asks for, as it is written.
        integrates: whether something is behind it: SAM passes over what has nothing.
        backend: the function that is behind it, by logical id.
        is_preflight: whether it only answers browsers' preflights.
        keys_by_caller: as of a route.
    """

    method: str
    path: str
    place: Location
    security: tuple[str, ...] | Unknown | None
    otherwise: tuple[str, ...] | Unknown | None = None
    declared: str | Unknown | None = None
    asked: Node | None = None
    integrates: bool = True
    backend: str | Unknown | None = None
    is_preflight: bool = False
    keys_by_caller: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What a route is known by."""
        return self.method, self.path


def read_document(reading: Reading, draft: Draft, body: Mapping) -> list[Operation]:
    """Read a definition into a draft.

    Returns:
        Its operations, for what is yet to be said about them.
    """
    schemes = child(body, "securityDefinitions")
    if isinstance(schemes, Absent):
        schemes = child(reading.resolver.get(body, "components"), "securitySchemes")
    for name, place, scheme in reading.entries(schemes, f"the authorizers of {draft.id}"):
        _scheme(reading, draft, name, place, scheme)
    if not isinstance(reading.resolver.get(body, CORS), Absent):
        draft.has_cors = True
    read_gateway_responses(reading, draft, child(body, RESPONSES), "responseParameters")
    found: dict[tuple[str, str], Operation] = {}
    for operation in _operations(reading, draft, body):
        known = found.setdefault(operation.key, operation)
        if known.security != operation.security:
            why = "it is not protected in the same way in every deployment"
            found[operation.key] = replace(known, security=Unknown(why))
    return list(found.values())


def read_routes(reading: Reading, draft: Draft, written: Node) -> None:
    """Read a definition, and all routes that it has, into a draft."""
    for body in reading.mappings(written, draft.all_routes, draft):
        for operation in read_document(reading, draft, body):
            draft.routes.append(route_of(reading, draft, operation))
            draft.has_cors = operation.is_preflight or draft.has_cors


def route_of(reading: Reading, draft: Draft, operation: Operation) -> Route:
    """An operation as a route, with the one authorizer among the names that it asks for."""
    authorizer: str | Unknown | None
    names = operation.otherwise if operation.security is None else operation.security
    names = names or ()
    if isinstance(names, Unknown):
        authorizer = names
    else:
        found = [name for name in dict.fromkeys(names) if name in draft.authorizers]
        authorizer = found[0] if found else None
        if found and NONE in names:
            authorizer = Unknown(f"it asks for {found[0]} and for none")
        if found and operation.declared not in {None, found[0], *_DECLARED_BY_SECURITY}:
            authorizer = Unknown(f"it asks for {found[0]}, and {AUTH} says otherwise")
        if len(found) > 1:
            authorizer = Unknown(f"it asks for {' and '.join(found)}, API Gateway takes one")
    route = Route(
        method="" if operation.path == "$default" else operation.method,
        path=operation.path,
        authorizer=authorizer,
        place=operation.place,
        backend=operation.backend,
        is_preflight=operation.is_preflight,
        keys_by_caller=operation.keys_by_caller,
    )
    reading.fact(authorizer, operation.place, AuthorizerOf(route.key))
    return route


def kind_of(reading: Reading, body: Mapping) -> ApiKind | Unknown:
    """Which kind of API a definition that stands alone is for, by what only one kind has."""
    resolver = reading.resolver
    if "swagger" in body.entries or RESPONSES in body.entries:
        return ApiKind.REST
    if CORS in body.entries:
        return ApiKind.HTTP
    schemes = resolver.get(resolver.get(body, "components"), "securitySchemes")
    for _, _, scheme in schemes if isinstance(schemes, Mapping) else ():
        ours = resolver.get(scheme, AUTHORIZER)
        kind = resolver.text(resolver.get(ours, "type"))
        if kind == "jwt" or key_place(ours, "authorizerPayloadFormatVersion"):
            return ApiKind.HTTP
        if kind in {"token", "cognito_user_pools"}:
            return ApiKind.REST
    for _, _, _, operation in _methods(resolver.get(body, "paths")):
        integration = resolver.get(operation, INTEGRATION)
        if isinstance(integration, Mapping):
            return ApiKind.HTTP if "payloadFormatVersion" in integration.entries else ApiKind.REST
    return Unknown("nothing in it is of one kind of API only")


# --- operations ---


def _operations(reading: Reading, draft: Draft, body: Mapping) -> Iterator[Operation]:
    at_root = _at_root(draft, body)
    for paths in reading.mappings(child(body, "paths"), draft.all_routes, draft):
        for path, place, item in paths:
            if path.startswith("x-"):
                continue
            if path.startswith("Fn::"):
                why = f"{path} is decided only when deployed"
                reading.note(place, draft.all_routes, why)
                draft.is_complete = False
                continue
            for found in reading.mappings(item, HiddenRoutes(f"the routes of {path}"), draft):
                if "$ref" in found.entries:
                    reading.note(
                        place,
                        HiddenRoutes(f"the routes of {path}"),
                        "it is described elsewhere ($ref)",
                    )
                    draft.is_complete = False
                for operation in _of_path(reading, draft, path, found):
                    yield replace(operation, otherwise=operation.otherwise or at_root)


def _of_path(reading: Reading, draft: Draft, path: str, item: Mapping) -> Iterator[Operation]:
    for name, place, node in item:
        method = method_name(name)
        if method is None:
            continue
        for operation in reading.mappings(
            node, HiddenRoutes(f"whether {method} {path} is there"), draft
        ):
            integration = reading.resolver.get(operation, INTEGRATION)
            mock = reading.resolver.text(reading.resolver.get(integration, "type"))
            yield Operation(
                method=method,
                path=plain_path(path),
                place=place,
                security=_security(reading, operation),
                otherwise=_signed(reading, draft, operation, place),
                declared=_declared(reading, operation),
                integrates=not isinstance(integration, Absent),
                backend=backend_behind(reading, child(integration, "uri")),
                is_preflight=method == "OPTIONS" and str(mock).lower() == "mock",
                keys_by_caller=keys_by_caller(reading, integration),
            )


def _signed(
    reading: Reading, draft: Draft, operation: Mapping, place: Location
) -> tuple[str, ...] | None:
    """``x-amazon-apigateway-auth``: signed requests without a security scheme."""
    if _declared(reading, operation) != IAM:
        return None
    draft.authorizers.setdefault(IAM, iam(IAM, place))
    return (IAM,)


def _declared(reading: Reading, operation: Mapping) -> str | Unknown | None:
    """The type of authorization of an operation, which is not documented to win or to lose."""
    return reading.choice(child(reading.resolver.get(operation, AUTH), "type"))


def _at_root(draft: Draft, body: Mapping) -> Unknown | None:
    """What ``security`` at the root means for an operation without its own.

    REST APIs do not use it (the developer guide's notes for REST APIs); of HTTP APIs nothing is
    documented, and nobody may take such a route for a protected one.
    """
    if draft.kind is ApiKind.HTTP and isinstance(child(body, "security"), Listing):
        return Unknown("it is not documented whether HTTP APIs use security at the root")
    return None


def _methods(paths: Node) -> Iterator[tuple[str, str, Location, Node]]:
    for path, _, item in paths if isinstance(paths, Mapping) else ():
        for name, place, operation in item if isinstance(item, Mapping) else ():
            if method_name(name):
                yield path, name, place, operation


def method_name(name: str) -> str | None:
    """``GET`` for ``get``, ``ANY`` for API Gateway's extension, nothing for anything else."""
    lower = name.lower()
    if lower in {ANY_METHOD, "any"}:
        return "ANY"
    return lower.upper() if lower in METHODS else None


def plain_path(path: str) -> str:
    """``$default`` is also written ``/$default``, so that imports do not warn of it."""
    return "$default" if path == "/$default" else path


def _security(reading: Reading, operation: Mapping) -> tuple[str, ...] | Unknown | None:
    value = reading.steady(child(operation, "security"))
    if isinstance(value, Absent):
        return None
    if not isinstance(value, Listing):
        return Unknown(value.why if isinstance(value, Unresolvable) else "security is no list")
    names: list[str] = []
    for item in value.items:
        requirement = reading.resolver.resolve(item)
        if isinstance(requirement, Absent):
            continue
        if not isinstance(requirement, Mapping) or requirement.open is not None:
            return Unknown("expected security to list mappings")
        if not requirement.entries:
            # OpenAPI: security is optional then, so whoever sends nothing is let in. What API
            # Gateway makes of it is not documented, and nobody should find out.
            return ()
        names += requirement.entries
    return tuple(names)


# --- authorizers ---


def _scheme(reading: Reading, draft: Draft, name: str, place: Location, node: Node) -> None:
    """A security scheme, where it is an authorizer: an API key is none."""
    schemes = list(reading.mappings(node, f"whether {name} is an authorizer"))
    if len(schemes) != 1:
        draft.authorizers[name] = unreadable(name, place, "it is not the same in every deployment")
        return
    for scheme in schemes:
        ours = reading.steady(child(scheme, AUTHORIZER))
        sort = reading.resolver.text(reading.resolver.get(scheme, "x-amazon-apigateway-authtype"))
        if isinstance(ours, Mapping):
            read_authorizer(reading, draft, _authorizer(reading, name, place, scheme))
        elif sort == "awsSigv4":
            draft.authorizers[name] = iam(name, place)
        elif isinstance(ours, Unresolvable):
            reading.note(place, f"authorizer {name}", ours.why)
            draft.authorizers[name] = unreadable(name, place, ours.why)


def _authorizer(reading: Reading, name: str, place: Location, scheme: Mapping) -> Written:
    resolver = reading.resolver
    node = resolver.get(scheme, AUTHORIZER)
    named = reading.choice(child(node, "type"))
    kind = kind_named(named.upper() if isinstance(named, str) else named)
    if kind in {AuthorizerKind.TOKEN, AuthorizerKind.COGNITO}:
        sources = header_source(resolver.text(resolver.get(scheme, "name")))
    else:
        sources = identity_sources(resolver.texts(resolver.get(node, "identitySource")))
    own = Authorizer(
        name=name,
        place=place,
        kind=kind,
        identity_sources=sources,
        identity_place=key_place(node, "identitySource"),
    )
    written = (child(node, "identitySource"),)
    return Written(authorizer=own, node=node, spelling=OPENAPI, sources=written)


# --- CORS ---


def read_gateway_responses(reading: Reading, draft: Draft, written: Node, *path: str) -> None:
    """Read gateway responses, whose headers are at the end of a path."""
    for kind, _, response in reading.entries(written, f"gateway responses of {draft.id}"):
        inner = reduce(reading.resolver.get, path[:-1], response)
        gateway_response(reading, draft, kind, child(inner, path[-1]))


def gateway_response(reading: Reading, draft: Draft, kind: str, headers: Node) -> None:
    """Whether a gateway response lets a browser read it."""
    value = reading.steady(headers)
    if isinstance(value, Mapping) and value.open is None:
        if any(name.lower().endswith("access-control-allow-origin") for name in value.entries):
            draft.cors_responses.add(kind)
    elif not isinstance(value, Absent):
        why = value.why if isinstance(value, Unresolvable) else "expected a mapping of headers"
        draft.cors_responses_unknown = Unknown(why)
        reading.note(value.place, f"the headers of gateway response {kind}", why)
