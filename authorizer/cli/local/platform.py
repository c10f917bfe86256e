"""``authorizer local platform``: what a package must be built for, for the Makefile."""

from __future__ import annotations

from pathlib import Path

import click

from authorizer.cli.template.runtime import function_runtime


@click.command(hidden=True)
@click.argument("template", type=click.Path(path_type=Path))
@click.argument("function")
def platform(template: Path, function: str) -> None:
    """Print what FUNCTION of TEMPLATE runs on, as variables of the Makefile."""
    runtime = function_runtime(template, function)
    click.echo(f"LAMBDA_PYTHON={runtime.python} LAMBDA_PLATFORM={runtime.platform}")
