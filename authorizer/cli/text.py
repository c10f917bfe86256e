"""Text for people: what is foreign made harmless, and what is long folded.

A group's name may hold whatever YAML can write, a terminal's escape sequences and marks that
reverse the text's direction among it. A terminal folds wherever it is full, in the midst of a rule
or a path; what goes into a file or another program is not folded at all.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, TextIO

import click

from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jinja2 import Environment
    from rich.console import Console
    from rich.text import Text

    from authorizer.policy.model import Rule


# Long enough for a route's key to be recognized, and accepted, by.
_LONGEST_KEY = 120
_MOST_LISTED = 5
# Narrower than that, folding does more harm than good.
_LEAST_COLUMNS = 40
# Comparing names with names takes time.
_LONGEST_NAME = 128


def quoted_key(key: str) -> str:
    """A route's key for a message."""
    return clip(key, _LONGEST_KEY)


def plain(foreign: str) -> str:
    """The text with everything escaped that does not print as a character."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in foreign
    )


def printable(foreign: str, kept: str = "\n") -> str:
    """Text of several lines, with a mark in place of whatever a terminal would obey."""
    return "".join(
        character if character.isprintable() or character in kept else "\ufffd"
        for character in foreign
    )


def shown(text: str) -> str:
    """A name or a path as it is, unless a terminal would obey it."""
    return text if text.isprintable() else clip(text, 200)


def listed(names: Sequence[str], word: str = "or") -> str:
    """``a``, ``a or b``, ``a, b or c``; the first few of many."""
    if len(names) > _MOST_LISTED:
        rest = len(names) - _MOST_LISTED
        return f"{', '.join(map(shown, names[:_MOST_LISTED]))} {word} {rest} others"
    *first, last = map(shown, names)
    return f"{', '.join(first)} {word} {last}" if first else last


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 route``, ``2 routes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that comes closest; nothing where none comes close."""
    if len(name) > _LONGEST_NAME:
        return None
    names = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), names, n=1)
    return names[close[0]] if close else None


def similar_file(path: Path) -> str | None:
    """The name of a file beside it that may be meant, where there is none of that name."""
    with suppress(OSError, ValueError):  # no folder, or a name that no file can have
        if not path.exists():
            alike = (file for file in path.parent.iterdir() if file.suffix == path.suffix)
            names = {file.stem: file.name for file in alike if file.is_file()}
            return names.get(closest(path.stem, names) or "")
    return None


def hint_at(meant: str | None) -> str:
    """A hint at what may be meant, where there is anything."""
    return "" if meant is None else f"; did you mean {clip(meant)}?"


def unreadable(path: Path, error: OSError) -> str:
    """Why a file cannot be read, and which one may be meant instead."""
    return f"cannot be read: {error.strerror}{hint_at(similar_file(path))}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that comes closest, where one comes close."""
    return hint_at(closest(name, known))


def located(rule: Rule, name: str) -> str:
    """Where a rule stands: ``policy.yaml:7``."""
    return f"{plain(name)}:{rule.line}"


def spelled(rule: Rule) -> str:
    """A rule with what it does, and for whom: ``allow GET /hello (group reader)``."""
    kind, _, name = rule.subject.partition(":")
    whom = f"{kind} {plain(name)}" if name else kind
    return f"{rule.effect} {rule.pattern.text} ({whom})"


def cited(rules: Iterable[Rule], name: str) -> tuple[str, ...]:
    """Rules with where they stand, each once: ``policy.yaml:7 allow GET /hello (group reader)``."""
    return tuple(dict.fromkeys(f"{located(rule, name)} {spelled(rule)}" for rule in rules))


def code(foreign: str) -> str:
    """The text as a code span in a cell of a Markdown table, where it can do nothing."""
    text = plain(foreign).replace("|", "\\|")
    backticks = re.findall("`+", text)
    fence = "`" * (max(map(len, backticks), default=0) + 1)
    return f"{fence} {text} {fence}" if backticks else f"`{text}`"


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
    first, *words = line.split(" ")
    rows = [first]
    for word in words:
        longer = f"{rows[-1]} {word}"
        # What the first row is set in by are empty words.
        if rows[-1].strip() and len(click.unstyle(longer)) > room:
            rows.append(" " * indent + word)
        else:
            rows[-1] = longer
    return "\n".join(rows)


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


def render(room: str, name: str, /, **facts: object) -> str:
    """A text by a template, which lies in the folder of a room of ``authorizer.cli``.

    Args:
        room: such as ``matrix``, or ``init/snippets``.
        name: of the template's file, which may extend one of another room, such as
            ``pages/frame.html``. In HTML, what is foreign is escaped.
        facts: what the template speaks of. Functions among them are filters, too.
    """
    environment = _environment()
    # The same names stand for the same functions everywhere.
    environment.filters |= {name: fact for name, fact in facts.items() if callable(fact)}
    return environment.get_template(f"{room}/{name}").render(facts)


@cache
def _environment() -> Environment:
    """Kept, with the templates that it has compiled: that takes longer than to fill them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape  # noqa: PLC0415 - slow

    environment = Environment(
        loader=PackageLoader("authorizer.cli", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=select_autoescape(["html"]),
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment
