"""Signing in: one challenge after the other, until there are tokens.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetTokensFromRefreshToken.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pyotp

from authorizer.cli.account.device import confirm
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.refusals import REFRESHING, RefusedError, in_a_sentence
from authorizer.cli.account.store import Session
from authorizer.errors import clip
from authorizer.tokens.compact import decode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.account.target import Target

Answer = dict[str, Any]

_ATTEMPTS = 3
# More challenges in a row than any pool asks.
_MOST_CHALLENGES = 8
_TOTP = "SOFTWARE_TOKEN_MFA"
_SIX_DIGITS = re.compile(r"[0-9]{6}")
_WRONG_CODE = frozenset(
    {"CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException"}
)

# How REFRESH_TOKEN_AUTH is refused to an app client with refresh-token rotation is not documented.
_NOT_BY_FLOW = frozenset(
    {
        *("InvalidParameterException", "NotAuthorizedException"),
        *("UnsupportedOperationException", "OperationNotEnabledException"),
    }
)


class Person(Protocol):
    """Who signs in: someone at a terminal, or what a script has put into the environment."""

    @property
    def totp_secret(self) -> str | None:
        """The secret of the authenticator app, if codes are to be computed from it."""

    def new_password(self) -> str:
        """A password to replace the temporary one."""

    def code(self) -> str:
        """The code that the authenticator app shows."""

    def attribute(self, name: str) -> str:
        """An attribute that the pool requires."""

    def register(self, secret: str, uri: str) -> None:
        """Put a new secret into the authenticator app."""

    def say(self, sentence: str) -> None:
        """Tell what is going on."""


class SignIn:
    """One sign-in. ``wait`` and ``clock`` are parameters so that tests need not wait."""

    def __init__(
        self,
        target: Target,
        username: str,
        person: Person,
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._username = username
        self._person = person
        self._wait = wait
        self._clock = clock
        self._cognito = target.cognito()
        self._totp_secret = person.totp_secret
        self._last_code = ""

    def run(self, password: str) -> Session:
        """Sign in.

        Raises:
            AccountError: it did not work; nothing is kept of it.
        """
        with in_a_sentence(self._target):
            answer = self._cognito.initiate_auth(
                ClientId=self._target.client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters=self._named(PASSWORD=password),
            )
        for _ in range(_MOST_CHALLENGES):
            if "AuthenticationResult" in answer:
                return self._finish(answer["AuthenticationResult"])
            answer = self._answer(answer)
        raise AccountError("Cognito asks one thing after the other without end: giving up")

    def _finish(self, result: Answer) -> Session:
        session = session_of(self._target, result, self._clock)
        named = result.get("NewDeviceMetadata", {})
        if not named.get("DeviceKey"):
            return session
        try:
            return replace(session, device_key=confirm(self._target, session.access_token, named))
        except AccountError as error:
            self._person.say(
                f"this pool remembers devices, and did not take this one ({error}): the session "
                "cannot be refreshed"
            )
        return session

    def _answer(self, asked: Answer) -> Answer:
        # Whoever signs in with an alias has to go on with the name that Cognito knows.
        known_as = asked.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP")
        self._username = known_as or self._username
        challenge = asked.get("ChallengeName")
        if challenge == _TOTP:
            return self._with_code(
                lambda code: self._respond(asked, _TOTP, SOFTWARE_TOKEN_MFA_CODE=code)
            )
        if challenge == "SELECT_MFA_TYPE":
            self._require_totp(asked, "MFAS_CAN_CHOOSE")
            return self._respond(asked, challenge, ANSWER=_TOTP)
        if challenge == "NEW_PASSWORD_REQUIRED":
            return self._replace_password(asked)
        if challenge == "MFA_SETUP":
            self._require_totp(asked, "MFAS_CAN_SETUP")
            return self._set_up_totp(asked)
        raise AccountError(
            f"Cognito asks for {challenge}, which this command cannot answer: it knows passwords "
            "and authenticator apps"
        )

    def _require_totp(self, asked: Answer, parameter: str) -> None:
        offered = asked.get("ChallengeParameters", {}).get(parameter)
        if offered is not None and _TOTP not in _list(offered):
            raise AccountError(
                "this user cannot use an authenticator app here, and this command knows no other "
                "second factor"
            )

    def _replace_password(self, asked: Answer) -> Answer:
        self._person.say("the password is a temporary one: choose your own")
        required = _list(asked.get("ChallengeParameters", {}).get("requiredAttributes", "[]"))
        attributes = {name: self._person.attribute(name) for name in required}
        for attempt in range(_ATTEMPTS):
            try:
                return self._respond(
                    asked,
                    "NEW_PASSWORD_REQUIRED",
                    NEW_PASSWORD=self._person.new_password(),
                    **attributes,
                )
            except RefusedError as error:
                if error.code != "InvalidPasswordException" or attempt == _ATTEMPTS - 1:
                    raise
                self._person.say(str(error))
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _set_up_totp(self, asked: Answer) -> Answer:
        # A secret in the environment belongs to an entry made before this one.
        self._totp_secret = None
        with in_a_sentence(self._target):
            begun = self._cognito.associate_software_token(Session=asked["Session"])
        secret = begun["SecretCode"]
        uri = pyotp.TOTP(secret).provisioning_uri(
            name=self._username, issuer_name=self._target.pool_id or self._target.client_id
        )
        self._person.register(secret, uri)
        verified = self._with_code(lambda code: self._verify(begun["Session"], code))
        return self._respond({"Session": verified["Session"]}, "MFA_SETUP")

    def _verify(self, session: str, code: str) -> Answer:
        with in_a_sentence(self._target):
            answer: Answer = self._cognito.verify_software_token(Session=session, UserCode=code)
        if answer.get("Status") != "SUCCESS":
            raise RefusedError("CodeMismatchException", "wrong code: try the next one")
        return answer

    def _with_code(self, use: Callable[[str], Answer]) -> Answer:
        """Use a code; if it is wrong, used or too old, the next one, and say so."""
        for attempt in range(_ATTEMPTS):
            try:
                return use(self._code())
            except RefusedError as error:
                if error.code not in _WRONG_CODE:
                    raise
                if attempt == _ATTEMPTS - 1:
                    raise AccountError(
                        f"{_ATTEMPTS} codes were not accepted: check the authenticator app's entry "
                        "and the clock, and start again"
                    ) from None
                self._person.say(str(error))
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _code(self) -> str:
        if self._totp_secret is None:
            code = self._person.code()
            if not _SIX_DIGITS.fullmatch(code):
                raise RefusedError("CodeMismatchException", "a code is six digits")
            return code
        try:
            app = pyotp.TOTP(self._totp_secret.replace(" ", ""))
            code = app.at(int(self._clock()))
        except ValueError:
            raise AccountError("the TOTP secret is not base32: check COGNITO_TOTP_SECRET") from None
        if code == self._last_code:
            seconds = app.interval - self._clock() % app.interval
            self._person.say(f"waiting {seconds:.0f} s for the next code")
            self._wait(seconds)
            code = app.at(int(self._clock()))
        self._last_code = code
        return code

    def _respond(self, asked: Answer, challenge: str, **responses: str) -> Answer:
        with in_a_sentence(self._target):
            answer: Answer = self._cognito.respond_to_auth_challenge(
                ClientId=self._target.client_id,
                ChallengeName=challenge,
                Session=asked["Session"],
                ChallengeResponses=self._named(**responses),
            )
        return answer

    def _named(self, **values: str) -> dict[str, str]:
        named = {"USERNAME": self._username, **values}
        return named | _secret_hash(self._target, self._username)


def refresh(target: Target, session: Session, clock: Callable[[], float] = time.time) -> Session:
    """New tokens for a session. What is kept must be replaced at once: the old ones may be void.

    Raises:
        AccountError: the session has ended, or Cognito cannot be asked.
    """
    if session.refresh_token is None:
        raise AccountError("the session has ended: run 'authorizer login' again")
    try:
        answer = _refresh_by_flow(target, session, session.refresh_token)
    except RefusedError as error:
        if error.code not in _NOT_BY_FLOW:
            raise
        answer = _refresh_by_rotation(target, session, session.refresh_token, error)
    result = {"RefreshToken": session.refresh_token, **answer["AuthenticationResult"]}
    return replace(session_of(target, result, clock), device_key=session.device_key)


def _refresh_by_flow(target: Target, session: Session, refresh_token: str) -> Answer:
    """As app clients do without rotation. With it, Cognito refuses, and the token stays good."""
    parameters = {"REFRESH_TOKEN": refresh_token, **_secret_hash(target, session.username)}
    if session.device_key is not None:
        parameters["DEVICE_KEY"] = session.device_key
    with in_a_sentence(target, REFRESHING):
        answer: Answer = target.cognito().initiate_auth(
            ClientId=target.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=parameters
        )
    return answer


def _refresh_by_rotation(
    target: Target, session: Session, refresh_token: str, refusal: RefusedError
) -> Answer:
    """As app clients do with rotation: the answer has the next refresh token."""
    more = {"ClientSecret": target.client_secret, "DeviceKey": session.device_key}
    try:
        with in_a_sentence(target, REFRESHING):
            answer: Answer = target.cognito().get_tokens_from_refresh_token(
                RefreshToken=refresh_token,
                ClientId=target.client_id,
                **{name: value for name, value in more.items() if value is not None},
            )
    except RefusedError as error:
        # Of an emulator that does not know the action, what it said before is what counts.
        knows = error.code.endswith("Exception") and error.code != "UnknownOperationException"
        raise (error if knows else refusal) from None
    return answer


def revoke(target: Target, session: Session) -> None:
    """End a session at Cognito: its refresh token gives no more tokens.

    Raises:
        AccountError: it could not be ended.
    """
    if session.refresh_token is None:
        return
    secret = {"ClientSecret": target.client_secret} if target.client_secret else {}
    try:
        with in_a_sentence(target):
            target.cognito().revoke_token(
                Token=session.refresh_token, ClientId=target.client_id, **secret
            )
    except RefusedError as error:
        if error.code != "UnauthorizedException":
            raise


def session_of(target: Target, result: Answer, clock: Callable[[], float]) -> Session:
    """What a sign-in gave, as a session. The tokens are our own, so they are read unverified."""
    try:
        claims = json.loads(decode_base64url(result["AccessToken"].split(".")[1].encode()))
        username, id_token = str(claims["username"]), str(result["IdToken"])
        lasts_seconds = int(result["ExpiresIn"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise AccountError("Cognito answered with something that is no access token") from None
    pool_id = str(claims.get("iss", "")).rpartition("/")[2] or None
    if target.pool_id not in {None, pool_id}:
        # Of an app client, Cognito is not told the pool: it is whichever has the client.
        raise AccountError(
            f"expected a token of the pool {target.pool_id}, found one of {clip(pool_id)}: "
            "check --pool-id and --client-id (COGNITO_USER_POOL_ID, COGNITO_CLIENT_ID)"
        )
    return Session(
        region=target.region,
        pool_id=pool_id,
        client_id=target.client_id,
        username=username,
        endpoint_url=target.endpoint_url,
        api_url=target.api_url,
        access_token=result["AccessToken"],
        id_token=id_token,
        refresh_token=result.get("RefreshToken"),
        expires_at_seconds=int(clock()) + lasts_seconds,
    )


def _secret_hash(target: Target, username: str) -> dict[str, str]:
    if target.client_secret is None:
        return {}
    text = f"{username}{target.client_id}".encode()
    digest = hmac.new(target.client_secret.encode(), text, hashlib.sha256).digest()
    return {"SECRET_HASH": base64.b64encode(digest).decode()}


def _list(text: object) -> list[str]:
    """The list that Cognito writes as JSON into a text."""
    try:
        value = json.loads(str(text))
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else []
