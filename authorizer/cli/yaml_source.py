"""YAML as nodes, and what is wrong with them: every problem with line, column and a stable code.

YAML is read as nodes, not as values, so that a name is the text that stands there: a group called
``no`` or ``1e3`` is that, and not a boolean or a number. Nothing here knows what a policy is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

# A policy of ten thousand rules has about half of this.
MAX_DOCUMENT_BYTES = 1024 * 1024
# Comparing names with names takes time: a file full of unknown ones gets the first few hints.
_MOST_HINTS = 20
_MOST_KNOWN_NAMES = 2000
# An item without the blank that makes it one.
_DASH = re.compile("-[^ ]")
# What YAML itself says of a value. Any other tag would ask for something that is not done here.
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "seq", "str")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in the document that is not as it should be.

    Attributes:
        line: counted from 1.
        column: counted from 1.
        message: what was expected, and what was found.
        code: of the finding that ``authorizer check`` makes of it.
        variant: of that finding: the catalogue then says more closely what to do.
        meant: what was probably meant by a method that there is not.
    """

    line: int
    column: int
    message: str
    code: str = "P102"
    variant: str = ""
    meant: str | None = None

    def located(self, path: Path | str) -> str:
        """``policy.yaml:7:9: expected ...``."""
        return f"{path}:{self.line}:{self.column}: {self.message}"


class UnreadableError(Exception):
    """The bytes are no YAML document of ours."""

    def __init__(
        self, message: str, mark: yaml.Mark | None = None, code: str = "P102", variant: str = ""
    ) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.problem = Problem(
            line=line, column=column, message=message, code=code, variant=variant
        )
        super().__init__(message)


class _Loader(yaml.SafeLoader):
    """Refuses tags, which would otherwise be dropped without a word."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - yaml's own
        event = self.peek_event()  # type: ignore[no-untyped-call]
        tag = getattr(event, "tag", None)
        if tag and tag != "!" and tag not in _PLAIN_TAGS:
            raise UnreadableError(
                f"expected plain YAML, found {clip(tag)}: nothing is worked out in this file; "
                "if it is a template, give it with --template",
                event.start_mark,
                "P105",
                "tag",
            )
        return super().compose_node(parent, index)


def compose(data: bytes) -> yaml.Node:
    """Read one YAML document.

    Raises:
        UnreadableError: for anything else.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise UnreadableError(
            f"expected at most {MAX_DOCUMENT_BYTES} bytes, found {len(data)}", code="P101"
        )
    try:
        text = data.decode("utf-8-sig")
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise UnreadableError(f"expected UTF-8, found {found}", code="P101") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(text, error) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n"), error.position - (before.rfind("\n") + 1)
        mark = yaml.Mark("", 0, line, column, None, 0)
        raise UnreadableError(f"expected YAML: {error.reason}", mark) from error
    except RecursionError as error:
        raise UnreadableError("expected a policy, found values nested too deeply") from error
    except (OverflowError, ValueError) as error:
        # PyYAML does not guard "\U00110000", nor a %YAML version of thousands of digits.
        raise UnreadableError("expected YAML, found a number out of range") from error
    if root is None:
        message = "expected a policy that starts with 'version: 1', found nothing"
        raise UnreadableError(message, variant="empty")
    return root


def _syntax_error(text: str, error: yaml.MarkedYAMLError) -> UnreadableError:
    """What YAML says, which has no codes: its words alone tell one mistake from another."""
    problem, mark = str(error.problem or error.context), error.problem_mark
    hint = "; quote a rule that has braces inside [ ]" if "'{'" in problem else ""
    variant = "column" if "<block end>" in problem else ""
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        variant = "tab"
    return UnreadableError(f"expected YAML: {problem}{hint}", mark, variant=variant)


