"""Step 5: every claim judged at its boundary, and what the verified token then says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from simulator import CLIENT_ID, NOW, POOL_ID, Cognito

from authorizer.errors import InvalidTokenError, Reason
from authorizer.tokens.claims import (
    CLOCK_SKEW_SECONDS,
    AccessToken,
    IdToken,
    TokenUse,
    VerifiedToken,
    judge_claims,
)

COGNITO = Cognito()
POOL = COGNITO.pool()
LAST_SECOND_OF_9999 = 253_402_300_799


def accepted(claims: dict[str, Any], now: float = NOW) -> AccessToken:
    token = judge_claims(claims, POOL, now, "access")
    assert isinstance(token, AccessToken)
    return token


def accepted_id(claims: dict[str, Any], now: float = NOW) -> IdToken:
    token = judge_claims(claims, POOL, now, "id")
    assert isinstance(token, IdToken)
    return token


def refusal(claims: dict[str, Any], now: float = NOW, token_use: TokenUse = "access") -> Reason:
    with pytest.raises(InvalidTokenError) as caught:
        judge_claims(claims, POOL, now, token_use)
    return caught.value.reason


def test_access_token_says_what_the_claims_say() -> None:
    """Each documented claim arrives where it belongs."""
    token = accepted(COGNITO.claims(cognito_groups=["b", "a"], scope="x/y openid"))
    assert token.sub == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert token.username == "alice"
    assert token.client_id == CLIENT_ID
    assert token.groups == ("b", "a")
    assert token.scopes == ("x/y", "openid")
    assert token.pool_id == POOL_ID
    assert token.jti == "99999999-8888-4777-8666-555555555555"
    assert (token.claims["iss"], token.claims["iat"]) == (COGNITO.issuer, NOW - 60)
    assert token.claims["exp"] == NOW + 3540
    assert token.claims["event_id"] == "66666666-7777-4888-8999-000000000000"


def test_id_token_says_what_the_claims_say() -> None:
    """An ID token has its audience for client and its own spelling of the username."""
    token = accepted_id(COGNITO.id_claims())
    assert token.client_id == CLIENT_ID
    assert token.username == "alice"
    assert token.groups == ("reader",)
    assert not isinstance(token, AccessToken)
    assert not hasattr(token, "scopes")


def test_machine_token() -> None:
    """A client_credentials token has no user and no groups, and no jti is required of it."""
    token = accepted(COGNITO.claims(username=None, cognito_groups=None, jti=None, scope="a/b"))
    assert token.username is None
    assert token.groups == ()
    assert token.jti is None
    assert token.scopes == ("a/b",)


def test_newer_issuer_of_the_pool() -> None:
    """Each issuer that speaks for the pool is accepted."""
    for issuer in POOL.issuers:
        assert accepted(COGNITO.claims(iss=issuer)).claims["iss"] == issuer


@pytest.mark.parametrize("issuer", [None, "", "x", 7, True, [COGNITO.issuer], {"iss": 1}, NOW])
def test_other_issuers(issuer: object) -> None:
    """Whatever is not one of them, and whatever is not even text."""
    assert refusal(COGNITO.claims() | {"iss": issuer}) is Reason.ISSUER_UNKNOWN
    assert refusal(COGNITO.claims(iss=None)) is Reason.ISSUER_UNKNOWN


def test_exp_boundary() -> None:
    """A token is good until just before exp; at exp and after it, it is not."""
    claims = COGNITO.claims(exp=NOW)
    assert accepted(claims, NOW - 1).sub
    assert accepted(claims, NOW - 0.001).sub
    assert refusal(claims, NOW) is Reason.EXPIRED
    assert refusal(claims, NOW + 0.001) is Reason.EXPIRED
    assert refusal(claims, NOW + CLOCK_SKEW_SECONDS) is Reason.EXPIRED


def test_exp_is_required() -> None:
    """A token that never ends is no token."""
    assert refusal(COGNITO.claims(exp=None)) is Reason.EXPIRY_INVALID


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("exp", Reason.EXPIRY_INVALID),
        ("nbf", Reason.NOT_BEFORE_INVALID),
        ("iat", Reason.ISSUED_AT_INVALID),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        None,
        str(NOW),
        "",
        float(NOW),
        NOW + 0.5,
        True,
        False,
        [NOW],
        {},
        -1,
        LAST_SECOND_OF_9999 + 1,
        10**400,
        -(10**400),
        float("inf"),
        float("nan"),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_times_are_whole_seconds(claim: str, reason: Reason, value: object) -> None:
    """Seconds since the epoch as an integer that a date can hold: nothing is coerced."""
    assert refusal(COGNITO.claims() | {claim: value}) is reason


def test_largest_times() -> None:
    """The last second of the year 9999 can still be said."""
    token = accepted(COGNITO.claims(exp=LAST_SECOND_OF_9999, nbf=0, iat=0))
    assert datetime.fromtimestamp(token.claims["exp"], UTC).year == 9999
    assert token.claims["iat"] == 0


@pytest.mark.parametrize(
    ("claim", "reason"),
    [("nbf", Reason.NOT_YET_VALID), ("iat", Reason.ISSUED_IN_THE_FUTURE)],
)
def test_skew_boundary(claim: str, reason: Reason) -> None:
    """An issuer's clock may be ahead by the skew, and not by a moment more."""
    assert CLOCK_SKEW_SECONDS == 60
    claims = COGNITO.claims() | {claim: NOW + CLOCK_SKEW_SECONDS}
    assert accepted(claims, NOW + 0.001).sub
    assert accepted(claims, NOW).sub
    assert refusal(claims, NOW - 0.001) is reason


