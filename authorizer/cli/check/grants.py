"""What is wrong with the rules of a policy: those that do nothing, and those that do too much.

Whether a rule is dead or covered is asked among the rules that every caller has who has this one:
those of its group and of what that includes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.cover import RuleTree
from authorizer.cli.check.doubles import find_doubles
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.words import PUBLIC, where, who
from authorizer.cli.location import Location
from authorizer.cli.policy_file.source import SourceRule
from authorizer.errors import clip
from authorizer.policy.compiled import include_closure
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.policy_file.source import SourcePolicy


def check_rules(source: SourcePolicy) -> Iterator[Finding]:
    """Rules that do nothing, one finding a rule, and rules that do too much."""
    yield from _nothing(source)
    rules = [*source.rules, *_public(source)]
    yield from _everything(rules)
    subjects = _subjects(source)
    idle = [*_idle(rules, subjects)]
    yield from (finding for _, finding in idle)
    reported = {id(rule) for rule, _ in idle}
    busy = [rule for rule in rules if id(rule) not in reported]
    yield from find_doubles(rules, busy, subjects)
    yield from _misses(rules, [rule for rule in busy if rule.effect == "deny"])


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


def _subjects(source: SourcePolicy) -> dict[str, dict[str, None]]:
    """Each subject with those whose rules everybody has who has this one's, in the file's order."""
    includes = {group.name: [item.name for item in group.includes] for group in source.groups}
    order = {group: position for position, group in enumerate(includes)}
    subjects = {
        f"group:{group}": {
            f"group:{member}": None for member in sorted(members, key=order.__getitem__)
        }
        for group, members in include_closure(includes).items()
    }
    for scope in source.scopes:
        subjects[f"scope:{scope.name}"] = {f"scope:{scope.name}": None}
    return {**subjects, PUBLIC: {PUBLIC: None}}


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


def _idle(
    rules: Sequence[SourceRule], subjects: Mapping[str, Mapping[str, None]]
) -> Iterator[tuple[SourceRule, Finding]]:
    """Rules of groups and scopes that never decide: denied anyway, or never asked."""
    public = RuleTree(rule for rule in rules if rule.subject == PUBLIC)
    denies = RuleTree(rule for rule in rules if rule.effect == "deny")
    for rule in rules:
        if rule.subject == PUBLIC:
            continue
        if never_asked := public.cover(rule, subjects[PUBLIC]):
            yield rule, _never_asked(rule, never_asked)
        elif rule.effect == "allow" and (denied := denies.cover(rule, subjects[rule.subject])):
            yield rule, _dead(rule, denied)


def _never_asked(rule: SourceRule, public: tuple[SourceRule, ...]) -> Finding:
    denies = rule.effect == "deny"
    return Finding(
        code="P206",
        severity=Severity.WARNING,
        place=rule.place,
        message=f"{clip(rule.text)} of {who(rule)} is a public route by {where(public)}",
        effect="the authorizer is never asked there: "
        + ("nobody is denied anything" if denies else "everybody may use it, with or without it"),
        fix="remove the rule, or the public route and its Authorizer: NONE in the template",
    )


def _dead(rule: SourceRule, denied: tuple[SourceRule, ...]) -> Finding:
    return Finding(
        code="P203",
        severity=Severity.WARNING,
        place=rule.place,
        message=f"{clip(rule.text)} of {who(rule)} is always denied by {where(denied)}",
        effect="nobody gains anything by this grant, because a deny overrides it",
        fix="remove the grant, or narrow the deny",
    )


def _misses(rules: Sequence[SourceRule], denies: Iterable[SourceRule]) -> Iterator[Finding]:
    """Denies of a literal path where the policy knows a route with a parameter only."""
    allows = RuleTree(rule for rule in rules if rule.effect == "allow")
    for rule in denies:
        if allows.relates(rule):
            continue
        missed = next((one for one in allows.beside(rule) if _share_a_method(one, rule)), None)
        if missed is not None:
            route = where([missed])
            yield Finding(
                code="P205",
                severity=Severity.WARNING,
                place=rule.place,
                message=f"{clip(rule.text)} of {who(rule)} is another route than {route}",
                effect="where API Gateway matches the parameter's route, nothing is denied",
                fix="deny the route with the parameter, or make the literal path a route of the "
                "API and name it in a grant",
            )


def _share_a_method(one: SourceRule, other: SourceRule) -> bool:
    return any(one.pattern.covers_method(method) for method in other.pattern.methods) or any(
        other.pattern.covers_method(method) for method in one.pattern.methods
    )
