"""A diff for people in a terminal and in a browser, for a pull request, and for programs.

Lines are gathered: what is the same for several subjects or routes is said once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from authorizer.cli.analysis.permissions import EVERYONE, Extent, Permission, Subject
from authorizer.cli.pages import report_page
from authorizer.cli.text import cited, code, plain, print_folded, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.analysis.routes import AskedRoute
    from authorizer.cli.diff.compare import Change, DenyChange, Diff
    from authorizer.policy.model import Rule

# Who else is concerned is named up to so many, and then counted.
_MOST_NAMES = 5
# Comments on GitHub are bounded by 65,536 characters; beyond so many lines, a table is no help.
_MOST_LINES = 100
# A route's key, what changes there, and where a policy says so: those who have it in common.
_Alike = dict[tuple[str, str, tuple[str, ...]], list[Subject]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Lines of one kind, under a heading that says which.

    Attributes:
        is_gain: whether someone may do more by them.
        lines: by route, by what changes, and by the rules: of the new policy, or else the old one.
    """

    title: str
    meaning: str
    is_gain: bool
    lines: _Alike


def _sections(diff: Diff) -> Iterator[_Section]:
    """What there is to say, widenings first."""
    sections = (
        _Section(
            title="Gained", meaning="may do more", is_gain=True, lines=_changes(diff, diff.gains)
        ),
        _Section(
            title="Denies lifted",
            meaning="whoever is in the group and in one of those named gains the route, unless a "
            "further group of theirs denies it",
            is_gain=True,
            lines=_denies(diff.old, diff.lifted),
        ),
        _Section(
            title="Lost", meaning="may do less", is_gain=False, lines=_changes(diff, diff.losses)
        ),
        _Section(
            title="Denies imposed",
            meaning="whoever is in the group and in one of those named loses the route",
            is_gain=False,
            lines=_denies(diff.new, diff.imposed),
        ),
    )
    return (section for section in sections if section.lines)


def _changes(diff: Diff, changes: Iterable[Change]) -> _Alike:
    alike: _Alike = defaultdict(list)
    for change in changes:
        what = f"{_permission(change.before)} → {_permission(change.after)}"
        before = cited(change.before.rules, diff.old.name)
        rules = cited(change.after.rules, diff.new.name) or before
        alike[change.route.key, what, rules].append(change.subject)
    return alike


def _denies(source: NamedPolicy, changes: Iterable[DenyChange]) -> _Alike:
    alike: _Alike = defaultdict(list)
    for change in changes:
        what = f"together with {_names(change.others)}"
        alike[change.route.key, what, cited(change.rules, source.name)].append(change.group)
    return alike


def _permission(permission: Permission) -> str:
    if permission.extent in {Extent.NONE, Extent.DENY}:
        return permission.extent
    words = permission.words
    return f"{permission.extent} ({words})" if permission.depends else words


def _name(subject: Subject, shown: Callable[[str], str]) -> str:
    """``everyone``, ``group reader``, ``scope reports/read``."""
    return str(subject.kind) if subject == EVERYONE else f"{subject.kind} {shown(subject.name)}"


def _names(subjects: Sequence[Subject], shown: Callable[[str], str] = plain) -> str:
    return _some([_name(subject, shown) for subject in subjects])


def _some(names: Sequence[str]) -> str:
    """Not all of them, if they are many."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _summary(diff: Diff) -> str:
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


def headline(diff: Diff) -> str:
    """The whole in a line: what was compared, and what came of it."""
    return f"{plain(diff.old.name)} → {plain(diff.new.name)}: {_summary(diff)}"


def _remarks(diff: Diff, shown: Callable[[str], str]) -> Iterator[str]:
    """Groups and scopes that came or went, which by itself changes nobody's rights."""
    for title, subjects in (("new", diff.added), ("no longer there", diff.removed)):
        if subjects:
            yield f"{title}: {', '.join(_name(subject, shown) for subject in subjects)}"


