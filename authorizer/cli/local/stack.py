"""The local stack as one thing: up, with people signed in, and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from authorizer.cli.local import tokens
from authorizer.cli.local.api_client import Answer, Api, DecisionLog
from authorizer.cli.local.deploy import Deployment, deploy, sample_template
from authorizer.cli.local.emulator import Emulator, running_emulator
from authorizer.cli.local.people import SAMPLE_USERS, Person, Tokens, enrol, invite, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from authorizer.cli.local.emulator import Aws

Say = Callable[[str], None]


def _nothing(_text: str) -> None:
    """Say nothing."""


class LocalStack:
    """The deployed API on this machine, and the sample users.

    Attributes:
        aws: clients of the emulator.
        deployment: the stack's outputs.
        people: the sample users by name.
    """

    def __init__(self, emulator: Emulator, deployment: Deployment, say: Say) -> None:
        self.aws: Aws = emulator.aws
        self.deployment = deployment
        self._emulator = emulator
        self._api = Api(deployment.base_url, DecisionLog(self.aws, deployment.authorizer_function))
        say("creating the sample users, each with a password and TOTP")
        self.people: dict[str, Person] = {
            name: enrol(self.aws, deployment.user_pool_id, deployment.client_id, name, groups)
            for name, groups in SAMPLE_USERS.items()
        }

    @classmethod
    @contextmanager
    def running(cls, project: Path, say: Say = _nothing) -> Iterator[LocalStack]:
        """Bring it up, and take it down in the end.

        Args:
            project: the checkout, with the function packages in build/local.
            say: is told what is being waited for.

        Raises:
            LocalStackError: it did not come up.
        """
        sample_template(project)  # it is looked at first: the emulator takes a while
        say("starting ministack on loopback")
        with running_emulator() as emulator:
            say("deploying template.yaml to it")
            stack = cls(emulator, deploy(project, emulator), say)
            try:
                yield stack
            finally:
                stack.close()

    @property
    def base_url(self) -> str:
        """Where the API answers; put a path behind it."""
        return self.deployment.base_url

    @property
    def jwks_url(self) -> str:
        """Where the emulator publishes the pool's keys."""
        return self._emulator.jwks_url(self.deployment.user_pool_id)

    def call(
        self,
        method: str,
        path: str,
        authorization: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call the API. Not for two threads at once: the reason is read from a common log."""
        return self._api.call(method, path, authorization, headers)

    def sign_in(self, name: str) -> Tokens:
        """Sign a sample user in, with password and TOTP."""
        return sign_in(self.aws, self.deployment.client_id, self.people[name])

    def invite(self, name: str, groups: tuple[str, ...]) -> str:
        """Create a user who has yet to choose a password; returns the temporary one."""
        return invite(self.aws, self.deployment.user_pool_id, name, groups)

    @property
    def emulator_url(self) -> str:
        """Where the emulator's Cognito answers."""
        return self._emulator.url

    def machine_token(self) -> str:
        """An access token without a user, with the scope reports/read."""
        return tokens.of_machine(self.aws, self.deployment, self._emulator.url)

    def change_environment(self, function: str, changes: Mapping[str, str | None]) -> None:
        """Set or (with None) remove environment variables of a function, and start it anew.

        Answers that API Gateway remembers stay remembered.
        """
        client = self.aws.client("lambda")
        configuration = client.get_function_configuration(FunctionName=function)
        variables = {**configuration["Environment"]["Variables"], **changes}
        kept = {name: value for name, value in variables.items() if value is not None}
        client.update_function_configuration(FunctionName=function, Environment={"Variables": kept})

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()
