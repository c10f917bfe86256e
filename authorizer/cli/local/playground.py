"""The playground beside the local stack: its users signed in by a click, its policy replaced."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Target
from authorizer.cli.local.emulator import REGION
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.options import open_api
from authorizer.cli.playground.server import Playground, served
from authorizer.cli.playground.stage import Sample, Stage
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.cli.local.stack import LocalStack
    from authorizer.cli.local.users import Person
    from authorizer.cli.playground.tokens import Tokens


@contextmanager
def served_beside(
    stack: LocalStack, template: Path, policy: Path, api: str | None, port: int
) -> Iterator[str]:
    """Serve the page; its address.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    deployment, opened = stack.deployment, open_api(template, api)
    assert opened is not None  # noqa: S101 - there is a template
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
        opened=opened,
        samples=tuple(_sample(stack, one) for one in (*stack.people.values(), *stack.machines)),
        reason=stack.new_reason,
        put_in_force=deployment.put_in_force,
    )
    with served(Playground(stage), port) as address:
        yield address


def _sample(stack: LocalStack, person: Person) -> Sample:
    def sign_in() -> Tokens:
        try:
            if person.scopes:
                return stack.access_token(person), None
            tokens = stack.sign_in(person.name)
        except (BotoCoreError, ClientError, LocalStackError) as error:
            raise AccountError(f"{person.name} cannot be signed in: {error}") from error
        return tokens.access, tokens.id

    return Sample(name=person.name, caller=person.caller, sign_in=sign_in)
