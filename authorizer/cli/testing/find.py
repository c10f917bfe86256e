"""Where cases stand: in the policy, in the files beside it, or in those that are named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.simulator import simulator_of
from authorizer.cli.document.nodes import UnreadableError, compose
from authorizer.cli.testing.read import CaseReader
from authorizer.cli.text import shown
from authorizer.errors import ConfigurationError
from authorizer.policy.routes import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from authorizer.cli.document.source import SourcePolicy, SourceRule
    from authorizer.cli.testing.model import Case

SUFFIX = ".policy-test.yaml"
# How such a name may be got wrong: my-policy-test.yaml, api.policy-test.yml, policy_tests.yaml.
_NEAR_MISS = re.compile(r".*policy[-_. ]?tests?\.ya?ml", re.IGNORECASE)
_PARAMETER = re.compile(r"\{[^{}/=]+\}")
_PLAIN = re.compile(r"[A-Za-z][\w-]*")
_ANY_EXAMPLE = ("reader", "GET /hello")


def read_cases(source: SourcePolicy, policy: Path, files: Sequence[Path] = ()) -> list[Case]:
    """The cases of these files, or all that are found.

    Raises:
        ConfigurationError: with every problem of every file, located; or there are no cases.
    """
    problems: list[str] = []
    cases: list[Case] = []
    if not files:
        cases += _embedded(source, problems)
    for file in files or sorted(policy.parent.glob(f"*{SUFFIX}")):
        cases += _beside(file, source, problems)
    if problems:
        raise ConfigurationError(problems)
    if not cases:
        named = ", ".join(str(file) for file in files)
        raise ConfigurationError(
            [f"expected cases in {named}, found none"] if files else _without_cases(source, policy)
        )
    return cases


def near_misses(policy: Path) -> Iterator[str]:
    """A sentence for each file beside the policy that seems to be meant for one of tests."""
    for file in sorted(policy.parent.glob("*")):
        if _NEAR_MISS.fullmatch(file.name) and not file.name.endswith(SUFFIX):
            yield f"{shown(str(file))} is not read: expected a name that ends in {SUFFIX}"


def is_policy(file: Path) -> bool:
    """Whether a file is a policy, and not a file of tests."""
    try:
        root = compose(file.read_bytes())
    except (OSError, UnreadableError):
        return False
    return _is_policy(root)


def _is_policy(root: yaml.Node) -> bool:
    keys = (key for key, _ in root.value) if isinstance(root, yaml.MappingNode) else ()
    return any(isinstance(key, yaml.ScalarNode) and key.value == "version" for key in keys)


def _embedded(source: SourcePolicy, problems: list[str]) -> Iterator[Case]:
    reader = _reader(source.file, source)
    yield from reader.cases(source.tests)
    problems += _located(reader)


def _beside(file: Path, source: SourcePolicy, problems: list[str]) -> Iterator[Case]:
    reader = _reader(str(file), source)
    try:
        root = compose(file.read_bytes())
        if _is_policy(root):
            problems.append(
                f"{file}: expected a file of tests, found a policy: write --policy {file}"
            )
            return
        yield from reader.document(root)
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except UnreadableError as error:
        problems.append(error.problem.located(file))
    problems += _located(reader)


def _reader(file: str, source: SourcePolicy) -> CaseReader:
    return CaseReader(
        file=file,
        groups=frozenset(group.name for group in source.groups),
        scopes=frozenset(scope.name for scope in source.scopes),
    )


def _located(reader: CaseReader) -> Iterator[str]:
    for problem in sorted(reader.problems, key=lambda one: (one.line, one.column)):
        yield problem.located(reader.file)


# --- where there are none -------------------------------------------------------------------------


def _without_cases(source: SourcePolicy, policy: Path) -> Iterator[str]:
    """What to write, and where: an example that holds for this policy, where it has one."""
    yield (
        f"{policy} has no tests yet: write some under tests: in it, or in a file such as "
        f"api{SUFFIX} beside it:"
    )
    group, request = next(_granted(source), _ANY_EXAMPLE)
    yield "tests:"
    yield f"  - as: {{groups: [{_quoted(group)}]}}"
    yield f"    allow: [{json.dumps(request)}]"
    yield "    deny: [GET /somewhere/else]"


def _granted(source: SourcePolicy) -> Iterator[tuple[str, str]]:
    """Groups with a request that the policy surely allows them."""
    book = simulator_of(source)
    for group in source.groups:
        for rule in group.allow:
            request = _request_for(rule)
            caller = Caller(groups=(group.name,))
            elsewhere = Request(method="GET", path="/somewhere/else")
            if (
                request is not None
                and book.ask(request, caller).is_open
                and not book.ask(elsewhere, caller).is_open
            ):
                yield group.name, str(request)


def _request_for(rule: SourceRule) -> Request | None:
    """A request of a rule that compares no claims."""
    path = rule.text.partition(" ")[2].removesuffix("/**")
    if rule.pattern.conditions or not path:
        return None
    method = next(one for one in METHODS if rule.pattern.covers_method(one))
    return Request(method=method, path=_PARAMETER.sub("1", path))


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)
