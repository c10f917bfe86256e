"""APIs written for AWS SAM: which there are, and the events that add routes to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.template import openapi
from authorizer.cli.template.authorizers import IAM, declared, read_authorizer, sign
from authorizer.cli.template.functions import backend_behind
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AuthorizerKind,
    AuthorizerOf,
    Cause,
    HiddenRoutes,
    Mistake,
    Route,
    Unknown,
)
from authorizer.cli.template.nodes import (
    Absent,
    Mapping,
    Node,
    Reference,
    Text,
    UndecidedError,
    child,
    key_location,
    known,
    or_unknown,
)
from authorizer.cli.template.openapi import NONE, Operation
from authorizer.cli.template.reading import Resource
from authorizer.cli.template.sam_api import SamApi, as_auth
from authorizer.cli.template.stages import event_cache_keys
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading

_KINDS = {
    "AWS::Serverless::HttpApi": ApiKind.HTTP,
    "AWS::Serverless::Api": ApiKind.REST,
}
# SAM's own APIs for events that name none.
IMPLICIT = {
    "ServerlessHttpApi": "AWS::Serverless::HttpApi",
    "ServerlessRestApi": "AWS::Serverless::Api",
}
# An event's type: the kind of its API, the property that names it, and the API without that.
_EVENTS = {
    "HttpApi": (ApiKind.HTTP, "ApiId", "ServerlessHttpApi"),
    "Api": (ApiKind.REST, "RestApiId", "ServerlessRestApi"),
}
# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-api.html
# A state machine's have one more.
EVENT_PROPERTIES = {
    "HttpApi": frozenset(
        {
            "ApiId",
            "Auth",
            "Method",
            "Path",
            "PayloadFormatVersion",
            "RouteSettings",
            "Stage",
            "TimeoutInMillis",
        }
    ),
    "Api": frozenset(
        {
            "Auth",
            "Method",
            "Path",
            "RequestModel",
            "RequestParameters",
            "ResponseTransferMode",
            "RestApiId",
            "Stage",
            "TimeoutInMillis",
            "UnescapeMappingTemplate",
        }
    ),
}
_WITH_EVENTS = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """An event that adds a route.

    Attributes:
        function: logical id of what it calls.
    """

    name: str
    location: Location
    kind: str
    properties: Node
    function: str

    def hidden(self, what: str) -> HiddenRoutes:
        """Which fact is missing of it."""
        return HiddenRoutes(f"{what} of event {self.name}", label=f"event {self.name}")


def read_sam(reading: Reading) -> None:
    """Read SAM's APIs and the events that add routes to them."""
    apis: dict[str, SamApi] = {}
    for resource in list(reading.of_type(*_WITH_EVENTS)):
        for event in _events(reading, apis, resource):
            kind, _, name = _EVENTS[event.kind]
            if _api_id(reading, event) == name and name not in apis:
                draft = Api(id=name, kind=kind, location=event.location)
                if name in reading.resources:
                    # SAM puts its own API in the place of this resource, whatever that says.
                    draft.replaces = reading.resources.pop(name).location
                common = reading.common.get(IMPLICIT[name], Absent(event.location))
                apis[name] = SamApi(reading, draft, common)
    for resource in reading.of_type(*_KINDS):
        reading.note_existence(resource, f"{resource.id} is")
        draft = Api(id=resource.id, kind=_KINDS[resource.type], location=resource.location)
        apis[resource.id] = SamApi(reading, draft, resource.properties)
    for resource in reading.of_type(*_WITH_EVENTS):
        added = [_add_route(reading, apis, event) for event in _events(reading, apis, resource)]
        if any(added):
            reading.note_existence(resource, f"the routes of {resource.id} are")
    for api in apis.values():
        api.finish()
        reading.drafts[api.draft.id] = api.draft
    for resource in reading.of_type("AWS::Serverless::WebSocketApi"):
        _read_websocket(reading, resource)


def _events(reading: Reading, apis: dict[str, SamApi], resource: Resource) -> Iterator[_Event]:
    """The events of a resource that add routes; one that is undecided may add to any API."""
    written = child(resource.properties, "Events")
    drafts = [api.draft for api in apis.values()]
    all_events = HiddenRoutes(f"the events of {resource.id}")
    for name, location, node in reading.entries(written, all_events, *drafts):
        what = HiddenRoutes(f"what event {name} is", label=f"event {name}")
        for event in reading.mappings(node, what, *drafts):
            with reading.hiding(location, what, *drafts):
                kind = known(reading.text(reading.get(event, "Type")))
                properties = reading.get(event, "Properties")
                if kind in _EVENTS:
                    yield _Event(
                        name=name,
                        location=location,
                        kind=kind,
                        properties=properties,
                        function=resource.id,
                    )


def _add_route(reading: Reading, apis: dict[str, SamApi], event: _Event) -> bool:
    """Add what an event says to its API.

    Returns:
        Whether it adds a route.
    """
    api = _api_of_event(reading, apis, event)
    operation = _operation(reading, event, _unknown_property(reading, event))
    match api, operation:
        case Unknown(why=why), _:
            _add_elsewhere(reading, apis, event, why, operation)
        case SamApi(draft=draft), Unknown(why=why):
            reading.hide(event.location, event.hidden("the route"), why, draft)
        case SamApi(), Operation():
            auth = reading.get(event.properties, "Auth")
            overrides = reading.flag(reading.get(auth, "OverrideApiAuth"), default=False)
            # Such an event adds to every definition, also to a REST API's, which SAM lets it name.
            adds = event.kind == "HttpApi"
            api.add_event(operation, overrides=overrides is not False, adds=adds)
            return True
    return False


