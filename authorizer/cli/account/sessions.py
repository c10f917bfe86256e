"""The session of a profile, ready to be used."""

from __future__ import annotations

import time

import click

from authorizer.cli.account.request import require_base_url
from authorizer.cli.account.signin import refresh
from authorizer.cli.account.store import Session, SessionStore
from authorizer.cli.account.target import Target, client_secret

# A token that expires while the request is under way is as bad as an expired one.
_EARLY_SECONDS = 60


def fresh_session(profile: str, store: SessionStore | None = None) -> Session:
    """A profile's session, with an access token that is good for a minute at least.

    Raises:
        AccountError: nobody is signed in, or the session has ended.
    """
    store = store or SessionStore()
    session = store.load(profile)
    if _is_fresh(session):
        return session
    with store.locked():
        session = store.load(profile)
        if _is_fresh(session):
            return session  # another command has just refreshed it
        # Where it cannot be kept, that is found out before a refresh token is spent on it.
        store.save(profile, session)
        refreshed = refresh(target_of(session), session)
        store.save(profile, refreshed)
    click.echo(f"the access token of session {profile} was refreshed", err=True)
    return refreshed


def _is_fresh(session: Session) -> bool:
    return session.expires_at_seconds - time.time() > _EARLY_SECONDS


def target_of(session: Session) -> Target:
    """Where a session came from. Only the client's secret is not kept with it.

    Raises:
        AccountError: the session names an address that nothing may be sent to.
    """
    if session.endpoint_url:
        require_base_url(session.endpoint_url, "the session's endpoint URL")
    return Target(
        region=session.region,
        client_id=session.client_id,
        client_secret=client_secret(),
        pool_id=session.pool_id,
        api_url=session.api_url,
        endpoint_url=session.endpoint_url,
    )
