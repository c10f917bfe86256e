"""Decisions, rules and nearest misses in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.explain.changes import Change, Kind
from authorizer.cli.explain.question import shown
from authorizer.errors import clip
from authorizer.policy.routes import split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.explain.nearest import Miss
    from authorizer.cli.explain.rulebook import Rulebook
    from authorizer.policy.model import Rule

_MOST_GROUPS = 5


def listed(names: Sequence[str], word: str = "or") -> str:
    """``a``, ``a or b``, ``a, b or c``; the first few of many."""
    if len(names) > _MOST_GROUPS:
        rest = len(names) - _MOST_GROUPS
        return f"{', '.join(map(shown, names[:_MOST_GROUPS]))} {word} {rest} others"
    *first, last = map(shown, names)
    return f"{', '.join(first)} {word} {last}" if first else last


def place_of(book: Rulebook, rule: Rule) -> str:
    """``policy.yaml:16``."""
    return f"{book.file}:{rule.line}"


def rule_in_words(book: Rulebook, rule: Rule) -> str:
    """``policy.yaml:16 (group editor: POST /articles)``."""
    kind, _, name = rule.subject.partition(":")
    deny = ", deny" if rule.effect == "deny" else ""
    return f"{place_of(book, rule)} ({kind} {shown(name)}{deny}: {rule.pattern.text})"


def misses_in_words(book: Rulebook, misses: Iterable[Miss]) -> Iterator[str]:
    """A sentence for each miss; those that differ by the group alone in one."""
    merged: dict[tuple[object, ...], list[Miss]] = {}
    for miss in misses:
        others = tuple(
            () if change.kind is Kind.JOIN else (change.kind, change.names, change.request)
            for change in miss.changes
        )
        merged.setdefault((miss.answer.decision.rule, others), []).append(miss)
    own = {alike[0].answer.decision.rule for alike in merged.values() if _is_for_own(alike[0])}
    for alike in merged.values():
        # A path that would do says what another claim would say, and is easier to come by.
        if not (Kind.CLAIM in alike[0].kinds and alike[0].answer.decision.rule in own):
            yield _sentence(book, alike)


def _is_for_own(miss: Miss) -> bool:
    return Kind.PATH in miss.kinds


def _sentence(book: Rulebook, alike: Sequence[Miss]) -> str:
    miss = alike[0]
    rule = miss.answer.decision.rule
    parts = [
        _phrase(book, change, [other.changes[index] for other in alike])
        for index, change in enumerate(miss.changes)
    ]
    what = f"{rule_in_words(book, rule)} would allow it" if rule else "it would be allowed"
    return f"{what} {', and '.join(parts)}"


def _phrase(book: Rulebook, change: Change, alike: Sequence[Change]) -> str:
    names = listed(change.names, "and")
    phrases = {
        Kind.LEAVE: lambda: f"without the group {names}",
        Kind.JOIN: lambda: f"to a member of {_groups(book, [one.names[0] for one in alike])}",
        Kind.SCOPE: lambda: (
            f"to a machine (a token without user and groups) with the scope {names}"
        ),
        Kind.METHOD: lambda: f"with the method {names}",
        Kind.SPELLING: lambda: f"for the path {shown(change.request.path)}",
        Kind.PATH: lambda: f"for {shown(change.request.path)}: {_comparison(change)}",
        Kind.CLAIM: lambda: f"if {_claims(change)}",
    }
    return phrases[change.kind]()


def _groups(book: Rulebook, names: list[str]) -> str:
    """The groups that have a rule; those that only include another one are named so."""
    members = book.policy.groups
    owners = [
        name for name in names if not any(one in members[name] for one in names if one != name)
    ]
    including = [name for name in names if name not in owners]
    if not owners or not including:
        return listed(names)
    verb = "which includes it" if len(including) == 1 else "which include it"
    return f"{listed(owners)}, or of {listed(including)}, {verb}"


def _comparison(change: Change) -> str:
    """What is compared, for a path with the caller's own claims."""
    return " and ".join(
        f"{segment} must equal the claim {shown(claim)}, which is "
        f"{clip(change.caller.claims.get(claim))}"
        for segment, claim in _conditions(change)
    )


def _claims(change: Change) -> str:
    """What is compared, for claims that would fit the path."""
    return " and ".join(
        f"the claim {shown(claim)} were {clip(change.caller.claims.get(claim))}, "
        f"which {segment} must equal"
        for segment, claim in _conditions(change)
    )


def _conditions(change: Change) -> Iterator[tuple[str, str]]:
    """Each comparison of the rule: the segment as written, and the claim."""
    if change.rule is None:
        return
    segments = split_path(change.rule.pattern.text.partition(" ")[2])
    for condition in change.rule.pattern.conditions:
        segment = segments[condition.position].partition("=")[0] + "}"
        yield segment, condition.claim
