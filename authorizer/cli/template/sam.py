"""APIs written for AWS SAM: which there are, and the events that add routes to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template import openapi
from authorizer.cli.template.authorizers import (
    IAM,
    SAM,
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
    Mistake,
    Route,
    Unknown,
)
from authorizer.cli.template.nodes import Absent, Mapping, Node, Unresolvable, child, key_place
from authorizer.cli.template.openapi import NONE, Operation
from authorizer.cli.template.reading import Draft
from authorizer.cli.template.sam_api import SamApi, as_auth
from authorizer.cli.template.stages import event_keys_by_caller
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Cause
    from authorizer.cli.template.reading import Reading, Resource

_KINDS = {
    "AWS::Serverless::HttpApi": ApiKind.HTTP,
    "AWS::Serverless::Api": ApiKind.REST,
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


def read_sam(reading: Reading) -> None:
    """Read SAM's APIs and the events that add routes to them."""
    apis: dict[str, SamApi] = {}
    for name in _taken_names(reading):
        # SAM puts its own API in the place of this resource, whatever that says.
        reading.replaced[name] = reading.resources.pop(name).place
    for resource in reading.of_type(*_KINDS):
        reading.note_existence(resource, f"{resource.id} is")
        draft = Draft(id=resource.id, kind=_KINDS[resource.type], place=resource.place)
        draft.is_private = reading.is_private(resource.properties)
        apis[resource.id] = SamApi(reading, draft, resource.properties)
    for resource in reading.of_type(*_WITH_EVENTS):
        _read_events(reading, apis, resource)
    for api in apis.values():
        api.finish()
        reading.drafts[api.draft.id] = api.draft
    for resource in reading.of_type("AWS::Serverless::WebSocketApi"):
        _read_websocket(reading, resource)


def _taken_names(reading: Reading) -> set[str]:
    """Resources with a name of SAM's implicit APIs, where events make it add such an API."""
    taken = set()
    for resource in reading.of_type(*_WITH_EVENTS):
        for events in reading.resolver.branches(child(resource.properties, "Events"))[0]:
            for _, _, node in events if isinstance(events, Mapping) else ():
                taken |= {
                    _implicit_name(reading, event) for event in reading.resolver.branches(node)[0]
                }
    return taken & reading.resources.keys()


def _implicit_name(reading: Reading, event: Node) -> str:
    """The name of the implicit API that an event adds to; empty where it adds to another."""
    kind = reading.resolver.text(reading.resolver.get(event, "Type"))
    if not isinstance(kind, str) or kind not in _EVENTS:
        return ""
    _, property_name, implicit = _EVENTS[kind]
    named = reading.steady(child(reading.resolver.get(event, "Properties"), property_name))
    is_own = getattr(named, "id", getattr(named, "text", None)) == implicit
    return implicit if is_own or isinstance(named, Absent) else ""


def _read_events(reading: Reading, apis: dict[str, SamApi], resource: Resource) -> None:
    events = child(resource.properties, "Events")
    has_routes = False
    drafts = [api.draft for api in apis.values()]
    for mapping in reading.mappings(events, HiddenRoutes(f"the events of {resource.id}"), *drafts):
        for name, place, node in mapping:
            for event in reading.mappings(
                node, HiddenRoutes(f"what event {name} is", label=f"event {name}"), *drafts
            ):
                has_routes |= _read_event(reading, apis, name, place, event, function=resource.id)
    if has_routes:
        reading.note_existence(resource, f"the routes of {resource.id} are")


def _read_event(
    reading: Reading,
    apis: dict[str, SamApi],
    name: str,
    place: Location,
    event: Mapping,
    *,
    function: str,
) -> bool:
    """Read an event.

    Returns:
        Whether it adds a route.
    """
    kind = reading.resolver.text(reading.resolver.get(event, "Type"))
    if isinstance(kind, Unknown):
        reading.note(place, HiddenRoutes(f"what event {name} is", label=f"event {name}"), kind.why)
        for known in apis.values():
            known.draft.is_complete = False
    return kind in _EVENTS and _read_route(
        reading, apis, name, place, event, kind=str(kind), function=function
    )


