"""The sample backend: it greets who the authorizer says is there, and nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handlers.hello import MESSAGE, handler

CALLER = {
    "sub": "s-1",
    "username": "alice",
    "client_id": "c-1",
    "jti": "j-1",
    "groups": "reader editor",
    "scope": "a/b c",
}


def call(
    authorizer: object = None, *, route: str | None = "GET /hello", **event: Any
) -> dict[str, Any]:
    context = {} if authorizer is None else {"authorizer": authorizer}
    if route is not None:
        event["routeKey"] = route
    return handler({"requestContext": context} | event, None)


def body_of(response: dict[str, Any]) -> Any:
    return json.loads(response["body"])


def test_the_message_is_exact() -> None:
    """What is promised to the caller is this text, to the letter."""
    assert body_of(call({"lambda": CALLER}))["message"] == MESSAGE
    assert MESSAGE == (
        "Hello, your token is valid! Then you can use the API to create some functions now. :3"
    )


def test_it_says_who_the_caller_is() -> None:
    """Groups and scopes are lists again, and what the caller need not know is left out."""
    response = call({"lambda": CALLER})

    assert response["statusCode"] == 200
    assert response["headers"] == {"Content-Type": "application/json", "Cache-Control": "no-store"}
    assert body_of(response) == {
        "message": MESSAGE,
        "route": "GET /hello",
        "caller": {
            "sub": "s-1",
            "username": "alice",
            "client_id": "c-1",
            "groups": ["reader", "editor"],
            "scope": ["a/b", "c"],
        },
    }


def test_a_machine_has_no_name_and_no_groups() -> None:
    """What the context does not say is null or empty, and no error."""
    assert body_of(call({"lambda": {"sub": "s-1"}}))["caller"] == {
        "sub": "s-1",
        "username": None,
        "client_id": None,
        "groups": [],
        "scope": [],
    }


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"httpMethod": "GET", "resource": "/hello"}, id="REST"),
        pytest.param({"httpMethod": "GET", "resource": "/hello", "version": "1.0"}, id="HTTP 1.0"),
    ],
)
def test_other_apis_give_the_context_directly(event: dict[str, Any]) -> None:
    """REST and payload 1.0: no ``lambda`` in between, and the route in two parts."""
    response = call(CALLER | {"principalId": "s-1", "integrationLatency": 7}, route=None, **event)

    assert response["statusCode"] == 200
    assert body_of(response)["route"] == "GET /hello"
    assert body_of(response)["caller"]["sub"] == "s-1"


@pytest.mark.parametrize(
    "authorizer",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="empty"),
        pytest.param({"lambda": {}}, id="empty below lambda"),
        pytest.param({"lambda": None}, id="null"),
        pytest.param({"lambda": None, "sub": "s-1"}, id="null beside a sub"),
        pytest.param({"lambda": {"sub": ""}}, id="empty sub"),
        pytest.param({"lambda": {"username": "alice"}}, id="no sub"),
        pytest.param({"principalId": "s-1"}, id="principal alone"),
        pytest.param({"jwt": {"claims": {"sub": "s-1"}}}, id="JWT authorizer"),
        pytest.param({"claims": {"sub": "s-1"}}, id="Cognito authorizer"),
        pytest.param({"iam": {"userId": "x"}}, id="IAM"),
        pytest.param("s-1", id="text"),
        pytest.param(["sub"], id="list"),
        pytest.param({"lambda": "s-1"}, id="text below lambda"),
        pytest.param({"lambda": [CALLER]}, id="list below lambda"),
        pytest.param({"lambda": {"sub": 7}}, id="number"),
        pytest.param({"lambda": {"sub": {"x": 1}}}, id="object"),
        pytest.param({"lambda": {"sub": True}}, id="boolean"),
    ],
)
def test_without_a_caller_it_answers_401(authorizer: object) -> None:
    """A route that lost its authorizer is closed, whatever stands in its place."""
    response = call(authorizer)

    assert response["statusCode"] == 401
    assert body_of(response) == {"message": "Unauthorized"}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": None},
        {"requestContext": []},
        {"requestContext": {}, "headers": {"authorization": "Bearer x"}},
        {"authorizer": {"lambda": CALLER}},
        {"body": json.dumps({"requestContext": {"authorizer": {"lambda": CALLER}}})},
    ],
)
def test_nothing_that_a_client_sends_is_a_caller(event: dict[str, Any]) -> None:
    """Only API Gateway writes the context; headers and body are not looked at."""
    assert handler(event, None)["statusCode"] == 401


@pytest.mark.parametrize(
    ("name", "value"), [("groups", ["admin"]), ("groups", None), ("scope", 7), ("username", {})]
)
def test_a_context_that_is_no_text_is_left_out(name: str, value: object) -> None:
    """Context values are texts; anything else is not shown and breaks nothing."""
    response = call({"lambda": CALLER | {name: value}})

    assert response["statusCode"] == 200
    assert body_of(response)["caller"][name] in ([], None)


@pytest.mark.parametrize("value", ["<script>", '"', "\\", "\u2028", "é", "\x00", "a\nb"])
def test_a_hostile_name_is_data(value: str) -> None:
    """Whatever a user is called, the body is JSON and says just that."""
    assert body_of(call({"lambda": CALLER | {"username": value}}))["caller"]["username"] == value


@pytest.mark.parametrize(
    ("route", "event"),
    [
        pytest.param("GET /health", {}, id="HTTP 2.0"),
        pytest.param(None, {"httpMethod": "GET", "resource": "/health"}, id="REST"),
    ],
)
def test_health_is_public(route: str | None, event: dict[str, Any]) -> None:
    """The one route without an authorizer says that it runs, and nothing else."""
    response = call(route=route, **event)
    assert (response["statusCode"], body_of(response)) == (200, {"status": "ok"})


@pytest.mark.parametrize("route", ["POST /health", "GET /health/x", "GET /Health", "$default"])
def test_nothing_else_is_public(route: str) -> None:
    """Another method, another path, and no route at all want a caller."""
    response = call(route=route, rawPath="/health", path="/health")
    assert response["statusCode"] == 401
