"""The sheet as text, as Markdown, and as one HTML page.

In a terminal the text is in tables as wide as that, one below the other; else in one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from authorizer.cli.analysis.permissions import (
    NO_PERMISSION,
    Extent,
    Permission,
    Subject,
    SubjectKind,
)
from authorizer.cli.analysis.sheet import LOOKS, NOTHING, title_of
from authorizer.cli.pages import report_page
from authorizer.cli.text import (
    cited,
    code,
    counted,
    located,
    plain,
    print_folded,
    render,
    spelled,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from rich.console import Console

    from authorizer.cli.analysis.sheet import Line, Sheet


# Of these, notes say what the word does not.
_EXPLAINED = {Extent.OWN, Extent.PARTLY, Extent.DENY}
# Blanks between two columns, and at both sides of the table.
_GAP = 2
_EDGES = 4
# A cell such as "~ partly 12", and what a name may take of the width.
_CELL_WIDTH = 11
_NAME_WIDTH = 16
_LEAST_WIDTH = 40


class _Numbers:
    """Each different permission of a sheet once, numbered as they come: it has many cells, and few.

    The same in one table, be it printed in several or not. What nothing grants is number 0, and so
    is what the word says all of.
    """

    def __init__(self, sheet: Sheet, extents: Container[Extent] = frozenset(Extent)) -> None:
        found = {NO_PERMISSION.identity: NO_PERMISSION}
        for line in sheet.lines:
            for permission in map(line.permission, sheet.subjects):
                if permission.extent in extents:
                    found.setdefault(permission.identity, permission)
        self.permissions = tuple(found.values())
        self._numbers = {identity: number for number, identity in enumerate(found)}

    def of(self, permission: Permission) -> int:
        """The number of a permission."""
        return self._numbers.get(permission.identity, 0)


def _notes(numbers: _Numbers, sheet: Sheet) -> Iterator[tuple[str, ...]]:
    """What each permission depends on, and the rules that say so."""
    for one in numbers.permissions[1:]:
        yield f"{one.extent}: {plain(one.words)}", *cited(one.rules, sheet.source.name)


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print it; in one table if nobody says how wide it may be."""
    routes = max((len(plain(line.route.key)) for line in sheet.lines), default=5)
    is_terminal = console.file.isatty()  # whatever FORCE_COLOR says of colours
    most = _NAME_WIDTH if is_terminal else sys.maxsize
    widths = {one: max(_CELL_WIDTH, min(len(title_of(one)), most)) for one in sheet.subjects}
    if not is_terminal:
        console.width = routes + _EDGES + sum(width + _GAP for width in widths.values())
    numbers = _Numbers(sheet, _EXPLAINED)
    width = max(console.width, _LEAST_WIDTH)
    route_width = min(width // 2, routes) if is_terminal else routes
    for block in _blocks(widths, width - route_width - _EDGES):
        console.print(_table(sheet, block, route_width, numbers))
    for number, (words, *rules) in enumerate(_notes(numbers, sheet), 1):
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


def _table(
    sheet: Sheet, widths: Mapping[Subject, int], route_width: int, numbers: _Numbers
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("route", width=route_width, overflow="fold")
    for subject, width in widths.items():
        table.add_column(Text(title_of(subject)), width=width, overflow="fold")
    for line in sheet.lines:
        cells = (_cell(line.permission(subject), numbers) for subject in widths)
        table.add_row(Text(plain(line.route.key)), *cells)
    return table


def _cell(permission: Permission, numbers: _Numbers) -> Text:
    extent, look = permission.extent, LOOKS[permission.extent]
    word = "" if extent is Extent.NONE else f" {extent}"
    number = f" {numbers.of(permission) or ''}".rstrip()
    return Text(f"{look.sign}{word}{number}", style=look.colour, no_wrap=False)


def _legend(sheet: Sheet) -> Text:
    counts = sheet.counts()
    legend = Text("\n")
    for extent, look in LOOKS.items():
        legend.append(f"{look.sign} {extent}", style=look.colour)
        legend.append(f" ({counts[extent]}): {look.meaning}\n")
    return legend


def markdown_of(sheet: Sheet) -> str:
    """The whole as Markdown, for a pull request or a wiki."""
    numbers = _Numbers(sheet, _EXPLAINED)
    return render(
        "matrix",
        "sheet.md",
        sheet=sheet,
        counts=sheet.counts(),
        numbers=numbers,
        notes=list(_notes(numbers, sheet)),
        LOOKS=LOOKS,
        NOTHING=NOTHING,
        code=code,
        title_of=title_of,
    )


# --- the page -------------------------------------------------------------------------------------


def page_of(sheet: Sheet) -> str:
    """The whole page, by the template beside this module."""
    numbers = _Numbers(sheet)
    return report_page(
        "matrix",
        sheet=sheet,
        counts=sheet.counts(),
        name=plain(sheet.source.name),
        sizes=_sizes(sheet),
        numbers=numbers,
        data=_data(numbers, sheet.source.name),
        by_permission=_by_permission,
    )


def _data(numbers: _Numbers, name: str) -> dict[str, object]:
    """All permissions and their rules, for the page's script."""
    permissions = numbers.permissions
    written = {
        id(rule): (spelled(rule), located(rule, name)) for one in permissions for rule in one.rules
    }
    rules = {rule: number for number, rule in enumerate(dict.fromkeys(written.values()))}
    cells = [
        [one.extent, plain(one.words), [rules[written[id(rule)]] for rule in one.rules]]
        for one in permissions
    ]
    return {"cells": cells, "rules": list(rules)}


def _by_permission(
    line: Line, subjects: tuple[Subject, ...]
) -> Iterable[tuple[Permission, list[str]]]:
    """Who has which permission on a route; of a public one, everyone has."""
    found: dict[tuple[object, ...], tuple[Permission, list[str]]] = {}
    for subject in subjects[:1] if line.is_public else subjects:
        permission = line.permission(subject)
        if permission is not NO_PERMISSION:
            found.setdefault(permission.identity, (permission, []))[1].append(title_of(subject))
    return found.values()


def _sizes(sheet: Sheet) -> str:
    policy = sheet.source.policy
    sizes = {
        "route": len(sheet.lines),
        "group": len(policy.groups),
        "scope": sum(subject.kind is SubjectKind.SCOPE for subject in sheet.subjects),
        "rule": len(policy.rules),
    }
    return ", ".join(counted(number, noun) for noun, number in sizes.items())
