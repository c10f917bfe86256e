"""A plain handler behind a load balancer, a function URL and API Gateway, by their own events."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from dynamodb_standin import serve_table
from naive_policy import policy_of
from protected import (
    NO_TOKEN,
    NOT_PERMITTED,
    ORIGIN,
    POLICY,
    SUB,
    TWO_TOKENS,
    Callers,
    alb,
    alb_multi,
    bad_authorizations,
    callers,
    function_url,
    header,
    http_api,
    rest_api,
)
from simulator import Cognito

from authorizer import AccessToken, Authorizer, MalformedRequestError, Settings
from authorizer.middleware.function import protected

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]


KINDS: dict[str, Callable[[str, str, str | None], Event]] = {
    "alb": alb,
    "alb, many values": alb_multi,
    "function url": function_url,
}


def answer(rbac: Authorizer, event: Event) -> Event:
    """What a handler that tells who called answers."""

    @protected(rbac)
    def handler(event: Event, context: object, caller: AccessToken) -> Event:
        return {"statusCode": 200, "caller": caller}

    return handler(event, None)


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_gets_to_the_handler(given: Callers, kind: str) -> None:
    """The handler gets the verified token as its caller."""
    event = KINDS[kind]("GET", "/orders/7", given.bearer("reader", scope="a b"))
    answered = answer(given.rbac, event)
    assert answered["statusCode"] == 200
    caller = answered["caller"]
    assert (caller.sub, caller.username, caller.client_id) == (SUB, "alice", "4k2exampleclient")
    assert (caller.groups, caller.scopes) == (("reader",), ("a", "b"))


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_not_gets_403(given: Callers, kind: str) -> None:
    """In the form that the sender of the event takes."""
    event = KINDS[kind]("POST", "/orders", given.bearer("reader"))
    answered = answer(given.rbac, event)
    assert answered["statusCode"] == 403
    assert ("multiValueHeaders" in answered) is (kind == "alb, many values")
    assert ("headers" in answered) is (kind != "alb, many values")
    assert header(answered, "WWW-Authenticate") == NOT_PERMITTED
    assert header(answered, "Cache-Control") == "no-store"
    assert header(answered, "Content-Type") == "application/json"
    assert json.loads(answered["body"]) == {"message": "Forbidden"}


@pytest.mark.parametrize("kind", KINDS)
def test_who_proves_nothing_gets_401(given: Callers, kind: str) -> None:
    """And is told of an error only where a token came. RFC 6750, 3.1."""
    for wrong, (authorization, expected) in bad_authorizations(given).items():
        answered = answer(given.rbac, KINDS[kind]("GET", "/orders", authorization))
        found = answered["statusCode"], header(answered, "WWW-Authenticate")
        assert found == (401, expected), wrong


def test_two_tokens_are_a_bad_request(given: Callers) -> None:
    """RFC 6750, 3.1. Where values are joined by commas, they are no token."""
    bearer = given.bearer("admin")
    answered = answer(given.rbac, alb_multi("GET", "/orders", bearer, bearer))
    assert (answered["statusCode"], header(answered, "WWW-Authenticate")) == (400, TWO_TOKENS)
    answered = answer(given.rbac, function_url("GET", "/orders", f"{bearer},{bearer}"))
    assert answered["statusCode"] == 401


def with_cookie(event: Event, cookie: str, *origins: str) -> Event:
    """The event of a request that has that cookie, and comes from pages of these origins."""
    if "multiValueHeaders" in event:
        event["multiValueHeaders"] |= {"cookie": [cookie], "origin": [*origins]}
    elif "version" in event:
        event["cookies"] = cookie.split("; ")
    else:
        event["headers"]["cookie"] = cookie
    if "headers" in event and origins:
        event["headers"]["origin"] = ",".join(origins)
    return event


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_may_be_in_a_cookie_where_settings_say_so(given: Callers, kind: str) -> None:
    """And then counts for pages of allowed origins alone; a header is no source any more."""
    token = given.bearer("editor").removeprefix("Bearer ")
    cookie = f"theme=dark; session={token}"

    def asked(method: str, *origins: str, header: str | None = None) -> Event:
        event = with_cookie(KINDS[kind](method, "/orders", header), cookie, *origins)
        return answer(given.rbac_of_pages, event)

    assert asked("POST", ORIGIN)["statusCode"] == asked("GET")["statusCode"] == 200
    for origins in [(), ("https://evil.example",), (ORIGIN, ORIGIN), ("null",)]:
        refused = asked("POST", *origins)
        found = refused["statusCode"], header(refused, "WWW-Authenticate")
        assert found == (403, NO_TOKEN), origins
    sent = KINDS[kind]("GET", "/orders", f"Bearer {token}")
    assert answer(given.rbac_of_pages, sent)["statusCode"] == 401


@pytest.mark.parametrize("kind", KINDS)
def test_keys_out_of_reach_are_our_failure(kind: str) -> None:
    """Neither open nor the caller's fault: try again."""
    with callers() as given:
        given.server.status = 500
        answered = answer(given.rbac, KINDS[kind]("GET", "/orders", given.bearer("reader")))
    assert answered["statusCode"] == 503
    assert header(answered, "Retry-After") == "10"
    assert "WWW-Authenticate" not in str(answered)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_of_revoked_tokens_out_of_reach_is_our_failure(
    given: Callers, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As with keys; and who is on it has no token any more."""
    pool = Cognito().pool(jwks_url=given.server.url)
    settings = Settings(pools=(pool,), policy=policy_of(POLICY), revocation_table="revoked")
    sent = KINDS[kind]("GET", "/orders", given.bearer("reader"))
    with serve_table(monkeypatch) as table:
        table.error = "ResourceNotFoundException"
        assert answer(Authorizer.from_settings(settings), sent)["statusCode"] == 503
        table.error, table.entries = "", [f"sub#{SUB}"]
        assert answer(Authorizer.from_settings(settings), sent)["statusCode"] == 401


# None of these is /admin/users to an authorizer, and what each is to an application, who knows?
AMBIGUOUS = [
    *("//admin/users", "/admin//users", "/admin/users/", "/./admin/users", "/orders/../admin"),
    *("/%61dmin/users", "/admin%2fusers", "/orders/%2e%2e/admin", "/orders/7;/../admin"),
    *("/orders/7%00", "/orders/7\\", "/orders/*", "/orders/7?x", "/orders/7#x", "/orders/%c0%af"),
    *("/orders/7\n", "/orders/ 7", "/orders/%2541", "/files/shared/..", "/files/shared/%2e%2e/a"),
    *("orders", "admin/users", "*", "", "http://example.com/orders", "{id}", "/orders/{id}"),
]


@pytest.mark.parametrize("path", AMBIGUOUS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_ambiguous_path_is_refused(given: Callers, kind: str, path: str) -> None:
    """Also to who may do everything: it is never normalised."""
    event = KINDS[kind]("GET", path, given.bearer("admin"))
    assert answer(given.rbac, event)["statusCode"] == 403


@pytest.mark.parametrize("method", ["get", "GE/T", "GET ", "", "G\nET", "FROB"])
def test_an_odd_method_is_refused(given: Callers, method: str) -> None:
    """Methods are compared as they are."""
    for make in KINDS.values():
        assert answer(given.rbac, make(method, "/orders", given.bearer("admin")))["statusCode"] == (
            403
        )


def test_a_path_parameter_must_equal_the_claim(given: Callers) -> None:
    """One's own record, nobody else's, and no other spelling of it."""
    bearer = given.bearer("reader")
    for user, status in {SUB: 200, "someone-else": 403, f"%61{SUB[1:]}": 403}.items():
        event = alb("GET", f"/users/{user}", bearer)
        assert answer(given.rbac, event)["statusCode"] == status


@pytest.mark.parametrize("path", ["/orders", "/nowhere", "/admin/users"])
def test_a_deny_counts(given: Callers, path: str) -> None:
    """As everywhere."""
    event = function_url("GET", path, given.bearer("admin", "suspended"))
    assert answer(given.rbac, event)["statusCode"] == 403


def test_api_gateway_says_which_route_it_chose(given: Callers) -> None:
    """Then a rule for a parameter says nothing of a literal route."""
    bearer = given.bearer("reader")
    told = http_api("GET", "/orders/7", bearer, route="GET /orders/{id}", parameters={"id": "7"})
    assert answer(given.rbac, told)["statusCode"] == 200
    told = http_api("GET", "/orders/mine", bearer, route="GET /orders/mine")
    assert answer(given.rbac, told)["statusCode"] == 403
    told = rest_api("GET", "/orders/7", bearer, route="/orders/{id}", id="7")
    assert answer(given.rbac, told)["statusCode"] == 200
    told = rest_api("GET", "/orders/mine", bearer, route="/orders/mine")
    assert answer(given.rbac, told)["statusCode"] == 403


def test_path_and_route_must_agree(given: Callers) -> None:
    """Of a path that API Gateway decoded, an application might read something else."""
    bearer = given.bearer("reader")
    event = http_api("GET", "/orders/a/b", bearer, route="GET /orders/{id}", parameters={"id": "a"})
    assert answer(given.rbac, event)["statusCode"] == 403
    event = rest_api("GET", "/admin/users", bearer, route="/orders/{id}", id="7")
    assert answer(given.rbac, event)["statusCode"] == 403


@pytest.mark.parametrize(
    ("path", "prefix", "status"),
    [
        pytest.param("/prod/orders/7", "abcdefgh", 200, id="the API's own address"),
        pytest.param("/orders/7", "api", 200, id="a domain of one's own"),
        pytest.param("/prod/orders/7", "api", 403, id="a domain, and the client says the stage"),
        pytest.param("/production/orders/7", "abcdefgh", 403, id="another word"),
    ],
)
@pytest.mark.parametrize("route", ["$default", "ANY /{proxy+}"])
def test_the_stage_is_no_part_of_the_path(
    given: Callers, path: str, prefix: str, status: int, route: str
) -> None:
    """Where API Gateway put it there; not where a client did."""
    # API Gateway takes the stage off, and what a client put there in its place not.
    rest = path.removeprefix("/prod" if prefix == "abcdefgh" else "").removeprefix("/")
    event = http_api(
        "GET",
        path,
        given.bearer("reader"),
        route=route,
        stage="prod",
        prefix=prefix,
        parameters={"proxy": rest} if "proxy" in route else None,
    )
    assert answer(given.rbac, event)["statusCode"] == status


@pytest.mark.parametrize("version", [{}, {"version": "1.0"}])
def test_a_base_path_hides_no_deny(given: Callers, version: dict[str, str]) -> None:
    """The application may choose by the greedy value, which is not the path that it came by."""
    rbac = Authorizer(
        given.rbac._verifier,
        policy_of("version: 1\ngroups: {reader: {allow: [ANY /**], deny: [ANY /admin/**]}}\n"),
    )
    bearer = given.bearer("reader")
    for path, rest, status in (
        ("/admin/x", "admin/x", 403),
        ("/v1/admin/x", "admin/x", 403),
        ("/v1/orders", "orders", 403),
        ("/orders/7", "orders/7", 200),
    ):
        event = rest_api("GET", path, bearer, route="/{proxy+}", proxy=rest) | version
        assert answer(rbac, event)["statusCode"] == status, path


def test_a_route_key_in_the_place_of_a_route_is_read(given: Callers) -> None:
    """As some events of HTTP APIs have it."""
    event = rest_api("GET", "/orders/7", given.bearer("reader"), route="GET /orders/{id}", id="7")
    assert answer(given.rbac, event | {"version": "1.0"})["statusCode"] == 200


def test_a_policy_with_the_routes_of_its_api(given: Callers) -> None:
    """The event's route counts, and where none is told, what the API has."""
    policy = policy_of(POLICY, ["GET /orders/{id}", "GET /orders/mine"])
    rbac = Authorizer(given.rbac._verifier, policy)
    for path, status in {"/orders/7": 200, "/orders/mine": 403, "/orders": 403}.items():
        event = function_url("GET", path, given.bearer("reader"))
        assert answer(rbac, event)["statusCode"] == status


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"version": "2.0"},
        {"Records": []},
        {"httpMethod": "GET", "path": "/orders", "requestContext": {}},
        {"type": "REQUEST", "version": "2.0", "routeArn": "x"},
        {"requestContext": {"routeKey": "$connect", "eventType": "CONNECT"}},
        {**alb("GET", "/orders", "x"), "path": None},
        {**alb("GET", "/orders", "x"), "headers": ["x"]},
        {**alb("GET", "/orders", "x"), "headers": {"Authorization": 1}},
        {**function_url("GET", "/orders", "x"), "pathParameters": {"id": 1}},
        [],
        None,
    ],
)
def test_what_is_no_request_is_an_error(given: Callers, event: Any) -> None:
    """A mistake of wiring: nothing is answered, and the handler is not asked."""
    with pytest.raises(MalformedRequestError):
        answer(given.rbac, event)


def test_the_log_has_the_reason_and_no_token(
    given: Callers, caplog: pytest.LogCaptureFixture
) -> None:
    """Which the client is not told."""
    caplog.set_level(logging.INFO, logger="authorizer.middleware.gate")
    for bearer in (given.bearer("reader"), given.bearer("reader", exp=1)):
        answer(given.rbac, alb("POST", "/orders", bearer))
    assert [record.getMessage() for record in caplog.records] == [
        "denied, reason not_granted",
        "refused, reason expired",
    ]


def test_the_handler_keeps_its_name(given: Callers) -> None:
    """For logs, and for whoever looks it up."""

    @protected(given.rbac)
    def named(event: Event, context: object, caller: AccessToken) -> Event:
        """Says so."""
        return {}

    assert (named.__name__, named.__doc__) == ("named", "Says so.")
