"""Authorizers that cannot be asked, preflights, refusals, pools, clients and groups."""

from __future__ import annotations

from typing import Any

import pytest
from made_templates import (
    at,
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
from authorizer.cli.template.model import (
    ApiKind,
    AuthorizerKind,
    Unknown,
    UserGroup,
    UserPool,
)

UNKNOWN = Unknown("parameter Choice has no default")
HELLO = route("GET /hello")


# --- T101 to T104: the authorizer itself ----------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "is_found"), [(True, False), (False, True), (UNKNOWN, False)]
)
def test_a_missing_permission_is_an_error(permission: Any, *, is_found: bool) -> None:
    """Without the permission to invoke it, every call is a 500."""
    api = http_api(HELLO, by=[authorizer(may_be_invoked=permission)])
    assert found(template(api)) == ([("T101", 20)] if is_found else [])


def test_only_a_function_needs_a_permission() -> None:
    """A JWT authorizer invokes nothing."""
    jwt = authorizer("Jwt", kind=AuthorizerKind.JWT, may_be_invoked=False)
    assert found(template(http_api(HELLO, by=[authorizer(), jwt]))) == []


@pytest.mark.parametrize(("is_text", "is_found"), [(True, False), (False, True)])
def test_a_payload_version_that_is_a_number_is_an_error(*, is_text: bool, is_found: bool) -> None:
    """2.0 without quotes is a number to YAML."""
    api = http_api(HELLO, by=[authorizer(payload_version_is_text=is_text)])
    assert found(template(api)) == ([("T102", 21)] if is_found else [])


@pytest.mark.parametrize(
    ("version", "simple", "is_found"),
    [
        ("1.0", True, True),
        ("1.0", False, False),
        ("2.0", True, False),
        ("1.0", UNKNOWN, False),
        (UNKNOWN, True, False),
    ],
)
def test_simple_responses_need_payload_version_2(
    version: Any, simple: Any, *, is_found: bool
) -> None:
    """API Gateway refuses them with version 1.0."""
    api = http_api(HELLO, by=[authorizer(payload_version=version, simple_responses=simple)])
    others = [one for one in found(template(api)) if one[0] != "T150"]
    assert others == ([("T103", 22)] if is_found else [])


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        (None, Severity.ERROR),
        (UNKNOWN, Severity.WARNING),
        ("3.0", Severity.ERROR),
        ("2", Severity.ERROR),
        ("", Severity.ERROR),
    ],
)
def test_a_payload_version_is_written_in_the_template(version: Any, severity: Severity) -> None:
    """There is no default, nor a third version; what only a deployment tells was not judged."""
    (one,) = findings(template(http_api(HELLO, by=[authorizer(payload_version=version)])))
    assert (one.code, one.severity) == ("T150", severity)


@pytest.mark.parametrize(
    ("simple", "answer", "is_found"),
    [
        (True, None, False),
        (True, "simple", False),
        (True, "iam", True),
        (False, None, True),
        (False, "simple", True),
        (False, "iam", False),
        (UNKNOWN, "iam", False),
        (True, UNKNOWN, False),
    ],
)
def test_function_and_api_must_expect_the_same_answer(
    simple: Any, answer: Any, *, is_found: bool
) -> None:
    """The event does not tell which answer is read, so both are told by hand."""
    variables = {} if answer is None else {"AUTHORIZER_HTTP_API_ANSWER": answer}
    api = http_api(HELLO, by=[authorizer(simple_responses=simple)])
    result = template(api, functions=(function(**variables),))
    assert found(result) == ([("T104", 22)] if is_found else [])


def test_an_answer_that_there_is_none_of_is_not_compared() -> None:
    """The function refuses it at its start, which is what is found."""
    api = http_api(HELLO, by=[authorizer(simple_responses=True)])
    sinple = function(AUTHORIZER_HTTP_API_ANSWER="sinple")
    assert found(template(api, functions=(sinple,))) == [("T130", 40)]


def test_payload_1_always_has_iam_answers() -> None:
    """The setting is of payload 2.0 alone."""
    api = http_api(HELLO, by=[authorizer(payload_version="1.0", simple_responses=False)])
    assert found(template(api)) == []


# --- T201, T202: browsers -------------------------------------------------------------------------


