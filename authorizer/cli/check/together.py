"""Several templates read as one, for a policy that the APIs of several stacks share.

A rule for one API's route is not without a route because another template does not have it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template.stacks import Stack, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.template.model import Template


def join(templates: Sequence[Template]) -> Template:
    """One template with everything of all. One alone stays as it is.

    Functions get their file's name into their id: two templates may call different ones the same.
    What one imports from another is joined.
    """
    if len(templates) == 1:
        return templates[0]
    stacks = [_stack(one, one.file) for one in templates]
    deployments = [
        replace(one, template=together([*before, _stack(one.template, known.file), *after]))
        for at, known in enumerate(templates)
        for before, after in [(stacks[:at], stacks[at + 1 :])]
        for one in known.deployments
    ]
    return replace(
        together(stacks),
        file=", ".join(one.file for one in templates),
        deployments=tuple(deployments),
        has_further_deployments=any(one.has_further_deployments for one in templates),
    )


def _stack(template: Template, file: str) -> Stack:
    return Stack(
        template=template,
        prefix=f"{file}#",
        names_apis=False,
        exports={name: ("resource", found) for name, found in template.exports.items()},
    )
