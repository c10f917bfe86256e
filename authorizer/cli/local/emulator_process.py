"""The emulator's own process: ministack, what may reach it, and the sign-in that it leaves out.

It answers any web page (``Access-Control-Allow-Origin: *``), and makes and runs functions as the
user who started it. Listening on loopback keeps neither other users of the machine nor a page in
the user's own browser away, and it checks signatures only where a request has one to check. So only
what clients of the deployed API need is open: the API, the pools' keys, the token endpoint, and
signing in. Everything else takes the access key that this run made up, and its signature.

ministack signs users in, but leaves out some of what a person meets who signs in for the first
time, or twice within half a minute. It is added here in front of it, by an application that passes
requests on, and calls nothing but what ministack offers every client.

1. Where a pool demands TOTP, a user who has none is answered ``MFA_SETUP`` (ministack: tokens),
   and so is one who has just chosen a new password, which must obey the pool's rules. The tokens
   wait until a code of the app was right.
2. A challenge is answered with the session it came with, by the same user and client, and in time
   (ministack looks at no session).
3. A code is good once. A script that signs in more often than codes change is excepted: it names
   this run's key.

Run by file name, with the key in AWS_ACCESS_KEY_ID.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from ministack import app as ministack

from authorizer.cli.local.emulator import RUN_HEADER, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

_SERVICE = "AWSCognitoIdentityProviderService"
_TOTP = "SOFTWARE_TOKEN_MFA"
_SETUP = "MFA_SETUP"
_NEW_PASSWORD = "NEW_PASSWORD_REQUIRED"
_WITH_SESSION = frozenset({_TOTP, _SETUP, _NEW_PASSWORD})
_REFRESHING = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})
# What Cognito allows by default, and the longest that a code is accepted (three steps and a bit).
_SESSION_SECONDS = 3 * 60
_CODE_SECONDS = 120
_MOST_PER_PAGE = 60
_OK, _REFUSED = 200, 400

_Document = dict[str, Any]
# What Cognito itself takes without AWS credentials.
_SIGNING_IN = frozenset(
    f"{_SERVICE}.{action}"
    for action in (
        "AssociateSoftwareToken",
        "ConfirmDevice",
        "GetTokensFromRefreshToken",
        "GetUser",
        "GlobalSignOut",
        "InitiateAuth",
        "RespondToAuthChallenge",
        "RevokeToken",
        "SetUserMFAPreference",
        "VerifySoftwareToken",
    )
)
# Whole shapes: what ministack does not know by its path, it takes for a call of any service.
_KEYS = re.compile(r"/[a-z0-9-]+_[A-Za-z0-9]+/\.well-known/jwks\.json", re.ASCII)
_API = re.compile(r"/_aws/execute-api/[a-z0-9]{8,10}/.+", re.ASCII)


# --- what may reach it ----------------------------------------------------------------------------


def is_open(scope: dict[str, Any], key: str, hosts: frozenset[str]) -> bool:
    """Whether a request may pass.

    What steers it to another service than its path says (a target, a signature's scope, a query,
    another host) is refused with it.

    Args:
        scope: of ASGI.
        key: the access key of this run; a signed request names its key in the clear.
        hosts: what the client may call this machine, so that no web page's name may be it.
    """
    if scope["type"] == "lifespan":
        return True
    headers = _unique_headers(scope["headers"])
    if scope["type"] != "http" or headers is None or headers.get("host") not in hosts:
        return False
    if f"Credential={key}/" in headers.get("authorization", ""):
        return True
    if scope["path"] == "/":
        return _signs_in(scope, headers)
    return _asks_the_api(scope, headers)


def _signs_in(scope: dict[str, Any], headers: dict[str, str]) -> bool:
    return (
        scope["method"] == "POST"
        and not scope["query_string"]
        and "authorization" not in headers
        and headers.get("x-amz-target") in _SIGNING_IN
    )


def _asks_the_api(scope: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether it is for the API, or for what its tokens are made and verified with."""
    method, path, query = scope["method"], scope["path"], scope["query_string"]
    authorization = headers.get("authorization", "")
    if "x-amz-target" in headers or authorization.lstrip().upper().startswith("AWS"):
        return False
    if path == "/oauth2/token":
        return method == "POST" and not query
    if _KEYS.fullmatch(path):
        return method in {"GET", "HEAD"} and not query and not authorization
    return _API.fullmatch(path) is not None


