"""What authorizers have in common, in whichever of the four ways they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.template.functions import (
    account_given,
    may_be_invoked,
    name_elsewhere,
    steady_function,
    why_it_stays,
)
from authorizer.cli.template.model import ApiKind, Authorizer, AuthorizerKind, Unknown
from authorizer.cli.template.nodes import Node, Text, child, key_place
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Cause
    from authorizer.cli.template.reading import Draft, Reading

# REST APIs keep an authorizer's answer for five minutes unless told otherwise.
REST_TTL_SECONDS = 300
IAM = "AWS_IAM"
# Of the payload. SAM deploys them as numbers, too.
VERSIONS = ("1.0", "2.0")

# method.request.header.X (REST), route.request.header.X (WebSocket), $request.header.X (HTTP).
_REQUEST_SOURCE = re.compile(
    r"\$?(?:(?:method|route)\.)?request\.(header|querystring)\.(.+)", re.DOTALL
)
_OTHER_SOURCE = re.compile(r"\$?(context|stageVariables)\.(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """What an authorizer's properties are called where it is written."""

    function: str
    role: str
    ttl: str
    version: str = "AuthorizerPayloadFormatVersion"
    simple: str = "EnableSimpleResponses"


SAM = Spelling(function="FunctionArn", role="FunctionInvokeRole", ttl="ReauthorizeEvery")
V1 = Spelling(
    function="AuthorizerUri", role="AuthorizerCredentials", ttl="AuthorizerResultTtlInSeconds"
)
V2 = replace(V1, role="AuthorizerCredentialsArn")
OPENAPI = Spelling(
    function="authorizerUri",
    role="authorizerCredentials",
    ttl="authorizerResultTtlInSeconds",
    version="authorizerPayloadFormatVersion",
    simple="enableSimpleResponses",
)


def iam(name: str, place: Location) -> Authorizer:
    """Signed requests: no function, and nothing that is kept."""
    return Authorizer(name=name, place=place, kind=AuthorizerKind.IAM)


