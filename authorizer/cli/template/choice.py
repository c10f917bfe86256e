"""Which of a template's APIs is meant, and the routes that its policy has to answer for.

A policy stands in front of one API. Where a template has several, the user says which.
"""

from __future__ import annotations

from authorizer.cli.policy_file.grammar import is_route_key
from authorizer.cli.template.model import Api, ApiKind, Template
from authorizer.cli.text import did_you_mean
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.paths import CONNECT


def chosen_api(template: Template, api: str | None = None) -> Api:
    """The API of that logical id, or the only one there is.

    Raises:
        ConfigurationError: there is no such API, or several and none was named.
    """
    by_id = {one.id: one for one in template.apis}
    if not by_id:
        raise ConfigurationError([f"{template.file}: expected an API, found none"])
    # Whoever names none means the template's own.
    in_file = [
        candidate
        for candidate in template.apis
        if candidate.elsewhere is None and "." not in candidate.id
    ]
    own = in_file or template.apis
    if api is None and len(own) == 1:
        return own[0]
    if api is None:
        raise ConfigurationError(
            [f"{template.file}: expected --api with one of {', '.join(by_id)}, found several APIs"]
        )
    if api not in by_id:
        hint = did_you_mean(api, by_id)
        raise ConfigurationError(
            [f"{template.file}: expected an API among {', '.join(by_id)}, found {clip(api)}{hint}"]
        )
    return by_id[api]


def known_routes(template: Template, api: str | None) -> list[str]:
    """Every route of an API that an authorizer can be asked about, sorted.

    Raises:
        ConfigurationError: there is no such API, or not all of its routes are known.
    """
    chosen = chosen_api(template, api)
    if not chosen.is_complete:
        problem = (
            f"{chosen.location}: expected an API whose routes are all in the file, found "
            f"{chosen.id} with routes that are not decidable; give the parameter a default, or "
            "write the route out"
        )
        whys = [f"{fact.location}: {fact.what}: {fact.why}" for fact in template.unresolved]
        raise ConfigurationError([problem, *whys])
    if chosen.kind is ApiKind.WEBSOCKET:
        return [CONNECT]
    routes = [route for route in chosen.routes if not route.is_preflight]
    problems = [
        f"{route.location}: expected a route whose segments are literal, {{name}} or, at the end, "
        f"{{name+}}, found {clip(route.key)}"
        for route in routes
        if not is_route_key(route.key)
    ]
    if problems:
        raise ConfigurationError(problems)
    return sorted({route.key for route in routes})
