"""Orders behind a function URL. Who asks, and whether they may, is settled before the handler."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from authorizer import AccessToken, Authorizer, Settings
from authorizer.middleware.function import protected

rbac = Authorizer.from_settings(Settings.from_environment(os.environ, Path(__file__).parent))


@protected(rbac)
def handle_permitted(
    event: dict[str, Any], _context: object, caller: AccessToken
) -> dict[str, Any]:
    """Answer who may ask. The path is chosen by as it came, which is what the policy judged."""
    method = event["requestContext"]["http"]["method"]
    match [method, *event["rawPath"].split("/")[1:]]:
        case ["GET", "orders"]:
            return respond(200, {"orders": ["7", "8"]})
        case ["GET", "orders", order]:
            return respond(200, {"order": order, "read_by": caller.username})
        case ["POST", "orders"]:
            return respond(201, {"order": "9", "taken_by": caller.username})
        case ["GET" | "PUT", "users", user, "address"]:
            return respond(200, {"user": user, "street": "1 Main Street"})
        case _:
            return respond(404, {"message": "Not Found"})


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """What is open to everybody is answered before anybody is asked who they are."""
    if event["rawPath"] == "/health":
        return respond(200, {"status": "ok"})
    return handle_permitted(event, context)


def respond(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """An answer in JSON."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
