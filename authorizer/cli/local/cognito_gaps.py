"""Sign-in as Cognito does it, in the emulator's own process.

ministack signs users in, but leaves out some of what a person meets who signs in for the first
time, or twice within half a minute. That is added here, around ministack's own functions:

1. Where a pool demands TOTP, a user who has none is answered ``MFA_SETUP`` (ministack: tokens),
   and so is one who has just chosen a new password, which must obey the pool's rules.
2. A challenge is answered with the session it came with, by the same user and client, and in
   time (ministack looks at no session). The secret that a session of ``MFA_SETUP`` verified
   becomes the user's.
3. A code is good once. Whom the scenario signs in by script, more often than codes change, is
   excepted by name.
4. App clients demand the secret hash and refuse flows that they do not have. ministack checks
   both only where it checks everybody's AWS signatures, too.

If ministack no longer has what is changed here, the emulator
does not start.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
import time
from dataclasses import dataclass
from inspect import signature
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cognito

_TOTP = "SOFTWARE_TOKEN_MFA"
_SETUP = "MFA_SETUP"
_NEW_PASSWORD = "NEW_PASSWORD_REQUIRED"
# What Cognito allows by default, and the longest that a code is accepted (three steps and a bit).
_SESSION_SECONDS = 3 * 60
_CODE_SECONDS = 120
_OK = 200
# What is wrapped or called, with its parameters as of ministack 1.5.33.
_EXPECTED = {
    "_mfa_challenge_for_user": ("pool", "user", "pid", "username"),
    "_initiate_auth": ("data",),
    "_respond_to_auth_challenge": ("data",),
    "_associate_software_token": ("data",),
    "_verify_software_token": ("data",),
    "_run_idp_handler": ("handler", "action", "data"),
    "_pin_unsigned_idp_scope": ("data",),
    "_validate_client_secret_hash": ("action", "data"),
    "_auth_flow_error": ("action", "data"),
    "_validate_password": ("pool", "password"),
    "_pool_for_client": ("cid",),
    "_resolve_user": ("pool", "username"),
}

_Document = dict[str, Any]
_Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A challenge that somebody has yet to answer."""

    challenge: str
    client_id: str
    username: str
    expires_at: float
    secret: str | None = None
    verified: bool = False


class _SignIns:
    """Sessions, and codes that were used: what ministack does not keep."""

    def __init__(self, may_repeat_codes: frozenset[str]) -> None:
        self._may_repeat_codes = may_repeat_codes
        self._sessions: dict[str, _Session] = {}
        self._used_codes: dict[tuple[str, str], float] = {}
        self._original = {name: getattr(cognito, name) for name in _EXPECTED}

    def install(self) -> None:
        """Put ours in the place of ministack's; it looks them up by name for each request."""
        for name in (
            "_mfa_challenge_for_user",
            "_initiate_auth",
            "_respond_to_auth_challenge",
            "_associate_software_token",
            "_verify_software_token",
            "_run_idp_handler",
        ):
            setattr(cognito, name, getattr(self, name.removeprefix("_")))

    def run_idp_handler(self, handler: Any, action: str, data: _Document) -> Any:  # noqa: ANN401
        if action in cognito._UNSIGNED_IDP_ACTIONS:  # noqa: SLF001
            self._original["_pin_unsigned_idp_scope"](data)
        return (
            self._original["_validate_client_secret_hash"](action, data)
            or self._original["_auth_flow_error"](action, data)
            or self._original["_run_idp_handler"](handler, action, data)
        )

    def mfa_challenge_for_user(
        self, pool: _Document, user: _Document, pid: str, username: str
    ) -> _Document | None:
        challenge: _Document | None = self._original["_mfa_challenge_for_user"](
            pool, user, pid, username
        )
        if challenge is not None or pool.get("MfaConfiguration") != "ON":
            return challenge
        return {
            "ChallengeName": _SETUP,
            "Session": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ChallengeParameters": {
                "USER_ID_FOR_SRP": username,
                "MFAS_CAN_SETUP": json.dumps([_TOTP]),
            },
        }

    def initiate_auth(self, data: _Document) -> _Answer:
        return self._opened(self._original["_initiate_auth"](data), data)

    def respond_to_auth_challenge(self, data: _Document) -> _Answer:
        if data.get("ChallengeName") not in {_TOTP, _SETUP, _NEW_PASSWORD}:
            answer: _Answer = self._original["_respond_to_auth_challenge"](data)
            return answer
        session = self._session(data, data["ChallengeName"])
        if session is None or session.username != data["ChallengeResponses"].get("USERNAME"):
            return _invalid_session()
        pool, pool_id = self._original["_pool_for_client"](session.client_id)
        user, _ = self._original["_resolve_user"](pool, session.username)
        refusal = self._refusal(session, pool, user, data["ChallengeResponses"])
        if refusal is not None:
            return refusal
        answer = self._original["_respond_to_auth_challenge"](data)
        if answer[0] != _OK:
            return answer
        self._sessions.pop(data["Session"])
        if session.challenge == _TOTP:
            self._use(session.username, data["ChallengeResponses"]["SOFTWARE_TOKEN_MFA_CODE"])
        if session.challenge == _NEW_PASSWORD:
            next_one = self.mfa_challenge_for_user(pool, user, pool_id, session.username)
            answer = answer if next_one is None else json_response(next_one)
        return self._opened(answer, data)

    def associate_software_token(self, data: _Document) -> _Answer:
        answer: _Answer
        if data.get("AccessToken"):
            answer = self._original["_associate_software_token"](data)
            return answer
        session = self._session(data, _SETUP)
        if session is None:
            return _invalid_session()
        answer = self._original["_associate_software_token"](data)
        made = json.loads(answer[2])
        self._sessions.pop(data["Session"])
        self._open(made["Session"], session, secret=made["SecretCode"])
        return answer

    def verify_software_token(self, data: _Document) -> _Answer:
        answer: _Answer
        if data.get("AccessToken"):
            answer = self._original["_verify_software_token"](data)
            return answer
        session = self._session(data, _SETUP)
        if session is None:
            return _invalid_session()
        answer = self._original["_verify_software_token"](data)
        if answer[0] == _OK:
            self._use(session.username, data["UserCode"])
            self._sessions.pop(data["Session"])
            self._open(
                json.loads(answer[2])["Session"], session, secret=session.secret, verified=True
            )
        return answer

    def _refusal(
        self, session: _Session, pool: _Document, user: _Document, responses: dict[str, str]
    ) -> _Answer | None:
        """What ministack would let pass, per challenge; and the verified secret becomes theirs."""
        refusal: _Answer | None = None
        if session.challenge == _NEW_PASSWORD:
            refusal = self._original["_validate_password"](pool, responses.get("NEW_PASSWORD", ""))
        elif session.challenge == _TOTP:
            used = self._used_codes.get(
                (session.username, responses.get("SOFTWARE_TOKEN_MFA_CODE", "")), 0.0
            )
            if time.time() - used < _CODE_SECONDS:
                refusal = error_response_json(
                    "ExpiredCodeException", "Your software token has already been used once."
                )
        elif not session.verified:
            refusal = _invalid_session()
        else:
            user["_totp_secret"] = session.secret
            user["_mfa_enabled"] = sorted({*user.get("_mfa_enabled", ()), _TOTP})
            user["_preferred_mfa"] = _TOTP
        return refusal

    def _opened(self, answer: _Answer, data: _Document) -> _Answer:
        """Keep the session of a challenge that goes out."""
        document = json.loads(answer[2])
        if answer[0] == _OK and document.get("ChallengeName") in {_TOTP, _SETUP, _NEW_PASSWORD}:
            self._sessions[document["Session"]] = _Session(
                challenge=document["ChallengeName"],
                client_id=data["ClientId"],
                username=document["ChallengeParameters"]["USER_ID_FOR_SRP"],
                expires_at=time.time() + _SESSION_SECONDS,
            )
        return answer

    def _open(
        self, name: str, previous: _Session, *, secret: str | None, verified: bool = False
    ) -> None:
        self._sessions[name] = _Session(
            challenge=previous.challenge,
            client_id=previous.client_id,
            username=previous.username,
            expires_at=time.time() + _SESSION_SECONDS,
            secret=secret,
            verified=verified,
        )

    def _session(self, data: _Document, challenge: str) -> _Session | None:
        session = self._sessions.get(data.get("Session", ""))
        if (
            session is None
            or session.challenge != challenge
            or data.get("ClientId", session.client_id) != session.client_id
            or time.time() >= session.expires_at
        ):
            return None
        return session

    def _use(self, username: str, code: str) -> None:
        if username not in self._may_repeat_codes:
            self._used_codes[username, code] = time.time()


def _invalid_session() -> _Answer:
    answer: _Answer = error_response_json(
        "NotAuthorizedException", "Invalid session for the user, session is expired."
    )
    return answer


def _require_expected() -> None:
    for name, parameters in _EXPECTED.items():
        function = getattr(cognito, name, None)
        if function is None or tuple(signature(function).parameters) != parameters:
            sys.exit(
                f"expected ministack's cognito to have {name}({', '.join(parameters)}), "
                f"as version 1.5.33 has: see {__file__}"
            )


def install(may_repeat_codes: frozenset[str]) -> None:
    """Close the gaps in this process.

    Args:
        may_repeat_codes: users whose codes are good more than once.
    """
    _require_expected()
    _SignIns(may_repeat_codes).install()
