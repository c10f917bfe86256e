"""Events made up for a request: what API Gateway would send the authorizer, in every flavour.

What the authorizer does not look at is left out. A placeholder stands where the token belongs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click

from authorizer.cli.analysis.protection import flavour_of
from authorizer.cli.event.samples import Placeholder, Sample
from authorizer.gateway.events import HTTP_APIS, Flavour
from authorizer.policy.paths import CONNECT

if TYPE_CHECKING:
    from authorizer.cli.analysis.request import Candidate, Request
    from authorizer.cli.analysis.simulator import Simulator
    from authorizer.cli.event.samples import SampleCallers

_API = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123"
_HTTP_STAGE = "$default"
_CONNECTION = {"eventType": "CONNECT", "connectionId": "JKJaXcPLvHcCEww="}


def made_sample(
    request: Request,
    simulator: Simulator,
    flavour: str | None,
    callers: SampleCallers | None,
) -> Sample:
    """An event for a request, by the route that it takes.

    Args:
        request: what for.
        simulator: knows the routes, as far as a template tells them.
        flavour: of the event; by default the one of the route's authorizer.
        callers: who asks.

    Raises:
        click.ClickException: no authorizer is asked about it.
    """
    resolution, told = simulator.resolve(request), None
    winner = resolution.winner if resolution is not None else None
    if resolution is not None and winner is None:
        found = resolution.doubt or "none"
        raise click.ClickException(
            f"expected a request that takes a route of {simulator.routes_from}, found {found}"
        )
    protection = simulator.protections.get(winner.key) if winner is not None else None
    if protection is not None and protection.authorizer is not None:
        told = flavour_of(protection.api, protection.authorizer)
    elif protection is not None:
        raise click.ClickException(
            f"expected a route with an authorizer, found {protection.name}: nobody is asked there"
        )
    is_connection = request.path == CONNECT
    chosen = Flavour(flavour or told or (Flavour.WEBSOCKET if is_connection else Flavour.HTTP_2))
    if (chosen is Flavour.WEBSOCKET) != is_connection:
        raise click.UsageError(f"expected {CONNECT} for a WebSocket API alone, found {request}")
    is_machine = callers is not None and bool(callers.scopes) and not callers.groups
    placeholder = Placeholder.MACHINE if is_machine else Placeholder.ACCESS
    made = made_event(chosen, request, winner, f"Bearer {placeholder}")
    return Sample(name=str(request), text=json.dumps(made))


def made_event(
    flavour: Flavour, request: Request, winner: Candidate | None, authorization: str
) -> dict[str, Any]:
    """The event for a request.

    Args:
        flavour: of API and authorizer.
        request: of a WebSocket API, always ``$connect``.
        winner: the route that was found for it; nothing for one that takes everything.
        authorization: the header's value.
    """
    # HTTP APIs decode the path, and REST APIs do not.
    stage, decoded = (_HTTP_STAGE, unquote) if flavour in HTTP_APIS else ("prod", str)
    path = decoded(request.path)
    route, parameters = (
        ("/{proxy+}", {"proxy": path[1:]}) if flavour is Flavour.REST_REQUEST else ("$default", {})
    )
    if winner is not None:
        route = winner.key if flavour is Flavour.HTTP_2 else winner.template
        parameters = {name: decoded(value) for name, value in winner.parameters.items()}
    of_request = request.path if flavour is Flavour.WEBSOCKET else f"{request.method}{path}"
    arn = {"methodArn": f"{_API}/{stage}/{of_request}"}
    if flavour is Flavour.REST_TOKEN:
        return {"type": "TOKEN", "authorizationToken": authorization, **arn}
    context = {"accountId": "123456789012", "apiId": "abcdef123", "stage": stage}
    event = {
        "type": "REQUEST",
        "headers": {"Authorization": authorization},
        "pathParameters": parameters,
        "stageVariables": {},
        "requestContext": context,
    }
    if flavour is Flavour.WEBSOCKET:
        return {**event, **arn, "requestContext": {**context, "routeKey": CONNECT, **_CONNECTION}}
    if flavour is Flavour.HTTP_2:
        return {**event, **_http_2(route, request.method, path, authorization, context)}
    return {**event, **arn, **_rest(route, request.method, path, authorization, context)}


def _http_2(
    key: str, method: str, path: str, authorization: str, context: dict[str, str]
) -> dict[str, Any]:
    http = {"method": method, "path": path, "sourceIp": "203.0.113.1"}
    return {
        "version": "2.0",
        "routeArn": f"{_API}/{_HTTP_STAGE}/{method}{path}",
        "identitySource": [authorization],
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": authorization},
        "requestContext": {**context, "http": http, "routeKey": key},
    }


def _rest(
    route: str, method: str, path: str, authorization: str, context: dict[str, str]
) -> dict[str, Any]:
    """Also payload 1.0 of an HTTP API, which has a little more."""
    token = {"identitySource": authorization, "authorizationToken": authorization}
    is_http = context["stage"] == _HTTP_STAGE
    full_path = path if is_http else f"/{context['stage']}{path}"
    resource = {"httpMethod": method, "resourcePath": route, "path": full_path}
    return {
        **({"version": "1.0", **token} if is_http else {}),
        "resource": route,
        "path": path,
        "httpMethod": method,
        "multiValueHeaders": {"Authorization": [authorization]},
        "queryStringParameters": {},
        "requestContext": {**context, **resource},
    }
