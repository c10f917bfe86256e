"""APIs written for CloudFormation alone: ``AWS::ApiGateway::*`` and ``AWS::ApiGatewayV2::*``.

Authorizers go by their logical ids here: that is how methods and routes name them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template import openapi
from authorizer.cli.template.authorizers import (
    IAM,
    V1,
    V2,
    Written,
    iam,
    identity_sources,
    read_authorizer,
)
from authorizer.cli.template.functions import backend_behind
from authorizer.cli.template.model import (
    ApiKind,
    AuthorizerKind,
    AuthorizerOf,
    Elsewhere,
    HiddenRoutes,
    Route,
    Unknown,
)
from authorizer.cli.template.nodes import (
    Absent,
    Node,
    Reference,
    Text,
    child,
    key_place,
    parts_of,
    referred,
)
from authorizer.cli.template.openapi import NONE
from authorizer.cli.template.reading import Draft
from authorizer.cli.template.stages import keys_by_caller
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading, Resource

_KINDS = {
    "REQUEST": AuthorizerKind.REQUEST,
    "TOKEN": AuthorizerKind.TOKEN,
    "JWT": AuthorizerKind.JWT,
    "COGNITO_USER_POOLS": AuthorizerKind.COGNITO,
}
# What a route asks for, and the authorizers that do it.
_ASKED = {
    "CUSTOM": (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN),
    "JWT": (AuthorizerKind.JWT,),
    "COGNITO_USER_POOLS": (AuthorizerKind.COGNITO,),
}
_AUTHORIZATION = ("CUSTOM", "JWT", "COGNITO_USER_POOLS", IAM, NONE)


def read_cloudformation(reading: Reading) -> None:
    """Read the APIs, then what belongs to them, SAM's among them."""
    for resource in reading.of_type("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"):
        _read_api(reading, resource)
    for resource in reading.of_type("AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Authorizer"):
        _read_authorizer(reading, resource)
    for resource in reading.of_type("AWS::ApiGateway::Method"):
        _read_method(reading, resource)
    for resource in reading.of_type("AWS::ApiGatewayV2::Route"):
        _read_route(reading, resource)
    for resource in reading.of_type("AWS::ApiGatewayV2::ApiGatewayManagedOverrides"):
        _read_overrides(reading, resource)
    for resource in reading.of_type("AWS::ApiGateway::GatewayResponse"):
        _read_gateway_response(reading, resource)


def _read_api(reading: Reading, resource: Resource) -> None:
    reading.note_existence(resource, f"{resource.id} is")
    kind = _api_kind(reading, resource)
    is_known = not isinstance(kind, Unknown)
    draft = Draft(
        id=resource.id,
        kind=ApiKind.HTTP if isinstance(kind, Unknown) else kind,
        place=resource.place,
        is_complete=is_known,
    )
    reading.drafts[draft.id] = draft
    properties = resource.properties
    cors, why = reading.resolver.branches(child(properties, "CorsConfiguration"))
    draft.has_cors = bool(cors)
    if why is not None and len(cors) == 1:
        draft.has_cors = reading.fact(Unknown(why), draft.place, f"whether {draft.id} has CORS")
    what = draft.all_routes
    for body in reading.mappings(_body(reading, properties), what, draft):
        for operation in openapi.read_document(reading, draft, body):
            draft.routes.append(openapi.route_of(reading, draft, operation))
            draft.has_cors = operation.is_preflight or draft.has_cors
    draft.is_private = reading.is_private(properties)
    for name in ("BodyS3Location", "CloneFrom"):
        value = child(properties, name)
        is_packed = name == "BodyS3Location" and isinstance(value, Text)
        if not isinstance(value, Absent) and not is_packed:
            place = key_place(properties, name) or draft.place
            reading.note(place, what, f"{name} is known only when deployed")
            draft.is_complete = False
    _quick_route(reading, draft, properties)


def _body(reading: Reading, properties: Node) -> Node:
    """The definition; that of a file which is packed with the template, too."""
    location = child(properties, "BodyS3Location")
    if isinstance(location, Text):
        return reading.resolver.file(location, location.place)
    return child(properties, "Body")


def _api_kind(reading: Reading, resource: Resource) -> ApiKind | Unknown:
    if resource.type == "AWS::ApiGateway::RestApi":
        return ApiKind.REST
    protocol = reading.choice(child(resource.properties, "ProtocolType"))
    if isinstance(protocol, Unknown):
        reading.note(resource.place, f"the kind of {resource.id}", protocol.why)
        return protocol
    return ApiKind.WEBSOCKET if protocol == "WEBSOCKET" else ApiKind.HTTP


