"""The playground beside the local stack: its users signed in by a click, its policy replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Target
from authorizer.cli.local.emulator import REGION
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.playground.server import Playground, served
from authorizer.cli.playground.stage import Stage
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from authorizer.cli.local.stack import LocalStack
    from authorizer.cli.local.users import Person
    from authorizer.cli.playground.tokens import Tokens


def served_beside(stack: LocalStack, policy: Path, port: int) -> AbstractContextManager[str]:
    """Serve the page until the end of the block, which is given its address.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    deployment = stack.deployment
    people = {one.name: one for one in (*stack.people.values(), *stack.machines)}
    clients = filter(None, (deployment.client_id, deployment.machine_client_id))
    pool_id, url = deployment.user_pool_id, stack.emulator.url
    stage = Stage(
        target=Target(
            region=REGION,
            pool_id=pool_id,
            client_id=deployment.client_id,
            endpoint_url=url,
            api_url=stack.base_url,
        ),
        pool=UserPool(pool_id, clients, jwks_url=stack.emulator.jwks_url(pool_id)),
        api_url=stack.base_url,
        policy=policy,
        opened=(stack.project.template, stack.project.api),
        samples={name: one.caller for name, one in people.items()},
        sign_in=lambda name: _sign_in(stack, people[name]),
        reason=stack.new_reason,
        put_in_force=deployment.put_in_force,
    )
    return served(Playground(stage), port)


def _sign_in(stack: LocalStack, person: Person) -> Tokens:
    try:
        if person.scopes:
            return stack.access_token(person), None
        tokens = stack.sign_in(person.name)
    except (BotoCoreError, ClientError, LocalStackError) as error:
        raise AccountError(f"{person.name} cannot be signed in: {error}") from error
    return tokens.access, tokens.id
