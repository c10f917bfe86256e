"""The decision: every sentence of the policy's semantics."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from naive_policy import policy_of

from authorizer import Decision, Policy, Reason

SAMPLE = policy_of(
    """\
version: 1
groups:
  reader:
    allow:
      - GET /articles/{id}
      - GET,PATCH /users/{user=sub}
  editor:
    includes: [reader]
    allow:
      - POST /articles
  chief:
    includes: [editor]
  admin:
    allow:
      - ANY /admin/**
      - DELETE /users/{id}
  suspended:
    deny:
      - ANY /**
  quiet:
    deny:
      - POST /articles
  careful:
    deny:
      - DELETE /users/{user=sub}
scopes:
  reports/read:
    allow:
      - GET /reports/{id}
public:
  - GET /health
"""
)


def decide(policy: Policy = SAMPLE, request: str = "GET /articles/1", **asked: Any) -> Decision:
    """Ask about a request by its path, unless a route is given."""
    method, _, path = request.partition(" ")
    return policy.decide(method=method, **{"path": path} | asked)


def route(
    template: str, path: str, parameters: dict[str, str] | None = None, **asked: Any
) -> Decision:
    """Ask about a route that API Gateway matched."""
    method, _, name = template.partition(" ")
    return SAMPLE.decide(method=method, route=name, path=path, path_parameters=parameters, **asked)


# --- 1. default deny, deny overrides, union -------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "groups", "reason"),
    [
        pytest.param("GET /articles/1", (), Reason.NOT_GRANTED, id="no group"),
        pytest.param("GET /articles/1", ("reader",), None, id="granted"),
        pytest.param("POST /articles", ("reader",), Reason.NOT_GRANTED, id="not granted"),
        pytest.param("POST /articles", ("editor",), None, id="granted to another group"),
        pytest.param("GET /articles/1", ("editor",), None, id="included"),
        pytest.param("GET /articles/1", ("chief",), None, id="included by what is included"),
        pytest.param("POST /articles", ("reader", "editor"), None, id="union"),
        pytest.param("GET /nowhere", ("chief",), Reason.ROUTE_UNKNOWN, id="unknown path"),
        pytest.param("GET /health", ("admin",), Reason.NOT_GRANTED, id="public grants nothing"),
        pytest.param("GET /", ("admin",), Reason.ROUTE_UNKNOWN, id="root"),
    ],
)
def test_what_nothing_grants_is_denied(
    request_line: str, groups: tuple[str, ...], reason: Reason | None
) -> None:
    """A caller has the union of their groups and of what those include, and nothing else."""
    decision = decide(SAMPLE_WITHOUT_EVERYTHING, request_line, groups=groups)
    assert (decision.allowed, decision.reason) == (reason is None, reason)


# `suspended` knows every path; without it, what is unknown shows.
SAMPLE_WITHOUT_EVERYTHING = Policy(
    rules=tuple(rule for rule in SAMPLE.rules if rule.subject != "group:suspended"),
    groups=SAMPLE.groups,
    public=SAMPLE.public,
)


@pytest.mark.parametrize(
    "groups", [("admin", "suspended"), ("suspended", "admin")], ids=["last", "first"]
)
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"path": "/admin/x"}, id="path"),
        pytest.param({"route": "/admin/x", "path": "/admin/x"}, id="route"),
        pytest.param({"route": "/admin/{proxy+}", "path": "/admin/x"}, id="greedy route"),
    ],
)
def test_a_deny_overrides_every_allow(groups: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Whoever is suspended may do nothing, whatever else they are, in whatever order."""
    decision = SAMPLE.decide(method="GET", groups=groups, **asked)

    assert decision.reason is Reason.DENIED_BY_RULE
    assert decision.rule is not None
    assert decision.rule.pattern.text == "ANY /**"


def test_the_rule_that_decided_is_the_first_in_the_file() -> None:
    """Of several rules that say the same, the log names the first one, deny before allow."""
    policy = policy_of(
        "version: 1\ngroups:\n"
        "  a: {allow: [GET /x]}\n  b: {allow: [ANY /x], deny: [PUT /x]}\n  c: {deny: [ANY /x]}\n"
    )

    def line(method: str) -> int | None:
        rule = policy.decide(method=method, path="/x", groups=["c", "b", "a"]).rule
        return rule.line if rule else None

    assert (line("GET"), line("PUT")) == (5, 4)
    rule = policy.decide(method="GET", path="/x", groups=["b", "a"]).rule
    assert rule is not None
    assert (rule.effect, rule.subject, rule.line) == ("allow", "group:a", 3)


# --- 2. names of groups ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "group",
    [
        *("Reader", "READER", "reader ", "reade", "*", "reader*", "group:reader", "{}", ""),
        *("re\u0430der", "ｒeader", "reader\u0301", "reader\u200b", "reader\x00"),
    ],
)
def test_a_group_is_known_by_its_exact_name(group: str) -> None:
    """Group names are compared code point by code point; unknown ones grant nothing."""
    assert decide(groups=[group]).reason is Reason.NOT_GRANTED


def test_normal_forms_are_different_names() -> None:
    """A composed and a decomposed name are two groups, as they are to Cognito."""
    policy = policy_of("version: 1\ngroups: {'caf\u00e9': {allow: [GET /x]}}\n")

    assert policy.decide(method="GET", path="/x", groups=["caf\u00e9"]).allowed
    assert not policy.decide(method="GET", path="/x", groups=["cafe\u0301"]).allowed


def test_a_group_called_star_is_just_a_name() -> None:
    """A wildcard in a group's name, which Cognito permits, stands for itself."""
    policy = policy_of("version: 1\ngroups: {'*': {allow: [GET /x]}}\n")

    assert policy.decide(method="GET", path="/x", groups=["*"]).allowed
    assert not policy.decide(method="GET", path="/x", groups=["reader"]).allowed


# --- 3. scopes ------------------------------------------------------------------------------------


MACHINE = {"sub": "c", "client_id": "c"}


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        pytest.param({}, True, id="machine"),
        pytest.param({"scopes": ["reports"]}, False, id="another scope"),
        pytest.param({"scopes": ["group:reader"]}, False, id="scope that poses as a group"),
        pytest.param({"groups": ["nobody"]}, False, id="in a group"),
        pytest.param(
            {"groups": ["scope:reports/read"], "scopes": []}, False, id="group posing as a scope"
        ),
        pytest.param({"claims": {}}, False, id="no claims at all"),
        pytest.param({"claims": {"sub": "c"}}, False, id="no client"),
        pytest.param({"claims": {"client_id": "c"}}, False, id="no subject"),
        pytest.param({"claims": {"sub": None, "client_id": None}}, False, id="nulls"),
        pytest.param({"claims": {"sub": "u", "client_id": "c"}}, False, id="subject of its own"),
        pytest.param({"claims": MACHINE | {"username": "a"}}, False, id="user's token"),
        pytest.param({"claims": MACHINE | {"username": ""}}, False, id="empty name"),
        pytest.param({"claims": MACHINE | {"username": None}}, False, id="null name"),
        pytest.param({"claims": MACHINE | {"cognito:username": "a"}}, False, id="ID token"),
        pytest.param({"claims": MACHINE | {"cognito:groups": []}}, False, id="empty groups"),
    ],
)
def test_scopes_grant_only_without_a_user(changes: dict[str, Any], allowed: bool) -> None:  # noqa: FBT001
    """A person who signs in through an app that holds a scope has no machine's rights."""
    caller = {"scopes": ["reports/read"], "claims": MACHINE} | changes
    assert decide(SAMPLE, "GET /reports/7", **caller).allowed is allowed


# --- 4. claims ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "value", "allowed"),
    [
        pytest.param({"sub": "u1"}, "u1", True, id="one's own"),
        pytest.param({"sub": "u1"}, "u2", False, id="another's"),
        pytest.param({"sub": "u1"}, "U1", False, id="other case"),
        pytest.param({"sub": "u1"}, "%751", False, id="percent-encoded"),
        pytest.param({"sub": "%751"}, "%751", False, id="encoded on both sides"),
        pytest.param({"sub": "u1"}, "u1%20", False, id="trailing blank"),
        pytest.param({}, "u1", False, id="no claim"),
        pytest.param({}, "None", False, id="absence in words"),
        pytest.param({"sub": None}, "None", False, id="null"),
        pytest.param({"sub": 1}, "1", False, id="number"),
        pytest.param({"sub": True}, "True", False, id="boolean"),
        pytest.param({"sub": ["u1"]}, "u1", False, id="list"),
        pytest.param({"sub": {"u1": "u1"}}, "u1", False, id="object"),
    ],
)
@pytest.mark.parametrize("how", ["route", "path", "greedy"])
def test_a_parameter_equals_a_claim_or_not(
    how: str,
    claims: dict[str, Any],
    value: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    """One's own record is one's own by equal strings; nothing is coerced or decoded."""
    path = f"/users/{value}"
    if how == "route":
        decision = route("GET /users/{id}", path, {"id": value}, groups=["reader"], claims=claims)
    elif how == "path":
        decision = decide(SAMPLE, f"GET {path}", groups=["reader"], claims=claims)
    else:
        decision = route("GET /{rest+}", path, groups=["reader"], claims=claims)

    assert decision.allowed is allowed


def test_a_value_that_was_not_extracted_equals_no_claim() -> None:
    """Without the parameter's value, an own-record rule allows nothing."""
    decision = route("GET /users/{id}", "/users/u1", {}, groups=["reader"], claims={"sub": "u1"})
    assert decision.reason is Reason.NOT_GRANTED


@pytest.mark.parametrize(
    ("asked", "denied"),
    [
        pytest.param({"path": "/users/u1"}, True, id="path"),
        pytest.param({"path": "/users/u2"}, False, id="another's path"),
        pytest.param({"route": "/users/{id}", "value": "u1"}, True, id="route"),
        pytest.param({"route": "/users/{id}", "value": "%751"}, True, id="encoded value"),
        pytest.param({"route": "/users/{id}", "value": "%25751"}, True, id="value encoded twice"),
        pytest.param({"route": "/users/{id}", "value": None}, True, id="value not extracted"),
        pytest.param({"route": "/users/{id}", "value": "u2"}, False, id="another's value"),
    ],
)
def test_an_encoding_escapes_no_deny(asked: dict[str, Any], denied: bool) -> None:  # noqa: FBT001
    """A deny of one's own record applies however the path spells it."""
    value = asked.get("value")
    decision = SAMPLE.decide(
        method="DELETE",
        route=asked.get("route"),
        path=asked.get("path") or f"/users/{value or 'u1'}",
        path_parameters={"id": value} if value else {},
        groups=["admin", "careful"],
        claims={"sub": "u1"},
    )

    assert decision.reason is (Reason.DENIED_BY_RULE if denied else None)


def test_a_deny_beyond_ascii_is_not_escaped_either() -> None:
    """A name that has to be encoded in a path is compared decoded, for a deny."""
    decision = decide(
        SAMPLE, "DELETE /users/jos%C3%A9", groups=["admin", "careful"], claims={"sub": "josé"}
    )
    assert decision.reason is Reason.DENIED_BY_RULE


@pytest.mark.parametrize("claims", [{}, {"sub": 7}, {"sub": None}])
def test_a_deny_without_the_claim_does_not_apply(claims: dict[str, Any]) -> None:
    """A deny of one's own record says nothing of a caller who has none."""
    assert decide(SAMPLE, "DELETE /users/7", groups=["admin", "careful"], claims=claims).allowed


# --- 5. methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "ANY", "PURGE"])
def test_a_method_is_granted_by_name(method: str) -> None:
    """GET implies no other method."""
    assert decide(SAMPLE, f"{method} /articles/1", groups=["reader"]).allowed is False


@pytest.mark.parametrize("method", ["GET", "DELETE", "PURGE", "A", "A" * 32])
def test_any_grants_every_method(method: str) -> None:
    """ANY covers whatever method is sent, as long as it is a plain word."""
    assert decide(SAMPLE, f"{method} /admin/x", groups=["admin"]).allowed


@pytest.mark.parametrize(
    "method",
    ["", "get", "Get", "*", "GET*", "GE T", "GET\n", "G\u00c9T", "A" * 33, "M-SEARCH", "1"],
)
def test_an_odd_method_is_refused(method: str) -> None:
    """A method that is no upper-case word is refused before any rule is asked."""
    decision = SAMPLE.decide(method=method, path="/admin/x", groups=["admin"])
    assert decision == Decision(allowed=False, reason=Reason.METHOD_UNSAFE)


# --- 6. routes, and paths where there is none -----------------------------------------------------


@pytest.mark.parametrize(
    ("template", "path", "groups", "reason"),
    [
        pytest.param("GET /articles/{x}", "/articles/1", "reader", None, id="by any name"),
        pytest.param(
            "GET /articles/new", "/articles/new", "reader", Reason.NOT_GRANTED, id="literal route"
        ),
        pytest.param("GET /admin", "/admin", "admin", None, id="rest of nothing"),
        pytest.param("GET /admin/{a}/{b}", "/admin/x/y", "admin", None, id="rest of two"),
        pytest.param(
            "GET /{a}/x", "/admin/x", "admin", Reason.NOT_GRANTED, id="literal says no parameter"
        ),
        pytest.param("GET /admins", "/admins", "admin", Reason.NOT_GRANTED, id="longer word"),
        pytest.param("GET /articles", "/articles", "reader", Reason.NOT_GRANTED, id="shorter path"),
    ],
)
def test_the_matched_route_is_what_counts(
    template: str, path: str, groups: str, reason: Reason | None
) -> None:
    """A parameter covers a parameter and a literal the same literal, whatever the path."""
    parameters = {"x": "1", "a": path.split("/")[1], "b": "y"}
    if "{a}/{b}" in template:
        parameters = {"a": "x", "b": "y"}
    assert route(template, path, parameters, groups=[groups]).reason is reason


def test_a_route_the_policy_does_not_know_is_named_as_such() -> None:
    """A route without any rule, for whomever, is a mistake of the file and not of the caller."""
    asked: dict[str, Any] = {
        "method": "GET",
        "route": "/nowhere",
        "path": "/nowhere",
        "groups": ["reader"],
    }
    assert SAMPLE_WITHOUT_EVERYTHING.decide(**asked).reason is Reason.ROUTE_UNKNOWN
    assert SAMPLE.decide(**asked).reason is Reason.NOT_GRANTED


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        pytest.param("/articles/{id}", "/articles/1/2", {"id": "1"}, id="one segment more"),
        pytest.param("/articles/{id}", "/articles", {"id": "1"}, id="one segment less"),
        pytest.param("/articles/{id}", "/articles/2", {"id": "1"}, id="another value"),
        pytest.param("/articles/{id}", "/article/1", {"id": "1"}, id="another literal"),
        pytest.param("/articles/{id}", "/Articles/1", {"id": "1"}, id="other case"),
        pytest.param("/articles/{id}", "/articles/a/b", {"id": "a%2Fb"}, id="decoded slash"),
        pytest.param("/", "/articles/1", {}, id="root"),
        pytest.param("$connect", "/", {}, id="path where none can be"),
        pytest.param("/admin/{proxy+}", "/admin", {}, id="greedy without a rest"),
        pytest.param("/admin/{proxy+}", "/x/y", {}, id="greedy elsewhere"),
    ],
)
def test_route_and_path_must_agree(template: str, path: str, parameters: dict[str, str]) -> None:
    """A path that is not one of the route's means that somebody reads it in another way."""
    decision = SAMPLE.decide(
        method="GET",
        route=template,
        path=path,
        path_parameters=parameters,
        groups=["reader", "admin"],
    )
    assert decision == Decision(allowed=False, reason=Reason.PATH_DISAGREES)


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        pytest.param("/articles/{id}", "/articles/1/", {"id": "1"}, id="slash at the end"),
        pytest.param("/articles/{id}", "xarticles/1", {"id": "1"}, id="no slash first"),
        pytest.param("/articles/{id}", "//articles/1", {"id": "1"}, id="two slashes first"),
        pytest.param("/articles/{id}", "/articles/%2561", {"id": "a"}, id="decoded twice"),
    ],
)
def test_what_can_be_read_in_two_ways_has_one_name(
    template: str, path: str, parameters: dict[str, str]
) -> None:
    """An unsafe path that is none of the route's is called so, whether or not a route is named."""
    for route in (template, None):
        decision = SAMPLE.decide(
            method="GET", route=route, path=path, path_parameters=parameters, groups=["admin"]
        )
        assert decision == Decision(allowed=False, reason=Reason.PATH_UNSAFE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("/articles/a%20b", "a b", id="value decoded"),
        pytest.param("/articles/a%20b", "a%20b", id="neither decoded"),
        pytest.param("/articles/a b", "a%20b", id="path decoded"),
        pytest.param("/%61rticles/1", "1", id="literal encoded"),
        pytest.param("/articles/%2541", "%41", id="encoded value decoded"),
        pytest.param("/articles/%41", "%2541", id="path with an encoded value decoded"),
    ],
)
def test_route_and_path_agree_in_any_encoding(path: str, value: str) -> None:
    """Some APIs decode the path and others the values; both are the same path."""
    assert route("GET /articles/{id}", path, {"id": value}, groups=["reader"]).allowed


def test_a_route_without_a_path_is_judged_by_itself() -> None:
    """The library can be asked about a route alone."""
    assert SAMPLE.decide(method="GET", route="/articles/{id}", groups=["reader"]).allowed


@pytest.mark.parametrize("template", [None, "$default", "/{proxy+}"])
def test_a_path_is_needed_where_no_route_tells_it(template: str | None) -> None:
    """Neither route nor path: nothing can be allowed."""
    decision = SAMPLE.decide(method="GET", route=template, groups=["admin"])
    assert decision == Decision(allowed=False, reason=Reason.ROUTE_UNKNOWN)


SHADOWS = policy_of(
    """\
version: 1
groups:
  reader:
    allow:
      - GET /users/{id}
      - GET /{lang}/help
      - GET /files/{name}/meta
  root:
    allow:
      - ANY /**
  admin:
    allow:
      - GET /users/admin
      - ANY /admin/**
      - ANY /users/staff/**
      - ANY /files/**
  warned:
    deny:
      - GET /users/{id}
public:
  - GET /users/health
"""
)


@pytest.mark.parametrize(
    ("path", "reader", "admin"),
    [
        pytest.param("/users/7", True, False, id="parameter"),
        pytest.param("/users/admin", False, True, id="literal that is known"),
        pytest.param("/users/health", False, False, id="literal that is public"),
        pytest.param("/users/staff", False, True, id="rest of nothing is a literal, too"),
        pytest.param("/users/staff/7", False, True, id="rest"),
        pytest.param("/en/help", True, False, id="parameter first"),
        pytest.param("/admin/help", False, True, id="literal first beats a whole path"),
        pytest.param("/files/x/meta", True, True, id="a rest above applies as well"),
        pytest.param("/files/x", False, True, id="rest alone"),
    ],
)
@pytest.mark.parametrize("template", [None, "$default", "/{proxy+}"])
def test_a_path_belongs_to_its_most_specific_rule(
    template: str | None,
    path: str,
    reader: bool,  # noqa: FBT001
    admin: bool,  # noqa: FBT001
) -> None:
    """A rule with a parameter never answers for a path that the file names literally."""

    def allowed(group: str) -> bool:
        return SHADOWS.decide(method="GET", route=template, path=path, groups=[group]).allowed

    assert (allowed("reader"), allowed("admin"), allowed("root")) == (reader, admin, True)


def test_what_is_public_below_a_path_claims_no_path() -> None:
    """Which routes a public /** stands for is not known, and so none of them is."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: ["GET /{page}"]}}\npublic: [GET /docs/**]\n'
    )
    assert policy.decide(method="GET", path="/docs", groups=["a"]).allowed


@pytest.mark.parametrize("rules", ["[GET /x, PUT /x/**]", "[PUT /x/**, GET /x]"])
def test_a_path_and_the_rest_of_it_are_two_places(rules: str) -> None:
    """A rule for /x and one for /x/** both apply to /x, whichever comes first."""
    policy = policy_of(f"version: 1\ngroups: {{a: {{allow: {rules}}}}}\n")

    assert policy.decide(method="GET", path="/x", groups=["a"]).allowed
    assert policy.decide(method="PUT", path="/x", groups=["a"]).allowed
    assert not policy.decide(method="GET", path="/x/y", groups=["a"]).allowed


def test_a_deny_matches_a_path_in_any_way() -> None:
    """A deny with a parameter applies to a path that the file names literally, too."""
    decision = SHADOWS.decide(method="GET", path="/users/admin", groups=["admin", "warned"])
    assert decision.reason is Reason.DENIED_BY_RULE


@pytest.mark.parametrize(
    ("template", "allowed"),
    [
        pytest.param("/{lang}/{rest+}", True, id="parameter"),
        pytest.param("/{rest+}", True, id="all greedy"),
        pytest.param("/en/{rest+}", False, id="literal"),
    ],
)
def test_a_greedy_route_is_known_up_to_its_rest(template: str, allowed: bool) -> None:  # noqa: FBT001
    """A rule with a parameter says nothing about a greedy route that is literal there."""
    decision = SHADOWS.decide(method="GET", route=template, path="/en/help", groups=["reader"])
    assert decision.reason is (None if allowed else Reason.NOT_GRANTED)


@pytest.mark.parametrize(
    "path", ["/admin/../x", "/admin//x", "/admin/%2e", "/admin/a;b", "/admin/"]
)
@pytest.mark.parametrize("template", [None, "$default", "/admin/{proxy+}", "/{proxy+}"])
def test_a_dangerous_path_is_refused_not_cleaned(template: str | None, path: str) -> None:
    """Where the path decides, one that reads two ways is nobody's, not even the admin's."""
    decision = SHADOWS.decide(method="GET", route=template, path=path, groups=["root"])
    assert decision == Decision(allowed=False, reason=Reason.PATH_UNSAFE)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        pytest.param("$connect", True, id="by name"),
        pytest.param("ANY /**", True, id="by everything"),
        pytest.param("GET /**", False, id="by every GET"),
        pytest.param("ANY /{a}/{b}", False, id="by a path of as many segments"),
        pytest.param("ANY /$connect", False, id="by a path of that name"),
    ],
)
@pytest.mark.parametrize("method", ["", "GET"])
def test_a_connection_is_granted_by_name_or_everything(
    method: str,
    rule: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    """$connect has no method and no path, so that few rules can mean it."""
    policy = policy_of(f"version: 1\ngroups: {{a: {{allow: ['{rule}']}}}}\n")
    assert policy.decide(method=method, route="$connect", groups=["a"]).allowed is allowed


def test_everything_denied_is_connections_too() -> None:
    """Whoever is suspended cannot connect either."""
    policy = policy_of(
        "version: 1\ngroups: {a: {allow: [$connect]}, suspended: {deny: ['ANY /**']}}\n"
    )
    decision = policy.decide(method="", route="$connect", groups=["a", "suspended"])
    assert decision.reason is Reason.DENIED_BY_RULE


@pytest.mark.parametrize("path", ["/$connect", "//$connect"])
def test_no_path_is_a_connection(path: str) -> None:
    """A client cannot ask for $connect over HTTP."""
    policy = policy_of("version: 1\ngroups: {a: {allow: [$connect]}}\n")
    assert not policy.decide(method="GET", path=path, groups=["a"]).allowed


def test_a_path_that_is_no_route_of_the_api_is_not_allowed() -> None:
    """With the API's routes known, a rule for what is none of them, or another method, is idle."""
    rules = "version: 1\ngroups: {a: {allow: [GET /x, PUT /y]}}\n"
    policy = policy_of(rules, routes=["PUT /x", "PUT /y"])

    decisions = [
        policy.decide(method=method, path=path, groups=["a"])
        for method, path in [("GET", "/x"), ("PUT", "/y")]
    ]
    assert [one.reason for one in decisions] == [Reason.ROUTE_UNKNOWN, None]


def test_a_path_without_its_slash_is_none_of_a_route() -> None:
    """As many slashes are not enough; they must stand where the route has them."""
    policy = policy_of("version: 1\ngroups: {a: {allow: [GET /x/y]}}\n")
    decision = policy.decide(method="GET", route="/x/y", path="x/y/", groups=["a"])
    assert decision.reason is Reason.PATH_UNSAFE


def remembered(policy: Policy) -> int:
    """How many answers are."""
    return policy._remembered.cache_info().currsize  # type: ignore[attr-defined, no-any-return]


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are forgotten before they fill the memory, and found out again."""
    monkeypatch.setattr("authorizer.policy.decision._MOST_ANSWERS", 3)
    policy = policy_of('version: 1\ngroups: {a: {allow: ["GET /{x}"]}}\n')
    for _ in range(2):
        for group in ("a", "b", "c", "d"):
            decision = policy.decide(method="GET", route="/{x}", groups=[group])
            assert decision.allowed is (group == "a")
            assert remembered(policy) <= 3


def test_a_greedy_route_takes_one_segment_or_more() -> None:
    """What stands above it belongs to another route, even to one with a parameter."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: ["GET /{x}"]}, b: {allow: [GET /files/**]}}\n',
        routes=["GET /{x}", "GET /files/{rest+}"],
    )
    assert policy.decide(method="GET", path="/files", groups=["a"]).allowed
    assert not policy.decide(method="GET", path="/files", groups=["b"]).allowed
    assert policy.decide(method="GET", path="/files/1", groups=["b"]).allowed


def test_the_default_route_takes_every_path() -> None:
    """The root, too."""
    policy = policy_of("version: 1\ngroups: {a: {allow: [GET /, GET /x]}}\n", routes=["$default"])
    assert policy.decide(method="GET", route="$default", path="/", groups=["a"]).allowed
    assert policy.decide(method="GET", route="$default", path="/x", groups=["a"]).allowed


def test_a_path_that_resolves_to_a_greedy_route_is_judged_as_on_it() -> None:
    """A parameter does not answer for what that route names literally, told or found out."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: ["GET /me/{x}/{y}"]}}\n', routes=["GET /{p}/a/{rest+}"]
    )
    for route in (None, "/{p}/a/{rest+}"):
        decision = policy.decide(method="GET", route=route, path="/me/a/h", groups=["a"])
        assert decision.reason is Reason.NOT_GRANTED


@pytest.mark.parametrize(
    ("routes", "told", "path", "deny"),
    [
        pytest.param(
            ["ANY /users/me", "GET /users/{proxy+}"],
            "/users/{proxy+}",
            "/users/me",
            "GET /users/{id}",
            id="below a greedy route that is named",
        ),
        pytest.param(
            ["ANY /users/me", "$default"],
            "$default",
            "/users/me",
            "GET /users/{id}",
            id="on $default",
        ),
        pytest.param(
            ["ANY /users/me", "GET /users/{proxy+}"],
            None,
            "/users/me",
            "GET /users/{id}",
            id="where a greedy route may be preferred for its method",
        ),
        pytest.param(
            ["ANY /users/me", "GET /users/{id}"],
            None,
            "/users/me",
            "GET /users/{id}",
            id="where a parameter may be preferred for its method",
        ),
        pytest.param(
            ["GET /users/{id}/keys", "GET /{kind}/me/{proxy+}"],
            None,
            "/users/me/keys",
            "GET /users/me/{x}",
            id="where a greedy route may be preferred for its literal",
        ),
        pytest.param(
            ["GET /users/{id}", "GET /{kind}/me"],
            None,
            "/users/me",
            "GET /{kind}/me",
            id="where a route may be preferred for its literal",
        ),
    ],
)
def test_a_deny_counts_wherever_the_request_may_go(
    routes: list[str], told: str | None, path: str, deny: str
) -> None:
    """What grants the way to one route never hides a deny on another that may be the one."""
    policy = policy_of(
        f'version: 1\ngroups: {{a: {{allow: ["GET /users/**"]}}, b: {{deny: ["{deny}"]}}}}\n',
        routes=routes,
    )

    def reason(*groups: str) -> Reason | None:
        return policy.decide(method="GET", route=told, path=path, groups=groups).reason

    assert (reason("a"), reason("a", "b")) == (None, Reason.DENIED_BY_RULE)


def test_a_deny_of_what_surely_loses_does_not_count() -> None:
    """Where API Gateway prefers a route on every kind of API, the others' denies are theirs."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: [GET /users/me], deny: ["GET /users/{id}"]}}\n',
        routes=["GET /users/me", "GET /users/{id}", "ANY /users/{proxy+}"],
    )
    assert policy.decide(method="GET", path="/users/me", groups=["a"]).allowed
    assert not policy.decide(method="GET", path="/users/you", groups=["a"]).allowed


def test_a_route_of_other_methods_claims_no_path() -> None:
    """Below a greedy route, what is literal for PUT alone is not the place that a GET means."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: ["GET /users/{id}"]}}\n',
        routes=["PUT /users/me", "GET /users/{proxy+}"],
    )
    asked: dict[str, Any] = {"route": "/users/{proxy+}", "path": "/users/me", "groups": ["a"]}
    assert policy.decide(method="GET", **asked).allowed
    assert not policy.decide(method="PUT", **asked).allowed


def test_what_is_remembered_of_a_path_is_not_told_of_a_shorter_one() -> None:
    """The greedy route takes /files/1 and not /files, though the same rules match both."""
    policy = policy_of(
        "version: 1\ngroups: {a: {allow: [GET /files/**]}}\n", routes=["GET /files/{rest+}"]
    )
    decisions = [policy.decide(method="GET", path=f"/files{x}", groups=["a"]) for x in ("/1", "")]
    assert [one.reason for one in decisions] == [None, Reason.ROUTE_UNKNOWN]


def test_what_is_remembered_without_a_route_is_not_told_of_a_named_one() -> None:
    """Whether the route was named is part of what an answer is for."""
    policy = policy_of(
        'version: 1\ngroups: {a: {allow: [GET /me], deny: ["GET /{x}"]}}\n',
        routes=["GET /me", "$default"],
    )
    decisions = [
        policy.decide(method="GET", route=route, path="/me", groups=["a"])
        for route in (None, "$default", None, "/{proxy+}")
    ]
    assert [one.allowed for one in decisions] == [True, False, True, False]


def test_answers_to_made_up_methods_are_one() -> None:
    """There is no end of them, and a client must not crowd out what is asked for."""
    policy = policy_of("version: 1\ngroups: {a: {allow: [ANY /x]}}\n")
    for route in ("/x", None):
        for method in ("PURGE", "PROPFIND"):
            assert policy.decide(method=method, route=route, path="/x", groups=["a"]).allowed
    assert remembered(policy) == 2


@pytest.mark.parametrize(
    ("groups", "scopes", "path"),
    [
        pytest.param(["x"], [], "/group", id="group"),
        pytest.param([], ["x"], "/scope", id="scope"),
        pytest.param(["scope:x"], [], None, id="group called like a scope's rules"),
        pytest.param(["group:x"], [], None, id="group called like a group's rules"),
        pytest.param([], ["group:x"], None, id="scope called like a group's rules"),
        pytest.param([], ["scope:x"], None, id="scope called like a scope's rules"),
    ],
)
def test_groups_and_scopes_are_two_worlds(
    groups: list[str], scopes: list[str], path: str | None
) -> None:
    """A name grants what it grants as a group or as a scope, and in no spelling as the other."""
    policy = policy_of(
        "version: 1\ngroups: {x: {allow: [GET /group]}}\nscopes: {x: {allow: [GET /scope]}}\n"
    )
    claims = {"sub": "c", "client_id": "c"}
    allowed = [
        one
        for one in ("/group", "/scope")
        if policy.decide(
            method="GET", route=one, path=one, groups=groups, scopes=scopes, claims=claims
        ).allowed
    ]
    assert allowed == ([path] if path else [])


@pytest.mark.parametrize("value", ["%61", "%2561"])
def test_a_deny_compares_a_value_as_it_stands_and_decoded(value: str) -> None:
    """A claim that holds an encoding is denied where the path has the same, or its encoding."""
    policy = policy_of('version: 1\ngroups: {a: {allow: ["GET /{x}"], deny: ["GET /{x=sub}"]}}\n')
    decision = policy.decide(
        method="GET",
        route="/{x}",
        path_parameters={"x": value},
        groups=["a"],
        claims={"sub": "%61"},
    )
    assert decision.reason is Reason.DENIED_BY_RULE


def test_a_long_value_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many denies compare it: a client chooses its length, and the policy their number."""
    value, decoded = "%25" * 2_600 + "x", []

    def counting(text: str) -> str:
        decoded.append(text)
        return unquote(text)

    monkeypatch.setattr("authorizer.policy.paths.unquote", counting)
    rules = "".join(f"\n      - GET /a/{{x=claim{number}}}" for number in range(200))
    policy = policy_of(
        f"version: 1\ngroups:\n  g:\n    allow:\n      - GET /a/{{x}}\n    deny:{rules}\n"
    )
    decision = policy.decide(
        method="GET",
        route="/a/{x}",
        path_parameters={"x": value},
        groups=["g"],
        claims={f"claim{number}": "y" for number in range(200)},
    )
    assert (decision.allowed, len(decoded)) == (True, 3)
