"""A report in a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from authorizer.cli.diff.report import (
    caveat_of,
    name_of,
    names_of,
    remarks_of,
    sections_of,
    summary_of,
)
from authorizer.cli.folding import print_folded
from authorizer.cli.text import code, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from authorizer.cli.diff.compare import Diff
    from authorizer.cli.diff.report import Entry, Section

_STYLES = {
    "Gained": ("+", "green"),
    "Denies lifted": ("+", "green"),
    "Lost": ("-", "red"),
    "Denies imposed": ("-", "red"),
}
# Comments on GitHub are bounded by 65,536 characters; beyond so many lines, a table is no help.
_MOST_LINES = 100


def print_diff(diff: Diff, console: Console) -> None:
    """Print it."""
    title = f"{plain(diff.old.name)} → {plain(diff.new.name)}"
    print_folded(console, Text(f"{title}: {summary_of(diff)}"), 2)
    for what, subjects in remarks_of(diff):
        names = ", ".join(name_of(one) for one in subjects)
        print_folded(console, Text(f"{what}: {names}"), 2)
    for section in sections_of(diff):
        _print_section(section, console)
    if diff.elsewhere:
        console.print()
        print_folded(console, Text(caveat_of(diff), style="yellow"), 2)


def _print_section(section: Section, console: Console) -> None:
    sign, colour = _STYLES[section.title]
    console.print()
    print_folded(console, Text(f"{section.title}: {section.meaning}", style="bold"), 2)
    for entry in section.entries:
        heading = Text(f"{sign} {plain(entry.route)}", style=colour)
        heading.append(f"  {names_of(entry.who)}", style="default")
        print_folded(console, heading, 4)
        print_folded(console, Text(f"    {plain(entry.what)}"), 6)
        for rule in entry.rules:
            print_folded(console, Text(f"    {rule}", style="dim"), 6)


def markdown_of(diff: Diff) -> str:
    """The comment's text."""
    return "\n".join(_lines(diff)) + "\n"


def _lines(diff: Diff) -> Iterator[str]:
    verdict = "⚠️ wider access" if diff.widens else "no wider access"
    title = "no change" if diff.is_empty else verdict
    yield f"### Access policy: {title}"
    yield ""
    yield f"{code(diff.old.name)} → {code(diff.new.name)}: {summary_of(diff)}."
    for title, subjects in remarks_of(diff):
        yield ""
        yield f"{title.capitalize()}: {', '.join(name_of(one, code) for one in subjects)}."
    for section in sections_of(diff):
        yield from ("", f"#### {section.title}", "")
        yield f"{section.meaning[0].upper()}{section.meaning[1:]}."
        yield from ("", "| route | who | what | rule |", "|---|---|---|---|")
        yield from (_line(entry) for entry in section.entries[:_MOST_LINES])
        more = len(section.entries) - _MOST_LINES
        if more > 0:
            yield f"| … | | {more} more lines; `authorizer diff` prints all of them | |"
    if diff.elsewhere:
        caveat = caveat_of(diff, code)
        yield from ("", f"{caveat[0].upper()}{caveat[1:]}.")


def _line(entry: Entry) -> str:
    rules = "<br>".join(code(rule) for rule in entry.rules)
    return f"| {code(entry.route)} | {names_of(entry.who, code)} | {code(entry.what)} | {rules} |"