@pytest.mark.parametrize(("has_cors", "is_found"), [(True, True), (False, False), (UNKNOWN, False)])
@pytest.mark.parametrize("key", ["ANY /hello", "OPTIONS /hello", "$default", "ANY /{proxy+}"])
def test_a_preflight_must_not_meet_an_authorizer(
    key: str, has_cors: Any, *, is_found: bool
) -> None:
    """A browser sends no token with a preflight."""
    api = http_api(route(key), has_cors=has_cors)
    assert found(template(api)) == ([("T201", 10)] if is_found else [])


@pytest.mark.parametrize(
    ("key", "options", "is_found"),
    [
        ("ANY /hello", "OPTIONS /hello", False),
        ("ANY /hello", "OPTIONS /other", True),
        ("ANY /users/{id}", "OPTIONS /users/{user}", False),
        ("$default", "OPTIONS /{proxy+}", False),
        ("$default", "OPTIONS /hello/{proxy+}", True),
    ],
)
def test_an_options_route_without_authorizer_takes_the_preflights(
    key: str, options: str, *, is_found: bool
) -> None:
    """API Gateway prefers a route for the method to one for every method."""
    preflight = route(options, None, preflight=True)
    codes = found(template(http_api(route(key), preflight, has_cors=True)))
    assert codes == ([("T201", 10)] if is_found else [])
    guarded = route(options, "Rbac", line=11)
    expected = [("T201", 10), ("T201", 11)] if is_found else [("T201", 11)]
    assert found(template(http_api(route(key), guarded, has_cors=True))) == expected


def test_a_preflight_of_sam_must_not_have_the_default_authorizer() -> None:
    """SAM gives it to the preflights of REST APIs unless told not to."""
    facts: dict[str, Any] = {"has_cors": True, "cors_gateway_responses": frozenset({"DEFAULT_4XX"})}
    preflight = route("OPTIONS /hello", "Rbac", line=11, preflight=True)
    (one,) = findings(template(rest_api(HELLO, preflight, **facts)))
    assert (one.code, one.severity, one.location.line) == ("T201", Severity.ERROR, 11)
    bare = route("OPTIONS /hello", None, line=11, preflight=True)
    assert found(template(rest_api(HELLO, bare, **facts))) == []


def test_preflights_of_one_line_are_one_finding() -> None:
    """SAM makes a preflight for each path of the API; the line to change is one."""
    facts: dict[str, Any] = {"has_cors": True, "cors_gateway_responses": frozenset({"DEFAULT_4XX"})}
    made = [route(f"OPTIONS /{name}", "Rbac", line=11, preflight=True) for name in "abc"]
    (one,) = findings(template(rest_api(HELLO, *made, **facts)))
    assert "'OPTIONS /a' and 2 more" in one.message


@pytest.mark.parametrize(
    ("having", "is_found"),
    [
        ({"DEFAULT_4XX"}, False),
        ({"UNAUTHORIZED", "ACCESS_DENIED"}, False),
        ({"UNAUTHORIZED"}, True),
        ({"DEFAULT_5XX"}, True),
        (set(), True),
        (UNKNOWN, False),
    ],
)
def test_refusals_of_a_rest_api_need_cors_headers(having: Any, *, is_found: bool) -> None:
    """A 403 without them looks like a CORS fault to a page."""
    kinds = having if having is UNKNOWN else frozenset(having)
    api = rest_api(HELLO, has_cors=True, cors_gateway_responses=kinds)
    assert found(template(api)) == ([("T202", 5)] if is_found else [])


def test_refusals_need_no_cors_headers_where_there_are_none_to_read() -> None:
    """Without CORS, without an authorizer in use, or on an HTTP API, which has none."""
    assert found(template(rest_api(HELLO, has_cors=False))) == []
    assert found(template(rest_api(HELLO, has_cors=UNKNOWN))) == []
    assert found(template(http_api(HELLO, has_cors=True))) == []
    nobody = rest_api(route("GET /hello", None), by=[rest_authorizer()], has_cors=True)
    assert found(template(nobody)) == [("X101", 10)]


def test_a_websocket_api_has_no_preflights() -> None:
    """Its $connect takes no OPTIONS request."""
    api = http_api(route("$connect"), kind=ApiKind.WEBSOCKET, has_cors=True)
    assert found(template(api)) == []


