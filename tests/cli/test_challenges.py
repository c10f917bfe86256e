"""Signing in, challenge by challenge, against a stand-in for Cognito that speaks its protocol."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from cognito_standin import (
    CLIENT_ID,
    CLIENT_SECRET,
    NEW_PASSWORD,
    NEW_TOTP_SECRET,
    PASSWORD,
    POOL_ID,
    TOTP_SECRET,
    USERNAME,
    FailureError,
    StandIn,
    serve_cognito,
)
from simulator import Clock

from authorizer.cli.account.challenges import SignIn, device_verifier
from authorizer.cli.account.cognito import fresh_session, refresh, revoke, session_of, unreachable
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Session, SessionStore, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOTP = "SOFTWARE_TOKEN_MFA"


@dataclass
class Scripted:
    """A person who answers from a list, and remembers what was asked and told."""

    totp_secret: str | None = None
    new_passwords: list[str] = field(default_factory=list)
    codes: list[str | Callable[[], str]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    registered: list[tuple[str, str]] = field(default_factory=list)

    def new_password(self) -> str:
        return self.new_passwords.pop(0)

    def code(self) -> str:
        code = self.codes.pop(0)
        return code if isinstance(code, str) else code()

    def attribute(self, name: str) -> str:
        return self.attributes[name]

    def register(self, secret: str, uri: str) -> None:
        self.registered.append((secret, uri))

    def say(self, sentence: str) -> None:
        self.told.append(sentence)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the machine's AWS configuration nor its proxies have a say."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COGNITO_CLIENT_SECRET", "")  # put back, whatever `secret_is` makes of it
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "*")
    # The stand-in breaks off when a request is signed with these.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Iterator[StandIn]:
    with serve_cognito(clock=clock) as standin:
        yield standin


def secret_is(secret: str | None) -> None:
    """Say the app client's secret as it is said to the command."""
    os.environ["COGNITO_CLIENT_SECRET"] = secret or ""


def target_at(pool: StandIn, **changes: Any) -> Target:
    known = {"region": "eu-west-1", "client_id": CLIENT_ID, "endpoint_url": pool.url}
    return Target(**known | changes)


def sign_in(
    pool: StandIn,
    person: Scripted,
    *,
    username: str = USERNAME,
    password: str = PASSWORD,
    waited: list[float] | None = None,
    **changes: Any,
) -> Session:
    clock = pool.clock
    assert isinstance(clock, Clock)
    secret_is(changes.pop("client_secret", pool.client_secret))

    def wait(seconds: float) -> None:
        clock.pass_seconds(seconds)
        if waited is not None:
            waited.append(seconds)

    return SignIn(target_at(pool, **changes), username, person, wait=wait, clock=clock).run(
        password
    )


def refusal(pool: StandIn, person: Scripted, **changes: Any) -> str:
    """The sentence of a sign-in that does not work; nothing secret is in it."""
    with pytest.raises(AccountError) as caught:
        sign_in(pool, person, **changes)
    sentence = str(caught.value)
    told = " ".join([sentence, repr(caught.value), *person.told])
    secret = (PASSWORD, NEW_PASSWORD, TOTP_SECRET, NEW_TOTP_SECRET, CLIENT_SECRET, *pool.issued)
    assert not [word for word in secret if word in told]
    assert "\n" not in sentence
    return sentence


def test_a_password_alone_is_enough_where_the_pool_says_so(pool: StandIn, clock: Clock) -> None:
    """The session holds what came back, and whom to go on with."""
    session = sign_in(pool, Scripted())

    tokens = (session.access_token, session.id_token, session.refresh_token)
    assert list(tokens) == pool.issued
    assert (session.username, session.client_id, session.region, session.pool_id) == (
        *(USERNAME, CLIENT_ID, "eu-west-1", POOL_ID),
    )
    assert session.expires_at_seconds == int(clock.now) + 3600
    assert pool.bodies("InitiateAuth") == [
        {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": USERNAME, "PASSWORD": PASSWORD},
            "ClientId": CLIENT_ID,
        }
    ]


