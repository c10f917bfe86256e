"""Doors beside the API: whoever takes one calls a guarded function and is asked nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.guards import Guard, guarded_routes, shown
from authorizer.cli.template.model import ApiKind, DoorKind
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.document.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

_CODES = {DoorKind.URL: "T134", DoorKind.SERVICE: "T135", DoorKind.PERMISSION: "T136"}
_FIXES = {
    DoorKind.URL: "remove the function URL, or give it AuthType AWS_IAM",
    DoorKind.SERVICE: "give what is called there a function of its own, which judges its callers "
    "itself",
    DoorKind.PERMISSION: "permit apigateway.amazonaws.com alone, with the SourceArn of the API",
}


def doors_beside(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T134, T135, T136: other ways to the functions of guarded routes."""
    routes = _routes_by_backend(template)
    for door in template.doors:
        if door.function in routes:
            key = next(iter(routes[door.function]))
            yield Finding(
                code=_CODES[door.kind],
                severity=Severity.WARNING,
                place=door.place,
                message=f"expected no way to {clip(door.function)} but the API's, which guards "
                f"{shown(key)}, found {door.what}",
                effect="whoever comes that way is asked for no token, may claim to be anybody, and "
                "no rule of the policy counts",
                fix=f"{_FIXES[door.kind]}; where the function judges its callers itself, accept "
                "this and say so",
            )


def _routes_by_backend(template: Template) -> dict[str, dict[str, None]]:
    """The keys of guarded routes, by the function that answers them."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for one in guarded_routes(template):
        if one.guard is Guard.NOBODY:
            continue
        # Whatever comes over a connection is guarded with it.
        later = one.api.routes if one.api.kind is ApiKind.WEBSOCKET else ()
        for route in (one.route, *later):
            if route.backend is not None:
                found[route.backend][route.key] = None
    return dict(found)
