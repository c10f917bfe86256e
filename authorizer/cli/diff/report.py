"""A diff for people, for a pull request, and for programs.

Lines are gathered: what is the same for several subjects or routes is said once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.grants import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.permissions import DependsOn, Extent
from authorizer.cli.text import located, plain, spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from authorizer.cli.analysis.permissions import Permission
    from authorizer.cli.analysis.source import Source
    from authorizer.cli.diff.compare import Change, DenyChange, Diff
    from authorizer.policy.model import Rule

# Who else is concerned is named up to so many, and then counted.
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a report.

    Attributes:
        who: one or several subjects.
        route: the route's key.
        what: before and after, or the deny that changed.
        rules: where it says so: the new policy's rules, or else the old one's.
    """

    who: tuple[Subject, ...]
    route: str
    what: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines of one kind, under a heading that says which."""

    title: str
    meaning: str
    entries: tuple[Entry, ...]


def sections_of(diff: Diff) -> tuple[Section, ...]:
    """What there is to say, widenings first."""
    sections = (
        Section(title="Gained", meaning="may do more", entries=_changes(diff, diff.gains)),
        Section(
            title="Denies lifted",
            meaning="whoever is in the group and in one of those named gains the route, unless a "
            "further group of theirs denies it",
            entries=_denies(diff.old, diff.lifted),
        ),
        Section(title="Lost", meaning="may do less", entries=_changes(diff, diff.losses)),
        Section(
            title="Denies imposed",
            meaning="whoever is in the group and in one of those named loses the route",
            entries=_denies(diff.new, diff.imposed),
        ),
    )
    return tuple(section for section in sections if section.entries)


def name_of(subject: Subject, shown: Callable[[str], str] = plain) -> str:
    """``everyone``, ``group reader``, ``scope reports/read``."""
    return str(subject.kind) if subject == EVERYONE else f"{subject.kind} {shown(subject.name)}"


def names_of(subjects: Sequence[Subject], shown: Callable[[str], str] = plain) -> str:
    """Several of them, not all if they are many."""
    names = [name_of(subject, shown) for subject in subjects[:_MOST_NAMES]]
    more = len(subjects) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def summary_of(diff: Diff) -> str:
    """The whole in a sentence."""
    if diff.is_empty:
        return "nothing changes: every caller may do exactly what they could before"
    counted = (
        (len(diff.gains), "gained"),
        (len(diff.lifted), "by lifted denies"),
        (len(diff.losses), "lost"),
        (len(diff.imposed), "by imposed denies"),
    )
    counts = ", ".join(f"{number} {what}" for number, what in counted if number)
    return f"rights of a group or scope on a route: {counts}"


def remarks_of(diff: Diff) -> Iterator[tuple[str, tuple[Subject, ...]]]:
    """Groups and scopes that came or went, which by itself changes nobody's rights."""
    for title, subjects in (("new", diff.added), ("no longer there", diff.removed)):
        if subjects:
            yield title, subjects


def caveat_of(diff: Diff, shown: Callable[[str], str] = plain) -> str:
    """What was not compared, for it is about no route of the API; nothing if there is none."""
    if not diff.elsewhere:
        return ""
    routes = ", ".join(shown(row.key) for row in diff.elsewhere[:_MOST_NAMES])
    more = len(diff.elsewhere) - _MOST_NAMES
    return (
        "not counted, because the template has no such route: "
        f"{routes}{f' and {more} more' if more > 0 else ''}"
    )


def as_json(diff: Diff) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "version": 1,
        "old": diff.old.name,
        "new": diff.new.name,
        "widens": diff.widens,
        "changes": [_change_as_json(diff, change) for change in diff.changes],
        "lifted": [_deny_as_json(diff.old, change) for change in diff.lifted],
        "imposed": [_deny_as_json(diff.new, change) for change in diff.imposed],
        "added": [_subject_as_json(subject) for subject in diff.added],
        "removed": [_subject_as_json(subject) for subject in diff.removed],
        "not_in_template": [row.key for row in diff.elsewhere],
    }


def _changes(diff: Diff, changes: Iterable[Change]) -> tuple[Entry, ...]:
    alike: dict[tuple[str, str, tuple[str, ...]], list[Subject]] = defaultdict(list)
    for change in changes:
        what = f"{_cell(change.before)} → {_cell(change.after)}"
        rules = _located(change.after.rules, diff.new) or _located(change.before.rules, diff.old)
        alike[change.row.key, what, rules].append(change.subject)
    return _entries(alike)


def _denies(source: Source, changes: Iterable[DenyChange]) -> tuple[Entry, ...]:
    alike: dict[tuple[str, str, tuple[str, ...]], list[Subject]] = defaultdict(list)
    for change in changes:
        what = f"together with {names_of(change.others)}"
        alike[change.row.key, what, _located(change.rules, source)].append(change.group)
    return _entries(alike)


def _entries(
    alike: dict[tuple[str, str, tuple[str, ...]], list[Subject]],
) -> tuple[Entry, ...]:
    return tuple(
        Entry(who=tuple(who), route=route, what=what, rules=rules)
        for (route, what, rules), who in alike.items()
    )


def _cell(permission: Permission) -> str:
    if permission.extent in {Extent.NONE, Extent.DENY}:
        return permission.extent
    if permission.depends_on is DependsOn.NOTHING:
        return permission.words
    return f"{permission.extent} ({permission.words})"


def _located(rules: Iterable[Rule], source: Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{located(rule, source.name)} {spelled(rule)}" for rule in rules))


def _change_as_json(diff: Diff, change: Change) -> dict[str, Any]:
    return {
        "subject": _subject_as_json(change.subject),
        "route": change.row.key,
        "gains": change.gains,
        "loses": change.loses,
        "before": _cell_as_json(change.before, diff.old),
        "after": _cell_as_json(change.after, diff.new),
    }


def _deny_as_json(source: Source, change: DenyChange) -> dict[str, Any]:
    return {
        "group": change.group.name,
        "route": change.row.key,
        "together_with": [other.name for other in change.others],
        "rules": [_rule_as_json(rule, source) for rule in change.rules],
    }


def _subject_as_json(subject: Subject) -> dict[str, str]:
    if subject.kind is SubjectKind.EVERYONE:
        return {"kind": "everyone"}
    return {"kind": str(subject.kind), "name": subject.name}


def _cell_as_json(cell: Permission, source: Source) -> dict[str, Any]:
    return {
        "outcome": str(cell.extent),
        "words": cell.words,
        "rules": [_rule_as_json(rule, source) for rule in cell.rules],
    }


def _rule_as_json(rule: Rule, source: Source) -> dict[str, Any]:
    return {
        "effect": rule.effect,
        "rule": rule.pattern.text,
        "subject": rule.subject,
        "file": source.name,
        "line": rule.line,
    }
