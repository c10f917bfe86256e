"""How messages name rules, and whom they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.policy_file.source import SourceRule


def who(rule: SourceRule) -> str:
    """Whose rule it is, for a message."""
    kind, _, name = rule.subject.partition(":")
    return f"{kind} {clip(name)}" if name else "everybody"


def where(rules: Iterable[SourceRule]) -> str:
    """The rules with their lines, for a message."""
    return " and ".join(f"{clip(rule.text)} (line {rule.line})" for rule in rules)
