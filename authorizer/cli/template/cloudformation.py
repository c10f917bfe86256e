"""APIs written for CloudFormation alone: ``AWS::ApiGateway::*`` and ``AWS::ApiGatewayV2::*``.

Authorizers go by their logical ids here: that is how methods and routes name them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template import openapi
from authorizer.cli.template.authorizers import (
    IAM,
    declared,
    read_authorizer,
    sign,
)
from authorizer.cli.template.functions import backend_behind
from authorizer.cli.template.model import (
    Api,
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
    UndecidedError,
    child,
    key_location,
    known,
    or_unknown,
    parts_of,
    referred,
)
from authorizer.cli.template.openapi import NONE
from authorizer.cli.template.stages import cache_keys
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading, Resource

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
        reading.note_existence(resource, f"authorizer {resource.id} is")
    for kind, needed, what, add in _OF_APIS:
        for resource in reading.of_type(kind):
            if not isinstance(child(resource.properties, needed), Absent):
                for draft in _drafts_of(reading, resource, what.format(resource.id)):
                    add(reading, draft, resource)


def _is_rest(resource: Resource) -> bool:
    """Whether it belongs to a REST API, as its type says."""
    return resource.type.startswith("AWS::ApiGateway::")


def _read_api(reading: Reading, resource: Resource) -> None:
    reading.note_existence(resource, f"{resource.id} is")
    kind, properties = ApiKind.REST if _is_rest(resource) else ApiKind.HTTP, resource.properties
    draft = Api(id=resource.id, kind=kind, location=resource.location)
    reading.drafts[draft.id] = draft
    with reading.hiding(resource.location, f"the kind of {resource.id}", draft):
        protocol = known(reading.choice(child(properties, "ProtocolType")))
        if protocol == "WEBSOCKET" and kind is not ApiKind.REST:
            draft.kind = ApiKind.WEBSOCKET
    cors, why = reading.branches(child(properties, "CorsConfiguration"))
    draft.has_cors = bool(cors)
    if why is not None and len(cors) == 1:
        draft.has_cors = reading.fact(Unknown(why), draft.location, f"whether {draft.id} has CORS")
    packed = child(properties, "BodyS3Location")
    is_at_hand = isinstance(packed, Text)  # a file that is packed with the template
    body = reading.file(packed, packed.location) if is_at_hand else child(properties, "Body")
    openapi.read_routes(reading, draft, body)
    draft.is_private = reading.is_private(properties)
    for name in ("CloneFrom",) if is_at_hand else ("BodyS3Location", "CloneFrom"):
        location = key_location(properties, name)
        if location is not None:
            why = f"{name} is known only when deployed"
            reading.hide(location, draft.all_routes, why, draft)
    if not isinstance(child(properties, "Target"), Absent):
        _add_quick_route(reading, draft, properties)


def _add_quick_route(reading: Reading, draft: Api, properties: Node) -> None:
    """The one route that an HTTP API has which names its target itself."""
    with reading.hiding(draft.location, draft.all_routes, draft):
        key = known(reading.choice(child(properties, "RouteKey"))) or "$default"
        location = key_location(properties, "Target") or draft.location
        backend = backend_behind(reading, child(properties, "Target"))
        draft.routes += (_route_named(key, location, draft, backend),)


def _drafts_of(reading: Reading, resource: Resource, what: str) -> list[Api]:
    """The APIs that a resource may belong to; those that are not in this template, too."""
    written = child(resource.properties, "RestApiId" if _is_rest(resource) else "ApiId")
    values, why = reading.branches(written)
    what = f"the API of {what}"
    found = [_draft_named(reading, resource, value, written, what) for value in values]
    drafts = list({one.id: one for one in found}.values())
    if why is not None and (len(drafts) > 1 or len(values) == 1):
        reading.hide(resource.location, HiddenRoutes(what), why, *drafts)
    return drafts


def _draft_named(
    reading: Reading, resource: Resource, value: Node, written: Node, what: str
) -> Api:
    api_id = getattr(value, "id", getattr(value, "text", ""))
    if api_id in reading.drafts:
        return reading.drafts[api_id]
    is_rest = _is_rest(resource)
    why = getattr(value, "why", "it is not in this template")
    alike = [draft for draft in reading.drafts.values() if (draft.kind is ApiKind.REST) is is_rest]
    # It may be any of them, unless it is another template's.
    may_be = [] if isinstance(why, Elsewhere) else alike
    reading.hide(resource.location, HiddenRoutes(what), why, *may_be)
    name = referred(written) or api_id or str(why)
    kind = ApiKind.REST if is_rest else ApiKind.HTTP
    return reading.draft_elsewhere(why, name, kind, resource.location)


# --- authorizers ---


def _add_authorizer(reading: Reading, draft: Api, resource: Resource) -> None:
    sources = (child(resource.properties, "IdentitySource"),)
    own = declared(reading, resource.id, resource.location, resource.properties)
    read_authorizer(reading, draft, own, resource.properties, sources=sources)


# --- routes ---


def _add_method(reading: Reading, draft: Api, resource: Resource) -> None:
    properties = resource.properties
    with reading.hiding(resource.location, _route_of(resource), draft):
        written = reading.choice(child(properties, "HttpMethod"))
        path = _path(reading, child(properties, "ResourceId"))
        method = known(written)
        integration = reading.get(properties, "Integration")
        mock = reading.text(reading.get(integration, "Type")) == "MOCK"
        route = Route(
            method=(method or "ANY").upper(),
            path=path,
            authorizer=None,
            location=resource.location,
            backend=backend_behind(reading, child(integration, "Uri")),
            is_preflight=mock and method == "OPTIONS",
            cache_keys=cache_keys(reading, integration),
        )
        draft.has_cors = route.is_preflight or draft.has_cors
        _add_route(reading, draft, resource, route)


# What a chain of resources begins with; a stack may hand it to one that is nested in it.
_ROOT = "RootResourceId"


def _path(reading: Reading, node: Node) -> str:
    """The path that a chain of ``AWS::ApiGateway::Resource`` makes, from its end."""
    segments: list[str] = []
    while True:
        value = reading.steady(node)
        why = getattr(value, "why", None)
        handed = why.key[-1] if isinstance(why, Elsewhere) else None
        if _ROOT in (handed, getattr(value, "attribute", None)):
            return "/" + "/".join(reversed(segments))
        # What another stack has, and is no root, is not found by joining that.
        behind = None if handed else known(reading.resource_behind(node))
        if behind is None or behind.type != "AWS::ApiGateway::Resource" or len(segments) > 100:  # noqa: PLR2004 - more than any path has: a circle
            raise UndecidedError(
                str(why) if handed else "the resource above it is not in this template"
            )
        part = known(reading.choice(child(behind.properties, "PathPart")))
        if part is None:
            raise UndecidedError(f"{behind.id} has no PathPart")
        segments.append(part)
        node = child(behind.properties, "ParentId")


def _add_route_named(reading: Reading, draft: Api, resource: Resource) -> None:
    with reading.hiding(resource.location, _route_of(resource), draft):
        key = known(reading.choice(child(resource.properties, "RouteKey")))
        if key is None:
            raise UndecidedError("it has no RouteKey")
        if draft.elsewhere and " " not in key and key != "$default":
            draft.kind = ApiKind.WEBSOCKET  # which only their routes tell
        backend = _backend_of(reading, child(resource.properties, "Target"))
        _add_route(reading, draft, resource, _route_named(key, resource.location, draft, backend))


def _route_named(key: str, location: Location, draft: Api, backend: str | Unknown | None) -> Route:
    method, blank, path = key.partition(" ")
    if draft.kind is ApiKind.WEBSOCKET or not blank:
        method, path = "", key
    return Route(
        method=method.upper(),
        path=path.strip(),
        authorizer=None,
        location=location,
        backend=backend,
    )


def _backend_of(reading: Reading, target: Node) -> str | Unknown | None:
    """The function behind ``integrations/<id>``; not known where that is none of the template's."""
    value = reading.resolve(target)
    for integration in filter(None, map(reading.resource_of, parts_of(value))):
        return backend_behind(reading, child(integration.properties, "IntegrationUri"))
    return None if isinstance(value, Absent) else Unknown("its integration is not in this template")


