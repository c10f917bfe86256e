"""Documents that API Gateway keeps, read for the requests of somebody who wants more of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from api_gateway import ARN
from naive_gateway import iam_allows
from naive_policy import policy_of

from authorizer.gateway.iam import caller_document
from authorizer.policy.caller_document import CallerDocuments, Grants, Inexact

if TYPE_CHECKING:
    from authorizer.policy.decision import Policy

PREFIX = f"{ARN}/test/"


def documents(allow: list[str], routes: list[str], deny: tuple[str, ...] = ()) -> Grants | Inexact:
    """What a group's members get for an API."""
    policy = policy_for(allow, routes, deny)
    return CallerDocuments(policy).of(("g",), (), {"sub": "me", "username": "someone"})


def policy_for(allow: list[str], routes: list[str], deny: tuple[str, ...] = ()) -> Policy:
    """One group's, compiled for an API."""
    rules = "".join(f'\n      - "{rule}"' for rule in allow)
    denies = "".join(f'\n      - "{rule}"' for rule in deny)
    text = f"version: 1\ngroups:\n  g:\n    allow:{rules}\n    deny:{denies}\n"
    return policy_of(text, routes)


def test_a_client_cannot_choose_how_long_it_takes() -> None:
    """A path of repeated words takes as long as its length says, however many the stars."""
    found = documents(
        ["GET /{a}/x/{b}/x/{c}/x/{d}/y"], ["GET /{p}/x/{q}/x/{r}/x/{s}/y", "$default"]
    )
    assert isinstance(found, Grants)
    started = time.process_time()

    assert not found.allows("GET/" + "/".join(["x"] * 700))
    assert time.process_time() - started < 1


def test_a_large_api_makes_nobody_wait() -> None:
    """What takes long was done before: a request takes a few milliseconds, whatever comes of it."""
    routes = [
        f"GET /{{tenant}}/r{number}{path}"
        for number in range(60)
        for path in ("", "/{id}", "/{id}/sub/{sub}")
    ]
    policy = policy_for(routes[::2], routes)
    started = time.process_time()

    assert isinstance(CallerDocuments(policy).of(("g",), (), {"sub": "me"}), Inexact)
    assert time.process_time() - started < 1  # it took seconds


@pytest.mark.parametrize(
    ("granted", "others", "asked"),
    [
        pytest.param("GET /users/{id}", ["GET /users"], "GET/users/", id="the list"),
        pytest.param("GET /{x}/{y}", ["GET /a"], "GET/a/", id="under a parameter"),
        pytest.param("GET /a/{x}/keys/{k}", ["GET /a/{x}/keys"], "GET/a/1/keys/", id="deeper"),
        pytest.param("GET /a/{x}/b", ["GET /a/b"], "GET/a//b", id="slash twice"),
        pytest.param("GET /{x}/b", ["GET /b"], "GET//b", id="slash twice at the start"),
        pytest.param("ANY /{x}", ["GET /"], "GET//", id="nothing but slashes"),
    ],
)
def test_a_slash_too_many(granted: str, others: list[str], asked: str) -> None:
    """REST APIs give /users/ to the route /users: no parameter of another route allows that.

    Reported of AWS: https://github.com/aws-powertools/powertools-lambda-python/pull/1609
    """
    found = documents([granted], [granted, *others])

    assert isinstance(found, Grants)
    assert found.allow
    assert not iam_allows(caller_document(PREFIX, found.allow, found.deny), PREFIX + asked)


def test_a_slash_too_many_below_what_is_granted() -> None:
    """A /** grants its own path, too, unless that is denied: then with a slash it is, too."""
    found = documents(["GET /a/**"], ["GET /a", "GET /a/b", "GET /a/c"], ("GET /a",))

    assert isinstance(found, Grants)
    allowed = [
        path
        for path in ("a", "a/", "a//", "a/b")
        if iam_allows(caller_document(PREFIX, found.allow, found.deny), f"{PREFIX}GET/{path}")
    ]
    assert allowed == ["a/b"]


def test_a_route_that_ends_in_a_slash_is_one() -> None:
    """HTTP APIs have such routes, which are granted by their own name."""
    found = documents(["ANY /**"], ["GET /a/", "GET /a/{x}", "PUT /b"], ("PUT /b",))

    assert isinstance(found, Grants)
    assert iam_allows(caller_document(PREFIX, found.allow, found.deny), f"{PREFIX}GET/a/")


def test_the_root_is_the_default_routes() -> None:
    """No parameter is empty: GET/* does not allow the root, which goes to $default."""
    found = documents(["GET /{x}"], ["GET /{x}", "$default"])

    assert isinstance(found, Grants)
    assert iam_allows(caller_document(PREFIX, found.allow, found.deny), f"{PREFIX}GET/a")
    assert not iam_allows(caller_document(PREFIX, found.allow, found.deny), f"{PREFIX}GET/")


def test_a_root_that_is_granted_stays_so() -> None:
    """Beside $default, too, if it is a route of its own."""
    found = documents(["GET /{x}", "GET /"], ["GET /{x}", "GET /", "$default"])

    assert isinstance(found, Grants)
    assert iam_allows(caller_document(PREFIX, found.allow, found.deny), f"{PREFIX}GET/")