@dataclass(slots=True)
class NodeReader:
    """Takes nodes apart, and collects what is wrong with them.

    Attributes:
        problems: in the order found.
    """

    problems: list[Problem] = field(default_factory=list)
    _characters_left: int = MAX_DOCUMENT_BYTES
    _hints_left: int = _MOST_HINTS

    def report(
        self,
        node: yaml.Node,
        code: str,
        message: str,
        shift: int = 0,
        *,
        variant: str = "",
        meant: str | None = None,
    ) -> None:
        """Keep a problem, at the node's first character or ``shift`` characters later."""
        mark = node.start_mark
        self.problems.append(
            Problem(
                line=mark.line + 1,
                column=mark.column + 1 + shift,
                message=message,
                code=code,
                variant=variant,
                meant=meant,
            )
        )

    def report_at(self, line: int, column: int, code: str, message: str) -> None:
        """Keep a problem."""
        self.problems.append(Problem(line=line, column=column, message=message, code=code))

    def report_kind(self, node: yaml.Node, expected: str) -> None:
        """Keep that a value is of the wrong kind."""
        is_dash = isinstance(node, yaml.ScalarNode) and _DASH.match(node.value)
        variant = "dash" if is_dash else ""
        self.report(node, "P105", f"{expected}, found {describe(node)}", variant=variant)

    def hint(self, name: str, known: Collection[str]) -> str:
        """A hint at the known name that comes closest, as long as hints are cheap."""
        if self._hints_left == 0 or len(known) > _MOST_KNOWN_NAMES:
            return ""
        self._hints_left -= 1
        return did_you_mean(name, known)

    def is_affordable(self, node: yaml.Node) -> bool:
        """Whether a key or item may still be read.

        Aliases let a small file stand for an endless one. Without them, no file has more to read
        than it has characters.
        """
        before = self._characters_left
        self._characters_left -= 1 + len(node.value)
        if before >= 0 > self._characters_left:
            self.report(
                node,
                "P101",
                f"expected at most {MAX_DOCUMENT_BYTES} characters with all aliases written out",
            )
        return self._characters_left >= 0

    def fields(
        self, node: yaml.Node, allowed: set[str], what: str, below: Collection[str] = ()
    ) -> dict[str, yaml.Node] | None:
        """The values of a mapping whose keys are all known; nothing where it is no mapping.

        Args:
            node: the mapping.
            allowed: its keys.
            what: it is, for messages.
            below: keys that belong further below.
        """
        if not isinstance(node, yaml.MappingNode):
            expected = f"expected {what} to be a mapping with {', '.join(sorted(allowed))}"
            if is_null(node):
                self.report(node, "P105", f"{expected}, found nothing", variant="empty")
            else:
                self.report_kind(node, expected)
            return None
        fields = {}
        for key, value in self._unique(node):
            if key.value in allowed:
                fields[key.value] = value
            else:
                self.report(
                    key,
                    "P104",
                    f"expected {one_of(sorted(allowed))} in {what}, "
                    f"found {clip(key.value)}{self.hint(key.value, allowed)}",
                    variant="of_group" if key.value in below else "",
                )
        return fields

    def named(self, node: yaml.Node | None, what: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """A mapping from names to bodies; empty where there is none."""
        if node is None or is_null(node):
            return []
        if isinstance(node, yaml.MappingNode):
            return list(self._unique(node))
        self.report_kind(node, f"expected {what}")
        return []

    def scalars(self, node: yaml.Node | None, what: str) -> list[yaml.ScalarNode]:
        """A list of plain texts; empty where there is none."""
        if node is None or is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.report_kind(node, f"expected a list of {what}")
            return []
        scalars = []
        for item in node.value:
            if not self.is_affordable(item):
                break
            if isinstance(item, yaml.ScalarNode) and not is_null(item):
                scalars.append(item)
            else:
                self.report_kind(item, f"expected one of the {what} as plain text")
        return scalars

    def _unique(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not self.is_affordable(key):
                return
            if not isinstance(key, yaml.ScalarNode):
                self.report_kind(key, "expected a name")
            elif key.value in seen:
                self.report(
                    key,
                    "P106",
                    f"expected each name once, found {clip(key.value)} again "
                    f"(first on line {seen[key.value]})",
                )
            else:
                seen[key.value] = key.start_mark.line + 1
                yield key, value


def is_null(node: yaml.Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def describe(node: yaml.Node) -> str:
    """What stands there, for a message."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else clip(node.value)


def one_of(names: Sequence[str]) -> str:
    """The names in a sentence: ``allow, deny or includes``."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
