"""``authorizer login`` and ``authorizer logout``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.person import AtTheTerminal
from authorizer.cli.account.refusals import GoneError, RefusedError
from authorizer.cli.account.sessions import target_of
from authorizer.cli.account.signin import SignIn, revoke
from authorizer.cli.account.store import SessionStore
from authorizer.cli.account.target import find_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.account.store import Session

DEFAULT_PROFILE = "default"
_OR_FORGET = "nothing was removed; logout --forget removes it here, and leaves it valid at Cognito"

profile_option = click.option(
    "--profile",
    default=DEFAULT_PROFILE,
    envvar="COGNITO_PROFILE",
    show_envvar=True,
    show_default=True,
    help="Which of several sessions.",
)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whom to sign in with."""
    options = (
        click.option(
            "--stack-name",
            envvar="STACK_NAME",
            show_envvar=True,
            help="Read all of these from its outputs.",
        ),
        click.option("--region", help="AWS region; default: of the pool, or AWS_REGION."),
        click.option(
            "--pool-id", envvar="COGNITO_USER_POOL_ID", show_envvar=True, help="User pool."
        ),
        click.option(
            "--client-id", envvar="COGNITO_CLIENT_ID", show_envvar=True, help="App client."
        ),
        click.option(
            "--api-url", envvar="API_URL", show_envvar=True, help="Where the API answers."
        ),
        click.option(
            "--endpoint-url", envvar="AWS_ENDPOINT_URL", show_envvar=True, help="Of an emulator."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Sign in with password and authenticator app.")
@target_options
@profile_option
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
    person = AtTheTerminal()
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
@profile_option
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
    store.load(profile)
    with store.locked():
        session = store.load(profile)
        told = "removed here, and still valid at Cognito" if forget else _revoke(session)
        store.remove(profile)
    click.echo(f"signed out {session.username}: session {profile} is {told}", err=True)


def _revoke(session: Session) -> str:
    """End it at Cognito; what has become of it.

    Raises:
        AccountError: it could not be ended, though it may be valid.
    """
    try:
        revoke(target_of(session), session)
    except GoneError:
        return f"removed; the emulator at {session.endpoint_url} is gone, and its sessions with it"
    except AccountError as error:
        if isinstance(error, RefusedError) and error.code == "ResourceNotFoundException":
            return "removed; its app client is gone, and its sessions with it"
        raise AccountError(f"{error}; {_OR_FORGET}") from error
    return "revoked and removed"