def test_iat_and_nbf_may_be_absent() -> None:
    """Only exp is required of the times."""
    assert "iat" not in accepted(COGNITO.claims(iat=None)).claims


@pytest.mark.parametrize(
    "token_use", [None, "", "id", "Access", "ACCESS", "access ", "refresh", ["access"], True, 1]
)
def test_token_use(token_use: object) -> None:
    """Exactly 'access'."""
    assert refusal(COGNITO.claims() | {"token_use": token_use}) is Reason.TOKEN_USE_WRONG
    assert refusal(COGNITO.claims(token_use=None)) is Reason.TOKEN_USE_WRONG


def test_each_use_refuses_the_other() -> None:
    """An ID token is no access token, even with a client_id; and the other way round."""
    assert refusal(COGNITO.id_claims(client_id=CLIENT_ID)) is Reason.TOKEN_USE_WRONG
    assert refusal(COGNITO.claims(aud=CLIENT_ID), token_use="id") is Reason.TOKEN_USE_WRONG


@pytest.mark.parametrize(
    "client",
    [None, "", "other", CLIENT_ID.upper(), CLIENT_ID + " ", [CLIENT_ID], {CLIENT_ID: 1}, 7, True],
)
def test_client(client: object) -> None:
    """Exactly one configured client, as text: a list that contains it is something else."""
    assert refusal(COGNITO.claims() | {"client_id": client}) is Reason.CLIENT_UNKNOWN
    id_claims = COGNITO.id_claims() | {"aud": client}
    assert refusal(id_claims, token_use="id") is Reason.CLIENT_UNKNOWN


def test_each_use_has_its_own_client_claim() -> None:
    """The audience does not stand in for a missing client_id, nor that for the audience."""
    assert refusal(COGNITO.claims(client_id=None, aud=CLIENT_ID)) is Reason.CLIENT_UNKNOWN
    claims = COGNITO.id_claims(aud=None, client_id=CLIENT_ID)
    assert refusal(claims, token_use="id") is Reason.CLIENT_UNKNOWN