def _read_route(
    reading: Reading,
    apis: dict[str, SamApi],
    name: str,
    place: Location,
    event: Mapping,
    *,
    kind: str,
    function: str,
) -> bool:
    properties = reading.resolver.get(event, "Properties")
    api = _api_of_event(reading, apis, kind, place, properties)
    mistake = _unknown_properties(reading, properties, kind)
    operation = _operation(reading, place, properties, is_http=kind == "HttpApi")
    if isinstance(operation, Operation):
        operation = replace(operation, backend=function)
    elif mistake and isinstance(operation.why, Mistake):
        operation = Unknown(mistake)  # which is why it has no path or method
    if isinstance(api, Unknown):
        what = HiddenRoutes(f"the API of event {name}", label=f"event {name}")
        reading.note(place, what, api.why)
        api_kind = _EVENTS[kind][0]
        for known in apis.values():  # it may be any of its kind
            known.draft.is_complete &= known.draft.kind is not api_kind
        if not isinstance(api.why, Mistake):
            _add_elsewhere(reading, name, place, kind=api_kind, why=api.why, operation=operation)
        return False
    if isinstance(operation, Unknown):
        reading.note(
            place, HiddenRoutes(f"the route of event {name}", label=f"event {name}"), operation.why
        )
        api.draft.is_complete = False
        return False
    overrides = reading.resolver.get(reading.resolver.get(properties, "Auth"), "OverrideApiAuth")
    api.add_event(
        operation,
        overrides=reading.resolver.flag(overrides, default=False) is not False,
        # Such an event adds to every definition, also to a REST API's, which SAM lets it name.
        adds=kind == "HttpApi",
    )
    return True


def _add_elsewhere(
    reading: Reading,
    name: str,
    place: Location,
    *,
    kind: ApiKind,
    why: Cause,
    operation: Operation | Unknown,
) -> None:
    """An API that is not known, with the route that an event adds to it."""
    if not isinstance(why, Elsewhere):
        why = Elsewhere(str(why), ("named", f"the API of {name}"))
    key = f"{'.'.join(why.key[1:])} (elsewhere)"
    draft = reading.drafts.setdefault(
        key, Draft(id=key, kind=kind, place=place, is_complete=False, elsewhere=why)
    )
    if isinstance(operation, Operation):
        is_open = operation.security == (openapi.NONE,)
        route = openapi.route_of(reading, draft, replace(operation, security=()))
        unknown = Unknown("its API, which says what guards it, is not known")
        draft.routes.append(replace(route, authorizer=None if is_open else unknown))


def _api_of_event(
    reading: Reading, apis: dict[str, SamApi], kind: str, place: Location, properties: Node
) -> SamApi | Unknown:
    api_kind, property_name, implicit = _EVENTS[kind]
    named = child(properties, property_name)
    value = reading.resolver.resolve(named)
    api_id = implicit
    if not isinstance(value, Absent):
        behind = reading.resource_behind(named)
        if isinstance(behind, Unknown):
            return behind
        # SAM's implicit API may be named, too; it is no resource of the template.
        api_id = behind.id if behind else getattr(value, "id", getattr(value, "text", ""))
    if api_id not in apis and api_id == implicit:
        draft = Draft(
            id=implicit, kind=api_kind, place=place, replaces=reading.replaced.get(implicit)
        )
        resource_type = next(name for name, of in _KINDS.items() if of is api_kind)
        globals_of = reading.common.get(resource_type, Absent(place))
        draft.is_private = reading.is_private(globals_of)
        apis[implicit] = SamApi(reading, draft, globals_of)
    if api_id not in apis:
        return Unknown(f"{clip(api_id)} is no API of SAM's in this template")
    found = apis[api_id].draft.kind
    if found is not api_kind and kind != "HttpApi":
        why = f"an event of type {kind} wants a REST API, {clip(api_id)} is an HTTP API"
        return Unknown(Mistake(why, place))
    return apis[api_id]


