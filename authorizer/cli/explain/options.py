"""The options that say which policy is asked, and in front of which API it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.analysis.protection import protection_by_route, routes_that_ask
from authorizer.cli.analysis.simulator import Simulator, simulator_of
from authorizer.cli.document import load_source
from authorizer.cli.text import shown
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authorizer.cli.document.source import SourcePolicy
    from authorizer.cli.template.model import Undecided

POLICY = Path("policy.yaml")
_FILE = click.Path(path_type=Path)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--policy``, ``--template`` and ``--api``."""
    options = (
        click.option(
            "--policy",
            type=_FILE,
            metavar="FILE",
            default=POLICY,
            show_default=True,
            help="The policy to ask.",
        ),
        click.option(
            "--template",
            "-t",
            type=_FILE,
            metavar="FILE",
            help="SAM, CloudFormation or OpenAPI file of the API.",
        ),
        click.option(
            "--api", metavar="ID", help="Logical id of the API, where the template has several."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def open_policy(path: Path) -> SourcePolicy:
    """Read the policy.

    Raises:
        ConfigurationError: with every problem, located; of a file that is not there, where to go.
    """
    try:
        return load_source(path)
    except ConfigurationError as error:
        if path != POLICY or path.exists():
            raise
        hint = f"run it where {POLICY} is, or name it with --policy"
        raise ConfigurationError([f"{error}; {hint}"]) from error


def open_simulator(source: SourcePolicy, template: Path | None, api: str | None) -> Simulator:
    """The policy, in front of the template's API.

    Raises:
        ConfigurationError: the template cannot be read, or has no such API.
    """
    if template is None:
        if api is not None:
            raise click.UsageError("--api names an API of a template: give --template, too")
        return simulator_of(source)
    # It is not needed without a template.
    from authorizer.cli.analysis.unresolved import unread_routes  # noqa: PLC0415
    from authorizer.cli.template import read_template  # noqa: PLC0415
    from authorizer.cli.template.choice import chosen_api  # noqa: PLC0415
    from authorizer.cli.template.model import ApiKind  # noqa: PLC0415

    read = read_template(template)
    chosen = chosen_api(read, api)
    unread = unread_routes(read, chosen)
    _warn_of(unread, chosen.id)
    return simulator_of(
        source,
        routes_that_ask(chosen),
        routes_from=str(template),
        is_rest=chosen.kind is ApiKind.REST,
        protections=protection_by_route(read, chosen),
        unread=unread,
    )


def _warn_of(unread: Sequence[Undecided], api: str) -> None:
    """Say which routes could not be read: what is printed holds for the others."""
    from authorizer.cli.analysis.unresolved import where_unread  # noqa: PLC0415 - not without some

    if unread:
        where = where_unread(unread)
        click.echo(shown(f"not every route of {api} can be read offline: {where}"), err=True)
