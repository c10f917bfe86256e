"""Every kind of authorizer event becomes one ``Request``.

Which kind it is follows from what API Gateway puts into it, never from what a client can send.
The event itself comes from API Gateway; headers, path and query in it come from the client. What
is missing of the former is a :class:`MalformedRequestError`; what is wrong with the latter is a
:class:`Reason`, found later.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from authorizer.errors import InvalidTokenError, MalformedRequestError, Reason, clip
from authorizer.gateway.arn import ExecuteApiArn, parse_arn

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 9110, 11.1: the scheme is compared without case. RFC 6750, 2.1: "Bearer" 1*SP token.
_BEARER = re.compile(r"bearer +(?P<token>[^ ]+)", re.ASCII | re.IGNORECASE)


class Flavour(StrEnum):
    """The kinds of authorizer events."""

    HTTP_2 = "http-2.0"
    HTTP_1 = "http-1.0"
    REST_REQUEST = "rest-request"
    REST_TOKEN = "rest-token"
    WEBSOCKET = "websocket"

    @property
    def is_http_api(self) -> bool:
        """Whether it comes from an HTTP API."""
        return self in {Flavour.HTTP_1, Flavour.HTTP_2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What API Gateway asks, in one form for all flavours.

    Attributes:
        flavour: the kind of event it came from.
        arn: the request's ARN.
        method: the HTTP method of the request.
        route: the template that API Gateway matched, ``$default`` or ``$connect``; nothing where
            the event does not tell.
        path: the concrete path without the stage; nothing for WebSocket APIs.
        path_parameters: the values that API Gateway extracted.
        authorizations: the values of the Authorization header: as many as the client sent.
        request_id: of API Gateway, where the event has it.
    """

    flavour: Flavour
    arn: ExecuteApiArn
    method: str
    route: str | None
    path: str | None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    authorizations: tuple[str, ...] = field(default=(), repr=False)
    request_id: str | None = None

    def bearer_token(self) -> str:
        """The one bearer token of the request, unverified.

        Raises:
            InvalidTokenError: ``token_missing``, ``authorization_ambiguous``,
                ``authorization_not_bearer``.
        """
        if not self.authorizations:
            raise InvalidTokenError(Reason.TOKEN_MISSING, "expected an Authorization header")
        if len(self.authorizations) > 1:
            raise InvalidTokenError(
                Reason.AUTHORIZATION_AMBIGUOUS,
                f"expected one Authorization header, found {len(self.authorizations)}",
            )
        match = _BEARER.fullmatch(self.authorizations[0])
        if match is None:
            raise InvalidTokenError(
                Reason.AUTHORIZATION_NOT_BEARER, "expected the Authorization header to be Bearer"
            )
        return match["token"]


def parse_request(event: object) -> Request:
    """Read an authorizer event of any flavour.

    Raises:
        MalformedRequestError: when it is none of them; it says what was expected.
    """
    event = _mapping(event, "the event")
    return _reader_of(event)(event)


def _reader_of(event: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Request]:
    kind, version = event.get("type"), event.get("version")
    if kind == "TOKEN":
        return _read_rest_token
    if kind == "REQUEST" and version == "2.0":
        return _read_http_2
    if kind == "REQUEST" and version == "1.0":
        return partial(_read_version_1, flavour=Flavour.HTTP_1)
    if kind == "REQUEST" and version is None:
        context = _mapping(event.get("requestContext"), "requestContext")
        rest = partial(_read_version_1, flavour=Flavour.REST_REQUEST)
        return _read_websocket if "eventType" in context else rest
    raise MalformedRequestError(
        "expected an API Gateway authorizer event: type TOKEN, or type REQUEST with version 2.0, "
        f"1.0 or none; found type {clip(kind)} and version {clip(version)}"
    )


def _read_rest_token(event: Mapping[str, Any]) -> Request:
    arn = parse_arn(event.get("methodArn"))
    token = event.get("authorizationToken")
    # API Gateway tells no route here. An emulator that tells no path tells the route instead.
    route = _optional_text(event.get("resource"))
    path = _path_of(arn, route)
    return Request(
        flavour=Flavour.REST_TOKEN,
        arn=arn,
        method=arn.method,
        route=route if path is None else None,
        path=path,
        path_parameters=_texts(event.get("pathParameters"), "pathParameters"),
        authorizations=() if token is None else (_text(token, "authorizationToken"),),
    )


