"""Requests made to be let in: by header, method, path, group, and by what a gateway does to them.

Each row differs from a request that is allowed in one thing; a control row shows that it is.
"""

from __future__ import annotations

from typing import Any

import pytest
from api_gateway import FLAVOURS, Call, http_2, rest_request, rest_token, websocket
from naive_policy import policy_of
from simulator import Clock, Cognito

from authorizer import Authorizer, JwksCache, Outcome, Reason, TokenVerifier
from authorizer.settings import HttpApiAnswer

COGNITO = Cognito()
TEXT = """\
version: 1
groups:
  reader:
    allow:
      - GET /articles/{id}
      - GET /users/{user=sub}
      - GET /tenants/{tenant=tenant}/{page}
      - GET /{lang}/help
  admin:
    allow:
      - ANY /admin/**
      - GET /users/admin
      - GET /files/**
  live:
    allow:
      - $connect
  suspended:
    deny:
      - ANY /**
  muted:
    deny:
      - GET /articles/{id}
  '*':
    allow:
      - GET /starred
  "caf\\u00e9":
    allow:
      - GET /coffee
scopes:
  reports/read:
    allow:
      - GET /reports/{id}
public:
  - GET /health
  - GET /articles/feed
"""
POLICY = policy_of(TEXT)
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def _authorizer(answer: HttpApiAnswer = HttpApiAnswer.SIMPLE) -> Authorizer:
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    verifier = TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock())
    return Authorizer(verifier, POLICY, http_api_answer=answer)


AUTHORIZER = _authorizer()
IAM_AUTHORIZER = _authorizer(HttpApiAnswer.IAM)
READER = f"Bearer {COGNITO.token()}"
ADMIN = f"Bearer {COGNITO.token(cognito_groups=['admin', 'reader'])}"


def judge(event: dict[str, Any]) -> Outcome:
    return AUTHORIZER.judge(event)


def verdict(outcome: Outcome) -> str:
    return str(outcome.reason or "allowed")