def test_resource_bound_access_token() -> None:
    """An audience besides the client is a resource, and not our question."""
    assert (
        accepted(COGNITO.claims(aud="https://api.example")).claims["aud"] == "https://api.example"
    )


NO_TEXT = [None, "", 0, 7, True, False, ["x"], {"x": 1}]


@pytest.mark.parametrize("sub", NO_TEXT)
def test_sub(sub: object) -> None:
    """Required, and text with something in it."""
    assert refusal(COGNITO.claims() | {"sub": sub}) is Reason.SUBJECT_INVALID
    assert refusal(COGNITO.claims(sub=None)) is Reason.SUBJECT_INVALID


@pytest.mark.parametrize("value", NO_TEXT)
def test_username_and_jti(value: object) -> None:
    """May be absent; where they are present they are text with something in it."""
    assert refusal(COGNITO.claims() | {"username": value}) is Reason.USERNAME_INVALID
    assert refusal(COGNITO.claims() | {"jti": value}) is Reason.TOKEN_ID_INVALID
    id_claims = COGNITO.id_claims() | {"cognito:username": value}
    assert refusal(id_claims, token_use="id") is Reason.USERNAME_INVALID


@pytest.mark.parametrize(
    "groups",
    [
        None,
        "admin",
        "",
        7,
        True,
        {},
        {"admin": 1},
        [None],
        [7],
        [True],
        [["a"]],
        [{"a": 1}],
        ["a", None],
        ["a b", 7],
    ],
)
def test_malformed_groups(groups: object) -> None:
    """A list of names, or the token is refused: no guess about rights."""
    assert refusal(COGNITO.claims() | {"cognito:groups": groups}) is Reason.GROUPS_INVALID


@pytest.mark.parametrize(
    "skipped",
    [
        *("", " ", "\t", "a b", " a", "a ", "a\n", "\ra", "a\x0bb", "a\x0cb", "a\x1fb", "a\x85b"),
        *("a\u00a0b", "a\u2003b", "a\u2028b", "a\u3000", "admin ", " admin", "reader admin"),
    ],
)
@pytest.mark.parametrize("token_use", ["access", "id"])
def test_groups_that_no_policy_can_name(skipped: str, token_use: TokenUse) -> None:
    """A group with white space, as identity providers have, is skipped, and not trimmed."""
    claims = COGNITO.claims() if token_use == "access" else COGNITO.id_claims()
    for groups in ([skipped], ["reader", skipped], [skipped, "reader", skipped, "b"]):
        token = judge_claims(claims | {"cognito:groups": groups}, POOL, NOW, token_use)
        assert token.groups == tuple(name for name in groups if name != skipped)
        assert token.groups_skipped == groups.count(skipped)
        assert token.claims["cognito:groups"] == tuple(groups)


@pytest.mark.parametrize(
    "groups",
    [
        [],
        ["a"],
        ["b", "a"],
        ["a", "a"],
        ["*"],
        ["a,b"],
        ["a:b/c"],
        ["Ädmin"],
        ["管理者"],
        ["x" * 128],
    ],
)
def test_well_formed_groups(groups: list[str]) -> None:
    """Every name that Cognito allows, in the token's order and unchanged."""
    token = accepted(COGNITO.claims(cognito_groups=groups))
    assert (token.groups, token.groups_skipped) == (tuple(groups), 0)


def test_groups_are_compared_as_spelt() -> None:
    """No folding and no normalising: two spellings of one letter are two groups."""
    groups = ["admin", "Admin", "\u00e9", "e\u0301"]
    assert len(set(accepted(COGNITO.claims(cognito_groups=groups)).groups)) == 4


