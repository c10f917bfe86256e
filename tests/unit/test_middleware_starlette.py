"""A real FastAPI application, and one of Starlette's, asked as a server asks them."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends, FastAPI
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st
from protected import (
    NOT_PERMITTED,
    ORIGIN,
    SUB,
    TWO_TOKENS,
    Callers,
    bad_authorizations,
    callers,
)
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from authorizer import AccessToken  # noqa: TC001 - the same
from authorizer.middleware.starlette import protected

if TYPE_CHECKING:
    from authorizer import Authorizer

ROUTES = {
    "/orders": ("GET", "POST"),
    "/orders/mine": ("GET",),
    "/orders/{id}": ("GET",),
    "/users/{user}": ("GET", "PATCH"),
    "/teams/{team}/members/{member:int}": ("GET",),
    "/files/shared/{rest:path}": ("GET",),
    "/admin/users": ("GET",),
    "/v1.0/notes/{id}": ("GET",),
    "/": ("GET",),
}


def add_routes(router: FastAPI | APIRouter, caller: Any, routes: dict[str, Any]) -> None:
    """Each says which one it is, with which values, and who called."""

    def route_of(path: str) -> Any:
        def route(request: Request, who: AccessToken = Depends(caller)) -> dict[str, Any]:  # noqa: B008
            values = {name: str(value) for name, value in request.path_params.items()}
            return {"route": path, "values": values, "caller": who.username}

        return route

    for path, methods in routes.items():
        for method in methods:
            router.add_api_route(path, route_of(path), methods=[method])


def application(rbac: Authorizer, **options: Any) -> FastAPI:
    caller = protected(rbac)
    app = FastAPI(dependencies=[Depends(caller)], **options)
    add_routes(app, caller, ROUTES)
    return app


@pytest.fixture(scope="module")
def client(given: Callers) -> TestClient:
    return TestClient(application(given.rbac))


def get(client: TestClient, path: str, *groups: str, given: Callers) -> tuple[int, Any]:
    answer = client.get(path, headers={"Authorization": given.bearer(*groups)})
    return answer.status_code, answer.json()


def test_who_may_gets_to_the_endpoint(given: Callers, client: TestClient) -> None:
    """Which gets the verified token."""
    status, body = get(client, f"/users/{SUB}", "reader", given=given)
    expected = {"route": "/users/{user}", "values": {"user": SUB}, "caller": "alice"}
    assert (status, body) == (200, expected)
    assert get(client, "/users/bob", "reader", given=given)[0] == 403


def test_who_may_not_does_not(given: Callers, client: TestClient) -> None:
    """By RFC 6750."""
    answer = client.post("/orders", headers={"Authorization": given.bearer("reader")})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})
    assert answer.headers["WWW-Authenticate"] == NOT_PERMITTED
    for wrong, (authorization, expected) in bad_authorizations(given).items():
        sent = {} if authorization is None else {"Authorization": authorization}
        answer = client.get("/orders", headers=sent)
        found = answer.status_code, answer.headers["WWW-Authenticate"]
        assert found == (401, expected), wrong
    bearer = given.bearer("admin")
    answer = client.get("/orders", headers=[("Authorization", bearer), ("authorization", bearer)])
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (400, TWO_TOKENS)


def test_a_token_may_be_in_a_cookie_or_the_query(given: Callers) -> None:
    """Where settings say so: in one of them, and a cookie from pages of an allowed origin."""
    client = TestClient(application(given.rbac_of_pages))
    token = given.bearer("editor").removeprefix("Bearer ")
    cookie = {"Cookie": f"theme=dark; session={token}"}
    assert client.post("/orders", headers={**cookie, "Origin": ORIGIN}).status_code == 200
    assert client.post("/orders", headers={**cookie, "Origin": "null"}).status_code == 403
    assert client.get("/orders", params={"token": token}).status_code == 200
    assert client.get("/orders", params={"token": [token, token]}).status_code == 400
    assert client.get("/orders", params={"token": token}, headers=cookie).status_code == 400
    assert client.get("/orders", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_keys_out_of_reach_are_our_failure() -> None:
    """Never open."""
    with callers() as given:
        given.server.status = 500
        answer = TestClient(application(given.rbac)).get(
            "/orders", headers={"Authorization": given.bearer("reader")}
        )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_a_rule_for_a_parameter_is_none_for_a_literal_route(
    given: Callers, client: TestClient
) -> None:
    """What FastAPI chose counts: nothing grants /orders/mine."""
    assert get(client, "/orders/7", "reader", given=given)[0] == 200
    assert get(client, "/orders/mine", "reader", given=given)[0] == 403


def test_a_value_that_a_converter_changes_is_refused(given: Callers, client: TestClient) -> None:
    """A rule would compare another value than the endpoint gets."""
    assert get(client, "/teams/a/members/7", "reader", given=given)[0] == 200
    assert get(client, "/teams/a/members/007", "reader", given=given)[0] == 403


def test_other_spellings_are_the_same_request(given: Callers, client: TestClient) -> None:
    """Starlette decodes the path before it looks for a route: so does the policy."""
    assert get(client, "/%6frders", "reader", given=given)[0] == 200
    assert get(client, "/%61dmin/users", "reader", given=given)[0] == 403
    assert get(client, "/%61dmin/users", "admin", given=given)[0] == 200
    assert get(client, "/files/shared/a%20b", "reader", given=given)[0] == 200
    assert get(client, "/files/shared/caf%c3%a9", "reader", given=given)[0] == 200
    assert get(client, "/files/shared/a%2f..%2fb", "reader", given=given)[0] == 403
    assert get(client, f"/users/%61{SUB[1:]}", "reader", given=given)[0] == 200


def test_a_router_has_its_prefix(given: Callers) -> None:
    """Whichever way FastAPI tells of it, with parameters and routers in it."""
    caller = protected(given.rbac)
    inner, outer = APIRouter(prefix="/members"), APIRouter(dependencies=[Depends(caller)])
    add_routes(inner, caller, {"/{member}": ("GET",), "": ("GET",)})
    outer.include_router(inner, prefix="/teams/{team}")
    app = FastAPI()
    app.include_router(outer)
    users = APIRouter()
    add_routes(users, caller, {"/users": ("GET",), "/orders": ("GET",)})
    app.include_router(users, prefix="/admin")
    client = TestClient(app)

    status, body = get(client, "/teams/a/members/b", "reader", given=given)
    assert (status, body["values"]) == (200, {"team": "a", "member": "b"})
    assert get(client, "/teams/a/members", "reader", given=given)[0] == 403
    assert get(client, "/admin/users", "admin", given=given)[0] == 200
    assert get(client, "/admin/users", "reader", given=given)[0] == 403
    # What is /orders to its router is not to the policy.
    assert get(client, "/admin/orders", "reader", given=given)[0] == 403


def test_a_mounted_application_is_below_where_it_stands(given: Callers) -> None:
    """The policy names whole paths; a root path that a server took off is none of it."""
    sub = application(given.rbac)
    app = Starlette(routes=[Mount("/sub", sub), Mount("/t/{tenant}", sub)])
    for root_path in ("", "/prod"):
        client = TestClient(app, root_path=root_path)
        # As a server calls it: the whole path, with the root path in it.
        assert get(client, f"{root_path}/sub/orders/7", "reader", given=given)[0] == 200
        assert get(client, f"{root_path}/sub/orders", "reader", given=given)[0] == 403
        assert get(client, f"{root_path}/sub/admin/users", "admin", given=given)[0] == 403
        assert get(client, f"{root_path}/t/a/orders", "admin", given=given)[0] == 403
    client = TestClient(application(given.rbac), root_path="/prod")
    assert get(client, "/prod/orders/7", "reader", given=given)[0] == 200
    # A proxy in front took it off already.
    assert get(client, "/orders/7", "reader", given=given)[0] == 200
    assert get(client, "/production/orders/7", "admin", given=given)[0] == 404
    assert get(client, "/prod", "admin", given=given)[0] in (403, 404)


def test_an_endpoint_of_starlette(given: Callers) -> None:
    """It calls the same thing itself, in a thread."""
    caller = protected(given.rbac)

    async def order(request: Request) -> JSONResponse:
        who = await run_in_threadpool(caller, request)
        return JSONResponse({"caller": who.username})

    def sneaky(request: Request) -> JSONResponse:
        request.scope.pop("route", None)
        return JSONResponse({"caller": caller(request).username})

    app = Starlette(routes=[Route("/orders/{id}", order), Route("/files/{id}", sneaky)])
    client = TestClient(app)
    assert get(client, "/orders/7", "reader", given=given) == (200, {"caller": "alice"})
    bearer = given.bearer("nobody")
    answer = client.get("/orders/7", headers={"Authorization": bearer})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (403, NOT_PERMITTED)
    # Where no route is told, as by older versions, the path decides.
    assert asked(app, "/files/7", "", given.bearer("reader"))[0] == 200
    assert asked(app, "/files/7%2561", "", given.bearer("reader"))[0] == 403


def test_nothing_else_is_told(given: Callers, client: TestClient) -> None:
    """Routes that are none are FastAPI's to answer, and its own pages have no dependency."""
    assert get(client, "/nowhere", "admin", given=given)[0] == 404
    assert client.get("/openapi.json").status_code == 200  # as docs/middleware.md warns


