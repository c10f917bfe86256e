"""Taking the nodes of a policy, or of its tests, apart: every problem with its place and code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from authorizer.cli.location import Location, Problem
from authorizer.cli.text import did_you_mean
from authorizer.cli.yaml_source import Listing, Mapping, Node, Text
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


# Comparing names with names takes time: a file full of unknown ones gets the first few hints.
_MOST_HINTS = 20
_MOST_KNOWN_NAMES = 2000
# An item without the blank that makes it one.
_DASH = re.compile("-[^ ]")


@dataclass(slots=True)
class NodeReader:
    """Takes nodes apart, and collects what is wrong with them.

    Attributes:
        file: as the user named it, for places.
        found: what is wrong, in the order found.
    """

    file: str = "policy.yaml"
    found: list[Problem] = field(default_factory=list)
    _hints_left: int = _MOST_HINTS

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, from the top of the file to its end."""
        return sorted(self.found, key=lambda problem: problem.location)

    def report(
        self,
        location: Location,
        code: str,
        message: str,
        shift: int = 0,
        *,
        variant: str = "",
        meant: str | None = None,
    ) -> None:
        """Keep a problem, at a place or ``shift`` characters later."""
        place = replace(location, column=location.column + shift)
        self.found.append(
            Problem(location=place, message=message, code=code, variant=variant, meant=meant)
        )

    def report_kind(self, node: Node, expected: str) -> None:
        """Keep that a value is of the wrong kind."""
        variant = "dash" if isinstance(node, Text) and _DASH.match(node.text) else ""
        self.report(node.location, "P105", f"{expected}, found {describe(node)}", variant=variant)

    def hint(self, name: str, known: Collection[str]) -> str:
        """A hint at the known name that comes closest, as long as hints are cheap."""
        if self._hints_left == 0 or len(known) > _MOST_KNOWN_NAMES:
            return ""
        self._hints_left -= 1
        return did_you_mean(name, known)

    def fields(
        self, node: Node, allowed: set[str], what: str, below: Collection[str] = ()
    ) -> dict[str, Node] | None:
        """The values of a mapping whose keys are all known; nothing where it is no mapping.

        Args:
            node: the mapping.
            allowed: its keys.
            what: it is, for messages.
            below: keys that belong further below.
        """
        if not isinstance(node, Mapping):
            expected = f"expected {what} to be a mapping with {', '.join(sorted(allowed))}"
            if is_null(node):
                self.report(node.location, "P105", f"{expected}, found nothing", variant="empty")
            else:
                self.report_kind(node, expected)
            return None
        for name, location, _ in self._unique(node):
            if name not in allowed:
                expected = f"expected {one_of(sorted(allowed))} in {what}"
                message = f"{expected}, found {clip(name)}{self.hint(name, allowed)}"
                self.report(location, "P104", message, variant="of_group" if name in below else "")
        return {name: value for name, _, value in node if name in allowed}

    def named(self, node: Node | None, what: str) -> list[tuple[str, Location, Node]]:
        """A mapping from names to bodies; empty where there is none."""
        if node is None or is_null(node):
            return []
        if isinstance(node, Mapping):
            return list(self._unique(node))
        self.report_kind(node, f"expected {what}")
        return []

    def scalars(self, node: Node | None, what: str) -> list[Text]:
        """A list of plain texts; empty where there is none."""
        if node is None or is_null(node):
            return []
        if not isinstance(node, Listing):
            self.report_kind(node, f"expected a list of {what}")
            return []
        scalars = []
        for item in node.items:
            if isinstance(item, Text) and not is_null(item):
                scalars.append(item)
            else:
                self.report_kind(item, f"expected one of the {what} as plain text")
        return scalars

    def _unique(self, node: Mapping) -> Iterator[tuple[str, Location, Node]]:
        """What counts in a mapping; what does not is a problem."""
        for key in node.rejected:
            if isinstance(key, Text):
                again = f"found {clip(key.text)} again (first on line {node.keys[key.text].line})"
                self.report(key.location, "P106", f"expected each name once, {again}")
            else:
                self.report_kind(key, "expected a name")
        return iter(node)


def is_null(node: Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, Text) and node.kind == "null"


def describe(node: Node) -> str:
    """What stands there, for a message."""
    if not isinstance(node, Text):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    return "nothing" if is_null(node) else clip(node.text)


def one_of(names: Sequence[str]) -> str:
    """The names in a sentence: ``allow, deny or includes``."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
