"""The emulator's process, open for what the examples have besides APIs over HTTP.

That is WebSockets, function URLs and load balancers: whoever plays the examples starts it, and
nobody else. What is open otherwise is what `authorizer local` has open.

ministack accepts a WebSocket without the subprotocol that the function behind ``$connect`` took,
and a browser closes such a connection. It is put in here; what that function answers is tried by
itself.
"""

from __future__ import annotations

import re
from typing import Any

from ministack import app as ministack

from authorizer.cli.local import emulator_process

_OPEN = re.compile(
    r"/_aws/execute-api/[a-z0-9]{8,10}/.+|/_aws/lambda-url/[a-z0-9]{32}/.*|/_alb/[a-z0-9-]+/.*",
    re.ASCII,
)
_OF_AN_API = "/_aws/execute-api/abcd1234/prod"


def main() -> None:
    """Serve until the end."""
    is_open, application = emulator_process.is_open, ministack.app

    def is_open_here(scope: dict[str, Any], key: str, hosts: frozenset[str]) -> bool:
        if _OPEN.fullmatch(scope.get("path", "")):
            # As an API's request: its host, and headers that steer it elsewhere, may shut it out.
            scope = {**scope, "type": "http", "method": "GET", "path": _OF_AN_API}
        return is_open(scope, key, hosts)

    async def with_subprotocol(scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept" and scope["subprotocols"]:
                message = {**message, "subprotocol": scope["subprotocols"][0]}
            await send(message)

        await application(scope, receive, answer)

    emulator_process.is_open = is_open_here
    ministack.app = with_subprotocol
    emulator_process.main()


if __name__ == "__main__":
    main()