PIECES = st.sampled_from(
    [
        *("orders", "mine", "7", "007", "users", SUB, "files", "shared", "admin", "teams", "a"),
        *("", ".", "..", "%61dmin", "%2e%2e", "%2f", "admin%2fusers", ";a", "*", "%7Bid%7D"),
        *("%00", "%5c", "caf%c3%a9", "%20", "%2561dmin", "members", "v1.0", "v1x0", "notes"),
        *("%0a", "%ff", "sub", "prod"),
    ]
)
PATHS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/prod", "/sub", "/prod/sub"]),
    st.sampled_from(["/", "//"]),
    st.lists(PIECES).map("/".join),
)
GRANTED = {
    *("/orders", "/orders/{id}", "/users/{user}", "/teams/{team}/members/{member:int}"),
    *("/files/shared/{rest:path}", "/v1.0/notes/{id}"),
}


def asked(app: Any, raw_path: str, root_path: str, authorization: str) -> tuple[int, bytes]:
    """What an application answers a server that speaks ASGI, such as uvicorn."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", b"example.com"), (b"authorization", authorization.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@cache
def mounted(rbac: Authorizer, mount: str) -> Any:
    """The application, made once for all paths: that takes longer than an answer of it."""
    app = application(rbac)
    return Starlette(routes=[Mount(mount, app)]) if mount else app


@settings(max_examples=300)
@for_any(path=PATHS, root_path=st.sampled_from(["", "/prod"]), mount=st.sampled_from(["", "/sub"]))
def test_no_spelling_of_a_path_gets_to_what_is_not_granted(
    given: Callers, path: str, root_path: str, mount: str
) -> None:
    """Whatever the client writes: the route that runs is one that the policy grants."""
    app = mounted(given.rbac, mount)
    status, body = asked(app, path, root_path, given.bearer("reader"))
    assert status in (200, 307, 403, 404)
    if status == 200:
        found = json.loads(body)
        assert found["route"] in ({"/orders/{id}"} if mount else GRANTED)
        assert "user" not in found["values"] or found["values"]["user"] == SUB
        assert ".." not in found["values"].get("rest", "").split("/")


def test_a_value_that_is_no_text(given: Callers) -> None:
    """Converters make other things; what they are written like is compared."""
    caller = protected(given.rbac)
    app = FastAPI()
    add_routes(app, caller, {"/users/{user:uuid}": ("GET",)})
    client = TestClient(app)
    assert get(client, f"/users/{UUID(SUB)}", "reader", given=given)[0] == 200
    # Older versions of Starlette take no such writing.
    assert get(client, f"/users/{SUB.upper()}", "reader", given=given)[0] in (403, 404)
