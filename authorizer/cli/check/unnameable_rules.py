"""Routes that no rule of a policy can name, because their paths are not what a rule can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, route_protections
from authorizer.cli.check.finding import Finding, Severity
from authorizer.policy.compiled import is_route_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Route, Template
    from authorizer.policy.model import Policy


def unnameable_routes(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X109: routes that no rule can name. Who has another authorizer there needs no rule."""
    for one in route_protections(template):
        if one.decided_by is not DecidedBy.OTHER and not can_be_named(one.route):
            yield _unnameable(one)


def can_be_named(route: Route) -> bool:
    """Whether a rule can name the route."""
    path = route.path
    has_empty_segment = "//" in path or (path.endswith("/") and path != "/")
    return is_route_key(route.key) and not has_empty_segment


def _unnameable(one: RouteProtection) -> Finding:
    found, fix = _found(one.route.path)
    return Finding(
        code="X109",
        severity=Severity.ERROR,
        place=one.route.place,
        message=f"expected a path that a rule can have, found {one.name} {found}",
        effect="no rule names the route, and at most a /** above it covers it: callers get 403, "
        "whatever their groups",
        fix=fix,
    )


def _found(path: str) -> tuple[str, str]:
    if not path.startswith("/"):
        return "without a slash in front", "begin the path in the template with a slash"
    if path.endswith("/"):
        return "with a slash at the end", "take the slash out of the template"
    if "//" in path:
        return "with an empty segment", "take the second slash out of the template"
    return (
        "with other segments than literal ones, {name} and, at the end, {name+}",
        "write the path in the template with plain segments",
    )
