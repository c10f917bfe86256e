"""A terminal of eighty columns: lines are folded between words, and nothing is lost by it."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING

import click
import pexpect
import pytest
from rich.console import Console
from rich.text import Text

from authorizer.cli.text import fold, print_folded

if TYPE_CHECKING:
    from pathlib import Path

LONG = (
    "policy.yaml:10:7: error X107 a deny of /articles/secret covers no route of the API, because"
    " its only route there is /articles/{id}"
)
POLICY = """\
version: 1
groups:
  reader:
    allow: ["GET /articles/{id}", "GET,PATCH /users/{user=sub}/settings/notifications"]
  editor:
    includes: [reader]
    allow: ["POST /articles/{id}/attachments/{attachment}/versions", "ANY /admin/**"]
    deny: [GET /articles/secret]
tests:
  - as: {groups: [reader]}
    allow: ["POST /articles/1/attachments/2/versions"]
"""


@pytest.mark.parametrize("columns", range(40, 130, 9))
def test_no_word_is_broken(columns: int) -> None:
    """Every row has room, and the words are the same in the same order."""
    rows = fold(LONG, columns, 4).split("\n")
    assert all(len(row) <= columns for row in rows)
    assert all(row.startswith("    ") and row[4] != " " for row in rows[1:])
    assert " ".join(row.strip() for row in rows) == LONG


def test_what_fits_is_left_as_it_is() -> None:
    """Just as wide as the terminal is not too wide; and where there is none, nothing is."""
    assert fold(LONG, len(LONG), 4) == LONG
    assert fold(LONG, len(LONG) - 1, 4).count("\n") == 1
    assert fold(LONG, None, 4) == LONG


def test_a_word_without_room_stays_whole() -> None:
    """Where nothing can be broken, the terminal does what it can."""
    assert fold(f"    at {'x' * 90} ends", 80, 6) == f"    at\n      {'x' * 90}\n      ends"


def test_styles_take_no_room() -> None:
    """A line that only its colours make long is not folded."""
    line = click.style("error", fg="red", bold=True) + " x" * 30
    assert fold(line, 65, 4) == line


def test_styles_go_on_in_further_lines() -> None:
    """What is bold is bold in each row, and the blanks before a row are not."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    console = Console(file=terminal, width=40, color_system="standard", force_terminal=True)
    print_folded(console, Text("word " * 10 + "end", style="bold"), 2)
    first, second = terminal.getvalue().splitlines()
    assert first == f"\x1b[1m{' '.join(['word'] * 8)}\x1b[0m"
    assert second == "  \x1b[1mword word end\x1b[0m"


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "POST", "/articles/1/attachments/2/versions", "--groups", "reader"],
        ["check"],
        ["test"],
        ["diff", "old.yaml", "policy.yaml"],
        ["matrix"],
    ],
    ids=lambda command: str(command[0]),
)
def test_reports_in_a_narrow_terminal(command: list[str], tmp_path: Path) -> None:
    """In a terminal no row is wider than it, and the words are those that a file gets."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "old.yaml").write_text("version: 1\ngroups: {reader: {allow: [GET /hello]}}\n")
    arguments = ["-m", "authorizer.cli", *command]
    piped = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    terminal = pexpect.spawn(
        sys.executable, arguments, cwd=str(tmp_path), dimensions=(60, 80), encoding="utf-8"
    )
    terminal.expect(pexpect.EOF)
    terminal.close()
    shown = click.unstyle(str(terminal.before)).replace("\r\n", "\n")
    assert max(map(len, shown.splitlines())) <= 80
    assert max(map(len, piped.splitlines())) > 80
    if command[0] != "matrix":  # its table is another one where there is less room
        assert shown.split() == piped.split()