# --- the path, where nothing else tells the route -------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/admin/users", "allowed", id="control"),
        pytest.param("/files/a:b/c@d", "allowed", id="colons and at signs, as ARNs have them"),
        pytest.param("/files/a%20b%C3%A9", "allowed", id="harmless encodings"),
        pytest.param("/admin/../health", "path_unsafe", id="dot segments"),
        pytest.param("/admin/./users", "path_unsafe", id="single dot"),
        pytest.param("/admin/..", "path_unsafe", id="dots at the end"),
        pytest.param("/articles/..%2fadmin", "path_unsafe", id="encoded slash"),
        pytest.param("/articles/..%5cadmin", "path_unsafe", id="encoded backslash"),
        pytest.param("/articles/%2e%2e/admin", "path_unsafe", id="encoded dots"),
        pytest.param("/articles/%252e%252e%252fadmin", "path_unsafe", id="encoded twice"),
        pytest.param("/articles/%c0%ae%c0%ae%c0%afadmin", "path_unsafe", id="overlong UTF-8"),
        pytest.param("/articles/%e0%80%af", "path_unsafe", id="longer overlong UTF-8"),
        pytest.param("/articles/%u002e", "path_unsafe", id="encoding of IIS"),
        pytest.param("/%61dmin/users", "path_unsafe", id="needless encoding"),
        pytest.param("/admin//users", "path_unsafe", id="two slashes"),
        pytest.param("//admin/users", "path_unsafe", id="two slashes first"),
        pytest.param("/admin/users/", "path_unsafe", id="slash at the end"),
        pytest.param("/admin;x=y/users", "path_unsafe", id="matrix parameter"),
        pytest.param("/admin/users;.css", "path_unsafe", id="suffix"),
        pytest.param("/admin\\users", "path_unsafe", id="backslash"),
        pytest.param("/admin/users?x", "path_unsafe", id="query"),
        pytest.param("/admin/users%3Fx", "path_unsafe", id="encoded query"),
        pytest.param("/admin/users#x", "path_unsafe", id="fragment"),
        pytest.param("/admin/users%00", "path_unsafe", id="encoded NUL"),
        pytest.param("/admin/users\x00", "path_unsafe", id="NUL"),
        pytest.param("/admin/users\n", "path_unsafe", id="line break"),
        pytest.param("/admin/users%0d%0ax", "path_unsafe", id="encoded line break"),
        pytest.param("/admin/ users", "path_unsafe", id="blank"),
        pytest.param("/admin/users\u200a", "path_unsafe", id="hair space"),
        pytest.param("/admin/users\u2028", "path_unsafe", id="line separator"),
        pytest.param("/admin/%E2%80%A8", "path_unsafe", id="encoded line separator"),
        pytest.param("/admin/{proxy}", "path_unsafe", id="braces"),
        pytest.param("/admin/*", "path_unsafe", id="star"),
        pytest.param("/admin/$x", "path_unsafe", id="variable of IAM"),
        pytest.param("/admin/\ud800", "allowed", id="half a surrogate pair"),
        pytest.param("/Admin/users", "not_granted", id="other case"),
        pytest.param("/\u0430dmin/users", "not_granted", id="Cyrillic letter"),
        pytest.param("/\uff41dmin/users", "not_granted", id="full-width letter"),
        pytest.param("/articles\uff0f1", "not_granted", id="full-width slash"),
        pytest.param("/articles/1\u2215edit", "allowed", id="division slash is a letter"),
        pytest.param("/", "not_granted", id="root"),
        pytest.param("/articles", "not_granted", id="one segment less"),
        pytest.param("/articles/1/2", "not_granted", id="one segment more"),
        pytest.param("/article/1", "not_granted", id="other literal"),
        pytest.param("/articles/feed", "not_granted", id="public route behind the authorizer"),
        pytest.param("/health", "not_granted", id="public grants nothing"),
        pytest.param("/$connect", "not_granted", id="WebSocket's route"),
    ],
)
@pytest.mark.parametrize("how", ["token", "default", "proxy"])
def test_paths(how: str, path: str, expected: str) -> None:
    """A path is one of the policy's or none, in its one spelling.

    Somebody is denied everything (``suspended``), so that no path is unknown to this policy.
    """
    call = Call(path=path, authorization=ADMIN, parameters={})
    if how == "token":
        outcome = judge(rest_token(call))
    else:
        route = {"default": "$default", "proxy": "/{proxy+}"}[how]
        event = http_2(Call(path=path, route=route, authorization=ADMIN, parameters={}))
        outcome = judge(event)
        if "$x" in path:
            expected = "allowed"  # a boolean names no path, so that there is nothing to escape
        if how == "proxy" and path == "/":
            expected = "path_disagrees"

    assert verdict(outcome) == expected


@pytest.mark.parametrize(
    ("path", "reader", "admin"),
    [
        pytest.param("/users/admin", "not_granted", "allowed", id="literal beside a parameter"),
        pytest.param("/admin/help", "not_granted", "allowed", id="parameter before a literal"),
        pytest.param("/admin", "not_granted", "allowed", id="rest of nothing"),
        pytest.param("/en/help", "allowed", "allowed", id="nobody else's"),
    ],
)
@pytest.mark.parametrize("route", [None, "$default", "/{proxy+}"])
def test_a_parameter_never_answers_for_a_known_literal(
    route: str | None, path: str, reader: str, admin: str
) -> None:
    """/users/{user} is not the way to /users/admin, nor /{lang}/help that to /admin/help."""
    for authorization, expected in ((READER, reader), (ADMIN, admin)):
        call = Call(path=path, route=route or "", parameters={}, authorization=authorization)
        outcome = judge(rest_token(call) if route is None else http_2(call))
        assert verdict(outcome) == expected


def test_a_greedy_route_answers_for_itself_alone() -> None:
    """API Gateway chose /admin/{proxy+}: a rule for /{lang}/help is about another route."""
    call = Call(path="/fr/help", route="/fr/{proxy+}", authorization=READER)
    assert judge(http_2(call)).reason is Reason.NOT_GRANTED
    there = Call(path="/fr/help", route="/{lang}/{proxy+}", authorization=READER)
    assert judge(http_2(there)).reason is None