def _quick_route(reading: Reading, draft: Draft, properties: Node) -> None:
    """The one route that an HTTP API has which names its target itself."""
    if isinstance(child(properties, "Target"), Absent):
        return
    key = reading.choice(child(properties, "RouteKey"))
    if isinstance(key, Unknown):
        reading.note(draft.place, draft.all_routes, key.why)
        draft.is_complete = False
        return
    route = _route_named(key or "$default", key_place(properties, "Target"), draft)
    backend = backend_behind(reading, child(properties, "Target"))
    draft.routes.append(replace(route, backend=backend))


def _route_named(key: str, place: Location | None, draft: Draft) -> Route:
    method, blank, path = key.partition(" ")
    if draft.kind is ApiKind.WEBSOCKET or not blank:
        method, path = "", key
    return Route(
        method=method.upper(), path=path.strip(), authorizer=None, place=place or draft.place
    )


def _drafts_of(reading: Reading, resource: Resource, name: str, what: str) -> list[Draft]:
    """The APIs that a resource may belong to; those that are not in this template, too."""
    written = child(resource.properties, name)
    values, why = reading.resolver.branches(written)
    found = [_draft_named(reading, resource, value, written, what) for value in values]
    drafts = list({one.id: one for one in found}.values())
    if why is not None and (len(drafts) > 1 or len(values) == 1):
        reading.note(resource.place, HiddenRoutes(f"the API of {what}"), why)
        for draft in drafts:
            draft.is_complete = False
    return drafts


def _draft_named(
    reading: Reading, resource: Resource, value: Node, written: Node, what: str
) -> Draft:
    api_id = getattr(value, "id", getattr(value, "text", ""))
    if api_id in reading.drafts:
        return reading.drafts[api_id]
    is_rest = resource.type.startswith("AWS::ApiGateway::")
    kind = ApiKind.REST if is_rest else ApiKind.HTTP
    name = referred(written)
    why = getattr(value, "why", "it is not in this template")
    reading.note(resource.place, HiddenRoutes(f"the API of {what}"), why)
    if not isinstance(why, Elsewhere):
        why = Elsewhere(str(why), ("named", name or api_id or str(why)))
        for draft in reading.drafts.values():  # it may be any of them
            if (draft.kind is ApiKind.REST) is is_rest:
                draft.is_complete = False
    key = f"{'.'.join(why.key[1:])} (elsewhere)"
    return reading.drafts.setdefault(
        key,
        Draft(id=key, kind=kind, place=resource.place, is_complete=False, elsewhere=why),
    )


# --- authorizers ---


def _read_authorizer(reading: Reading, resource: Resource) -> None:
    is_rest = resource.type == "AWS::ApiGateway::Authorizer"
    reading.note_existence(resource, f"authorizer {resource.id} is")
    for draft in _drafts_of(reading, resource, "RestApiId" if is_rest else "ApiId", resource.id):
        written = _authorizer_of_resource(reading, resource, is_rest=is_rest)
        read_authorizer(reading, draft, written)


def _authorizer_of_resource(reading: Reading, resource: Resource, *, is_rest: bool) -> Written:
    properties = resource.properties
    kind = reading.choice(child(properties, "Type" if is_rest else "AuthorizerType"))
    sources = child(properties, "IdentitySource")
    return Written(
        name=resource.id,
        place=resource.place,
        kind=kind if isinstance(kind, Unknown) else _kind(kind),
        node=properties,
        spelling=V1 if is_rest else V2,
        sources=identity_sources(reading.resolver.texts(sources)),
        sources_place=key_place(properties, "IdentitySource"),
        sources_nodes=(sources,),
    )


def _kind(text: str | None) -> AuthorizerKind | Unknown:
    return _KINDS.get(text or "") or Unknown("its type is none of API Gateway's")


# --- routes ---


def _read_method(reading: Reading, resource: Resource) -> None:
    for draft in _drafts_of(reading, resource, "RestApiId", f"the route of {resource.id}"):
        _add_method(reading, draft, resource)


def _add_method(reading: Reading, draft: Draft, resource: Resource) -> None:
    resolver, properties = reading.resolver, resource.properties
    path = _path(reading, child(properties, "ResourceId"))
    method = reading.choice(child(properties, "HttpMethod"))
    unknown = next((value for value in (path, method) if isinstance(value, Unknown)), None)
    if unknown is not None:
        reading.note(resource.place, _route_of(resource), unknown.why)
        draft.is_complete = False
        return
    integration = resolver.get(properties, "Integration")
    mock = resolver.text(resolver.get(integration, "Type")) == "MOCK"
    route = Route(
        method=str(method or "ANY").upper(),
        path=str(path),
        authorizer=None,
        place=resource.place,
        backend=backend_behind(reading, child(integration, "Uri")),
        is_preflight=mock and method == "OPTIONS",
        keys_by_caller=keys_by_caller(reading, integration),
    )
    draft.has_cors = route.is_preflight or draft.has_cors
    _add_route(reading, draft, resource, route)


