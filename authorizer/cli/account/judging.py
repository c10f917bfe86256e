"""By which pool and app client a token is judged: the options for it, and the profile's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.store import Session, SessionStore
from authorizer.errors import ConfigurationError
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from collections.abc import Callable


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--pool-id``, ``--client-id``, ``--jwks-url`` and ``--profile``."""
    options = (
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
        click.option(
            "--profile",
            default="default",
            envvar="COGNITO_PROFILE",
            show_default=True,
            help="Whose access token, and whose pool.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def stored_session(profile: str) -> tuple[Session | None, str | None]:
    """The session as it is: a token that has expired is one to look at, not to replace."""
    try:
        return SessionStore().load(profile), None
    except AccountError as error:
        return None, str(error)


def pool_to_judge_by(
    pool_id: str | None, client_id: str | None, jwks_url: str | None, session: Session | None
) -> UserPool | None:
    """What to judge by: the options, and for what they leave open the profile's session."""
    stored_pool, stored_client, endpoint = (
        (session.pool_id, session.client_id, session.endpoint_url) if session else (None,) * 3
    )
    pool = pool_id or stored_pool
    # Another pool has other clients, and may be elsewhere.
    is_stored = pool == stored_pool
    client = client_id or (stored_client if is_stored else None)
    if pool is None or client is None:
        if pool_id or client_id or jwks_url:
            missing = "--client-id" if pool else "--pool-id"
            raise ConfigurationError(
                [f"expected both --pool-id and --client-id to judge by: give {missing}, too"]
            )
        return None
    if jwks_url is None and is_stored and endpoint is not None:
        jwks_url = f"{endpoint.rstrip('/')}/{pool}/.well-known/jwks.json"
    return UserPool(pool, [client], jwks_url=jwks_url)
