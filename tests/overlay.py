"""Templates that say only what differs from another one, line by line.

Entries of block mappings are laid over each other; whatever else stands below a key (a list, a
flow mapping, a text) replaces what was there. Lines stay as they are written, at their columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path

# Templates that work, in each form that an API is written in; and what is added to them.
BASES = Path(__file__).parent / "templates" / "base"

_KEY = re.compile(r"(?P<indent> *)(?P<key>[^\s#-].*?):(?P<value>\s.*)?")
# In place of a value: the base's entry is taken away.
ABSENT = "!Absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line, with its number in the changes; none if it is the base's."""

    text: str
    number: int | None = None


def numbered(text: str, first: int = 1) -> list[Line]:
    """The lines of changes, counted from the first."""
    return [
        Line(text=line, number=number)
        for line, number in zip(text.splitlines(), count(first), strict=False)
    ]


def overlay(base: list[Line], changes: list[Line]) -> list[Line]:
    """The base's lines with the changes laid over them; what is new comes last.

    Args:
        base: the lines of a block mapping.
        changes: the same; a key with ``!Absent`` for its value is taken away, and one with nothing
            stays as it is.
    """
    if not (_is_mapping(base) and _is_mapping(changes)):
        return changes
    changed_entries = _entries(changes)
    lines: list[Line] = []
    for key, entry in _entries(base).items():
        changed = changed_entries.pop(key, None)
        if changed is None:
            lines += entry
        elif changed[0].text.split()[-1] != ABSENT:
            is_same = len(changed) == 1 and changed[0].text.endswith(":")
            both_have_more = len(entry) > 1 and len(changed) > 1
            lines.append(changed[0])
            lines += entry[1:] if is_same else []
            lines += overlay(entry[1:], changed[1:]) if both_have_more else changed[1:]
    return lines + [line for entry in changed_entries.values() for line in entry]


def base(*names: str) -> str:
    """The text of a template that tests and cases change; several are laid over one another."""
    return laid_over(*((BASES / f"{name}.yaml").read_text() for name in names))


def replaced(text: str, written: str, instead: str) -> str:
    """A text with something else in the place of what must be in it."""
    assert written in text, f"{written!r} is not there"
    return text.replace(written, instead)


def resources(text: str) -> dict[str, str]:
    """By its logical id: each resource of a template, as it is written there."""
    lines = _entries(numbered(text))["Resources"][1:]
    return {
        name: "".join(f"{line.text}\n" for line in entry) for name, entry in _entries(lines).items()
    }


def laid_over(base: str, *changes: str) -> str:
    """A base's text with changes laid over it, one after the other."""
    lines = numbered(base)
    for text in changes:
        lines = overlay(lines, numbered(text))
    return "".join(f"{line.text}\n" for line in lines)


def _is_mapping(lines: list[Line]) -> bool:
    written = (line.text for line in lines if line.text.lstrip()[:1] not in {"", "#"})
    return _KEY.fullmatch(next(written, "")) is not None


def _entries(lines: list[Line]) -> dict[str, list[Line]]:
    """By key: the line that it is on, and all that stands below it."""
    entries: dict[str, list[Line]] = {}
    indents: set[str] = set()
    for line in lines:
        found = _KEY.fullmatch(line.text)
        if found and (not indents or found["indent"] in indents):
            indents = {found["indent"]}
            entries[found["key"]] = [line]
        elif entries:
            next(reversed(entries.values())).append(line)
    return entries
