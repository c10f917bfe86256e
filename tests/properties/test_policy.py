"""What holds for every policy, caller and request, and not just for those one thinks of."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import FLAVOURS, Call
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive_policy import Body, NaivePolicy, Question, is_plain, read_document, segments_of
from simulator import Clock, Cognito

from authorizer import (
    Authorizer,
    AuthorizerError,
    Decision,
    JwksCache,
    MalformedRequestError,
    Policy,
    Request,
    TokenVerifier,
)
from authorizer.authorizer import Verdict
from authorizer.cli.policy_file import dump_policy, load_document
from authorizer.gateway.events import parse_request
from authorizer.policy.paths import safe_segments
from authorizer.settings import HttpApiAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

# Few names, so that rules, routes and paths meet.
LITERALS = ("a", "b")
GROUPS = ("reader", "admin", "suspended")

claim_values = st.sampled_from(["a", "b", "c", "%61", "é", "", 7, None, ["a"], {"a": "a"}])
claims = st.dictionaries(
    st.sampled_from(["sub", "client_id", "username", "cognito:groups"]), claim_values, max_size=3
)


def _unique(path: tuple[str, ...]) -> bool:
    """A parameter's name may stand in a path once, with a claim or without."""
    names = [one.strip("{}").partition("=")[0] for one in path if one.startswith("{")]
    return len(set(names)) == len(names)


def _paths(*segments: str) -> list[str]:
    """Every path of one or two of the segments."""
    return [
        "/" + "/".join(path)
        for length in (1, 2)
        for path in itertools.product(segments, repeat=length)
        if _unique(path)
    ]


# Drawn from lists made once: that is faster than composing each of them.
PATTERNS = _paths(*LITERALS, "{id}", "{user=sub}")
RULE_PATHS = ["/", "/**", *PATTERNS, *PATTERNS, *(f"{path}/**" for path in PATTERNS)]
rules = st.builds(
    "{} {}".format,
    st.sampled_from(["GET", "GET", "ANY", "PUT", "GET,PUT"]),
    st.sampled_from(RULE_PATHS),
)
public_rules = st.sampled_from([f"GET {path}" for path in _paths("a", "{id}")])
rule_lists = st.lists(
    st.one_of(rules, rules, rules, st.just("$connect")), min_size=1, max_size=5
).map(tuple)
bodies = st.builds(
    Body,
    includes=st.lists(st.sampled_from(GROUPS), max_size=2).map(tuple),
    allow=rule_lists,
    deny=st.lists(st.one_of(rules, rules, st.just("$connect")), max_size=1).map(tuple),
)
policies = st.builds(
    NaivePolicy,
    groups=st.fixed_dictionaries(dict.fromkeys(GROUPS, bodies)),
    scopes=st.dictionaries(
        st.sampled_from(["reports/read", "x"]), st.builds(Body, allow=rule_lists), max_size=2
    ),
    public=st.lists(public_rules, max_size=2).map(tuple),
)

