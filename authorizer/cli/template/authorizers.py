"""What authorizers have in common, in whichever of the four ways they are written."""

from __future__ import annotations

import re
from dataclasses import replace
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


# What properties are called in one of the ways, and what they are called here.
_NAMES = {
    "AuthorizerCredentialsArn": "AuthorizerCredentials",
    "AuthorizerType": "Type",
    # In SAM's templates.
    **dict.fromkeys(("AuthArn", "FunctionArn"), "AuthorizerUri"),
    **dict.fromkeys(("FunctionInvokeRole", "InvokeRole"), "AuthorizerCredentials"),
    "ReauthorizeEvery": "AuthorizerResultTtlInSeconds",
}


def _by_one_name(written: Node) -> Node:
    """Properties by the names that CloudFormation has for them; OpenAPI's begin small."""
    if not isinstance(written, Mapping):
        return written
    names = {name: name[:1].upper() + name[1:] for name in written.entries}
    names = {name: _NAMES.get(known_as, known_as) for name, known_as in names.items()}
    return replace(
        written,
        entries={names[name]: node for name, _, node in written},
        keys={names[name]: location for name, location, _ in written},
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


def declared(
    reading: Reading, name: str, location: Location, written: Node, header: Node | None = None
) -> Authorizer:
    """An authorizer's kind, and under what its answers are kept.

    Args:
        reading: of the template.
        name: of the authorizer.
        location: where it is declared.
        written: its properties.
        header: the one that it reads, where that is written elsewhere for kinds that read one.
    """
    node = _by_one_name(written)
    kind = kind_named(reading.choice(child(node, "Type")))
    sources = identity_sources(reading.texts(reading.get(node, "IdentitySource")))
    if header is not None and kind in {AuthorizerKind.TOKEN, AuthorizerKind.COGNITO}:
        sources = header_source(reading.text(header))
    return Authorizer(
        name=name,
        location=location,
        kind=kind,
        identity_sources=sources,
        identity_location=key_location(node, "IdentitySource"),
    )


def read_authorizer(
    reading: Reading,
    draft: Api,
    own: Authorizer,
    written: Node,
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
        written: its properties.
        sources: what the identity sources were read from.
        keeps: where it is written how long answers are kept, if not among the properties.
        granted: whether the permission to invoke the function comes with it.
    """
    node = _by_one_name(written)
    kind = reading.fact(own.kind, own.location, f"the kind of authorizer {own.name}")
    what = f"the identity sources of {own.name}"
    reading.fact(own.identity_sources, own.location, what, *sources)
    is_signed = kind in {AuthorizerKind.JWT, AuthorizerKind.IAM}
    if not is_signed and draft.kind is not ApiKind.WEBSOCKET:
        own = _with_ttl(reading, draft, own, _by_one_name(keeps or written))
    if not is_signed and kind is not AuthorizerKind.COGNITO:
        own = _with_function(reading, own, node, draft.id, granted=granted)
        if draft.kind is ApiKind.HTTP:
            own = _with_payload(reading, own, node)
    draft.put(own)


def _with_ttl(reading: Reading, draft: Api, own: Authorizer, node: Node) -> Authorizer:
    name, what = "AuthorizerResultTtlInSeconds", f"the time to live of {own.name}"
    default = REST_TTL_SECONDS if draft.kind is ApiKind.REST else 0
    seconds = reading.number(reading.get(node, name), default=default)
    return replace(
        own,
        ttl_seconds=reading.fact(seconds, own.location, what, child(node, name)),
        ttl_location=key_location(node, name),
    )


def _with_function(
    reading: Reading, own: Authorizer, node: Node, api: str, *, granted: bool | Unknown
) -> Authorizer:
    named = child(node, "AuthorizerUri")
    function = steady_function(reading, named)
    granted = _granted_by_role(reading, child(node, "AuthorizerCredentials")) or granted
    if granted is not True:
        permitted = may_be_invoked(reading, function, api)
        granted = permitted if permitted is True else granted or permitted
    reading.fact(function, own.location, f"the function of {own.name}", named)
    if not isinstance(function, Unknown):
        reading.fact(granted, own.location, f"whether {api} may invoke {own.name}")
    return replace(
        own,
        function=function,
        function_location=key_location(node, "AuthorizerUri"),
        elsewhere=name_elsewhere(reading, named) if function is None else None,
        stays=why_it_stays(reading, named) if function is not None else None,
        may_be_invoked=granted,
    )


def _granted_by_role(reading: Reading, role: Node) -> bool | Unknown:
    """Whether API Gateway takes on a role that may call the function."""
    values, why = reading.branches(role)
    roles = [value for value in values if not (isinstance(value, Text) and value.text == "NONE")]
    return Unknown(why) if why is not None and len(roles) == 1 else bool(roles)


def _with_payload(reading: Reading, own: Authorizer, node: Node) -> Authorizer:
    named, is_simple = "AuthorizerPayloadFormatVersion", "EnableSimpleResponses"
    version, location = reading.get(node, named), own.location
    simple = reading.flag(reading.get(node, is_simple), default=False)
    what = f"the payload version of {own.name}"
    answers = f"whether {own.name} gives simple answers"
    return replace(
        own,
        payload_version=reading.fact(reading.text(version), location, what, child(node, named)),
        payload_version_location=key_location(node, named),
        payload_version_is_text=not isinstance(version, Text)
        or version.kind == "str"
        or version.text in VERSIONS,
        simple_responses=reading.fact(simple, location, answers, child(node, is_simple)),
        simple_responses_location=key_location(node, is_simple),
    )


def kind_named(text: str | Unknown | None) -> AuthorizerKind | Unknown:
    """The kind of authorizer that CloudFormation calls so."""
    named = text if isinstance(text, Unknown) else _KINDS.get((text or "").upper())
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
        return f"{request[1]}:{request[2].lower() if request[1] == 'header' else request[2]}"
    if other is None:
        raise UndecidedError(f"expected an identity source, found {clip(text)}")
    is_context = other[1] == "context"
    return f"context:{other[2]}" if is_context else f"stagevariable:{other[2].lower()}"
