"""The sheet as text, as Markdown, and as one HTML page.

In a terminal the text is in tables as wide as that, one below the other; else in one.

The page needs nothing else: no network, no other file, no consent. Whatever stands in a policy or
template is foreign text, and is escaped where it is put in: as HTML, and as JSON inside of HTML.
Should something slip through, the page's own policy forbids any style and script but the two of
this package, by their digests.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from authorizer.cli.analysis.permissions import (
    EVERYONE,
    NO_PERMISSION,
    Extent,
    Permission,
    Subject,
    SubjectKind,
)
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
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from markupsafe import Markup
    from rich.console import Console

    from authorizer.cli.matrix.sheet import Line, Sheet
    from authorizer.policy.model import Rule


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
    """The whole as Markdown, for a pull request or a wiki."""
    return render("matrix", "sheet.md", **_facts_of(sheet), notes=_Notes(sheet), code=code)


def _facts_of(sheet: Sheet) -> dict[str, Any]:
    """What templates say of a sheet, and how."""
    return {
        "sheet": sheet,
        "counts": sheet.counts(),
        "looks": LOOKS,
        "NONE": NOTHING,
        "title_of": title_of,
    }


# --- the page -------------------------------------------------------------------------------------


def page_of(sheet: Sheet) -> str:
    """The whole page, by the template beside this module."""
    from markupsafe import Markup  # noqa: PLC0415 - slow, and for pages alone

    style, script = _asset("page.css"), _asset("page.js")
    return render(
        "matrix",
        "page.html",
        **_facts_of(sheet),
        name=plain(sheet.source.name),
        sizes=_sizes(sheet),
        reasons=_Reasons(sheet.source.name),
        guard=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'",
        # Both are of this package, and nothing of anybody else's is in them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        breakable=_breakable,
        by_permission=_by_permission,
        located=located,
        plain=plain,
        spelled=spelled,
    )


class _Reasons:
    """Each different permission once, with a number: a sheet has many cells, and few reasons."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rules: dict[tuple[str, str], int] = {}
        self._permissions: dict[tuple[object, ...], tuple[int, Permission]] = {}
        self.number(NO_PERMISSION)

    def number(self, permission: Permission) -> int:
        """Counted from the first cell of the sheet; 0 for what nothing grants."""
        numbered = (len(self._permissions), permission)
        return self._permissions.setdefault(permission.identity, numbered)[0]

    def data(self) -> dict[str, object]:
        """All of them, for the page's script."""
        cells = [
            [one.extent, plain(one.words), [self._number_of(rule) for rule in one.rules]]
            for _, one in self._permissions.values()
        ]
        return {"cells": cells, "rules": list(self._rules)}

    def _number_of(self, rule: Rule) -> int:
        return self._rules.setdefault((spelled(rule), located(rule, self._name)), len(self._rules))


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


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _breakable(foreign: str) -> Markup:
    """The text with places where a line may end."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    return Markup(re.sub(r"([/\-_.:])", r"\1<wbr>", str(escape(plain(foreign)))))  # noqa: S704 - escaped
