"""Whoever reaches the emulator may have it run code, so hardly anything of it can be reached."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import requests

from authorizer.cli.local import supervisor
from authorizer.cli.local.emulator import Emulator, running_emulator
from authorizer.cli.local.emulator_process import is_open

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "LOCAL0123"
COGNITO = "AWSCognitoIdentityProviderService"


HOSTS = frozenset({"127.0.0.1:4566"})
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/lambda/aws4_request"
FOREIGN = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/lambda/aws4_request"
KEYS = "/us-east-1_x/.well-known/jwks.json"
API = "/_aws/execute-api/abcd1234"


def scope(
    request: str, *headers: tuple[str, str], query: str = "", host: str = "127.0.0.1:4566"
) -> dict[str, Any]:
    method, path = request.split(" ")
    named = [("Host", host), *headers]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named],
    }


def target(action: str) -> tuple[str, str]:
    return ("X-Amz-Target", action)


OPEN = [
    pytest.param(scope(f"GET {API}/hello"), id="the API"),
    pytest.param(scope(f"POST {API}/hello", query="a=1"), id="the API with a query"),
    pytest.param(scope(f"GET {API}/x", ("authorization", "Bearer a.b.c")), id="a caller"),
    pytest.param(scope(f"GET {KEYS}"), id="keys"),
    pytest.param(scope("POST /oauth2/token"), id="token endpoint"),
    pytest.param(scope("POST /", target(f"{COGNITO}.InitiateAuth")), id="signing in"),
    pytest.param(scope("POST /", target(f"{COGNITO}.GetTokensFromRefreshToken")), id="refreshing"),
    pytest.param(scope("PUT /anything", ("authorization", SIGNED)), id="the key"),
    pytest.param({"type": "lifespan"}, id="the server's own"),
]
SHUT = [
    pytest.param(scope("GET /"), id="nothing"),
    pytest.param(scope("POST /2015-03-31/functions"), id="functions"),
    pytest.param(scope("POST /_ministack/reset"), id="its own control plane"),
    pytest.param(scope(f"POST {KEYS}"), id="a call posted to the keys' path"),
    pytest.param(scope(f"GET {KEYS}", query="Action=ListStacks"), id="a call among the query"),
    pytest.param(scope(f"GET /x{KEYS}"), id="the keys' path below another"),
    pytest.param(scope(f"POST {API}"), id="the API's path cut short"),
    pytest.param(scope(f"POST {API}/"), id="the API's root cut short"),
    pytest.param(scope("POST /_aws/execute-api/x"), id="no API's path"),
    pytest.param(scope(f"GET /x{API}/hello"), id="the API's path below another"),
    pytest.param(scope(f"POST {API}/x", target("Lambda.X")), id="the API's path, another target"),
    pytest.param(scope(f"POST {API}/x", ("authorization", FOREIGN)), id="the API's path, signed"),
    pytest.param(scope("POST /", target(f"{COGNITO}.AdminCreateUser")), id="administering"),
    pytest.param(scope("POST /", target("Other.InitiateAuth")), id="another service"),
    pytest.param(scope("POST /", target("GetUser")), id="a target without its service"),
    pytest.param(
        scope("POST /", target(f"{COGNITO}.GetUser"), ("authorization", FOREIGN)),
        id="signing in, signed for another service",
    ),
    pytest.param(
        scope("POST /", target(f"{COGNITO}.GetUser"), target("Lambda.Invoke")), id="two targets"
    ),
    pytest.param(
        scope("POST /_ministack/reset", target(f"{COGNITO}.GetUser")), id="target on a path"
    ),
    pytest.param(
        scope("POST /", target(f"{COGNITO}.GetUser"), query="Action=x"), id="target and query"
    ),
    pytest.param(scope("POST /", ("authorization", FOREIGN)), id="another key"),
    pytest.param(scope(f"GET {API}/hello", host="evil.example:4566"), id="another name for us"),
    pytest.param(
        scope("PUT /x", ("authorization", SIGNED), host="evil.example:4566"),
        id="the key, elsewhere",
    ),
    pytest.param(scope(f"GET {KEYS}", ("Host", "evil.example")), id="two hosts"),
    pytest.param({"type": "websocket", "path": f"{API}/x", "headers": []}, id="web socket"),
]


@pytest.mark.parametrize("request_", OPEN)
def test_what_the_apis_clients_need_is_open(request_: dict[str, Any]) -> None:
    """The API, the keys, the token endpoint, signing in; and all with this run's key."""
    assert is_open(request_, KEY, HOSTS)


@pytest.mark.parametrize("request_", SHUT)
def test_all_else_takes_the_key(request_: dict[str, Any]) -> None:
    """Each differs in one thing from what is open, and would reach another service."""
    assert not is_open(request_, KEY, HOSTS)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@pytest.mark.system
@pytest.mark.xdist_group("emulator access")
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/2015-03-31/functions", {}),
        ("POST", "/2015-03-31/functions", {"X-Amz-Target": "GetUser", "Authorization": FOREIGN}),
        ("POST", "/x/.well-known/jwks.json", {}),
        ("POST", "/us-east-1_ABC/.well-known/jwks.json", {}),
        ("GET", "/us-east-1_ABC/.well-known/jwks.json?Action=ListStacks", {}),
        ("POST", "/_aws/execute-api/", {}),
        ("POST", "/_aws/execute-api/x", {}),
        ("GET", "/_ministack/health", {"X-Amz-Target": f"{COGNITO}.GetUser"}),
    ],
)
def test_a_web_page_gets_nothing_done(
    emulator: Emulator, method: str, path: str, headers: dict[str, str]
) -> None:
    """A request such as a page can send without asking is refused, and told nothing."""
    answer = requests.request(
        method,
        emulator.url + path,
        data={"Action": "ListStacks"} if method == "POST" else None,
        headers={"Origin": "https://evil.example", **headers},
        timeout=10,
    )
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.system
@pytest.mark.xdist_group("emulator access")
@pytest.mark.parametrize("path", ["/hello", "/prod/hello", "/?Action=ListStacks"])
def test_the_apis_path_reaches_an_api_or_nothing(emulator: Emulator, path: str) -> None:
    """An API that is not there is not found; the path leads to no other service."""
    answer = requests.post(
        f"{emulator.url}/_aws/execute-api/abcd1234{path}",
        data={"Action": "ListStacks"},
        timeout=10,
    )
    assert answer.status_code in {403, 404}
    assert "ListStacks" not in answer.text


@pytest.mark.system
def test_a_supervisor_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process of ours is left to be waited for, however long tidying up would take."""
    monkeypatch.setattr(supervisor, "_STOP_SECONDS", 0)
    with (
        supervisor.own_folder() as folder,
        supervisor.supervised(["sleep", "600"], folder, {"PATH": os.defpath}) as process,
    ):
        assert process.poll() is None
    assert process.returncode is not None
    assert not folder.exists()


@pytest.mark.system
@pytest.mark.xdist_group("emulator access")
def test_this_run_can(emulator: Emulator) -> None:
    """The clients of this run have the key."""
    assert emulator.client("lambda").list_functions()["Functions"] == []