@pytest.mark.parametrize(
    "secret", [TOTP_SECRET, "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp"], ids=["plain", "as shown"]
)
def test_a_code_is_computed_from_the_secret(pool: StandIn, secret: str) -> None:
    """With the TOTP secret nobody is asked, and nobody waits."""
    pool.asks = [TOTP]
    person = Scripted(totp_secret=secret)
    waited: list[float] = []
    sign_in(pool, person, waited=waited)

    (answered,) = pool.bodies("RespondToAuthChallenge")
    assert answered["ChallengeResponses"]["SOFTWARE_TOKEN_MFA_CODE"] == pool.code()
    assert (person.told, waited) == ([], [])


@pytest.mark.parametrize(
    ("asks", "responses"),
    [
        ([TOTP], [TOTP]),
        (["SELECT_MFA_TYPE"], ["SELECT_MFA_TYPE", TOTP]),
        (["NEW_PASSWORD_REQUIRED"], ["NEW_PASSWORD_REQUIRED"]),
        (["NEW_PASSWORD_REQUIRED", TOTP], ["NEW_PASSWORD_REQUIRED", TOTP]),
        ([TOTP, "NEW_PASSWORD_REQUIRED"], [TOTP, "NEW_PASSWORD_REQUIRED"]),
        (["MFA_SETUP"], ["MFA_SETUP"]),
        (["NEW_PASSWORD_REQUIRED", "MFA_SETUP"], ["NEW_PASSWORD_REQUIRED", "MFA_SETUP"]),
        (["MFA_SETUP", "NEW_PASSWORD_REQUIRED"], ["MFA_SETUP", "NEW_PASSWORD_REQUIRED"]),
        (
            ["SELECT_MFA_TYPE", "NEW_PASSWORD_REQUIRED"],
            ["SELECT_MFA_TYPE", TOTP, "NEW_PASSWORD_REQUIRED"],
        ),
    ],
)
@pytest.mark.parametrize("client_secret", [None, CLIENT_SECRET], ids=["public", "secret"])
def test_challenges_are_answered_in_any_order(
    pool: StandIn, asks: list[str], responses: list[str], client_secret: str | None
) -> None:
    """Each is answered as it comes, with the session it came with and the secret's hash."""
    pool.asks = asks
    pool.client_secret = client_secret
    person = Scripted(new_passwords=[NEW_PASSWORD], codes=[pool.code])
    session = sign_in(pool, person)

    assert session.refresh_token in pool.refresh_tokens
    answered = pool.bodies("RespondToAuthChallenge")
    assert [body["ChallengeName"] for body in answered] == responses
    for body in answered:
        assert ("SECRET_HASH" in body["ChallengeResponses"]) == (client_secret is not None)
    assert CLIENT_SECRET not in json.dumps(pool.requests)


def test_an_alias_is_answered_with_the_users_own_name(pool: StandIn) -> None:
    """Cognito takes an alias for the password only; the hash is made of the name that is sent."""
    pool.asks = [TOTP]
    pool.client_secret = CLIENT_SECRET
    pool.parameters = {"USER_ID_FOR_SRP": USERNAME}
    sign_in(pool, Scripted(totp_secret=TOTP_SECRET), username="alice@example.com")

    (begun,) = pool.bodies("InitiateAuth")
    (answered,) = pool.bodies("RespondToAuthChallenge")
    assert begun["AuthParameters"]["USERNAME"] == "alice@example.com"
    assert answered["ChallengeResponses"]["USERNAME"] == USERNAME


def test_a_new_password_comes_with_the_attributes_that_are_required(pool: StandIn) -> None:
    """They are asked for once, also when the first new password is too weak."""
    pool.asks = ["NEW_PASSWORD_REQUIRED"]
    pool.attributes = ["userAttributes.name", "userAttributes.email"]
    person = Scripted(
        new_passwords=["short", NEW_PASSWORD],
        attributes={"userAttributes.name": "Alice", "userAttributes.email": "a@example.com"},
    )
    sign_in(pool, person)

    assert pool.password == NEW_PASSWORD
    assert pool.bodies("RespondToAuthChallenge")[-1]["ChallengeResponses"] == {
        "USERNAME": USERNAME,
        "NEW_PASSWORD": NEW_PASSWORD,
        "userAttributes.name": "Alice",
        "userAttributes.email": "a@example.com",
    }
    assert person.told == [
        "the password is a temporary one: choose your own",
        "the new password breaks the pool's rules: longer, with Capitals, small letters, 1 and %",
    ]


