"""Answers that are remembered, and the settings under which one serves another request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from made_templates import (
    authorizer,
    client,
    findings,
    found,
    function,
    http_api,
    rest_api,
    rest_authorizer,
    route,
    template,
)

from authorizer.cli.check.finding import Severity
from authorizer.cli.template.model import ApiKind, AuthorizerKind, Unknown

UNKNOWN = Unknown("parameter Seconds has no default")
TOKEN = "header:authorization"
# Two routes, decided by nothing but the route.
PLAIN = "version: 1\ngroups: {reader: {allow: [GET /one, POST /two]}}\n"


def cached(*sources: str, ttl: Any = 60, **facts: Any) -> Any:
    """An authorizer that remembers simple answers."""
    return authorizer(identity_sources=sources, ttl_seconds=ttl, **facts)


def plain_api(*sources: str, **facts: Any) -> Any:
    """Two plain routes behind an authorizer that remembers."""
    return http_api(route("GET /one"), route("POST /two"), by=[cached(*sources, **facts)])


# --- X201: other routes ---------------------------------------------------------------------------


def test_a_simple_answer_without_route_key_opens_every_route() -> None:
    """Two routes share the answer: an error, at the identity sources, that names both."""
    (one,) = findings(template(plain_api(TOKEN)), PLAIN)
    assert (one.code, one.severity, one.location.line) == ("X201", Severity.ERROR, 23)
    assert "'GET /one' and 'POST /two'" in one.message


@pytest.mark.parametrize(
    ("sources", "is_shared"),
    [
        ((TOKEN, "context:routeKey"), False),
        ((TOKEN, "context:path"), False),
        ((TOKEN, "context:httpMethod"), False),
        ((TOKEN, "context:path", "context:httpMethod"), False),
        ((TOKEN, "context:stage"), True),
        ((TOKEN, "querystring:routeKey"), True),
    ],
)
def test_what_tells_the_routes_apart_keeps_answers_apart(
    sources: tuple[str, ...], *, is_shared: bool
) -> None:
    """The key need only tell those routes apart that there are."""
    expected = [("X201", 23)] if is_shared else []
    assert found(template(plain_api(*sources)), PLAIN) == expected


@pytest.mark.parametrize(
    ("one", "other", "source", "is_shared"),
    [
        ("GET /one", "POST /one", "context:path", True),
        ("GET /one", "GET /two", "context:path", False),
        ("GET /a/{x}", "POST /a/b", "context:path", True),
        ("GET /a/{x}", "GET /a/b", "context:path", False),
        ("ANY /a/{proxy+}", "GET /a/b/c", "context:path", True),
        ("ANY /a/{proxy+}", "GET /a/b/c", "context:path context:httpMethod", False),
        ("GET /one", "GET /two", "context:httpMethod", True),
        ("GET /one", "ANY /two", "context:httpMethod", True),
    ],
)
def test_routes_share_a_key_only_if_their_requests_can(
    one: str, other: str, source: str, *, is_shared: bool
) -> None:
    """A path without the method, or the method without the path, is half of a key."""
    api = http_api(route(one), route(other), by=[cached(TOKEN, *source.split())])
    codes = [code for code, _ in found(template(api))]
    assert ("X201" in codes) is is_shared


def test_one_route_alone_shares_nothing() -> None:
    """An authorizer with a single route has nothing else to open."""
    api = http_api(route("GET /one"), by=[cached(TOKEN)])
    assert found(template(api)) == []


@pytest.mark.parametrize(("ttl", "is_cached"), [(0, False), (1, True), (UNKNOWN, False)])
def test_only_what_is_remembered_is_judged(ttl: Any, *, is_cached: bool) -> None:
    """No time to live, no finding; one that cannot be decided gives none either."""
    expected = [("X201", 23)] if is_cached else []
    assert found(template(plain_api(TOKEN, ttl=ttl)), PLAIN) == expected


def test_identity_sources_that_cannot_be_decided_are_not_judged() -> None:
    """What is unknown is neither a finding nor a pass."""
    api = http_api(
        route("GET /one"),
        route("GET /two"),
        by=[authorizer(identity_sources=UNKNOWN, ttl_seconds=60)],
    )
    assert found(template(api)) == []


def test_a_websocket_api_remembers_nothing() -> None:
    """Its connections are authorized one by one."""
    api = http_api(route("$connect"), kind=ApiKind.WEBSOCKET, by=[cached()])
    assert found(template(api)) == []


def test_another_authorizer_is_not_judged() -> None:
    """What somebody else's function answers is not known."""
    api = http_api(
        route("GET /one"),
        route("GET /two", "Legacy"),
        by=[authorizer(), cached(TOKEN, name="Legacy", function="Legacy")],
    )
    text = "version: 1\ngroups: {reader: {allow: [GET /one]}}\n"
    assert found(template(api), text) == [("X131", 10)]


