"""``authorizer diff``: two policies, and what the change between them lets whom do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.protection import routes_that_ask
from authorizer.cli.analysis.unresolved import unread_in_words
from authorizer.cli.diff.compare import compare
from authorizer.cli.diff.formats import markdown_of, print_diff
from authorizer.cli.diff.hints import as_two_words, is_file
from authorizer.cli.diff.report import as_json
from authorizer.cli.diff.revision import read_operands
from authorizer.cli.text import plain

if TYPE_CHECKING:
    from authorizer.cli.diff.compare import Diff


@click.command(short_help="Who gains and who loses what between two policies.")
@click.argument("old")
@click.argument("new", required=False, metavar="NEW")
@click.option(
    "--template",
    "-t",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="SAM, CloudFormation or OpenAPI file of the API.",
)
@click.option("--api", metavar="ID", help="Logical id of the API, where the template has several.")
@click.option("--no-widening", is_flag=True, help="Exit code 1 if anyone gains anything.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="What to print.",
)
def diff(
    *,
    old: str,
    new: str | None,
    template: Path | None,
    api: str | None,
    form: str,
    no_widening: bool,
) -> None:
    """What each group, each scope and everyone gains and loses from OLD to NEW, route by route.

    OLD and NEW are policy files, or revisions in git: main:svc/policy.yaml is a file there, and
    HEAD~1 alone the file that the other one is. Policies are compared by what they allow: moving
    lines changes nothing.

    \b
      authorizer diff HEAD policy.yaml          what is not committed yet
      authorizer diff main HEAD --no-widening   what this branch changes

    Exit code 0; 1 with --no-widening if anyone gains anything; 2 if they cannot be compared.
    """  # noqa: D301 - \b is click's
    if new is None:
        raise click.UsageError(f"expected OLD and NEW, found one; write: {_in_full(old)}")
    if api is not None and template is None:
        raise click.UsageError("--api names an API of a template: give --template, too")
    routes, unnamed = _routes(template, api)
    found = compare(*read_operands(old, new), routes=routes, unnamed=unnamed)
    _print(found, form)
    if no_widening and found.widens:
        raise click.exceptions.Exit(1)


def _in_full(old: str) -> str:
    """What may have been meant by one operand alone."""
    operands = f"HEAD {plain(old)}" if is_file(old) else f"{plain(old)} HEAD"
    return as_two_words(old) or f"authorizer diff {operands}"


def _routes(
    template: Path | None, api: str | None
) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """The routes of the template's API, and those that are not named to their authorizer."""
    if template is None:
        return None, frozenset()
    from authorizer.cli.analysis.protection import unnamed_routes  # noqa: PLC0415 - not without one
    from authorizer.cli.template import read_template  # noqa: PLC0415
    from authorizer.cli.template.choice import chosen_api  # noqa: PLC0415

    read = read_template(template)
    chosen = chosen_api(read, api)
    for unread in unread_in_words(read, chosen):
        click.echo(unread, err=True)
    return tuple(routes_that_ask(chosen)), unnamed_routes(read, chosen)


def _print(found: Diff, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(as_json(found), indent=1))
    elif form == "markdown":
        click.echo(markdown_of(found), nl=False)
    else:
        print_diff(found, Console())
