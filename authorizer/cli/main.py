"""The ``authorizer`` command. Subcommands are loaded when they are called for."""

from __future__ import annotations

import signal
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from authorizer.cli import process
from authorizer.cli.text import plain
from authorizer.errors import AuthorizerError

# name -> where it is, the extra that it needs, and its line in the list of commands. They are not
# loaded for that: some take long, and not everybody has installed what all of them need.
_COMMANDS = {
    "call": (
        "authorizer.cli.account.call",
        "cli",
        "Call METHOD PATH of the API as who is signed in.",
    ),
    "check": (
        "authorizer.cli.check.commands",
        "cli",
        "Find what is wrong with a policy and its template.",
    ),
    "compile": ("authorizer.cli.compile", "cli", "Compile a policy to the JSON that ships."),
    "decode": (
        "authorizer.cli.account.decode",
        "cli",
        "Show what a token says, and judge it step by step.",
    ),
    "diff": (
        "authorizer.cli.diff.commands",
        "cli",
        "Who gains and who loses what between two policies.",
    ),
    "event": (
        "authorizer.cli.event.commands",
        "local",
        "Fill the sample event NAME, or the event in FILE, with a token.",
    ),
    "explain": (
        "authorizer.cli.explain.commands",
        "cli",
        "What becomes of a request, and what would have to differ.",
    ),
    "init": (
        "authorizer.cli.init.commands",
        "cli",
        "Begin a policy for the API of a project, with tests.",
    ),
    "keys": ("authorizer.cli.keys", "cli", "The keys of a user pool, to be shipped."),
    "local": (
        "authorizer.cli.local.commands",
        "local",
        "Run the project on this machine, against an emulator.",
    ),
    "login": (
        "authorizer.cli.account.login",
        "cli",
        "Sign in with password and authenticator app.",
    ),
    "logout": (
        "authorizer.cli.account.login",
        "cli",
        "End the session at Cognito, and forget it here.",
    ),
    "matrix": (
        "authorizer.cli.matrix.commands",
        "cli",
        "Who may do what: the routes by groups and scopes.",
    ),
    "package": (
        "authorizer.cli.package",
        "cli",
        "Make the function's folder, for whatever deploys it.",
    ),
    "playground": (
        "authorizer.cli.playground.commands",
        "local",
        "See in the browser why a request is 401, 403 or 200.",
    ),
    "revoke": (
        "authorizer.cli.account.revocation",
        "cli",
        "Have a user's tokens refused before they expire.",
    ),
    "smoke": (
        "authorizer.cli.smoke.commands",
        "cli",
        "Ask a deployed API, and compare what it really answers.",
    ),
    "test": (
        "authorizer.cli.testing.commands",
        "cli",
        "Try the cases in FILES against the policy.",
    ),
    "unrevoke": (
        "authorizer.cli.account.revocation",
        "cli",
        "Have a user's tokens accepted again.",
    ),
}
# The packages of an extra that its commands import.
_EXTRAS = {
    "cli": ("boto3", "jinja2", "pyotp", "rich", "segno", "yaml"),
    "local": ("cryptography", "ministack", "starlette", "uvicorn"),
}

# Commands whose exit code 1 is an answer: "no". That there is none is 2, as for wrong usage, and
# that nobody waited for it is what a shell says of a program that Ctrl-C has ended.
_ANSWERING = frozenset({"check", "diff", "explain", "matrix", "smoke", "test"})
_INTERRUPTED = 128 + signal.SIGINT


class _NoAnswerError(click.ClickException):
    exit_code = 2


class _Commands(click.Group):
    """Turns our errors into a message and an exit code, and loads lazy groups on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, extra, _ = _COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(import_module(module), cmd_name)
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
            # What it quotes of a file may be anything, such as marks that turn a text around.
            message = "\n".join(map(plain, str(error).split("\n")))
            raise (_NoAnswerError if answering else click.ClickException)(message) from error
        except KeyboardInterrupt:
            if ctx.invoked_subcommand not in _ANSWERING:
                raise
            click.echo("\nAborted!", err=True)
            ctx.exit(_INTERRUPTED)


def _summary(name: str) -> str:
    _, extra, summary = _COMMANDS[name]
    is_there = all(find_spec(package) for package in _EXTRAS[extra])
    return summary if is_there else f"(needs the extra '{extra}')"


def _unusable(name: str, missing: str, extra: str) -> click.Command:
    """In the place of a command that lacks something: it says what it takes."""

    def refuse() -> None:
        raise click.ClickException(
            f"'authorizer {name}' needs {missing}: "
            f"install cognito-rbac-authorizer with its extra '{extra}'"
        )

    return click.Command(
        name,
        callback=refuse,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cognito-rbac-authorizer")
def cli() -> None:
    """Role-based access control in front of an AWS API."""
