"""SAM's WebSocket APIs: only the handshake is authorized; the rest comes over its connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template.authorizers import (
    IAM,
    SAM,
    iam,
    identity_sources,
    named,
    with_function,
)
from authorizer.cli.template.model import ApiKind, AuthorizerKind, AuthorizerOf, Route, Unknown
from authorizer.cli.template.nodes import Absent, Undecidable
from authorizer.cli.template.openapi import NONE
from authorizer.cli.template.permissions import backend_behind
from authorizer.cli.template.reading import Draft, child, key_place
from authorizer.cli.template.sam_api import as_auth

if TYPE_CHECKING:
    from authorizer.cli.template.reading import Reading, Resource


def read_websocket(reading: Reading, resource: Resource) -> None:
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
