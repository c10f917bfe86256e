"""ministack behind a gate, because whoever reaches it may have it run code.

It checks no signature, answers any web page (``Access-Control-Allow-Origin: *``), and makes and
runs functions as the user who started it. Listening on loopback keeps neither other users of the
machine nor a page in the user's own browser away. So only what clients of the deployed API need is
open: the API, the pools' keys, the token endpoint, and signing in. Everything else takes the
access key that this run made up.

Run by file name, in the emulator's own process, with the key in GATE_KEY and, in MAY_REPEAT_CODES,
users who sign in by script.
"""

from __future__ import annotations

import os
from typing import Any

from ministack import app as ministack

from authorizer.cli.local import cognito_gaps

# What Cognito itself takes without AWS credentials.
_SIGNING_IN = frozenset(
    {
        "AssociateSoftwareToken",
        "GetUser",
        "InitiateAuth",
        "RespondToAuthChallenge",
        "RevokeToken",
        "SetUserMFAPreference",
        "VerifySoftwareToken",
    }
)


def is_open(scope: dict[str, Any], key: str) -> bool:
    """Whether a request may pass.

    Args:
        scope: of ASGI.
        key: the access key of this run; a signed request names its key in the clear.
    """
    if scope["type"] == "lifespan":
        return True
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path: str = scope["path"]
    target = headers.get(b"x-amz-target", "")
    return (
        f"Credential={key}/" in headers.get(b"authorization", "")
        or path.startswith("/_aws/execute-api/")
        or path.endswith("/.well-known/jwks.json")
        or path == "/oauth2/token"
        or target.removeprefix("AWSCognitoIdentityProviderService.") in _SIGNING_IN
    )


async def _refuse(scope: dict[str, Any], send: Any) -> None:  # noqa: ANN401 - of ASGI
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": []})
    await send({"type": "http.response.body", "body": b"this run's access key is needed\n"})


def main() -> None:
    """Run ministack, gated."""
    key, emulator = os.environ.pop("GATE_KEY"), ministack.app
    cognito_gaps.install(frozenset(os.environ.pop("MAY_REPEAT_CODES").split(",")))

    async def gated(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        if is_open(scope, key):
            await emulator(scope, receive, send)
        else:
            await _refuse(scope, send)

    ministack.app = gated
    ministack.main()


if __name__ == "__main__":
    main()
