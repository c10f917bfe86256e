"""Events of every flavour, in; one kind of request, out."""

from __future__ import annotations

from typing import Any

import pytest
from api_gateway import ARN, FLAVOURS, Call, http_1, http_2, rest_request, rest_token, websocket

from authorizer import InvalidTokenError, MalformedRequestError, Reason
from authorizer.gateway.events import HTTP_APIS, Flavour, parse_request

CALL = Call(method="PUT", route="/articles/{id}", path="/articles/1", parameters={"id": "1"})


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_is_recognised(flavour: str) -> None:
    """Which kind of event it is follows from what API Gateway puts into it."""
    request = parse_request(FLAVOURS[flavour](CALL))

    assert request.flavour == Flavour(flavour)
    assert (request.flavour in HTTP_APIS) is flavour.startswith("http")
    assert request.bearer_token() == "token"


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request"])
def test_flavours_that_know_the_route_agree(flavour: str) -> None:
    """Method, route, path and parameters are the same request in every flavour."""
    request = parse_request(FLAVOURS[flavour](CALL))

    assert (request.method, request.route, request.path) == ("PUT", "/articles/{id}", "/articles/1")
    assert request.path_parameters == {"id": "1"}
    assert request.request_id == "request-1"


def test_a_token_event_knows_the_path_alone() -> None:
    """A TOKEN authorizer learns neither route nor request id."""
    request = parse_request(rest_token(Call(method="GET", path="/a:b/c@d")))

    assert (request.method, request.route, request.path) == ("GET", None, "/a:b/c@d")
    assert (request.path_parameters, request.request_id) == ({}, None)


def test_a_connection_has_neither_method_nor_path() -> None:
    """A WebSocket API's $connect is a route of its own."""
    request = parse_request(websocket(CALL))
    assert (request.method, request.route, request.path) == ("", "$connect", None)
    assert (request.path_parameters, request.request_id) == ({}, "request-1")


@pytest.mark.parametrize(
    ("event", "route", "path"),
    [
        pytest.param(http_2(Call(route="$default")), "$default", "/articles/1", id="default"),
        pytest.param(
            http_1(CALL, resource="PUT /articles/{id}"),
            "/articles/{id}",
            "/articles/1",
            id="resource that is a route key",
        ),
        pytest.param(
            http_1(CALL, resource="$default"), "$default", "/articles/1", id="default, 1.0"
        ),
        pytest.param(rest_request(Call(route="/", path="/", parameters={})), "/", "/", id="root"),
        pytest.param(
            rest_request(CALL, methodArn=f"{ARN}/prod/GET"), "/articles/{id}", "/", id="bare root"
        ),
        pytest.param(
            http_2(CALL, routeKey="ANY /articles/{id}"),
            "/articles/{id}",
            "/articles/1",
            id="route for any method",
        ),
        pytest.param(
            http_2(CALL, rawPath="/other"),
            "/articles/{id}",
            "/articles/1",
            id="rawPath is not read",
        ),
    ],
)
def test_route_and_path_come_from_the_gateway(event: dict[str, Any], route: str, path: str) -> None:
    """The route is what API Gateway matched; the path is that of the ARN, without the stage."""
    request = parse_request(event)
    assert (request.route, request.path) == (route, path)


TEMPLATED = Call(method="PUT", route="/a/{id}/b/{x}", path="/a/{id}/b/{x}", parameters={"id": "1"})


