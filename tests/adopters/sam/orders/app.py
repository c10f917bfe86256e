"""Their own function: it knows one order, and needs nothing but what Lambda has."""

import json
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer as an API of orders does."""
    order = (event.get("pathParameters") or {}).get("id")
    caller = event["requestContext"]["authorizer"]["lambda"]["username"]
    status = 404 if order not in {None, "1"} else 200
    return {"statusCode": status, "body": json.dumps({"order": order, "for": caller})}
