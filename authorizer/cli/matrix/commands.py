"""``authorizer matrix``: from files to a sheet, and from there to the form that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.access.source import load_source
from authorizer.cli.matrix.markdown import markdown_of
from authorizer.cli.matrix.sheet import sheet_of_api, sheet_of_policy
from authorizer.cli.matrix.text import print_sheet

if TYPE_CHECKING:
    from authorizer.cli.matrix.sheet import Sheet


@click.command()
@click.argument("policy", type=click.Path(path_type=Path), default="policy.yaml")
@click.option(
    "--template", type=click.Path(path_type=Path), help="SAM template: the routes are its API's."
)
@click.option("--api", help="Logical id of the API, where the template has several.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Write the HTML page to this file."
)
def matrix(
    policy: Path, template: Path | None, api: str | None, form: str, page: Path | None
) -> None:
    """Who may do what: the routes by the groups and scopes of POLICY, by default policy.yaml.

    Each cell says what a caller may do who has that group and no other (with what it includes), or
    a machine with that scope: allow, own (where a parameter equals a claim of the caller), partly,
    deny, or nothing. "everyone" is who calls without a token.
    """
    if api is not None and template is None:
        raise click.UsageError("--api names an API of a template: give --template, too")
    sheet = _sheet(policy, template, api)
    if page is not None:
        _write(page, sheet)
    elif form == "html":
        click.echo(_page(sheet), nl=False)
    elif form == "markdown":
        click.echo(markdown_of(sheet), nl=False)
    else:
        print_sheet(sheet, Console())


def _sheet(policy: Path, template: Path | None, api: str | None) -> Sheet:
    source = load_source(policy)
    if template is None:
        return sheet_of_policy(source)
    from authorizer.cli.template import read_template  # noqa: PLC0415 - not needed without one
    from authorizer.cli.template.choice import chosen_api  # noqa: PLC0415

    return sheet_of_api(source, chosen_api(read_template(template), api), str(template))


def _page(sheet: Sheet) -> str:
    from authorizer.cli.matrix.page import page_of  # noqa: PLC0415 - reads its parts from files

    return page_of(sheet)


def _write(page: Path, sheet: Sheet) -> None:
    try:
        page.write_text(_page(sheet), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{page}: cannot be written: {error.strerror}") from error
    size = f"{len(sheet.lines)} routes by {len(sheet.subjects)} subjects"
    click.echo(f"{sheet.source.name}: {size} -> {page}", err=True)
