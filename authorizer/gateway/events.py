"""Every kind of authorizer event becomes one ``Request``.

Which kind it is follows from what API Gateway puts into it, never from what a client can send.
The event itself comes from API Gateway; headers, path and query in it come from the client. What
is missing of the former is a :class:`MalformedRequestError`; what is wrong with the latter is a
:class:`Reason`, found later.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from authorizer.errors import InvalidTokenError, MalformedRequestError, Reason, clip


class Flavour(StrEnum):
    """The kinds of authorizer events."""

    HTTP_2 = "http-2.0"
    HTTP_1 = "http-1.0"
    REST_REQUEST = "rest-request"
    REST_TOKEN = "rest-token"
    WEBSOCKET = "websocket"


# Reading a member from the class takes as long as reading a header.
_HTTP_2, _HTTP_1, _REST_REQUEST, _REST_TOKEN, _WEBSOCKET = Flavour
HTTP_APIS = (_HTTP_2, _HTTP_1)
# arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}, and for a WebSocket
# API .../{stage}/{routeKey}. Partition, API, stage and method have something in them; a Region and
# an account may be missing. The path is the client's and may hold anything, such as colons.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
_ARN = re.compile(r"(arn:[^:]+:execute-api:[^:]*:[^:]*:[^/]+/[^/]+/)(([^/]+)(/.*)?)", re.DOTALL)
OBJECT = (dict, Mapping)
# What a part of an event must be, in words.
_WORDS = {OBJECT: "to be an object", str: "to be text", list: "to hold lists"}


class Request(NamedTuple):
    """What API Gateway asks, in one form for all flavours.

    Attributes:
        flavour: the kind of event it came from.
        stage_arn: the part of the request's ARN that API Gateway chose, up to the stage.
        resource: the rest: method and path, which the client chose, or a WebSocket route key.
        method: the HTTP method of the request; none for WebSocket APIs.
        route: the template that API Gateway matched, ``$default`` or ``$connect``; nothing where
            the event does not tell.
        path: the concrete path without the stage; nothing for WebSocket APIs.
        path_parameters: the values that API Gateway extracted.
        authorizations: the values of the Authorization header: as many as the client sent.
        request_id: of API Gateway, where the event has it.
    """

    flavour: Flavour
    stage_arn: str
    resource: str
    method: str
    route: str | None
    path: str | None
    path_parameters: Mapping[str, str]
    authorizations: tuple[str, ...]
    request_id: str | None

    def __repr__(self) -> str:
        """Whoever prints a request, prints no credentials."""
        return f"<{self.flavour} request for {self.stage_arn}{self.resource}>"

    def bearer_token(self) -> str:
        """The one bearer token of the request, unverified.

        Raises:
            InvalidTokenError: ``token_missing``, ``authorization_ambiguous``,
                ``authorization_not_bearer``.
        """
        sent = self.authorizations
        if len(sent) != 1:
            raise InvalidTokenError(
                Reason.AUTHORIZATION_AMBIGUOUS if sent else Reason.TOKEN_MISSING,
                f"expected one Authorization header, found {len(sent)}",
            )
        return bearer_token_of(sent[0])


def bearer_token_of(value: str) -> str:
    """The token of an Authorization header, unverified.

    Raises:
        InvalidTokenError: ``authorization_not_bearer``.
    """
    # RFC 9110, 11.1: the scheme is compared without case. RFC 6750, 2.1: "Bearer" 1*SP token.
    scheme, _, rest = value.partition(" ")
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
    told: Mapping[str, Any] = require(event, OBJECT, "the event")
    kind, version = told.get("type"), told.get("version")
    if kind == "TOKEN":
        return _parse_rest_token(told)
    if kind != "REQUEST" or version not in ("2.0", "1.0", None):
        raise MalformedRequestError(
            "expected an API Gateway authorizer event: type TOKEN, or type REQUEST with version "
            f"2.0, 1.0 or none; found type {clip(kind)} and version {clip(version)}"
        )
    context = require(told.get("requestContext"), OBJECT, "requestContext")
    if version == "2.0":
        http = require(context.get("http"), OBJECT, "requestContext.http")
        flavour, method = _HTTP_2, require(http.get("method"), str, "requestContext.http.method")
        key = require(told.get("routeKey"), str, "routeKey")
    elif version is None and "eventType" in context:
        if context["eventType"] != "CONNECT":
            raise MalformedRequestError(
                "expected a WebSocket event of type CONNECT, the only one that is authorized; "
                f"found {clip(context['eventType'])}"
            )
        flavour, method = _WEBSOCKET, ""
        key = require(context.get("routeKey"), str, "requestContext.routeKey")
    else:
        flavour = _REST_REQUEST if version is None else _HTTP_1
        method = require(told.get("httpMethod"), str, "httpMethod")
        key = require(told.get("resource"), str, "resource")
    stage_arn, resource, _, path = parse_arn(
        told.get("routeArn" if version == "2.0" else "methodArn")
    )
    # An HTTP API's resource is a whole route key in some events, a REST API's never is.
    route = key[key.find(" ") + 1 :]
    request_id = context.get("requestId")
    return Request(
        flavour,
        stage_arn,
        resource,
        method,
        route,
        None if flavour is _WEBSOCKET else _path_of(path, route),
        _path_parameters(told),
        header_values(told, "authorization"),
        request_id if isinstance(request_id, str) else None,
    )


def _parse_rest_token(event: Mapping[str, Any]) -> Request:
    stage_arn, resource, method, path = parse_arn(event.get("methodArn"))
    # API Gateway tells no route here. An emulator that tells no path tells the route instead.
    route = event.get("resource")
    path, parameters = _path_of(path, route), _path_parameters(event)
    route = route if path is None else None
    token = event.get("authorizationToken")
    sent = () if token is None else (require(token, str, "authorizationToken"),)
    return Request(_REST_TOKEN, stage_arn, resource, method, route, path, parameters, sent, None)


def _path_of(path: str | None, route: object) -> str | None:
    # The emulator serverless-offline puts the matched template in the path's place, which tells no
    # path. A client of API Gateway that sends one gains nothing: its parameters are those braces.
    # Where they would not tell the path either, it stays, and is refused for its braces.
    if path == route and path and "{" in path and "+}" not in path:
        return None
    # The root may come as ".../GET" as well as ".../GET/".
    return path or "/"


def _path_parameters(event: Mapping[str, Any]) -> Mapping[str, str]:
    found = event.get("pathParameters")
    values: Mapping[str, str] = {} if found is None else require(found, OBJECT, "pathParameters")
    for value in values.values():
        require(value, str, "pathParameters")
    return values


def header_values(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Every header of that name, which is in lower case, whatever the case of the client's.

    REST APIs give repeated headers in ``multiValueHeaders`` and only the last one in ``headers``;
    HTTP APIs join them by commas, which no bearer token contains.

    Raises:
        MalformedRequestError: the headers are none.
    """
    multiple = event.get("multiValueHeaders")
    what = "multiValueHeaders" if multiple else "headers"
    headers = require(multiple or event.get("headers") or {}, OBJECT, what)
    sent = [value for own, value in headers.items() if str(own).lower() == name]
    if multiple:
        sent = [value for values in sent for value in require(values, list, what)]
    return tuple([require(value, str, "a header") for value in sent])


def parse_arn(text: object) -> tuple[str, str, str, str | None]:
    """Take a request's ARN apart.

    Returns:
        The part up to and including the stage, with the slash after it; the rest, which the client
        chose, or a WebSocket route key; of that the HTTP method, or the route key; and the concrete
        path with its leading slash, as API Gateway spells it; nothing for WebSocket APIs.

    Raises:
        MalformedRequestError: when it is none of API Gateway's.
    """
    found = _ARN.fullmatch(text) if isinstance(text, str) else None
    if found is not None:
        return found[1], found[2], found[3], found[4]
    raise MalformedRequestError(
        f"expected an execute-api ARN of API, stage and method, found {clip(text, 120)}"
    )


def require(value: Any, kind: Any, what: str) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """The value, where it is of a kind; ``what`` names it in the error otherwise."""
    if isinstance(value, kind):
        return value
    raise MalformedRequestError(f"expected {what} {_WORDS[kind]}, found {type(value).__name__}")
