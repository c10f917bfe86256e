"""APIs written for AWS SAM: ``AWS::Serverless::HttpApi``, ``Api``, ``WebSocketApi`` and events.

What SAM makes of ``Auth`` is read as its translator does it, with its differences between the two
kinds: the default authorizer of an HTTP API spares OPTIONS and wins over an empty ``security``,
that of a REST API takes preflights too unless told otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template import openapi
from authorizer.cli.template.authorizers import (
    IAM,
    SAM,
    header_source,
    iam,
    identity_sources,
    named,
    with_function,
    with_ttl,
)
from authorizer.cli.template.model import ApiKind, Authorizer, AuthorizerKind, Route, Unknown
from authorizer.cli.template.nodes import Absent, Call, Mapping, Node, Text, Undecidable
from authorizer.cli.template.openapi import NONE, Operation
from authorizer.cli.template.reading import Draft, child, key_place
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Place
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
_WITH_EVENTS = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
_IDENTITY = {
    "Headers": "request.header",
    "QueryStrings": "request.querystring",
    "StageVariables": "stageVariables",
    "Context": "context",
}


class SamApi:
    """One of SAM's APIs while it is being read."""

    def __init__(self, reading: Reading, draft: Draft, properties: Node) -> None:
        self.reading = reading
        self.draft = draft
        self.properties = properties
        self._operations: dict[tuple[str, str], Operation] = {}
        self._auth = reading.steady(child(properties, "Auth"))
        # SAM neither reads nor changes a definition that is not inline.
        self._is_elsewhere = "DefinitionUri" in getattr(properties, "entries", ())
        self._has_body = self._read_body()
        self._read_authorizers()
        self._default = self._read_default()

    def add_event(self, operation: Operation, *, overrides: bool) -> None:
        """What an event adds: a route, or an authorizer for one of the definition's routes."""
        if self._is_elsewhere:
            return
        known = self._operations.get(operation.key)
        resolver = self.reading.resolver
        if self._has_body and self.draft.kind is ApiKind.REST:
            merges = resolver.flag(child(self.properties, "MergeDefinitions"), default=False)
            if merges is not True and not (known and overrides):
                return
        operation = replace(operation, security=self._checked(operation))
        if known is not None and not isinstance(operation.security, Unknown):
            security = _together(known.security, operation.security)
            operation = replace(known, security=security, integrates=True)
        self._operations[operation.key] = operation

    def finish(self) -> None:
        """Settle what protects each route, and hand the routes to the draft."""
        self._read_cors()
        for operation in self._operations.values():
            settled = replace(operation, security=self._settled(operation))
            if settled.security == (IAM,) and IAM not in self.draft.authorizers:
                self.draft.authorizers[IAM] = iam(IAM, operation.place)
            self.draft.routes.append(openapi.route_of(self.reading, self.draft, settled))

    def _read_body(self) -> bool:
        written = child(self.properties, "DefinitionBody")
        if isinstance(written, Absent):
            location = child(self.properties, "DefinitionUri")
            if isinstance(location, Absent):
                return False
            location = self.reading.resolver.resolve(location)
            written = self.reading.resolver.file(location, location.place)
        what = f"the routes of {self.draft.id}"
        for body in self.reading.mappings(written, what, self.draft):
            for operation in openapi.read_document(self.reading, self.draft, body):
                self._operations[operation.key] = operation
        return True

    # --- Auth ---

    def _read_default(self) -> str | Unknown | None:
        if isinstance(self._auth, Undecidable):
            return Unknown(self._auth.why)
        name = self.reading.choice(child(self._auth, "DefaultAuthorizer"))
        if isinstance(name, str) and name != IAM and name not in self.draft.authorizers:
            return Unknown(f"{self.draft.id} has no authorizer {clip(name)}")
        return name

    def _read_authorizers(self) -> None:
        what = f"the authorizers of {self.draft.id}"
        if isinstance(self._auth, Undecidable):
            self.reading.note(self._auth.place, what, self._auth.why)
        for authorizers in self.reading.mappings(child(self._auth, "Authorizers"), what):
            for name, place, node in authorizers:
                for body in self.reading.mappings(node, f"authorizer {name}"):
                    self.draft.authorizers[name] = self._authorizer(name, place, body)

    def _authorizer(self, name: str, place: Place, body: Mapping) -> Authorizer:
        kind, reading = self._kind(body), self.reading
        identity = reading.resolver.get(body, "Identity")
        one = named(reading, name, place, kind, self._identity_sources(kind, body, identity))
        at = key_place(body, "Identity") or key_place(body, "IdentitySource")
        one = replace(one, identity_place=at)
        # SAM hands no time to live on for a user pool: API Gateway's own holds.
        keeps = Absent(place) if kind is AuthorizerKind.COGNITO else identity
        one = with_ttl(reading, self.draft, one, keeps, SAM)
        return with_function(reading, self.draft, one, body, SAM, granted=self._granted(body))

    def _kind(self, body: Mapping) -> AuthorizerKind | Unknown:
        if self.draft.kind is ApiKind.HTTP:
            is_jwt = "JwtConfiguration" in body.entries
            return AuthorizerKind.JWT if is_jwt else AuthorizerKind.REQUEST
        if "UserPoolArn" in body.entries:
            return AuthorizerKind.COGNITO
        kind = self.reading.choice(child(body, "FunctionPayloadType"))
        if isinstance(kind, Unknown):
            return kind
        known = {None: AuthorizerKind.TOKEN, "TOKEN": AuthorizerKind.TOKEN}
        known["REQUEST"] = AuthorizerKind.REQUEST
        return known.get(kind) or Unknown(f"expected TOKEN or REQUEST, found {clip(kind)}")

    def _identity_sources(
        self, kind: AuthorizerKind | Unknown, body: Mapping, identity: Node
    ) -> tuple[str, ...] | Unknown:
        resolver = self.reading.resolver
        if isinstance(kind, Unknown):
            return kind
        if kind is AuthorizerKind.JWT:
            return identity_sources(resolver.texts(resolver.get(body, "IdentitySource")))
        if kind is not AuthorizerKind.REQUEST:
            header = resolver.text(resolver.get(identity, "Header"))
            return header_source(header)
        written: list[str] = []
        for name, prefix in _IDENTITY.items():
            values = resolver.texts(resolver.get(identity, name))
            if isinstance(values, Unknown):
                return values
            written += [f"{prefix}.{value}" for value in values]
        return identity_sources(written)

    def _granted(self, body: Mapping) -> bool | Unknown:
        """Whether SAM adds the permission: a REST API is given it unless it says no."""
        resolver = self.reading.resolver
        if self.draft.kind is ApiKind.HTTP:
            on = resolver.get(body, "EnableFunctionDefaultPermissions")
            return resolver.flag(on, default=False)
        disabled = resolver.flag(
            resolver.get(body, "DisableFunctionDefaultPermissions"), default=False
        )
        return disabled if isinstance(disabled, Unknown) else not disabled

    def _checked(self, operation: Operation) -> tuple[str, ...] | Unknown | None:
        """What an event asks for, which must be one of the API's authorizers."""
        for name in operation.security if isinstance(operation.security, tuple) else ():
            if name not in {NONE, IAM} and name not in self.draft.authorizers:
                return Unknown(f"{self.draft.id} has no authorizer {clip(name)}")
        return operation.security

    def _settled(self, operation: Operation) -> tuple[str, ...] | Unknown | None:
        security = operation.security
        if isinstance(security, Unknown) or self._default is None:
            return security
        asked = security or ()
        if self.draft.kind is ApiKind.REST:
            chosen = tuple(name for name in asked if name in {*self.draft.authorizers, IAM})
            if NONE in asked or chosen:
                return () if NONE in asked else chosen
        elif asked:
            return asked
        if not operation.integrates or not self._default_takes(operation):
            return security
        preflight = self._preflight()
        if operation.method == "OPTIONS" and isinstance(preflight, Unknown):
            return preflight
        return self._default if isinstance(self._default, Unknown) else (self._default,)

    def _default_takes(self, operation: Operation) -> bool:
        if operation.method != "OPTIONS":
            return True
        return self.draft.kind is ApiKind.REST and self._preflight() is not False

    def _preflight(self) -> bool | Unknown:
        node = child(self._auth, "AddDefaultAuthorizerToCorsPreflight")
        return self.reading.resolver.flag(node, default=True)

    # --- CORS ---

    def _read_cors(self) -> None:
        is_http = self.draft.kind is ApiKind.HTTP
        name = "CorsConfiguration" if is_http else "Cors"
        node = child(self.properties, name)
        # SAM takes a function in this place for the origins, whatever it comes to.
        is_function = isinstance(node, Call) and node.name != "Ref"
        value = node if is_function else self.reading.resolver.resolve(node)
        off = isinstance(value, Text) and value.text.lower() in {"", "false", "null", "~"}
        if not isinstance(value, Absent) and not off:
            self.draft.has_cors = True
            if not is_http:
                self._add_preflights(key_place(self.properties, name) or value.place)
        if not is_http:
            self._read_gateway_responses()
            if any(one.is_preflight for one in self._operations.values()):
                self.draft.has_cors = True

    def _add_preflights(self, place: Place) -> None:
        answered = {_plain(path) for method, path in self._operations if method == "OPTIONS"}
        for _, path in list(self._operations):
            if _plain(path) not in answered:
                answered.add(_plain(path))
                added = Operation(
                    method="OPTIONS", path=path, place=place, security=None, is_preflight=True
                )
                self._operations[added.key] = added

    def _read_gateway_responses(self) -> None:
        what = f"gateway responses of {self.draft.id}"
        written = child(self.properties, "GatewayResponses")
        for responses in self.reading.mappings(written, what):
            for kind, _, response in responses:
                parameters = self.reading.resolver.get(response, "ResponseParameters")
                headers = child(parameters, "Headers")
                openapi.gateway_response(self.reading, self.draft, kind, headers)


