"""Options that several commands have: the policy's file, the API that it is for, the profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.template.model import Api, Template

POLICY, TEMPLATE = Path("policy.yaml"), Path("template.yaml")
FILE = click.Path(path_type=Path)

policy_argument = click.argument("policy", type=FILE, default=POLICY)
policy_option = click.option(
    "policy_file", "--policy", type=FILE, metavar="FILE", help="The same as POLICY."
)
asked_policy_option = click.option(
    "--policy",
    type=FILE,
    metavar="FILE",
    default=POLICY,
    show_default=True,
    help="The policy to ask.",
)
template_option = click.option(
    "--template",
    "-t",
    type=FILE,
    metavar="FILE",
    help="SAM, CloudFormation or OpenAPI file of the API, or a Terraform plan as JSON.",
)
port_option = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Of the playground, on loopback; default: a free one.",
)
api_option = click.option(
    "--api", metavar="ID", help="Logical id of the API, where the template has several."
)

page_option = click.option(
    "--html", "page", type=FILE, metavar="FILE", help="Write an HTML page instead."
)


def profile_option(
    text: str, *, show_envvar: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--profile``, with what it is for."""
    return click.option(
        "--profile",
        default="default",
        envvar="COGNITO_PROFILE",
        show_envvar=show_envvar,
        show_default=True,
        help=text,
    )


def grouped(
    *options: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options as one decorator, in the order in which the help lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# Who asks.
caller_options = grouped(
    click.option("--groups", "-g", multiple=True, help="The caller's groups: a,b. Repeatable."),
    click.option(
        "--scopes",
        "-s",
        multiple=True,
        help="The token's scopes: a,b. Without groups they mean a token without a user.",
    ),
    click.option(
        "claims", "--claim", multiple=True, help="A claim of the token's: sub=42. Repeatable."
    ),
)
# Whose users are meant, and where they are.
place_options = grouped(
    click.option(
        "--stack-name",
        envvar="STACK_NAME",
        show_envvar=True,
        help="Read all of these from its outputs.",
    ),
    click.option("--region", help="AWS region; default: of the pool, or AWS_REGION."),
    click.option("--pool-id", envvar="COGNITO_USER_POOL_ID", show_envvar=True, help="User pool."),
    click.option(
        "--endpoint-url", envvar="AWS_ENDPOINT_URL", show_envvar=True, help="Of an emulator."
    ),
)
# What a token is judged by.
pool_options = grouped(
    click.option(
        "--pool-id",
        envvar="COGNITO_USER_POOL_ID",
        help="User pool to judge the token by; default: the profile's.",
    ),
    click.option(
        "--client-id",
        envvar="COGNITO_CLIENT_ID",
        help="App client to judge the token by; default: the profile's.",
    ),
    click.option("--jwks-url", help="Where the pool's keys are; default: at its issuer."),
    profile_option("Whose access token, and whose pool."),
)


def one_file(argument: Path, option: Path | None, name: str = "policy") -> Path:
    """The file that is meant by the command's argument and its option of the same name.

    Raises:
        click.UsageError: two different ones are given.
    """
    if option is None:
        return argument
    source = click.get_current_context().get_parameter_source(name)
    if source is not ParameterSource.DEFAULT and argument != option:
        raise click.UsageError(
            f"expected one {name}, found {str(argument)!r} and --{name} {str(option)!r}"
        )
    return option


def open_api(template: Path | None, api: str | None) -> tuple[Template, Api] | None:
    """The template, and the API of it that is meant; nothing where no template is given.

    Raises:
        click.UsageError: an API is named, and no template.
        ConfigurationError: the template cannot be read, or has no such API.
    """
    if template is None:
        if api is not None:
            raise click.UsageError("--api names an API of a template: give --template, too")
        return None
    from authorizer.cli.template.reader import read_template  # noqa: PLC0415 - not needed without one
    from authorizer.cli.template.stacks import chosen_api  # noqa: PLC0415

    read = read_template(template)
    return read, chosen_api(read, api)


def require_one_form(form: str | None, page: Path | None) -> None:
    """A report is printed in a form, or else written as a page.

    Raises:
        click.UsageError: both are wanted.
    """
    if form is not None and page is not None:
        raise click.UsageError("--format is of what is printed, and --html writes a page: give one")


def write_file(path: Path, data: bytes) -> None:
    """Write what was asked for.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be written: {error.strerror}"]) from error