@pytest.mark.parametrize(
    "event",
    [
        http_2(TEMPLATED),
        http_1(TEMPLATED),
        rest_request(TEMPLATED),
        rest_token(TEMPLATED, resource=TEMPLATED.route, pathParameters={"id": "1"}),
    ],
    ids=["http-2.0", "http-1.0", "rest-request", "rest-token"],
)
def test_a_template_in_the_place_of_the_path_tells_no_path(event: dict[str, Any]) -> None:
    """An emulator's ARN that ends with the matched template says nothing of what was asked for."""
    request = parse_request(event)
    assert (request.route, request.path) == ("/a/{id}/b/{x}", None)
    assert request.path_parameters == {"id": "1"}


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("/a/{id}", "/a/{x}"),
        ("/a/{id}", "/a/{id}/"),
        ("/a/{id}", "/a/%7Bid%7D"),
        ("/a/{proxy+}", "/a/{proxy+}"),
        ("/{x}/{proxy+}", "/{x}/{proxy+}"),
        ("/a", "/a"),
        ("/", "/"),
        ("$default", "/$default"),
        ("$default", "/{id}"),
    ],
)
def test_any_other_path_is_told(route: str, path: str) -> None:
    """Only the template itself, where its parameters tell the path, is taken for no path."""
    call = Call(route=route, path=path)
    for event in (http_2(call), http_1(call), rest_request(call)):
        request = parse_request(event)
        assert (request.route, request.path) == (route, path)
    for event in (rest_token(call), rest_token(call, resource=route)):
        request = parse_request(event)
        assert (request.route, request.path) == (None, path)


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request"])
def test_absent_parts_are_empty(flavour: str) -> None:
    """Headers and path parameters may be absent or null, and the request id too."""
    event = FLAVOURS[flavour](CALL)
    context = {
        name: value for name, value in event["requestContext"].items() if name != "requestId"
    }
    event |= {"headers": None, "multiValueHeaders": None, "requestContext": context}
    del event["pathParameters"]
    request = parse_request(event)

    assert (request.authorizations, request.path_parameters, request.request_id) == ((), {}, None)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(http_2(Call(authorization=None)), Reason.TOKEN_MISSING, id="no header"),
        pytest.param(rest_token(Call(authorization=None)), Reason.TOKEN_MISSING, id="no token"),
        pytest.param(
            http_2(CALL, headers={1: "Bearer a"}), Reason.TOKEN_MISSING, id="no name of a header"
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"Accept": ["x"]}),
            Reason.TOKEN_MISSING,
            id="many values, none of it",
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"authorization": []}),
            Reason.TOKEN_MISSING,
            id="no value",
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"Authorization": ["Bearer a", "Bearer a"]}),
            Reason.AUTHORIZATION_AMBIGUOUS,
            id="two values",
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"authorization": ["x"], "AUTHORIZATION": ["y"]}),
            Reason.AUTHORIZATION_AMBIGUOUS,
            id="two spellings",
        ),
        pytest.param(
            http_2(CALL, headers={"authorization": "Bearer a", "Authorization": "Bearer a"}),
            Reason.AUTHORIZATION_AMBIGUOUS,
            id="two spellings in one map",
        ),
    ],
)
def test_there_is_one_token_or_none(event: dict[str, Any], reason: Reason) -> None:
    """A request without a token, or with two, is refused with that reason."""
    with pytest.raises(InvalidTokenError) as caught:
        parse_request(event).bearer_token()
    assert caught.value.reason is reason


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_the_name_of_a_header_is_compared_without_case(name: str) -> None:
    """RFC 9110, 5.1: REST and WebSocket APIs pass it on as the client wrote it."""
    for many in (None, {}, {name: ["Bearer a"]}):
        event = rest_request(CALL, headers={name: "Bearer a"}, multiValueHeaders=many)
        assert parse_request(event).bearer_token() == "a"


def test_a_connection_is_known_by_its_event_type() -> None:
    """Not by a connection's id, which is no part of what is decided."""
    context = {**websocket(CALL)["requestContext"]}
    context.pop("connectionId", None)
    assert parse_request(websocket(CALL, requestContext=context)).flavour is Flavour.WEBSOCKET
    assert (
        parse_request(_in_context(rest_request(CALL), connectionId="c")).flavour
        is Flavour.REST_REQUEST
    )


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   "])
def test_the_scheme_is_compared_without_case(scheme: str) -> None:
    """RFC 9110, 11.1: a scheme is case-insensitive; RFC 6750: one blank or more follows."""
    assert parse_request(http_2(Call(authorization=f"{scheme}a.b-c"))).bearer_token() == "a.b-c"


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "token", "Bearer", "Bearer ", "Bearer  ", " Bearer a", "Bearer a ", "Bearer\ta"),
        *("Bearer a b", "Bearer Bearer a", "Bearer a, Bearer b", "Bearer a,Bearer b", "Basic YTpi"),
        *("Bearera", "Bearer:a", "Token a", "Bearer\u00a0a", "\ufeffBearer a", "\u212abearer a"),
    ],
)
def test_what_is_no_bearer_token_is_refused(value: str) -> None:
    """Exactly a scheme, blanks and one word; the message does not repeat the header."""
    with pytest.raises(InvalidTokenError) as caught:
        parse_request(rest_token(Call(authorization=value))).bearer_token()

    assert caught.value.reason is Reason.AUTHORIZATION_NOT_BEARER
    assert str(caught.value) == (
        "authorization_not_bearer: expected the Authorization header to be Bearer"
    )