@pytest.mark.parametrize(
    "scope",
    [
        None,
        7,
        True,
        False,
        0,
        [],
        ["a"],
        {},
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a\n",
        "a\u00a0b",
        "ä",
        'a"b',
        "a\\b",
        "a\x00",
        "a\x7f",
    ],
)
def test_malformed_scope(scope: object) -> None:
    """RFC 6749, 3.3: names of its alphabet, with one blank between two."""
    assert refusal(COGNITO.claims() | {"scope": scope}) is Reason.SCOPE_INVALID


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a b", ("a", "b")),
        ("a a", ("a", "a")),
        ("!#[]~ x/y.z", ("!#[]~", "x/y.z")),
    ],
)
def test_well_formed_scope(scope: str, scopes: tuple[str, ...]) -> None:
    """Split at the blanks, in the token's order."""
    assert accepted(COGNITO.claims() | {"scope": scope}).scopes == scopes


def test_no_scope() -> None:
    """A token without scopes has none; that is no fault."""
    assert accepted(COGNITO.claims(scope=None)).scopes == ()


def test_an_id_token_has_no_scope_to_judge() -> None:
    """What an ID token says under that name is a custom claim."""
    assert accepted_id(COGNITO.id_claims(scope=7)).claims["scope"] == 7


HERE, ELSEWHERE = "https://api.example", "https://other.example"
BOUND = COGNITO.pool(audiences=[HERE, "second"])
UNBOUND = COGNITO.pool(audiences=[])


@pytest.mark.parametrize(
    ("aud", "bound"),
    [
        (HERE, True),
        ("second", True),
        ([HERE], True),
        ([ELSEWHERE, HERE], True),
        (None, False),
        (ELSEWHERE, False),
        (HERE + "/", False),
        (HERE.upper(), False),
        (f"{HERE},{ELSEWHERE}", False),
        (f"{HERE} {ELSEWHERE}", False),
        ("", False),
        ([], False),
        ([ELSEWHERE], False),
        ([HERE, 7], False),
        ([HERE, None], False),
        ([[HERE]], False),
        ([{HERE: 1}], False),
        ({HERE: 1}, False),
        (7, False),
        (True, False),
    ],
)
def test_the_audience_can_be_required(aud: object, *, bound: bool) -> None:
    """RFC 8707: a token for another API is not one for this, nor is one that is for none."""
    claims = COGNITO.claims(aud=aud)
    if bound:
        assert judge_claims(claims, BOUND, NOW, "access").claims["client_id"] == CLIENT_ID
    else:
        with pytest.raises(InvalidTokenError, match="expected an aud that is configured") as caught:
            judge_claims(claims, BOUND, NOW, "access")
        assert caught.value.reason is Reason.AUDIENCE_WRONG


@pytest.mark.parametrize("aud", [HERE, "", [], [HERE], None, 7, {}])
def test_the_audience_can_be_refused(aud: object) -> None:
    """Where tokens are not bound, one that is, is meant for somebody else."""
    assert judge_claims(COGNITO.claims(), UNBOUND, NOW, "access").username == "alice"
    with pytest.raises(InvalidTokenError, match="expected no aud, found") as caught:
        judge_claims(COGNITO.claims() | {"aud": aud}, UNBOUND, NOW, "access")
    assert caught.value.reason is Reason.AUDIENCE_WRONG
    assert accepted(COGNITO.claims() | {"aud": aud}).username == "alice"  # not looked at


def test_the_audience_of_an_id_token_is_its_client() -> None:
    """What APIs a token may be for says nothing of who signed in."""
    for pool in (BOUND, UNBOUND):
        assert judge_claims(COGNITO.id_claims(), pool, NOW, "id").client_id == CLIENT_ID


def test_the_audience_is_judged_last() -> None:
    """A token with another fault is refused for that one, as it always was."""
    for changes, reason in (
        ({"client_id": "x"}, Reason.CLIENT_UNKNOWN),
        ({"scope": " "}, Reason.SCOPE_INVALID),
    ):
        with pytest.raises(InvalidTokenError) as caught:
            judge_claims(COGNITO.claims(**changes), BOUND, NOW, "access")
        assert caught.value.reason is reason


