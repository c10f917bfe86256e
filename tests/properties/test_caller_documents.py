"""Documents for all that a caller may do: they say what ``decide`` says, of every request.

The policies are random, and so are the APIs, the callers and the paths; the judges are an evaluator
of IAM documents, a router, and an evaluator of policies that share no code with what is tested.
"""

from __future__ import annotations

import dataclasses
import itertools
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import ARN, FLAVOURS, Call
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_gateway import candidates, iam_allows, parameters_of
from naive_policy import Body, NaivePolicy, Question, is_greedy, is_plain
from oracles import caller_document as oracle
from simulator import Clock, Cognito

from authorizer import Authorizer, JwksCache, TokenVerifier
from authorizer.authorizer import Verdict
from authorizer.gateway.events import Flavour
from authorizer.gateway.iam import caller_document
from authorizer.policy.caller_document import CallerDocuments, Grants, Inexact
from authorizer.settings import HttpApiAnswer, IamMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFIX = f"{ARN}/test/"
METHODS = ("GET", "PUT", "PROPFIND")
LITERALS = ("a", "b")
VALUES = ("a", "b", "c")
HOSTILE = ("", "a;b", "%2f", "..", "*", "é", "a b", "?")


def _paths(*segments: str, most: int = 3) -> list[str]:
    found = ["/"]
    for length in range(1, most + 1):
        for path in itertools.product(segments, repeat=length):
            names = [one for one in path if one.startswith("{")]
            if len(set(names)) == len(names):
                found.append("/" + "/".join(path))
    return found


TEMPLATES = [
    path.replace("{}", "{p0}", 1).replace("{}", "{p1}", 1).replace("{}", "{p2}", 1)
    for path in (
        "/" + "/".join(path)
        for length in range(4)
        for path in itertools.product((*LITERALS, "{}"), repeat=length)
    )
]
RULE_PATHS = [
    *TEMPLATES,
    *TEMPLATES,
    *(template.replace("{p0}", "{p0=sub}") for template in TEMPLATES if "{p0}" in template),
    *(template.replace("{p1}", "{p1=username}") for template in TEMPLATES if "{p1}" in template),
    *(
        template.replace("{p0}", "{p0=sub}").replace("{p1}", "{p1=username}")
        for template in TEMPLATES
        if "{p1}" in template
    ),
    *(
        "/**" if template == "/" else f"{template}/**"
        for template in TEMPLATES
        if "{p1}" not in template
    ),
]
PATHS = [
    *_paths(*VALUES),
    *(f"/{one}/{two}" for one in VALUES for two in HOSTILE),
    *(f"/{two}/{one}" for one in VALUES for two in HOSTILE),
    *(f"/{one}" for one in HOSTILE),
    *("/a/b/c/a", "/a/a/a/a", "/b/c/c/c/c", "/c/c/c/c"),
    *(f"{path}/" for path in _paths(*VALUES, most=2) if path != "/"),
]
CALLERS: tuple[dict[str, Any], ...] = (
    {"groups": ("reader",), "scopes": (), "claims": {"sub": "c", "username": "x"}},
    {"groups": ("reader",), "scopes": ("x",), "claims": {"sub": "a", "username": "c"}},
    {"groups": ("admin", "reader"), "scopes": (), "claims": {"sub": "b", "username": "x"}},
    {"groups": ("suspended", "admin"), "scopes": (), "claims": {"sub": "c", "username": "c"}},
    {"groups": ("admin",), "scopes": (), "claims": {"sub": "c", "username": "c"}},
    {"groups": ("reader",), "scopes": (), "claims": {"sub": "a b", "username": "x"}},
    {"groups": ("nobody",), "scopes": (), "claims": {"sub": "%61", "username": "x"}},
    {"groups": ("admin", "reader"), "scopes": (), "claims": {"sub": "c"}},
    {"groups": (), "scopes": ("x",), "claims": {"sub": "c", "client_id": "c"}},
)


