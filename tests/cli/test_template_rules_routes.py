"""Routes of the template against the rules of the policy."""

from __future__ import annotations

import pytest
from made_templates import (
    ALL_ALLOWED,
    authorizer,
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


def policy(*lines: str, deny: tuple[str, ...] = (), public: tuple[str, ...] = ()) -> str:
    """A policy of one group; allows start on line 6, denies follow, then public routes."""
    text = "version: 1\n\ngroups:\n  reader:\n    allow:\n"
    text += "".join(f"      - {line}\n" for line in lines)
    text += "    deny:\n" + "".join(f"      - {line}\n" for line in deny)
    return text + "public:\n" + "".join(f"  - {line}\n" for line in public)


# --- X101: open routes ----------------------------------------------------------------------------


def test_a_route_without_authorizer_that_is_not_public_is_an_error() -> None:
    """Nobody but the policy's list of public routes may leave a route open."""
    (one,) = findings(template(http_api(route("GET /hello", None, line=12))))
    assert (one.code, one.severity, one.location.line) == ("X101", Severity.ERROR, 12)
    assert "GET /hello" in one.message


def test_an_open_options_route_is_a_warning() -> None:
    """It is mostly there for preflights, but a backend may answer it."""
    (one,) = findings(template(http_api(route("OPTIONS /hello", None))), policy("OPTIONS /hello"))
    assert (one.code, one.severity) == ("X101", Severity.WARNING)


@pytest.mark.parametrize(
    ("key", "public", "is_open"),
    [
        ("GET /health", "GET /health", False),
        ("GET /health", "ANY /health", False),
        ("GET /health", "GET /health/**", False),
        ("GET /health", "POST /health", True),
        ("GET /healthy", "GET /health", True),
        ("ANY /health", "GET /health", True),
        ("ANY /health", "ANY /health", False),
        ("ANY /health", "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS /health", False),
        ("GET /docs/{page}", "GET /docs/{name}", False),
        ("GET /docs/me", "GET /docs/{name}", True),
        ("GET /docs/{proxy+}", "GET /docs/**", False),
        ("GET /docs/{proxy+}", "GET /docs/{page}", True),
        ("$default", "ANY /**", False),
        ("$default", "GET /**", True),
    ],
)
def test_public_covers_the_whole_of_an_open_route(key: str, public: str, *, is_open: bool) -> None:
    """A route is public only if every method and path that comes by it is."""
    text = policy("ANY /x", public=(public,))
    api = http_api(route(key, None), route("ANY /x"))
    assert (("X101", 10) in found(template(api), text)) is is_open


def test_preflights_and_later_websocket_messages_carry_no_authorizer() -> None:
    """CORS preflights are anybody's, and a WebSocket API authorizes the connection alone."""
    preflight = route("OPTIONS /hello", None, preflight=True)
    assert found(template(http_api(preflight, route("GET /hello")))) == []
    socket = http_api(route("$connect"), route("sendMessage", None), kind=ApiKind.WEBSOCKET)
    assert found(template(socket)) == []


def test_an_open_connection_is_an_error() -> None:
    """A WebSocket API whose $connect has no authorizer is open."""
    socket = http_api(route("$connect", None), kind=ApiKind.WEBSOCKET)
    assert found(template(socket)) == [("X101", 10)]


def test_an_authorizer_that_cannot_be_decided_is_neither_open_nor_guarded() -> None:
    """What is unknown is not judged, but said."""
    api = http_api(route("GET /hello", Unknown("parameter Auth has no default")))
    assert found(template(api)) == [("T050", 10)]


# --- X102, X103: public routes --------------------------------------------------------------------


def test_a_public_route_with_an_authorizer_is_an_error() -> None:
    """Who is told that a route is public must not be asked for a token."""
    text = policy("GET /hello", public=("GET /health",))
    api = http_api(route("GET /hello"), route("GET /health", line=14))
    assert found(template(api), text) == [("X102", 14)]
    open_api = http_api(route("GET /hello"), route("GET /health", None))
    assert found(template(open_api), text) == []


@pytest.mark.parametrize(
    ("key", "authorizer", "is_missing"),
    [
        ("GET /health", None, False),
        ("POST /health", None, True),
        ("GET /{proxy+}", None, False),
        ("GET /{proxy+}", "Rbac", True),
        ("GET /{name}", "Rbac", True),
    ],
)
def test_a_public_route_that_the_template_lacks_is_found(
    key: str, authorizer: str | None, *, is_missing: bool
) -> None:
    """A public route needs a route of the template, or an open greedy one."""
    text = policy("ANY /**", public=("GET /health",))
    codes = found(template(http_api(route(key, authorizer))), text)
    assert (("X103", 9) in codes) is is_missing


def test_no_route_is_missing_from_an_api_that_could_not_be_read() -> None:
    """Where routes may be missing from what was read, none is said to be."""
    text = policy("GET /hello", deny=("GET /secret",), public=("GET /health",))
    api = http_api(route("GET /other", None), is_complete=False)
    assert found(template(api), text) == [("X101", 10)]
    assert found(template(), text) == []


# --- X104: unreachable routes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "allow", "deny", "is_reachable"),
    [
        ("GET /hello", "GET /hello", None, True),
        ("GET /hello", "POST /hello", None, False),
        ("HEAD /hello", "GET /hello", None, False),
        ("ANY /hello", "GET /hello", None, True),
        ("GET /hello", "GET /hello", "GET /hello", False),
        ("GET /hello", "GET /hello", "POST /hello", True),
        ("ANY /hello", "GET,POST /hello", "GET /hello", True),
        ("ANY /hello", "GET,POST /hello", "GET,POST /hello", False),
        ("GET /users/me", "GET /users/{id}", None, False),
        ("GET /users/{id}", "GET /users/{user}", None, True),
        ("GET /users/{id}", "GET /users/me", None, False),
        ("GET /users/{id}", "GET /users/**", None, True),
        ("GET /users/{id}", "GET /users/{id}", "GET /users/{id=sub}", True),
        ("GET /users/{id}", "GET /users/{id=sub}", "GET /users/{id=sub}", False),
        ("GET /users/{id}", "GET /users/{id=sub}", "GET /users/{id=username}", True),
        ("GET /users/{id}", "GET /users/{id=sub}", "GET /users/**", False),
        ("GET /files/{proxy+}", "GET /files/**", None, True),
        ("GET /files/{proxy+}", "GET /files", None, False),
        ("GET /files/{proxy+}", "GET /files/a/b", None, True),
        ("GET /files/{proxy+}", "GET /files/a/b", "GET /files/a/**", False),
        ("GET /files/{proxy+}", "GET /files/**", "GET /files/{name}", True),
        ("GET /files/{proxy+}", "GET /files/{user=sub}", "GET /files/{user=sub}", False),
        ("GET /files/{proxy+}", "GET /{top}/**", None, False),
        ("$default", "DELETE /anything", None, True),
        ("$default", "GET /**", "ANY /**", False),
    ],
)
def test_a_route_is_reachable_if_some_caller_may_use_it(
    key: str, allow: str, deny: str | None, *, is_reachable: bool
) -> None:
    """A route that is denied to everybody is found, and no other one."""
    text = policy(allow, deny=(deny,) if deny else ())
    codes = [code for code, _ in found(template(http_api(route(key))), text)]
    assert ("X104" not in codes) is is_reachable