def read_sam(reading: Reading) -> None:
    """Read SAM's APIs and the events that add routes to them."""
    apis: dict[str, SamApi] = {}
    for resource in reading.of_type(*_KINDS):
        reading.note_existence(resource, f"{resource.id} is")
        draft = Draft(id=resource.id, kind=_KINDS[resource.type], place=resource.place)
        apis[resource.id] = SamApi(reading, draft, resource.properties)
    for resource in reading.of_type(*_WITH_EVENTS):
        _read_events(reading, apis, resource)
    for api in apis.values():
        api.finish()
        reading.drafts[api.draft.id] = api.draft
    for resource in reading.of_type("AWS::Serverless::WebSocketApi"):
        _read_websocket(reading, resource)


def _read_events(reading: Reading, apis: dict[str, SamApi], resource: Resource) -> None:
    events = child(resource.properties, "Events")
    has_routes = False
    for mapping in reading.mappings(events, f"the events of {resource.id}"):
        for name, place, node in mapping:
            for event in reading.mappings(node, f"what event {name} is"):
                has_routes |= _read_event(reading, apis, name, place, event)
    if has_routes:
        reading.note_existence(resource, f"the routes of {resource.id} are")


def _read_event(
    reading: Reading, apis: dict[str, SamApi], name: str, place: Place, event: Mapping
) -> bool:
    """Read an event.

    Returns:
        Whether it adds a route.
    """
    kind = reading.resolver.text(reading.resolver.get(event, "Type"))
    if kind not in _EVENTS:
        return False
    properties = reading.resolver.get(event, "Properties")
    api = _api_of_event(reading, apis, str(kind), place, properties)
    operation = _operation(reading, place, properties, is_http=kind == "HttpApi")
    if isinstance(api, Unknown):
        reading.note(place, f"the API of event {name}", api.why)
        for one in apis.values():
            # It may be any of its kind.
            one.draft.is_complete &= one.draft.kind is not _EVENTS[str(kind)][0]
        return False
    if isinstance(operation, Unknown):
        reading.note(place, f"the route of event {name}", operation.why)
        api.draft.is_complete = False
        return False
    overrides = reading.resolver.get(reading.resolver.get(properties, "Auth"), "OverrideApiAuth")
    api.add_event(operation, overrides=reading.resolver.flag(overrides, default=False) is not False)
    return True


