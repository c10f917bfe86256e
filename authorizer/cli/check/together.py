"""Several templates read as one, for a policy that the APIs of several stacks share.

A rule for one API's route is not without a route because another template does not have it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.template.model import Api


def join(templates: Sequence[Template]) -> Template:
    """One template with everything of all. One alone stays as it is.

    Functions get their file's name into their id: two templates may call different ones the same.
    """
    if len(templates) == 1:
        return templates[0]
    named = [_with_file_in_ids(template) for template in templates]
    return Template(
        file=", ".join(one.file for one in named),
        apis=tuple(api for one in named for api in one.apis),
        pools=tuple(pool for one in named for pool in one.pools),
        clients=tuple(client for one in named for client in one.clients),
        groups=tuple(group for one in named for group in one.groups),
        functions=tuple(function for one in named for function in one.functions),
        doors=tuple(door for one in named for door in one.doors),
        undecided=tuple(fact for one in named for fact in one.undecided),
        deployments=tuple(one for each in named for one in each.deployments),
    )


def _with_file_in_ids(template: Template) -> Template:
    prefix = f"{template.file}#"
    return replace(
        template,
        apis=tuple(_api(api, prefix) for api in template.apis),
        functions=tuple(replace(one, id=prefix + one.id) for one in template.functions),
        deployments=tuple(
            replace(one, template=_with_file_in_ids(one.template)) for one in template.deployments
        ),
        doors=tuple(replace(one, function=prefix + one.function) for one in template.doors),
    )


def _api(api: Api, prefix: str) -> Api:
    return replace(
        api,
        routes=tuple(
            replace(one, backend=prefix + one.backend) if one.backend else one for one in api.routes
        ),
        authorizers=tuple(
            replace(one, function=prefix + one.function) if isinstance(one.function, str) else one
            for one in api.authorizers
        ),
    )