@pytest.mark.parametrize(
    ("path", "parameters", "expected"),
    [
        pytest.param("/articles/1", {"id": "1"}, "allowed", id="control"),
        pytest.param("/articles/a b", {"id": "a b"}, "allowed", id="decoded by an HTTP API"),
        pytest.param("/articles/1/2", {"id": "1"}, "path_disagrees", id="one segment more"),
        pytest.param("/articles/1/", {"id": "1"}, "path_unsafe", id="slash at the end"),
        pytest.param("/articles/a/b", {"id": "a/b"}, "path_disagrees", id="decoded slash"),
        pytest.param("/articles/../admin", {"id": ".."}, "path_unsafe", id="decoded dots"),
        pytest.param("/admin/1", {"id": "1"}, "path_disagrees", id="other literal"),
        pytest.param("/articles/2", {"id": "1"}, "path_disagrees", id="other value"),
        pytest.param("//articles/1", {"id": "1"}, "path_unsafe", id="two slashes"),
        pytest.param("/articles;x/1", {"id": "1"}, "path_unsafe", id="matrix parameter"),
        pytest.param("/Articles/1", {"id": "1"}, "path_disagrees", id="other case"),
    ],
)
@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request"])
def test_route_and_path_that_differ(
    flavour: str, path: str, parameters: dict[str, str], expected: str
) -> None:
    """Where API Gateway names the route, a path of another one is a disagreement, and no access.

    One that can be read in two ways has the same name as where no route is named.
    """
    call = Call(path=path, parameters=parameters, authorization=READER)
    assert verdict(judge(FLAVOURS[flavour](call))) == expected


# --- one's own record -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "value", "expected"),
    [
        pytest.param({}, SUB, "allowed", id="control"),
        pytest.param({}, SUB.upper(), "not_granted", id="other case"),
        pytest.param({}, SUB.replace("a", "%61", 1), "not_granted", id="percent-encoded"),
        pytest.param({}, f"{SUB}%20", "not_granted", id="with a blank"),
        pytest.param({}, f"{SUB},x", "not_granted", id="with another"),
        pytest.param({}, "alice", "not_granted", id="by another claim"),
        pytest.param({}, "{user}", "not_granted", id="the template itself"),
        pytest.param({}, "*", "not_granted", id="star"),
    ],
)
def test_ones_own_record(claims: dict[str, Any], value: str, expected: str) -> None:
    """Only the caller's own, in its one spelling."""
    call = Call(
        route="/users/{user}",
        path=f"/users/{value}",
        parameters={"user": value},
        authorization=f"Bearer {COGNITO.token(**claims)}",
    )
    assert verdict(judge(rest_request(call))) == expected


@pytest.mark.parametrize(
    ("tenant", "value", "expected"),
    [
        pytest.param("7", "7", "allowed", id="control"),
        pytest.param(None, "None", "not_granted", id="missing"),
        pytest.param(7, "7", "not_granted", id="number"),
        pytest.param(True, "True", "not_granted", id="boolean"),
        pytest.param(["7"], "7", "not_granted", id="list"),
        pytest.param({"7": "7"}, "7", "not_granted", id="object"),
        pytest.param("", "7", "not_granted", id="empty"),
    ],
)
@pytest.mark.parametrize("flavour", ["http-2.0", "rest-request", "rest-token"])
def test_a_claim_that_is_no_text(flavour: str, tenant: object, value: str, expected: str) -> None:
    """A claim equals a parameter as text, or not at all."""
    call = Call(
        route="/tenants/{tenant}/{page}",
        path=f"/tenants/{value}/p",
        parameters={"tenant": value, "page": "p"},
        authorization=f"Bearer {COGNITO.token(tenant=tenant)}",
    )
    assert verdict(judge(FLAVOURS[flavour](call))) == expected