def test_an_authenticator_app_is_verified_before_it_goes_on(pool: StandIn) -> None:
    """The secret is shown, and a wrong code keeps the user from being locked out with it."""
    pool.asks = ["MFA_SETUP"]
    person = Scripted(codes=["000000", pool.code])
    sign_in(pool, person, pool_id=POOL_ID)

    ((secret, uri),) = person.registered
    assert secret == NEW_TOTP_SECRET
    assert uri == f"otpauth://totp/{POOL_ID}:{USERNAME}?secret={secret}&issuer={POOL_ID}"
    assert pool.actions() == [
        *("InitiateAuth", "AssociateSoftwareToken"),
        *("VerifySoftwareToken", "VerifySoftwareToken", "RespondToAuthChallenge"),
    ]
    assert person.told == ["wrong code: check that the clock of the phone is right"]


def test_a_known_secret_is_not_taken_for_the_new_one(pool: StandIn) -> None:
    """What the environment knows is of an earlier entry: the code of the new one is asked for."""
    pool.asks = ["MFA_SETUP"]
    person = Scripted(totp_secret=TOTP_SECRET, codes=[pool.code])
    waited: list[float] = []
    sign_in(pool, person, waited=waited)

    assert (person.codes, person.told, waited) == ([], [], [])


def test_a_verification_without_success_is_a_wrong_code(
    pool: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cognito may also answer 200 with ERROR: that verifies nothing."""
    pool.asks = ["MFA_SETUP"]
    monkeypatch.setattr(
        pool, "_VerifySoftwareToken", lambda body: {"Status": "ERROR", "Session": body["Session"]}
    )
    assert "3 codes were not accepted" in refusal(pool, Scripted(codes=["111111"] * 3))


@pytest.mark.parametrize("into_the_interval", [0, 1.5, 29])
def test_a_used_code_waits_for_the_next_one(
    pool: StandIn, clock: Clock, into_the_interval: float
) -> None:
    """A second sign-in within the same half minute says that it waits, and no longer than it."""
    clock.now += -clock.now % 30 + into_the_interval
    pool.asks = [TOTP]
    sign_in(pool, Scripted(totp_secret=TOTP_SECRET))
    person = Scripted(totp_secret=TOTP_SECRET)
    waited: list[float] = []
    sign_in(pool, person, waited=waited)

    assert waited == [30 - into_the_interval]
    assert person.told == [
        "the code was already used, or has run out: use the next one",
        f"waiting {30 - into_the_interval:.0f} s for the next code",
    ]


def test_a_typed_code_that_was_used_is_asked_for_again(pool: StandIn) -> None:
    """Whoever types codes is told why, and asked for the next; spelling mistakes cost nothing."""
    pool.asks = [TOTP]
    sign_in(pool, Scripted(codes=[pool.code]))
    pool.requests.clear()
    person = Scripted(codes=["12345", pool.code, lambda: pool.code(ahead=1)])
    sign_in(pool, person)

    assert person.told == [
        "a code is six digits",
        "the code was already used, or has run out: use the next one",
    ]
    assert len(pool.bodies("RespondToAuthChallenge")) == 2


@pytest.mark.parametrize("challenge", [TOTP, "MFA_SETUP", "SELECT_MFA_TYPE"])
def test_three_wrong_codes_are_enough(pool: StandIn, challenge: str) -> None:
    """After the third, nobody is asked again, and the sentence says what to check."""
    pool.asks = [challenge]
    person = Scripted(codes=["000000", "", "12345x", "999999"])

    assert refusal(pool, person) == (
        "3 codes were not accepted: check the authenticator app's entry and the clock, "
        "and start again"
    )
    assert person.codes == ["999999"]
    assert pool.refresh_tokens == set()


def test_a_wrong_secret_is_given_up_within_three_intervals(pool: StandIn) -> None:
    """Computed codes that are wrong are not computed for ever."""
    pool.asks = [TOTP]
    waited: list[float] = []
    sentence = refusal(pool, Scripted(totp_secret=NEW_TOTP_SECRET), waited=waited)

    assert "3 codes were not accepted" in sentence
    assert len(waited) == 2
    assert sum(waited) <= 60


@pytest.mark.parametrize("secret", ["not base32!", "18", "ÄÖ"])
def test_a_secret_that_is_none_is_said_to_be(pool: StandIn, secret: str) -> None:
    """The sentence names the variable, and does not quote it."""
    pool.asks = [TOTP]
    sentence = refusal(pool, Scripted(totp_secret=secret))
    assert sentence == "the TOTP secret is not base32: check COGNITO_TOTP_SECRET"


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ("SMS_MFA", "Cognito asks for SMS_MFA, which this command cannot answer"),
        ("CUSTOM_CHALLENGE", "Cognito asks for CUSTOM_CHALLENGE, which this command cannot"),
        ("SELECT_MFA_TYPE", "this user cannot use an authenticator app here"),
        ("MFA_SETUP", "this user cannot use an authenticator app here"),
    ],
)
def test_other_second_factors_are_said_to_be_out_of_reach(
    pool: StandIn, challenge: str, expected: str
) -> None:
    """Whoever cannot use an authenticator app is told, and nothing is set up."""
    pool.asks = [challenge]
    pool.can_choose = pool.can_set_up = ["SMS_MFA", "EMAIL_OTP"]

    assert refusal(pool, Scripted()).startswith(expected)
    assert pool.actions() == ["InitiateAuth"]


def test_challenges_without_end_are_given_up(pool: StandIn) -> None:
    """A pool that goes on asking is not followed for ever."""
    pool.asks = ["NEW_PASSWORD_REQUIRED"]
    pool.ask_for_ever = True
    sentence = refusal(pool, Scripted(new_passwords=[NEW_PASSWORD] * 20))

    assert sentence == "Cognito asks one thing after the other without end: giving up"
    assert len(pool.requests) < 12


NOT_AUTHORIZED = "NotAuthorizedException"
FLOW = "USER_PASSWORD_AUTH flow not enabled for this client"
WRONG = "wrong user name or password"
WEAK = "the new password breaks the pool's rules: longer, with Capitals, small letters, 1 and %"
THROTTLED = "Cognito is being asked too often: wait a minute and try again"


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        (NOT_AUTHORIZED, "Incorrect username or password.", WRONG),
        ("UserNotFoundException", "User does not exist.", WRONG),
        (
            NOT_AUTHORIZED,
            "Password attempts exceeded",
            "too many wrong passwords: wait a few minutes and try again",
        ),
        (NOT_AUTHORIZED, "User is disabled.", "this user is disabled: ask an administrator"),
        (
            "UserNotConfirmedException",
            "User is not confirmed.",
            "this user is not confirmed yet: use the code from the mail, or ask an administrator",
        ),
        (
            "PasswordResetRequiredException",
            "Password reset required for the user",
            "this user's password must be reset first: use the application's 'forgot password'",
        ),
        (
            NOT_AUTHORIZED,
            "Temporary password has expired and must be reset by an administrator.",
            "the temporary password has run out: ask an administrator for another one",
        ),
        ("TooManyRequestsException", "Rate exceeded", THROTTLED),
        ("LimitExceededException", "Attempt limit exceeded", THROTTLED),
        ("ThrottlingException", "Rate exceeded", THROTTLED),
        (
            "ResourceNotFoundException",
            f"User pool client {CLIENT_ID} does not exist.",
            "there is no such app client in this region: check client id and region",
        ),
        (
            "InvalidParameterException",
            FLOW,
            "this app client does not allow USER_PASSWORD_AUTH: add ALLOW_USER_PASSWORD_AUTH to it",
        ),
        (
            "InvalidPasswordException",
            "Password did not conform with policy: Password not long enough",
            WEAK,
        ),
        (
            NOT_AUTHORIZED,
            "Invalid session for the user, session is expired.",
            "signing in took too long, and Cognito forgot how far it was: start again",
        ),
        (
            "InternalErrorException",
            "Oh!",
            (
                "Cognito declined with 'InternalErrorException': 'Oh!'; try again, or ask whoever "
                "keeps the user pool"
            ),
        ),
    ],
)
def test_each_refusal_is_one_helpful_sentence(
    pool: StandIn, code: str, message: str, sentence: str
) -> None:
    """Cognito's error becomes what the person can do about it, after one attempt."""
    pool.fail = {"InitiateAuth": [FailureError(code, message)]}

    assert refusal(pool, Scripted()) == sentence
    assert pool.actions() == ["InitiateAuth"]


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"username": "mallory"}])
def test_nobody_learns_which_of_the_two_was_wrong(pool: StandIn, changes: dict[str, str]) -> None:
    """Unknown user and wrong password read the same."""
    assert refusal(pool, Scripted(), **changes) == WRONG


