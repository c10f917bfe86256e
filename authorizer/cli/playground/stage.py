"""What is played with: an API, its pool, who can sign in, and its policy.

Whoever starts the playground knows whether the API is on the emulator or deployed; nothing else
here does.

The policy's file is watched. One that cannot be used changes nothing: the last good policy stays in
force.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from authorizer import Authorizer, Settings
from authorizer.cli.analysis.named_policy import NamedPolicy, load_policy
from authorizer.cli.analysis.protection import (
    DecidedBy,
    protection_by_route,
    routes_that_ask,
    unnamed_routes,
)
from authorizer.cli.analysis.sheet import Sheet, sheet_of_api
from authorizer.cli.analysis.simulator import Simulator, simulator_of
from authorizer.cli.diff.compare import Diff, compare
from authorizer.cli.event.tokens import ANSWERS, PREFIX
from authorizer.cli.policy_file import compile_source, dump_policy, read_source, with_routes
from authorizer.cli.template.model import ApiKind
from authorizer.cli.template.stacks import known_routes
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.account.sessions import Target
    from authorizer.cli.analysis.request import Caller
    from authorizer.cli.playground.tokens import Tokens
    from authorizer.cli.template.model import Api, Template
    from authorizer.tokens.pool import UserPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The API, its pool and its policy.

    Attributes:
        target: whom to sign in with.
        pool: whose tokens count.
        api_url: what paths are put behind.
        opened: the template, and the API of it that is meant.
        samples: who can be signed in by a click, as the policy is told of them; by name.
        sign_in: signs one of them in by their name. Whatever goes wrong is an ``AccountError``.
        reason: what the authorizer has logged since it was asked for last; nothing where it was not
            asked. Nothing at all where its log cannot be read.
        put_in_force: has the authorizer decide by a compiled policy from now on; nothing where that
            takes a deployment.
    """

    target: Target
    pool: UserPool
    api_url: str
    policy: Path
    opened: tuple[Template, Api]
    samples: Mapping[str, Caller] = field(default_factory=dict)
    sign_in: Callable[[str], Tokens] | None = None
    reason: Callable[[], str | None] | None = None
    put_in_force: Callable[[bytes], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """The policy in force, and what became of its file since.

    Attributes:
        compiled: the policy as it ships.
        authorizer: decides by it in this process, as the function does.
        version: counts what the file has been.
        data: the file as it is now, good or not.
        problems: what is wrong with the file: the line, where that is known, and what.
        diff: what the last good change changed.
    """

    named: NamedPolicy
    simulator: Simulator
    sheet: Sheet
    compiled: bytes
    authorizer: Authorizer
    data: bytes
    version: int = 1
    problems: tuple[tuple[int | None, str], ...] = ()
    diff: Diff | None = None


class WatchedPolicy:
    """The file, read anew whenever it is another one. Thread-safe."""

    def __init__(self, stage: Stage) -> None:
        """Read it for the first time.

        Raises:
            ConfigurationError: with all that is wrong.
        """
        self._stage, self._lock = stage, Lock()
        template, api = stage.opened
        asked = {one.decided_by for one in protection_by_route(template, api).values()}
        if DecidedBy.POLICY not in asked or api.kind is ApiKind.WEBSOCKET:
            problem = (
                "expected an HTTP or a REST API with a route that asks the policy's authorizer, "
                f"found {api.id} in {template.file}: 'authorizer check' says what the template "
                "lacks"
            )
            raise ConfigurationError([problem])
        self._state = _state_of(stage, load_policy(stage.policy), self._read())

    def look(self) -> PolicyState:
        """What there is now."""
        with self._lock:
            data = self._read()
            if data != self._state.data:
                self._state = self._changed(data)
            return self._state

    def _read(self) -> bytes:
        """The file; nothing where it cannot be read, as while an editor puts it in place."""
        with suppress(OSError):
            return self._stage.policy.read_bytes()
        return b""

    def _changed(self, data: bytes) -> PolicyState:
        stage, last = self._stage, self._state
        bad = replace(last, version=last.version + 1, data=data)
        source, found = read_source(data, str(stage.policy))
        if found:
            return replace(bad, problems=tuple((one.location.line, str(one)) for one in found))
        named = NamedPolicy(source=source)
        try:
            state = _state_of(stage, named, data)
            if stage.put_in_force is not None:
                stage.put_in_force(state.compiled)
        except ConfigurationError as error:
            return replace(bad, problems=((None, str(error)),))
        template, api = stage.opened
        diff = compare(
            last.named,
            named,
            routes=tuple(routes_that_ask(api)),
            unnamed=unnamed_routes(template, api),
        )
        return replace(state, version=bad.version, diff=diff)


def _state_of(stage: Stage, named: NamedPolicy, data: bytes) -> PolicyState:
    """The state with a good policy. Its authorizer has the API's own settings of how to answer."""
    pool, (template, api) = stage.pool, stage.opened
    routes = known_routes(template, api.id)
    compiled = dump_policy(with_routes(compile_source(named.source), routes))
    variables = (pair for function in template.functions for pair in function.variables.items())
    with tempfile.TemporaryDirectory(prefix="authorizer-playground-") as folder:
        file = Path(folder, "policy.json")
        file.write_bytes(compiled)
        environment = {
            **{name: told for name, told in variables if name in ANSWERS and isinstance(told, str)},
            f"{PREFIX}USER_POOLS": f"{pool.id}={','.join(sorted(pool.client_ids))}",
            f"{PREFIX}JWKS_URLS": f"{pool.id}={pool.jwks_url}",
            f"{PREFIX}POLICY": str(file),
        }
        authorizer = Authorizer.from_settings(Settings.from_environment(environment))
    return PolicyState(
        named=named,
        simulator=simulator_of(named, stage.opened),
        sheet=sheet_of_api(named, template, api),
        compiled=compiled,
        authorizer=authorizer,
        data=data,
    )
