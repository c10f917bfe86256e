"""Powertools' Event Handler, with each of its resolvers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    CORSConfig,
    LambdaFunctionUrlResolver,
)
from aws_lambda_powertools.event_handler.api_gateway import Router
from hypothesis import given as for_any
from hypothesis import strategies as st
from protected import (
    NOT_PERMITTED,
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

from authorizer.middleware.powertools import caller_of, protected

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver

Event = dict[str, Any]


def proxied_http(method: str, path: str, authorization: str | None) -> Event:
    return http_api(method, f"/prod{path}", authorization, route="$default", stage="prod")


def proxied_rest(method: str, path: str, authorization: str | None) -> Event:
    proxy = {"proxy": path[1:]}
    return rest_api(method, path, authorization, route="/{proxy+}", **proxy)


KINDS: dict[str, tuple[Callable[..., ApiGatewayResolver], Callable[..., Event]]] = {
    "alb": (ALBResolver, alb),
    "alb, many values": (ALBResolver, alb_multi),
    "function url": (LambdaFunctionUrlResolver, function_url),
    "http api": (APIGatewayHttpResolver, proxied_http),
    "rest api": (APIGatewayRestResolver, proxied_rest),
}
ROUTES = {
    "/orders": ("GET", "POST"),
    "/orders/<id>": ("GET",),
    "/orders/mine": ("GET",),
    "/users/<user>": ("GET", "PATCH"),
    "/teams/<team>/members/<member>": ("GET",),
    "/files/shared/.+": ("GET",),
    "/admin/users": ("GET",),
    "/v1.0/notes/<id>": ("GET",),
}


def application(rbac: Any, make: Callable[..., ApiGatewayResolver], **options: Any) -> Any:
    """Each of its routes says which one it is, and who called."""
    app = make(**options)
    app.use(middlewares=[protected(rbac)])
    for rule, methods in ROUTES.items():

        def route(rule: str = rule, **values: str) -> dict[str, Any]:
            return {"rule": rule, "values": values, "caller": caller_of(app).username}

        app.route(rule, method=list(methods))(route)
    return app


def answered(app: Any, event: Event) -> tuple[int, Any]:
    answer = app.resolve(event, None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_gets_to_the_route(given: Callers, kind: str) -> None:
    """And the route knows who called."""
    make, event = KINDS[kind]
    app = application(given.rbac, make)
    status, body = answered(app, event("GET", f"/users/{SUB}", given.bearer("reader")))
    assert (status, body) == (
        200,
        {"rule": "/users/<user>", "values": {"user": SUB}, "caller": "alice"},
    )
    assert answered(app, event("GET", "/users/bob", given.bearer("reader")))[0] == 403


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_not_does_not(given: Callers, kind: str) -> None:
    """By RFC 6750, in the form of each resolver."""
    make, event = KINDS[kind]
    app = application(given.rbac, make)
    answer = app.resolve(event("POST", "/orders", given.bearer("reader")), None)
    assert answer["statusCode"] == 403
    assert header(answer, "WWW-Authenticate") == NOT_PERMITTED
    assert json.loads(answer["body"]) == {"message": "Forbidden"}
    for wrong, (authorization, expected) in bad_authorizations(given).items():
        answer = app.resolve(event("GET", "/orders", authorization), None)
        assert (answer["statusCode"], header(answer, "WWW-Authenticate")) == (401, expected), wrong


def test_two_tokens_are_a_bad_request(given: Callers) -> None:
    """RFC 6750, 3.1."""
    bearer = given.bearer("admin")
    answer = application(given.rbac, ALBResolver).resolve(
        alb_multi("GET", "/orders", bearer, bearer), None
    )
    assert (answer["statusCode"], header(answer, "WWW-Authenticate")) == (400, TWO_TOKENS)


def test_keys_out_of_reach_are_our_failure() -> None:
    """Never open."""
    with callers() as given:
        given.server.status = 500
        answer = application(given.rbac, ALBResolver).resolve(
            alb("GET", "/orders", given.bearer("reader")), None
        )
    assert (answer["statusCode"], header(answer, "Retry-After")) == (503, "10")


def test_a_rule_for_a_parameter_is_none_for_a_literal_route(given: Callers) -> None:
    """What Powertools chose counts: nothing grants /orders/mine."""
    app = application(given.rbac, ALBResolver)
    assert answered(app, alb("GET", "/orders/7", given.bearer("reader")))[0] == 200
    assert answered(app, alb("GET", "/orders/mine", given.bearer("reader")))[0] == 403


def test_what_has_no_route_is_not_told_to_strangers(given: Callers) -> None:
    """All routes are behind the middleware, and so is the one for those that are none."""
    app = application(given.rbac, ALBResolver)
    assert answered(app, alb("GET", "/nowhere", None))[0] == 401
    assert answered(app, alb("GET", "/nowhere", given.bearer("reader")))[0] == 403
    assert answered(app, alb("GET", "/admin/nowhere", given.bearer("admin")))[0] == 404


def test_prefixes_are_no_part_of_the_path(given: Callers) -> None:
    """Powertools takes them off before it looks for the route, and so does the policy."""
    app = application(given.rbac, ALBResolver, strip_prefixes=["/api"])
    assert answered(app, alb("GET", "/api/orders", given.bearer("reader")))[0] == 200
    assert answered(app, alb("GET", "/api/admin/users", given.bearer("reader")))[0] == 403
    assert answered(app, alb("GET", "/orders/api/7", given.bearer("reader")))[0] == 403


def test_routes_of_a_router_have_their_prefix(given: Callers) -> None:
    """The whole rule counts; the caller is known there, too."""
    router = Router()  # type: ignore[no-untyped-call]

    def users() -> dict[str, Any]:
        return {"caller": caller_of(router).username}

    router.get("/users")(users)
    app: Any = ALBResolver()
    app.use(middlewares=[protected(given.rbac)])
    app.include_router(router, prefix="/admin")
    status, body = answered(app, alb("GET", "/admin/users", given.bearer("admin")))
    assert (status, body) == (200, {"caller": "alice"})
    assert answered(app, alb("GET", "/admin/users", given.bearer("editor")))[0] == 403


def test_an_open_route_has_no_caller(given: Callers) -> None:
    """Also after a request that had one, where an error kept Powertools from forgetting it."""
    app: Any = ALBResolver()

    def who() -> dict[str, Any]:
        return {"caller": caller_of(app).username}

    app.get("/orders", middlewares=[protected(given.rbac)])(who)
    app.get("/health")(who)

    assert answered(app, alb("GET", "/orders", given.bearer("reader")))[0] == 200
    with pytest.raises(LookupError):
        app.resolve(alb("GET", "/health", given.bearer("reader")), None)
    app.context["authorizer_caller"] = object(), "alice"
    with pytest.raises(LookupError):
        app.resolve(alb("GET", "/health", None), None)


def test_a_preflight_is_answered_where_routes_have_the_middleware(given: Callers) -> None:
    """It has no token. With the middleware for all, nobody's is answered."""
    app: Any = ALBResolver(cors=CORSConfig(allow_origin="https://www.example.com"))

    app.get("/orders", middlewares=[protected(given.rbac)])(dict)
    assert app.resolve(alb("OPTIONS", "/orders", None), None)["statusCode"] == 204
    app = application(given.rbac, ALBResolver, cors=CORSConfig())
    assert app.resolve(alb("OPTIONS", "/orders", None), None)["statusCode"] == 401


