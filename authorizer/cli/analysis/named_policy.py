"""A policy with where everything in it stands, which the runtime has no use for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from authorizer.cli.options import POLICY
from authorizer.cli.policy_file import (
    compile_source,
    dump_policy,
    load_source,
    read_source,
    with_routes,
)
from authorizer.errors import ConfigurationError
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from authorizer.cli.policy_file.source import SourcePolicy


@dataclass(frozen=True, eq=False, kw_only=True)
class NamedPolicy:
    """A policy as it was read, and as it decides.

    Attributes:
        source: as it was read, without any problem.
    """

    source: SourcePolicy

    @property
    def name(self) -> str:
        """Of the file or revision, for messages and pages."""
        return self.source.file

    @cached_property
    def policy(self) -> Policy:
        """As it decides where the routes of the API are not known, by the rules of the source."""
        compiled = Policy.parse(dump_policy(self._document))
        return replace(compiled, rules=tuple(self.source.rules))

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        return compile_source(self.source)

    def compiled_with(self, routes: Sequence[str]) -> Policy:
        """The policy as it ships in front of an API with these routes."""
        return Policy.parse(dump_policy(with_routes(self._document, routes)))


def load_policy(path: Path) -> NamedPolicy:
    """Read ``policy.yaml``.

    Raises:
        ConfigurationError: with every problem, located; of a file that is not there, where to go.
    """
    try:
        return NamedPolicy(source=load_source(path))
    except ConfigurationError as error:
        if path != POLICY or path.exists():
            raise
        hint = f"run it where {POLICY} is, or name it with --policy"
        raise ConfigurationError([f"{error}; {hint}"]) from error


def read_policy(data: bytes, name: str) -> NamedPolicy:
    """Read the text of a ``policy.yaml`` from wherever it comes.

    Raises:
        ConfigurationError: with every problem, located.
    """
    source, problems = read_source(data, name)
    if problems:
        raise ConfigurationError(map(str, problems))
    return NamedPolicy(source=source)
