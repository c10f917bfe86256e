"""Rules that add nothing to others: the same again, or covered by them.

Exact: leaving out all that is reported here, together, changes no decision. Therefore a rule that
is reported covers no other any more. A property test leaves them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.cover import RuleTree, narrowness
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.words import PUBLIC, where, who
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.policy_file.source import SourceRule


def find_doubles(
    rules: Sequence[SourceRule],
    busy: Sequence[SourceRule],
    subjects: Mapping[str, Mapping[str, None]],
) -> Iterator[Finding]:
    """Those of the busy rules that add nothing to others of the same callers.

    Args:
        rules: all of the policy.
        busy: those that nothing else is wrong with.
        subjects: each subject with those whose rules its callers have, too.
    """
    # A deny counts for a grant, too: with GET denied and PUT granted elsewhere, GET,PUT is idle.
    trees = {
        "allow": RuleTree(busy),
        "deny": RuleTree(rule for rule in busy if rule.effect == "deny"),
    }
    named = RuleTree(rules)
    granted = RuleTree(rule for rule in rules if rule.effect == "allow" and rule.subject != PUBLIC)
    for rule in sorted(busy, key=narrowness):
        covering = trees[rule.effect].cover(rule, subjects[rule.subject])
        if covering and not _tells_apart(rule, covering, named, granted):
            for tree in (*trees.values(), named, granted):
                tree.discard(rule)
            yield _double(rule, covering)


def _tells_apart(
    rule: SourceRule, covering: Iterable[SourceRule], named: RuleTree, granted: RuleTree
) -> bool:
    """Whether by this rule alone the policy knows that a path is not some ``{parameter}``'s.

    Where API Gateway tells no route, a grant of ``/{lang}/help`` would be one of ``/admin/help``
    if nothing named that, though ``/admin/**`` grants it.
    """
    depth = min(len(other.pattern.path) for other in covering)
    return not named.has_same_place(rule) and any(granted.beside(rule, depth))


def _double(rule: SourceRule, covering: tuple[SourceRule, ...]) -> Finding:
    is_same = _is_same(rule, covering)
    again = "stands here again, after" if is_same else "adds nothing to"
    return Finding(
        code="P201" if is_same else "P202",
        severity=Severity.WARNING,
        place=rule.place,
        message=f"{clip(rule.text)} of {who(rule)} {again} {where(covering)}",
        effect="nothing today; whoever removes one of them later believes that it has gone",
        fix="remove this one, or narrow the other",
    )


def _is_same(rule: SourceRule, covering: tuple[SourceRule, ...]) -> bool:
    (first, *others) = covering
    return not others and ((rule.subject, _meaning(rule)) == (first.subject, _meaning(first)))


def _meaning(rule: SourceRule) -> tuple[object, ...]:
    pattern = rule.pattern
    return (pattern.methods, pattern.path, pattern.tail, frozenset(pattern.conditions))
