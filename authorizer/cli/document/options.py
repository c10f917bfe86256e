"""Where a command's policy file is given: as its argument, or with ``--policy``."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

policy_argument = click.argument("policy", type=click.Path(path_type=Path), default="policy.yaml")
policy_option = click.option(
    "policy_file",
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same as POLICY.",
)


def policy_of(argument: Path, option: Path | None) -> Path:
    """The policy file that is meant by the command's argument and its option.

    Raises:
        click.UsageError: two different ones are given.
    """
    if option is None:
        return argument
    source = click.get_current_context().get_parameter_source("policy")
    if source is not ParameterSource.DEFAULT and argument != option:
        raise click.UsageError(
            f"expected one policy, found {str(argument)!r} and --policy {str(option)!r}"
        )
    return option
