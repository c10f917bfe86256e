"""``authorizer matrix``: from files to a sheet, and from there to the form that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.sheet import sheet_of
from authorizer.cli.matrix.report import markdown_of, page_of, print_sheet
from authorizer.cli.options import (
    api_option,
    one_file,
    open_api,
    page_option,
    policy_argument,
    policy_option,
    require_one_form,
    template_option,
    write_file,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@policy_argument
@policy_option
@template_option
@api_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    help="What to print, by default text.",
)
@page_option
def matrix(
    *,
    policy: Path,
    policy_file: Path | None,
    template: Path | None,
    api: str | None,
    form: str | None,
    page: Path | None,
) -> None:
    """Who may do what: the routes by the groups and scopes of POLICY, by default policy.yaml.

    Each cell says what a caller may do who has that group and no other (with what it includes), or
    a machine with that scope: allow, own (where a parameter equals a claim of the caller), partly,
    deny, or nothing. "everyone" is who calls without a token.

    Exit code 0, or 2 if there is no sheet, because a file cannot be read or written.
    """
    require_one_form(form, page)
    source = load_policy(one_file(policy, policy_file))
    sheet = sheet_of(source, open_api(template, api))
    if page is not None:
        write_file(page, page_of(sheet).encode())
        size = f"{len(sheet.lines)} routes by {len(sheet.subjects)} subjects"
        click.echo(f"{source.name}: {size} -> {page}", err=True)
    elif form == "markdown":
        click.echo(markdown_of(sheet), nl=False)
    else:
        print_sheet(sheet, Console())
    if page is not None or form == "markdown":  # who reads it later is not who made it
        for unread in sheet.unread:
            click.echo(unread, err=True)
