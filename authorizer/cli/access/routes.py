"""The routes of an API at which an authorizer can be asked, and those that nobody could read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.unresolved import unread_routes
from authorizer.cli.template.model import ApiKind
from authorizer.cli.text import plain
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Api, Route, Template


def routes_that_ask(api: Api) -> dict[str, Route]:
    """By key: all but preflights, and of a WebSocket API but its messages once connected."""
    return {
        route.key: route
        for route in api.routes
        if not route.is_preflight and (api.kind is not ApiKind.WEBSOCKET or route.path == CONNECT)
    }


def unread_in_words(template: Template, api: Api) -> Iterator[str]:
    """Of an API that could not be read to the end: what is missing, each with its place and why."""
    unread = unread_routes(template, api)
    if unread:
        yield f"{api.place}: not every route of {plain(api.id)} could be read offline"
    for one in unread:
        yield plain(f"{one.place}: {one.what}: {one.why}")