def test_an_unknown_client_or_wrong_region_is_said_to_be(pool: StandIn) -> None:
    """A client id of another region is unknown in this one."""
    assert refusal(pool, Scripted(), client_id="another") == (
        "there is no such app client in this region: check client id and region"
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (None, "this app client has a secret: put it into COGNITO_CLIENT_SECRET"),
        ("x" * 40, "the app client's secret is wrong: check COGNITO_CLIENT_SECRET"),
    ],
)
def test_the_clients_secret_missing_or_wrong(
    pool: StandIn, said: str | None, sentence: str
) -> None:
    """The two are told apart, and the variable is named."""
    pool.client_secret = CLIENT_SECRET
    assert refusal(pool, Scripted(), client_secret=said) == sentence


def test_a_new_password_against_the_rules_three_times(pool: StandIn) -> None:
    """After the third weak password it ends, with the rules in a sentence."""
    pool.asks = ["NEW_PASSWORD_REQUIRED"]
    person = Scripted(new_passwords=["short"] * 4)

    assert refusal(pool, person) == WEAK
    assert person.new_passwords == ["short"]


def test_a_session_that_ran_out_while_typing(pool: StandIn) -> None:
    """Cognito waits three minutes for a code; then one has to start again, and is not retried."""
    pool.asks = [TOTP]

    def too_late() -> str:
        pool.expire()
        return pool.code()

    assert refusal(pool, Scripted(codes=[too_late])) == (
        "signing in took too long, and Cognito forgot how far it was: start again"
    )
    assert pool.actions() == ["InitiateAuth", "RespondToAuthChallenge"]