def random_api(random: Random) -> tuple[NaivePolicy, tuple[str, ...]]:
    """A policy and an API that have to do with one another."""
    keys = {
        f"{random.choice(['GET', 'GET', 'GET', 'PUT', 'ANY'])} {random.choice(TEMPLATES)}"
        for _ in range(random.randrange(1, 9))
    }
    if random.random() < 0.25:
        keys.add(
            random.choice(["GET /a/{proxy+}", "ANY /{proxy+}", "GET /{p0}/{proxy+}", "$default"])
        )
    if random.random() < 0.25:  # as an HTTP API may have them; no rule names one
        slashed = [f"{template}/" for template in TEMPLATES if template != "/"]
        keys |= {f"{random.choice(['GET', 'PUT', 'ANY'])} {random.choice(slashed)}"}

    def rule(paths: list[str]) -> str:
        method = random.choice(["GET", "GET", "GET", "ANY", "PUT", "GET,PUT"])
        told = [key.partition(" ")[2] for key in sorted(keys) if not is_greedy(key)]
        plain = [path for path in told if path == "/" or path[-1] != "/"]
        path = random.choice(plain) if plain and random.random() < 0.6 else random.choice(paths)
        return f"{method} {path}"

    def body(most: int, denies: float) -> Body:
        return Body(
            allow=tuple(rule(RULE_PATHS) for _ in range(random.randrange(most))),
            deny=tuple(rule(RULE_PATHS) for _ in range(2) if random.random() < denies),
        )

    policy = NaivePolicy(
        groups={
            "reader": body(5, 0.1),
            "admin": dataclasses.replace(body(4, 0.1), includes=("reader",)),
            "suspended": Body(deny=(random.choice(["ANY /**", rule(RULE_PATHS)]),)),
        },
        scopes={"x": dataclasses.replace(body(4, 0), deny=())},
        routes=tuple(sorted(keys)),
    )
    return policy, tuple(sorted(keys))


def asked(key: str, method: str, path: str, caller: dict[str, Any]) -> Question:
    route = key if key == "$default" else key.partition(" ")[2]
    return Question(
        method=method, route=route, path=path, path_parameters=parameters_of(key, path), **caller
    )


def made_for(naive: NaivePolicy) -> Iterator[tuple[dict[str, Any], Grants]]:
    """Every document of each caller: the usual one, and the one in fewer globs."""
    documents = CallerDocuments(naive.compiled())
    for caller in CALLERS:
        grants = documents.of(**caller)
        while isinstance(grants, Grants):
            yield caller, grants
            if grants.smaller is None:
                break
            grants = grants.smaller


def counter_examples(naive: NaivePolicy, keys: Sequence[str]) -> list[str]:
    """Every request on which a document and the policy differ."""
    wrong = []
    for caller, grants in made_for(naive):
        document = caller_document(PREFIX, grants.allow, grants.deny)
        for method, path in itertools.product(METHODS, PATHS):
            resource = f"{method}{path}"
            allowed = iam_allows(document, PREFIX + resource)
            if allowed is not grants.allows(resource):
                wrong.append(f"{resource} is read otherwise by IAM: {document}")
            routes = candidates(keys, method, path)
            is_odd = path != "/" and "" in path[1:].split("/") and not routes
            is_wide = allowed and is_odd and grants.allow != ("*/*",)
            if is_wide and not is_granted_without_slash(naive, keys, method, path, caller):
                wrong.append(f"{resource} may be another route's: {document}")
            wrong += [
                f"{caller['groups']} {resource} on {key}: document says {allowed}\n"
                f"{naive}\n{document}"
                for key in routes
                if naive.allows(asked(key, method, path, caller)) is not allowed
            ]
    return wrong


def is_granted_without_slash(
    naive: NaivePolicy, keys: Sequence[str], method: str, path: str, caller: dict[str, Any]
) -> bool:
    """Whether a slash too many at the end opens nothing, in an API that has routes with one.

    There not all of them can be denied: whichever route it is without, must be granted.
    """
    has_slashed = any(key.endswith("/") and not key.endswith(" /") for key in keys)
    plain = path[:-1]
    return (
        has_slashed
        and path.endswith("/")
        and "" not in plain[1:].split("/")
        and all(
            naive.allows(asked(key, method, plain, caller))
            for key in candidates(keys, method, plain)
        )
    )


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 2**32))
def test_a_document_says_what_the_policy_says(seed: int) -> None:
    """For every route that may get a request, real paths and hostile ones alike, both agree."""
    assert counter_examples(*random_api(Random(seed))) == []


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 2**32))
def test_the_table_finds_whatever_was_found_without_it(seed: int) -> None:
    """A document that is worked out for one caller from the routes and the rules is there, too."""
    naive, keys = random_api(Random(seed))
    policy = naive.compiled()
    now, before = CallerDocuments(policy), oracle.CallerDocuments(policy, keys)
    for caller in CALLERS:
        found = now.of(**caller)
        if not isinstance(before.of(**caller), Inexact):
            # Before, a value was looked at when it was there: now it may be no word of a route.
            assert found is Inexact.CLAIM_NOT_LITERAL or isinstance(found, Grants), caller