# --- the method -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        pytest.param("GET", "allowed", id="control"),
        pytest.param("PURGE", "allowed", id="ANY is every word"),
        pytest.param("get", "method_unsafe", id="lower case"),
        pytest.param("*", "method_unsafe", id="star"),
        pytest.param("G?T", "method_unsafe", id="question mark"),
        pytest.param("GET,PUT", "method_unsafe", id="two"),
        pytest.param("", "method_unsafe", id="none"),
        pytest.param("$connect", "method_unsafe", id="WebSocket's route"),
        pytest.param("M-SEARCH", "method_unsafe", id="token with a hyphen"),
        pytest.param("A" * 33, "method_unsafe", id="endless"),
        pytest.param("\uff27ET", "method_unsafe", id="full-width letter"),
    ],
)
def test_methods(method: str, expected: str) -> None:
    """A method is an upper-case word, or nobody's."""
    call = Call(
        method=method, path="/admin/x", route="/admin/{x}", parameters={}, authorization=ADMIN
    )
    event = rest_request(call)
    # What API Gateway puts into the ARN is beside the point here.
    event["methodArn"] = rest_request(Call(path="/admin/x", route="/admin/{x}", parameters={}))[
        "methodArn"
    ]
    assert verdict(judge(event)) == expected


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "ANY"])
def test_a_method_that_is_not_named(method: str) -> None:
    """GET is granted; what a server may treat alike is not."""
    assert judge(http_2(Call(method=method, authorization=READER))).reason is Reason.NOT_GRANTED


# --- the header -----------------------------------------------------------------------------------

