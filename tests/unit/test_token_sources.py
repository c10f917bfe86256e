"""Where a request may have its token: one place out of those that are named, and none besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import FLAVOURS, Call, http_2, rest_request, rest_token, websocket
from naive_policy import NaivePolicy
from simulator import CLIENT_ID, POOL_ID, Cognito

from authorizer import (
    Authorizer,
    ConfigurationError,
    InvalidTokenError,
    MalformedRequestError,
    Reason,
    Settings,
)
from authorizer.cli.policy_file import dump_policy
from authorizer.gateway.events import parse_request
from authorizer.gateway.token_sources import TokenSources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORIGIN = "https://www.example.com"
BARE = Call(authorization=None)
POST = Call(method="POST", authorization=None)


def token_of(sources: str, event: dict[str, Any], origins: Sequence[str] = ()) -> str:
    """What is found by sources as the setting writes them."""
    return TokenSources(sources.split(), origins).token_of(parse_request(event), event)


def with_headers(event: dict[str, Any], **headers: str | list[str]) -> dict[str, Any]:
    """The event with further headers, in the form that its flavour has them in."""
    for name, value in headers.items():
        values = [value] if isinstance(value, str) else value
        event["headers"][name.replace("_", "-")] = ",".join(values)
        if "multiValueHeaders" in event:
            event["multiValueHeaders"][name.replace("_", "-")] = values
    return event


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_usual_source_is_the_same_when_it_is_named(flavour: str) -> None:
    """The Authorization header, with its scheme, in every flavour."""
    event = FLAVOURS[flavour](Call())
    assert token_of("header:Authorization cookie:session", event, [ORIGIN]) == "token"

    event = FLAVOURS[flavour](Call(authorization="Basic token"))
    with pytest.raises(InvalidTokenError) as caught:
        token_of("header:authorization", event)
    assert caught.value.reason is Reason.AUTHORIZATION_NOT_BEARER


@pytest.mark.parametrize(
    ("sources", "event"),
    [
        pytest.param(
            "header:X-Access-Token",
            with_headers(http_2(BARE), x_access_token="a.b.c"),
            id="header of http-2.0",
        ),
        pytest.param(
            "header:x-access-token",
            with_headers(rest_request(BARE), X_Access_Token="a.b.c"),
            id="header of rest-request",
        ),
        pytest.param(
            "header:x-access-token",
            rest_token(Call(authorization="a.b.c")),
            id="header that a TOKEN authorizer names",
        ),
        pytest.param(
            "query:token header:x-access-token header:authorization",
            rest_token(Call(authorization="a.b.c")),
            id="first header of several",
        ),
        pytest.param(
            "cookie:session",
            http_2(BARE, cookies=["theme=dark", "session=a.b.c"]),
            id="cookies of http-2.0",
        ),
        pytest.param(
            "cookie:session",
            with_headers(rest_request(BARE), Cookie="theme=session; session=a.b.c; Session=x"),
            id="Cookie header of rest-request",
        ),
        pytest.param(
            "query:token", http_2(BARE, queryStringParameters={"token": "a.b.c"}), id="query"
        ),
        pytest.param(
            "query:token",
            rest_request(
                BARE,
                queryStringParameters={"token": "a.b.c"},
                multiValueQueryStringParameters={"token": ["a.b.c"]},
            ),
            id="query with several values",
        ),
        pytest.param(
            "subprotocol",
            with_headers(websocket(BARE), Sec_WebSocket_Protocol="bearer, a.b.c"),
            id="subprotocol",
        ),
        pytest.param(
            "subprotocol",
            with_headers(websocket(BARE), Sec_WebSocket_Protocol=["chat.v2", "bearer", "a.b.c"]),
            id="subprotocols in several headers",
        ),
        pytest.param(
            "header:authorization cookie:session",
            http_2(BARE, headers=None, cookies=["session=a.b.c"]),
            id="no headers at all",
        ),
        pytest.param(
            "cookie:session query:token",
            http_2(BARE, cookies=["session="], queryStringParameters={"token": "a.b.c"}),
            id="a cookie that was emptied is no token",
        ),
    ],
)
def test_each_source_is_read(sources: str, event: dict[str, Any]) -> None:
    """The value as the client sent it."""
    origins = [ORIGIN] if "cookie" in sources else []
    assert token_of(sources, event, origins) == "a.b.c"


@pytest.mark.parametrize(
    ("sources", "event", "reason"),
    [
        ("header:x-access-token", http_2(Call()), Reason.TOKEN_MISSING),
        ("cookie:session", http_2(BARE), Reason.TOKEN_MISSING),
        (
            "cookie:session",
            http_2(BARE, cookies=["Session=a", "a=session=a"]),
            Reason.TOKEN_MISSING,
        ),
        ("cookie:session", rest_token(Call(authorization="a")), Reason.TOKEN_MISSING),
        ("query:token", http_2(BARE, queryStringParameters={"Token": "a"}), Reason.TOKEN_MISSING),
        ("query:token", http_2(BARE, queryStringParameters={"token": ""}), Reason.TOKEN_MISSING),
        (
            "subprotocol",
            with_headers(websocket(BARE), Sec_WebSocket_Protocol="a.b.c, bearer"),
            Reason.TOKEN_MISSING,
        ),
        (
            "cookie:session",
            http_2(BARE, cookies=["session=a", "session=a"]),
            Reason.AUTHORIZATION_AMBIGUOUS,
        ),
        (
            "cookie:session",
            with_headers(rest_request(BARE), cookie=["session=a", "session=b"]),
            Reason.AUTHORIZATION_AMBIGUOUS,
        ),
        (
            "header:authorization cookie:session",
            http_2(Call(), cookies=["session=a"]),
            Reason.AUTHORIZATION_AMBIGUOUS,
        ),
        (
            "query:token",
            rest_request(BARE, multiValueQueryStringParameters={"token": ["a", "b"]}),
            Reason.AUTHORIZATION_AMBIGUOUS,
        ),
        (
            "subprotocol",
            with_headers(websocket(BARE), Sec_WebSocket_Protocol="bearer, a, bearer, b"),
            Reason.AUTHORIZATION_AMBIGUOUS,
        ),
    ],
)
def test_none_and_several_are_refused(sources: str, event: dict[str, Any], reason: Reason) -> None:
    """Another program might take the other one."""
    with pytest.raises(InvalidTokenError) as caught:
        token_of(sources, event, [ORIGIN] if "cookie" in sources else [])
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("event", "origins"),
    [
        pytest.param(http_2(POST, cookies=["session=a"]), [], id="none"),
        pytest.param(http_2(POST, cookies=["session=a"]), ["null"], id="null"),
        pytest.param(http_2(POST, cookies=["session=a"]), [f"{ORIGIN}.evil.example"], id="longer"),
        pytest.param(http_2(POST, cookies=["session=a"]), [ORIGIN.upper()], id="upper case"),
        pytest.param(
            with_headers(rest_request(POST), Cookie="session=a"), [ORIGIN, ORIGIN], id="two"
        ),
        pytest.param(http_2(BARE, cookies=["session=a"]), ["https://evil.example"], id="a GET"),
        pytest.param(with_headers(websocket(BARE), Cookie="session=a"), [], id="a connection"),
    ],
)
def test_another_sites_page_sends_no_cookie(event: dict[str, Any], origins: list[str]) -> None:
    """A browser sends it along, whoever's page asks: the Origin tells."""
    if origins:
        with_headers(event, Origin=origins)
    with pytest.raises(InvalidTokenError) as caught:
        token_of("cookie:session", event, [ORIGIN])
    assert caught.value.reason is Reason.ORIGIN_NOT_ALLOWED