def test_a_deny_of_another_group_leaves_a_route_reachable() -> None:
    """Only those denies count that everybody has who has the allow."""
    text = """\
version: 1
groups:
  reader:
    allow: [GET /hello]
  suspended:
    deny: [ANY /**]
"""
    assert found(template(http_api(route("GET /hello"))), text) == []
    included = text.replace("reader:", "reader:\n    includes: [suspended]")
    assert found(template(http_api(route("GET /hello"))), included) == [("X104", 10)]


@pytest.mark.parametrize(
    ("rule", "is_reachable"),
    [
        ("GET /users/{id}", True),
        ("GET /users/{id=client_id}", True),
        ("GET /users/{id=username}", False),
    ],
)
@pytest.mark.parametrize("by_path", [False, True])
def test_a_machine_reaches_what_its_scope_grants(
    rule: str, *, is_reachable: bool, by_path: bool
) -> None:
    """A scope opens a route, unless it compares what only a user's token has."""
    text = f'version: 1\nscopes:\n  reports/read:\n    allow: ["{rule}"]\n'
    kind = AuthorizerKind.TOKEN if by_path else AuthorizerKind.REQUEST
    api = rest_api(route("GET /users/{id}"), by=[rest_authorizer(kind=kind)])
    codes = [code for code, _ in found(template(api), text)]
    assert ("X104" not in codes) is is_reachable


