"""The person who signs in: asked at the terminal, or known from the environment.

Secrets come from hidden prompts, the environment, or standard input. Never from arguments, which
every user of the machine can read, and which stay in the shell's history.
"""

from __future__ import annotations

import os
import sys

import click
import segno

from authorizer.cli.account.errors import AccountError, printable


class AtTheTerminal:
    """Asks for what the environment does not say. Everything it prints goes to standard error."""

    @property
    def totp_secret(self) -> str | None:
        """COGNITO_TOTP_SECRET: codes are then computed."""
        return os.environ.get("COGNITO_TOTP_SECRET") or None

    def username(self) -> str:
        """The user name, as typed in."""
        return _ask("User name", instead="--username or COGNITO_USERNAME")

    def password(self, *, from_stdin: bool) -> str:
        """The first line of standard input, COGNITO_PASSWORD, or what is typed in."""
        if from_stdin:
            try:
                # Bytes, because some locales let through what is no text.
                first_line = sys.stdin.buffer.readline().decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise AccountError("the password on standard input is not UTF-8") from None
            if not first_line:
                raise AccountError("expected the password on standard input, found nothing")
            return first_line
        return os.environ.get("COGNITO_PASSWORD") or _ask(
            "Password", instead="--password-stdin or COGNITO_PASSWORD", hidden=True
        )

    def new_password(self) -> str:
        """COGNITO_NEW_PASSWORD, or what is typed in twice."""
        known = os.environ.get("COGNITO_NEW_PASSWORD")
        return known or _ask(
            "New password", instead="COGNITO_NEW_PASSWORD", hidden=True, twice=True
        )

    def code(self) -> str:
        """The code, as typed in."""
        return _ask("Code from the authenticator app", instead="COGNITO_TOTP_SECRET").replace(
            " ", ""
        )

    def attribute(self, name: str) -> str:
        """An attribute, as typed in."""
        return _ask(name.removeprefix("userAttributes."))

    def register(self, secret: str, uri: str) -> None:
        """Show the secret as a QR code and as text: this once, on the terminal, and in no log.

        Raises:
            AccountError: there is no terminal.
        """
        if not sys.stderr.isatty():
            raise AccountError(
                "an authenticator app has to be set up first: run 'authorizer login' at a terminal"
            )
        click.echo("scan this with an authenticator app, or type in the secret below it:", err=True)
        segno.make(uri, error="l").terminal(out=sys.stderr, compact=True)
        click.echo(f"\nsecret: {secret}\n", err=True)

    def say(self, sentence: str) -> None:
        """On standard error, so that standard output holds nothing but what was asked for."""
        click.echo(printable(sentence), err=True)


def _ask(
    what: str, *, instead: str | None = None, hidden: bool = False, twice: bool = False
) -> str:
    try:
        answer: str = click.prompt(what, hide_input=hidden, confirmation_prompt=twice, err=True)
    except click.Abort as aborted:
        if not hidden:
            click.echo(err=True)  # what comes next is not to stand behind the prompt
        if isinstance(aborted.__context__, KeyboardInterrupt):
            raise
        otherwise = f"; give it with {instead}" if instead else ""
        raise AccountError(f"nobody to ask for: {what.lower()}{otherwise}") from None
    return answer
