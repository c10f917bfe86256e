"""The options that say which policy is asked, and in front of which API it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.explain.rulebook import Rulebook, rulebook_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.source import SourcePolicy

_FILE = click.Path(path_type=Path)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--policy``, ``--template`` and ``--api``."""
    options = (
        click.option(
            "--policy",
            type=_FILE,
            default="policy.yaml",
            show_default=True,
            help="The policy to ask.",
        ),
        click.option(
            "--template",
            type=_FILE,
            help="SAM or CloudFormation template: requests then reach its routes, as they do in "
            "API Gateway. Without it the policy is asked about the path.",
        ),
        click.option("--api", help="Logical id of the API, where the template has several."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def open_rulebook(source: SourcePolicy, template: Path | None, api: str | None) -> Rulebook:
    """The policy, in front of the template's API.

    Raises:
        ConfigurationError: the template cannot be read, or has no such API.
    """
    if template is None:
        if api is not None:
            raise click.UsageError("--api names an API of a template: give --template, too")
        return rulebook_of(source)
    # It is not needed without a template.
    from authorizer.cli.template import read_template  # noqa: PLC0415
    from authorizer.cli.template.choice import chosen_api, routes_of  # noqa: PLC0415
    from authorizer.cli.template.model import ApiKind, Unknown  # noqa: PLC0415

    read = read_template(template)
    chosen = chosen_api(read, api)
    if not chosen.is_complete:
        click.echo(
            f"{chosen.place}: not every route of {chosen.id} can be read offline: requests to the "
            f"others are taken for requests without a route",
            err=True,
        )
    return rulebook_of(
        source,
        routes_of(read, api),
        routes_from=str(template),
        is_rest=chosen.kind is ApiKind.REST,
        guarded={
            route.key: route.authorizer is not None
            for route in chosen.routes
            if not isinstance(route.authorizer, Unknown)
        },
    )