@pytest.mark.parametrize(
    "event",
    [http_2(POST, cookies=["session=a"]), with_headers(websocket(BARE), cookie="session=a")],
)
def test_a_page_of_ones_own_sends_its_cookie(event: dict[str, Any]) -> None:
    """With its Origin; and for what reads, without one."""
    assert token_of("cookie:session", with_headers(event, origin=ORIGIN), [ORIGIN]) == "a"
    assert token_of("cookie:session", http_2(BARE, cookies=["session=a"]), [ORIGIN]) == "a"


def test_a_token_from_elsewhere_needs_no_origin() -> None:
    """No other site's page can know it."""
    event = with_headers(http_2(POST), x_token="a")
    assert token_of("header:x-token cookie:session", event, [ORIGIN]) == "a"


@pytest.mark.parametrize(
    "changes",
    [
        {"cookies": "session=a"},
        {"cookies": [1]},
        {"queryStringParameters": ["token"]},
        {"queryStringParameters": {"token": 1}},
        {"multiValueQueryStringParameters": {"token": "a"}},
        {"multiValueQueryStringParameters": {"token": [None]}},
        {"headers": {"origin": 1}, "cookies": ["session=a"]},
    ],
)
def test_what_api_gateway_does_not_send_is_no_request(changes: dict[str, Any]) -> None:
    """Whoever makes up events gets our own errors."""
    event = http_2(Call(authorization=None), **changes)
    with pytest.raises(MalformedRequestError):
        token_of("cookie:session query:token", event, [ORIGIN])