def test_no_network_is_said_with_where(pool: StandIn) -> None:
    """A port where nobody listens stands for every network that is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        sentence = refusal(pool, Scripted(), endpoint_url=url)
    assert sentence == (
        f"{url} cannot be reached (EndpointConnectionError): "
        "start the emulator again, or sign in elsewhere"
    )


def test_no_network_to_aws_is_said_with_the_region() -> None:
    """Where there is no emulator, it is the network, or a region that there is not."""
    target = Target(region="eu-west-1", client_id=CLIENT_ID)
    error = EndpointConnectionError(endpoint_url="https://cognito")
    assert str(unreachable(target, error)) == (
        "Cognito in eu-west-1 cannot be reached (EndpointConnectionError): "
        "check the network and the region"
    )


@pytest.mark.parametrize(
    "changes", [{"region": "eu west"}, {"region": "a/b"}, {"endpoint_url": "nowhere"}]
)
def test_no_region_and_no_endpoint_at_all(pool: StandIn, changes: dict[str, str]) -> None:
    """What cannot be an address is refused before anything is sent, and without a traceback."""
    sentence = refusal(pool, Scripted(), **{"endpoint_url": None} | changes)
    assert sentence.startswith("Cognito cannot be asked: ")
    assert sentence.endswith("check --region, --endpoint-url and AWS_PROFILE")
    assert pool.requests == []


def test_an_aws_profile_that_is_not_there(pool: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS credentials are not needed, but boto3 insists on the profile that is named."""
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert refusal(pool, Scripted()).startswith("Cognito cannot be asked: ")


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "a.bnVsbA.c", "a.W10.c", "a.e30.c", "a.!.c", "a.IiI.c"]
)
def test_an_answer_without_an_access_token(pool: StandIn, clock: Clock, token: str) -> None:
    """What is no token is not kept, and is not quoted."""
    result = {"AccessToken": token, "IdToken": "", "ExpiresIn": 1}
    with pytest.raises(AccountError) as caught:
        session_of(target_at(pool), result, clock)
    assert str(caught.value) == "Cognito answered with something that is no access token"


@pytest.mark.parametrize("missing", ["AccessToken", "IdToken", "ExpiresIn"])
def test_an_answer_that_lacks_something(pool: StandIn, clock: Clock, missing: str) -> None:
    """Half of what a sign-in gives is not kept, either."""
    result = {"AccessToken": pool.pool.token(), "IdToken": "", "ExpiresIn": 1}
    del result[missing]
    with pytest.raises(AccountError, match="no access token"):
        session_of(target_at(pool), result, clock)