PIECES = st.sampled_from(
    [
        *("orders", "mine", "7", "users", SUB, "files", "shared", "admin", "teams", "members"),
        *("", ".", "..", "%61dmin", "%2e%2e", "%2f", "admin%2fusers", ";a", "*", "{id}", "<id>"),
        *("%00", "\\", "caf%c3%a9", "a b", "%20", "%2561dmin", "v1.0", "v1x0", "notes", "\n"),
    ]
)
PATHS = st.builds("{}{}".format, st.sampled_from(["/", "", "//"]), st.lists(PIECES).map("/".join))
GRANTED = {
    *("/orders", "/orders/<id>", "/users/<user>", "/teams/<team>/members/<member>"),
    *("/files/shared/.+", "/v1.0/notes/<id>"),
}


@for_any(path=PATHS, kind=st.sampled_from(list(KINDS)))
def test_no_spelling_of_a_path_gets_to_what_is_not_granted(
    given: Callers, path: str, kind: str
) -> None:
    """Whatever the client writes: the route that runs is one that the policy grants."""
    make, event = KINDS[kind]
    status, body = answered(
        application(given.rbac, make), event("GET", path, given.bearer("reader"))
    )
    assert status in (200, 403)
    if status == 200:
        assert body["rule"] in GRANTED
        assert "user" not in body["values"] or body["values"]["user"] == SUB
