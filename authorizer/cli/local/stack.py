"""The local stack as one thing: up, with people who can sign in, and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from authorizer.cli.event.samples import Placeholder, callers_of
from authorizer.cli.event.tokens import ServedPool
from authorizer.cli.local import users
from authorizer.cli.local.api_client import Api, DecisionLog
from authorizer.cli.local.deploy import Deployment, deploy
from authorizer.cli.local.emulator import running_emulator
from authorizer.cli.local.project import Project, read_project
from authorizer.cli.local.users import Person, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


Say = Callable[[str], None]


def _nothing(_text: str) -> None:
    """Say nothing."""


class LocalStack(Api):
    """The deployed API on this machine, and its users.

    Attributes:
        emulator: where it runs.
        deployment: the stack's outputs.
        project: what is played.
        people: the users by name.
        machines: callers without a user, as far as the stack has a client for them.
    """

    def __init__(self, deployment: Deployment, project: Project) -> None:
        log = DecisionLog(deployment.emulator, deployment.authorizer_function)
        super().__init__(deployment.base_url, log.new_reason)
        self.emulator = deployment.emulator
        self.deployment = deployment
        self.project = project
        self._add_groups()
        self.people = {
            person.name: users.enrol(deployment, person) for person in users.people_of(project)
        }
        allowed = users.machine_client(deployment).get("AllowedOAuthScopes", ())
        self.machines = users.machines_of(project, deployment.machine_client_id, allowed)

    @classmethod
    @contextmanager
    def running(cls, folder: Path, say: Say = _nothing) -> Iterator[LocalStack]:
        """Bring it up, and take it down in the end.

        Args:
            folder: the checkout, with the function packages in build/local.
            say: is told what is being waited for.

        Raises:
            LocalStackError: it did not come up.
        """
        project = read_project(folder)  # it is looked at first: the emulator takes a while
        say("starting ministack on loopback")
        with running_emulator() as emulator:
            say("deploying template.yaml to it")
            deployment = deploy(folder, emulator)
            say("creating the users, each with a password and TOTP")
            with closing(cls(deployment, project)) as stack:
                yield stack

    def _add_groups(self) -> None:
        """Those of the policy and the tests that the template does not make."""
        wanted = [group for test in self.project.tests for group in test.caller.groups]
        cognito = self.emulator.cognito
        for group in dict.fromkeys((*self.project.groups, *wanted)):
            with suppress(cognito.exceptions.GroupExistsException):
                cognito.create_group(UserPoolId=self.deployment.user_pool_id, GroupName=group)

    def sign_in(self, name: str) -> Tokens:
        """Sign a user in, with password and TOTP."""
        return users.sign_in(self.emulator, self.deployment.client_id, self.people[name])

    def access_token(self, person: Person) -> str:
        """A new access token of a user or a machine."""
        if not person.scopes:
            return self.sign_in(person.name).access
        return users.token_of_machine(self.deployment, person.scopes)

    def invite(self, name: str, groups: tuple[str, ...]) -> str:
        """Create a user who has yet to choose a password; returns the temporary one."""
        person = Person(name=name, groups=groups)
        return users.invite(self.emulator, self.deployment.user_pool_id, person).password

    def allowed_origin(self) -> str | None:
        """A web origin whose pages may call the API."""
        api_id = self.base_url.rpartition("/")[2]
        found = self.emulator.client("apigatewayv2").get_api(ApiId=api_id)
        return next(iter(found.get("CorsConfiguration", {}).get("AllowOrigins", ())), None)

    def served_pool(self, issued: Mapping[str, str] | None = None) -> ServedPool:
        """The pool as a source of tokens for events: none of them, where none were issued."""
        clients = [self.deployment.client_id, self.deployment.machine_client_id]
        return ServedPool(
            sub=self._somebody_in(callers_of(self.project.policy).groups).sub,
            pools=f"{self.deployment.user_pool_id}={','.join(filter(None, clients))}",
            jwks_url=self.emulator.jwks_url(self.deployment.user_pool_id),
            tokens=issued or {},
        )

    def _somebody_in(self, groups: tuple[str, ...]) -> Person:
        """The first user who is in the last of these groups; anybody where nobody is."""
        people = self.people.values()
        found = (one for one in people if groups and groups[-1] in one.groups)
        return next(found, next(iter(people)))

    @contextmanager
    def announced(self, folder: Path) -> Iterator[None]:
        """Leave tokens in the project's folder for ``authorizer event --token-from local``."""
        callers = callers_of(self.project.policy)
        person = self._somebody_in(callers.groups)
        denied = self._somebody_in(callers.denied_groups)
        tokens = self.sign_in(person.name)
        issued: dict[str, str] = {
            Placeholder.ACCESS: tokens.access,
            Placeholder.ID: tokens.id,
            Placeholder.SUSPENDED: self.access_token(denied),
            Placeholder.EXPIRED: users.expired(self.deployment, person),
        }
        if self.machines:
            issued[Placeholder.MACHINE] = self.access_token(self.machines[0])
        path = self.served_pool(issued).write(folder)
        written = path.read_bytes()
        try:
            yield
        finally:
            if path.exists() and path.read_bytes() == written:  # or another `make serve` is up
                path.unlink()
