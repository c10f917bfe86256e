"""``authorizer compile``: from policy.yaml, and the template's routes, to the JSON that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authorizer.cli.document import load_document
from authorizer.cli.options import (
    FILE,
    api_option,
    policy_argument,
    policy_of,
    policy_option,
    template_option,
)
from authorizer.cli.template import read_template
from authorizer.cli.template.choice import chosen_api
from authorizer.cli.template.model import ApiKind
from authorizer.cli.text import counted
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.compiled import is_route_key
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy


@click.command(short_help="Compile a policy to the JSON that ships.")
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
    policy = policy_of(policy, policy_file)
    routes = None if template is None else known_routes(read_template(template), api)
    compiled, loaded = _compiled(policy, routes)
    if output is None:
        click.echo(compiled.decode("utf-8"), nl=False)
        return
    try:
        output.write_bytes(compiled)
    except OSError as error:
        raise click.ClickException(f"{output}: cannot be written: {error.strerror}") from error
    known = "" if routes is None else f", {counted(len(routes), 'route')} of {template}"
    rules, groups = counted(len(loaded.rules), "rule"), counted(len(loaded.groups), "group")
    click.echo(
        f"{policy}: {rules} for {groups}{known} -> {output} (digest {loaded.digest})", err=True
    )


def _compiled(policy: Path, routes: list[str] | None) -> tuple[bytes, Policy]:
    try:
        return load_document(policy, routes)
    except ConfigurationError as error:
        if not policy.is_file():
            raise
        hint = f"'authorizer check {policy}' says how to mend them"
        raise ConfigurationError([*error.problems, hint]) from error


def known_routes(template: Template, api: str | None) -> list[str]:
    """Every route of an API that an authorizer can be asked about, sorted.

    Raises:
        ConfigurationError: there is no such API, or not all of its routes are known.
    """
    chosen = chosen_api(template, api)
    if not chosen.is_complete:
        problem = (
            f"{chosen.place}: expected an API whose routes are all in the file, found {chosen.id} "
            "with routes that are not decidable; give the parameter a default, or write the route "
            "out"
        )
        whys = [f"{one.place}: {one.what}: {one.why}" for one in template.undecided]
        raise ConfigurationError([problem, *whys])
    if chosen.kind is ApiKind.WEBSOCKET:
        return [CONNECT]
    routes = [route for route in chosen.routes if not route.is_preflight]
    problems = [
        f"{route.place}: expected a route whose segments are literal, {{name}} or, at the end, "
        f"{{name+}}, found {clip(route.key)}"
        for route in routes
        if not is_route_key(route.key)
    ]
    if problems:
        raise ConfigurationError(problems)
    return sorted({route.key for route in routes})
