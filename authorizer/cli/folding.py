"""Lines that are too long for a terminal: folded between words, with further lines set in.

A terminal folds wherever it is full, in the midst of a rule or a path. What goes into a file or
another program is not folded at all.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Narrower than that, folding does more harm than good.
_LEAST_COLUMNS = 40


def columns_of(stream: TextIO) -> int | None:
    """How wide the terminal is that a stream goes to; nothing where it goes elsewhere."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def fold(line: str, columns: int | None, indent: int) -> str:
    """The line as several, none of them wider than so many columns, but for a longer word.

    Args:
        line: may have click's styles in it, which take no room.
        columns: how wide the terminal is; nothing where there is none.
        indent: of all lines but the first.
    """
    if columns is None or len(click.unstyle(line)) <= columns:
        return line
    room = max(columns, _LEAST_COLUMNS)
    rows: list[list[str]] = [[]]
    used = 0
    for word in line.split(" "):
        width = len(click.unstyle(word))
        # What the first row is set in by are empty words.
        if any(rows[-1]) and used + width > room:
            rows.append([])
            used = indent
        rows[-1].append(word)
        used += width + 1
    return f"\n{' ' * indent}".join(" ".join(row) for row in rows)


def print_folded(console: Console, text: Text, indent: int = 0) -> None:
    """Print one line of a report, with all its styles."""
    # Whatever FORCE_COLOR says of colours, a file is no terminal.
    columns = console.width if console.file.isatty() else None
    rows = fold(text.plain, columns, indent).split("\n")
    start = 0
    for number, row in enumerate(rows):
        blanks = " " * indent if number else ""
        end = start + len(row) - len(blanks)
        console.print(blanks, text[start:end], sep="", soft_wrap=True)
        start = end + 1
