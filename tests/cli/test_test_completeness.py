"""Complete cases: an unlisted route that lets the caller in is found, whatever the values."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive_policy import Body, NaivePolicy, policy_of

from authorizer.cli.analysis.cases import Case, Expectation
from authorizer.cli.analysis.request import Caller, Request, parse_requests, resolve
from authorizer.cli.analysis.simulator import Simulator
from authorizer.cli.location import Location
from authorizer.cli.testing.runner import implied

HERE = Location(file="t.yaml", line=1, column=1)
ROUTES = ("GET /{id}", "ANY /a/{x}", "GET /a/b", "PUT /a/b/{x}", "GET /c/{proxy+}", "ANY /d/{x}/e")
VALUES = ("a", "b", "c", "d", "e", "me", "you", "zz")
parts = st.sampled_from(["a", "b", "c", "d", "e", "{id}", "{me=sub}", "{it=email}"])


@st.composite
def rules(draw: st.DrawFn) -> str:
    method = draw(st.sampled_from(["GET", "PUT", "ANY"]))
    path = "".join(f"/{part}" for part in draw(st.lists(parts, max_size=3, unique=True)))
    return f"{method} {path + draw(st.sampled_from(['', '', '/**'])) or '/'}"


def case(caller: Caller, *listed: str) -> Case:
    expectations = tuple(
        Expectation(request=request, allowed=True, location=HERE)
        for text in listed
        for request in parse_requests(text)
    )
    return Case(name="x", location=HERE, caller=caller, expectations=expectations, is_complete=True)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(rules(), min_size=1, max_size=4), st.lists(rules(), max_size=1))
@example(allow=["GET /c/a/**"], deny=["GET /c/a"])
@example(allow=["GET /c/a/b/**"], deny=["GET /c/a/b"])
def test_no_open_route_is_overlooked(allow: list[str], deny: list[str]) -> None:
    """A route is found open exactly if one of all its paths of a few values is open."""
    naive = NaivePolicy(groups={"g": Body(allow=tuple(allow), deny=tuple(deny))})
    simulator = Simulator(policy=replace(naive.compiled(), routes=ROUTES), routes=ROUTES)
    caller = Caller(groups=("g",), claims={"sub": "me", "email": "you"})

    found = {
        one.route
        for one in implied(simulator, case(caller))
        if simulator.ask(one.request, caller).is_open
    }
    paths = ["/" + "/".join(path) for size in range(4) for path in product(VALUES, repeat=size)]
    # Rules have three segments at most, so that one more stands for all that is longer.
    paths += [f"/{'/'.join(path)}/zz" for path in product(VALUES, repeat=3)]
    requests = [Request(method=method, path=path) for method in ("GET", "PUT") for path in paths]
    reached = {request: resolve(ROUTES, request).winner for request in requests}
    open_routes = {
        winner.key
        for request, winner in reached.items()
        if winner is not None and simulator.ask(request, caller).is_open
    }
    assert found == open_routes


@pytest.mark.parametrize(
    ("routes", "denies", "open_path"),
    [
        pytest.param(("GET /c/{proxy+}",), "GET /c/a", "/c/a/-any-", id="deny of the path itself"),
        pytest.param(
            ("GET /c/{proxy+}",),
            "GET /c/a, 'GET /c/a/{x}/{y}/**'",
            "/c/a/-any-",
            id="denies before and after",
        ),
        pytest.param(
            ("GET /c/{proxy+}", "GET /c/a"), "", "/c/a/-any-", id="another route for the path"
        ),
        pytest.param(("$default",), "GET /c/a, 'GET /c/a/{x}'", "/c/a/-any-/-any-", id="$default"),
    ],
)
def test_what_is_left_below_a_path_is_found(
    routes: tuple[str, ...], denies: str, open_path: str
) -> None:
    """Where denies and other routes take some of a /** away, the rest of it is asked for."""
    text = f"version: 1\ngroups: {{g: {{allow: ['GET /c/a/**'], deny: [{denies}]}}}}\n"
    simulator = Simulator(policy=replace(policy_of(text), routes=routes), routes=routes)
    caller = Caller(groups=("g",))
    found = {one.route: one.request for one in implied(simulator, case(caller))}
    assert found[routes[0]] == Request(method="GET", path=open_path)
    assert simulator.ask(found[routes[0]], caller).is_open


SAMPLE = """\
version: 1
groups:
  reader: {allow: [GET /hello, "GET,PATCH /users/{user=sub}", "ANY /admin/**", $connect]}
public: [GET /health]
"""


def unlisted(routes: tuple[str, ...] | None, *listed: str) -> list[tuple[str | None, str]]:
    simulator = Simulator(policy=policy_of(SAMPLE), routes=routes)
    caller = Caller(groups=("reader",), claims={"sub": "42"})
    return [(one.route, str(one.request)) for one in implied(simulator, case(caller, *listed))]


def test_without_a_template_the_policy_names_the_routes() -> None:
    """Each once, with the path that is open where one is; what is listed is left out."""
    assert unlisted(None, "GET /hello", "ANY /admin", "GET /users/42", "$connect") == [
        ("PATCH /users/{user}", "PATCH /users/42"),
        ("ANY /admin/{proxy+}", "GET /admin/-any-"),
    ]


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        pytest.param((), ["GET /x", "ANY /y"], id="none"),
        pytest.param(("GET /x", "GET /y"), ["ANY /y"], id="a method of ANY"),
        pytest.param(("GET /x", "ANY /y"), [], id="every method of ANY"),
        pytest.param(("PUT /x",), ["GET /x", "ANY /y"], id="another method"),
    ],
)
def test_a_route_is_listed_by_method(listed: tuple[str, ...], left: list[str]) -> None:
    """ANY is listed when each of its methods is."""
    assert [route for route, _ in unlisted(("GET /x", "ANY /y"), *listed)] == left


def test_public_routes_and_messages_ask_nobody() -> None:
    """Public routes are open by intent, and a WebSocket API's messages have no authorizer."""
    assert unlisted(("GET /health", "sendMessage", "$disconnect", "$connect")) == [
        ("$connect", "$connect")
    ]


def test_the_default_route_is_every_other_path() -> None:
    """It counts as open if a path that no other route takes is."""
    assert unlisted(("GET /hello", "$default"), "GET /hello") == [
        ("$default", "GET /users/42"),
    ]
