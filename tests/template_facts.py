"""What was read from a template, as text that a person can check line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.cli.template.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Api, Authorizer, Template


def facts(template: Template) -> str:
    """One line per fact; what was left undecided comes last, with its place and reason."""
    return "\n".join(_lines(template)) + "\n"


def _lines(template: Template) -> Iterator[str]:
    for api in template.apis:
        yield from _api(api)
    for pool in template.pools:
        yield f"pool {pool.id} mfa={_shown(pool.mfa)}"
    for client in template.clients:
        yield (
            f"client {client.id} secret={_shown(client.has_secret)}"
            f" flows={_shown(client.auth_flows)} tokens={_shown(client.access_token_seconds)}s"
        )
    for group in template.groups:
        yield f"group {_shown(group.name)}"
    for function in template.functions:
        for name, value in function.variables.items():
            yield f"variable {function.id} {name}={_shown(value)}"
    for one in template.unresolved:
        yield f"undecided {one.location.line}:{one.location.column} {one.what}: {one.why}"


def _api(api: Api) -> Iterator[str]:
    extent = "complete" if api.is_complete else "incomplete"
    yield f"api {api.id} {api.kind} {extent} cors={_shown(api.has_cors)} at {_line(api)}"
    if api.cors_gateway_responses:
        yield f"  cors responses {_shown(api.cors_gateway_responses)}"
    for one in api.authorizers:
        yield f"  authorizer {one.name} {' '.join(_authorizer(one))} at {_line(one)}"
    for route in api.routes:
        preflight = " preflight" if route.is_preflight else ""
        yield f"  route {route.key} -> {_shown(route.authorizer)}{preflight} at {_line(route)}"


def _authorizer(one: Authorizer) -> Iterator[str]:
    yield _shown(one.kind)
    yield f"function={_shown(one.function)}"
    yield f"ttl={_shown(one.ttl_seconds)}"
    yield f"sources={_shown(one.identity_sources)}"
    yield f"invoked={_shown(one.may_be_invoked)}"
    if one.payload_version is not None:
        number = "" if one.payload_version_is_text else " (a number)"
        yield f"payload={_shown(one.payload_version)}{number}"
        yield f"simple={_shown(one.simple_responses)}"


def _line(placed: Any) -> str:
    return f"{placed.location.line}:{placed.location.column}"


def _shown(value: Any) -> str:
    if isinstance(value, Unknown):
        return "?"
    if isinstance(value, tuple | frozenset):
        return ",".join(value if isinstance(value, tuple) else sorted(value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