@pytest.mark.parametrize(
    ("sources", "origins", "problem"),
    [
        ("", "", "expected one source of tokens or more, each once"),
        ("query:a query:a", "", "expected one source of tokens or more, each once"),
        ("header:A header:a", "", "expected one source of tokens or more, each once"),
        ("body:token", "", "found 'body:token'"),
        ("header:", "", "found 'header:'"),
        ("header:Cookie", "", "found 'header:cookie'"),
        ("header:origin", "", "found 'header:origin'"),
        ("cookie:a;b", ORIGIN, "found 'cookie:a;b'"),
        ("subprotocol:x", "", "found 'subprotocol:x'"),
        ("cookie:session", "", "expected AUTHORIZER_COOKIE_ORIGINS with a cookie"),
        ("header:authorization", ORIGIN, "expected AUTHORIZER_COOKIE_ORIGINS with a cookie"),
        ("cookie:session", "*", "expected an origin such as 'https://www.example.com', found '*'"),
        ("cookie:session", "null", "found 'null'"),
        ("cookie:session", f"{ORIGIN}/", f"found '{ORIGIN}/'"),
        ("cookie:session", "https://Www.example.com", "found 'https://Www.example.com'"),
    ],
)
def test_what_cannot_be_meant_is_told(sources: str, origins: str, problem: str) -> None:
    """At the start, and not by the first caller."""
    with pytest.raises(ConfigurationError) as caught:
        TokenSources(sources.split(), origins.split())
    assert problem in str(caught.value)


def test_the_environment_names_them(tmp_path: Path) -> None:
    """Without the setting the Authorization header is the one source; with it, what it names."""
    cognito = Cognito()
    (tmp_path / "policy.json").write_bytes(dump_policy(NaivePolicy().document()))
    (tmp_path / "jwks.json").write_bytes(cognito.jwks())
    environment = {
        "AUTHORIZER_USER_POOLS": f"{POOL_ID}={CLIENT_ID}",
        "AUTHORIZER_JWKS_FILES": f"{POOL_ID}=jwks.json",
    }
    sources = {
        "AUTHORIZER_TOKEN_SOURCES": " cookie:session\n header:authorization ",
        "AUTHORIZER_COOKIE_ORIGINS": f"{ORIGIN} https://localhost:3000",
    }
    events = [
        http_2(BARE, cookies=["session=garbage"]),
        http_2(Call(authorization="Bearer garbage")),
        http_2(POST, cookies=["session=garbage"]),
    ]

    def reasons(environment: dict[str, str]) -> list[Reason | None]:
        settings = Settings.from_environment(environment, tmp_path)
        return [Authorizer.from_settings(settings).judge(event).reason for event in events]

    assert reasons(environment) == [
        Reason.TOKEN_MISSING,
        Reason.TOKEN_NOT_COMPACT,
        Reason.TOKEN_MISSING,
    ]
    assert reasons(environment | sources) == [
        Reason.TOKEN_NOT_COMPACT,
        Reason.TOKEN_NOT_COMPACT,
        Reason.ORIGIN_NOT_ALLOWED,
    ]
    with pytest.raises(ConfigurationError, match="expected AUTHORIZER_COOKIE_ORIGINS"):
        reasons(environment | {"AUTHORIZER_COOKIE_ORIGINS": ORIGIN})
