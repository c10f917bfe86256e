"""``authorizer login`` and ``authorizer logout``, and who is asked at the terminal for them.

Secrets come from hidden prompts, the environment, or standard input. Never from arguments, which
every user of the machine can read, and which stay in the shell's history.
"""

from __future__ import annotations

import os
import sys
import time

import click

from authorizer.cli.account.challenges import SignIn
from authorizer.cli.account.cognito import GoneError, find_target, revoke
from authorizer.cli.account.errors import AccountError, RefusedError
from authorizer.cli.account.sessions import NobodySignedInError, Session, SessionStore
from authorizer.cli.options import grouped, place_options, profile_option
from authorizer.cli.text import printable

_OR_FORGET = "nothing was removed; logout --forget removes it here, and leaves it valid at Cognito"
# Whom to sign in with.
target_options = grouped(
    place_options,
    click.option("--client-id", envvar="COGNITO_CLIENT_ID", show_envvar=True, help="App client."),
    click.option("--api-url", envvar="API_URL", show_envvar=True, help="Where the API answers."),
)


@click.command()
@target_options
@profile_option("Which of several sessions.", show_envvar=True)
@click.option("--username", envvar="COGNITO_USERNAME", show_envvar=True, help="Default: asked for.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--print",
    "printed",
    type=click.Choice(["access", "id"]),
    help="Print that token, and nothing else, on standard output.",
)
def login(
    *, profile: str, username: str | None, password_stdin: bool, printed: str | None, **target: str
) -> None:
    """Sign in with password and authenticator app, and keep the session.

    The password is asked for, or comes from COGNITO_PASSWORD or standard input; codes are asked
    for, or computed from COGNITO_TOTP_SECRET; an app client's secret is COGNITO_CLIENT_SECRET.
    """
    person = Terminal()
    chosen = find_target(**target)
    store = SessionStore()
    store.check(profile)
    username = username or person.username()
    password = person.password(from_stdin=password_stdin)
    session = SignIn(chosen, username, person).run(password)
    path = store.save(profile, session)
    minutes = round((session.expires_at_seconds - time.time()) / 60)
    person.say(
        f"signed in as {session.username} for {minutes} minutes; session {profile} is in {path}"
    )
    if printed:
        click.echo(session.access_token if printed == "access" else session.id_token)


@click.command()
@profile_option("Which of several sessions.", show_envvar=True)
@click.option(
    "--forget",
    is_flag=True,
    help="Remove the session here without asking Cognito, where it stays valid.",
)
def logout(profile: str, *, forget: bool) -> None:
    """End the session at Cognito, and forget it here.

    An access token that somebody copied works until it expires, an hour at most by default.
    """
    store = SessionStore()
    try:
        store.load(profile)
    except NobodySignedInError:
        raise AccountError(
            f"nobody is signed in with profile {profile}: there is nothing to sign out of"
        ) from None
    with store.locked():
        session = store.load(profile)
        outcome = "removed here, and still valid at Cognito" if forget else _revoke(session)
        store.remove(profile)
    click.echo(f"signed out {session.username}: session {profile} is {outcome}", err=True)


def _revoke(session: Session) -> str:
    """End it at Cognito; what has become of it.

    Raises:
        AccountError: it could not be ended, though it may be valid.
    """
    try:
        revoke(session)
    except GoneError:
        return f"removed; the emulator at {session.endpoint_url} is gone, and its sessions with it"
    except AccountError as error:
        if isinstance(error, RefusedError) and error.code == "ResourceNotFoundException":
            return "removed; its app client is gone, and its sessions with it"
        raise AccountError(f"{error}; {_OR_FORGET}") from error
    return "revoked and removed"


class Terminal:
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
        return os.environ.get("COGNITO_NEW_PASSWORD") or _ask(
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
        import segno  # noqa: PLC0415 - slow, and for few sign-ins

        click.echo("scan this with an authenticator app, or type in the secret below it:", err=True)
        segno.make(uri, error="l").terminal(out=sys.stderr, compact=True)
        click.echo(f"\nsecret: {secret}\n", err=True)

    def say(self, sentence: str) -> None:
        """On standard error, so that standard output holds nothing but what was asked for."""
        click.echo(printable(sentence), err=True)


def _ask(
    what: str, *, instead: str | None = None, hidden: bool = False, twice: bool = False
) -> str:
    # Without a terminal nothing is seen of what comes in, and getpass would warn that it may be.
    hidden = hidden and _has_terminal()
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


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True
