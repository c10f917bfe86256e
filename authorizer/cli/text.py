"""Foreign text, as people may be shown it.

A group's name may hold whatever YAML can write, a terminal's escape sequences and marks that
reverse the text's direction among it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authorizer.policy.model import Rule


# Long enough for a route's key to be recognized, and accepted, by.
_LONGEST_KEY = 120
_MOST_LISTED = 5
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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that comes closest, where one comes close."""
    meant = closest(name, known)
    return "" if meant is None else f"; did you mean {clip(meant)}?"


def located(rule: Rule, name: str) -> str:
    """Where a rule stands: ``policy.yaml:7``."""
    return f"{plain(name)}:{rule.line}"


def spelled(rule: Rule) -> str:
    """A rule with what it does, and for whom: ``allow GET /hello (group reader)``."""
    kind, _, name = rule.subject.partition(":")
    whom = f"{kind} {plain(name)}" if name else kind
    return f"{rule.effect} {rule.pattern.text} ({whom})"


def code(foreign: str) -> str:
    """The text as a code span in a cell of a Markdown table, where it can do nothing."""
    text = plain(foreign).replace("|", "\\|")
    longest = max((len(run) for run in _runs_of_backticks(text)), default=0)
    if not longest:
        return f"`{text}`"
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"


def _runs_of_backticks(text: str) -> list[str]:
    return "".join(one if one == "`" else " " for one in text).split()
