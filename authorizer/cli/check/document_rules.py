"""IAM documents for all that a caller may do, where there is none that says exactly that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.caching import caches
from authorizer.cli.analysis.paths import pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import AnswerKind
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file.caller_table import with_callers
from authorizer.policy.caller_document import CallerDocuments
from authorizer.policy.caller_table import Inexact
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.analysis.caching import Cache
    from authorizer.cli.policy_file.source import SourceGroup, SourcePolicy, SourceScope
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Rule

# The rule that makes it impossible is looked for by trying, and each try goes through all routes:
# of a large API it is named for the first few groups only.
_MOST_TRIED_ROUTES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Somebody who is in one group, or a machine that has one scope."""

    named: SourceGroup | SourceScope
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any]


def inexact_documents(
    source: SourcePolicy, analysis: TemplateAnalysis, template: Template
) -> Iterator[Finding]:
    """X207: groups whose members are answered for one request alone, while answers are cached."""
    left = _MOST_TRIED_ROUTES
    for cache in caches(template):
        if cache.kind is not AnswerKind.CALLER or cache.key is None or cache.key.tells_request:
            continue
        if not cache.api.is_complete:
            continue
        with suppress(RecursionError):  # more segments than Python has frames
            compiled = replace(analysis.policy, routes=cache.api.keys)
            for caller, why in _inexact_callers(source, compiled):
                culprit = _culprit(compiled, caller, why) if left > 0 else None
                left -= len(compiled.routes or ()) * len(compiled.rules).bit_length()
                yield _inexact(caller, cache, why, culprit)


def _inexact_callers(source: SourcePolicy, policy: Policy) -> Iterator[tuple[_Caller, Inexact]]:
    """The groups and scopes for which no document says exactly what the policy does, and why."""
    documents = CallerDocuments(with_callers(policy))
    for caller in _callers(source, policy):
        made = documents.of(caller.groups, caller.scopes, caller.claims)
        if isinstance(made, Inexact):
            yield caller, made


def _callers(source: SourcePolicy, policy: Policy) -> Iterator[_Caller]:
    # The values do not matter, as long as they are plain: others are answered one by one.
    claims = {
        condition.claim: "a-value" for rule in policy.rules for condition in rule.pattern.conditions
    }
    user = {"sub": "a-user", "username": "a-user", **claims}
    for group in source.groups:
        yield _Caller(named=group, groups=(group.name,), claims=user)
    machine = {"sub": "a-client", "client_id": "a-client"}
    for scope in source.scopes:
        yield _Caller(named=scope, scopes=(scope.name,), claims=machine)


def _culprit(policy: Policy, caller: _Caller, why: Inexact) -> Rule | None:
    """The rule with which the caller's rules, taken one after the other, have no document more."""
    if why is Inexact.TOO_LARGE:
        return None
    effect = "deny" if why is Inexact.DENY_COMPARES_CLAIM else "allow"
    rules = policy.rules_of(caller.groups, caller.scopes)
    tried = [rule for rule in rules if rule.effect == effect]
    others = [rule for rule in rules if rule.effect != effect]
    exact, inexact = 0, len(tried)
    while inexact - exact > 1:
        middle = (exact + inexact) // 2
        if _is_exact(policy, caller, [*others, *tried[:middle]]):
            exact = middle
        else:
            inexact = middle
    return tried[inexact - 1] if tried and _is_exact(policy, caller, others) else None


def _is_exact(policy: Policy, caller: _Caller, rules: Sequence[Rule]) -> bool:
    documents = CallerDocuments(with_callers(replace(policy, rules=tuple(rules))))
    made = documents.of(caller.groups, caller.scopes, caller.claims)
    return not isinstance(made, Inexact)


def _inexact(caller: _Caller, cache: Cache, why: Inexact, culprit: Rule | None) -> Finding:
    greedy = None
    if culprit is not None and why is Inexact.PATH_DECIDES:
        greedy = _greedy_route(cache.api, culprit)
    variant = "below" if greedy else "rule" if culprit else ""
    place = caller.named.place
    return Finding.of(
        "X207",
        place,
        variant,
        reason=why,
        cause=culprit,
        route=greedy,
        owner=caller.named.name,
        authorizer=cache.authorizer.name,
        api=cache.api.id,
    )


def _greedy_route(api: Api, rule: Rule) -> str | None:
    """The first route without a path of its own that the rule has requests of."""
    for route in api.routes:
        pattern = pattern_of_route(route.path)
        takes = route.method in ("", ANY) or rule.pattern.covers_method(route.method)
        if pattern.more is not None and takes and pattern_of_rule(rule.pattern).overlaps(pattern):
            return route.key
    return None