def _api_of_event(
    reading: Reading, apis: dict[str, SamApi], kind: str, place: Place, properties: Node
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
        draft = Draft(id=implicit, kind=api_kind, place=place)
        resource_type = next(one for one, of in _KINDS.items() if of is api_kind)
        globals_of = reading.implicit.get(resource_type, Absent(place))
        apis[implicit] = SamApi(reading, draft, globals_of)
    if api_id not in apis or apis[api_id].draft.kind is not api_kind:
        return Unknown(f"{clip(api_id)} is no API of SAM's in this template")
    return apis[api_id]


def _operation(
    reading: Reading, place: Place, properties: Node, *, is_http: bool
) -> Operation | Unknown:
    resolver = reading.resolver
    path = resolver.text(resolver.get(properties, "Path"))
    method = resolver.text(resolver.get(properties, "Method"))
    for value in (path, method):
        if isinstance(value, Unknown):
            return value
    if is_http and path is None and method is None:
        path, method = "$default", "ANY"
    name = openapi.method_name(str(method))
    if path is None or name is None:
        return Unknown(f"expected a path and a method, found {clip(path)} and {clip(method)}")
    auth = reading.steady(child(properties, "Auth"))
    asked = reading.choice(child(auth, "Authorizer"))
    security: tuple[str, ...] | Unknown | None = (asked,) if isinstance(asked, str) else asked
    if isinstance(auth, Undecidable):
        security = Unknown(auth.why)
    return Operation(
        method=name, path=openapi.plain_path(str(path)), place=place, security=security
    )


def _read_websocket(reading: Reading, resource: Resource) -> None:
    reading.note_existence(resource, f"{resource.id} is")
    draft = Draft(id=resource.id, kind=ApiKind.WEBSOCKET, place=resource.place)
    reading.drafts[draft.id] = draft
    name = _websocket_authorizer(reading, draft, resource)
    routes = child(resource.properties, "Routes")
    for mapping in reading.mappings(routes, f"the routes of {draft.id}", draft):
        for key, place, _ in mapping:
            # Only the handshake is authorized; what follows comes over the same connection.
            authorizer = name if key == "$connect" else None
            reading.fact(authorizer, place, f"the authorizer of {key}")
            draft.routes.append(Route(method="", path=key, authorizer=authorizer, place=place))


def _websocket_authorizer(
    reading: Reading, draft: Draft, resource: Resource
) -> str | Unknown | None:
    resolver = reading.resolver
    auth = reading.steady(child(resource.properties, "Auth"))
    if isinstance(auth, Undecidable):
        return Unknown(auth.why)
    kind = reading.choice(child(auth, "AuthType"))
    place = key_place(resource.properties, "Auth") or resource.place
    if kind == IAM:
        draft.authorizers[IAM] = iam(IAM, place)
    if kind != "CUSTOM":
        return None if kind == NONE else kind
    written = resolver.text(resolver.get(auth, "Name"))
    name = written if isinstance(written, str) else f"{draft.id}ConnectAuthorizer"
    sources = identity_sources(resolver.texts(resolver.get(auth, "IdentitySource")))
    one = named(reading, name, place, AuthorizerKind.REQUEST, sources)
    one = replace(one, identity_place=key_place(auth, "IdentitySource"))
    spelling = replace(SAM, function="AuthArn", role="InvokeRole")
    one = with_function(reading, draft, one, auth, spelling, granted=True)
    draft.authorizers[name] = one
    return name


def _together(
    known: tuple[str, ...] | Unknown | None, added: tuple[str, ...] | Unknown | None
) -> tuple[str, ...] | Unknown | None:
    if isinstance(known, Unknown) or isinstance(added, Unknown):
        return known if isinstance(known, Unknown) else added
    if known is None or added is None:
        return known if added is None else added
    return known + added


def _plain(path: str) -> str:
    return path.rstrip("/") or path


def implicit_types() -> Iterator[tuple[str, str]]:
    """The logical ids of SAM's implicit APIs, and what they would be."""
    for kind, _, name in _EVENTS.values():
        yield name, next(one for one, of in _KINDS.items() if of is kind)
