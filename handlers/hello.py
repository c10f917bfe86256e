"""The protected sample backend. It needs nothing but the standard library.

It trusts the authorizer's context, which only API Gateway can put into the event, and fails
closed without it: a route that lost its authorizer answers 401 by itself.
"""

from __future__ import annotations

import json
from typing import Any

MESSAGE = "Hello, your token is valid! Then you can use the API to create some functions now. :3"
# Routes that are public on purpose; `public` in policy.yaml names them too.
HEALTH = "/health"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Greet the caller, and say who they are."""
    route = event.get("routeKey") or f"{event.get('httpMethod')} {event.get('resource')}"
    if route == f"GET {HEALTH}":
        return _response(200, {"status": "ok"})
    caller = _caller(event)
    if caller is None:
        return _response(401, {"message": "Unauthorized"})
    return _response(
        200,
        {
            "message": MESSAGE,
            "route": route,
            "caller": {
                "sub": caller["sub"],
                "username": caller.get("username"),
                "client_id": caller.get("client_id"),
                "groups": caller.get("groups", "").split(),
                "scope": caller.get("scope", "").split(),
            },
        },
    )


def _caller(event: dict[str, Any]) -> dict[str, str] | None:
    """The authorizer's context: below ``lambda`` on HTTP APIs with payload 2.0."""
    context = _object(_object(event.get("requestContext")).get("authorizer"))
    caller = _object(context.get("lambda", context))
    texts = {name: value for name, value in caller.items() if isinstance(value, str)}
    return texts if texts.get("sub") else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }
