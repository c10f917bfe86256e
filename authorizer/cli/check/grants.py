"""What is wrong with the rules of a policy: those that do nothing, and those that do too much.

Whether a rule is dead or covered is asked among the rules that every caller has who has this one:
those of its group and of what that includes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.paths import PathIndex, pattern_of_rule
from authorizer.cli.analysis.redundancy import PUBLIC, Why, parameter_beside, redundancies
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.words import where, who
from authorizer.cli.location import Location
from authorizer.cli.policy_file.source import SourceRule
from authorizer.errors import clip
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.analysis.redundancy import Redundancy
    from authorizer.cli.policy_file.source import SourcePolicy

_NOTHING = "nothing today; whoever removes one of them later believes that it has gone"
_NEVER_ASKED = {
    "allow": "everybody may use it, with or without it",
    "deny": "nobody is denied anything",
}
_REMOVE = "remove this one, or narrow the other"


def check_rules(source: SourcePolicy) -> Iterator[Finding]:
    """Rules that do nothing, one finding a rule, and rules that do too much."""
    yield from _nothing(source)
    rules = [*source.rules, *_public(source)]
    yield from _everything(rules)
    never_asked = set()
    for found in redundancies(source, rules):
        yield _redundant(found)
        if found.why is Why.NEVER_ASKED:
            never_asked.add(id(found.rule))
    denies = (rule for rule in rules if rule.effect == "deny" and id(rule) not in never_asked)
    yield from _misses(rules, denies)


def _public(source: SourcePolicy) -> Iterator[SourceRule]:
    """Public routes as rules: they cover one another like grants."""
    for route in source.public:
        yield SourceRule(
            text=route.text,
            pattern=route.pattern,
            subject=PUBLIC,
            effect="allow",
            place=route.place,
        )


def _nothing(source: SourcePolicy) -> Iterator[Finding]:
    if not source.public and all(rule.effect == "deny" for rule in source.rules):
        yield Finding(
            code="P208",
            severity=Severity.WARNING,
            place=Location(file=source.file, line=1, column=1),
            message="expected a rule under allow, found none in the whole policy",
            effect="every caller gets 403 on every route that has the authorizer",
            fix="allow a group some routes: groups: {reader: {allow: [GET /hello]}}",
        )


def _everything(rules: Iterable[SourceRule]) -> Iterator[Finding]:
    for rule in rules:
        pattern = rule.pattern
        if rule.effect == "allow" and ANY in pattern.methods and pattern.tail and not pattern.path:
            yield Finding(
                code="P204",
                severity=Severity.ERROR,
                place=rule.place,
                message=f"{clip(rule.text)} grants every route to {who(rule)}",
                effect="they may use every route, also those that are added to the API later",
                fix="grant the routes that are meant, such as ANY /admin/**, or accept P204",
            )


def _redundant(found: Redundancy) -> Finding:
    rule, because = found.rule, where(found.covering)
    code, what, effect, fix = {
        Why.NEVER_ASKED: (
            "P206",
            f"is a public route by {because}",
            f"the authorizer is never asked there: {_NEVER_ASKED[rule.effect]}",
            "remove the rule, or the public route and its Authorizer: NONE in the template",
        ),
        Why.DENIED: (
            "P203",
            f"is always denied by {because}",
            "nobody gains anything by this grant, because a deny overrides it",
            "remove the grant, or narrow the deny",
        ),
        Why.REPEATED: ("P201", f"stands here again, after {because}", _NOTHING, _REMOVE),
        Why.COVERED: ("P202", f"adds nothing to {because}", _NOTHING, _REMOVE),
    }[found.why]
    return Finding(
        code=code,
        severity=Severity.WARNING,
        place=rule.place,
        message=f"{clip(rule.text)} of {who(rule)} {what}",
        effect=effect,
        fix=fix,
    )


def _misses(rules: Iterable[SourceRule], denies: Iterable[SourceRule]) -> Iterator[Finding]:
    """Denies of a literal path where the policy knows a route with a parameter only."""
    allows = (rule for rule in rules if rule.effect == "allow")
    grants = PathIndex((pattern_of_rule(rule.pattern), rule) for rule in allows)
    for rule in denies:
        missed = _missed(rule, grants)
        if missed is not None:
            yield Finding(
                code="P205",
                severity=Severity.WARNING,
                place=rule.place,
                message=f"{clip(rule.text)} of {who(rule)} is another route than {where([missed])}",
                effect="where API Gateway matches the parameter's route, nothing is denied",
                fix="deny the route with the parameter, or make the literal path a route of the "
                "API and name it in a grant",
            )


def _missed(rule: SourceRule, grants: PathIndex[SourceRule]) -> SourceRule | None:
    """A grant with a parameter where a deny is literal; nothing where a grant has its path."""
    beside: dict[int, SourceRule] = {}
    for grant in grants.overlapping(pattern_of_rule(rule.pattern)):
        pairs = zip(rule.pattern.path, grant.pattern.path, strict=False)
        if all(own == theirs for own, theirs in pairs):
            return None
        at = parameter_beside(rule.pattern, grant.pattern)
        if at is not None and _share_a_method(grant, rule):
            beside.setdefault(at, grant)
    return beside[min(beside)] if beside else None


def _share_a_method(one: SourceRule, other: SourceRule) -> bool:
    return any(one.pattern.covers_method(method) for method in other.pattern.methods) or any(
        other.pattern.covers_method(method) for method in one.pattern.methods
    )