def test_most_callers_have_a_document() -> None:
    """The property above is not an empty one: exact documents are made, with and without denies."""
    found: list[Grants] = []
    asked_for = 0
    for seed in range(150):
        naive, _ = random_api(Random(seed))
        documents = CallerDocuments(naive.compiled())
        made = [documents.of(**caller) for caller in CALLERS]
        asked_for += len(made)
        found += [one for one in made if isinstance(one, Grants)]

    assert len(found) > asked_for * 0.6
    assert sum(bool(one.allow) for one in found) > asked_for * 0.3
    assert sum(bool(one.deny) for one in found) > asked_for * 0.1


COGNITO = Cognito()
TOKENS = [
    COGNITO.token(
        sub=caller["claims"]["sub"],
        cognito_groups=list(caller["groups"]) or None,
    )
    for caller in CALLERS
    if caller["groups"] and caller["claims"]["sub"] != "a b"
]
KEYS = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
FOR_HTTP = ("http-2.0", "http-1.0", "rest-request", "rest-token")


def authorizer_of(naive: NaivePolicy) -> Authorizer:
    return Authorizer(
        TokenVerifier(COGNITO.pool(), keys=KEYS, clock=Clock()),
        naive.compiled(),
        http_api_answer=HttpApiAnswer.IAM,
        iam_modes=dict.fromkeys(Flavour, IamMode.CALLER),
    )


def is_settled(keys: tuple[str, ...], method: str, path: str) -> bool:
    """Whether it is known which route gets the request."""
    return len(candidates(keys, method, path)) == 1


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(FOR_HTTP), st.sampled_from(TOKENS), st.data())
def test_a_cached_document_answers_every_other_request(
    seed: int, flavour: str, token: str, data: st.DataObject
) -> None:
    """The document made for one request answers all others rightly, or covers it alone."""
    naive, keys = random_api(Random(seed))
    authorizer = authorizer_of(naive)

    def judged(key: str, method: str, path: str) -> Any:
        call = Call(
            method=method,
            route=key if key == "$default" else key.partition(" ")[2],
            path=path,
            parameters=parameters_of(key, path),
            authorization=f"Bearer {token}",
        )
        event = FLAVOURS[flavour](call)
        outcome = authorizer.judge(event)
        return outcome, event.get("methodArn") or event.get("routeArn")

    requests = [
        (key, method, path)
        for method, path in itertools.product(METHODS, PATHS)
        for key in candidates(keys, method, path)
        # A TOKEN authorizer is not told the route, and finds it out.
        if flavour != "rest-token" or (is_plain(path) and is_settled(keys, method, path))
    ]
    if not requests:
        return
    outcome, arn = judged(*data.draw(st.sampled_from(requests)))
    document = outcome.answer()["policyDocument"]
    others = [judged(*request) for request in Random(seed).sample(requests, min(60, len(requests)))]

    assert iam_allows(document, arn) is (outcome.verdict is Verdict.ALLOWED)
    for other, other_arn in others:
        if outcome.iam_mode is IamMode.REQUEST:
            assert not iam_allows(document, other_arn) or other_arn == arn
        else:
            assert iam_allows(document, other_arn) is (other.verdict is Verdict.ALLOWED)


@pytest.mark.parametrize("flavour", FOR_HTTP)
def test_both_modes_occur(flavour: str) -> None:
    """The property above sees documents of both kinds."""
    naive, keys = random_api(Random(3))
    authorizer = authorizer_of(naive)
    modes = {
        authorizer.judge(
            FLAVOURS[flavour](
                Call(
                    method="GET",
                    route=route,
                    path=path,
                    parameters={},
                    authorization=f"Bearer {token}",
                )
            )
        ).iam_mode
        for token in TOKENS
        for key in keys
        for route, path in [(key.partition(" ")[2], key.partition(" ")[2]), ("/x", "/x*")]
    }
    assert modes >= {IamMode.REQUEST, IamMode.CALLER}