values = st.sampled_from([*LITERALS, "c", "%61", "%C3%A9", "é"])
hostile_values = st.sampled_from(
    [
        "",
        ".",
        "..",
        "a;b",
        "*",
        "?",
        "{id}",
        "%2f",
        "%2E",
        "%c0%af",
        "a b",
        "a%20b",
        "\\",
        "%",
        "\t",
    ]
)
concrete_paths = st.lists(st.one_of(values, values, values, hostile_values), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
# An HTTP API may have routes that end in a slash, which no rule names, and a rule with /** covers.
SLASHED = ["/a/", "/{id}/", "/a/b/", "/{id}/b/"]
ROUTES = ["/", *_paths(*LITERALS, "{id}", "{user}"), *SLASHED]
routes = st.sampled_from(
    [*ROUTES, "/{rest+}", *(f"{route}/{{rest+}}" for route in ROUTES if route[-1] != "/")]
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Mostly a route with one of its paths, so that much is allowed; now and then anything."""
    kind = draw(st.sampled_from(["route", "route", "path", "wild", "connect"]))
    route: str | None = None
    path: str | None = draw(concrete_paths)
    extracted: dict[str, str] = {}
    if kind == "route":
        route = draw(routes)
        parts = []
        for segment in route[1:].split("/") if route != "/" else []:
            value = draw(values) if segment.startswith("{") else segment
            parts.append(value)
            if segment.startswith("{") and not segment.endswith("+}"):
                extracted[segment[1:-1]] = value
        path = "/" + "/".join(parts)
    elif kind == "path":
        route = draw(st.sampled_from([None, "$default"]))
    elif kind == "wild":
        route = draw(st.none() | routes)
        path = draw(st.none() | concrete_paths | st.text(max_size=8))
        extracted = draw(st.dictionaries(st.sampled_from(["id", "user"]), values, max_size=2))
    else:
        route, path = "$connect", None
    return Question(
        method=draw(st.sampled_from([*["GET"] * 6, "PUT", "ANY", "HEAD", "get", "*", ""])),
        route=route,
        path=path,
        path_parameters=extracted,
        groups=tuple(draw(st.lists(st.sampled_from([*GROUPS, "Reader", "*"]), max_size=2))),
        scopes=tuple(draw(st.lists(st.sampled_from(["reports/read", "x", "y"]), max_size=2))),
        claims=draw(claims),
    )


def decide(policy: Policy, asked: Question) -> Decision:
    return policy.decide(**dataclasses.asdict(asked))


@settings(max_examples=examples(300), deadline=None)
@given(policies, questions())
def test_decide_is_what_the_rules_say(naive: NaivePolicy, asked: Question) -> None:
    """The indexed decision is that of an evaluator that reads every rule."""
    decision = decide(naive.compiled(), asked)

    assert decision.allowed is naive.allows(asked)
    assert (decision.reason is None) is decision.allowed


CALLERS: tuple[dict[str, Any], ...] = (
    {"groups": ("reader",), "scopes": ("x",), "claims": {"username": "x", "sub": "b"}},
    {"groups": ("admin", "suspended"), "scopes": (), "claims": {"sub": "é"}},
    {"groups": (), "scopes": ("reports/read", "x"), "claims": {"sub": "b", "client_id": "b"}},
    {"groups": (), "scopes": ("reports/read", "x"), "claims": {"sub": "%C3%A9"}},
    {"groups": (), "scopes": ("x",), "claims": {"sub": "c", "username": "x"}},
)


def _targets(path: str) -> Iterator[tuple[str | None, dict[str, str]]]:
    """Every route that API Gateway could have matched for a path, and what it extracts."""
    yield None, {}
    yield "$default", {}
    parts = segments_of(path)
    names = ["/", *_paths(*LITERALS, "{id}"), "/{id}/{user}"]
    for route in [*names, *SLASHED, "/{rest+}", *(f"{route}/{{rest+}}" for route in names[1:])]:
        template = segments_of(route)
        greedy = route.endswith("+}")
        known = template[:-1] if greedy else template
        fits = len(known) < len(parts) if greedy else len(known) == len(parts)
        pairs = list(zip(known, parts, strict=False))
        if fits and all(own == value or own.startswith("{") for own, value in pairs):
            yield route, {own[1:-1]: value for own, value in pairs if own.startswith("{")}


GRID = [
    Question(method="GET", route=route, path=path, path_parameters=extracted, **caller)
    for path in (
        "/",
        "/a",
        "/c",
        "/a/b",
        "/c/b",
        "/c/a",
        "/a/%C3%A9",
        "/a/b/c",
        "/c/b/a",
        "/a/",
        "/c/",
        "/a/b/",
    )
    for route, extracted in _targets(path)
    for caller in CALLERS
]


# Where most depends on which route it is.
UNTOLD = [asked for asked in GRID if asked.route is None]
KEYS = [
    f"{method} {route}"
    for method in ("GET", "ANY", "PUT")
    for route in [*ROUTES, "/{rest+}", "/a/{rest+}", "/{id}/{rest+}", "/{id}/b/{rest+}"]
]


def _random_policy(random: Random, *, knows_routes: bool) -> NaivePolicy:
    """A policy as dense as the grid; hypothesis likes small ones better."""
    keys = random.sample([*KEYS, "$default"], k=random.randrange(2, 9)) if knows_routes else []
    plain = (key.partition(" ")[2] for key in keys if not key.endswith(("+}", "$default")))
    paths = [path for path in plain if path == "/" or path[-1] != "/"]

    def some(count: int) -> tuple[str, ...]:
        return tuple(
            f"{random.choice(['GET', 'GET', 'ANY', 'PUT'])} "
            f"{random.choice(paths if paths and random.random() < 0.5 else RULE_PATHS)}"
            for _ in range(random.randrange(count))
        )

    return NaivePolicy(
        groups={
            name: Body(
                includes=tuple(random.choices(GROUPS, k=random.randrange(2))),
                allow=some(5),
                deny=some(3) if random.random() < 0.7 else (),
            )
            for name in GROUPS
        },
        scopes={"x": Body(allow=some(5))},
        # With the routes known, what is public is one of them.
        public=() if knows_routes else (f"GET {random.choice(['/a', '/a/b', '/{id}'])}",),
        routes=tuple(keys) if knows_routes else None,
    )


@pytest.mark.parametrize("knows_routes", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_decide_is_what_the_rules_say_everywhere(seed: int, *, knows_routes: bool) -> None:
    """The same for any route that could have been matched for a path, and for five callers."""
    random = Random(seed)
    for _ in range(examples(200)):
        naive = _random_policy(random, knows_routes=knows_routes)
        policy = naive.compiled()

        some = [*UNTOLD, *random.sample(GRID, 50)]
        wrong = [asked for asked in some if decide(policy, asked).allowed != naive.allows(asked)]
        assert wrong == [], naive


@settings(max_examples=examples(300), deadline=None)
@given(concrete_paths | st.text("/%.aéCc0AF39;*?#{}\\ \x00\x85\u2028", max_size=12))
@example("")
@example("//")
def test_a_path_is_safe_if_it_reads_one_way(path: str) -> None:
    """What passes as a safe path is what passes a plain list of bad things."""
    assert (safe_segments(path) is not None) is is_plain(path)


@settings(max_examples=examples(100), deadline=None)
@given(policies, questions(), st.sampled_from(GROUPS), rules)
def test_a_deny_never_widens(naive: NaivePolicy, asked: Question, group: str, rule: str) -> None:
    """Adding a deny turns no refusal into an allow."""
    body = naive.groups[group]
    stricter = {**naive.groups, group: dataclasses.replace(body, deny=(*body.deny, rule))}

    if decide(dataclasses.replace(naive, groups=stricter).compiled(), asked).allowed:
        assert decide(naive.compiled(), asked).allowed


@settings(max_examples=examples(100), deadline=None)
@given(policies, questions(), st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=3))
def test_unknown_groups_change_nothing(
    naive: NaivePolicy, asked: Question, names: list[str]
) -> None:
    """A caller with further groups that the policy does not know is the same caller."""
    unknown = [name for name in names if name not in GROUPS]
    # Groups make a user of a machine, which is not what is asked here.
    asked = dataclasses.replace(asked, groups=(*asked.groups, "reader"))
    more = dataclasses.replace(asked, groups=(*unknown, *asked.groups))
    policy = naive.compiled()

    assert decide(policy, more) == decide(policy, asked)


@settings(max_examples=examples(100), deadline=None)
@given(policies, questions())
def test_names_of_parameters_mean_nothing(naive: NaivePolicy, asked: Question) -> None:
    """A rule says the same whatever it calls its parameters."""

    def renamed(rules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rule.replace("{id", "{x").replace("{user", "{y") for rule in rules)

    other = dataclasses.replace(
        naive,
        groups={
            name: dataclasses.replace(body, allow=renamed(body.allow), deny=renamed(body.deny))
            for name, body in naive.groups.items()
        },
        scopes={
            name: dataclasses.replace(body, allow=renamed(body.allow))
            for name, body in naive.scopes.items()
        },
        public=renamed(naive.public),
    )

    ours, theirs = decide(naive.compiled(), asked), decide(other.compiled(), asked)
    assert (ours.allowed, ours.reason) == (theirs.allowed, theirs.reason)


@settings(max_examples=examples(100), deadline=None)
@given(policies, questions(), st.data())
def test_order_means_nothing(naive: NaivePolicy, asked: Question, data: st.DataObject) -> None:
    """Neither the order of rules and groups in the file nor that of a token's groups matters."""

    def shuffled(items: Any) -> Any:
        return tuple(data.draw(st.permutations(list(items))))

    other = NaivePolicy(
        groups={
            name: Body(
                includes=shuffled(body.includes),
                allow=shuffled(body.allow),
                deny=shuffled(body.deny),
            )
            for name, body in shuffled(naive.groups.items())
        },
        scopes=dict(shuffled(naive.scopes.items())),
        public=shuffled(naive.public),
    )
    asked_otherwise = dataclasses.replace(
        asked, groups=shuffled(asked.groups), scopes=shuffled(asked.scopes)
    )

    assert decide(other.compiled(), asked_otherwise) == decide(naive.compiled(), asked)


@settings(max_examples=examples(100), deadline=None)
@given(policies)
def test_the_compiled_form_loads_as_what_was_compiled(naive: NaivePolicy) -> None:
    """Compiling a YAML spelling of a policy and loading the result is the identity."""
    text = json.dumps({"version": 1, **_without_lines(naive)}, indent=1)
    document, problems = read_document(text.encode())
    cycles = [problem for problem in problems if "cycle" in problem.message]

    assert problems == cycles  # what is drawn here is wrong in no other way
    loaded = Policy.parse(dump_policy(document))
    assert dataclasses.replace(loaded, digest="") == dataclasses.replace(
        naive.compiled(), digest="", rules=loaded.rules
    )
    assert [(rule.effect, rule.subject, rule.pattern) for rule in loaded.rules] == [
        (rule.effect, rule.subject, rule.pattern) for rule in naive.compiled().rules
    ]


def _without_lines(naive: NaivePolicy) -> dict[str, Any]:
    return {
        "groups": {
            name: {"includes": body.includes, "allow": body.allow, "deny": body.deny}
            for name, body in naive.groups.items()
        },
        "scopes": {name: {"allow": body.allow} for name, body in naive.scopes.items()},
        "public": naive.public,
    }


yaml_pieces = st.sampled_from(
    [
        *("version: 1\n", "groups:\n", "scopes:\n", "public:\n", "  reader:\n", "  admin: {}\n"),
        *("    allow:\n", "    deny:\n", "    includes: [reader]\n", "      - GET /a/{id}\n"),
        *("      - GET //**\n", "- x\n", "? ", ": ", "- ", "  ", "\n", "\t", "{", "}", "[", "]"),
        *("&a ", "*a ", "<<: ", "!!binary ", "!x ", "|\n", ">-\n", "'", '"', "\\U00110000"),
        *('"\\ud800"', '"\\UFFFFFFFF"', "%YAML 1.2\n", "%TAG ! x\n", "---\n", "...\n", "\ufeff"),
        *("~", "null", "no", "1e3", "#", ",", "\x00", "\x85", "\u2028", "é", "\U0001f600"),
    ]
)


@settings(max_examples=examples(400), deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(yaml_pieces, max_size=14).map("".join).map(str.encode)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(b'version: 1\ngroups:\n  "\\U00110000": {}\n')
@example(b'version: 1\ngroups:\n  "\\UFFFFFFFF": {}\n')
@example(b'version: 1\ngroups:\n  "\\ud800": {}\n')
@example(b"%YAML 1." + b"9" * 5000 + b"\n---\nversion: 1")
@example(b"[" * 1_000)
@example(b"&a [*a]")
def test_any_bytes_are_a_policy_or_located_problems(data: bytes) -> None:
    """Whatever stands in policy.yaml, it compiles to what loads, or says where it is wrong."""
    document, problems = read_document(data)

    if problems:
        lines = (
            data.count(b"\n") + data.count(b"\r") + data.count(b"\x85") + data.count(b"\xe2") + 1
        )
        assert all(1 <= problem.location.line <= lines for problem in problems)
        assert all(problem.location.column >= 1 and problem.message for problem in problems)
        assert not any("\n" in problem.message for problem in problems)
    else:
        Policy.parse(dump_policy(document))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
spoilt_events = st.builds(
    lambda flavour, changes: {**FLAVOURS[flavour](Call()), **changes},
    st.sampled_from(sorted(FLAVOURS)),
    st.dictionaries(
        st.sampled_from(
            [
                *("version", "type", "routeArn", "methodArn", "routeKey", "resource", "httpMethod"),
                *("headers", "multiValueHeaders", "requestContext", "pathParameters"),
                "authorizationToken",
            ]
        ),
        json_values,
        min_size=1,
        max_size=2,
    ),
)


@settings(max_examples=examples(300), deadline=None)
@given(json_values | spoilt_events)
def test_any_json_is_a_request_or_malformed(event: Any) -> None:
    """An event of any shape is read, or refused as malformed; nothing else is ever raised."""
    read = Request
    try:
        read = type(parse_request(event))
    except MalformedRequestError as error:
        message = str(error)
    else:
        message = ""
    assert read is Request
    assert not message or message.startswith("expected ")


COGNITO = Cognito()
POLICY = NaivePolicy(
    groups={
        "reader": Body(allow=("GET /articles/{id}", "GET /users/{user=sub}/**", "$connect")),
        "admin": Body(allow=("ANY /**",)),
    }
).compiled()
AUTHORIZERS = {
    answer: Authorizer(
        TokenVerifier(
            COGNITO.pool(),
            keys=JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock()),
            clock=Clock(),
        ),
        POLICY,
        http_api_answer=answer,
    )
    for answer in HttpApiAnswer
}
TOKEN = COGNITO.token(cognito_groups=["admin"])

nasty_text = st.text(max_size=12) | st.text(
    st.sampled_from("/%2eF;*?$:#.\\{}@ \t\n\x00\ud800é"), max_size=12
)
calls = st.builds(
    Call,
    method=st.sampled_from(["GET", "GET", "PUT"]) | nasty_text,
    route=st.sampled_from(["/articles/{id}", "/{proxy+}", "$default", "/users/{user}/x"]),
    path=nasty_text.map(lambda text: f"/{text}") | st.sampled_from(["/articles/1", "/a*b", "/$x"]),
    parameters=st.dictionaries(st.sampled_from(["id", "user", "proxy"]), nasty_text, max_size=2),
    authorization=st.one_of(
        st.none(),
        st.just(f"Bearer {TOKEN}"),
        st.just(f"Bearer {TOKEN}"),
        nasty_text,
        nasty_text.map(lambda text: f"Bearer {text}"),
    ),
)


@settings(max_examples=examples(300), deadline=None)
@given(calls, st.sampled_from(sorted(FLAVOURS)), st.sampled_from(HttpApiAnswer))
def test_nothing_but_our_errors_leaves_the_authorizer(
    call: Call, flavour: str, answer: HttpApiAnswer
) -> None:
    """Whatever stands in header, path and method, there is an answer or an error of ours."""
    event = FLAVOURS[flavour](call)
    try:
        outcome = AUTHORIZERS[answer].judge(event)
        json.dumps(outcome.answer())
    except AuthorizerError:
        return
    assert outcome.verdict is not Verdict.ALLOWED or call.authorization == f"Bearer {TOKEN}"


@settings(max_examples=examples(300), deadline=None)
@given(calls, st.sampled_from(sorted(FLAVOURS)), st.data())
def test_a_document_allows_the_decided_request_alone(
    call: Call, flavour: str, data: st.DataObject
) -> None:
    """If IAM reads a document as allowing an ARN, then it is the ARN that was decided."""
    event = FLAVOURS[flavour](dataclasses.replace(call, authorization=f"Bearer {TOKEN}"))
    try:
        outcome = AUTHORIZERS[HttpApiAnswer.IAM].judge(event)
    except MalformedRequestError:
        return
    answer: Any = outcome.answer()
    decided = str(event.get("methodArn") or event.get("routeArn"))
    other = data.draw(mutations_of(decided))

    for arn in (decided, other):
        if iam_allows(answer["policyDocument"], arn):
            assert outcome.verdict is Verdict.ALLOWED
            assert arn == decided
    assert iam_allows(answer["policyDocument"], decided) is (outcome.verdict is Verdict.ALLOWED)


@st.composite
def mutations_of(draw: st.DrawFn, arn: str) -> str:
    """Another ARN that a careless document would cover: something put in, or taken out."""
    start = draw(st.integers(0, len(arn)))
    stop = draw(st.integers(start, min(len(arn), start + 3)))
    return arn[:start] + draw(st.sampled_from(["", "/", "x", "a/b", "1"])) + arn[stop:]


def iam_allows(document: Any, arn: str) -> bool:
    """IAM's evaluation: a matching Allow, and no matching Deny."""
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        if statement["Action"] == "execute-api:Invoke" and _globs(statement["Resource"], arn)
    }
    return effects == {"Allow"}


def _globs(resource: str, arn: str) -> bool:
    pattern = "".join(
        {"*": ".*", "?": "."}.get(character, re.escape(character)) for character in resource
    )
    return re.fullmatch(pattern, arn, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("resource", "arn", "covered"),
    [
        pytest.param("a/*", "a/b/c:d", True, id="star crosses separators"),
        pytest.param("a/*", "a/", True, id="star is empty"),
        pytest.param("a?c", "a/c", True, id="question mark is one character"),
        pytest.param("a?c", "ac", False, id="question mark is not empty"),
        pytest.param("a.c", "abc", False, id="the rest is literal"),
    ],
)
def test_the_glob_evaluator_is_iams(resource: str, arn: str, *, covered: bool) -> None:
    """The evaluator above knows IAM's two wildcards, and no others."""
    assert _globs(resource, arn) is covered


def test_large_documents_are_refused(tmp_path: Any) -> None:
    """A file beyond the bound is refused before it is parsed."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"#" * (1024 * 1024) + b"\n")
    with pytest.raises(AuthorizerError, match="expected at most 1048576 bytes, found 1048577"):
        load_document(path)
