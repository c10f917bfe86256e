"""One API of AWS SAM's: its definition, ``Auth``, CORS, and what events add to it.

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
    header_source,
    identity_sources,
    one_body,
    read_authorizer,
    sign,
)
from authorizer.cli.template.model import Api, ApiKind, Authorizer, AuthorizerKind, Mistake, Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Mapping,
    Node,
    Text,
    UndecidedError,
    Unresolvable,
    child,
    has_all_entries,
    key_location,
    known,
    or_unknown,
)
from authorizer.cli.template.openapi import NONE, Operation
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading

_IDENTITY = {
    "Headers": "request.header",
    "QueryStrings": "request.querystring",
    "StageVariables": "stageVariables",
    "Context": "context",
}


class SamApi:
    """One of SAM's APIs while it is being read."""

    def __init__(self, reading: Reading, draft: Api, properties: Node) -> None:
        self.reading = reading
        self.draft = draft
        self.properties = properties
        self._operations: dict[str, Operation] = {}
        self._auth = as_auth(reading.steady(child(properties, "Auth")))
        # SAM neither reads nor changes a definition that is not inline.
        self._is_elsewhere = "DefinitionUri" in getattr(properties, "entries", ())
        self._has_body = self._read_body()
        # Events add to an HTTP API's definition always, to another one's if that is asked for.
        merges = reading.flag(child(properties, "MergeDefinitions"), default=False)
        self._merges = draft.kind is ApiKind.HTTP or merges is True
        draft.is_private = reading.is_private(properties)
        self._read_authorizers()
        self._knows_authorizers = self._has_all_authorizers()
        self._default = self._read_default()

    def add_event(self, operation: Operation, *, overrides: bool, adds: bool) -> None:
        """What an event adds: a route, or an authorizer for one of the definition's routes.

        Args:
            operation: of the event.
            overrides: whether it changes the authorizer of a route of the definition.
            adds: whether it adds to a definition in any case.
        """
        route = operation.route
        own = self._operations.get(route.key)
        merges = adds or self._merges
        is_left = self._has_body and not merges and not (own and overrides)
        if self._is_elsewhere or is_left:
            return
        asked = self._checked(operation)
        operation = replace(operation, security=asked)
        # What an event has asked for is set where an event has added to it.
        if own and own.asked is not None and own.security != asked:
            security = Unknown("two events with this route ask for different authorizers")
            operation = replace(operation, security=security)
        elif own and not isinstance(asked, Unknown):
            # The list of a REST API's event takes the definition's place.
            replaces = asked and merges and not adds and self.draft.kind is ApiKind.REST
            route = replace(
                own.route,
                backend=own.route.backend or route.backend,
                cache_keys=own.route.cache_keys | route.cache_keys,
            )
            operation = replace(
                own,
                route=route,
                security=asked if replaces else _together(own.security, asked),
                asked=operation.asked,
                integrates=True,
            )
        self._operations[route.key] = operation

    def finish(self) -> None:
        """Settle what protects each route, and hand the routes to the draft."""
        self._read_cors()
        for operation in self._operations.values():
            settled = replace(operation, security=self._settled(operation))
            if settled.security == (IAM,):
                sign(self.draft, operation.route.location)
            self.draft.routes += (openapi.route_of(self.reading, self.draft, settled),)

    def _read_body(self) -> bool:
        written = child(self.properties, "DefinitionBody")
        if isinstance(written, Absent) and self._is_elsewhere:
            uri = self.reading.steady(child(self.properties, "DefinitionUri"))
            written = self.reading.file(uri, uri.location)
        for body in self.reading.mappings(written, self.draft.all_routes, self.draft):
            for operation in openapi.read_document(self.reading, self.draft, body):
                self._operations[operation.route.key] = operation
        return not isinstance(written, Absent)

    # --- Auth ---

    def _read_default(self) -> tuple[str, ...] | Unknown | None:
        written = child(self._auth, "DefaultAuthorizer")
        name = self.reading.choice(written)
        if not isinstance(name, str):
            return name
        if name == IAM or self.draft.authorizer(name):
            return (name,)
        unknown = self._no_authorizer(name, written)
        if isinstance(unknown.why, Mistake):  # SAM refuses it, whether a route needs it or not
            self.reading.note(written.location, "the default authorizer", unknown.why)
        return unknown

    def _no_authorizer(self, name: str, written: Node | None, *further: str) -> Unknown:
        """A mistake, where the name is written out, and all that there are are known."""
        why = f"{self.draft.id} has no authorizer {clip(name)}"
        if not (self._knows_authorizers and isinstance(written, Text)):
            return Unknown(why)
        known = [*(authorizer.name for authorizer in self.draft.authorizers), *further]
        return Unknown(Mistake(f"{why}{did_you_mean(name, known)}", written.location))

    def _has_all_authorizers(self) -> bool:
        if self._is_elsewhere or not self.draft.is_complete:
            return False
        authorizers = self.reading.steady(child(self._auth, "Authorizers"))
        return has_all_entries(self._auth) and has_all_entries(authorizers)

    def _read_authorizers(self) -> None:
        what = f"the authorizers of {self.draft.id}"
        for name, location, node in self.reading.entries(child(self._auth, "Authorizers"), what):
            what = f"authorizer {name}"
            body = one_body(self.reading, self.draft, name, location, node, what=what)
            if body is not None:
                self._read_authorizer(name, location, body)

    def _read_authorizer(self, name: str, location: Location, body: Mapping) -> None:
        kind = self._kind(body)
        identity = self.reading.steady(child(body, "Identity"))
        own = Authorizer(
            name=name,
            location=location,
            kind=kind,
            identity_sources=self._identity_sources(kind, body, identity),
            identity_location=key_location(body, "Identity")
            or key_location(body, "IdentitySource"),
        )
        read_authorizer(
            self.reading,
            self.draft,
            own,
            body,
            sources=tuple(child(identity, source) for source in (*_IDENTITY, "Header")),
            # SAM hands no time to live on for a user pool: API Gateway's own holds.
            keeps=Absent(location) if kind is AuthorizerKind.COGNITO else identity,
            granted=self._granted(body),
        )

    @or_unknown
    def _kind(self, body: Mapping) -> AuthorizerKind:
        if self.draft.kind is ApiKind.HTTP:
            is_jwt = "JwtConfiguration" in body.entries
            return AuthorizerKind.JWT if is_jwt else AuthorizerKind.REQUEST
        if "UserPoolArn" in body.entries:
            return AuthorizerKind.COGNITO
        payload = known(self.reading.choice(child(body, "FunctionPayloadType")))
        if payload not in {None, "TOKEN", "REQUEST"}:
            raise UndecidedError(f"expected TOKEN or REQUEST, found {clip(payload)}")
        return AuthorizerKind.REQUEST if payload == "REQUEST" else AuthorizerKind.TOKEN

    @or_unknown
    def _identity_sources(
        self, kind: AuthorizerKind | Unknown, body: Mapping, identity: Node
    ) -> tuple[str, ...]:
        reading = self.reading
        match known(kind):
            case AuthorizerKind.TOKEN | AuthorizerKind.COGNITO:
                return known(header_source(reading.text(reading.get(identity, "Header"))))
            case AuthorizerKind.REQUEST:
                written: tuple[str, ...] | Unknown = tuple(
                    f"{prefix}.{value}"
                    for name, prefix in _IDENTITY.items()
                    for value in known(reading.texts(reading.get(identity, name)))
                )
            case _:
                written = reading.texts(reading.get(body, "IdentitySource"))
        return known(identity_sources(written))

    @or_unknown
    def _granted(self, body: Mapping) -> bool:
        """Whether SAM adds the permission: a REST API is given it unless it says no."""
        is_http = self.draft.kind is ApiKind.HTTP
        name = f"{'Enable' if is_http else 'Disable'}FunctionDefaultPermissions"
        is_set = self.reading.flag(self.reading.steady(child(body, name)), default=False)
        return known(is_set) is is_http

    def _checked(self, operation: Operation) -> tuple[str, ...] | Unknown | None:
        """What an event asks for, which must be one of the API's authorizers."""
        for name in operation.security if isinstance(operation.security, tuple) else ():
            if name not in {NONE, IAM} and self.draft.authorizer(name) is None:
                return self._no_authorizer(name, operation.asked, NONE, IAM)
        return operation.security

    def _settled(self, operation: Operation) -> tuple[str, ...] | Unknown | None:
        security, is_rest = operation.security, self.draft.kind is ApiKind.REST
        if isinstance(security, Unknown) or self._default is None:
            return security  # and where that says nothing, what the definition says otherwise
        asked = security or ()
        if is_rest:
            known = {NONE, IAM, *(authorizer.name for authorizer in self.draft.authorizers)}
            asked = tuple(name for name in asked if name in known)
        if asked:
            return () if is_rest and NONE in asked else asked
        options = child(self._auth, "AddDefaultAuthorizerToCorsPreflight")
        takes = operation.integrates and (
            operation.route.method != "OPTIONS"
            or (is_rest and self.reading.flag(self.reading.steady(options), default=True))
        )
        return self._default if takes is True else takes or security

    # --- CORS ---

    def _read_cors(self) -> None:
        is_rest = self.draft.kind is ApiKind.REST
        name = "Cors" if is_rest else "CorsConfiguration"
        node = child(self.properties, name)
        # SAM takes a function in this place for the origins, whatever it comes to.
        is_function = isinstance(node, Call) and node.name != "Ref"
        value = node if is_function else self.reading.resolve(node)
        is_off = isinstance(value, Text) and value.text.lower() in {"", "false", "null", "~"}
        is_on = not isinstance(value, Absent) and not is_off
        if is_rest and is_on:
            self._add_preflights(key_location(self.properties, name) or value.location)
        if is_rest:
            written = child(self.properties, "GatewayResponses")
            path = ("ResponseParameters", "Headers")
            openapi.read_gateway_responses(self.reading, self.draft, written, *path)
            is_on |= any(operation.route.is_preflight for operation in self._operations.values())
        self.draft.has_cors = is_on or self.draft.has_cors

    def _add_preflights(self, location: Location) -> None:
        routes = [operation.route for operation in self._operations.values()]
        answered = {_plain(route.path) for route in routes if route.method == "OPTIONS"}
        for route in routes:
            if _plain(route.path) not in answered:
                answered.add(_plain(route.path))
                added = replace(
                    openapi.route_named("OPTIONS", route.path, location), is_preflight=True
                )
                self._operations[added.key] = Operation(route=added, security=None)


def as_auth(node: Node) -> Node:
    """An ``Auth`` that is a mapping, or nothing, or undecidable, which anything else is."""
    match node:
        case Absent() | Mapping() | Unresolvable() | Text(kind="null"):
            return node
        case _:
            found = clip(node.text) if isinstance(node, Text) else "something else"
            why = f"expected Auth to be a mapping such as {{Authorizer: NONE}}, found {found}"
            return Unresolvable(node.location, Mistake(why, node.location))


@or_unknown
def _together(
    own: tuple[str, ...] | Unknown | None, added: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """What a definition and an event ask for."""
    names = known(own)
    return names if added is None else (names or ()) + added


def _plain(path: str) -> str:
    return path.rstrip("/") or path
