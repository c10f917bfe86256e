"""API Gateway as the authorizer sees it: the events it sends, in every flavour.

A call is described once; each function tells it in the words of one flavour. Keyword arguments
replace top-level keys of the event, and a change to ``None`` drops the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client sent, and what API Gateway made of it."""

    method: str = "GET"
    route: str = "/articles/{id}"
    path: str = "/articles/1"
    parameters: dict[str, str] = field(default_factory=lambda: {"id": "1"})
    authorization: str | None = "Bearer token"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.authorization is None else {"Authorization": self.authorization}


def http_2(call: Call, **changes: Any) -> dict[str, Any]:
    """HTTP API, payload 2.0."""
    route_key = call.route if call.route == "$default" else f"{call.method} {call.route}"
    event = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"{ARN}/$default/{call.method}{call.path}",
        "identitySource": list(call.headers.values()),
        "routeKey": route_key,
        "rawPath": call.path,
        "rawQueryString": "",
        "headers": {"accept": "*/*"}
        | {name.lower(): value for name, value in call.headers.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "http": {"method": call.method, "path": call.path, "sourceIp": "203.0.113.1"},
            "requestId": "request-1",
            "routeKey": route_key,
            "stage": "$default",
        },
        "pathParameters": call.parameters,
        "stageVariables": {},
    }
    return _changed(event, changes)


def http_1(call: Call, **changes: Any) -> dict[str, Any]:
    """HTTP API, payload 1.0."""
    token = call.authorization
    return _changed(
        rest_request(call, version="1.0", identitySource=token, authorizationToken=token), changes
    )


def rest_request(call: Call, **changes: Any) -> dict[str, Any]:
    """REST API, REQUEST authorizer."""
    event = {
        "type": "REQUEST",
        "methodArn": f"{ARN}/test/{call.method}{call.path}",
        "resource": call.route,
        "path": call.path,
        "httpMethod": call.method,
        "headers": {"Accept": "*/*"} | call.headers,
        "multiValueHeaders": {"Accept": ["*/*"]}
        | {name: [value] for name, value in call.headers.items()},
        "queryStringParameters": {},
        "pathParameters": call.parameters,
        "stageVariables": {},
        "requestContext": {
            "path": f"/test{call.path}",
            "stage": "test",
            "requestId": "request-1",
            "identity": {"sourceIp": "203.0.113.1"},
            "resourcePath": call.route,
            "httpMethod": call.method,
            "apiId": "abcdef123",
        },
    }
    return _changed(event, changes)


def rest_token(call: Call, **changes: Any) -> dict[str, Any]:
    """REST API, TOKEN authorizer: it knows the concrete path, and no route."""
    event = {
        "type": "TOKEN",
        "authorizationToken": call.authorization,
        "methodArn": f"{ARN}/prod/{call.method}{call.path}",
    }
    return _changed(event, changes)


def websocket(call: Call, **changes: Any) -> dict[str, Any]:
    """WebSocket API, ``$connect``."""
    event = {
        "type": "REQUEST",
        "methodArn": f"{ARN}/prod/$connect",
        "headers": call.headers,
        "multiValueHeaders": {name: [value] for name, value in call.headers.items()},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "stage": "prod",
            "requestId": "request-1",
            "connectionId": "connection-1",
            "apiId": "abcdef123",
        },
    }
    return _changed(event, changes)


FLAVOURS = {
    "http-2.0": http_2,
    "http-1.0": http_1,
    "rest-request": rest_request,
    "rest-token": rest_token,
    "websocket": websocket,
}


def _changed(event: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (event | changes).items() if value is not None}
