"""Cognito's public sign-in API on loopback: one user pool, one app client, one user.

It speaks the JSON protocol that boto3 speaks, so that nothing of ours or of boto3 is replaced.
A test sets what the pool asks for and what goes wrong, and reads what it was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyotp
from loopback import listening
from simulator import CLIENT_ID, POOL_ID, Cognito

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USERNAME = "alice"
# What must never be seen again once it was typed in: long, and unlike anything else.
PASSWORD = "Correct-horse-battery-1"
NEW_PASSWORD = "Staple-of-the-horse-2"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW_TOTP_SECRET = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
CLIENT_SECRET = "clientsecret0123456789abcdefghijklmnopqrs"

_TARGET = "AWSCognitoIdentityProviderService."
_TOTP = "SOFTWARE_TOKEN_MFA"
Body = dict[str, Any]


class FailureError(Exception):
    """An error as Cognito answers it: a code and a message."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


@dataclass
class StandIn:
    """The pool, as a test wants it.

    Attributes:
        asks: challenges after the password, in order.
        attributes: what NEW_PASSWORD_REQUIRED requires besides.
        can_choose, can_set_up: the second factors that are offered.
        client_secret: of the app client; with one, SECRET_HASH is checked.
        fail: failures by action, used up one after the other; the last one stays.
        parameters: added to every challenge.
        ask_for_ever: the same challenge comes again however it is answered.
        rotate: a refresh gives a new refresh token.
        rotation: how REFRESH_TOKEN_AUTH is refused, where GetTokensFromRefreshToken alone gives
            new tokens; each refresh token is then good once.
        remembers_devices: a refresh token is good with its device alone, once that is confirmed.
        requests: action and body of everything asked.
    """

    password: str = PASSWORD
    totp_secret: str = TOTP_SECRET
    asks: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    can_choose: list[str] = field(default_factory=lambda: ["SMS_MFA", _TOTP])
    can_set_up: list[str] = field(default_factory=lambda: [_TOTP])
    client_secret: str | None = None
    fail: dict[str, list[FailureError]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    ask_for_ever: bool = False
    rotate: bool = False
    rotation: FailureError | None = None
    remembers_devices: bool = False
    devices: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.time
    requests: list[tuple[str, Body]] = field(default_factory=list)
    # What was issued, so that a test can look for it where it must not be.
    issued: list[str] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    used_codes: set[str] = field(default_factory=set)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    pool: Cognito = field(default_factory=Cognito)
    url: str = ""

    def actions(self) -> list[str]:
        """What was asked, in order."""
        return [action for action, _ in self.requests]

    def bodies(self, action: str) -> list[Body]:
        """What was sent with an action, in order."""
        return [body for asked, body in self.requests if asked == action]

    def code(self, secret: str | None = None, ahead: int = 0) -> str:
        """What an authenticator app shows, now or some intervals later."""
        return pyotp.TOTP(secret or self.totp_secret).at(int(self.clock()) + 30 * ahead)

    def expire(self) -> None:
        """Forget how far every sign-in was."""
        self.sessions.clear()

    def answer(self, action: str, body: Body) -> Body:
        """Answer as Cognito does.

        Raises:
            FailureError: it declines.
        """
        self.requests.append((action, body))
        failures = self.fail.get(action, [])
        if failures:
            raise failures.pop(0) if len(failures) > 1 else failures[0]
        answer: Body = getattr(self, f"_{action}")(body)
        return answer

    def _InitiateAuth(self, body: Body) -> Body:  # noqa: N802 - the action's name
        self._require_client(body)
        said = body["AuthParameters"]
        if body["AuthFlow"] == "REFRESH_TOKEN_AUTH":
            self._require_secret_hash(USERNAME, said)
            if self.rotation:
                raise self.rotation
            self._require_refresh_token(said["REFRESH_TOKEN"], said.get("DEVICE_KEY"))
            return self._tokens(with_refresh_token=self.rotate)
        self._require_secret_hash(said["USERNAME"], said)
        if said["USERNAME"] != USERNAME and "USER_ID_FOR_SRP" not in self.parameters:
            raise FailureError("UserNotFoundException", "User does not exist.")
        if said["PASSWORD"] != self.password:
            raise FailureError("NotAuthorizedException", "Incorrect username or password.")
        return self._next(self.asks)

    def _RespondToAuthChallenge(self, body: Body) -> Body:  # noqa: N802 - the action's name
        self._require_client(body)
        said = body["ChallengeResponses"]
        self._require_secret_hash(said["USERNAME"], said)
        # With an alias, the answer must have the user's own name.
        assert said["USERNAME"] == USERNAME
        asks = self._asks(body)
        assert asks[0] == body["ChallengeName"]
        if body["ChallengeName"] == "NEW_PASSWORD_REQUIRED":
            if len(said["NEW_PASSWORD"]) < 8:
                raise FailureError(
                    "InvalidPasswordException", "Password did not conform with policy: too short"
                )
            assert set(self.attributes) <= said.keys()
            self.password = said["NEW_PASSWORD"]
        elif body["ChallengeName"] == "SELECT_MFA_TYPE":
            assert said["ANSWER"] == _TOTP
            asks = [asks[0], _TOTP, *asks[1:]]
        elif body["ChallengeName"] == _TOTP:
            self._require_code(said["SOFTWARE_TOKEN_MFA_CODE"], "CodeMismatchException")
        else:
            assert body["ChallengeName"] == "MFA_SETUP"
            assert "verified" in asks
            asks = [ask for ask in asks if ask != "verified"]
        del self.sessions[body["Session"]]
        return self._next(asks if self.ask_for_ever else asks[1:])

    def _AssociateSoftwareToken(self, body: Body) -> Body:  # noqa: N802 - the action's name
        asks = self._asks(body)
        del self.sessions[body["Session"]]
        self.totp_secret = NEW_TOTP_SECRET
        return {"SecretCode": NEW_TOTP_SECRET, "Session": self._session(asks)}

    def _VerifySoftwareToken(self, body: Body) -> Body:  # noqa: N802 - the action's name
        asks = self._asks(body)
        self._require_code(body["UserCode"], "EnableSoftwareTokenMFAException")
        del self.sessions[body["Session"]]
        return {"Status": "SUCCESS", "Session": self._session([*asks, "verified"])}

    def _GetTokensFromRefreshToken(self, body: Body) -> Body:  # noqa: N802 - the action's name
        self._require_client(body)
        self._require_client_secret(body)
        self._require_refresh_token(body["RefreshToken"], body.get("DeviceKey"))
        if self.rotation:
            self.refresh_tokens.discard(body["RefreshToken"])
            self.spent.add(body["RefreshToken"])
        return self._tokens(with_refresh_token=self.rotation is not None)

    def _ConfirmDevice(self, body: Body) -> Body:  # noqa: N802 - the action's name
        assert body["AccessToken"] in self.issued
        secret = body["DeviceSecretVerifierConfig"]
        assert 380 < len(base64.b64decode(secret["PasswordVerifier"], validate=True)) <= 385
        assert 14 < len(base64.b64decode(secret["Salt"], validate=True)) <= 17
        self.devices.add(body["DeviceKey"])
        return {"UserConfirmationNecessary": False}

    def _RevokeToken(self, body: Body) -> Body:  # noqa: N802 - the action's name
        self._require_client(body)
        self._require_client_secret(body)
        self.refresh_tokens.discard(body["Token"])
        return {}

    def _require_client_secret(self, body: Body) -> None:
        if self.client_secret != body.get("ClientSecret"):
            raise FailureError("NotAuthorizedException", "Invalid client secret")

    def _require_refresh_token(self, token: str, device: str | None) -> None:
        if token in self.spent:
            raise FailureError("RefreshTokenReuseException", "Refresh token was used before")
        if self.remembers_devices and device not in self.devices:
            raise FailureError("NotAuthorizedException", "Invalid Refresh Token.")
        if token not in self.refresh_tokens:
            raise FailureError("NotAuthorizedException", "Refresh Token has been revoked")

    def _require_client(self, body: Body) -> None:
        if body["ClientId"] != CLIENT_ID:
            raise FailureError(
                "ResourceNotFoundException", f"User pool client {body['ClientId']} does not exist."
            )

    def _require_secret_hash(self, username: str, said: Body) -> None:
        if self.client_secret is None:
            return
        if "SECRET_HASH" not in said:
            raise FailureError(
                "NotAuthorizedException",
                f"Client {CLIENT_ID} is configured with secret but SECRET_HASH was not received",
            )
        text = f"{username}{CLIENT_ID}".encode()
        digest = hmac.new(self.client_secret.encode(), text, hashlib.sha256).digest()
        if said["SECRET_HASH"] != base64.b64encode(digest).decode():
            raise FailureError(
                "NotAuthorizedException", f"Unable to verify secret hash for client {CLIENT_ID}"
            )

    def _require_code(self, code: str, wrong: str) -> None:
        if code in self.used_codes:
            raise FailureError(
                "ExpiredCodeException", "Your software token has already been used once."
            )
        if code not in {self.code(ahead=step) for step in (-1, 0, 1)}:
            raise FailureError(wrong, "Code mismatch")
        self.used_codes.add(code)

    def _asks(self, body: Body) -> list[str]:
        try:
            return self.sessions[body["Session"]]
        except KeyError:
            raise FailureError(
                "NotAuthorizedException", "Invalid session for the user, session is expired."
            ) from None

    def _session(self, asks: list[str]) -> str:
        session = secrets.token_urlsafe(48)
        self.sessions[session] = asks
        self.issued.append(session)
        return session

    def _next(self, asks: list[str]) -> Body:
        if not asks:
            answer = self._tokens(with_refresh_token=True)
            if self.remembers_devices:
                answer["AuthenticationResult"]["NewDeviceMetadata"] = {
                    "DeviceKey": f"eu-west-1_{uuid4()}",
                    "DeviceGroupKey": "-AbCdEfGh",
                }
            return answer
        parameters = {
            "NEW_PASSWORD_REQUIRED": {"requiredAttributes": json.dumps(self.attributes)},
            "SELECT_MFA_TYPE": {"MFAS_CAN_CHOOSE": json.dumps(self.can_choose)},
            "MFA_SETUP": {"MFAS_CAN_SETUP": json.dumps(self.can_set_up)},
        }.get(asks[0], {})
        return {
            "ChallengeName": asks[0],
            "ChallengeParameters": parameters | self.parameters,
            "Session": self._session(asks),
        }

    def _tokens(self, *, with_refresh_token: bool) -> Body:
        jti = secrets.token_hex(8)
        result = {
            "AccessToken": self.pool.token(username=USERNAME, jti=jti),
            "IdToken": self.pool.id_token(jti=jti),
            "ExpiresIn": 3600,
            "TokenType": "Bearer",
        }
        if with_refresh_token:
            result["RefreshToken"] = secrets.token_urlsafe(32)
            self.refresh_tokens.add(str(result["RefreshToken"]))
        self.issued.extend(str(value) for name, value in result.items() if name.endswith("Token"))
        return {"AuthenticationResult": result}


@contextmanager
def serve_cognito(**settings: Any) -> Iterator[StandIn]:
    """Serve a pool on loopback until the block ends."""
    standin = StandIn(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            # Nothing that needs no AWS credentials is to be signed with them.
            assert "Authorization" not in self.headers
            action = self.headers["X-Amz-Target"].removeprefix(_TARGET)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, standin.answer(action, body)
            except FailureError as failure:
                status, answer = 400, {"__type": failure.code, "message": failure.message}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with listening(Handler) as standin.url:
        yield standin


__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "NEW_PASSWORD",
    "NEW_TOTP_SECRET",
    "PASSWORD",
    "POOL_ID",
    "TOTP_SECRET",
    "USERNAME",
    "FailureError",
    "StandIn",
    "serve_cognito",
]
