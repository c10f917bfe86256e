"""A policy with the lines of its public routes, which the runtime has no use for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authorizer.cli.policy_file import (
    compile_source,
    dump_policy,
    load_source,
    read_source,
    with_routes,
)
from authorizer.cli.policy_file.source import PUBLIC
from authorizer.errors import ConfigurationError
from authorizer.policy.decision import Policy
from authorizer.policy.model import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy as it was read, and what to call it.

    Attributes:
        name: of the file or revision, for messages and pages.
        public: the public routes as rules, for their lines.
        scopes: every scope that the policy names, with rules or without.
        document: the compiled form, without routes.
    """

    name: str
    policy: Policy
    public: tuple[Rule, ...] = ()
    scopes: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def compiled_with(self, routes: Sequence[str]) -> Policy:
        """The policy as it ships in front of an API with these routes."""
        return Policy.parse(dump_policy(with_routes(self.document, routes)))


def load_policy(path: Path) -> NamedPolicy:
    """Read ``policy.yaml``.

    Raises:
        ConfigurationError: with every problem, located.
    """
    return named_policy_of(compile_source(load_source(path)), str(path))


def read_policy(data: bytes, name: str) -> NamedPolicy:
    """Read the text of a ``policy.yaml`` from wherever it comes.

    Raises:
        ConfigurationError: with every problem, located.
    """
    source, problems = read_source(data, name)
    if problems:
        raise ConfigurationError(map(str, problems))
    return named_policy_of(compile_source(source), name)


def named_policy_of(document: Mapping[str, Any], name: str) -> NamedPolicy:
    """The same from the compiled document."""
    policy = Policy.parse(dump_policy(document))
    lines = zip(policy.public, document["public"], strict=True)
    return NamedPolicy(
        name=name,
        policy=policy,
        public=tuple(
            Rule(effect="allow", subject=PUBLIC, pattern=pattern, line=written["line"])
            for pattern, written in lines
        ),
        scopes=tuple(document["scopes"]),
        document=document,
    )