def test_a_token_of_another_pool_is_no_session(pool: StandIn) -> None:
    """Cognito looks at the app client alone, so a wrong pool id is found by the token's issuer."""
    person = Scripted(totp_secret=TOTP_SECRET)
    with pytest.raises(AccountError) as refused:
        sign_in(pool, person, pool_id="eu-west-1_Another99")
    found = f"expected a token of the pool eu-west-1_Another99, found one of '{POOL_ID}': check"
    assert str(refused.value).startswith(found)


@pytest.mark.parametrize("client_secret", [None, CLIENT_SECRET], ids=["public", "secret"])
@pytest.mark.parametrize("rotate", [False, True], ids=["keeps", "rotates"])
def test_a_refresh_gives_new_tokens(
    pool: StandIn, clock: Clock, client_secret: str | None, *, rotate: bool
) -> None:
    """The refresh token is kept, unless Cognito gives another one; the hash is sent again."""
    pool.client_secret = client_secret
    pool.rotate = rotate
    session = sign_in(pool, Scripted())
    clock.pass_seconds(3600)
    refreshed = refresh(session, clock)

    assert refreshed.access_token != session.access_token
    assert refreshed.expires_at_seconds == session.expires_at_seconds + 3600
    assert (refreshed.refresh_token != session.refresh_token) == rotate
    assert refreshed.refresh_token in pool.refresh_tokens
    sent = pool.bodies("InitiateAuth")[-1]
    assert sent["AuthFlow"] == "REFRESH_TOKEN_AUTH"
    assert ("SECRET_HASH" in sent["AuthParameters"]) == (client_secret is not None)


@pytest.mark.parametrize("client_secret", [None, CLIENT_SECRET], ids=["public", "secret"])
@pytest.mark.parametrize(
    "refusal",
    [
        FailureError("InvalidParameterException", "Refresh token rotation is enabled"),
        FailureError("NotAuthorizedException", "REFRESH_TOKEN_AUTH flow not enabled"),
        FailureError("UnsupportedOperationException", "Not with rotation"),
    ],
    ids=lambda failure: failure.code,
)
def test_a_refresh_token_that_rotates_is_replaced(
    pool: StandIn, clock: Clock, client_secret: str | None, refusal: FailureError
) -> None:
    """However the usual flow is refused, the next one is asked for in the other way, and kept."""
    pool.client_secret = client_secret
    pool.rotation = refusal
    session = sign_in(pool, Scripted())
    first = refresh(session, clock)
    second = refresh(first, clock)

    assert len({one.refresh_token for one in (session, first, second)}) == 3
    assert len({one.access_token for one in (session, first, second)}) == 3
    assert pool.refresh_tokens == {second.refresh_token}
    assert [body["RefreshToken"] for body in pool.bodies("GetTokensFromRefreshToken")] == [
        session.refresh_token,
        first.refresh_token,
    ]


ENDED = "the session has ended: run 'authorizer login' again"


def test_a_refresh_token_that_was_used_is_the_end(pool: StandIn, clock: Clock) -> None:
    """A copy of the session, or one from a backup, cannot be refreshed, and says what to do."""
    pool.rotation = FailureError("InvalidParameterException")
    session = sign_in(pool, Scripted())
    refresh(session, clock)
    with pytest.raises(AccountError) as caught:
        refresh(session, clock)
    assert str(caught.value) == ENDED


@pytest.mark.parametrize(
    ("flow", "rotation", "sentence"),
    [
        ("InvalidParameterException", None, None),
        ("NotAuthorizedException", "NotAuthorizedException", ENDED),
        ("NotAuthorizedException", "UnknownOperationException", ENDED),
        ("NotAuthorizedException", "InvalidAction", ENDED),
        ("NotAuthorizedException", "403", ENDED),
        ("NotAuthorizedException", "UserNotFoundException", ENDED),
        (
            "InvalidParameterException",
            "InvalidParameterException",
            "this app client refreshes no session: run 'authorizer login' again, or allow it to",
        ),
        ("InvalidParameterException", "TooManyRequestsException", THROTTLED),
        ("TooManyRequestsException", None, THROTTLED),
    ],
)
def test_what_is_told_of_two_ways_to_refresh(
    pool: StandIn, clock: Clock, flow: str, rotation: str | None, sentence: str | None
) -> None:
    """A refused refresh never advises to add a flow that was just used, nor blames a password."""
    session = sign_in(pool, Scripted())
    pool.fail = {"InitiateAuth": [FailureError(flow, "Odd")]}
    if rotation is not None:
        pool.fail["GetTokensFromRefreshToken"] = [FailureError(rotation, "Odd")]
    if sentence is None:
        assert refresh(session, clock).access_token != session.access_token
        return
    with pytest.raises(AccountError) as caught:
        refresh(session, clock)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("rotates", [False, True])