# --- T301 to T303: pools and clients --------------------------------------------------------------


@pytest.mark.parametrize(
    ("mfa", "is_found"), [("ON", False), ("OPTIONAL", False), ("OFF", True), (UNKNOWN, False)]
)
def test_a_pool_without_mfa_is_a_warning(mfa: Any, *, is_found: bool) -> None:
    """A password alone must not be all that a group's rights hang on."""
    pool = UserPool(id="Pool", location=at(60), mfa=mfa, mfa_location=at(61))
    result = template(http_api(HELLO), pools=(pool,), groups=(group("reader"),))
    assert found(result) == ([("T301", 61)] if is_found else [])


@pytest.mark.parametrize(
    ("secret", "flows", "is_found"),
    [
        (True, ("ALLOW_USER_PASSWORD_AUTH",), True),
        (True, ("USER_PASSWORD_AUTH",), True),
        (True, ("ALLOW_USER_SRP_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"), False),
        (False, ("ALLOW_USER_PASSWORD_AUTH",), False),
        (UNKNOWN, ("ALLOW_USER_PASSWORD_AUTH",), False),
        (True, UNKNOWN, False),
    ],
)
def test_a_secret_and_a_password_flow_do_not_go_together(
    secret: Any, flows: Any, *, is_found: bool
) -> None:
    """A program on a user's machine keeps no secret."""
    result = template(http_api(HELLO), clients=(client(has_secret=secret, auth_flows=flows),))
    assert found(result) == ([("T302", 50)] if is_found else [])


@pytest.mark.parametrize(("seconds", "is_found"), [(86400, False), (86401, True), (UNKNOWN, False)])
def test_access_tokens_last_a_day_at_most(seconds: Any, *, is_found: bool) -> None:
    """Cognito gives none for longer."""
    result = template(http_api(HELLO), clients=(client(access_token_seconds=seconds),))
    assert found(result) == ([("T303", 51)] if is_found else [])


# --- X301, X302: groups ---------------------------------------------------------------------------

GROUPS = """\
version: 1
groups:
  reader:
    allow: ["ANY /**"]
  editor:
    includes: [reader]
"""


def group(name: Any, line: int = 70) -> UserGroup:
    """A group that the template creates."""
    return UserGroup(id="Group", location=at(line), name=name)


def test_groups_that_both_have_are_fine() -> None:
    """Policy and template name the same groups."""
    result = template(http_api(HELLO), groups=(group("reader"), group("editor", 71)))
    assert found(result, GROUPS) == []


def test_a_misspelt_group_is_found_in_both_files() -> None:
    """Each side names what the other may have meant."""
    result = template(http_api(HELLO), groups=(group("reader"), group("editors", 71)))
    missing, unknown = findings(result, GROUPS)
    assert (missing.code, missing.location.line) == ("X301", 5)
    assert "did you mean 'editors'" in missing.message
    assert (unknown.code, unknown.location.line) == ("X302", 71)
    assert "did you mean 'editor'" in unknown.message


def test_a_group_that_others_include_need_not_be_created() -> None:
    """Its rules count through those that include it."""
    result = template(http_api(HELLO), groups=(group("editor"),))
    assert found(result, GROUPS) == []
    other_way = template(http_api(HELLO), groups=(group("reader"),))
    assert found(other_way, GROUPS) == [("X301", 5)]


def test_groups_of_a_template_that_creates_no_users_are_not_judged() -> None:
    """With an existing pool, its groups are not known here; a new one starts without any."""
    assert found(template(http_api(HELLO)), GROUPS) == []
    pool = UserPool(id="Pool", location=at(60), mfa="ON")
    assert found(template(http_api(HELLO), pools=(pool,)), GROUPS) == [("X301", 3), ("X301", 5)]


def test_a_group_whose_name_cannot_be_decided_may_be_the_one() -> None:
    """Then none of the policy is said to be missing."""
    result = template(http_api(HELLO), groups=(group("reader"), group(UNKNOWN)))
    assert found(result, GROUPS) == []


def test_cognito_itself_makes_the_group_of_a_provider() -> None:
    """Users of an identity provider are put into <pool id>_<provider>."""
    text = GROUPS.replace("editor:", "eu-west-1_AbCdEf123_Google:")
    assert found(template(http_api(HELLO), groups=(group("reader"),)), text) == []
