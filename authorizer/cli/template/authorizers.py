"""What authorizers have in common, in whichever of the four ways they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.template.functions import (
    may_be_invoked,
    name_elsewhere,
    steady_function,
    why_it_stays,
)
from authorizer.cli.template.model import Api, ApiKind, Authorizer, AuthorizerKind, Cause, Unknown
from authorizer.cli.template.nodes import (
    Mapping,
    Node,
    Text,
    UndecidedError,
    child,
    key_location,
    known,
    or_unknown,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading

# REST APIs keep an authorizer's answer for five minutes unless told otherwise.
REST_TTL_SECONDS = 300
IAM = "AWS_IAM"
_KINDS = {
    "REQUEST": AuthorizerKind.REQUEST,
    "TOKEN": AuthorizerKind.TOKEN,
    "JWT": AuthorizerKind.JWT,
    "COGNITO_USER_POOLS": AuthorizerKind.COGNITO,
}
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


def sign(draft: Api, location: Location, name: str = IAM) -> None:
    """Signed requests, if nothing else goes by that name: no function, and nothing is kept."""
    if draft.authorizer(name) is None:
        draft.put(Authorizer(name=name, location=location, kind=AuthorizerKind.IAM))


def unreadable(name: str, location: Location, why: Cause) -> Authorizer:
    """An authorizer of which no more than its name is known."""
    unknown = Unknown(why)
    return Authorizer(
        name=name,
        location=location,
        kind=unknown,
        function=unknown,
        payload_version=unknown,
        simple_responses=unknown,
        identity_sources=unknown,
        ttl_seconds=unknown,
        may_be_invoked=unknown,
    )


def one_body(
    reading: Reading, draft: Api, name: str, location: Location, node: Node, *, what: str
) -> Mapping | None:
    """An authorizer's one body; where it has more or none, it is unreadable."""
    bodies = list(reading.mappings(node, what))
    if len(bodies) != 1:
        why = "it is not the same in every deployment"
        draft.put(unreadable(name, location, why))
        return None
    return bodies[0]


def read_authorizer(
    reading: Reading,
    draft: Api,
    own: Authorizer,
    node: Node,
    spelling: Spelling,
    *,
    sources: Iterable[Node] = (),
    keeps: Node | None = None,
    granted: bool | Unknown = False,
) -> None:
    """Read an authorizer into the draft of its API.

    Args:
        reading: of the template.
        draft: of its API.
        own: its name, kind, location, and under what its answers are kept.
        node: its properties.
        spelling: their names.
        sources: what the identity sources were read from.
        keeps: where it is written how long answers are kept, if not among the properties.
        granted: whether the permission to invoke the function comes with it.
    """
    kind = reading.fact(own.kind, own.location, f"the kind of authorizer {own.name}")
    what = f"the identity sources of {own.name}"
    reading.fact(own.identity_sources, own.location, what, *sources)
    is_signed = kind in {AuthorizerKind.JWT, AuthorizerKind.IAM}
    if not is_signed and draft.kind is not ApiKind.WEBSOCKET:
        own = _with_ttl(reading, draft, own, keeps or node, spelling.ttl)
    if not is_signed and kind is not AuthorizerKind.COGNITO:
        own = _with_function(reading, own, node, spelling, api=draft.id, granted=granted)
        if draft.kind is ApiKind.HTTP:
            own = _with_payload(reading, own, node, spelling)
    draft.put(own)


def _with_ttl(reading: Reading, draft: Api, own: Authorizer, node: Node, name: str) -> Authorizer:
    default = REST_TTL_SECONDS if draft.kind is ApiKind.REST else 0
    seconds = reading.number(reading.get(node, name), default=default)
    what = f"the time to live of {own.name}"
    return replace(
        own,
        ttl_seconds=reading.fact(seconds, own.location, what, child(node, name)),
        ttl_location=key_location(node, name),
    )


def _with_function(
    reading: Reading,
    own: Authorizer,
    node: Node,
    spelling: Spelling,
    *,
    api: str,
    granted: bool | Unknown,
) -> Authorizer:
    named = child(node, spelling.function)
    function = steady_function(reading, named)
    granted = _granted_by_role(reading, child(node, spelling.role)) or granted
    if granted is not True:
        permitted = may_be_invoked(reading, function, api)
        granted = permitted if permitted is True else granted or permitted
    reading.fact(function, own.location, f"the function of {own.name}", named)
    if not isinstance(function, Unknown):
        reading.fact(granted, own.location, f"whether {api} may invoke {own.name}")
    return replace(
        own,
        function=function,
        function_location=key_location(node, spelling.function),
        elsewhere=name_elsewhere(reading, named) if function is None else None,
        stays=why_it_stays(reading, named) if function is not None else None,
        may_be_invoked=granted,
    )


def _granted_by_role(reading: Reading, role: Node) -> bool | Unknown:
    """Whether API Gateway takes on a role that may call the function."""
    values, why = reading.branches(role)
    roles = [value for value in values if not (isinstance(value, Text) and value.text == "NONE")]
    return Unknown(why) if why is not None and len(roles) == 1 else bool(roles)


def _with_payload(reading: Reading, own: Authorizer, node: Node, spelling: Spelling) -> Authorizer:
    name, location = own.name, own.location
    version = reading.get(node, spelling.version)
    simple = reading.flag(reading.get(node, spelling.simple), default=False)
    return replace(
        own,
        payload_version=reading.fact(
            reading.text(version),
            location,
            f"the payload version of {name}",
            child(node, spelling.version),
        ),
        payload_version_location=key_location(node, spelling.version),
        payload_version_is_text=not isinstance(version, Text)
        or version.kind == "str"
        or version.text in VERSIONS,
        simple_responses=reading.fact(
            simple, location, f"whether {name} gives simple answers", child(node, spelling.simple)
        ),
        simple_responses_location=key_location(node, spelling.simple),
    )


def kind_named(text: str | Unknown | None) -> AuthorizerKind | Unknown:
    """The kind of authorizer that CloudFormation calls so."""
    named = text if isinstance(text, Unknown) else _KINDS.get(text or "")
    return named or Unknown("its type is none of API Gateway's")


@or_unknown
def header_source(header: str | Unknown | None) -> tuple[str, ...]:
    """What a TOKEN or Cognito authorizer reads: one header."""
    return known(identity_sources([f"request.header.{known(header) or 'Authorization'}"]))


@or_unknown
def identity_sources(texts: Iterable[str] | Unknown) -> tuple[str, ...]:
    """Identity sources as OpenAPI and CloudFormation write them, in one spelling.

    Args:
        texts: each one source, or several separated by commas.
    """
    written = (text.strip() for text in ",".join(known(texts)).split(","))
    return tuple(_identity_source(text) for text in written if text)


def _identity_source(text: str) -> str:
    request, other = _REQUEST_SOURCE.fullmatch(text), _OTHER_SOURCE.fullmatch(text)
    if request:
        return f"{request[1]}:{request[2].lower()}"
    if other is None:
        raise UndecidedError(f"expected an identity source, found {clip(text)}")
    is_context = other[1] == "context"
    return f"context:{other[2]}" if is_context else f"stagevariable:{other[2].lower()}"
