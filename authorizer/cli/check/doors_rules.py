"""Doors beside the API: whoever takes one calls a guarded function and is asked nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, route_protections
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import ApiKind, DoorKind, Elsewhere, Unknown
from authorizer.cli.text import quoted_key
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

_CODES = {
    DoorKind.URL: "T134",
    DoorKind.SERVICE: "T135",
    DoorKind.STACK: "T135",
    DoorKind.PERMISSION: "T136",
}
_FIXES = {
    DoorKind.URL: "remove the function URL, or give it AuthType AWS_IAM",
    DoorKind.SERVICE: "give what is called there a function of its own, which judges its callers "
    "itself",
    DoorKind.STACK: "check that template together with this one, from a local file, or keep the "
    "function to this stack",
    DoorKind.PERMISSION: "permit apigateway.amazonaws.com alone, with the SourceArn of the API",
}


def doors_beside(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T134, T135, T136: other ways to the functions of guarded routes."""
    routes = _routes_by_backend(template)
    by_any = next((keys for one, keys in routes.items() if isinstance(one, Unknown)), {})
    asked = {_how_named(one.function) for api in template.apis for one in api.authorizers}
    for door in template.doors:
        function, name = door.function, clip(door.function)
        whose = routes.get(function, {})
        # What is not known may be any of them, but for the one that an authorizer asks.
        if not whose and _how_named(function) not in asked:
            whose = by_any
            if isinstance(function, Unknown) and door.kind is not DoorKind.STACK:
                whose = next(iter(routes.values()), {})
                name = f"the function behind a route ({function.why})"
        for key in list(whose)[:1]:
            yield Finding(
                code=_CODES[door.kind],
                severity=Severity.WARNING,
                place=door.place,
                message=f"expected no way to {name} but the API's, which guards "
                f"{quoted_key(key)}, found {door.what}",
                effect="whoever comes that way is asked for no token, may claim to be anybody, and "
                "no rule of the policy counts",
                fix=f"{_FIXES[door.kind]}; where the function judges its callers itself, accept "
                "this and say so",
            )


def _how_named(function: str | Unknown | None) -> object:
    """What a function that is not known has in common with the same one in another place."""
    why = function.why if isinstance(function, Unknown) else None
    return (why, why.key if isinstance(why, Elsewhere) else None) if why else function


def _routes_by_backend(template: Template) -> dict[str | Unknown, dict[str, None]]:
    """The keys of guarded routes, by the function that answers them."""
    found: dict[str | Unknown, dict[str, None]] = defaultdict(dict)
    for one in route_protections(template):
        if one.decided_by is DecidedBy.NOBODY:
            continue
        # Whatever comes over a connection is guarded with it.
        later = one.api.routes if one.api.kind is ApiKind.WEBSOCKET else ()
        for route in (one.route, *later):
            if route.backend is not None:
                found[route.backend][route.key] = None
    return dict(found)