def _caveat(routes: Sequence[AskedRoute], shown: Callable[[str], str]) -> str:
    """What was not compared, for it is about no route of the API."""
    names = _some([shown(route.key) for route in routes])
    return f"not counted, because the template has no such route: {names}"


def print_diff(diff: Diff, console: Console) -> None:
    """Print it."""
    print_folded(console, Text(headline(diff)), 2)
    for remark in _remarks(diff, plain):
        print_folded(console, Text(remark), 2)
    for section in _sections(diff):
        console.print()
        print_folded(console, Text(f"{section.title}: {section.meaning}", style="bold"), 2)
        sign, colour = ("+", "green") if section.is_gain else ("-", "red")
        for (route, what, rules), who in section.lines.items():
            heading = Text(f"{sign} {plain(route)}", style=colour)
            heading.append(f"  {_names(who)}", style="default")
            print_folded(console, heading, 4)
            print_folded(console, Text(f"    {plain(what)}"), 6)
            for rule in rules:
                print_folded(console, Text(f"    {rule}", style="dim"), 6)
    if diff.elsewhere:
        console.print()
        print_folded(console, Text(_caveat(diff.elsewhere, plain), style="yellow"), 2)


def markdown_of(diff: Diff) -> str:
    """The text of a comment on a pull request."""
    return render(
        "diff",
        "comment.md",
        diff=diff,
        summary=_summary(diff),
        remarks=list(_remarks(diff, code)),
        sections=list(_sections(diff)),
        most=_MOST_LINES,
        caveat=_caveat(diff.elsewhere, code),
        code=code,
        names=_names,
    )


def page_of(diff: Diff, unread: tuple[str, ...] = ()) -> str:
    """One page with all of it, to be opened from a pull request.

    Args:
        diff: what was compared.
        unread: which routes were not, for they could not be read.
    """
    return report_page(
        "diff",
        diff=diff,
        unread=unread,
        summary=_summary(diff),
        remarks=list(_remarks(diff, plain)),
        changed={(change.route, change.subject): change for change in diff.changes},
        sections=list(_sections(diff)),
        caveat=_caveat(diff.elsewhere, plain),
        name_of=lambda subject: _name(subject, plain),
    )


def as_json(diff: Diff) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "version": 1,
        "old": diff.old.name,
        "new": diff.new.name,
        "widens": diff.widens,
        "changes": [
            {
                "subject": _subject_as_json(change.subject),
                "route": change.route.key,
                "gains": change.gains,
                "loses": change.loses,
                "before": _permission_as_json(change.before, diff.old),
                "after": _permission_as_json(change.after, diff.new),
            }
            for change in diff.changes
        ],
        "lifted": [_deny_as_json(change, diff.old) for change in diff.lifted],
        "imposed": [_deny_as_json(change, diff.new) for change in diff.imposed],
        "added": [_subject_as_json(subject) for subject in diff.added],
        "removed": [_subject_as_json(subject) for subject in diff.removed],
        "not_in_template": [route.key for route in diff.elsewhere],
    }


def _deny_as_json(change: DenyChange, source: NamedPolicy) -> dict[str, Any]:
    return {
        "group": change.group.name,
        "route": change.route.key,
        "together_with": [other.name for other in change.others],
        "rules": [_rule_as_json(rule, source) for rule in change.rules],
    }


def _subject_as_json(subject: Subject) -> dict[str, str]:
    name = {} if subject == EVERYONE else {"name": subject.name}
    return {"kind": str(subject.kind), **name}


def _permission_as_json(permission: Permission, source: NamedPolicy) -> dict[str, Any]:
    return {
        "outcome": str(permission.extent),
        "words": permission.words,
        "rules": [_rule_as_json(rule, source) for rule in permission.rules],
    }


def _rule_as_json(rule: Rule, source: NamedPolicy) -> dict[str, Any]:
    return {
        "effect": rule.effect,
        "rule": rule.pattern.text,
        "subject": rule.subject,
        "file": source.name,
        "line": rule.line,
    }
