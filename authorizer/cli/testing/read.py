"""Reading cases: ``tests:`` of the policy file, and of ``*.policy-test.yaml``, with every problem.

A misspelt group would grant nothing, and a case that expects a denial would pass for it. So names
that the policy does not know are problems here, although the authorizer shrugs at them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.analysis.request import (
    Caller,
    RequestSyntaxError,
    described_caller,
    parse_requests,
)
from authorizer.cli.document.nodes import NodeReader, describe, did_you_mean, is_null
from authorizer.cli.template.model import Place
from authorizer.cli.testing.model import Case, Expectation
from authorizer.errors import clip
from authorizer.policy.routes import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What Cognito says of groups and scopes is said under these names.
_SAID_ELSEWHERE = {"cognito:groups": "groups", "scope": "scopes"}
# Cognito's own claims that are always text. An unquoted 42 would never equal a path parameter.
_TEXTS = frozenset({"client_id", "cognito:username", "email", "iss", "jti", "sub", "username"})
_TAG = "tag:yaml.org,2002:"
# YAML's aliases can write one list a thousand times.
MOST_REQUESTS = 100_000
_CODE = "test"


@dataclass(slots=True, kw_only=True)
class CaseReader(NodeReader):
    """Walks the nodes, builds the cases, and collects what is wrong.

    Attributes:
        file: as the user named it, for places.
        groups, scopes: those that the policy knows.
    """

    file: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    _left: int = field(default=MOST_REQUESTS, init=False)

    def document(self, root: yaml.Node) -> tuple[Case, ...]:
        """The cases of a ``*.policy-test.yaml``."""
        parts = self.fields(root, {"tests"}, "a file of tests")
        if parts is None:
            return ()
        if "tests" not in parts:
            self.report(root, _CODE, "expected cases under tests, found none")
        return self.cases(parts.get("tests"))

    def cases(self, node: yaml.Node | None) -> tuple[Case, ...]:
        """The cases under a key ``tests``."""
        if node is None or is_null(node):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.report(node, _CODE, f"expected tests to be a list, found {describe(node)}")
            return ()
        return tuple(case for item in node.value for case in self._case(item))

    def _case(self, node: yaml.Node) -> Iterator[Case]:
        parts = self.fields(node, {"allow", "as", "complete", "deny", "name"}, "a case")
        if parts is None:
            return
        caller = self._caller(parts.get("as"))
        expectations = (
            *self._expectations(parts.get("allow"), allowed=True),
            *self._expectations(parts.get("deny"), allowed=False),
        )
        self._require_one_answer(expectations)
        is_complete = self._flag(parts.get("complete"))
        if not parts.keys() & {"allow", "deny", "complete"}:
            self.report(node, _CODE, "expected allow, deny or complete in a case, found none")
        yield Case(
            name=self._name(parts.get("name")) or _described(caller),
            place=self._place(node),
            caller=caller,
            expectations=expectations,
            is_complete=is_complete,
        )

    def _caller(self, node: yaml.Node | None) -> Caller:
        if node is None or is_null(node):
            return Caller()
        parts = self.fields(node, {"claims", "groups", "scopes"}, "a caller") or {}
        return described_caller(
            self._known(parts.get("groups"), "groups", self.groups),
            self._known(parts.get("scopes"), "scopes", self.scopes),
            dict(self._claims(parts.get("claims"))),
        )

    def _known(self, node: yaml.Node | None, what: str, known: Iterable[str]) -> list[str]:
        names = []
        for item in self.scalars(node, what):
            names.append(item.value)
            if item.value not in known:
                hint = did_you_mean(item.value, known)
                self.report(
                    item,
                    _CODE,
                    f"expected one of the policy's {what}, found {clip(item.value)}{hint}",
                )
        return names

    def _claims(self, node: yaml.Node | None) -> Iterator[tuple[str, Any]]:
        for key, value in self.named(node, "claims to map names to values"):
            elsewhere = _SAID_ELSEWHERE.get(key.value)
            if elsewhere is not None:
                self.report(
                    key, _CODE, f"expected {elsewhere} beside claims, found the claim {key.value}"
                )
            claim = self._claim(value)
            if key.value in _TEXTS and not isinstance(claim, str):
                self.report(
                    value,
                    _CODE,
                    f"expected text for the claim {key.value}, found {describe(value)}: "
                    f"put it in quotes",
                )
            yield key.value, claim

    def _claim(self, node: yaml.Node) -> Any:  # noqa: ANN401 - a claim is any JSON
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode) and all(
            isinstance(item, yaml.ScalarNode) for item in node.value
        ):
            return [self._scalar(item) for item in node.value]
        self.report(
            node, _CODE, f"expected a claim's value or a list of some, found {describe(node)}"
        )
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - likewise
        if node.tag not in {f"{_TAG}{name}" for name in ("bool", "float", "int", "null")}:
            return node.value
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, OverflowError):
            self.report(node, _CODE, f"expected a number or a truth value, found {describe(node)}")
            return None

    def _expectations(self, node: yaml.Node | None, *, allowed: bool) -> Iterator[Expectation]:
        for item in self.scalars(node, "requests"):
            try:
                requests = parse_requests(item.value)
            except RequestSyntaxError as error:
                shift = error.offset + (item.style in {"'", '"'})
                hint = _in_brackets(item.value)
                self.report(item, _CODE, f"{error}{hint}", shift)
                continue
            self._left -= len(requests)
            if self._left < 0:
                self.report(item, _CODE, f"expected at most {MOST_REQUESTS} requests in a file")
                return
            for request in requests:
                yield Expectation(request=request, allowed=allowed, place=self._place(item))

    def _require_one_answer(self, expectations: Iterable[Expectation]) -> None:
        seen: dict[object, Expectation] = {}
        for one in expectations:
            first = seen.setdefault(one.request, one)
            if first is not one:
                self.report_at(
                    one.place.line,
                    one.place.column,
                    _CODE,
                    f"expected {clip(str(one.request))} once in a case, found it again "
                    f"(first on line {first.place.line})",
                )

    def _flag(self, node: yaml.Node | None) -> bool:
        if node is None:
            return False
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}bool":
            return self._scalar(node) is True
        self.report(node, _CODE, f"expected complete to be true or false, found {describe(node)}")
        return False

    def _name(self, node: yaml.Node | None) -> str | None:
        if node is None or is_null(node):
            return None
        if isinstance(node, yaml.ScalarNode):
            name: str = node.value
            return name
        self.report(node, _CODE, f"expected a name as plain text, found {describe(node)}")
        return None

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(file=self.file, line=mark.line + 1, column=mark.column + 1)


def _in_brackets(text: str) -> str:
    return "; quote a request that has commas inside [ ]" if text in METHODS else ""


def _described(caller: Caller) -> str:
    """A name for a case that has none."""
    if caller.groups:
        return f"groups {', '.join(caller.groups)}"
    return f"scopes {', '.join(caller.scopes)}" if caller.scopes else "no groups"
