"""The sheet as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.grants import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.permissions import Extent, Permission
from authorizer.cli.matrix.text import MEANINGS, Notes
from authorizer.cli.text import code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.matrix.sheet import Sheet


def markdown_of(sheet: Sheet) -> str:
    """The whole document."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    notes = Notes(sheet.source.name)
    titles = [_title(subject) for subject in sheet.subjects]
    yield f"# Who may do what: {code(sheet.source.name)}"
    yield ""
    yield f"| route | {' | '.join(titles)} |"
    yield f"|---{'|---' * len(titles)}|"
    for line in sheet.lines:
        cells = (_cell(line.cell(subject), notes) for subject in sheet.subjects)
        yield f"| {code(line.row.key)} | {' | '.join(cells)} |"
    yield ""
    for number, (words, *rules) in notes:
        yield f"{number}. {code(words)}: {'; '.join(map(code, rules))}"
    yield from ("", *_remarks(sheet))
    counts = sheet.counts()
    for outcome in Extent:
        name = f"**{_word(outcome)}**"
        yield f"- {name} ({counts[outcome]}): {MEANINGS[outcome]}"


def _title(subject: Subject) -> str:
    if subject == EVERYONE:
        return "everyone"
    return (
        code(subject.name) if subject.kind is SubjectKind.GROUP else f"scope {code(subject.name)}"
    )


def _cell(cell: Permission, notes: Notes) -> str:
    number = notes.number(cell)
    return f"{cell.extent} {number}" if number else _word(cell.extent)


def _word(outcome: Extent) -> str:
    return "·" if outcome is Extent.NONE else str(outcome)


def _remarks(sheet: Sheet) -> Iterator[str]:
    remarks = [f"{code(line.row.key)}: {code(line.remark)}" for line in sheet.lines if line.remark]
    found = (*map(code, sheet.unread), *remarks, *sheet.remarks)
    yield from (f"- {remark}" for remark in found)
    if found:
        yield ""
