"""Nearest alternatives: each really makes the policy allow, and none is told in vain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_policy import Body, NaivePolicy, policy_of

from authorizer.cli.analysis.alternatives import Kind, nearest_alternatives
from authorizer.cli.analysis.explanation import alternatives_in_words
from authorizer.cli.analysis.request import (
    Caller,
    Request,
    described_caller,
    parse_requests,
    resolve,
)
from authorizer.cli.analysis.simulator import Simulator, Verdict

WORDS = ["a", "b", "users", "admin"]
METHODS = ["GET", "PUT"]
NAMES = ["reader", "editor", "admin", "suspended"]
segments = st.sampled_from([*WORDS, "{id}", "{me=sub}", "{other=email}"])


@st.composite
def rules(draw: st.DrawFn) -> str:
    method = draw(st.sampled_from(["GET", "PUT", "GET,PUT", "ANY"]))
    parts = draw(st.lists(segments, max_size=3, unique=True))
    tail = draw(st.sampled_from(["", "", "/**"]))
    path = "".join(f"/{part}" for part in parts) + tail
    return f"{method} {path or '/'}"


bodies = st.builds(
    Body,
    allow=st.lists(rules(), max_size=3).map(tuple),
    deny=st.lists(rules(), max_size=1).map(tuple),
)


@st.composite
def policies(draw: st.DrawFn) -> NaivePolicy:
    groups = {name: draw(bodies) for name in NAMES}
    groups["editor"] = replace(groups["editor"], includes=("reader",))
    groups["admin"] = replace(groups["admin"], includes=("editor",))
    scopes = {"s/read": Body(allow=(draw(rules()),))}
    return NaivePolicy(groups=groups, scopes=scopes)


ROUTES = (
    *("GET /{id}", "ANY /users/{user}", "GET /users/admin", "PUT /a/b", "GET /a/{x}/b"),
    *("ANY /admin/{proxy+}", "$default"),
)
callers = st.builds(
    Caller,
    groups=st.lists(st.sampled_from([*NAMES, "stranger"]), max_size=2, unique=True).map(tuple),
    scopes=st.sampled_from([(), (), ("s/read",), ("unknown",)]),
    claims=st.fixed_dictionaries(
        {},
        optional={
            "sub": st.sampled_from(["a", "users", "42", 42]),
            "client_id": st.just("a"),
            "email": st.sampled_from(["b", "x@y"]),
        },
    ),
)
requests = st.builds(
    Request,
    method=st.sampled_from([*METHODS, "get", "DELETE"]),
    path=st.lists(
        st.sampled_from([*WORDS, "42", "%61", "a;b", "", "..", "user", "admni"]), max_size=3
    ).map(lambda parts: "/" + "/".join(parts)),
)


@settings(max_examples=examples(200), deadline=None)
@given(policies(), st.sampled_from([None, ROUTES, ROUTES[:-1]]), requests, callers)
def test_every_nearest_miss_is_true(
    naive: NaivePolicy, routes: tuple[str, ...] | None, request: Request, caller: Caller
) -> None:
    """Asked as the alternative says, by the caller whom it says, the policy allows the request."""
    policy = replace(naive.compiled(), routes=routes)
    simulator = Simulator(policy=policy, routes=routes)
    alternatives = nearest_alternatives(simulator, request, caller)

    if simulator.ask(request, caller).is_open:
        assert alternatives == ()
    for alternative in alternatives:
        assert _decide(policy, routes, alternative.request, alternative.caller).allowed
        assert simulator.ask(alternative.request, alternative.caller).is_open
        assert (alternative.request, alternative.caller) != (request, caller)
    assert all("\n" not in sentence for sentence in alternatives_in_words(simulator, alternatives))


def _decide(policy: Any, routes: Any, request: Request, caller: Caller) -> Any:
    """The policy's own decision, without the rulebook."""
    asked: dict[str, Any] = {"method": request.method, "path": request.path}
    if routes is not None:
        resolution = resolve(routes, request)
        if not resolution.readings:
            assert resolution.winner is not None
            asked["route"] = resolution.winner.template
            asked["path_parameters"] = resolution.winner.parameters
    return policy.decide(**asked, groups=caller.groups, scopes=caller.scopes, claims=caller.claims)


SAMPLE = """\
version: 1
groups:
  reader:
    allow:
      - GET /hello
      - GET,PATCH /users/{user=sub}
  editor:
    includes: [reader]
    allow: [POST /articles, "PUT /articles/{id}"]
  admin:
    includes: [editor]
    allow: [ANY /admin/**]
  suspended:
    deny: [ANY /**]
scopes:
  reports/read:
    allow: ["GET /reports/{id}"]
"""