def test_a_device_that_is_remembered_is_confirmed(
    pool: StandIn, clock: Clock, *, rotates: bool
) -> None:
    """In a pool that remembers devices a refresh names the one that the sign-in confirmed."""
    pool.remembers_devices = True
    pool.rotation = FailureError("InvalidParameterException") if rotates else None
    pool.asks = [TOTP]
    session = sign_in(pool, Scripted(totp_secret=TOTP_SECRET))
    refreshed = refresh(session, clock)
    again = refresh(refreshed, clock)

    assert {session.device_key} == pool.devices
    assert again.device_key == refreshed.device_key == session.device_key
    (confirmed,) = pool.bodies("ConfirmDevice")
    assert confirmed["DeviceName"] == "authorizer login"
    # At the next sign-in the device would stand in for the second factor.
    assert "DEVICE_KEY" not in json.dumps(
        [*pool.bodies("InitiateAuth")[:1], *pool.bodies("RespondToAuthChallenge")]
    )


def test_a_device_that_is_not_taken_costs_the_refresh_alone(pool: StandIn) -> None:
    """The sign-in is good, and it is said that it cannot be refreshed."""
    pool.remembers_devices = True
    pool.fail = {"ConfirmDevice": [FailureError("TooManyRequestsException")]}
    person = Scripted()
    session = sign_in(pool, person)

    assert (session.device_key, session.access_token in pool.issued) == (None, True)
    (told,) = person.told
    assert told == (
        f"this pool remembers devices, and did not take this one ({THROTTLED}): "
        "the session cannot be refreshed"
    )


@pytest.mark.parametrize(
    ("octet", "salt", "digest"),
    [
        (
            0x11,
            "EREREREREREREREREREREQ==",
            "e8ed9d2059a56a639017fb0966ecae641407aecb7ee04a19e246ead0c1099c65",
        ),
        (
            0xEE,
            "AO7u7u7u7u7u7u7u7u7u7u4=",
            "658a057ec9a6a9f567c37f8d007249491b8d64f30063958d2cb87dcbd8e1ed14",
        ),
    ],
)
def test_the_verifier_of_a_device(octet: int, salt: str, digest: str) -> None:
    """The same as Amazon's own clients compute, of a password and a salt of one octet repeated.

    The digests are of verifiers that pycognito 2024.5.1 made. In one, salt and verifier begin with
    the zero of a number that would otherwise be negative.
    """
    found = device_verifier(
        "-AbCdEfGh",
        "eu-west-1_aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        base64.b64encode(bytes([octet]) * 40).decode(),
        int.from_bytes(bytes([octet]) * 16),
    )
    assert found["Salt"] == salt
    made = base64.b64decode(found["PasswordVerifier"])
    assert hashlib.sha256(made).hexdigest() == digest


def test_two_commands_refresh_once(pool: StandIn, tmp_path: Path, clock: Clock) -> None:
    """The second waits for the first, and finds its session: a spent token would end both."""
    pool.rotation = FailureError("InvalidParameterException")
    store = SessionStore(tmp_path / "sessions")
    clock.now = 0
    store.save("default", sign_in(pool, Scripted()))
    with ThreadPoolExecutor(4) as threads:
        sessions = list(threads.map(lambda _: fresh_session("default", store), range(4)))

    assert len(pool.bodies("GetTokensFromRefreshToken")) == 1
    assert len({session.access_token for session in sessions}) == 1
    assert {store.load("default").refresh_token} == pool.refresh_tokens


