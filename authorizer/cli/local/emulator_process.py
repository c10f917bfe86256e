"""The emulator's own process: ministack, and what may reach it, because it may be had to run code.

It answers any web page (``Access-Control-Allow-Origin: *``), and makes and runs functions as the
user who started it. Listening on loopback keeps neither other users of the machine nor a page in
the user's own browser away, and it checks signatures only where a request has one to check. So only
what clients of the deployed API need is open: the API, the pools' keys, the token endpoint, and
signing in. Everything else takes the access key that this run made up, and its signature.

Run by file name, with the key in AWS_ACCESS_KEY_ID.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ministack import app as ministack

from authorizer.cli.local.cognito_sign_in import SERVICE, SignIn

# What Cognito itself takes without AWS credentials.
_SIGNING_IN = frozenset(
    f"{SERVICE}.{action}"
    for action in (
        "AssociateSoftwareToken",
        "ConfirmDevice",
        "GetTokensFromRefreshToken",
        "GetUser",
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
