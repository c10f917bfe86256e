"""``authorizer playground``: the page for an API that is deployed."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from authorizer.cli.account.cognito import find_target
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.http_client import require_base_url
from authorizer.cli.account.login import target_options
from authorizer.cli.account.verification import pool_to_verify_by
from authorizer.cli.options import (
    FILE,
    TEMPLATE,
    api_option,
    asked_policy_option,
    open_api,
    port_option,
)
from authorizer.cli.playground.server import Playground, served
from authorizer.cli.playground.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@target_options
@click.option(
    *("--template", "-t"),
    type=FILE,
    metavar="FILE",
    default=TEMPLATE,
    show_default=True,
    help="Template of the API: where its routes are from.",
)
@asked_policy_option
@api_option
@port_option
def playground(
    *, template: Path, policy: Path, api: str | None, port: int, **target: str | None
) -> None:
    """Serve a page on loopback: sign in, look into the token, try every route of a deployed API.

    Passwords and codes are typed there, and go to Cognito by way of this process, which keeps the
    tokens. No AWS credentials are needed, but to read a stack's outputs.
    """
    chosen = find_target(**target)
    opened, pool = open_api(template, api), pool_to_verify_by(None, None, None, chosen)
    if pool is None or opened is None or chosen.api_url is None:
        raise AccountError(
            "expected a user pool and the API's address: give --stack-name of the deployed stack, "
            "or --pool-id and --api-url"
        )
    url = require_base_url(chosen.api_url)
    stage = Stage(target=chosen, pool=pool, api_url=url, policy=policy, opened=opened)
    with served(Playground(stage), port) as address, suppress(KeyboardInterrupt):
        click.echo(f"Playground, for a browser: {address}   until Ctrl-C")
        signal.pause()
