"""The routes of an API at which an authorizer can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.template.model import ApiKind
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from authorizer.cli.template.model import Api, Route


def routes_that_ask(api: Api) -> dict[str, Route]:
    """By key: all but preflights, and of a WebSocket API but its messages once connected."""
    return {
        route.key: route
        for route in api.routes
        if not route.is_preflight and (api.kind is not ApiKind.WEBSOCKET or route.path == CONNECT)
    }
