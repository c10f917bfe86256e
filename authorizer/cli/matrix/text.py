"""The sheet as text: in a terminal in tables as wide as that, one below the other; else in one.

And as Markdown, for a pull request or a wiki.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from authorizer.cli.analysis.grants import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.permissions import Extent, Permission
from authorizer.cli.text import cited, code, plain, print_folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from authorizer.cli.matrix.sheet import Sheet


class Look(NamedTuple):
    """How an extent is shown: besides its word and a colour, by a sign for eyes that see few."""

    sign: str
    colour: str
    meaning: str


LOOKS = {
    Extent.ALLOW: Look("+", "green", "all of it"),
    Extent.OWN: Look("=", "cyan", "where a parameter equals a claim of the caller"),
    Extent.PARTLY: Look("~", "yellow", "depends on the path or the method, or has exceptions"),
    Extent.DENY: Look("!", "red", "a deny covers it"),
    Extent.NONE: Look(".", "dim", "nothing grants it"),
}
# In the place of the word for nothing, where there are no signs.
NOTHING = "·"
# Blanks between two columns, and at both sides of the table.
_GAP = 2
_EDGES = 4
# A cell such as "~ partly 12", and what a name may take of the width.
_CELL_WIDTH = 11
_NAME_WIDTH = 16
_LEAST_WIDTH = 40


def title_of(subject: Subject, shown: Callable[[str], str] = plain) -> str:
    """The heading of a subject's column."""
    if subject == EVERYONE:
        return "everyone"
    return f"{'scope ' if subject.kind is SubjectKind.SCOPE else ''}{shown(subject.name)}"


class _Notes:
    """The numbered notes below a sheet: what a permission depends on, and the rules that say so.

    Numbered as they are in one table, be it printed in several or not.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._source = sheet.source.name
        self._numbers: dict[tuple[str, ...], int] = {}
        for line in sheet.lines:
            for subject in sheet.subjects:
                self.number(line.permission(subject))

    def number(self, permission: Permission) -> str:
        """With a blank in front; nothing where the word says it all."""
        if permission.extent in {Extent.ALLOW, Extent.NONE}:
            return ""
        rules = cited(permission.rules, self._source)
        note = (f"{permission.extent}: {plain(permission.words)}", *rules)
        return f" {self._numbers.setdefault(note, len(self._numbers) + 1)}"

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        return ((number, note) for note, number in self._numbers.items())


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print it; in one table if nobody says how wide it may be."""
    routes = max((len(plain(line.route.key)) for line in sheet.lines), default=5)
    is_terminal = console.file.isatty()  # whatever FORCE_COLOR says of colours
    most = _NAME_WIDTH if is_terminal else sys.maxsize
    widths = {one: max(_CELL_WIDTH, min(len(title_of(one)), most)) for one in sheet.subjects}
    if not is_terminal:
        console.width = routes + _EDGES + sum(width + _GAP for width in widths.values())
    notes = _Notes(sheet)
    width = max(console.width, _LEAST_WIDTH)
    route_width = min(width // 2, routes) if is_terminal else routes
    for block in _blocks(widths, width - route_width - _EDGES):
        console.print(_table(sheet, block, route_width, notes))
    for number, (words, *rules) in notes:
        print_folded(console, Text(f"{number:>3} {words}"), 6)
        for rule in rules:
            print_folded(console, Text(f"      {rule}", style="dim"), 8)
    doubts = [f"{plain(line.route.key)}: {plain(line.remark)}" for line in sheet.remarked]
    for doubt in (*sheet.unread, *doubts):
        print_folded(console, Text(doubt, style="yellow"), 2)
    for remark in sheet.remarks:
        print_folded(console, Text(remark), 2)
    console.print(_legend(sheet), soft_wrap=True)


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


def _table(sheet: Sheet, widths: Mapping[Subject, int], route_width: int, notes: _Notes) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("route", width=route_width, overflow="fold")
    for subject, width in widths.items():
        table.add_column(Text(title_of(subject)), width=width, overflow="fold")
    for line in sheet.lines:
        cells = (_cell(line.permission(subject), notes) for subject in widths)
        table.add_row(Text(plain(line.route.key)), *cells)
    return table


def _cell(permission: Permission, notes: _Notes) -> Text:
    extent, look = permission.extent, LOOKS[permission.extent]
    word = "" if extent is Extent.NONE else f" {extent}"
    shown = f"{look.sign}{word}{notes.number(permission)}"
    return Text(shown, style=look.colour, no_wrap=False)


def _legend(sheet: Sheet) -> Text:
    counts = sheet.counts()
    legend = Text("\n")
    for extent, look in LOOKS.items():
        legend.append(f"{look.sign} {extent}", style=look.colour)
        legend.append(f" ({counts[extent]}): {look.meaning}\n")
    return legend


def markdown_of(sheet: Sheet) -> str:
    """The whole as Markdown."""
    return "\n".join(_markdown(sheet)) + "\n"


def _markdown(sheet: Sheet) -> Iterator[str]:
    notes = _Notes(sheet)
    yield from (f"# Who may do what: {code(sheet.source.name)}", "")
    yield f"| route | {' | '.join(title_of(one, code) for one in sheet.subjects)} |"
    yield f"|---{'|---' * len(sheet.subjects)}|"
    for line in sheet.lines:
        permissions = [line.permission(subject) for subject in sheet.subjects]
        cells = (f"{_word(one.extent)}{notes.number(one)}" for one in permissions)
        yield f"| {code(line.route.key)} | {' | '.join(cells)} |"
    yield ""
    for number, (words, *rules) in notes:
        yield f"{number}. {code(words)}: {'; '.join(map(code, rules))}"
    yield ""
    doubts = [f"{code(line.route.key)}: {code(line.remark)}" for line in sheet.remarked]
    remarks = [f"- {one}" for one in (*map(code, sheet.unread), *doubts, *sheet.remarks)]
    yield from (*remarks, "") if remarks else ()
    counts = sheet.counts()
    for extent, look in LOOKS.items():
        yield f"- **{_word(extent)}** ({counts[extent]}): {look.meaning}"


def _word(extent: Extent) -> str:
    return NOTHING if extent is Extent.NONE else extent
