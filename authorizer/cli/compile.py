"""``authorizer compile``: from policy.yaml, and the template's routes, to the JSON that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authorizer.cli.options import (
    FILE,
    api_option,
    one_file,
    policy_argument,
    policy_option,
    template_option,
    write_file,
)
from authorizer.cli.policy_file import dump_policy, load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import known_routes
from authorizer.cli.text import counted

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@policy_argument
@policy_option
@click.option("--output", "-o", type=FILE, help="File to write; default: print.")
@template_option
@api_option
def compile(  # noqa: A001 - the command's name
    policy: Path,
    policy_file: Path | None,
    output: Path | None,
    template: Path | None,
    api: str | None,
) -> None:
    """Compile POLICY, by default policy.yaml, to JSON.

    The JSON is what ships with the function. With the template's routes in it, the authorizer
    knows what else a path could belong to, and can make answers that API Gateway may cache for
    all routes. The same files give the same bytes.
    """
    if api is not None and template is None:
        raise click.UsageError("--api names an API of the --template, and there is none")
    policy = one_file(policy, policy_file)
    routes = None if template is None else known_routes(read_template(template), api)
    compiled, loaded = load_document(policy, routes)
    if routes is not None and loaded.callers is None:
        click.echo(
            f"warning: {template}: expected an API that one IAM document can be made for, found "
            f"{counted(len(routes), 'route')} and rules that are too many, or meet in too many "
            "ways: whoever calls gets a document for one request alone; use /** where all below is "
            "granted, fewer {name=claim}, and ANY in place of each method, or split the API",
            err=True,
        )
    if output is None:
        click.echo(compiled.decode("utf-8"), nl=False)
        return
    write_file(output, compiled)
    known = "" if routes is None else f", {counted(len(routes), 'route')} of {template}"
    if loaded.callers is not None:
        known += f", a table of {len(dump_policy(loaded.callers)) // 1024 + 1} KB for documents"
    rules, groups = counted(len(loaded.rules), "rule"), counted(len(loaded.groups), "group")
    click.echo(
        f"{policy}: {rules} for {groups}{known} -> {output} (digest {loaded.digest})", err=True
    )