# --- X202, X203: other paths and methods ----------------------------------------------------------

OWN_RECORD = """\
version: 1
groups:
  reader:
    allow:
      - GET /users/{user=sub}
"""


@pytest.mark.parametrize(
    ("sources", "is_shared"),
    [
        ((TOKEN, "context:routeKey"), True),
        ((TOKEN, "context:routeKey", "context:path"), False),
        ((TOKEN, "context:path"), False),
    ],
)
def test_a_rule_that_compares_the_path_wants_it_in_the_key(
    sources: tuple[str, ...], *, is_shared: bool
) -> None:
    """The route key is the template: /users/1 and /users/2 have the same."""
    api = http_api(route("GET /users/{user}", line=31), by=[cached(*sources)])
    expected = [("X202", 31)] if is_shared else []
    assert found(template(api), OWN_RECORD) == expected


def test_the_rule_that_compares_the_path_is_named() -> None:
    """The message says which line of the policy makes the path matter."""
    api = http_api(route("GET /users/{user}"), by=[cached(TOKEN, "context:routeKey")])
    (one,) = findings(template(api), OWN_RECORD)
    assert "'GET /users/{user=sub}' on line 5" in one.message
    assert one.severity is Severity.ERROR


def test_a_comparison_on_another_method_makes_no_path_matter() -> None:
    """Only rules that the route's requests meet count."""
    text = OWN_RECORD.replace("- GET", "- PATCH") + '      - "GET /users/{user}"\n'
    api = http_api(
        route("GET /users/{user}"),
        route("PATCH /users/{user}", "Uncached"),
        by=[cached(TOKEN, "context:routeKey"), authorizer("Uncached")],
    )
    assert found(template(api), text) == []


@pytest.mark.parametrize("key", ["GET /files/{proxy+}", "$default"])
def test_what_is_decided_by_path_wants_the_path_in_the_key(key: str) -> None:
    """Below {proxy+} and $default the path decides."""
    api = http_api(route(key), by=[cached(TOKEN, "context:routeKey")])
    assert found(template(api)) == [("X202", 10)]


@pytest.mark.parametrize(
    ("rules", "matters"),
    [
        ("ANY /one", False),
        ("GET /one", True),
        ("GET,POST /one", True),
        ("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS /one", True),
    ],
)
def test_a_route_for_every_method_wants_one_answer_for_all(rules: str, *, matters: bool) -> None:
    """ANY has one route key, so an allowed GET would answer for a DELETE."""
    text = f'version: 1\ngroups: {{reader: {{allow: ["{rules}"]}}}}\n'
    api = http_api(route("ANY /one"), by=[cached(TOKEN, "context:routeKey")])
    assert found(template(api), text) == ([("X203", 10)] if matters else [])
    keyed = http_api(
        route("ANY /one"), by=[cached(TOKEN, "context:routeKey", "context:httpMethod")]
    )
    assert found(template(keyed), text) == []


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("GET /users/{user}", ["GET /users/{user=sub}", "GET /users/{user}"]),
        ("ANY /one", ["GET /one", "ANY /one"]),
        ("ANY /one", ["GET /one", "ANY /**"]),
    ],
)
def test_a_rule_that_adds_nothing_to_another_is_no_reason(key: str, rules: list[str]) -> None:
    """Whatever it compares or names: the answers are alike without it, and so with it."""
    text = f"version: 1\ngroups:\n  reader:\n    allow: {rules}\n"
    api = http_api(route(key), by=[cached(TOKEN, "context:routeKey")])
    assert {"X202", "X203"}.isdisjoint(one.code for one in findings(template(api), text))


