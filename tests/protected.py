"""What the tests of middleware share: a policy, its callers, their keys, and events of AWS's."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from naive_policy import policy_of
from simulator import Cognito, JwksServer, serve_jwks

from authorizer import Authorizer, TokenVerifier
from authorizer.gateway.token_sources import TokenSources

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """
version: 1
groups:
  reader:
    allow:
      - GET /orders
      - GET /orders/{id}
      - GET,PATCH /users/{user=sub}
      - GET /files/{name}
      - GET /teams/{team}/members/{member}
      - GET /v1.0/notes/{id}
      - GET /files/shared/**
      - GET /sub/orders/{id}
  editor:
    includes: [reader]
    allow:
      - POST /orders
  admin:
    includes: [editor]
    allow:
      - ANY /admin/**
  suspended:
    deny:
      - ANY /**
"""
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
Event = dict[str, Any]
ORIGIN = "https://www.example.com"
NO_TOKEN = 'Bearer realm="api"'
BAD_TOKEN = 'Bearer realm="api", error="invalid_token"'
TWO_TOKENS = 'Bearer realm="api", error="invalid_request"'
NOT_PERMITTED = 'Bearer realm="api", error="insufficient_scope"'


class Callers:
    """A pool whose keys are fetched from a server, and tokens of its users."""

    def __init__(self, server: JwksServer, cognito: Cognito) -> None:
        self.server, self._cognito = server, cognito
        verifier, policy = TokenVerifier(cognito.pool(jwks_url=server.url)), policy_of(POLICY)
        self.rbac = Authorizer(verifier, policy)
        # The same, with the token in a cookie or in the query.
        sources = TokenSources(["cookie:session", "query:token"], [ORIGIN])
        self.rbac_of_pages = Authorizer(verifier, policy, token_sources=sources)

    def bearer(self, *groups: str, **changes: Any) -> str:
        """The Authorization header of a member of these groups."""
        now = int(time.time())
        times = {"auth_time": now, "iat": now, "exp": now + 600}
        changes = {"cognito_groups": list(groups), **times, **changes}
        return f"Bearer {self._cognito.token(**changes)}"


@contextmanager
def callers() -> Iterator[Callers]:
    """Serve the keys until the block ends."""
    cognito = Cognito()
    with serve_jwks(cognito.jwks()) as server:
        yield Callers(server, cognito)


def bad_authorizations(callers: Callers) -> dict[str, tuple[str | None, str]]:
    """By what is wrong: the header, and what ``WWW-Authenticate`` says of it."""
    return {
        "none": (None, NO_TOKEN),
        "empty": ("", NO_TOKEN),
        "another scheme": ("Basic YTpi", NO_TOKEN),
        "no token": ("Bearer ", NO_TOKEN),
        "garbage": ("Bearer a.b.c", BAD_TOKEN),
        "expired": (callers.bearer("admin", exp=1), BAD_TOKEN),
        "id token": (callers.bearer("admin", token_use="id"), BAD_TOKEN),
        "another client": (callers.bearer("admin", client_id="other"), BAD_TOKEN),
        "cut short": (callers.bearer("admin")[:-1], BAD_TOKEN),
    }


def alb(method: str, path: str, authorization: str | None) -> Event:
    """A load balancer's event, with one value for each header."""
    sent = {} if authorization is None else {"authorization": authorization}
    target = (
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/lambda/49e9d65c45c6791a"
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": target}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {"q": "1"},
        "headers": {
            "accept": "*/*",
            "host": "lambda-alb-123578498.eu-west-1.elb.amazonaws.com",
            "x-amzn-trace-id": "Root=1-5c536348-3d683b8b04734faae651f476",
            "x-forwarded-for": "203.0.113.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **sent,
        },
        "body": "",
        "isBase64Encoded": False,
    }


def alb_multi(method: str, path: str, *authorizations: str | None) -> Event:
    """The same, of a target group that sends all values of a header."""
    event = alb(method, path, None)
    listed = {name: [value] for name, value in event.pop("headers").items()}
    sent = [one for one in authorizations if one is not None]
    event["multiValueHeaders"] = listed | ({"authorization": sent} if sent else {})
    event["multiValueQueryStringParameters"] = {"q": ["1"]}
    del event["queryStringParameters"]
    return event


def function_url(method: str, path: str, authorization: str | None) -> Event:
    """A function URL's event, payload 2.0."""
    sent = {} if authorization is None else {"authorization": authorization}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "q=1",
        "headers": {"host": "abcdefgh.lambda-url.eu-west-1.on.aws", "accept": "*/*", **sent},
        "queryStringParameters": {"q": "1"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefgh",
            "domainName": "abcdefgh.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "abcdefgh",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.1",
                "userAgent": "curl/8",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1773342238000,
        },
        "isBase64Encoded": False,
    }


def http_api(
    method: str,
    path: str,
    authorization: str | None,
    *,
    route: str,
    parameters: dict[str, str] | None = None,
    stage: str = "$default",
    prefix: str = "abcdefgh",
) -> Event:
    """An HTTP API's event, payload 2.0."""
    event = function_url(method, path, authorization) | {"routeKey": route}
    event["requestContext"] |= {"routeKey": route, "stage": stage, "domainPrefix": prefix}
    return event if parameters is None else event | {"pathParameters": parameters}


def rest_api(
    method: str, path: str, authorization: str | None, *, route: str, **parameters: str
) -> Event:
    """A REST API's event."""
    event = alb_multi(method, path, authorization)
    return event | {
        "headers": {name: values[-1] for name, values in event["multiValueHeaders"].items()},
        "resource": route,
        "pathParameters": parameters or None,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": method,
            "path": f"/prod{path}",
            "stage": "prod",
            "apiId": "abcdefgh",
            "domainPrefix": "abcdefgh",
        },
    }


def header(answered: Event, name: str) -> str | None:
    """Of an answer with one value for each header, or with lists."""
    if "multiValueHeaders" in answered:
        (value,) = answered["multiValueHeaders"].get(name, [None])
        return str(value)
    value = answered["headers"].get(name)
    return value if value is None else str(value)