def _read_http_2(event: Mapping[str, Any]) -> Request:
    arn = parse_arn(event.get("routeArn"))
    context = _mapping(event.get("requestContext"), "requestContext")
    http = _mapping(context.get("http"), "requestContext.http")
    route = _path_of_route_key(_text(event.get("routeKey"), "routeKey"))
    return Request(
        flavour=Flavour.HTTP_2,
        arn=arn,
        method=_text(http.get("method"), "requestContext.http.method"),
        route=route,
        path=_path_of(arn, route),
        path_parameters=_texts(event.get("pathParameters"), "pathParameters"),
        authorizations=_authorizations(event),
        request_id=_optional_text(context.get("requestId")),
    )


def _read_version_1(event: Mapping[str, Any], flavour: Flavour) -> Request:
    arn = parse_arn(event.get("methodArn"))
    context = _mapping(event.get("requestContext"), "requestContext")
    # An HTTP API's resource is a whole route key in some events, a REST API's never is.
    route = _path_of_route_key(_text(event.get("resource"), "resource"))
    return Request(
        flavour=flavour,
        arn=arn,
        method=_text(event.get("httpMethod"), "httpMethod"),
        route=route,
        path=_path_of(arn, route),
        path_parameters=_texts(event.get("pathParameters"), "pathParameters"),
        authorizations=_authorizations(event),
        request_id=_optional_text(context.get("requestId")),
    )


def _read_websocket(event: Mapping[str, Any]) -> Request:
    context = _mapping(event.get("requestContext"), "requestContext")
    if context.get("eventType") != "CONNECT":
        raise MalformedRequestError(
            "expected a WebSocket event of type CONNECT, the only one that is authorized; "
            f"found {clip(context.get('eventType'))}"
        )
    arn = parse_arn(event.get("methodArn"))
    return Request(
        flavour=Flavour.WEBSOCKET,
        arn=arn,
        method="",
        route=_text(context.get("routeKey"), "requestContext.routeKey"),
        path=None,
        authorizations=_authorizations(event),
        request_id=_optional_text(context.get("requestId")),
    )


def _path_of_route_key(route_key: str) -> str:
    """``GET /users/{id}`` without its method; ``$default`` as it is."""
    return route_key.split(" ", 1)[-1]


def _path_of(arn: ExecuteApiArn, route: str | None) -> str | None:
    # The emulator serverless-offline puts the matched template in the path's place, which tells no
    # path. A client of API Gateway that sends one gains nothing: its parameters are those braces.
    # Where they would not tell the path either, it stays, and is refused for its braces.
    if route is not None and "{" in route and "+}" not in route and arn.path == route:
        return None
    # The root may come as ".../GET" as well as ".../GET/".
    return arn.path or "/"


def _authorizations(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Every Authorization header of the request, whatever the case of its name.

    REST APIs give repeated headers in ``multiValueHeaders`` and only the last one in ``headers``;
    HTTP APIs join them by commas, which no bearer token contains.
    """
    multiple = event.get("multiValueHeaders")
    if multiple:
        return tuple(
            _text(value, "a header")
            for name, values in _mapping(multiple, "multiValueHeaders").items()
            if name.lower() == "authorization"
            for value in _list(values, "multiValueHeaders")
        )
    return tuple(
        _text(value, "a header")
        for name, value in _mapping(event.get("headers") or {}, "headers").items()
        if name.lower() == "authorization"
    )


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return value
    raise MalformedRequestError(f"expected {what} to be an object, found {type(value).__name__}")


def _list(value: object, what: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise MalformedRequestError(f"expected {what} to hold lists, found {type(value).__name__}")


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise MalformedRequestError(f"expected {what} to be text, found {type(value).__name__}")


def _optional_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object, what: str) -> Mapping[str, str]:
    return {
        name: _text(text, what)
        for name, text in _mapping(value if value is not None else {}, what).items()
    }
