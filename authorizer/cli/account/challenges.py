"""Signing in: one challenge after the other, until there are tokens.

A challenge is something that Cognito asks for. Each is a method of :class:`SignIn`, and a line in
the table ``_CHALLENGES`` at the end: a new one is both.

A pool that remembers devices binds the refresh token to a device that it names at the sign-in, and
refuses it until the device is confirmed. Confirming takes an SRP verifier of a password, with which
the device could stand in for the second factor at the next sign-in. Ours never does: the password
is thrown away.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pyotp

from authorizer.cli.account.cognito import Answer, Cognito, secret_hash, session_of
from authorizer.cli.account.errors import AccountError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.account.sessions import Session, Target

_ATTEMPTS = 3
# More challenges in a row than any pool asks.
_MOST_CHALLENGES = 8
_TOTP = "SOFTWARE_TOKEN_MFA"
_SIX_DIGITS = re.compile(r"[0-9]{6}")
_WRONG_CODE = frozenset(
    {"CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException"}
)
_DEVICE_NAME = "authorizer login"
# The 3072-bit group of RFC 5054, appendix A, with Cognito's generator.
_PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
    "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c"
    "bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
    16,
)
_GENERATOR = 2


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
            self._confirm_device(session.access_token, device)
        except AccountError as error:
            self._person.say(
                f"this pool remembers devices, and did not take this one ({error}): the session "
                "cannot be refreshed"
            )
            return session
        return replace(session, device_key=device["DeviceKey"])

    def _confirm_device(self, access_token: str, metadata: Answer) -> None:
        verifier = device_verifier(
            metadata.get("DeviceGroupKey", ""),
            metadata["DeviceKey"],
            secrets.token_urlsafe(40),
            secrets.randbits(128),
        )
        self._cognito.ask(
            "confirm_device",
            AccessToken=access_token,
            DeviceKey=metadata["DeviceKey"],
            DeviceSecretVerifierConfig=verifier,
            DeviceName=_DEVICE_NAME,
        )

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
        return self._try(
            lambda: self._respond(
                challenge, NEW_PASSWORD=self._person.new_password(), **attributes
            ),
            frozenset({"InvalidPasswordException"}),
        )

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
        return self._try(
            lambda: use(self._code()),
            _WRONG_CODE,
            f"{_ATTEMPTS} codes were not accepted: check the authenticator app's entry and the "
            "clock, and start again",
        )

    def _try(
        self, attempt: Callable[[], Answer], again_after: frozenset[str], in_the_end: str = ""
    ) -> Answer:
        """Try it three times over, as long as it is refused for what the next time may mend."""
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                return attempt()
            except RefusedError as error:
                if error.code not in again_after:
                    raise
                if not attempts_left:
                    raise AccountError(in_the_end or str(error)) from None
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
        return {"USERNAME": self._username, **values} | secret_hash(
            self._target.client_id, self._username
        )


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


def device_verifier(group_key: str, key: str, password: str, salt: int) -> dict[str, Any]:
    """What Cognito keeps of a device's password (RFC 5054, 2.4, with SHA-256)."""
    inner = hashlib.sha256(f"{group_key}{key}:{password}".encode()).digest()
    exponent = int.from_bytes(hashlib.sha256(_octets(salt) + inner).digest())
    return {
        "PasswordVerifier": _base64(pow(_GENERATOR, exponent, _PRIME)),
        "Salt": _base64(salt),
    }


def _octets(number: int) -> bytes:
    """A number as Java writes it, and so Cognito: a leading zero where it would be negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def _base64(number: int) -> str:
    return base64.b64encode(_octets(number)).decode()


# By Cognito's name for it, how a challenge is met. Each method returns what Cognito asks next.
_CHALLENGES: Mapping[str, Callable[[SignIn, Answer], Answer]] = {
    _TOTP: SignIn._give_code,  # noqa: SLF001 - the table of this class
    "SELECT_MFA_TYPE": SignIn._choose_app,  # noqa: SLF001
    "NEW_PASSWORD_REQUIRED": SignIn._replace_password,  # noqa: SLF001
    "MFA_SETUP": SignIn._set_up_app,  # noqa: SLF001
}