GOOD = READER.removeprefix("Bearer ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(f"Bearer {GOOD}", "allowed", id="control"),
        pytest.param(f"bearer {GOOD}", "allowed", id="lower case"),
        pytest.param(f"Bearer  {GOOD}", "allowed", id="two blanks"),
        pytest.param(GOOD, "authorization_not_bearer", id="bare token"),
        pytest.param(f"Basic {GOOD}", "authorization_not_bearer", id="Basic"),
        pytest.param(f"Bearer\t{GOOD}", "authorization_not_bearer", id="tab"),
        pytest.param(f" Bearer {GOOD}", "authorization_not_bearer", id="blank first"),
        pytest.param(f"Bearer {GOOD} ", "authorization_not_bearer", id="blank last"),
        pytest.param(f"Bearer Bearer {GOOD}", "authorization_not_bearer", id="Bearer twice"),
        pytest.param(f"Bearer {GOOD},Bearer {GOOD}", "authorization_not_bearer", id="joined"),
        pytest.param(f"Bearer {GOOD}, Bearer x", "authorization_not_bearer", id="and another"),
        pytest.param(f"Bearer {GOOD},x", "token_not_base64url", id="comma in the token"),
        pytest.param(f"Bearer {GOOD}\n", "token_not_base64url", id="line break"),
        pytest.param(f"Bearer {GOOD}\x00", "token_not_base64url", id="NUL"),
        pytest.param(f'Bearer "{GOOD}"', "token_not_base64url", id="quotes"),
        pytest.param(f"Bearer {GOOD}=", "token_not_base64url", id="padding"),
        pytest.param("Bearer", "authorization_not_bearer", id="no token"),
        pytest.param("", "authorization_not_bearer", id="empty"),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_headers(flavour: str, value: str, expected: str) -> None:
    """One scheme, blanks, one token: in every flavour alike."""
    reader = expected == "allowed" and flavour == "websocket"
    if reader:
        live = f"Bearer {COGNITO.token(cognito_groups=['live'])}"
        value = value.replace(GOOD, live.removeprefix("Bearer "))
    assert verdict(judge(FLAVOURS[flavour](Call(authorization=value)))) == expected


@pytest.mark.parametrize(
    ("headers", "multiple", "expected"),
    [
        pytest.param({}, {"Authorization": [READER]}, "allowed", id="control"),
        pytest.param({}, {"AUTHORIZATION": [READER]}, "allowed", id="any case"),
        pytest.param({}, {"Authorization": [READER, READER]}, "authorization_ambiguous", id="same"),
        pytest.param({}, {"Authorization": ["x", READER]}, "authorization_ambiguous", id="two"),
        pytest.param(
            {},
            {"Authorization": [READER], "authorization": ["x"]},
            "authorization_ambiguous",
            id="two spellings",
        ),
        pytest.param(
            {"Authorization": READER}, {"Accept": ["*/*"]}, "token_missing", id="maps that differ"
        ),
        pytest.param(
            {"Authorization": READER, "authorization": READER},
            None,
            "authorization_ambiguous",
            id="two spellings, one value each",
        ),
        pytest.param({"X-Authorization": READER}, None, "token_missing", id="other header"),
        pytest.param({"Authorization ": READER}, None, "token_missing", id="blank in the name"),
        pytest.param({"Author\u0131zation": READER}, None, "token_missing", id="dotless i"),
    ],
)
@pytest.mark.parametrize("flavour", ["http-1.0", "rest-request"])
def test_two_headers(
    flavour: str,
    headers: dict[str, str],
    multiple: dict[str, list[str]] | None,
    expected: str,
) -> None:
    """A gateway, its cache and a backend may each choose another one of two: none is taken."""
    event = FLAVOURS[flavour](Call())
    event |= {"headers": headers, "multiValueHeaders": multiple}
    assert verdict(judge(event)) == expected


def test_a_token_in_the_query_is_no_token() -> None:
    """URLs are logged; a token in one is not looked for."""
    event = websocket(Call(authorization=None), queryStringParameters={"token": GOOD})
    assert judge(event).reason is Reason.TOKEN_MISSING


# --- the template in the path's place, as an emulator has it --------------------------------------


def templated(flavour: str, call: Call) -> dict[str, Any]:
    """The event as serverless-offline makes it: a TOKEN one tells the route, too."""
    if flavour != "rest-token":
        return FLAVOURS[flavour](call)
    return rest_token(call, resource=call.route, pathParameters=call.parameters)


@pytest.mark.parametrize(
    ("route", "parameters", "expected"),
    [
        pytest.param("/articles/{id}", {"id": "7"}, "allowed", id="granted"),
        pytest.param("/articles/{id}", {"id": "{id}"}, "allowed", id="sent by a client itself"),
        pytest.param("/articles/{id}", {}, "allowed", id="nothing compared"),
        pytest.param("/users/{user}", {"user": SUB}, "allowed", id="own record"),
        pytest.param("/users/{user}", {"user": "bob"}, "not_granted", id="another's record"),
        pytest.param("/users/{user}", {"user": "{user}"}, "not_granted", id="no value, a template"),
        pytest.param("/users/{user}", {"id": SUB}, "not_granted", id="another parameter's value"),
        pytest.param("/users/{user}", {}, "not_granted", id="no value"),
        pytest.param("/users/{user}", {"user": SUB + "%20"}, "not_granted", id="encoded"),
        pytest.param(
            "/tenants/{tenant}/{page}", {"page": "1"}, "not_granted", id="half the values"
        ),
        pytest.param("/files/{proxy+}", {"proxy": "a"}, "path_unsafe", id="greedy"),
        pytest.param(
            "/files/{proxy*}", {"proxy": "a"}, "route_unknown", id="greedy, as the emulator"
        ),
        pytest.param("/admin/{x}", {"x": "y"}, "not_granted", id="not granted"),
    ],
)
@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request", "rest-token"])
def test_a_template_for_a_path_grants_what_its_route_and_values_do(
    flavour: str, route: str, parameters: dict[str, str], expected: str
) -> None:
    """Whatever stands in the ARN: the route that was matched, and its parameters' values, count."""
    call = Call(route=route, path=route, parameters=parameters, authorization=READER)
    event = templated(flavour, call)
    outcome = IAM_AUTHORIZER.judge(event)
    assert verdict(outcome) == expected

    answer: Any = outcome.answer()
    for statement in answer["policyDocument"]["Statement"]:
        assert statement["Effect"] == ("Allow" if expected == "allowed" else "Deny")
        client_part = statement["Resource"].split("/", 2)[2]
        assert client_part == f"GET{route}".replace("*", "%2A")
        assert not set(client_part) & set("*$")


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request", "rest-token"])
def test_a_deny_holds_where_the_path_is_a_template(flavour: str) -> None:
    """Nobody escapes a deny by sending braces."""
    muted = f"Bearer {COGNITO.token(cognito_groups=['reader', 'muted'])}"
    for parameters in ({"id": "7"}, {"id": "{id}"}, {}):
        call = Call(path="/articles/{id}", parameters=parameters, authorization=muted)
        assert verdict(judge(templated(flavour, call))) == "denied_by_rule"


@pytest.mark.parametrize("flavour", ["rest-request", "rest-token"])
def test_a_document_for_the_caller_is_not_widened_by_a_template(flavour: str) -> None:
    """One's own record is allowed by the request's ARN alone; another's adds nothing."""
    routes = ("GET /articles/{id}", "GET /users/{user}", "GET /admin/{x}")
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    verifier = TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock())
    authorizer = Authorizer(verifier, policy_of(TEXT, routes))
    allowed = {}
    for user in (SUB, "bob"):
        call = Call(
            route="/users/{user}",
            path="/users/{user}",
            parameters={"user": user},
            authorization=READER,
        )
        answer: Any = authorizer.authorize(templated(flavour, call))
        (resources,) = (
            statement["Resource"]
            for statement in answer["policyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        )
        resources = [resources] if isinstance(resources, str) else resources
        allowed[user] = {resource.split("/", 2)[2] for resource in resources}
    assert allowed == {SUB: {"GET/users/{user}"}, "bob": {"GET/articles/*", f"GET/users/{SUB}"}}


def test_a_template_is_no_path_for_who_is_told_no_route() -> None:
    """API Gateway's own TOKEN events name no route: braces in their path remain unsafe."""
    assert verdict(judge(rest_token(Call(path="/articles/{id}", authorization=READER)))) == (
        "path_unsafe"
    )


# --- groups and scopes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "path", "expected"),
    [
        pytest.param(["reader"], "/articles/1", "allowed", id="control"),
        pytest.param(["Reader"], "/articles/1", "not_granted", id="other case"),
        pytest.param(["group:reader"], "/articles/1", "not_granted", id="internal name"),
        pytest.param(["scope:reports/read"], "/reports/1", "not_granted", id="poses as a scope"),
        pytest.param(["*"], "/articles/1", "not_granted", id="star matches no other group"),
        pytest.param(["*"], "/starred", "allowed", id="star is a name"),
        pytest.param(
            ["**", ".*", "?", "r*", "reader,admin"], "/articles/1", "not_granted", id="glob"
        ),
        pytest.param(["caf\u00e9"], "/coffee", "allowed", id="composed"),
        pytest.param(["cafe\u0301"], "/coffee", "not_granted", id="decomposed"),
        pytest.param(["reader\u200b"], "/articles/1", "not_granted", id="zero width"),
        pytest.param(["r\u0435ader"], "/articles/1", "not_granted", id="Cyrillic letter"),
        pytest.param(["reader", "muted"], "/articles/1", "denied_by_rule", id="denied"),
        pytest.param(["admin", "suspended"], "/admin/x", "denied_by_rule", id="suspended admin"),
        pytest.param(["suspended", "admin"], "/admin/x", "denied_by_rule", id="in any order"),
        pytest.param(["suspended"], "/nowhere", "denied_by_rule", id="suspended anywhere"),
        pytest.param(["suspended", "reader"], "/health", "denied_by_rule", id="even public"),
        pytest.param(["admin reader"], "/admin/x", "not_granted", id="blank in a name"),
        pytest.param(["reader", "Domain Users"], "/articles/1", "allowed", id="beside a name"),
        pytest.param(["Domain Users"], "/articles/1", "not_granted", id="blank in the only name"),
        pytest.param(["admin "], "/admin/x", "not_granted", id="blank at the end"),
        pytest.param([" admin"], "/admin/x", "not_granted", id="blank at the start"),
        pytest.param(["reader\u00a0admin"], "/admin/x", "not_granted", id="no-break space"),
        pytest.param(["reader\u2028admin"], "/admin/x", "not_granted", id="line separator"),
        pytest.param(["\tadmin", "admin\n"], "/admin/x", "not_granted", id="tab, line break"),
        pytest.param([""], "/articles/1", "not_granted", id="empty"),
        pytest.param(["muted", "x y", "reader"], "/articles/1", "denied_by_rule", id="denied"),
        pytest.param("reader", "/articles/1", "groups_invalid", id="text"),
        pytest.param({"reader": 1}, "/articles/1", "groups_invalid", id="object"),
        pytest.param([["reader"]], "/articles/1", "groups_invalid", id="nested"),
        pytest.param([None], "/articles/1", "groups_invalid", id="null"),
    ],
)
def test_groups(groups: Any, path: str, expected: str) -> None:
    """A group is a name, compared code point by code point."""
    token = COGNITO.token(cognito_groups=groups)
    call = Call(path=path, authorization=f"Bearer {token}")
    assert verdict(judge(rest_token(call))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"username": None, "cognito_groups": None}, "allowed", id="control"),
        pytest.param(
            {"username": None, "cognito_groups": None, "sub": "u"}, "not_granted", id="own subject"
        ),
        pytest.param({"cognito_groups": None}, "not_granted", id="user"),
        pytest.param({"username": None, "cognito_groups": []}, "not_granted", id="empty groups"),
        pytest.param({"username": None, "cognito_groups": ["x"]}, "not_granted", id="groups"),
        pytest.param(
            {"username": None, "cognito_groups": ["Domain Users"]}, "not_granted", id="unnameable"
        ),
        pytest.param({"username": ""}, "username_invalid", id="empty name"),
        pytest.param(
            {"username": None, "cognito_groups": None, "scope": "reports/reader"},
            "not_granted",
            id="longer scope",
        ),
        pytest.param(
            {"username": None, "cognito_groups": None, "scope": "reports/*"},
            "not_granted",
            id="glob scope",
        ),
        pytest.param(
            {"username": None, "cognito_groups": None, "scope": ["reports/read"]},
            "scope_invalid",
            id="list",
        ),
    ],
)
def test_scopes(changes: dict[str, Any], expected: str) -> None:
    """A scope is a machine's: nobody with a name or a group uses it."""
    token = COGNITO.token(**({"scope": "reports/read", "sub": COGNITO.client_id} | changes))
    call = Call(path="/reports/1", authorization=f"Bearer {token}")
    assert verdict(judge(rest_token(call))) == expected