def test_a_method_with_a_route_of_its_own_is_not_answered_for_by_any() -> None:
    """Then the others may be decided alike."""
    text = 'version: 1\ngroups: {reader: {allow: ["GET /one"]}, admin: {allow: ["ANY /one"]}}\n'
    api = http_api(route("GET /one"), route("ANY /one"), by=[cached(TOKEN, "context:routeKey")])
    assert found(template(api), text) == []


# --- X204, X205: other callers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ((), "X204"),
        (("context:routeKey",), "X205"),
        (("querystring:token", "context:routeKey"), "X205"),
        (("header:x-authorization", "context:routeKey"), "X205"),
        ((TOKEN, "context:routeKey"), None),
    ],
)
def test_a_key_without_the_token_serves_other_callers(
    sources: tuple[str, ...], code: str | None
) -> None:
    """The function reads the token from the Authorization header, so that must be in the key."""
    api = http_api(route("GET /one"), by=[cached(*sources)])
    assert found(template(api)) == ([(code, 23)] if code else [])


@pytest.mark.parametrize(
    ("written", "sources", "code"),
    [
        ("cookie:a", ("header:cookie", "header:origin", "context:routeKey"), None),
        ("cookie:a", ("header:cookie", "context:routeKey"), "X211"),
        ("cookie:a", (TOKEN, "context:routeKey"), "X205"),
        ("query:Token", ("querystring:Token", "context:routeKey"), None),
        ("query:Token", ("querystring:token", "context:routeKey"), "X205"),
        ("subprotocol", ("header:sec-websocket-protocol", "context:routeKey"), None),
        ("header:X-Token header:authorization", ("header:x-token", "context:routeKey"), "X205"),
        (
            "header:X-Token header:authorization",
            ("header:x-token", TOKEN, "context:routeKey"),
            None,
        ),
        (UNKNOWN, (TOKEN, "context:routeKey"), None),
        (UNKNOWN, ("context:routeKey",), "X205"),
        (UNKNOWN, (), "X204"),
    ],
)
def test_all_places_of_a_token_belong_to_the_key(
    written: Any, sources: tuple[str, ...], code: str | None
) -> None:
    """Where the function looks for it follows from its settings."""
    api = http_api(route("GET /one"), by=[cached(*sources)])
    variables = {"AUTHORIZER_TOKEN_SOURCES": written, "AUTHORIZER_COOKIE_ORIGINS": "https://a"}
    codes = [one for one, _ in found(template(api, functions=(function(**variables),)))]
    assert [one for one in codes if one.startswith("X2")] == ([code] if code else [])


@pytest.mark.parametrize(
    ("sources", "is_found"),
    [
        ((TOKEN,), False),
        (("header:x-token",), True),
        (("querystring:token", "context:routeKey"), True),
        (("header:x-api-key", TOKEN), False),
        (("context:routeKey",), False),
        ((), False),
    ],
)
def test_what_a_client_has_to_send_is_a_source_of_tokens(
    sources: tuple[str, ...], *, is_found: bool
) -> None:
    """Also where nothing is remembered."""
    by = [cached(*sources, ttl=0)]
    codes = [code for code, _ in found(template(http_api(route("GET /one"), by=by)))]
    assert codes == (["X210"] if is_found else [])


def test_without_caching_no_identity_source_is_needed() -> None:
    """With a time to live of 0 every request is asked about."""
    assert found(template(http_api(route("GET /one"), by=[cached(ttl=0)]))) == []


def test_a_token_authorizer_has_the_token_in_its_key() -> None:
    """Whatever the header is called, it is what the function is given."""
    by = [rest_authorizer(kind=AuthorizerKind.TOKEN, identity_sources=("header:x",), ttl_seconds=9)]
    assert found(template(rest_api(route("GET /one"), by=by))) == []


