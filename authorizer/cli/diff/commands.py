"""``authorizer diff``: two policies, and what the change between them lets whom do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.protection import routes_that_ask, unnamed_routes
from authorizer.cli.analysis.unresolved import unread_in_words
from authorizer.cli.diff.compare import compare
from authorizer.cli.diff.hints import as_two_words, is_file
from authorizer.cli.diff.report import as_json, markdown_of, print_diff
from authorizer.cli.diff.revision import read_operands
from authorizer.cli.options import api_option, open_api, template_option
from authorizer.cli.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.diff.compare import Diff


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
        raise click.UsageError(f"expected OLD and NEW, found one; write: {_in_full(old)}")
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
    opened = open_api(template, api)
    if opened is None:
        return None, frozenset()
    for unread in unread_in_words(*opened):
        click.echo(unread, err=True)
    return tuple(routes_that_ask(opened[1])), unnamed_routes(*opened)


def _print(found: Diff, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(as_json(found), indent=1))
    elif form == "markdown":
        click.echo(markdown_of(found), nl=False)
    else:
        print_diff(found, Console())