def _operation(
    reading: Reading, place: Location, properties: Node, *, is_http: bool
) -> Operation | Unknown:
    path = reading.choice(child(properties, "Path"))
    method = reading.choice(child(properties, "Method"))
    for value in (path, method):
        if isinstance(value, Unknown):
            return value
    if is_http and path is None and method is None:
        path, method = "$default", "ANY"
    name = openapi.method_name(str(method))
    if is_http and str(method).lower() == "default":
        name = "ANY"  # SAM deploys it; what it takes is not documented: at worst everything
    if path is None or name is None:
        why = f"expected a path and a method, found {clip(path)} and {clip(method)}"
        return Unknown(Mistake(why, place))
    auth = as_auth(reading.steady(child(properties, "Auth")))
    asked = reading.choice(child(auth, "Authorizer"))
    security: tuple[str, ...] | Unknown | None = (asked,) if isinstance(asked, str) else asked
    if isinstance(auth, Unresolvable):
        security = Unknown(auth.why)
    return Operation(
        method=name,
        path=openapi.plain_path(str(path)),
        place=place,
        security=security,
        asked=child(auth, "Authorizer"),
        keys_by_caller=event_keys_by_caller(reading, properties),
    )


def _unknown_properties(reading: Reading, properties: Node, kind: str) -> Mistake | None:
    """Write down what SAM refuses.

    Returns:
        The first of the mistakes; nothing where there is none.
    """
    mistakes = []
    for name, place, _ in properties if isinstance(properties, Mapping) else ():
        if name not in EVENT_PROPERTIES[kind] and not name.startswith("Fn::"):
            hint = did_you_mean(name, EVENT_PROPERTIES[kind])
            why = Mistake(f"an event of type {kind} has no property {clip(name)}{hint}", place)
            reading.note(place, "the event", why)
            mistakes.append(why)
    return mistakes[0] if mistakes else None


def implicit_types() -> Iterator[tuple[str, str]]:
    """The logical ids of SAM's implicit APIs, and what they would be."""
    for kind, _, name in _EVENTS.values():
        yield name, next(type_name for type_name, of in _KINDS.items() if of is kind)


# --- WebSocket APIs: only the handshake is authorized; the rest comes over its connection ---


def _read_websocket(reading: Reading, resource: Resource) -> None:
    """Read one into a draft of its own."""
    reading.note_existence(resource, f"{resource.id} is")
    draft = Draft(id=resource.id, kind=ApiKind.WEBSOCKET, place=resource.place)
    reading.drafts[draft.id] = draft
    name = _websocket_authorizer(reading, draft, resource)
    routes = child(resource.properties, "Routes")
    for mapping in reading.mappings(routes, draft.all_routes, draft):
        for key, place, route in mapping:
            if isinstance(reading.resolver.resolve(route), Absent):
                continue
            authorizer = name if key == "$connect" else None
            reading.fact(authorizer, place, AuthorizerOf(key))
            backend = backend_behind(reading, child(reading.resolver.resolve(route), "FunctionArn"))
            draft.routes.append(
                Route(method="", path=key, authorizer=authorizer, place=place, backend=backend)
            )


def _websocket_authorizer(
    reading: Reading, draft: Draft, resource: Resource
) -> str | Unknown | None:
    resolver = reading.resolver
    auth = as_auth(reading.steady(child(resource.properties, "Auth")))
    if isinstance(auth, Unresolvable):
        return Unknown(auth.why)
    kind = reading.choice(child(auth, "AuthType"))
    place = key_place(resource.properties, "Auth") or resource.place
    if kind == IAM:
        draft.authorizers[IAM] = iam(IAM, place)
    if kind != "CUSTOM":
        return None if kind == NONE else kind
    written = resolver.text(resolver.get(auth, "Name"))
    name = written if isinstance(written, str) else f"{draft.id}ConnectAuthorizer"
    authorizer = Written(
        name=name,
        place=place,
        kind=AuthorizerKind.REQUEST,
        node=auth,
        spelling=replace(SAM, function="AuthArn", role="InvokeRole"),
        sources=identity_sources(resolver.texts(resolver.get(auth, "IdentitySource"))),
        sources_place=key_place(auth, "IdentitySource"),
        granted=True,
    )
    read_authorizer(reading, draft, authorizer)
    return name
