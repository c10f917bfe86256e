"""Orders behind a load balancer, with Powertools' Event Handler."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import ALBResolver

from authorizer import Authorizer, Settings
from authorizer.middleware.powertools import caller_of, protected

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

rbac = Authorizer.from_settings(Settings.from_environment(os.environ, Path(__file__).parent))
app = ALBResolver()
guarded = [protected(rbac)]


@app.get("/health")
def health() -> dict[str, Any]:
    """Open: the load balancer asks it, and has no token."""
    return {"status": "ok"}


@app.get("/orders", middlewares=guarded)
def orders() -> dict[str, Any]:
    """All orders."""
    return {"orders": ["7", "8"]}


@app.get("/orders/<order>", middlewares=guarded)
def one_order(order: str) -> dict[str, Any]:
    """One of them, for whom it is read."""
    return {"order": order, "read_by": caller_of(app).username}


@app.post("/orders", middlewares=guarded)
def take_order() -> tuple[dict[str, Any], int]:
    """A new one."""
    return {"order": "9", "taken_by": caller_of(app).username}, 201


@app.get("/users/<user>/address", middlewares=guarded)
def address(user: str) -> dict[str, Any]:
    """One's own: the policy compares the path with the token's `sub`."""
    return {"user": user, "street": "1 Main Street"}


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls."""
    return app.resolve(event, context)