def test_a_token_authorizer_resolves_the_path_to_a_route() -> None:
    """It is told the path alone, but the policy is compiled with the routes of the API."""
    by = [rest_authorizer(kind=AuthorizerKind.TOKEN)]
    api = rest_api(route("GET /users/{id}"), by=by)
    assert found(template(api), policy("GET /users/{name}")) == []
    assert found(template(api), policy("GET /users/me")) == [("X104", 10), ("X107", 6)]
    unread = rest_api(route("GET /users/{id}"), by=by, is_complete=False)
    assert found(template(unread), policy("GET /users/me")) == []
    literal = rest_api(route("GET /users/me"), by=by, is_complete=False)
    assert found(template(literal), policy("GET /users/{id}")) == []


def test_default_takes_nothing_that_another_route_takes() -> None:
    """API Gateway prefers {proxy+} to $default, so both are reachable."""
    api = http_api(route("$default"), route("GET /{proxy+}"))
    assert found(template(api), policy("GET /hello", "POST /hello")) == []
    assert found(template(api), policy("GET /hello")) == [("X104", 10)]


@pytest.mark.parametrize("path", ["/hello", "/hello/{proxy+}"])
def test_a_method_with_a_route_of_its_own_does_not_come_by_any(path: str) -> None:
    """ANY is for the other methods then."""
    api = http_api(route(f"GET {path}"), route(f"ANY {path}", line=11))
    assert found(template(api), policy("GET /hello/**")) == [("X104", 11)]
    assert found(template(api), policy("GET,POST /hello/**")) == []


def test_an_open_route_for_any_is_public_by_the_methods_that_are_left() -> None:
    """What has a route of its own need not be public."""
    api = http_api(route("GET /hello"), route("ANY /hello", None, line=11))
    rest = "HEAD,POST,PUT,PATCH,DELETE,OPTIONS /hello"
    assert found(template(api), policy("GET /hello", public=(rest,))) == []
    text = policy("GET /hello", public=(rest.replace("POST,", ""),))
    assert found(template(api), text) == [("X101", 11)]


def test_a_path_of_another_route_opens_none() -> None:
    """What API Gateway gives to a more specific route makes no other one reachable."""
    text = policy("GET /users/me")
    by = [rest_authorizer(kind=AuthorizerKind.TOKEN)]
    api = rest_api(route("GET /users/me"), route("GET /users/{id}", line=11), by=by)
    assert found(template(api), text) == [("X104", 11)]
    other_method = rest_api(route("POST /users/me"), route("GET /users/{id}", line=11), by=by)
    everybody = policy("GET /users/{id}", "POST /users/me")
    assert found(template(other_method), everybody) == []


# --- X105, X106, X107: rules without a route ------------------------------------------------------


def test_an_allow_and_a_deny_without_route_are_found_where_they_stand() -> None:
    """A line that matches no route is found, and a similar route named."""
    text = policy("GET /hello", "GET /articels/{id}", deny=("GET /secret",))
    api = http_api(route("GET /hello"), route("GET /articles/{id}"))
    (allow, deny) = [one for one in findings(template(api), text) if one.code != "X104"]
    assert (allow.code, allow.location.line, allow.location.column) == ("X105", 7, 9)
    assert "did you mean 'GET /articles/{id}'" in allow.message
    assert (deny.code, deny.location.line) == ("X106", 9)