def test_a_request_does_not_show_its_token() -> None:
    """Whoever prints a request, prints no credentials."""
    assert "token" not in repr(parse_request(rest_request(Call(authorization="Bearer token"))))


def _without_type(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "type"}


def _in_context(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return event | {"requestContext": event["requestContext"] | changes}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param(None, "expected the event to be an object, found NoneType", id="null"),
        pytest.param([], "the event to be an object, found list", id="list"),
        pytest.param({1: 2}, "found type None and version None", id="names that are none"),
        pytest.param({}, "found type None and version None", id="empty"),
        pytest.param({"type": "OTHER"}, "type TOKEN, or type REQUEST", id="other type"),
        pytest.param({"type": 10**5_000}, "found type a value of type int that", id="huge type"),
        pytest.param(
            {"type": "REQUEST", "version": [10**5_000]}, "a value of type list that", id="huge"
        ),
        pytest.param(_without_type(http_2(CALL)), "type None and version '2.0'", id="2.0 alone"),
        pytest.param(_without_type(http_1(CALL)), "type None and version '1.0'", id="1.0 alone"),
        pytest.param(_without_type(rest_request(CALL)), "type None and version None", id="none"),
        pytest.param(http_2(CALL, version="3.0"), "and version '3.0'", id="other version"),
        pytest.param(http_2(CALL, version=2.0), "and version 2.0", id="version as a number"),
        pytest.param(http_2(CALL, type="TOKEN", routeArn=None), "execute-api ARN", id="mixed"),
        pytest.param(
            {"type": "REQUEST"}, "expected requestContext to be an object", id="no context"
        ),
        pytest.param(
            http_1(CALL, requestContext=None), "requestContext to be an object", id="1.0 without"
        ),
        pytest.param({"type": "TOKEN"}, "ARN of API, stage and method, found None", id="no ARN"),
        pytest.param(
            rest_token(CALL, authorizationToken=7), "authorizationToken to be text", id="7"
        ),
        pytest.param(http_2(CALL, routeArn=None), "found None", id="no route ARN"),
        pytest.param(
            http_2(CALL, routeKey=None), "routeKey to be text, found NoneType", id="no key"
        ),
        pytest.param(
            http_2(CALL, requestContext=[]), "requestContext to be an object", id="context"
        ),
        pytest.param(
            _in_context(http_2(CALL), http=None),
            "requestContext.http to be an object",
            id="no http",
        ),
        pytest.param(
            _in_context(http_2(CALL), http={}), "requestContext.http.method to be text", id="method"
        ),
        pytest.param(http_2(CALL, headers=[1]), "headers to be an object", id="headers as a list"),
        pytest.param(
            http_2(CALL, headers={"authorization": ["Bearer a"]}), "a header to be text", id="list"
        ),
        pytest.param(http_2(CALL, pathParameters={"id": 1}), "pathParameters to be text", id="id"),
        pytest.param(
            http_2(CALL, pathParameters="id=1"), "pathParameters to be an", id="parameters"
        ),
        pytest.param(rest_request(CALL, resource=None), "resource to be text", id="no resource"),
        pytest.param(rest_request(CALL, httpMethod=None), "httpMethod to be text", id="no method"),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"authorization": "Bearer a"}),
            "multiValueHeaders to hold lists, found str",
            id="header without a list",
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders=["x"]), "multiValueHeaders to be an", id="no names"
        ),
        pytest.param(
            rest_request(CALL, multiValueHeaders={"authorization": [None]}), "a header", id="null"
        ),
        pytest.param(
            _in_context(websocket(CALL), eventType="MESSAGE"),
            "a WebSocket event of type CONNECT, the only one that is authorized; found 'MESSAGE'",
            id="message",
        ),
        pytest.param(
            _in_context(websocket(CALL), routeKey=None), "requestContext.routeKey", id="no route"
        ),
        pytest.param(
            websocket(CALL, methodArn=None), "execute-api ARN", id="WebSocket without ARN"
        ),
    ],
)
def test_a_malformed_event_says_what_was_expected(event: object, message: str) -> None:
    """What API Gateway would not send is our wiring's mistake: no verdict, but an error."""
    with pytest.raises(MalformedRequestError) as caught:
        parse_request(event)

    assert str(caught.value).startswith("expected ")
    assert message in str(caught.value)