def test_a_session_that_cannot_be_kept_is_not_spent(
    pool: StandIn, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is found out before the one refresh token is used up."""
    pool.rotation = FailureError("InvalidParameterException")
    store = SessionStore(tmp_path / "sessions")
    clock.now = 0
    store.save("default", sign_in(pool, Scripted()))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(AccountError, match="No space left"):
            fresh_session("default", store)
    assert pool.spent == set()
    assert fresh_session("default", store).access_token in pool.issued


@pytest.mark.parametrize("client_secret", [None, CLIENT_SECRET], ids=["public", "secret"])
def test_a_refresh_after_revoking_fails(
    pool: StandIn, clock: Clock, client_secret: str | None
) -> None:
    """Signing out ends the session at Cognito, and whoever kept the token gets no more."""
    pool.client_secret = client_secret
    session = sign_in(pool, Scripted())
    revoke(session)
    with pytest.raises(AccountError) as caught:
        refresh(session, clock)

    assert str(caught.value) == "the session has ended: run 'authorizer login' again"
    (sent,) = pool.bodies("RevokeToken")
    assert sent.get("ClientSecret") == client_secret


def test_a_session_without_a_refresh_token_asks_nobody(pool: StandIn, clock: Clock) -> None:
    """There is nothing to refresh and nothing to revoke."""
    session = session_of(
        target_at(pool), {"AccessToken": pool.pool.token(), "IdToken": "", "ExpiresIn": 1}, clock
    )
    revoke(session)
    with pytest.raises(AccountError, match="the session has ended"):
        refresh(session, clock)
    assert pool.requests == []


def test_revoking_what_is_revoked_is_no_error(pool: StandIn) -> None:
    """Signing out twice, or after an administrator did it, ends in the same place."""
    session = sign_in(pool, Scripted())
    revoke(session)
    revoke(session)
    pool.fail = {"RevokeToken": [FailureError("UnauthorizedException", "Token is revoked")]}
    revoke(session)


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (FailureError("TooManyRequestsException"), THROTTLED),
        (
            FailureError(NOT_AUTHORIZED, "Invalid client secret"),
            "the app client's secret is wrong: check COGNITO_CLIENT_SECRET",
        ),
        (
            FailureError("UnsupportedOperationException", "Not enabled"),
            (
                "Cognito declined with 'UnsupportedOperationException': 'Not enabled'; try again, "
                "or ask whoever keeps the user pool"
            ),
        ),
    ],
)
def test_a_session_that_could_not_be_revoked(
    pool: StandIn, failure: FailureError, sentence: str
) -> None:
    """Nobody is told that a session has ended which has not."""
    session = sign_in(pool, Scripted())
    pool.fail = {"RevokeToken": [failure]}
    with pytest.raises(AccountError) as caught:
        revoke(session)
    assert str(caught.value) == sentence


def test_a_client_secret_too_short_to_be_sent(pool: StandIn) -> None:
    """boto3 refuses it before Cognito can; it is not taken for a missing network, nor quoted."""
    session = sign_in(pool, Scripted())
    secret_is("too-short")
    with pytest.raises(AccountError) as caught:
        revoke(session)
    assert "COGNITO_CLIENT_SECRET" in str(caught.value)
    assert "too-short" not in str(caught.value)


@pytest.mark.parametrize(
    ("left_seconds", "refreshes"), [(3600, 0), (61, 0), (60, 1), (0, 1), (-86_400, 1)]
)
def test_a_session_is_refreshed_a_minute_early(
    pool: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left_seconds: int,
    refreshes: int,
) -> None:
    """A token that would expire on the way is replaced, and the new one is kept."""
    store = SessionStore(tmp_path / "sessions")
    session = sign_in(pool, Scripted())
    store.save("default", session)
    now = session.expires_at_seconds - left_seconds
    monkeypatch.setattr("authorizer.cli.account.sessions.time.time", lambda: now)
    fresh = fresh_session("default", store)

    assert len(pool.requests) - 1 == refreshes
    assert (fresh.access_token != session.access_token) == bool(refreshes)
    assert store.load("default") == fresh


def test_a_refresh_that_fails_keeps_what_there_is(
    pool: StandIn, tmp_path: Path, clock: Clock
) -> None:
    """A network that is down for a moment does not sign anybody out."""
    store = SessionStore(tmp_path / "sessions")
    clock.now = 0
    session = sign_in(pool, Scripted())
    store.save("default", session)
    pool.fail = {"InitiateAuth": [FailureError("TooManyRequestsException")]}
    with pytest.raises(AccountError, match="too often"):
        fresh_session("default", store)
    assert store.load("default") == session