def unreadable(name: str, place: Location, why: Cause) -> Authorizer:
    """An authorizer of which no more than its name is known."""
    unknown = Unknown(why)
    return Authorizer(
        name=name,
        place=place,
        kind=unknown,
        function=unknown,
        payload_version=unknown,
        simple_responses=unknown,
        identity_sources=unknown,
        ttl_seconds=unknown,
        may_be_invoked=unknown,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An authorizer as it is written, whichever way that is.

    Attributes:
        node: its properties, by the names of ``spelling``.
        sources: what its answers are kept under.
        sources_place: where that is written.
        sources_nodes: what that was read from.
        keeps: where it is written how long they are kept, if not among the properties.
        granted: whether the permission to invoke the function comes with it.
    """

    name: str
    place: Location
    kind: AuthorizerKind | Unknown
    node: Node
    spelling: Spelling
    sources: tuple[str, ...] | Unknown
    sources_place: Location | None
    sources_nodes: tuple[Node, ...] = ()
    keeps: Node | None = None
    granted: bool | Unknown = False


def read_authorizer(reading: Reading, draft: Draft, written: Written) -> None:
    """Read an authorizer into the draft of its API."""
    name, place, kind = written.name, written.place, written.kind
    kind = reading.fact(kind, place, f"the kind of authorizer {name}")
    what = f"the identity sources of {name}"
    authorizer = Authorizer(
        name=name,
        place=place,
        kind=kind,
        identity_sources=reading.fact(written.sources, place, what, *written.sources_nodes),
        identity_place=written.sources_place,
    )
    is_signed = kind in {AuthorizerKind.JWT, AuthorizerKind.IAM}
    if not is_signed and draft.kind is not ApiKind.WEBSOCKET:
        authorizer = _with_ttl(reading, draft, authorizer, written)
    if not is_signed and kind is not AuthorizerKind.COGNITO:
        authorizer = _with_function(reading, draft, authorizer, written)
        if draft.kind is ApiKind.HTTP:
            authorizer = _with_payload(reading, authorizer, written.node, written.spelling)
    draft.authorizers[name] = authorizer


def _with_ttl(
    reading: Reading, draft: Draft, authorizer: Authorizer, written: Written
) -> Authorizer:
    node = written.node if written.keeps is None else written.keeps
    name = written.spelling.ttl
    default = REST_TTL_SECONDS if draft.kind is ApiKind.REST else 0
    ttl = reading.resolver.number(reading.resolver.get(node, name), default=default)
    what = f"the time to live of {authorizer.name}"
    return replace(
        authorizer,
        ttl_seconds=reading.fact(ttl, authorizer.place, what, child(node, name)),
        ttl_place=key_place(node, name),
    )


def _with_function(
    reading: Reading, draft: Draft, authorizer: Authorizer, written: Written
) -> Authorizer:
    node, spelling, name = written.node, written.spelling, authorizer.name
    named = child(node, spelling.function)
    function = steady_function(reading, named)
    if isinstance(function, str) and (why := account_given(reading, named)):
        function = Unknown(why)
    granted = _granted_by_role(reading, child(node, spelling.role)) or written.granted
    if granted is not True:
        permitted = may_be_invoked(reading, function, draft.id)
        granted = permitted if permitted is True else granted or permitted
    function = reading.fact(function, authorizer.place, f"the function of {name}", named)
    if not isinstance(function, Unknown):
        reading.fact(granted, authorizer.place, f"whether {draft.id} may invoke {name}")
    return replace(
        authorizer,
        function=function,
        function_place=key_place(node, spelling.function),
        elsewhere=name_elsewhere(reading, named) if function is None else None,
        stays=why_it_stays(reading, named) if function is not None else None,
        may_be_invoked=granted,
    )


def _granted_by_role(reading: Reading, role: Node) -> bool | Unknown:
    """Whether API Gateway takes on a role that may call the function."""
    values, why = reading.resolver.branches(role)
    roles = [value for value in values if not (isinstance(value, Text) and value.text == "NONE")]
    if why is not None and len(roles) == 1:
        return Unknown(why)
    return bool(roles)


def _with_payload(
    reading: Reading, authorizer: Authorizer, node: Node, spelling: Spelling
) -> Authorizer:
    resolver, name, place = reading.resolver, authorizer.name, authorizer.place
    version = resolver.get(node, spelling.version)
    text = reading.fact(
        resolver.text(version),
        place,
        f"the payload version of {name}",
        child(node, spelling.version),
    )
    simple = resolver.flag(resolver.get(node, spelling.simple), default=False)
    return replace(
        authorizer,
        payload_version=text,
        payload_version_place=key_place(node, spelling.version),
        payload_version_is_text=not isinstance(version, Text)
        or version.kind == "str"
        or version.text in VERSIONS,
        simple_responses=reading.fact(
            simple, place, f"whether {name} gives simple answers", child(node, spelling.simple)
        ),
        simple_responses_place=key_place(node, spelling.simple),
    )


def header_source(header: str | Unknown | None) -> tuple[str, ...] | Unknown:
    """What a TOKEN or Cognito authorizer reads: one header."""
    if isinstance(header, Unknown):
        return header
    return identity_sources([f"request.header.{header or 'Authorization'}"])


def identity_sources(texts: Iterable[str] | Unknown) -> tuple[str, ...] | Unknown:
    """Identity sources as OpenAPI and CloudFormation write them, in one spelling.

    Args:
        texts: each one source, or several separated by commas.
    """
    if isinstance(texts, Unknown):
        return texts
    sources = []
    for text in ",".join(texts).split(","):
        source = _identity_source(text.strip())
        if isinstance(source, Unknown):
            return source
        if source:
            sources.append(source)
    return tuple(sources)


def _identity_source(text: str) -> str | Unknown:
    if not text:
        return ""
    request, other = _REQUEST_SOURCE.fullmatch(text), _OTHER_SOURCE.fullmatch(text)
    if request:
        return f"{request[1]}:{request[2].lower()}"
    if other and other[1] == "context":
        return f"context:{other[2]}"
    if other:
        return f"stagevariable:{other[2].lower()}"
    return Unknown(f"expected an identity source, found {clip(text)}")
