"""The person who signs in: asked at the terminal, or known from the environment.

Secrets come from hidden prompts, the environment, or standard input. Never from arguments, which
every user of the machine can read, and which stay in the shell's history.
"""

from __future__ import annotations

import os
import sys

import click
import segno

from authorizer.cli.account.errors import AccountError


class AtTheTerminal:
    """Asks for what the environment does not say. Everything it prints goes to standard error."""

    @property
    def totp_secret(self) -> str | None:
        """COGNITO_TOTP_SECRET: codes are then computed."""
        return os.environ.get("COGNITO_TOTP_SECRET") or None

    def password(self, *, from_stdin: bool) -> str:
        """The first line of standard input, COGNITO_PASSWORD, or what is typed in."""
        if from_stdin:
            return sys.stdin.readline().rstrip("\r\n")
        return os.environ.get("COGNITO_PASSWORD") or _ask("Password", hidden=True)

    def new_password(self) -> str:
        """COGNITO_NEW_PASSWORD, or what is typed in twice."""
        known = os.environ.get("COGNITO_NEW_PASSWORD")
        return known or _ask("New password", hidden=True, twice=True)

    def code(self) -> str:
        """The code, as typed in."""
        return _ask("Code from the authenticator app").replace(" ", "")

    def attribute(self, name: str) -> str:
        """An attribute, as typed in."""
        return _ask(name.removeprefix("userAttributes."))

    def register(self, secret: str, uri: str) -> None:
        """Show the secret as a QR code and as text: this once, on the terminal."""
        click.echo("scan this with an authenticator app, or type in the secret below it:", err=True)
        if sys.stderr.isatty():
            segno.make(uri, error="l").terminal(out=sys.stderr, compact=True)
        click.echo(f"\nsecret: {secret}\n", err=True)

    def say(self, sentence: str) -> None:
        """On standard error, so that standard output holds nothing but what was asked for."""
        click.echo(sentence, err=True)


def _ask(what: str, *, hidden: bool = False, twice: bool = False) -> str:
    try:
        answer: str = click.prompt(what, hide_input=hidden, confirmation_prompt=twice, err=True)
    except click.Abort:
        raise AccountError(f"nobody to ask for: {what.lower()}") from None
    return answer
