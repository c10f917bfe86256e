"""The ``authorizer`` command. Subcommands are loaded when they are called for."""

from __future__ import annotations

import signal
from importlib import import_module
from typing import Any

import click

from authorizer.cli import process
from authorizer.errors import AuthorizerError

# Commands that take long to load, or whose dependencies not everybody has installed:
# name -> module, attribute, extra.
_LAZY = {
    "call": ("authorizer.cli.account.call", "call", "cli"),
    "check": ("authorizer.cli.check.commands", "check", "cli"),
    "compile": ("authorizer.cli.compile", "compile", "cli"),
    "decode": ("authorizer.cli.account.decode", "decode", "cli"),
    "diff": ("authorizer.cli.diff.commands", "diff", "cli"),
    "event": ("authorizer.cli.event.commands", "event", "local"),
    "explain": ("authorizer.cli.explain.commands", "explain", "cli"),
    "local": ("authorizer.cli.local.commands", "local", "local"),
    "login": ("authorizer.cli.account.login", "login", "cli"),
    "logout": ("authorizer.cli.account.login", "logout", "cli"),
    "matrix": ("authorizer.cli.matrix.commands", "matrix", "cli"),
    "test": ("authorizer.cli.testing.commands", "test", "cli"),
}


# Commands whose exit code 1 is an answer: "no". That there is none is 2, as for wrong usage, and
# that nobody waited for it is what a shell says of a program that Ctrl-C has ended.
_ANSWERING = frozenset({"check", "diff", "explain", "matrix", "test"})
_INTERRUPTED = 128 + signal.SIGINT


class _NoAnswerError(click.ClickException):
    exit_code = 2


class _Commands(click.Group):
    """Turns our errors into a message and an exit code, and loads lazy groups on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute, extra = _LAZY[cmd_name]
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            return _unusable(cmd_name, str(error.name), extra)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        resolved = super().resolve_command(ctx, args)
        process.raise_again()  # its modules are loaded, and it may have something to tidy up
        return resolved

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except AuthorizerError as error:
            answering = ctx.invoked_subcommand in _ANSWERING
            raise (_NoAnswerError if answering else click.ClickException)(str(error)) from error
        except KeyboardInterrupt:
            if ctx.invoked_subcommand not in _ANSWERING:
                raise
            click.echo("\nAborted!", err=True)
            ctx.exit(_INTERRUPTED)


def _unusable(name: str, missing: str, extra: str) -> click.Command:
    """In the place of a command that lacks something: it can be listed, and says what it takes."""

    def refuse() -> None:
        raise click.ClickException(
            f"'authorizer {name}' needs {missing}: "
            f"install cognito-rbac-authorizer with its extra '{extra}'"
        )

    return click.Command(
        name,
        callback=refuse,
        short_help=f"(needs the extra '{extra}')",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cognito-rbac-authorizer")
def cli() -> None:
    """Role-based access control in front of an AWS API."""
