"""IAM documents for all that a caller may do, where there is none that says exactly that."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.protection import AnswerKind
from authorizer.cli.analysis.request import Caller, described_caller
from authorizer.cli.analysis.routes import pattern_of_route, pattern_of_rule
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file.caller_table import with_callers
from authorizer.cli.policy_file.route_parts import KnownRoutes, outweighs
from authorizer.gateway.iam import MOST_ANSWER_BYTES, caller_document
from authorizer.policy.caller_document import CallerDocuments, Inexact, choose, granted_parts
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


def inexact_documents(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X207, X209: who is answered for one request alone, while answers are cached."""
    for cache in analysis.caches:
        is_for_all = cache.kind is AnswerKind.CALLER and cache.api.is_complete
        if is_for_all and cache.key is not None and not cache.key.tells_request:
            with suppress(RecursionError):  # more segments than Python has frames
                yield from _inexact_for(cache, analysis)


def _inexact_for(cache: Cache, analysis: TemplateAnalysis) -> Iterator[Finding]:
    compiled = with_callers(replace(analysis.policy, routes=cache.api.keys))
    documents = CallerDocuments(compiled)
    alone: dict[str, SourceSubject] = {}
    for named, caller in _callers(analysis.source, analysis.policy):
        why = _why_inexact(documents, caller)
        if why is not None:
            yield _inexact(compiled, named, caller, cache, why)
        elif caller.groups:
            alone[named.name] = named
    tested = [groups for groups in analysis.tested_groups() if alone.keys() >= {*groups}]
    yield from _inexact_together(compiled, documents, alone, tested, cache)


def _why_inexact(documents: CallerDocuments, caller: Caller) -> Inexact | None:
    """Why no document says exactly what the policy does, or none that could be sent."""
    found = documents.of(caller.groups, caller.scopes, caller.claims)
    if isinstance(found, Inexact):
        return found
    smallest = found.smaller or found
    size = len(json.dumps(caller_document(_PREFIX, smallest.allow, smallest.deny))) + _CONTEXT_BYTES
    return Inexact.TOO_LARGE if size > MOST_ANSWER_BYTES else None


def _inexact_together(
    policy: Policy,
    documents: CallerDocuments,
    alone: Mapping[str, SourceSubject],
    tested: Sequence[tuple[str, ...]],
    cache: Cache,
) -> Iterator[Finding]:
    """Groups with a document each, and none together: those of a test; each two, and all."""
    pairs = list(combinations(alone, 2)) if len(alone) <= _MOST_GROUPS else []
    others = dict.fromkeys([*pairs, tuple(alone)]) if alone else {}
    judged = (len(tested), len(alone) if pairs else 0, len(alone))
    known: list[set[str]] = []
    claims = _claims(policy)
    for variant, unions in (("tested", tested), ("", others)):
        found: list[tuple[Caller, Inexact]] = []
        for names in unions:
            caller = Caller(groups=names, claims=claims)
            why = _why_inexact(documents, caller)
            # With more groups besides, the reason is mostly the same.
            if why is not None and not any(fewer <= {*names} for fewer in known):
                known.append({*names})
                found.append((caller, why))
        for caller, why in found[:1]:
            collision = _collision(policy, caller, why)
            yield Finding.of(
                "X209",
                alone[caller.groups[0]].location,
                variant,
                "overlap" if collision else "",
                reason=why,
                owner=caller.groups[:_MOST_NAMED],
                count=len(found) - 1,
                judged=judged,
                authorizer=cache.authorizer.name,
                api=cache.api.id,
                **collision,
            )


def _callers(source: SourcePolicy, policy: Policy) -> Iterator[tuple[SourceSubject, Caller]]:
    """Who is in one group, and machines that have one scope."""
    claims = _claims(policy)
    yield from ((group, Caller(groups=(group.name,), claims=claims)) for group in source.groups)
    yield from ((scope, described_caller((), (scope.name,), {})) for scope in source.scopes)


def _claims(policy: Policy) -> dict[str, str]:
    """A user's."""
    compared = (one.claim for rule in policy.rules for one in rule.pattern.conditions)
    return {"sub": _VALUE, "username": "a-user", **dict.fromkeys(compared, _VALUE)}


def _cause(policy: Policy, caller: Caller, why: Inexact) -> Rule | None:
    """The first rule with which the caller has no document, where it is one."""
    if why not in (Inexact.DENY_COMPARES_CLAIM, Inexact.PATH_DECIDES):
        return None
    known = KnownRoutes.of(policy)
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    rules = [rule for rule in policy.rules if rule.subject in subjects]
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


def _collision(policy: Policy, caller: Caller, why: Inexact) -> dict[str, Any]:
    """Two routes of which a document can only allow both, or none, as the authorizer finds them.

    Returns:
        ``kept_out``, which is not granted; ``granted``, of which whatever keeps that out takes a
        part away; ``further``, how many besides cannot be kept out. Nothing for another reason.
    """
    table = policy.callers
    if table is None or why is not Inexact.ROUTES_OVERLAP:
        return {}
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    granted = granted_parts(table, subjects, caller.claims)
    if isinstance(granted, Inexact):
        return {}
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
    return {"kept_out": kept_out, "granted": taken, "further": left.bit_count() - 1}


def _inexact(
    policy: Policy, named: SourceSubject, caller: Caller, cache: Cache, why: Inexact
) -> Finding:
    collision = _collision(policy, caller, why)
    cause = _cause(policy, caller, why)
    greedy = _greedy_route(cache.api, cause) if cause and why is Inexact.PATH_DECIDES else None
    variant = "below" if greedy else "rule" if cause else ""
    if collision:
        variant = "overlaps" if collision["further"] else "overlap"
    return Finding.of(
        "X207",
        named.location,
        variant,
        reason=why,
        cause=cause,
        route=greedy,
        owner=named.name,
        authorizer=cache.authorizer.name,
        api=cache.api.id,
        **collision,
    )


def _greedy_route(api: Api, rule: Rule) -> str | None:
    """The first route without a path of its own that the rule has requests of."""
    patterns = ((route, pattern_of_route(route.path)) for route in api.routes)
    greedy = (
        route.key
        for route, pattern in patterns
        if pattern.more is not None and pattern_of_rule(rule.pattern).overlaps(pattern)
        if route.method in ("", ANY) or rule.pattern.covers_method(route.method)
    )
    return next(greedy, None)
