"""Every kind of authorizer event becomes one ``Request``.

Which kind it is follows from what API Gateway puts into it, never from what a client can send.
The event itself comes from API Gateway; headers, path and query in it come from the client. What
is missing of the former is a :class:`MalformedRequestError`; what is wrong with the latter is a
:class:`Reason`, found later.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from authorizer.errors import InvalidTokenError, MalformedRequestError, Reason, clip
from authorizer.gateway.arn import ExecuteApiArn, parse_arn

_TEXT = frozenset({str})


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
        # RFC 9110, 11.1: the scheme is compared without case. RFC 6750, 2.1: "Bearer" 1*SP token.
        scheme, _, rest = self.authorizations[0].partition(" ")
        token = rest.lstrip(" ")
        if scheme.lower() != "bearer" or not token or " " in token:
            raise InvalidTokenError(
                Reason.AUTHORIZATION_NOT_BEARER, "expected the Authorization header to be Bearer"
            )
        return token


def parse_request(event: object) -> Request:
    """Read an authorizer event of any flavour.

    Raises:
        MalformedRequestError: when it is none of them; it says what was expected.
    """
    event = _mapping(event, "the event")
    kind, version = event.get("type"), event.get("version")
    if kind == "TOKEN":
        return _read_rest_token(event)
    if kind != "REQUEST" or version not in ("2.0", "1.0", None):
        raise MalformedRequestError(
            "expected an API Gateway authorizer event: type TOKEN, or type REQUEST with version "
            f"2.0, 1.0 or none; found type {clip(kind)} and version {clip(version)}"
        )
    context = _mapping(event.get("requestContext"), "requestContext")
    if version is None and "eventType" in context:
        return _read_websocket(event, context)
    if version == "2.0":
        http = _mapping(context.get("http"), "requestContext.http")
        flavour, arn = Flavour.HTTP_2, parse_arn(event.get("routeArn"))
        method = _text(http.get("method"), "requestContext.http.method")
        route_key = _text(event.get("routeKey"), "routeKey")
    else:
        flavour = Flavour.HTTP_1 if version else Flavour.REST_REQUEST
        arn = parse_arn(event.get("methodArn"))
        method = _text(event.get("httpMethod"), "httpMethod")
        # An HTTP API's resource is a whole route key in some events, a REST API's never is.
        route_key = _text(event.get("resource"), "resource")
    route = route_key.split(" ", 1)[-1]
    return Request(
        flavour=flavour,
        arn=arn,
        method=method,
        route=route,
        path=_path_of(arn, route),
        path_parameters=_path_parameters(event),
        authorizations=_authorizations(event),
        request_id=_optional_text(context.get("requestId")),
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
        path_parameters=_path_parameters(event),
        authorizations=() if token is None else (_text(token, "authorizationToken"),),
    )


def _read_websocket(event: Mapping[str, Any], context: Mapping[str, Any]) -> Request:
    if context.get("eventType") != "CONNECT":
        raise MalformedRequestError(
            "expected a WebSocket event of type CONNECT, the only one that is authorized; "
            f"found {clip(context.get('eventType'))}"
        )
    return Request(
        flavour=Flavour.WEBSOCKET,
        arn=parse_arn(event.get("methodArn")),
        method="",
        route=_text(context.get("routeKey"), "requestContext.routeKey"),
        path=None,
        authorizations=_authorizations(event),
        request_id=_optional_text(context.get("requestId")),
    )


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
    what, headers = (
        ("multiValueHeaders", multiple) if multiple else ("headers", event.get("headers"))
    )
    found = [
        value
        for name, value in _mapping(headers or {}, what).items()
        if name.lower() == "authorization"
    ]
    if multiple:
        found = [value for values in found for value in _list(values, what)]
    return tuple(_text(value, "a header") for value in found)


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    # Every event's every object comes by here, and their names are as many as a client likes.
    if isinstance(value, (dict, Mapping)) and _TEXT.issuperset(map(type, value)):
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


def _path_parameters(event: Mapping[str, Any]) -> Mapping[str, str]:
    found = event.get("pathParameters")
    values = _mapping({} if found is None else found, "pathParameters")
    return {name: _text(value, "pathParameters") for name, value in values.items()}