# --- X206: documents for one request --------------------------------------------------------------


def rest_template(modes: Any, *keys: str, **facts: Any) -> Any:
    """A REST API whose authorizer remembers IAM documents."""
    by = [rest_authorizer(ttl_seconds=300, **facts)]
    variables = {} if modes is None else {"AUTHORIZER_IAM_MODES": modes}
    return template(
        rest_api(*(route(key) for key in keys), by=by), functions=(function(**variables),)
    )


@pytest.mark.parametrize(
    ("modes", "is_found"),
    [
        (None, False),
        ("rest-request=caller", False),
        ("rest-request=request", True),
        ("rest-token=request", False),
        ("http-2.0=caller rest-request=request", True),
        (UNKNOWN, False),
    ],
)
def test_a_document_for_one_request_must_not_be_cached_for_two(
    modes: Any, *, is_found: bool
) -> None:
    """REST authorizers answer for all that the caller may do, unless told otherwise."""
    expected = [("X206", 24)] if is_found else []
    assert found(rest_template(modes, "GET /one", "GET /two")) == expected


@pytest.mark.parametrize(
    ("keys", "sources", "is_found"),
    [
        (["GET /one"], [], False),
        (["GET /one/{id}"], [], True),
        (["GET /{proxy+}"], [], True),
        (["ANY /one"], [], True),
        (["ANY /one"], ["context:httpMethod"], False),
        (["GET /one", "GET /two"], ["context:httpMethod", "context:resourcePath"], False),
        (["GET /one", "POST /one"], ["context:resourcePath"], True),
        (["GET /a/{x}", "POST /b"], ["context:httpMethod", "context:resourcePath"], True),
        (["GET /a/{x}", "ANY /b"], ["context:httpMethod", "context:path"], False),
    ],
)
def test_a_document_for_one_request_may_be_cached_under_that_request(
    keys: list[str], sources: list[str], *, is_found: bool
) -> None:
    """The ARN has method and path, so the key must have both where they can differ."""
    result = rest_template("rest-request=request", *keys, identity_sources=(TOKEN, *sources))
    assert found(result) == ([("X206", 24)] if is_found else [])


@pytest.mark.parametrize(
    ("version", "modes", "is_found"),
    [
        ("1.0", None, True),
        ("1.0", "http-1.0=caller", False),
        ("2.0", None, True),
        ("2.0", "http-2.0=caller", False),
        (UNKNOWN, None, False),
    ],
)
def test_http_apis_answer_for_one_request_unless_told_otherwise(
    version: Any, modes: str | None, *, is_found: bool
) -> None:
    """IAM documents on HTTP APIs name one request by default."""
    by = [cached(TOKEN, payload_version=version, simple_responses=False)]
    variables = {"AUTHORIZER_HTTP_API_ANSWER": "iam"}
    if modes:
        variables["AUTHORIZER_IAM_MODES"] = modes
    result = template(
        http_api(route("GET /one"), route("GET /two"), by=by), functions=(function(**variables),)
    )
    undecided = [("T150", 21)] if version is UNKNOWN else []
    assert found(result) == undecided + ([("X206", 24)] if is_found else [])


def test_a_function_of_another_template_is_not_judged_by_its_settings() -> None:
    """What it answers cannot be decided here."""
    by = [rest_authorizer(function=None, ttl_seconds=300)]
    api = rest_api(route("GET /one"), route("GET /two"), by=by)
    assert found(template(api, functions=())) == [("X130", 20)]


# --- X207: no exact document ----------------------------------------------------------------------


BELOW = """\
version: 1
groups:
  reader:
    allow: [GET /one]
  admin:
    allow: ["GET /files/**"]
scopes:
  files/read:
    allow: ["GET /files/{name}"]
"""


def test_a_group_without_exact_document_is_an_error_at_its_name() -> None:
    """No document can say what is decided by path; a scope's callers want one, too."""
    keys = ("GET /one", "GET /files/{proxy+}")
    assert found(rest_template(None, *keys), BELOW) == [("X207", 5), ("X207", 8)]
    (first, _) = findings(rest_template(None, *keys), BELOW)
    assert first.severity is Severity.ERROR
    assert "'admin'" in first.message
    assert "the path decides" in first.message


