"""IAM documents for all that a caller may do, where there is none that says exactly that."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.paths import pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.protection import AnswerKind
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file.caller_table import with_callers
from authorizer.cli.policy_file.route_parts import KnownRoutes, outweighs
from authorizer.gateway.responses import MOST_ANSWER_BYTES
from authorizer.policy.caller_document import CallerDocuments
from authorizer.policy.caller_table import Inexact, choose, granted_parts
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.analysis.caching import Cache
    from authorizer.cli.policy_file.source import SourcePolicy, SourceSubject
    from authorizer.cli.template.model import Api
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Rule

# Of more groups, no two of them are tried together.
_MOST_GROUPS = 25
# Before a route's words an ARN has the names of a region, an account, an API and a stage; an answer
# has the caller's names besides. Both are at most as long in most projects.
_PREFIX = "arn:aws:execute-api:ap-southeast-1:123456789012:abcdefghij/production/"
_CONTEXT_BYTES = 600
# All of them together are many names.
_MOST_NAMED = 5
# The values do not matter, as long as they are plain: others are answered one by one.
_VALUE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Somebody who is in one group, or a machine that has one scope."""

    named: SourceSubject
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collision:
    """Two routes of which a document can only allow both, or none.

    Attributes:
        kept_out: what is not granted.
        granted: what whatever keeps that out takes away a part of.
        others: how many routes there are besides that cannot be kept out.
    """

    kept_out: str
    granted: str
    others: int


def inexact_documents(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X207, X209: who is answered for one request alone, while answers are cached."""
    for cache in analysis.caches:
        if cache.kind is not AnswerKind.CALLER or cache.key is None or cache.key.tells_request:
            continue
        if not cache.api.is_complete:
            continue
        with suppress(RecursionError):  # more segments than Python has frames
            compiled = with_callers(replace(analysis.policy, routes=cache.api.keys))
            documents = CallerDocuments(compiled)
            alone: dict[str, _Caller] = {}
            for caller in _callers(analysis.source, analysis.policy):
                why = _why_inexact(documents, caller)
                if why is not None:
                    yield _inexact(compiled, caller, cache, why)
                elif caller.groups:
                    alone[caller.named.name] = caller
            tested = [groups for groups in analysis.tested_groups() if alone.keys() >= {*groups}]
            yield from _inexact_together(compiled, documents, alone, tested, cache)


def _why_inexact(documents: CallerDocuments, caller: _Caller) -> Inexact | None:
    """Why no document says exactly what the policy does, or none that could be sent."""
    found = documents.of(caller.groups, caller.scopes, caller.claims)
    if isinstance(found, Inexact):
        return found
    smallest = found.smaller or found
    size = len(json.dumps(smallest.document(_PREFIX))) + _CONTEXT_BYTES
    return Inexact.TOO_LARGE if size > MOST_ANSWER_BYTES else None


def _inexact_together(
    policy: Policy,
    documents: CallerDocuments,
    alone: Mapping[str, _Caller],
    tested: Sequence[tuple[str, ...]],
    cache: Cache,
) -> Iterator[Finding]:
    """Groups with a document each, and none together: those of a test; each two, and all."""
    pairs = list(combinations(alone, 2)) if len(alone) <= _MOST_GROUPS else []
    others = dict.fromkeys([*pairs, tuple(alone)]) if alone else {}
    judged = (len(tested), len(alone) if pairs else 0, len(alone))
    known: list[set[str]] = []
    for variant, unions in (("tested", tested), ("", others)):
        found: list[tuple[_Caller, Inexact]] = []
        for names in unions:
            caller = replace(alone[names[0]], groups=names)
            why = _why_inexact(documents, caller)
            # With more groups besides, the reason is mostly the same.
            if why is not None and not any(fewer <= {*names} for fewer in known):
                known.append({*names})
                found.append((caller, why))
        for caller, why in found[:1]:
            collision = _collision(policy, caller, why)
            yield Finding.of(
                "X209",
                caller.named.location,
                variant,
                "overlap" if collision else "",
                reason=why,
                collision=collision,
                owner=caller.groups[:_MOST_NAMED],
                count=len(found) - 1,
                judged=judged,
                authorizer=cache.authorizer.name,
                api=cache.api.id,
            )


def _callers(source: SourcePolicy, policy: Policy) -> Iterator[_Caller]:
    claims = {
        condition.claim: _VALUE for rule in policy.rules for condition in rule.pattern.conditions
    }
    user = {"sub": _VALUE, "username": "a-user", **claims}
    for group in source.groups:
        yield _Caller(named=group, groups=(group.name,), claims=user)
    machine = {"sub": "a-client", "client_id": "a-client"}
    for scope in source.scopes:
        yield _Caller(named=scope, scopes=(scope.name,), claims=machine)


def _cause(policy: Policy, caller: _Caller, why: Inexact) -> Rule | None:
    """The first rule with which the caller has no document, where it is one."""
    if why not in (Inexact.DENY_COMPARES_CLAIM, Inexact.PATH_DECIDES):
        return None
    known = KnownRoutes.of(policy)
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    rules = policy.rules_of(caller.groups, caller.scopes)
    denies = [rule for rule in rules if rule.effect == "deny"]
    if why is Inexact.DENY_COMPARES_CLAIM:
        granted = [
            part
            for part in known.parts()
            if part.allowing & subjects and not part.denying & subjects
        ]
        compared = [deny for deny in denies if deny.pattern.conditions]
        found = (deny for deny in compared if any(deny in part.route.rules for part in granted))
    else:
        found = (
            rule
            for rule in rules
            if rule.effect == "allow" and known.may_grant_below(rule.pattern)
            if not any(outweighs(deny.pattern, rule.pattern) for deny in denies)
        )
    return next(found, None)


def _collision(policy: Policy, caller: _Caller, why: Inexact) -> _Collision | None:
    """What cannot be kept out, and why not, as the authorizer would find it."""
    table = policy.callers
    if table is None or why is not Inexact.ROUTES_OVERLAP:
        return None
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    granted = granted_parts(table, subjects, caller.claims)
    if isinstance(granted, Inexact):
        return None
    _, _, left = choose(table, granted, subjects, is_small=False)
    spot = left & -left
    narrowest = min(
        (row for row in table["denies"] if row["covers"] & spot),
        key=lambda row: (row["covers"].bit_count(), row["glob"]),
    )
    lost = narrowest["takes"] & granted
    part = table["parts"][(lost & -lost).bit_length() - 1]
    routes = {"/".join(route.shape): route.key for route in KnownRoutes.of(policy).plain}
    kept_out = routes.get(re.sub(r"\{[^}]+\}", "*", narrowest["glob"]), narrowest["glob"])
    # As it is, where it has the caller's own value; with the blank of a route.
    taken = routes.get(part["glob"], part["glob"].replace("/", " /", 1))
    return _Collision(kept_out=kept_out, granted=taken, others=left.bit_count() - 1)


def _inexact(policy: Policy, caller: _Caller, cache: Cache, why: Inexact) -> Finding:
    collision = _collision(policy, caller, why)
    cause = _cause(policy, caller, why)
    greedy = None
    if cause is not None and why is Inexact.PATH_DECIDES:
        greedy = _greedy_route(cache.api, cause)
    variant = "below" if greedy else "rule" if cause else ""
    if collision is not None:
        variant = "overlaps" if collision.others else "overlap"
    return Finding.of(
        "X207",
        caller.named.location,
        variant,
        reason=why,
        cause=cause,
        collision=collision,
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