def test_the_claims_are_judged_in_order() -> None:
    """Of several faults the first of the procedure is named."""
    faults: list[tuple[str, object, Reason]] = [
        ("iss", "x", Reason.ISSUER_UNKNOWN),
        ("exp", NOW, Reason.EXPIRED),
        ("nbf", "x", Reason.NOT_BEFORE_INVALID),
        ("iat", "x", Reason.ISSUED_AT_INVALID),
        ("token_use", "x", Reason.TOKEN_USE_WRONG),
        ("client_id", "x", Reason.CLIENT_UNKNOWN),
        ("sub", "", Reason.SUBJECT_INVALID),
        ("username", "", Reason.USERNAME_INVALID),
        ("jti", "", Reason.TOKEN_ID_INVALID),
        ("cognito:groups", "", Reason.GROUPS_INVALID),
        ("scope", " ", Reason.SCOPE_INVALID),
    ]
    claims = COGNITO.claims() | {claim: fault for claim, fault, _ in faults}
    for claim, _, reason in faults:
        assert refusal(claims) is reason
        claims[claim] = COGNITO.claims().get(claim, NOW)
    assert accepted(claims).sub


def test_claims_are_read_only_through_and_through() -> None:
    """A remembered token is shared: no reader can change what the next one sees."""
    claims = COGNITO.claims(custom={"list": [1, {"deep": [2]}]})
    token = accepted(claims)
    custom = token.claims["custom"]
    assert isinstance(token.claims, MappingProxyType)
    assert isinstance(custom, Mapping)
    assert custom["list"] == (1, {"deep": (2,)})
    mappings: list[Any] = [token.claims, custom, custom["list"][1]]
    for mapping in mappings:
        with pytest.raises(TypeError):
            mapping["sub"] = "mallory"
    claims["sub"] = claims["custom"]["list"][1]["deep"] = "mallory"
    assert token.claims["sub"] == token.sub == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert custom["list"][1]["deep"] == (2,)


def test_tokens_are_frozen() -> None:
    """A verdict is not edited."""
    token = accepted(COGNITO.claims())
    with pytest.raises(dataclasses.FrozenInstanceError):
        token.groups = ("admin",)  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        token.admin = True  # type: ignore[attr-defined]


def test_tokens_cannot_be_made_by_callers() -> None:
    """Whoever holds an AccessToken holds a verified one: there is no other way to have it."""
    token = accepted(COGNITO.claims())
    fields = {field.name: getattr(token, field.name) for field in dataclasses.fields(token)}
    for verified in (None, True, object(), "verified"):
        with pytest.raises(TypeError, match=r"^AccessToken comes from TokenVerifier\.verify only$"):
            AccessToken(**fields, verified=verified)
        with pytest.raises(TypeError, match="AccessToken comes from"):
            dataclasses.replace(token, verified=verified, groups=("admin",))
    with pytest.raises(TypeError, match="verified"):
        AccessToken(**fields)
    # Python 3.13 made a TypeError of what was a ValueError.
    with pytest.raises((TypeError, ValueError), match="verified"):
        dataclasses.replace(token, groups=("admin",))  # type: ignore[call-arg]
    fields.pop("scopes")
    for kind in (IdToken, VerifiedToken):
        with pytest.raises(TypeError, match=f"^{kind.__name__} comes from"):
            kind(**fields, verified=True)


def test_tokens_are_values() -> None:
    """Two judgements of the same claims are equal and hash alike; others are not."""
    token = accepted(COGNITO.claims())
    assert token == accepted(COGNITO.claims())
    assert hash(token) == hash(accepted(COGNITO.claims()))
    assert token != accepted(COGNITO.claims(custom=1))


def test_repr_shows_no_claims() -> None:
    """A token that is logged by accident does not take its custom claims along."""
    token = accepted_id(COGNITO.id_claims())
    assert token.claims["email"] == "a@example.com"
    assert "a@example.com" not in repr(token)
