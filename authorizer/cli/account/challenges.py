"""Signing in: one challenge after the other, until there are tokens.

A challenge is something that Cognito asks for. Each is a method of :class:`SignIn`, and a line in
the table ``_CHALLENGES`` at the end: a new one is both.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pyotp

from authorizer.cli.account import AccountError
from authorizer.cli.account.cognito import Answer, Cognito, Target
from authorizer.cli.account.refusals import RefusedError
from authorizer.cli.account.sessions import confirm_device, secret_hash, session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.account.session_store import Session

_ATTEMPTS = 3
# More challenges in a row than any pool asks.
_MOST_CHALLENGES = 8
_TOTP = "SOFTWARE_TOKEN_MFA"
_SIX_DIGITS = re.compile(r"[0-9]{6}")
_WRONG_CODE = frozenset(
    {"CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException"}
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
        self._cognito = Cognito(target)
        self._totp_secret = person.totp_secret
        self._last_code = ""

    def run(self, password: str) -> Session:
        """Sign in.

        Raises:
            AccountError: it did not work; nothing is kept of it.
        """
        answer = self._cognito.ask(
            "initiate_auth",
            ClientId=self._target.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters=self._with_user_name(PASSWORD=password),
        )
        for _ in range(_MOST_CHALLENGES):
            if "AuthenticationResult" in answer:
                return self._finish(answer["AuthenticationResult"])
            answer = self._meet(answer)
        raise AccountError("Cognito asks one thing after the other without end: giving up")

    def _finish(self, result: Answer) -> Session:
        session = session_of(self._target, result, self._clock)
        device = result.get("NewDeviceMetadata", {})
        if not device.get("DeviceKey"):
            return session
        try:
            key = confirm_device(self._cognito, session.access_token, device)
        except AccountError as error:
            self._person.say(
                f"this pool remembers devices, and did not take this one ({error}): the session "
                "cannot be refreshed"
            )
            return session
        return replace(session, device_key=key)

    def _meet(self, challenge: Answer) -> Answer:
        # Whoever signs in with an alias has to go on with the name that Cognito knows.
        known_as = challenge.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP")
        self._username = known_as or self._username
        name = str(challenge.get("ChallengeName"))
        if name not in _CHALLENGES:
            raise AccountError(
                f"Cognito asks for {name}, which this command cannot answer: it knows passwords "
                "and authenticator apps"
            )
        return _CHALLENGES[name](self, challenge)

    def _give_code(self, challenge: Answer) -> Answer:
        return self._try_codes(lambda code: self._respond(challenge, SOFTWARE_TOKEN_MFA_CODE=code))

    def _choose_app(self, challenge: Answer) -> Answer:
        _require_app(challenge, "MFAS_CAN_CHOOSE")
        return self._respond(challenge, ANSWER=_TOTP)

    def _replace_password(self, challenge: Answer) -> Answer:
        self._person.say("the password is a temporary one: choose your own")
        attributes = {
            name: self._person.attribute(name)
            for name in _list(challenge, "requiredAttributes") or ()
        }
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                return self._respond(
                    challenge, NEW_PASSWORD=self._person.new_password(), **attributes
                )
            except RefusedError as error:
                if error.code != "InvalidPasswordException" or not attempts_left:
                    raise
                self._person.say(str(error))
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _set_up_app(self, challenge: Answer) -> Answer:
        _require_app(challenge, "MFAS_CAN_SETUP")
        # A secret in the environment belongs to an entry made before this one.
        self._totp_secret = None
        begun = self._cognito.ask("associate_software_token", Session=challenge["Session"])
        secret = begun["SecretCode"]
        uri = pyotp.TOTP(secret).provisioning_uri(
            name=self._username, issuer_name=self._target.pool_id or self._target.client_id
        )
        self._person.register(secret, uri)
        verified = self._try_codes(lambda code: self._verify(begun["Session"], code))
        return self._respond(challenge | {"Session": verified["Session"]})

    def _verify(self, session: str, code: str) -> Answer:
        answer = self._cognito.ask("verify_software_token", Session=session, UserCode=code)
        if answer.get("Status") != "SUCCESS":
            raise RefusedError("CodeMismatchException", "wrong code: try the next one")
        return answer

    def _try_codes(self, use: Callable[[str], Answer]) -> Answer:
        """Use a code; if it is wrong, used or too old, the next one, and say so."""
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                return use(self._code())
            except RefusedError as error:
                if error.code not in _WRONG_CODE:
                    raise
                if not attempts_left:
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

    def _respond(self, challenge: Answer, **responses: str) -> Answer:
        return self._cognito.ask(
            "respond_to_auth_challenge",
            ClientId=self._target.client_id,
            ChallengeName=challenge["ChallengeName"],
            Session=challenge["Session"],
            ChallengeResponses=self._with_user_name(**responses),
        )

    def _with_user_name(self, **values: str) -> dict[str, str]:
        return {"USERNAME": self._username, **values} | secret_hash(self._target, self._username)


def _require_app(challenge: Answer, parameter: str) -> None:
    offered = _list(challenge, parameter)
    if offered is not None and _TOTP not in offered:
        raise AccountError(
            "this user cannot use an authenticator app here, and this command knows no other "
            "second factor"
        )


def _list(challenge: Answer, parameter: str) -> list[str] | None:
    """The list that Cognito writes as JSON into a text; nothing where it does not."""
    text = challenge.get("ChallengeParameters", {}).get(parameter)
    if text is None:
        return None
    try:
        value = json.loads(str(text))
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else []


# By Cognito's name for it, how a challenge is met. Each method returns what Cognito asks next.
_CHALLENGES: Mapping[str, Callable[[SignIn, Answer], Answer]] = {
    _TOTP: SignIn._give_code,  # noqa: SLF001 - the table of this class
    "SELECT_MFA_TYPE": SignIn._choose_app,  # noqa: SLF001
    "NEW_PASSWORD_REQUIRED": SignIn._replace_password,  # noqa: SLF001
    "MFA_SETUP": SignIn._set_up_app,  # noqa: SLF001
}