def told(request: str, *, groups: str = "", scopes: str = "", **claims: Any) -> list[Any]:
    simulator = Simulator(policy=policy_of(SAMPLE))
    caller = described_caller(groups.split(), scopes.split(), claims)
    return list(nearest_alternatives(simulator, parse_requests(request)[0], caller))


@pytest.mark.parametrize(
    ("request_text", "caller", "kinds", "names"),
    [
        pytest.param("POST /articles", {"groups": "reader"}, [Kind.JOIN], ("editor",), id="join"),
        pytest.param(
            "GET /users/43", {"groups": "reader", "sub": "42"}, [Kind.PATH], ("sub",), id="own"
        ),
        pytest.param(
            "GET /users/43", {"groups": "reader"}, [Kind.CLAIM], ("sub",), id="no such claim"
        ),
        pytest.param(
            "GET /hello",
            {"groups": "reader suspended"},
            [Kind.LEAVE],
            ("suspended",),
            id="leave",
        ),
        pytest.param(
            "POST /articles",
            {"groups": "reader suspended"},
            [Kind.LEAVE, Kind.JOIN],
            ("editor",),
            id="leave one and join another",
        ),
        pytest.param(
            "GET /users/42",
            {"sub": "41"},
            [Kind.JOIN, Kind.PATH],
            ("sub",),
            id="join, and ask for one's own",
        ),
        pytest.param(
            "GET /users/42",
            {"groups": "suspended", "sub": "41"},
            [Kind.LEAVE, Kind.JOIN, Kind.PATH],
            ("sub",),
            id="leave one, join another, and ask for one's own",
        ),
        pytest.param("POST /hello", {"groups": "reader"}, [Kind.METHOD], ("GET",), id="method"),
        pytest.param(
            "GET /reports/7", {"groups": "admin"}, [Kind.SCOPE], ("reports/read",), id="machines"
        ),
        pytest.param(
            "GET /helo", {"groups": "reader"}, [Kind.SPELLING], ("/hello",), id="misspelt"
        ),
        pytest.param(
            "GET /%68ello", {"groups": "reader"}, [Kind.SPELLING], ("/hello",), id="encoded"
        ),
        pytest.param(
            "GET /hello/", {"groups": "reader"}, [Kind.SPELLING], ("/hello",), id="slash at the end"
        ),
    ],
)
def test_the_nearest_miss_comes_first(
    request_text: str, caller: dict[str, Any], kinds: list[Kind], names: tuple[str, ...]
) -> None:
    """What differs least is told first."""
    first = told(request_text, **caller)[0]
    assert list(first.kinds) == kinds
    assert first.changes[-1].names == names


def test_what_nobody_may_has_no_nearest_miss() -> None:
    """Nothing is made up where no caller would be allowed anything close."""
    assert told("GET /nowhere/at/all", groups="reader") == []


def test_groups_that_would_do_are_one_sentence() -> None:
    """The group that has the rule is named first, and then those that include it."""
    simulator = Simulator(policy=policy_of(SAMPLE))
    alternatives = nearest_alternatives(
        simulator, Request(method="POST", path="/articles"), Caller()
    )
    (sentence,) = alternatives_in_words(simulator, alternatives)
    assert sentence == (
        "policy.yaml:9 (group editor: POST /articles) would allow it to a member of editor, or of "
        "admin, which includes it"
    )


def test_a_deny_of_all_ones_groups_is_left_in_one_step() -> None:
    """Every group that brings a deny is to be left, not only the first."""
    simulator = Simulator(
        policy=policy_of(
            "version: 1\ngroups:\n  a: {allow: [GET /x]}\n  b: {deny: [ANY /**]}\n"
            "  c: {deny: [GET /x]}\n"
        )
    )
    caller = Caller(groups=("a", "b", "c"))
    (alternative,) = nearest_alternatives(simulator, Request(method="GET", path="/x"), caller)
    assert (alternative.kinds, alternative.changes[0].names) == ((Kind.LEAVE,), ("b", "c"))
    assert alternative.answer.verdict is Verdict.ALLOWED


@settings(max_examples=examples(200), deadline=None)
@given(policies(), requests, callers)
def test_an_answer_is_the_policys(naive: NaivePolicy, request: Request, caller: Caller) -> None:
    """Without routes, what the rulebook answers is what decide answers for the path."""
    simulator = Simulator(policy=naive.compiled())
    assert simulator.ask(request, caller).decision == _decide(
        simulator.policy, None, request, caller
    )