@pytest.mark.parametrize("key", ["GET /files/{proxy+}", "ANY /{proxy+}", "$default"])
def test_routes_below_a_greedy_one_are_matched(key: str) -> None:
    """A greedy route is decided by path, so that rules below it count."""
    assert found(template(http_api(route(key))), policy("GET /files/a/{b}")) == []


def test_a_greedy_route_takes_no_path_above_it() -> None:
    """{proxy+} is one segment or more."""
    api = http_api(route("GET /files/{proxy+}"))
    assert found(template(api), policy("GET /files", "GET /files/a")) == [("X105", 6)]


def test_a_deny_that_a_parameter_route_shadows_is_an_error() -> None:
    """Where requests come by /articles/{id}, a deny of /articles/secret denies nothing."""
    text = policy("GET /articles/{id}", deny=("GET /articles/secret",))
    api = http_api(route("GET /articles/{id}"))
    (one,) = findings(template(api), text)
    assert (one.code, one.severity, one.location.line) == ("X107", Severity.ERROR, 8)
    both = http_api(route("GET /articles/{id}"), route("GET /articles/secret"))
    assert [code for code, _ in found(template(both), text)] == ["X104"]


def test_an_allow_that_a_parameter_route_shadows_is_a_warning() -> None:
    """It opens nothing, but grants nothing either."""
    text = policy("GET /articles/{id}", "GET /articles/new")
    (one,) = findings(template(http_api(route("GET /articles/{id}"))), text)
    assert (one.code, one.severity, one.location.line) == ("X107", Severity.WARNING, 7)


def test_a_parameter_matches_no_literal_route() -> None:
    """A rule for /users/{id} says nothing about /users/me."""
    text = policy("GET /users/me", "GET /users/{id}")
    assert found(template(http_api(route("GET /users/me"))), text) == [("X105", 7)]


def test_a_greedy_route_behind_a_shadow_does_not_bring_a_rule_to_bear() -> None:
    """$default does not get what another route takes, so that the deny denies nothing."""
    text = policy("GET /articles/{id}", "GET /other", deny=("GET /articles/secret",))
    api = http_api(route("GET /articles/{id}"), route("$default"))
    (one,) = findings(template(api), text)
    assert (one.code, one.location.line) == ("X107", 9)
    assert "GET /articles/{id}" in one.message
    other_method = http_api(route("POST /articles/{id}"), route("$default"))
    assert "X107" not in [code for code, _ in found(template(other_method), text)]


def test_a_public_line_is_not_for_what_another_route_takes() -> None:
    """An open $default has the line's requests only if no route before it takes them."""
    text = policy("GET /{name}", public=("ANY /**", "GET /health"))
    api = http_api(route("GET /{name}"), route("$default", None))
    (one,) = [one for one in findings(template(api), text) if one.code == "X103"]
    assert one.location.line == 10
    assert "has only 'GET /{name}'" in one.message
    assert "X103" not in [
        code for code, _ in found(template(http_api(route("$default", None))), text)
    ]


def test_a_deny_is_shadowed_for_a_token_authorizer_too() -> None:
    """It is told the path, but the policy resolves that to the route with the parameter."""
    text = policy("GET /articles/{id}", deny=("GET /articles/secret",))
    api = rest_api(route("GET /articles/{id}"), by=[rest_authorizer(kind=AuthorizerKind.TOKEN)])
    assert found(template(api), text) == [("X107", 8)]


def test_no_deny_is_shadowed_below_a_greedy_route() -> None:
    """There the path is judged, so that a deny of one path denies it."""
    text = policy("GET /articles/{id}", deny=("GET /articles/secret",))
    assert found(template(http_api(route("GET /articles/{proxy+}"))), text) == []


