"""Which of a template's APIs is meant, and the routes that its policy has to answer for.

A policy stands in front of one API. Where a template has several, the user says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.document.nodes import did_you_mean
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from authorizer.cli.template.model import Api, Template


def routes_of(template: Template, api: str | None = None) -> tuple[str, ...]:
    """The keys of an API's routes, such as ``GET /users/{id}``: each once, in the file's order.

    Preflight routes are left out: they ask no policy.

    Args:
        template: as read.
        api: logical id; needed where there are several.

    Raises:
        ConfigurationError: there is no such API, or several and none was named.
    """
    routes = chosen_api(template, api).routes
    return tuple(dict.fromkeys(route.key for route in routes if not route.is_preflight))


def chosen_api(template: Template, api: str | None = None) -> Api:
    """The API of that logical id, or the only one there is.

    Raises:
        ConfigurationError: there is no such API, or several and none was named.
    """
    by_id = {one.id: one for one in template.apis}
    if not by_id:
        raise ConfigurationError([f"{template.file}: expected an API, found none"])
    # Whoever names none means the template's own.
    in_file = [one for one in template.apis if one.elsewhere is None and "." not in one.id]
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
