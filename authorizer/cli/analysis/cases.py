"""Reading cases: under ``tests:`` of the policy, and in the files ``*.policy-test.yaml`` beside it.

A misspelt group would grant nothing, and a case that expects a denial would pass for it. So names
that the policy does not know are problems here, although the authorizer shrugs at them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.analysis.request import (
    Caller,
    Request,
    RequestSyntaxError,
    described_caller,
    parse_requests,
)
from authorizer.cli.analysis.simulator import simulator_of
from authorizer.cli.location import Location, UnreadableError
from authorizer.cli.policy_file.fields import NodeReader, describe, is_null
from authorizer.cli.text import did_you_mean, shown
from authorizer.cli.yaml_source import Listing, Mapping, Node, Text, compose
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.paths import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from authorizer.cli.policy_file.source import SourcePolicy

SUFFIX = ".policy-test.yaml"
# How such a name may be got wrong: my-policy-test.yaml, api.policy-test.yml, policy_tests.yaml.
_NEAR_MISS = re.compile(r".*policy[-_. ]?tests?\.ya?ml", re.IGNORECASE)
# What Cognito says of groups and scopes is said under these names.
_SAID_ELSEWHERE = {"cognito:groups": "groups", "scope": "scopes"}
# Cognito's own claims that are always text. An unquoted 42 would never equal a path parameter.
_TEXTS = frozenset({"client_id", "cognito:username", "email", "iss", "jti", "sub", "username"})
_NO_TEXT = frozenset({"bool", "float", "int", "null"})
# YAML's aliases can write one list a thousand times.
MOST_REQUESTS = 100_000
_CODE = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One request, and whether it must get through.

    Attributes:
        location: of the line that says so; of the case, where only its completeness does.
        route: the route that is unlisted, where only the case's completeness says so.
    """

    request: Request
    allowed: bool
    location: Location
    route: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A caller, and what they may and may not do.

    Attributes:
        name: as given, or made up of the caller.
        is_complete: whether what is not listed must be denied.
    """

    name: str
    location: Location
    caller: Caller
    expectations: tuple[Expectation, ...] = ()
    is_complete: bool = False


def read_cases(
    source: SourcePolicy, policy: Path, files: Sequence[Path] = (), *, may_be_none: bool = False
) -> list[Case]:
    """The cases of these files, or all that are found.

    Raises:
        ConfigurationError: with every problem of every file, located; or there are no cases.
    """
    cases, problems = _read(source, policy, files)
    if not (problems or cases or may_be_none):
        named = ", ".join(str(file) for file in files)
        problems += (
            [f"expected cases in {named}, found none"] if files else _example(source, policy)
        )
    if problems:
        raise ConfigurationError(problems)
    return cases


def tested_groups(source: SourcePolicy, policy: Path) -> list[tuple[str, ...]]:
    """The groups of each caller who has several in a test; of a test with mistakes, too."""
    cases, _ = _read(source, policy)
    known = [group.name for group in source.groups]
    found = (tuple(name for name in known if name in case.caller.groups) for case in cases)
    return [groups for groups in dict.fromkeys(found) if len(groups) > 1]


def _read(
    source: SourcePolicy, policy: Path, files: Sequence[Path] = ()
) -> tuple[list[Case], list[str]]:
    """All cases that can be read, and all that is wrong."""
    problems: list[str] = []
    cases: list[Case] = []
    if not files:
        reader = _reader(source.file, source)
        cases += reader.cases(source.tests)
        problems += map(str, reader.problems)
    for file in files or sorted(policy.parent.glob(f"*{SUFFIX}")):
        reader = _reader(str(file), source)
        try:
            root = compose(file.read_bytes(), str(file))
            if _is_policy(root):
                found = f"expected a file of tests, found a policy: write --policy {file}"
                problems.append(f"{file}: {found}")
            else:
                cases += reader.document(root)
        except OSError as error:
            problems.append(f"{file}: cannot be read: {error.strerror}")
        except UnreadableError as error:
            problems += error.problems
        problems += map(str, reader.problems)
    return cases, problems


def near_misses(policy: Path) -> Iterator[str]:
    """A sentence for each file beside the policy that seems to be meant for one of tests."""
    for file in sorted(policy.parent.glob("*")):
        if _NEAR_MISS.fullmatch(file.name) and not file.name.endswith(SUFFIX):
            yield f"{shown(str(file))} is not read: expected a name that ends in {SUFFIX}"


def is_policy(file: Path) -> bool:
    """Whether a file is a policy, and not a file of tests."""
    try:
        return _is_policy(compose(file.read_bytes(), str(file)))
    except (OSError, UnreadableError):
        return False


def _is_policy(root: Node) -> bool:
    return isinstance(root, Mapping) and "version" in root.entries


def _reader(file: str, source: SourcePolicy) -> CaseReader:
    return CaseReader(
        file=file,
        groups=frozenset(group.name for group in source.groups),
        scopes=frozenset(scope.name for scope in source.scopes),
    )


@dataclass(slots=True, kw_only=True)
class CaseReader(NodeReader):
    """Walks the nodes, builds the cases, and collects what is wrong.

    Attributes:
        groups, scopes: those that the policy knows.
    """

    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    _left: int = field(default=MOST_REQUESTS, init=False)

    def document(self, root: Node) -> tuple[Case, ...]:
        """The cases of a ``*.policy-test.yaml``."""
        parts = self.fields(root, {"tests"}, "a file of tests")
        if parts is None:
            return ()
        if "tests" not in parts:
            self.report(root.location, _CODE, "expected cases under tests, found none")
        return self.cases(parts.get("tests"))

    def cases(self, node: Node | None) -> tuple[Case, ...]:
        """The cases under a key ``tests``."""
        if node is None or is_null(node):
            return ()
        if not isinstance(node, Listing):
            self.report_kind(node, "expected tests to be a list")
            return ()
        return tuple(case for item in node.items for case in self._case(item))

    def _case(self, node: Node) -> Iterator[Case]:
        parts = self.fields(node, {"allow", "as", "complete", "deny", "name"}, "a case")
        if parts is None:
            return
        caller = self._caller(parts.get("as"))
        expectations = (
            *self._expectations(parts.get("allow"), allowed=True),
            *self._expectations(parts.get("deny"), allowed=False),
        )
        self._require_one_answer(expectations)
        name = self._text(parts.get("name"), "expected a name as plain text")
        flag = self._text(parts.get("complete"), "expected complete to be true or false", "bool")
        if not parts.keys() & {"allow", "deny", "complete"}:
            self.report(
                node.location, _CODE, "expected allow, deny or complete in a case, found none"
            )
        yield Case(
            name=_name_of(caller) if name is None or is_null(name) else name.text,
            location=node.location,
            caller=caller,
            expectations=expectations,
            is_complete=flag is not None and self._scalar(flag) is True,
        )

    def _caller(self, node: Node | None) -> Caller:
        if node is None or is_null(node):
            return Caller()
        parts = self.fields(node, {"claims", "groups", "scopes"}, "a caller") or {}
        return described_caller(
            self._known(parts.get("groups"), "groups", self.groups),
            self._known(parts.get("scopes"), "scopes", self.scopes),
            dict(self._claims(parts.get("claims"))),
        )

    def _known(self, node: Node | None, what: str, known: Iterable[str]) -> list[str]:
        items = self.scalars(node, what)
        for item in items:
            if item.text not in known:
                found = f"{clip(item.text)}{did_you_mean(item.text, known)}"
                self.report(
                    item.location, _CODE, f"expected one of the policy's {what}, found {found}"
                )
        return [item.text for item in items]

    def _claims(self, node: Node | None) -> Iterator[tuple[str, Any]]:
        for name, location, value in self.named(node, "claims to map names to values"):
            if name in _SAID_ELSEWHERE:
                where = f"{_SAID_ELSEWHERE[name]} beside claims"
                self.report(location, _CODE, f"expected {where}, found the claim {name}")
            claim = self._claim(value)
            if name in _TEXTS and not isinstance(claim, str):
                found = f"found {describe(value)}: put it in quotes"
                self.report(value.location, _CODE, f"expected text for the claim {name}, {found}")
            yield name, claim

    def _claim(self, node: Node) -> Any:  # noqa: ANN401 - a claim is any JSON
        return [*map(self._scalar, node.items)] if isinstance(node, Listing) else self._scalar(node)

    def _scalar(self, node: Node) -> Any:  # noqa: ANN401 - likewise
        if not isinstance(node, Text):
            self.report_kind(node, "expected a claim's value or a list of some")
            return None
        if node.kind not in _NO_TEXT:
            return node.text
        try:
            scalar = yaml.ScalarNode(f"tag:yaml.org,2002:{node.kind}", node.text)
            return yaml.constructor.SafeConstructor().construct_object(scalar)
        except (yaml.YAMLError, ValueError, LookupError, OverflowError):
            self.report_kind(node, "expected a number or a truth value")
            return None

    def _expectations(self, node: Node | None, *, allowed: bool) -> Iterator[Expectation]:
        for item in self.scalars(node, "requests"):
            try:
                requests = parse_requests(item.text)
            except RequestSyntaxError as error:
                is_cut = item.text in METHODS
                hint = "; quote a request that has commas inside [ ]" if is_cut else ""
                shift = error.offset + item.is_quoted
                self.report(item.location, _CODE, f"{error}{hint}", shift)
                continue
            self._left -= len(requests)
            if self._left < 0:
                self.report(
                    item.location, _CODE, f"expected at most {MOST_REQUESTS} requests in a file"
                )
                return
            for request in requests:
                yield Expectation(request=request, allowed=allowed, location=item.location)

    def _require_one_answer(self, expectations: Iterable[Expectation]) -> None:
        seen: dict[object, Expectation] = {}
        for expectation in expectations:
            first = seen.setdefault(expectation.request, expectation)
            if first is not expectation:
                again = f"found it again (first on line {first.location.line})"
                message = f"expected {clip(str(expectation.request))} once in a case, {again}"
                self.report(expectation.location, _CODE, message)

    def _text(self, node: Node | None, expected: str, kind: str = "") -> Text | None:
        if isinstance(node, Text) and kind in {"", node.kind}:
            return node
        if node is not None:
            self.report_kind(node, expected)
        return None


def _name_of(caller: Caller) -> str:
    """A name for a case that has none."""
    if caller.groups:
        return f"groups {', '.join(caller.groups)}"
    return f"scopes {', '.join(caller.scopes)}" if caller.scopes else "no groups"


# --- where there are none -------------------------------------------------------------------------


def _example(source: SourcePolicy, policy: Path) -> Iterator[str]:
    """What to write, and where: an example that holds for this policy, where it has one."""
    yield (
        f"{policy} has no tests yet: write some under tests: in it, or in a file such as "
        f"api{SUFFIX} beside it:"
    )
    group, request = next(_granted(source), ("reader", "GET /hello"))
    name = group if re.fullmatch(r"[A-Za-z][\w-]*", group) else json.dumps(group)
    yield "tests:"
    yield f"  - as: {{groups: [{name}]}}"
    yield f"    allow: [{json.dumps(request)}]"
    yield "    deny: [GET /somewhere/else]"


def _granted(source: SourcePolicy) -> Iterator[tuple[str, str]]:
    """Groups with a request that the policy surely allows them, and not every other one."""
    simulator = simulator_of(NamedPolicy(source=source))
    elsewhere = Request(method="GET", path="/somewhere/else")
    for rule in source.rules:
        group = rule.subject.removeprefix("group:")
        method = next(method for method in METHODS if rule.pattern.covers_method(method))
        path = rule.text.partition(" ")[2].removesuffix("/**") or "/"
        asked = Request(method=method, path=re.sub(r"\{[^{}]+\}", "1", path))
        is_allowed, is_all = (
            simulator.ask(request, Caller(groups=(group,))).is_open
            for request in (asked, elsewhere)
        )
        if is_allowed and not is_all and not rule.pattern.conditions:
            yield group, str(asked)