def _unique_headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """The headers that steer; nothing where one comes twice, and could be read in two ways."""
    steering = [
        (name.lower().decode("latin-1"), value.decode("latin-1"))
        for name, value in pairs
        if name.lower() in {b"authorization", b"host", b"x-amz-target"}
    ]
    headers = dict(steering)
    return headers if len(headers) == len(steering) else None


async def _refuse(scope: dict[str, Any], send: Any) -> None:  # noqa: ANN401 - of ASGI
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": []})
    await send({"type": "http.response.body", "body": b"this run's access key is needed\n"})


# --- signing in -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A challenge that somebody has yet to answer.

    Attributes:
        tokens: what ministack has answered already, to be handed out after ``MFA_SETUP``.
        is_verified: whether a code of the new authenticator app was right.
    """

    challenge: str
    client_id: str
    username: str
    expires_at: float = 0.0
    tokens: _Document = field(default_factory=dict, repr=False)
    is_verified: bool = False


# What is answered, and the challenge that follows from it.
_Step: TypeAlias = "tuple[_Document, _Session | None]"
_Operation: TypeAlias = "Callable[[_Document, str], _Step]"


class SignIn:
    """Takes part in signing in, and passes on everything else."""

    def __init__(self, emulator: Any, url: str, access_key: str, secret_key: str) -> None:  # noqa: ANN401 - of ASGI
        self._emulator = emulator
        # Names our own calls of ministack, which come by here, too, and are passed on.
        self._own = secrets.token_hex(16)
        self._run = access_key
        self._cognito = Emulator(url, access_key, secret_key, self._own).cognito
        self._sessions: dict[str, _Session] = {}
        self._used_codes: dict[tuple[str, str], float] = {}
        self._operations: dict[str, _Operation] = {
            "InitiateAuth": self._initiate,
            "RespondToAuthChallenge": self._respond,
            "AssociateSoftwareToken": self._associate,
            "VerifySoftwareToken": self._verify,
        }

    async def __call__(self, scope: _Document, receive: Any, send: Any) -> None:  # noqa: ANN401
        """Answer a request, as ASGI wants it."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
        }
        service, _, action = headers.get("x-amz-target", "").partition(".")
        run = headers.get(RUN_HEADER.lower(), "")
        if service != _SERVICE or action not in self._operations or run == self._own:
            await self._emulator(scope, receive, send)
            return
        body = b""
        is_more = True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
        # In a thread, because it waits for answers that are made in this one.
        status, document = await asyncio.to_thread(self._answer, action, body, run)
        content = (b"content-type", b"application/x-amz-json-1.1")
        await send({"type": "http.response.start", "status": status, "headers": [content]})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})

    def _answer(self, action: str, body: bytes, run: str) -> tuple[int, _Document]:
        """Status and body. Whoever has a token already is not signing in."""
        try:
            data = json.loads(body)
            if "AccessToken" in data:
                document = getattr(self._cognito, xform_name(action))(**data)
            else:
                document = self._step(action, data, run)
        except ClientError as error:
            found = error.response["Error"]
            return _REFUSED, {"__type": found["Code"], "message": found["Message"]}
        except (ParamValidationError, LookupError, ValueError, TypeError) as error:
            return _REFUSED, {"__type": "InvalidParameterException", "message": str(error)}
        return _OK, {name: value for name, value in document.items() if name != "ResponseMetadata"}

    def _step(self, action: str, data: _Document, run: str) -> _Document:
        """One step of a sign-in: its session is used up, and the next one has a name of its own."""
        answer, following = self._operations[action](data, run)
        self._sessions.pop(data.get("Session", ""), None)
        if following is None:
            return answer
        name = secrets.token_urlsafe(32)
        self._sessions[name] = replace(following, expires_at=time.time() + _SESSION_SECONDS)
        return {**answer, "Session": name}

    def _initiate(self, data: _Document, _run: str) -> _Step:
        answer = self._cognito.initiate_auth(**data)
        if data["AuthFlow"] in _REFRESHING:
            return answer, None
        return self._after_password(answer, data["ClientId"], data["AuthParameters"]["USERNAME"])

    def _respond(self, data: _Document, run: str) -> _Step:
        """Answer a challenge with its session; others, such as a password by SRP, have none."""
        challenge, responses = data.get("ChallengeName"), data.get("ChallengeResponses") or {}
        username = responses.get("USERNAME", "")
        if challenge not in _WITH_SESSION:
            answer = self._cognito.respond_to_auth_challenge(**data)
            return self._after_password(answer, data["ClientId"], username)
        session = self._session(data, challenge)
        if session.username != username or (challenge == _SETUP and not session.is_verified):
            raise _invalid_session()
        if challenge == _SETUP:
            return {"AuthenticationResult": session.tokens}, None
        if challenge == _TOTP:
            code = responses.get("SOFTWARE_TOKEN_MFA_CODE", "")
            self._require_unused(username, code, run)
            answer = self._cognito.respond_to_auth_challenge(**data)
            self._use(username, code, run)
            return answer, None
        # ministack takes any password here, but not where an administrator sets one.
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool_of(session.client_id),
            Username=username,
            Password=responses.get("NEW_PASSWORD", ""),
            Permanent=False,
        )
        answer = self._cognito.respond_to_auth_challenge(**data)
        return self._after_password(answer, session.client_id, username)

    def _associate(self, data: _Document, _run: str) -> _Step:
        session = self._session(data, _SETUP)
        token = session.tokens["AccessToken"]
        return self._cognito.associate_software_token(AccessToken=token), session

    def _verify(self, data: _Document, run: str) -> _Step:
        session = self._session(data, _SETUP)
        token, code = session.tokens["AccessToken"], data.get("UserCode", "")
        answer = self._cognito.verify_software_token(AccessToken=token, UserCode=code)
        self._use(session.username, code, run)
        return answer, replace(session, is_verified=True)

    def _after_password(self, answer: _Document, client_id: str, username: str) -> _Step:
        """What follows: the challenge that ministack makes, one that it lacks, or tokens."""
        challenge, tokens = answer.get("ChallengeName"), answer.get("AuthenticationResult")
        if challenge in _WITH_SESSION:
            username = answer["ChallengeParameters"]["USER_ID_FOR_SRP"]
        elif tokens and self._demands_totp(client_id):
            challenge = _SETUP
            setup = {"USER_ID_FOR_SRP": username, "MFAS_CAN_SETUP": json.dumps([_TOTP])}
            answer = {"ChallengeName": _SETUP, "ChallengeParameters": setup}
        else:
            return answer, None
        return answer, _Session(
            challenge=challenge, client_id=client_id, username=username, tokens=tokens or {}
        )

    def _demands_totp(self, client_id: str) -> bool:
        described = self._cognito.describe_user_pool(UserPoolId=self._pool_of(client_id))
        return bool(described["UserPool"].get("MfaConfiguration") == "ON")

    def _pool_of(self, client_id: str) -> str:
        """The pool of an app client, whose id is all that a person gives who signs in."""
        pools = self._cognito.get_paginator("list_user_pools").paginate(MaxResults=_MOST_PER_PAGE)
        pages = self._cognito.get_paginator("list_user_pool_clients")
        for pool_id in pools.search("UserPools[].Id"):
            clients = pages.paginate(UserPoolId=pool_id).search("UserPoolClients[].ClientId")
            if client_id in clients:
                return str(pool_id)
        raise _refusal("ResourceNotFoundException", f"Client {client_id} not found.")

    def _session(self, data: _Document, challenge: str) -> _Session:
        session = self._sessions.get(data.get("Session", ""))
        if (
            session is None
            or session.challenge != challenge
            or data.get("ClientId", session.client_id) != session.client_id
            or time.time() >= session.expires_at
        ):
            raise _invalid_session()
        return session

    def _require_unused(self, username: str, code: str, run: str) -> None:
        used_at = self._used_codes.get((username, code), 0.0)
        if run != self._run and time.time() - used_at < _CODE_SECONDS:
            raise _refusal(
                "ExpiredCodeException", "Your software token has already been used once."
            )

    def _use(self, username: str, code: str, run: str) -> None:
        if run != self._run:
            self._used_codes[username, code] = time.time()


def _invalid_session() -> ClientError:
    return _refusal("NotAuthorizedException", "Invalid session for the user, session is expired.")


def _refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "SignIn")


def main() -> None:
    """Run ministack behind both: only what is open, and signing in as Cognito does it."""
    key, port = os.environ["AWS_ACCESS_KEY_ID"], os.environ["GATEWAY_PORT"]
    hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    sign_in = SignIn(ministack.app, f"http://127.0.0.1:{port}", key, secret)

    async def restricted(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        if is_open(scope, key, hosts):
            await sign_in(scope, receive, send)
        else:
            await _refuse(scope, send)

    # ministack has no setting for it; `app` is the ASGI application that its `main` serves.
    ministack.app = restricted
    ministack.main()


if __name__ == "__main__":
    main()