def test_the_rule_that_makes_a_document_impossible_is_named() -> None:
    """Whoever has to mend it learns which line, and below which route."""
    policy = """\
version: 1
groups:
  reader:
    allow: [GET /one]
  admin:
    includes: [reader]
    allow:
      - GET /two
      - ANY /files/**
      - GET /three
"""
    keys = ("GET /one", "GET /two", "GET /three", "GET /files/{proxy+}")
    (one,) = findings(rest_template(None, *keys), policy)
    assert one.code == "X207"
    assert one.message.endswith(
        "found that the path decides 'ANY /files/**' (line 9) below 'GET /files/{proxy+}', "
        "which no IAM document can express"
    )
    assert "ReauthorizeEvery: 0" in one.fix


def test_a_deny_that_makes_a_document_impossible_is_named() -> None:
    """A deny of one value cannot be said of all spellings of it."""
    policy = """\
version: 1
groups:
  reader:
    allow: ["GET /users/{id}", GET /one]
    deny: [POST /one, "GET /users/{id=sub}"]
"""
    told = findings(rest_template(None, "GET /users/{id}", "GET /one"), policy)
    (message,) = (each.message for each in told if each.code == "X207")
    assert message.endswith("a deny that compares a claim, with 'GET /users/{id=sub}' (line 5)")


def test_groups_with_exact_documents_are_fine() -> None:
    """Without the greedy route every grant is a route's, and there is a document for each."""
    assert found(rest_template(None, "GET /one", "GET /files/{name}"), BELOW) == []


def test_no_exact_document_is_needed_where_none_is_shared() -> None:
    """Answers for one request, or under a key that tells the request, serve no other."""
    keys = ("GET /one", "GET /files/{proxy+}")
    single = found(rest_template("rest-request=request", *keys), BELOW)
    assert single == [("X206", 24)]
    whole = (TOKEN, "context:httpMethod", "context:path")
    assert found(rest_template(None, *keys, identity_sources=whole), BELOW) == []
    uncached = rest_api(*(route(key) for key in keys), by=[rest_authorizer(ttl_seconds=0)])
    assert found(template(uncached), BELOW) == []


def test_routes_that_could_not_be_read_prove_nothing_of_documents() -> None:
    """Whether a document is exact depends on all routes."""
    by = [rest_authorizer(ttl_seconds=300)]
    api = rest_api(route("GET /files/{proxy+}"), by=by, is_complete=False)
    assert found(template(api), BELOW) == []


@pytest.mark.parametrize("most", [2, 1000])
def test_what_is_too_much_to_find_out_is_not_taken_for_alike(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """With more kinds of paths than are looked at, the methods and values may differ in any."""
    monkeypatch.setattr("authorizer.cli.analysis.api.MOST_CLASSES", most)
    by = [cached(TOKEN, "context:path")]
    api = http_api(route("ANY /{proxy+}"), by=by)
    rules = [*(f"ANY /{name}" for name in "abcdefgh"), "GET /z", "GET /y/{user=sub}"]
    text = f"version: 1\ngroups: {{g: {{allow: {json.dumps(rules)}}}}}\n"
    codes = {finding.code for finding in findings(template(api), text)}
    assert "X203" in codes
    assert "X104" not in codes


# --- X208: older than the token -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "valid", "is_found"),
    [
        (300, 300, False),
        (301, 300, True),
        (0, 300, False),
        (3600, UNKNOWN, False),
        (UNKNOWN, 300, False),
    ],
)
def test_answers_are_not_kept_for_longer_than_tokens(
    ttl: Any, valid: Any, *, is_found: bool
) -> None:
    """A token that is valid for less than the time to live outlives itself."""
    api = http_api(route("GET /one"), by=[cached(TOKEN, "context:routeKey", ttl=ttl)])
    result = template(api, clients=(client(access_token_seconds=valid),))
    assert found(result) == ([("X208", 24)] if is_found else [])