# --- WebSocket ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param(["live"], "allowed", id="granted"),
        pytest.param(["reader"], "not_granted", id="not granted"),
        pytest.param(["admin"], "not_granted", id="everything below /admin is no connection"),
        pytest.param(["live", "suspended"], "denied_by_rule", id="suspended"),
        pytest.param([], "not_granted", id="nobody"),
    ],
)
def test_connections(groups: list[str], expected: str) -> None:
    """A connection wants a grant of its own."""
    token = COGNITO.token(cognito_groups=groups)
    assert verdict(judge(websocket(Call(authorization=f"Bearer {token}")))) == expected


# --- answers that would cover more ----------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/admin/*", "/admin/?", "/admin/a*b", "/*", "/admin/$", "/admin/${aws:username}"),
        *("/admin/%2A", "/admin/**", "*"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "*", "G?T", "$connect"])
@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request", "rest-token"])
def test_no_wildcard_of_the_clients_enters_a_document(flavour: str, method: str, path: str) -> None:
    """A document never allows, nor denies, what IAM would read as more than one request."""
    call = Call(
        method=method,
        path=f"/{path.lstrip('/')}",
        route="/admin/{x}",
        parameters={"x": path.rsplit("/", maxsplit=1)[-1]},
        authorization=ADMIN,
    )
    outcome = IAM_AUTHORIZER.judge(FLAVOURS[flavour](call))
    answer: Any = outcome.answer()

    for statement in answer["policyDocument"]["Statement"]:
        client_part = statement["Resource"].split("/", 2)[2]
        assert not set(client_part) & set("*?$")
        if path != "/admin/%2A" or method != "GET":
            assert statement["Effect"] == "Deny"


def test_an_encoded_star_is_a_literal() -> None:
    """%2A is no wildcard to IAM, so that where it is allowed, it is allowed as itself."""
    call = Call(path="/admin/%2A", route="/admin/{x}", parameters={"x": "%2A"}, authorization=ADMIN)
    answer: Any = IAM_AUTHORIZER.authorize(rest_request(call))
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"].endswith("/test/GET/admin/%2A")


def test_an_allow_for_one_path_says_nothing_of_another() -> None:
    """A gateway that remembers the document of one request denies the next one."""
    first: Any = IAM_AUTHORIZER.authorize(
        rest_token(Call(path="/articles/1", authorization=READER))
    )
    (statement,) = first["policyDocument"]["Statement"]
    assert statement["Resource"].endswith("/prod/GET/articles/1")
