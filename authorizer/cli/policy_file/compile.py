"""Reading ``policy.yaml``: every error with file, line and column, all of them at once.

``load_document`` is for those who need what ships, ``load_source`` for those who need the places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.cli.policy_file.reader import PolicyReader
from authorizer.cli.policy_file.source import SourcePolicy
from authorizer.cli.yaml_source import Problem, UnreadableError, compose
from authorizer.errors import ConfigurationError
from authorizer.policy.compiled import FORMAT_VERSION, dump_policy, parse_policy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from authorizer.cli.policy_file.source import PublicRoute, SourceRule
    from authorizer.policy.model import Policy


def load_document(path: Path, routes: list[str] | None = None) -> tuple[bytes, Policy]:
    """Read and compile ``policy.yaml``.

    Args:
        path: the file.
        routes: every route of the API, to be compiled in; nothing where they are not known.

    Returns:
        The compiled JSON that ships, and the policy that it loads as.

    Raises:
        ConfigurationError: with every problem, located.
    """
    compiled = dump_policy({**compile_source(load_source(path)), "routes": routes})
    return compiled, parse_policy(compiled)


def load_source(path: Path) -> SourcePolicy:
    """Read ``policy.yaml`` with all its places.

    Raises:
        ConfigurationError: with every problem, located.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    source, problems = read_source(data, str(path))
    if problems:
        raise ConfigurationError(problem.located(path) for problem in problems)
    return source


def read_source(data: bytes, file: str = "policy.yaml") -> tuple[SourcePolicy, list[Problem]]:
    """Read the bytes of ``policy.yaml``.

    Args:
        data: the file's content.
        file: its name, for places.

    Returns:
        The policy, which is only good when the list of problems is empty.
    """
    try:
        root = compose(data)
    except UnreadableError as error:
        return SourcePolicy(file=file), [error.problem]
    reader = PolicyReader(file=file)
    source = reader.read(root)
    return source, sorted(reader.problems, key=lambda problem: (problem.line, problem.column))


def read_document(data: bytes) -> tuple[dict[str, Any], list[Problem]]:
    """Read the bytes of ``policy.yaml`` into the compiled document.

    Returns:
        The document, which is only good when the list of problems is empty.
    """
    source, problems = read_source(data)
    return compile_source(source), problems


def compile_source(source: SourcePolicy) -> dict[str, Any]:
    """The compiled document: rules and their lines, without tests and acceptances."""
    return {
        "version": FORMAT_VERSION,
        "groups": {
            group.name: {
                "includes": [item.name for item in group.includes],
                "allow": _rules(group.allow),
                "deny": _rules(group.deny),
            }
            for group in source.groups
        },
        "scopes": {scope.name: {"allow": _rules(scope.allow)} for scope in source.scopes},
        "public": _rules(source.public),
        "routes": None,
    }


def _rules(rules: Iterable[SourceRule | PublicRoute]) -> list[dict[str, Any]]:
    return [{"rule": rule.text, "line": rule.place.line} for rule in rules]
