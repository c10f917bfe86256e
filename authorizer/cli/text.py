"""Foreign text, as people may be shown it.

A group's name may hold whatever YAML can write, a terminal's escape sequences and marks that
reverse the text's direction among it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.policy.model import Rule


# Long enough for a route's key to be recognized, and accepted, by.
_LONGEST_KEY = 120


def quoted_key(key: str) -> str:
    """A route's key for a message."""
    return clip(key, _LONGEST_KEY)


def plain(foreign: str) -> str:
    """The text with everything escaped that does not print as a character."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in foreign
    )


def shown(text: str) -> str:
    """A name or a path as it is, unless a terminal would obey it."""
    return text if text.isprintable() else clip(text, 200)


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
