"""Decisions, rules and nearest alternatives in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import Change, Kind
from authorizer.cli.text import shown
from authorizer.errors import clip
from authorizer.policy.routes import split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.alternatives import Alternative
    from authorizer.cli.analysis.simulator import Simulator
    from authorizer.policy.model import Rule

_MOST_GROUPS = 5


def listed(names: Sequence[str], word: str = "or") -> str:
    """``a``, ``a or b``, ``a, b or c``; the first few of many."""
    if len(names) > _MOST_GROUPS:
        rest = len(names) - _MOST_GROUPS
        return f"{', '.join(map(shown, names[:_MOST_GROUPS]))} {word} {rest} others"
    *first, last = map(shown, names)
    return f"{', '.join(first)} {word} {last}" if first else last


def place_of(simulator: Simulator, rule: Rule) -> str:
    """``policy.yaml:16``."""
    return f"{simulator.file}:{rule.line}"


def rule_in_words(simulator: Simulator, rule: Rule) -> str:
    """``policy.yaml:16 (group editor: POST /articles)``."""
    kind, _, name = rule.subject.partition(":")
    deny = ", deny" if rule.effect == "deny" else ""
    return f"{place_of(simulator, rule)} ({kind} {shown(name)}{deny}: {rule.pattern.text})"


def alternatives_in_words(
    simulator: Simulator, alternatives: Iterable[Alternative]
) -> Iterator[str]:
    """A sentence for each alternative; those that differ by the group alone in one."""
    merged: dict[tuple[object, ...], list[Alternative]] = {}
    for alternative in alternatives:
        others = tuple(
            () if change.kind is Kind.JOIN else (change.kind, change.names, change.request)
            for change in alternative.changes
        )
        merged.setdefault((alternative.answer.decision.rule, others), []).append(alternative)
    own = {alike[0].answer.decision.rule for alike in merged.values() if _is_for_own(alike[0])}
    for alike in merged.values():
        # A path that would do says what another claim would say, and is easier to come by.
        if not (Kind.CLAIM in alike[0].kinds and alike[0].answer.decision.rule in own):
            yield _sentence(simulator, alike)


def _is_for_own(alternative: Alternative) -> bool:
    return Kind.PATH in alternative.kinds


def _sentence(simulator: Simulator, alike: Sequence[Alternative]) -> str:
    alternative = alike[0]
    rule = alternative.answer.decision.rule
    parts = [
        _phrase(simulator, change, [other.changes[index] for other in alike])
        for index, change in enumerate(alternative.changes)
    ]
    what = f"{rule_in_words(simulator, rule)} would allow it" if rule else "it would be allowed"
    return f"{what} {', and '.join(parts)}"


def _phrase(simulator: Simulator, change: Change, alike: Sequence[Change]) -> str:
    names = listed(change.names, "and")
    phrases = {
        Kind.LEAVE: lambda: f"without the group {names}",
        Kind.JOIN: lambda: f"to a member of {_groups(simulator, [one.names[0] for one in alike])}",
        Kind.SCOPE: lambda: (
            f"to a machine (a token without user and groups) with the scope {names}"
        ),
        Kind.METHOD: lambda: f"with the method {names}",
        Kind.SPELLING: lambda: f"for the path {shown(change.request.path)}",
        Kind.PATH: lambda: f"for {shown(change.request.path)}: {_comparison(change)}",
        Kind.CLAIM: lambda: f"if {_claims(change)}",
    }
    return phrases[change.kind]()


def _groups(simulator: Simulator, names: list[str]) -> str:
    """The groups that have a rule; those that only include another one are named so."""
    members = simulator.policy.groups
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