def _override(reading: Reading, draft: Api, resource: Resource) -> None:
    """What changes the route of an API that names its target itself."""
    unknown = Unknown(f"{resource.id} overrides it")
    for route in draft.routes:
        reading.fact(unknown, resource.location, AuthorizerOf(route.key))
    draft.routes = tuple(replace(route, authorizer=unknown) for route in draft.routes)


def _add_route(reading: Reading, draft: Api, resource: Resource, route: Route) -> None:
    reading.note_existence(resource, f"{route.key} is")
    authorizer = _authorizer_of(reading, draft, resource)
    reading.fact(authorizer, resource.location, AuthorizerOf(route.key))
    draft.routes += (replace(route, authorizer=authorizer),)


@or_unknown
def _authorizer_of(reading: Reading, draft: Api, resource: Resource) -> str | None:
    kind = known(reading.choice(child(resource.properties, "AuthorizationType"))) or NONE
    if kind not in _AUTHORIZATION:
        raise UndecidedError(f"expected {', '.join(_AUTHORIZATION)}, found {clip(kind)}")
    if kind == IAM:
        sign(draft, resource.location)
    if kind not in _ASKED:
        return IAM if kind == IAM else None
    behind = reading.steady(child(resource.properties, "AuthorizerId"))
    found = draft.authorizer(behind.id) if isinstance(behind, Reference) else None
    if found is None:
        why = f"{draft.id} has no such authorizer"
        if isinstance(behind, Text):
            why = "its authorizer is not in this template"
        raise UndecidedError(getattr(behind, "why", why))
    if isinstance(found.kind, AuthorizerKind) and found.kind not in _ASKED[kind]:
        why = f"it asks for {kind}, and {found.name} is of kind {found.kind.value}"
        raise UndecidedError(why)
    return found.name


def _add_gateway_response(reading: Reading, draft: Api, resource: Resource) -> None:
    kind = reading.text(child(resource.properties, "ResponseType"))
    headers = child(resource.properties, "ResponseParameters")
    if isinstance(kind, str):
        openapi.gateway_response(reading, draft, kind, headers)


def _route_of(resource: Resource) -> HiddenRoutes:
    return HiddenRoutes(f"the route of {resource.id}", label=resource.id)


# What belongs to an API: what it must have to count, what it is to messages, and who reads it.
_OF_APIS = (
    ("AWS::ApiGateway::Authorizer", "RestApiId", "{}", _add_authorizer),
    ("AWS::ApiGatewayV2::Authorizer", "ApiId", "{}", _add_authorizer),
    ("AWS::ApiGateway::Method", "RestApiId", "the route of {}", _add_method),
    ("AWS::ApiGatewayV2::Route", "ApiId", "the route of {}", _add_route_named),
    ("AWS::ApiGatewayV2::ApiGatewayManagedOverrides", "Route", "{}", _override),
    ("AWS::ApiGateway::GatewayResponse", "ResponseType", "{}", _add_gateway_response),
)
