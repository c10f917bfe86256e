"""``authorizer diff``: two policies, and what the change between them lets whom do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.protection import routes_that_ask, unnamed_routes
from authorizer.cli.analysis.unresolved import unread_in_words
from authorizer.cli.diff.compare import compare
from authorizer.cli.diff.operands import command_of, read_operands
from authorizer.cli.diff.report import as_json, markdown_of, print_diff
from authorizer.cli.options import api_option, open_api, template_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("old")
@click.argument("new", required=False, metavar="NEW")
@template_option
@api_option
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
        raise click.UsageError(f"expected OLD and NEW, found one; write: {command_of(old)}")
    routes: tuple[str, ...] | None = None
    unnamed: frozenset[str] = frozenset()
    opened = open_api(template, api)
    if opened is not None:
        routes, unnamed = tuple(routes_that_ask(opened[1])), unnamed_routes(*opened)
        for unread in unread_in_words(*opened):
            click.echo(unread, err=True)
    found = compare(*read_operands(old, new), routes=routes, unnamed=unnamed)
    if form == "json":
        click.echo(json.dumps(as_json(found), indent=1))
    elif form == "markdown":
        click.echo(markdown_of(found), nl=False)
    else:
        print_diff(found, Console())
    if no_widening and found.widens:
        raise click.exceptions.Exit(1)
