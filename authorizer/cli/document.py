"""Reading ``policy.yaml``: every error with file, line and column, all of them at once.

YAML is read as nodes, not as values, so that a name is the text that stands there: a group called
``no`` or ``1e3`` is that, and not a boolean or a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.errors import ConfigurationError, clip
from authorizer.policy.compiled import FORMAT_VERSION, dump_policy, parse_policy
from authorizer.policy.routes import RouteSyntaxError, parse_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.policy.model import Policy

# A policy of ten thousand rules has about half of this.
MAX_DOCUMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in the document that is not as it should be.

    Attributes:
        line: counted from 1.
        column: counted from 1.
        message: what was expected, and what was found.
    """

    line: int
    column: int
    message: str

    def located(self, path: Path | str) -> str:
        """``policy.yaml:7:9: expected ...``."""
        return f"{path}:{self.line}:{self.column}: {self.message}"


def load_document(path: Path) -> tuple[bytes, Policy]:
    """Read and compile ``policy.yaml``.

    Returns:
        The compiled JSON that ships, and the policy that it loads as.

    Raises:
        ConfigurationError: with every problem, located.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    document, problems = read_document(data)
    if problems:
        raise ConfigurationError(problem.located(path) for problem in problems)
    compiled = dump_policy(document)
    return compiled, parse_policy(compiled)


def read_document(data: bytes) -> tuple[dict[str, Any], list[Problem]]:
    """Read ``policy.yaml`` into the compiled document.

    Returns:
        The document, which is only good when the list of problems is empty.
    """
    try:
        root = _compose(data)
    except _UnreadableError as error:
        return {}, [error.problem]
    reader = _Reader()
    document = reader.document(root)
    return document, sorted(reader.problems, key=lambda problem: (problem.line, problem.column))


class _UnreadableError(Exception):
    def __init__(self, message: str, mark: yaml.Mark | None = None) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.problem = Problem(line=line, column=column, message=message)
        super().__init__(message)


def _compose(data: bytes) -> yaml.Node:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _UnreadableError(f"expected at most {MAX_DOCUMENT_BYTES} bytes, found {len(data)}")
    try:
        text = data.decode("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise _UnreadableError(f"expected UTF-8, found {found}") from error
    except yaml.MarkedYAMLError as error:
        hint = "; quote a rule that has braces inside [ ]" if "'{'" in str(error.problem) else ""
        raise _UnreadableError(
            f"expected YAML: {error.problem or error.context}{hint}", error.problem_mark
        ) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n"), error.position - (before.rfind("\n") + 1)
        mark = yaml.Mark("", 0, line, column, None, 0)
        raise _UnreadableError(f"expected YAML: {error.reason}", mark) from error
    except RecursionError as error:
        raise _UnreadableError("expected a policy, found values nested too deeply") from error
    except (OverflowError, ValueError) as error:
        # PyYAML does not guard "\U00110000", nor a %YAML version of thousands of digits.
        raise _UnreadableError("expected YAML, found a number out of range") from error
    if root is None:
        raise _UnreadableError("expected a policy that starts with 'version: 1', found nothing")
    return root


class _Reader:
    """Walks the nodes, builds the document, and collects what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def document(self, root: yaml.Node) -> dict[str, Any]:
        parts = self._fields(root, {"version", "groups", "scopes", "public"}, "the policy")
        if parts is None:
            return {}
        self._version(root, parts.get("version"))
        document: dict[str, Any] = {
            "version": FORMAT_VERSION,
            "groups": {
                self._name(key): self._group(value)
                for key, value in self._named(parts.get("groups"), "groups")
            },
            "scopes": {
                self._name(key): self._scope(value)
                for key, value in self._named(parts.get("scopes"), "scopes")
            },
            "public": self._rules(parts.get("public"), conditions=False),
            "routes": None,
        }
        self._check_includes(document["groups"], parts.get("groups"))
        return document

    def _version(self, root: yaml.Node, node: yaml.Node | None) -> None:
        if node is None:
            self._report(root, f"expected 'version: {FORMAT_VERSION}', found no version")
        elif not (isinstance(node, yaml.ScalarNode) and node.value == str(FORMAT_VERSION)):
            self._report(node, f"expected version {FORMAT_VERSION}, found {_describe(node)}")

    def _group(self, node: yaml.Node) -> dict[str, Any]:
        parts = self._fields(node, {"includes", "allow", "deny"}, "a group") or {}
        return {
            "includes": [item.value for item in self._scalars(parts.get("includes"), "groups")],
            "allow": self._rules(parts.get("allow")),
            "deny": self._rules(parts.get("deny")),
        }

    def _scope(self, node: yaml.Node) -> dict[str, Any]:
        parts = self._fields(node, {"allow"}, "a scope") or {}
        return {"allow": self._rules(parts.get("allow"))}

    def _rules(self, node: yaml.Node | None, *, conditions: bool = True) -> list[dict[str, Any]]:
        rules = []
        for item in self._scalars(node, "rules"):
            try:
                pattern = parse_pattern(item.value)
            except RouteSyntaxError as error:
                # The offset is right for a rule on one line, quoted or not.
                shift = error.offset + (item.style in {"'", '"'})
                self._report(item, str(error), shift)
                continue
            if pattern.conditions and not conditions:
                self._report(item, "expected no {name=claim} in a public route: it has no caller")
            rules.append({"rule": pattern.text, "line": item.start_mark.line + 1})
        return rules

    def _check_includes(self, groups: dict[str, Any], node: yaml.Node | None) -> None:
        for key, body in self._named(node, None):
            parts = dict(_pairs(body))
            included = next((value for name, value in parts.items() if name == "includes"), None)
            for item in self._scalars(included, None):
                if item.value not in groups:
                    self._report(
                        item,
                        f"expected a group of this policy, found {clip(item.value)}"
                        f"{_did_you_mean(item.value, groups)}",
                    )
                elif key.value in _reachable(groups, item.value):
                    self._report(
                        item,
                        f"expected no cycle, but {clip(item.value)} includes "
                        f"{clip(key.value)} again",
                    )

    def _fields(self, node: yaml.Node, allowed: set[str], what: str) -> dict[str, yaml.Node] | None:
        """A mapping whose keys are all known."""
        if not isinstance(node, yaml.MappingNode):
            expected = ", ".join(sorted(allowed))
            self._report(
                node, f"expected {what} to be a mapping with {expected}, found {_describe(node)}"
            )
            return None
        fields = {}
        for key, value in self._unique(node):
            if key.value in allowed:
                fields[key.value] = value
            else:
                self._report(
                    key,
                    f"expected {' or '.join(sorted(allowed))} in {what}, "
                    f"found {clip(key.value)}{_did_you_mean(key.value, allowed)}",
                )
        return fields

    def _named(
        self, node: yaml.Node | None, what: str | None
    ) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """A mapping from names to bodies. Nothing is reported where ``what`` is not given."""
        if node is None or _is_null(node):
            return []
        if isinstance(node, yaml.MappingNode):
            return list(self._unique(node, report=what is not None))
        if what is not None:
            self._report(node, f"expected {what} to map names to rules, found {_describe(node)}")
        return []

    def _unique(
        self, node: yaml.MappingNode, *, report: bool = True
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                if report:
                    self._report(key, f"expected a name, found {_describe(key)}")
            elif key.value in seen:
                if report:
                    self._report(
                        key,
                        f"expected each name once, found {clip(key.value)} again "
                        f"(first on line {seen[key.value]})",
                    )
            else:
                seen[key.value] = key.start_mark.line + 1
                yield key, value

    def _scalars(self, node: yaml.Node | None, what: str | None) -> list[yaml.ScalarNode]:
        """A list of plain texts."""
        if node is None or _is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            if what is not None:
                self._report(node, f"expected a list of {what}, found {_describe(node)}")
            return []
        scalars = []
        for item in node.value:
            if isinstance(item, yaml.ScalarNode) and not _is_null(item):
                scalars.append(item)
            elif what is not None:
                self._report(
                    item, f"expected one of the {what} as plain text, found {_describe(item)}"
                )
        return scalars

    def _name(self, key: yaml.ScalarNode) -> str:
        name: str = key.value
        if name.split() != [name]:
            self._report(key, f"expected a name without white space, found {clip(name)}")
        if any("\ud800" <= character <= "\udfff" for character in name):
            # An escape can write half of a surrogate pair, which UTF-8 cannot.
            self._report(key, f"expected a name of valid Unicode, found {clip(name)}")
        return name

    def _report(self, node: yaml.Node, message: str, shift: int = 0) -> None:
        mark = node.start_mark
        self.problems.append(
            Problem(line=mark.line + 1, column=mark.column + 1 + shift, message=message)
        )


def _pairs(node: yaml.Node) -> Iterator[tuple[Any, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield getattr(key, "value", None) if isinstance(key, yaml.ScalarNode) else None, value


def _reachable(groups: dict[str, Any], start: str) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        new = set(groups.get(waiting.pop(), {}).get("includes", ())) - found
        found |= new
        waiting += new
    return found


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _describe(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if _is_null(node) else clip(node.value)


def _did_you_mean(name: str, known: Any) -> str:  # noqa: ANN401 - any collection of names
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {clip(close[0])}?" if close else ""