# --- X108: other authorizers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "is_other"),
    [
        (AuthorizerKind.REQUEST, False),
        (AuthorizerKind.TOKEN, False),
        (AuthorizerKind.JWT, True),
        (AuthorizerKind.COGNITO, True),
        (AuthorizerKind.IAM, True),
        (Unknown("parameter Kind has no default"), False),
    ],
)
def test_a_rule_for_a_route_of_another_authorizer_is_an_error(
    kind: AuthorizerKind | Unknown, *, is_other: bool
) -> None:
    """The policy is not enforced where a JWT authorizer decides."""
    api = http_api(route("GET /hello", line=13), by=[authorizer(kind=kind)])
    is_known = not isinstance(kind, Unknown)
    expected = [("X108", 13)] if is_other else [] if is_known else [("X130", 20)]
    assert found(template(api)) == expected


def test_a_route_of_another_authorizer_that_no_rule_names_is_a_warning() -> None:
    """Whoever reads the policy does not learn of it; that may be meant, and accepted."""
    api = http_api(
        route("GET /hello"),
        route("GET /other", "Jwt"),
        by=[authorizer(), authorizer("Jwt", kind=AuthorizerKind.JWT)],
    )
    (one,) = findings(template(api), policy("GET /hello"))
    assert (one.code, one.severity) == ("X131", Severity.WARNING)
    assert "GET /other" in one.message
    assert found(template(api), policy("GET /hello", "GET /other")) == [("X108", 10)]
    assert found(template(api), policy("GET /hello", public=("GET /other",))) == [("X102", 10)]


def test_a_lambda_without_our_settings_is_another_authorizer() -> None:
    """Which of several Lambda authorizers is ours follows from their settings."""
    api = http_api(route("GET /hello"), by=[authorizer(function="Legacy")])
    assert found(template(api)) == [("X108", 10)]
    elsewhere = http_api(route("GET /hello"), by=[authorizer(function=None)])
    assert found(template(elsewhere)) == [("X130", 20)]
    nowhere = template(api, functions=(function("Other"),))
    assert found(nowhere) == [("X108", 10)]
    assert found(template(api, functions=())) == []


def test_everything_allowed_on_a_guarded_route_finds_nothing() -> None:
    """The templates that these tests are made of are good ones."""
    assert found(template(http_api(route("GET /hello"))), ALL_ALLOWED) == []


# --- X109: routes that no rule can name -----------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("POST /reviews/", "take the slash out of the template"),
        ("GET /a//b", "take the second slash out"),
        ("GET reviews", "begin the path in the template with a slash"),
        ("GET /{id}.json", "with plain segments"),
        ("GET /", None),
        ("GET /reviews", None),
        ("GET /files/{proxy+}", None),
        ("$default", None),
    ],
)
def test_a_path_that_no_rule_can_have_is_an_error(key: str, fix: str | None) -> None:
    """It is told once, as what it is, and not as a route that nobody may call."""
    made = template(http_api(route("GET /x"), route(key, line=12)))
    told = findings(made, policy("ANY /x", "GET /files/**", "GET /"))
    of_key = [one for one in told if one.code in {"X104", "X109"} and one.location.line == 12]

    if fix is None:
        assert "X109" not in {one.code for one in of_key}
    else:
        (one,) = of_key
        assert (one.code, one.severity) == ("X109", Severity.ERROR)
        assert fix in one.fix


def test_a_path_that_no_rule_can_have_is_none_to_suggest() -> None:
    """Whoever wrote the rule that the slash keeps out cannot write it with the slash."""
    made = template(http_api(route("POST /reviews/"), route("GET /reviews")))
    told = {one.code: one for one in findings(made, policy("POST /reviews", "GET /reviews"))}

    assert set(told) == {"X105", "X109"}
    assert "/reviews/" not in told["X105"].message


def test_a_path_that_no_rule_can_have_is_not_ours_where_another_authorizer_decides() -> None:
    """The policy has no say there."""
    other = authorizer("Jwt", kind=AuthorizerKind.JWT)
    made = template(http_api(route("POST /reviews/", "Jwt"), by=[other]))

    assert "X109" not in {one.code for one in findings(made)}
