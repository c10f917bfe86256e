"""The sheet as text: in a terminal in tables as wide as that, one below the other; else in one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from authorizer.cli.analysis.grants import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.permissions import Extent, Permission
from authorizer.cli.folding import print_folded
from authorizer.cli.text import located, plain, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from authorizer.cli.matrix.sheet import Line, Sheet

# A sign besides the word and the colour, for a terminal without colours and eyes that see few.
SIGNS = {
    Extent.ALLOW: "+",
    Extent.OWN: "=",
    Extent.PARTLY: "~",
    Extent.DENY: "!",
    Extent.NONE: ".",
}
MEANINGS = {
    Extent.ALLOW: "all of it",
    Extent.OWN: "where a parameter equals a claim of the caller",
    Extent.PARTLY: "depends on the path or the method, or has exceptions",
    Extent.DENY: "a deny covers it",
    Extent.NONE: "nothing grants it",
}
_COLOURS = {
    Extent.ALLOW: "green",
    Extent.OWN: "cyan",
    Extent.PARTLY: "yellow",
    Extent.DENY: "red",
    Extent.NONE: "dim",
}
# Blanks between two columns, and at both sides of the table.
_GAP = 2
_EDGES = 4
# A cell such as "~ partly 12", and what a name may take of the width.
_CELL_WIDTH = 11
_NAME_WIDTH = 16
_LEAST_WIDTH = 40


def title_of(subject: Subject) -> str:
    """The heading of a subject's column."""
    if subject == EVERYONE:
        return "everyone"
    return (
        plain(subject.name) if subject.kind is SubjectKind.GROUP else f"scope {plain(subject.name)}"
    )


class Notes:
    """The numbered notes below a sheet: what an outcome depends on, and the rules that say so."""

    def __init__(self, source: str) -> None:
        """Begin with none."""
        self._source = source
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, cell: Permission) -> str:
        """The number of a cell's note; nothing where the word says it all."""
        if cell.extent in {Extent.ALLOW, Extent.NONE}:
            return ""
        rules = (f"{located(rule, self._source)} {spelled(rule)}" for rule in cell.rules)
        note = (f"{cell.extent}: {plain(cell.words)}", *dict.fromkeys(rules))
        return str(self._numbers.setdefault(note, len(self._numbers) + 1))

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        return ((number, note) for note, number in self._numbers.items())


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print it; in one table if nobody says how wide it may be."""
    routes = max((len(_route(line)) for line in sheet.lines), default=5)
    is_terminal = console.file.isatty()  # whatever FORCE_COLOR says of colours
    most = _NAME_WIDTH if is_terminal else sys.maxsize
    widths = {one: max(_CELL_WIDTH, min(len(title_of(one)), most)) for one in sheet.subjects}
    if not is_terminal:
        console.width = routes + _EDGES + sum(width + _GAP for width in widths.values())
    notes = _notes_of(sheet)
    width = max(console.width, _LEAST_WIDTH)
    route_width = min(width // 2, routes) if is_terminal else routes
    for block in _blocks(widths, width - route_width - _EDGES):
        console.print(_table(sheet, block, route_width, notes))
    _print_notes(console, notes)
    _print_remarks(sheet, console)
    console.print(_legend(sheet), soft_wrap=True)


def _notes_of(sheet: Sheet) -> Notes:
    """The notes, numbered as they are in one table, be it printed in several or not."""
    notes = Notes(sheet.source.name)
    for line in sheet.lines:
        for subject in sheet.subjects:
            notes.number(line.cell(subject))
    return notes


def _blocks(widths: Mapping[Subject, int], room: int) -> Iterator[dict[Subject, int]]:
    """As many subjects beside one another as there is room for, with their widths."""
    block: dict[Subject, int] = {}
    left = room
    for subject, width in widths.items():
        if block and width + _GAP > left:
            yield block
            block, left = {}, room
        block[subject] = width
        left -= width + _GAP
    if block:
        yield block


def _table(sheet: Sheet, widths: Mapping[Subject, int], route_width: int, notes: Notes) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("route", width=route_width, overflow="fold")
    for subject, width in widths.items():
        table.add_column(Text(title_of(subject)), width=width, overflow="fold")
    for line in sheet.lines:
        cells = (_shown(line.cell(subject), notes) for subject in widths)
        table.add_row(Text(_route(line)), *cells)
    return table


def _shown(cell: Permission, notes: Notes) -> Text:
    number = notes.number(cell)
    word = "" if cell.extent is Extent.NONE else f" {cell.extent}"
    shown = f"{SIGNS[cell.extent]}{word}{f' {number}' if number else ''}"
    return Text(shown, style=_COLOURS[cell.extent], no_wrap=False)


def _route(line: Line) -> str:
    return plain(line.row.key)


def _print_notes(console: Console, notes: Notes) -> None:
    for number, (words, *rules) in notes:
        print_folded(console, Text(f"{number:>3} {words}"), 6)
        for rule in rules:
            print_folded(console, Text(f"      {rule}", style="dim"), 8)


def _print_remarks(sheet: Sheet, console: Console) -> None:
    for unread in sheet.unread:
        print_folded(console, Text(unread, style="yellow"), 2)
    for line in sheet.lines:
        if line.remark:
            remark = Text(f"{_route(line)}: {plain(line.remark)}", style="yellow")
            print_folded(console, remark, 2)
    for words in sheet.remarks:
        print_folded(console, Text(words), 2)


def _legend(sheet: Sheet) -> Text:
    counts = sheet.counts()
    legend = Text("\n")
    for outcome in Extent:
        legend.append(f"{SIGNS[outcome]} {outcome}", style=_COLOURS[outcome])
        legend.append(f" ({counts[outcome]}): {MEANINGS[outcome]}\n")
    return legend