def _add_elsewhere(
    reading: Reading,
    apis: dict[str, SamApi],
    event: _Event,
    why: Cause,
    operation: Operation | Unknown,
) -> None:
    """An API that is not known, with the route that an event adds to it."""
    kind, *_ = _EVENTS[event.kind]
    alike = [api.draft for api in apis.values() if api.draft.kind is kind]  # it may be any of them
    reading.hide(event.location, event.hidden("the API"), why, *alike)
    if isinstance(why, Mistake):
        return
    draft = reading.draft_elsewhere(why, f"the API of {event.name}", kind, event.location)
    if isinstance(operation, Operation):
        is_open = operation.security == (openapi.NONE,)
        route = openapi.route_of(reading, draft, replace(operation, security=()))
        unknown = Unknown("its API, which says what guards it, is not known")
        draft.routes += (replace(route, authorizer=None if is_open else unknown),)


@or_unknown
def _api_id(reading: Reading, event: _Event) -> str:
    """The logical id of the API that an event adds to, which may be SAM's implicit one."""
    _, property_name, implicit = _EVENTS[event.kind]
    named = child(event.properties, property_name)
    match reading.resolve(named), known(reading.resource_behind(named)):
        case _, Resource(id=name):
            return name
        # SAM's implicit API may be named, too; it is no resource of the template.
        case Reference(id=name) | Text(text=name), _:
            return name
        case Absent(), _:
            return implicit
        case _:
            return ""


@or_unknown
def _api_of_event(reading: Reading, apis: dict[str, SamApi], event: _Event) -> SamApi:
    api_kind, *_ = _EVENTS[event.kind]
    api_id = known(_api_id(reading, event))
    if api_id not in apis:
        raise UndecidedError(f"{clip(api_id)} is no API of SAM's in this template")
    if apis[api_id].draft.kind is not api_kind and event.kind != "HttpApi":
        why = f"an event of type {event.kind} wants a REST API, {clip(api_id)} is an HTTP API"
        raise UndecidedError(Mistake(why, event.location))
    return apis[api_id]


@or_unknown
def _operation(reading: Reading, event: _Event, mistake: Mistake | None) -> Operation:
    """What an event asks for; a mistake in it may be why it has no path or method."""
    is_http = event.kind == "HttpApi"
    path, method = (
        known(reading.choice(child(event.properties, name))) for name in ("Path", "Method")
    )
    if is_http and path is None and method is None:
        path, method = "$default", "ANY"
    # SAM deploys it for HTTP APIs; what it takes is not documented: at worst everything.
    further = {"default": "ANY"} if is_http else {}
    name = (openapi.METHOD_NAMED | further).get(str(method).lower())
    if path is None or name is None:
        why = f"expected a path and a method, found {clip(path)} and {clip(method)}"
        raise UndecidedError(mistake or Mistake(why, event.location))
    auth = as_auth(reading.steady(child(event.properties, "Auth")))
    asked = reading.choice(child(auth, "Authorizer"))
    security: tuple[str, ...] | Unknown | None = (asked,) if isinstance(asked, str) else asked
    route = replace(
        openapi.route_named(name, path, event.location),
        backend=event.function,
        cache_keys=event_cache_keys(reading, event.properties),
    )
    return Operation(route=route, security=security, asked=child(auth, "Authorizer"))


def _unknown_property(reading: Reading, event: _Event) -> Mistake | None:
    """Write down which properties SAM refuses.

    Returns:
        The first of these mistakes.
    """
    properties, taken = event.properties, EVENT_PROPERTIES[event.kind]
    refused = f"an event of type {event.kind} has no property"
    mistakes = [
        Mistake(f"{refused} {clip(name)}{did_you_mean(name, taken)}", location)
        for name, location, _ in (properties if isinstance(properties, Mapping) else ())
        if name not in taken and not name.startswith("Fn::")
    ]
    for mistake in mistakes:
        reading.note(mistake.location or event.location, "the event", mistake)
    return next(iter(mistakes), None)


# --- WebSocket APIs: only the handshake is authorized; the rest comes over its connection ---


def _read_websocket(reading: Reading, resource: Resource) -> None:
    """Read one into a draft of its own."""
    reading.note_existence(resource, f"{resource.id} is")
    draft = Api(id=resource.id, kind=ApiKind.WEBSOCKET, location=resource.location)
    reading.drafts[draft.id] = draft
    name = _websocket_authorizer(reading, draft, resource)
    routes = child(resource.properties, "Routes")
    for key, location, written in reading.entries(routes, draft.all_routes, draft):
        route = reading.resolve(written)
        if not isinstance(route, Absent):
            authorizer = name if key == "$connect" else None
            reading.fact(authorizer, location, AuthorizerOf(key))
            backend = backend_behind(reading, child(route, "FunctionArn"))
            draft.routes += (
                Route(
                    method="", path=key, authorizer=authorizer, location=location, backend=backend
                ),
            )


@or_unknown
def _websocket_authorizer(reading: Reading, draft: Api, resource: Resource) -> str | None:
    auth = as_auth(reading.steady(child(resource.properties, "Auth")))
    kind = known(reading.choice(child(auth, "AuthType")))
    location = key_location(resource.properties, "Auth") or resource.location
    if kind == IAM:
        sign(draft, location)
    if kind != "CUSTOM":
        return None if kind == NONE else kind
    written = reading.text(reading.get(auth, "Name"))
    name = written if isinstance(written, str) else f"{draft.id}ConnectAuthorizer"
    own = replace(declared(reading, name, location, auth), kind=AuthorizerKind.REQUEST)
    read_authorizer(reading, draft, own, auth, granted=True)
    return own.name
