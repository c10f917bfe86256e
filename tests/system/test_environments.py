"""The template in several environments: with its own pool, with an existing one, with two.

Each is deployed to the emulator as a stack of its own, from the same packages, and called.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lambda_runtime import project_in
from template_stack import deploy

from authorizer.cli.local.emulator import Emulator, running_emulator
from authorizer.cli.local.stack import Answer, Api, DecisionLog
from authorizer.cli.local.users import Person, add_user, enrol, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from authorizer.cli.local.deploy import Deployment

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("environments")]

PROJECT = Path(__file__).parents[2]
GROUPS = ("reader", "editor", "admin", "suspended")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@dataclass(frozen=True)
class Pool:
    """A pool that somebody has already, with two apps in it, and users in groups."""

    emulator: Emulator
    id: str
    app: str
    other_app: str
    users: Mapping[str, Person]

    @classmethod
    def made(cls, emulator: Emulator, name: str) -> Pool:
        cognito = emulator.cognito
        pool_id = cognito.create_user_pool(PoolName=name)["UserPool"]["Id"]
        for group in GROUPS:
            cognito.create_group(UserPoolId=pool_id, GroupName=group)
        app, other_app = (
            cognito.create_user_pool_client(
                UserPoolId=pool_id,
                ClientName=app,
                ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            )["UserPoolClient"]["ClientId"]
            for app in ("app", "other-app")
        )
        users = {
            name: add_user(emulator, pool_id, Person(name=name, groups=groups))
            for name, groups in {"rita": ("reader",), "adam": ("admin",)}.items()
        }
        return cls(emulator, pool_id, app, other_app, users)

    def bearer(self, name: str, app: str | None = None) -> str:
        tokens = sign_in(self.emulator, app or self.app, self.users[name])
        return f"Bearer {tokens.access}"


@dataclass(frozen=True)
class Environment:
    """A deployed stack."""

    deployment: Deployment
    api: Api

    def answer(self, request: str, authorization: str) -> Answer:
        method, _, path = request.partition(" ")
        return self.api.call(method, path, authorization)

    def outcome(self, request: str, authorization: str) -> tuple[int, str | None]:
        answer = self.answer(request, authorization)
        return answer.status, answer.reason


# The most that a request may have for a template, which an API's body alone can be.
_MOST_REQUEST_BYTES = 51_200


@pytest.fixture
def deployed(emulator: Emulator) -> Iterator[Callable[..., Environment]]:
    """Deploy the template with parameters, made as large as those of real APIs."""
    project = project_in(PROJECT)
    apis = []

    def with_parameters(**parameters: str) -> Environment:
        name = f"environment-{secrets.token_hex(4)}"
        deployment = deploy(
            project,
            emulator,
            stack=name,
            parameters=parameters,
            larger="x" * _MOST_REQUEST_BYTES,
        )
        apis.append(
            Api(
                deployment.base_url,
                DecisionLog(emulator, deployment.authorizer_function).new_reason,
            )
        )
        return Environment(deployment, apis[-1])

    yield with_parameters
    for api in apis:
        api.close()


def test_with_its_own_pool(emulator: Emulator, deployed: Callable[..., Environment]) -> None:
    """Without parameters the stack has a pool of its own, and trusts no other."""
    environment = deployed()
    client_id = environment.deployment.client_id
    # A sample user, for whom the emulator takes a code twice: no test waits for the next one.
    edgar = enrol(environment.deployment, Person(name="edgar", groups=("editor",)))
    own = f"Bearer {sign_in(emulator, client_id, edgar).access}"
    assert environment.deployment.machine_client_id == ""

    assert environment.outcome("POST /articles", own) == (200, "allowed")
    assert environment.outcome("GET /admin/users", own) == (403, "not_granted")
    foreign = Pool.made(emulator, "foreign")
    assert environment.outcome("GET /hello", foreign.bearer("adam")) == (403, "issuer_unknown")


def test_with_an_existing_pool(emulator: Emulator, deployed: Callable[..., Environment]) -> None:
    """The stack trusts the pool that it is given, for the clients that it is given."""
    pool = Pool.made(emulator, "existing")
    pools_before = _pool_ids(emulator)
    environment = deployed(ExistingUserPoolId=pool.id, ExistingClientIds=pool.app)

    assert _pool_ids(emulator) == pools_before  # it has made none
    assert environment.deployment.user_pool_id == pool.id
    assert environment.deployment.client_id == pool.app
    assert environment.outcome("GET /hello", pool.bearer("rita")) == (200, "allowed")
    assert environment.outcome("GET /admin/users", pool.bearer("rita")) == (403, "not_granted")
    assert environment.outcome("GET /admin/users", pool.bearer("adam")) == (200, "allowed")
    other = pool.bearer("adam", pool.other_app)
    assert environment.outcome("GET /hello", other) == (403, "client_unknown")


def test_with_several_clients_of_an_existing_pool(
    emulator: Emulator, deployed: Callable[..., Environment]
) -> None:
    """Every client in the list is accepted."""
    pool = Pool.made(emulator, "existing")
    clients = f"{pool.app},{pool.other_app}"
    environment = deployed(ExistingUserPoolId=pool.id, ExistingClientIds=clients)

    for app in (pool.app, pool.other_app):
        assert environment.outcome("GET /hello", pool.bearer("rita", app)) == (200, "allowed")


def test_with_two_pools(emulator: Emulator, deployed: Callable[..., Environment]) -> None:
    """Tokens of both are accepted, each with its own keys and its own idea of who is who."""
    staff, partners = Pool.made(emulator, "staff"), Pool.made(emulator, "partners")
    environment = deployed(
        ExistingUserPoolId=staff.id,
        ExistingClientIds=staff.app,
        FurtherUserPools=f"{partners.id}={partners.app}",
    )

    for pool in (staff, partners):
        sub = pool.users["rita"].sub
        own = environment.answer(f"GET /users/{sub}", pool.bearer("rita"))
        assert (own.status, own.body["caller"]["sub"]) == (200, sub)
        assert own.body["caller"]["client_id"] == pool.app
    others = f"GET /users/{staff.users['rita'].sub}"
    assert environment.outcome(others, partners.bearer("rita")) == (403, "not_granted")
    third = Pool.made(emulator, "third")
    assert environment.outcome("GET /hello", third.bearer("adam")) == (403, "issuer_unknown")


def test_its_own_pool_and_a_further_one(
    emulator: Emulator, deployed: Callable[..., Environment]
) -> None:
    """A stack that makes its pool may trust others besides; here with all that watches it."""
    partners = Pool.made(emulator, "partners")
    topic = emulator.client("sns").create_topic(Name="alarms")["TopicArn"]
    environment = deployed(
        FurtherUserPools=f"{partners.id}={partners.app}",
        AlarmTopicArn=topic,
        ColdStarts="provisioned",
        Dashboard="yes",
        LogKeyArn=emulator.client("kms").create_key()["KeyMetadata"]["Arn"],
        ReservedConcurrency="5",
        Tracing="Active",
    )
    watching = emulator.client("cloudwatch")
    alarms = watching.describe_alarms()["MetricAlarms"]
    assert len(alarms) >= 6
    assert all(one["AlarmActions"] == one["OKActions"] == [topic] for one in alarms)
    assert len(watching.list_dashboards()["DashboardEntries"]) == 1
    client_id = environment.deployment.client_id
    edgar = enrol(environment.deployment, Person(name="edgar", groups=("reader",)))

    own = f"Bearer {sign_in(emulator, client_id, edgar).access}"
    assert environment.outcome("GET /hello", own) == (200, "allowed")
    assert environment.outcome("GET /hello", partners.bearer("rita")) == (200, "allowed")


def test_a_client_counts_for_its_own_pool_alone(
    emulator: Emulator, deployed: Callable[..., Environment]
) -> None:
    """A genuine token of one pool, whose client is listed for the other one, is refused."""
    staff, partners = Pool.made(emulator, "staff"), Pool.made(emulator, "partners")
    environment = deployed(
        ExistingUserPoolId=staff.id,
        ExistingClientIds=staff.app,
        # The staff pool's other app, listed where it does not belong.
        FurtherUserPools=f"{partners.id}={partners.app},{staff.other_app}",
    )

    assert environment.outcome("GET /hello", staff.bearer("adam")) == (200, "allowed")
    assert environment.outcome("GET /hello", partners.bearer("adam")) == (200, "allowed")
    mixed = staff.bearer("adam", staff.other_app)
    assert environment.outcome("GET /hello", mixed) == (403, "client_unknown")


def test_a_pool_that_is_named_twice_lets_nobody_in(
    emulator: Emulator, deployed: Callable[..., Environment]
) -> None:
    """Two lists of clients for one pool are a mistake; which one was meant is not guessed."""
    pool = Pool.made(emulator, "existing")
    environment = deployed(
        ExistingUserPoolId=pool.id,
        ExistingClientIds=pool.app,
        FurtherUserPools=f"{pool.id}={pool.other_app}",
    )
    assert environment.outcome("GET /hello", pool.bearer("rita"))[0] == 500


def _pool_ids(emulator: Emulator) -> set[str]:
    pools = emulator.cognito.list_user_pools(MaxResults=60)["UserPools"]
    return {pool["Id"] for pool in pools}