def _path(reading: Reading, node: Node) -> str | Unknown:
    """The path that a chain of ``AWS::ApiGateway::Resource`` makes, from its end."""
    segments: list[str] = []
    while True:
        value = reading.steady(node)
        if isinstance(value, Reference) and value.attribute == "RootResourceId":
            return "/" + "/".join(reversed(segments))
        behind = reading.resource_behind(node)
        if isinstance(behind, Unknown):
            return behind
        if behind is None or behind.type != "AWS::ApiGateway::Resource" or len(segments) > 100:  # noqa: PLR2004 - more than any path has: a circle
            return Unknown("the resource above it is not in this template")
        part = reading.choice(child(behind.properties, "PathPart"))
        if not isinstance(part, str):
            return part or Unknown(f"{behind.id} has no PathPart")
        segments.append(part)
        node = child(behind.properties, "ParentId")


def _read_route(reading: Reading, resource: Resource) -> None:
    for draft in _drafts_of(reading, resource, "ApiId", f"the route of {resource.id}"):
        _add_route_named(reading, draft, resource)


def _add_route_named(reading: Reading, draft: Draft, resource: Resource) -> None:
    key = reading.choice(child(resource.properties, "RouteKey"))
    if not isinstance(key, str):
        why = key.why if isinstance(key, Unknown) else "it has no RouteKey"
        reading.note(resource.place, _route_of(resource), why)
        draft.is_complete = False
        return
    if draft.elsewhere and " " not in key and key != "$default":
        draft.kind = ApiKind.WEBSOCKET  # which only their routes tell
    route = _route_named(key, resource.place, draft)
    backend = _backend_of(reading, child(resource.properties, "Target"))
    _add_route(reading, draft, resource, replace(route, backend=backend))


def _backend_of(reading: Reading, target: Node) -> str | Unknown | None:
    """The function behind ``integrations/<id>``; not known where that is none of the template's."""
    value = reading.resolver.resolve(target)
    for part in parts_of(value):
        integration = reading.resources.get(part.id) if isinstance(part, Reference) else None
        if integration is not None:
            return backend_behind(reading, child(integration.properties, "IntegrationUri"))
    return None if isinstance(value, Absent) else Unknown("its integration is not in this template")


def _read_overrides(reading: Reading, resource: Resource) -> None:
    """What changes the route of an API that names its target itself."""
    if isinstance(child(resource.properties, "Route"), Absent):
        return
    unknown = Unknown(f"{resource.id} overrides it")
    for draft in _drafts_of(reading, resource, "ApiId", resource.id):
        for number, route in enumerate(draft.routes):
            reading.fact(unknown, resource.place, AuthorizerOf(route.key))
            draft.routes[number] = replace(route, authorizer=unknown)


def _add_route(reading: Reading, draft: Draft, resource: Resource, route: Route) -> None:
    reading.note_existence(resource, f"{route.key} is")
    authorizer = _authorizer_of(reading, draft, resource)
    reading.fact(authorizer, resource.place, AuthorizerOf(route.key))
    draft.routes.append(replace(route, authorizer=authorizer))


def _authorizer_of(reading: Reading, draft: Draft, resource: Resource) -> str | Unknown | None:
    properties = resource.properties
    kind = reading.choice(child(properties, "AuthorizationType"))
    if isinstance(kind, str) and kind not in _AUTHORIZATION:
        return Unknown(f"expected {', '.join(_AUTHORIZATION)}, found {clip(kind)}")
    if isinstance(kind, Unknown):
        return kind
    if kind == IAM:
        draft.authorizers.setdefault(IAM, iam(IAM, resource.place))
    if kind in {None, NONE, IAM}:
        return IAM if kind == IAM else None
    return _authorizer_behind(reading, draft, properties, str(kind))


def _authorizer_behind(
    reading: Reading, draft: Draft, properties: Node, kind: str
) -> str | Unknown:
    behind = reading.steady(child(properties, "AuthorizerId"))
    if isinstance(behind, Reference) and behind.id in draft.authorizers:
        found = draft.authorizers[behind.id].kind
        if isinstance(found, AuthorizerKind) and found not in _ASKED[kind]:
            return Unknown(f"it asks for {kind}, and {behind.id} is of kind {found.value}")
        return behind.id
    if isinstance(behind, Text):
        return Unknown("its authorizer is not in this template")
    return Unknown(getattr(behind, "why", f"{draft.id} has no such authorizer"))


def _read_gateway_response(reading: Reading, resource: Resource) -> None:
    kind = reading.resolver.text(child(resource.properties, "ResponseType"))
    if not isinstance(kind, str):
        return
    headers = child(resource.properties, "ResponseParameters")
    for draft in _drafts_of(reading, resource, "RestApiId", resource.id):
        openapi.gateway_response(reading, draft, kind, headers)


def _route_of(resource: Resource) -> HiddenRoutes:
    return HiddenRoutes(f"the route of {resource.id}", label=resource.id)
