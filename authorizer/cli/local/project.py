"""The project that runs here: what its template, its policy and its tests say of it.

Who signs in to the local stack, what they ask for and what must come of it follows from this. The
template is read as all commands read it, so that it may be of any deployer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.cases import Case, read_cases
from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.analysis.simulator import Simulator, simulator_of
from authorizer.cli.policy_file import load_document, load_source
from authorizer.cli.template.model import Api, ApiKind, FunctionVariables, Unknown
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import chosen_api, known_routes
from authorizer.errors import AuthorizerError
from authorizer.gateway.token_sources import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Authorizer, Template


class LocalStackError(AuthorizerError):
    """The local stack cannot go on. The text says what happened and, where known, what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is played on the local stack, and by whom.

    Attributes:
        folder: where the template is: the functions' code is found from here.
        template: as it was read.
        compiled: the policy, as it ships.
        guarded: the routes that the policy decides about, by key.
        functions: of the template, by logical id.
        tests: the cases of the policy and its files of tests.
    """

    folder: Path
    template: Template
    api: Api
    policy: SourcePolicy
    compiled: bytes
    simulator: Simulator
    guarded: Mapping[str, RouteProtection]
    functions: Mapping[str, FunctionVariables]
    tests: tuple[Case, ...]

    def __post_init__(self) -> None:
        """The users here have their tokens in the Authorization header."""
        if any(
            isinstance(told := one.variables.get("AUTHORIZER_TOKEN_SOURCES"), str)
            and AUTHORIZATION not in told.split()
            for one in self.functions.values()
        ):
            raise LocalStackError(
                f"expected {AUTHORIZATION} in AUTHORIZER_TOKEN_SOURCES, too, where the users here "
                "have their tokens, found other places alone: add it while you try the API here"
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that the policy has rules for."""
        return tuple(group.name for group in self.policy.groups)

    @property
    def is_rest(self) -> bool:
        """Whether it is a REST API, which answers some requests in another way."""
        return self.api.kind is ApiKind.REST

    @property
    def refused_status(self) -> int:
        """What a client sees whose token is refused: REST APIs have Unauthorized raised."""
        return 401 if self.is_rest else 403

    @property
    def answers_preflights(self) -> bool:
        """Whether API Gateway answers browsers that ask before they call."""
        return self.api.has_cors is True and not self.is_rest

    @property
    def authorizers(self) -> tuple[str, ...]:
        """Logical ids of the functions that the guarded routes ask."""
        return tuple(dict.fromkeys(map(authorizer_function, self.guarded.values())))


def authorizer_function(protection: RouteProtection) -> str:
    """The logical id of the function that a guarded route asks."""
    function = protection.authorizer.function if protection.authorizer else None
    # The template may not have it, or not tell.
    return function if isinstance(function, str) else "authorizer"


def remembered_seconds(api: Api, authorizer: Authorizer) -> int:
    """How long the emulator remembers an answer; it knows no context of a REST API's requests."""
    sources, seconds = authorizer.identity_sources, authorizer.ttl_seconds
    if isinstance(sources, Unknown) or isinstance(seconds, Unknown):
        return 0
    is_rest = api.kind is ApiKind.REST
    return 0 if is_rest and any(one.startswith("context:") for one in sources) else seconds


def read_project(template: Path, policy: Path, api: str | None = None) -> Project:
    """Read policy, template and tests.

    Raises:
        LocalStackError: the template is none that can be played.
        ConfigurationError: something in them is wrong.
    """
    read = read_template(template)
    chosen = chosen_api(read, api)
    if chosen.kind is ApiKind.WEBSOCKET:
        raise LocalStackError(
            f"expected an HTTP or a REST API in {template}, found {chosen.id}, a WebSocket API: "
            "authorizer event '$connect' --invoke asks the authorizer of one"
        )
    source = load_source(policy)
    simulator = simulator_of(NamedPolicy(source=source), (read, chosen))
    guarded = {
        key: protection
        for key, protection in simulator.protections.items()
        if protection.decided_by is DecidedBy.POLICY
    }
    if not guarded:
        raise LocalStackError(
            f"expected a route of {chosen.id} in {template} that asks the policy's authorizer, "
            "found none: 'authorizer init' prints what the template needs, and 'authorizer check' "
            "says what it lacks"
        )
    return Project(
        folder=template.parent,
        template=read,
        api=chosen,
        policy=source,
        compiled=load_document(policy, known_routes(read, chosen.id))[0],
        simulator=simulator,
        guarded=guarded,
        functions={function.id: function for function in read.functions},
        tests=tuple(read_cases(source, policy, may_be_none=True)),
    )
