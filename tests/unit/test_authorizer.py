"""Event in, answer out, with the parts in between real."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import ARN, FLAVOURS, Call
from naive_gateway import iam_allows
from naive_policy import NaivePolicy, policy_of
from simulator import Clock, Cognito, serve_jwks

from authorizer import (
    Authorizer,
    Decision,
    JwksCache,
    KeysUnavailableError,
    MalformedRequestError,
    Policy,
    Reason,
    Settings,
    TokenVerifier,
    UnauthorizedError,
)
from authorizer.authorizer import Verdict
from authorizer.cli.policy_file import compiled_rule, dump_policy
from authorizer.gateway.events import Flavour
from authorizer.settings import HttpApiAnswer, HttpApiRefusal, IamMode

if TYPE_CHECKING:
    from authorizer.gateway.iam import PolicyDocument

COGNITO = Cognito()
POLICY = policy_of(
    """\
version: 1
groups:
  reader:
    allow: ["GET /articles/{id}", $connect]
  admin:
    allow: [ANY /**]
"""
)
CONTEXT = {
    "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "username": "alice",
    "client_id": "4k2exampleclient",
    "jti": "99999999-8888-4777-8666-555555555555",
    "groups": "reader",
    "scope": "aws.cognito.signin.user.admin",
}
RESOURCES = {
    "http-2.0": f"{ARN}/$default/GET/articles/1",
    "http-1.0": f"{ARN}/test/GET/articles/1",
    "rest-request": f"{ARN}/test/GET/articles/1",
    "rest-token": f"{ARN}/prod/GET/articles/1",
    "websocket": f"{ARN}/prod/$connect",
}


def make(**choices: Any) -> Authorizer:
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    return Authorizer(TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock()), POLICY, **choices)


def event_of(flavour: str, token: str | None = None, **call: Any) -> dict[str, Any]:
    authorization = "Bearer garbage" if token is None else f"Bearer {token}"
    return FLAVOURS[flavour](Call(authorization=authorization, **call))


def iam(flavour: str, effect: str, principal: str, context: dict[str, str]) -> dict[str, Any]:
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": effect,
                    "Resource": RESOURCES[flavour],
                }
            ],
        },
        "context": context,
    }


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_allowed(flavour: str) -> None:
    """A good token and a grant: the caller is let in, and the backend told who it is."""
    outcome = make().judge(event_of(flavour, COGNITO.token()))

    assert (outcome.verdict, outcome.reason, outcome.refusal) == (Verdict.ALLOWED, None, None)
    expected = (
        {"isAuthorized": True, "context": CONTEXT}
        if flavour == "http-2.0"
        else iam(flavour, "Allow", CONTEXT["sub"], CONTEXT)
    )
    assert outcome.answer() == json.loads(json.dumps(outcome.answer())) == expected


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_denied(flavour: str) -> None:
    """A good token without a grant: a 403 for everyone, which says nothing of the caller."""
    outcome = make().judge(event_of(flavour, COGNITO.token(cognito_groups=["nobody"])))

    assert (outcome.verdict, outcome.reason) == (Verdict.DENIED, Reason.NOT_GRANTED)
    assert outcome.decision is not None
    expected = (
        {"isAuthorized": False, "context": {}}
        if flavour == "http-2.0"
        else iam(flavour, "Deny", CONTEXT["sub"], {})
    )
    assert outcome.answer() == expected


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_refused(flavour: str) -> None:
    """No good token: a 403 from HTTP APIs, and exactly ``Unauthorized`` to the others."""
    outcome = make().judge(event_of(flavour))

    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, Reason.TOKEN_NOT_COMPACT)
    assert (outcome.token, outcome.decision) == (None, None)
    if flavour == "http-2.0":
        assert outcome.answer() == {"isAuthorized": False, "context": {}}
    elif flavour == "http-1.0":
        assert outcome.answer() == iam(flavour, "Deny", "unauthenticated", {})
    else:
        with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
            outcome.answer()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_refused_as_unauthorized_where_that_is_chosen(flavour: str) -> None:
    """The setting makes a refused token ``Unauthorized`` on HTTP APIs, too."""
    authorizer = make(http_api_refusal=HttpApiRefusal.UNAUTHORIZED)
    with pytest.raises(UnauthorizedError) as caught:
        authorizer.authorize(event_of(flavour))
    assert str(caught.value) == "Unauthorized"


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0"])
def test_not_granted_stays_403_where_refusals_are_401(flavour: str) -> None:
    """A good token that may not is no reason to sign in again."""
    authorizer = make(http_api_refusal=HttpApiRefusal.UNAUTHORIZED)
    answer = authorizer.authorize(event_of(flavour, COGNITO.token(cognito_groups=["nobody"])))
    assert answer["context"] == {}


@pytest.mark.parametrize(
    ("groups", "effect"), [(["reader"], "Allow"), (["nobody"], "Deny")], ids=["allowed", "denied"]
)
def test_iam_answers_on_payload_2(groups: list[str], effect: str) -> None:
    """An HTTP API without simple responses gets a document, as the setting says."""
    authorizer = make(http_api_answer=HttpApiAnswer.IAM)
    answer = authorizer.authorize(event_of("http-2.0", COGNITO.token(cognito_groups=groups)))
    context = CONTEXT if effect == "Allow" else {}
    assert answer == iam("http-2.0", effect, CONTEXT["sub"], context)


def test_iam_refusals_on_payload_2() -> None:
    """A refused token is denied by a document about nobody."""
    answer = make(http_api_answer=HttpApiAnswer.IAM).authorize(event_of("http-2.0"))
    assert answer == iam("http-2.0", "Deny", "unauthenticated", {})


def test_a_path_that_no_document_can_name_is_denied() -> None:
    """``$`` in a path begins a variable in IAM: an Allow for it would be one for something else."""
    token = COGNITO.token(cognito_groups=["admin"])
    outcome = make().judge(event_of("rest-token", token, path="/files/$x"))

    assert (outcome.verdict, outcome.reason) == (Verdict.DENIED, Reason.PATH_UNSAFE)
    assert outcome.decision is not None
    assert outcome.decision.rule is None


def test_a_simple_answer_names_no_path() -> None:
    """Where the answer is a boolean, ``$`` is a letter like any other."""
    token = COGNITO.token(cognito_groups=["admin"])
    event = event_of("http-2.0", token, path="/files/$x", route="$default")
    assert make().judge(event).verdict is Verdict.ALLOWED


@pytest.mark.parametrize("flavour", RESOURCES)
def test_a_group_with_a_blank_stays_out_of_the_context(flavour: str) -> None:
    """The backend splits groups at blanks: "x admin" must not become the group admin there."""
    token = COGNITO.token(cognito_groups=["x admin", "reader", "admin\n", ""])
    outcome = make().judge(event_of(flavour, token))
    assert outcome.verdict is Verdict.ALLOWED
    assert outcome.answer()["context"] == CONTEXT


@pytest.mark.parametrize("flavour", RESOURCES)
def test_a_group_that_is_skipped_still_has_a_user(flavour: str) -> None:
    """Scopes are a machine's: a token whose only group is skipped gains nothing by its scopes."""
    machine = COGNITO.client_id
    policy = policy_of(
        """\
version: 1
scopes:
  x:
    allow: ["GET /articles/{id}", $connect]
"""
    )
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    authorizer = Authorizer(TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock()), policy)
    verdicts = []
    for groups in (None, ["Domain Users"], [""]):
        token = COGNITO.token(sub=machine, username=None, cognito_groups=groups, scope="x")
        verdicts.append(authorizer.judge(event_of(flavour, token)).verdict)
    assert verdicts == [Verdict.ALLOWED, Verdict.DENIED, Verdict.DENIED]


def test_a_policy_edited_by_hand_names_no_such_group_either() -> None:
    """What policy.yaml may not name, its compiled form does not bring back."""
    document = NaivePolicy().document()
    rules = [compiled_rule("ANY /**", 1)]
    for name in ("Domain Users", "", "Domain"):
        document["groups"][name] = {"includes": [], "allow": rules, "deny": []}
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    verifier = TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock())
    authorizer = Authorizer(verifier, Policy.parse(dump_policy(document)))
    token = COGNITO.token(cognito_groups=["Domain Users", "", "Domain "])
    assert authorizer.judge(event_of("http-2.0", token)).reason is Reason.NOT_GRANTED


def test_the_context_leaves_out_what_the_token_does_not_say() -> None:
    """A machine has no username, and its groups are no text."""
    machine = COGNITO.client_id
    token = COGNITO.token(sub=machine, username=None, cognito_groups=None, scope="x", jti=None)
    policy = policy_of('version: 1\nscopes: {x: {allow: ["GET /articles/{id}"]}}')
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    authorizer = Authorizer(TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock()), policy)

    assert authorizer.authorize(event_of("http-2.0", token))["context"] == {
        "sub": machine,
        "client_id": machine,
        "groups": "",
        "scope": "x",
    }


def test_unavailable_keys_are_no_verdict() -> None:
    """That we cannot tell is an error of ours: nothing that a gateway would remember."""
    with serve_jwks(b"", status=500) as server:
        authorizer = Authorizer(
            TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=Clock()), POLICY
        )
        with pytest.raises(KeysUnavailableError):
            authorizer.authorize(event_of("http-2.0", COGNITO.token()))
        assert authorizer.keys.statistics().failures == 1


def test_a_malformed_event_is_no_verdict() -> None:
    """An event that is none has no answer."""
    with pytest.raises(MalformedRequestError):
        make().judge({"type": "REQUEST"})


def test_settings_make_an_authorizer() -> None:
    """Everything that is configured reaches the part that it is for."""
    authorizer = Authorizer.from_settings(
        Settings(
            pools=(COGNITO.pool(),),
            policy=POLICY,
            bundled_keys={COGNITO.pool(): COGNITO.key_set()},
            http_api_refusal=HttpApiRefusal.UNAUTHORIZED,
        )
    )
    expired = COGNITO.token(exp=1, iat=0)

    assert authorizer.policy is POLICY
    assert authorizer.judge(event_of("http-2.0", expired)).reason is Reason.EXPIRED
    assert authorizer.keys.statistics().fetches == 0  # the bundled keys were used
    with pytest.raises(UnauthorizedError):
        authorizer.authorize(event_of("http-2.0", expired))


KNOWN = policy_of(
    """\
version: 1
groups:
  reader:
    allow: ["GET /articles/{id}", "GET /users/{user=sub}", $connect]
""",
    routes=("GET /articles/{id}", "PUT /articles/{id}", "GET /users/{user}", "$connect"),
)
ON_REST = ("rest-request", "rest-token")


def for_callers(policy: Policy = KNOWN, **choices: Any) -> Authorizer:
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    return Authorizer(
        TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock()),
        policy,
        http_api_answer=HttpApiAnswer.IAM,
        **choices,
    )


ALL_CALLERS = dict.fromkeys(Flavour, IamMode.CALLER)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("flavour", [name for name in FLAVOURS if name != "websocket"])
def test_a_document_for_the_caller(flavour: str, method: str) -> None:
    """Allowed or denied, the answer names all that the caller may do, and nothing else."""
    outcome = for_callers(iam_modes=ALL_CALLERS).judge(
        event_of(flavour, COGNITO.token(), method=method)
    )
    prefix = RESOURCES[flavour].removesuffix("GET/articles/1")

    assert (outcome.iam_mode, outcome.inexact) == ("caller", None)
    assert outcome.verdict == ("allowed" if method == "GET" else "denied")
    answer: Any = outcome.answer()
    assert answer["policyDocument"]["Statement"] == [
        {
            "Action": "execute-api:Invoke",
            "Effect": effect,
            "Resource": [prefix + path for path in paths],
        }
        for effect, paths in [
            ("Allow", ["GET/articles/*", f"GET/users/{CONTEXT['sub']}"]),
            ("Deny", ["*//*", "*/*/", "GET/articles/*/*"]),
        ]
    ]


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("flavour", ON_REST)
def test_a_document_for_the_caller_says_who_that_is(flavour: str, method: str) -> None:
    """Kept after a denied request, it allows the next one, whose backend must learn of whom."""
    answer = for_callers().authorize(event_of(flavour, COGNITO.token(), method=method))
    assert answer["context"] == CONTEXT


def test_a_document_for_whoever_connects() -> None:
    """A WebSocket API asks for one route, whatever else the policy knows."""
    outcome = for_callers(POLICY, iam_modes=ALL_CALLERS).judge(
        event_of("websocket", COGNITO.token())
    )
    answer: Any = outcome.answer()

    assert outcome.iam_mode == "caller"
    assert answer["policyDocument"]["Statement"] == [
        {
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": [RESOURCES["websocket"]],
        }
    ]


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "websocket"])
def test_documents_for_the_request_are_the_default(flavour: str) -> None:
    """What API Gateway does not cache by itself gets a document for the one request."""
    outcome = for_callers().judge(event_of(flavour, COGNITO.token()))
    assert (outcome.iam_mode, outcome.inexact) == ("request", None)


@pytest.mark.parametrize("flavour", ON_REST)
def test_rest_apis_get_documents_for_callers(flavour: str) -> None:
    """They cache for five minutes, and for all routes, unless told otherwise."""
    assert for_callers().judge(event_of(flavour, COGNITO.token())).iam_mode == "caller"


def test_simple_answers_have_no_document() -> None:
    """Nothing is said of a mode where there is no document."""
    outcome = make(iam_modes=ALL_CALLERS).judge(event_of("http-2.0", COGNITO.token()))
    assert (outcome.iam_mode, outcome.inexact) == (None, None)


@pytest.mark.parametrize("flavour", ON_REST)
def test_without_routes_a_document_is_for_the_request(flavour: str) -> None:
    """Where the API's routes are not known, nobody knows what a star would cover."""
    outcome = for_callers(POLICY).judge(event_of(flavour, COGNITO.token()))

    assert (outcome.iam_mode, outcome.inexact) == ("request", "routes_unknown")
    assert outcome.answer() == iam(flavour, "Allow", CONTEXT["sub"], CONTEXT)


def test_a_refused_path_is_denied_in_the_callers_document() -> None:
    """A TOKEN authorizer refuses a path that can be read in two ways, and keeps the rest right."""
    outcome = for_callers().judge(event_of("rest-token", COGNITO.token(), path="/articles/a;b"))
    answer: Any = outcome.answer()

    assert (outcome.reason, outcome.iam_mode, outcome.inexact) == ("path_unsafe", "caller", None)
    allow, deny = answer["policyDocument"]["Statement"]
    assert f"{ARN}/prod/GET/articles/*" in allow["Resource"]
    assert deny["Resource"] == [
        f"{ARN}/prod/{path}" for path in ("*//*", "*/*/", "GET/articles/*/*", "GET/articles/a;b")
    ]


@pytest.mark.parametrize(
    "path",
    [
        *("/articles/*", "/articles/a*", "/articles/..", "/articles/;$x", "/articles/a?", "/**"),
        *("/articles/a\\b", "/articles/a;b", f"/articles/;{'a' * 600}", "/articles/x/y*"),
    ],
)
def test_one_odd_path_is_no_answer_for_the_others(path: str) -> None:
    """API Gateway keeps the answer for the token: it denies the odd request alone."""
    outcome = for_callers().judge(event_of("rest-token", COGNITO.token(), path=path))
    document = outcome.answer()["policyDocument"]

    assert (outcome.reason, outcome.iam_mode, outcome.inexact) == ("path_unsafe", "caller", None)
    for other in ("/articles/12", "/articles/abc", f"/users/{CONTEXT['sub']}"):
        assert iam_allows(document, f"{ARN}/prod/GET{other}")
    for denied in (path, "/users/another"):
        assert not iam_allows(document, f"{ARN}/prod/GET{denied}")
    assert max(map(len, resources_of(document))) <= 512


def resources_of(document: PolicyDocument) -> list[str]:
    found: list[str] = []
    for statement in document["Statement"]:
        resource = statement["Resource"]
        found += [resource] if isinstance(resource, str) else resource
    return found


@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0", "rest-request", "rest-token"])
def test_a_request_that_no_document_can_name_is_denied(flavour: str) -> None:
    """A longer Resource than 512 characters would be a 500: it is a denial that says why."""
    authorizer = for_callers(iam_modes=dict.fromkeys(Flavour, IamMode.REQUEST))
    value = "a" * 600
    event = event_of(flavour, COGNITO.token(), path=f"/articles/{value}", parameters={"id": value})
    outcome = authorizer.judge(event)
    document = outcome.answer()["policyDocument"]

    assert (outcome.verdict, outcome.reason) == (Verdict.DENIED, Reason.RESOURCE_TOO_LONG)
    assert outcome.decision == Decision(allowed=False, reason=Reason.RESOURCE_TOO_LONG)
    assert max(map(len, resources_of(document))) <= 512
    assert not iam_allows(document, event.get("methodArn") or event["routeArn"])


@pytest.mark.parametrize("flavour", ON_REST)
def test_a_star_covers_a_request_that_could_not_be_named(flavour: str) -> None:
    """A document for the caller does not name a parameter's value, however long it is."""
    value = "a" * 600
    event = event_of(flavour, COGNITO.token(), path=f"/articles/{value}", parameters={"id": value})
    outcome = for_callers().judge(event)
    assert (outcome.verdict, outcome.iam_mode) == (Verdict.ALLOWED, "caller")


@pytest.mark.parametrize(
    ("path", "reason"), [("/users/{}", Reason.RESOURCE_TOO_LONG), ("/articles/1", None)]
)
@pytest.mark.parametrize("flavour", ON_REST)
def test_a_claim_that_no_document_can_name(flavour: str, path: str, reason: Reason | None) -> None:
    """Such a caller gets documents for the request, and their own record is denied by name."""
    subject = "s" * 500
    template, value = ("/users/{user}", subject) if "{}" in path else ("/articles/{id}", "1")
    event = event_of(
        flavour,
        COGNITO.token(sub=subject),
        route=template,
        path=path.format(subject),
        parameters={template[template.index("{") + 1 : -1]: value},
    )
    outcome = for_callers().judge(event)
    document = outcome.answer()["policyDocument"]

    assert (outcome.iam_mode, outcome.inexact) == ("request", "too_large")
    assert outcome.reason is reason
    assert max(map(len, resources_of(document))) <= 512


ODD = (
    *("a;b", "a%2Fb", "%61", "%2e%2e", "..", "a*", "a?", "a#b", "$x", "a\\b", "a b", "%"),
    *("{id}", "%c0%af", "%2541", "a%0ab"),
)


@pytest.mark.parametrize("value", ODD)
def test_where_a_kept_document_and_a_token_authorizer_differ(value: str) -> None:
    """A value that can be read in two ways: refused when asked, allowed by a document kept before.

    There API Gateway has found the route, and the document says what is said where it names it.
    """
    path = f"/articles/{value}"
    kept = for_callers().authorize(event_of("rest-token", COGNITO.token(), path="/articles/1"))
    document = kept["policyDocument"]
    asked = for_callers().judge(event_of("rest-token", COGNITO.token(), path=path))
    named = for_callers().judge(
        event_of("rest-request", COGNITO.token(), path=path, parameters={"id": value})
    )

    assert asked.reason is Reason.PATH_UNSAFE or (value, asked.reason) == ("$x", None)
    assert named.verdict is Verdict.ALLOWED
    assert iam_allows(document, f"{ARN}/prod/GET{path}")


@pytest.mark.parametrize(
    "path",
    ["/articles/", "/articles//", "//articles/1", "/articles/1/", "/articles/1;x/", "/Users"],
)
def test_where_a_kept_document_and_a_token_authorizer_agree(path: str) -> None:
    """An empty segment, or another route's path, is allowed by neither."""
    kept = for_callers().authorize(event_of("rest-token", COGNITO.token(), path="/articles/1"))
    document = kept["policyDocument"]

    assert for_callers().judge(event_of("rest-token", COGNITO.token(), path=path)).reason
    assert not iam_allows(document, f"{ARN}/prod/GET{path}")


@pytest.mark.parametrize(
    ("others", "mode", "inexact"),
    [(80, "request", "too_large"), (0, "caller", None)],
    ids=["among others", "all that there are"],
)
def test_a_document_is_not_larger_than_api_gateway_takes(
    others: int, mode: str, inexact: str | None
) -> None:
    """Beyond 8 KB the answer is for the request alone, unless fewer globs say the same."""
    routes = tuple(f"GET /{'a' * 60}{number}" for number in range(80))
    policy = policy_of(
        "version: 1\ngroups:\n  reader:\n    allow:\n"
        + "".join(f"      - {route}\n" for route in routes),
        routes=(*routes, *(f"GET /{'b' * 60}{number}" for number in range(others))),
    )
    path = routes[0].removeprefix("GET ")
    event = event_of("rest-request", COGNITO.token(), route=path, path=path, parameters={})
    outcome = for_callers(policy).judge(event)

    assert (outcome.verdict, outcome.iam_mode, outcome.inexact) == ("allowed", mode, inexact)


@pytest.mark.parametrize("flavour", ["rest-request", "rest-token", "http-1.0", "websocket"])
def test_the_largest_answer(flavour: str) -> None:
    """What AWS documents for WebSocket APIs: 8 KB, context included, and not a byte more."""
    authorizer = for_callers(iam_modes=ALL_CALLERS)

    def outcome_of(characters: int) -> tuple[str | None, int]:
        # The principal is the subject, too: so much fits into no token once. Nor is it longer
        # than an ARN may be where a rule compares it.
        most = 2_000 if flavour == "websocket" else 400
        token = COGNITO.token(sub="s" * most, jti="j" * characters)
        outcome = authorizer.judge(event_of(flavour, token))
        assert outcome.verdict is Verdict.ALLOWED
        return outcome.inexact, len(json.dumps(outcome.answer()))

    room = -1
    for _ in range(1 if flavour == "websocket" else 2):  # for paths, there are fewer globs, too
        inexact, size = outcome_of(101 + room)
        assert inexact is None
        room += 8_193 - size
        assert outcome_of(100 + room) == (None, 8_192)
    assert outcome_of(101 + room)[0] == "too_large"


@pytest.mark.parametrize("flavour", ON_REST)
def test_whoever_changes_an_answer_changes_no_other(flavour: str) -> None:
    """Documents are remembered, and given away as copies, contexts and statements too."""
    authorizer, event = for_callers(), event_of(flavour, COGNITO.token())
    first: Any = authorizer.authorize(event)
    expected = json.dumps(first)
    first["context"]["groups"] = "admin"
    for statement in first["policyDocument"]["Statement"]:
        statement["Effect"] = "Allow"
        statement["Resource"].append("*")
    first["policyDocument"]["Statement"].append({})
    assert json.dumps(authorizer.authorize(event)) == expected


def test_a_refused_token_gets_no_document_for_callers() -> None:
    """Nobody's document denies the one request, on HTTP APIs; REST APIs are told Unauthorized."""
    outcome = for_callers(iam_modes=ALL_CALLERS).judge(event_of("http-1.0"))

    assert outcome.iam_mode is None
    assert outcome.answer() == iam("http-1.0", "Deny", "unauthenticated", {})
