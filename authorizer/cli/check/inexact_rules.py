"""IAM documents for all that a caller may do, where there is none that says exactly that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.check.answers import AnswerKind
from authorizer.cli.check.caches import caches
from authorizer.cli.check.finding import Finding, Severity
from authorizer.errors import clip
from authorizer.policy.caller import CallerDocuments
from authorizer.policy.grants import Inexact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.check.caches import Cache
    from authorizer.cli.source import SourceGroup, SourcePolicy, SourceScope
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.model import Policy

_WORDS = {
    Inexact.PATH_DECIDES: "a grant below a greedy route, where the path decides",
    Inexact.DENY_COMPARES_CLAIM: "a deny that compares a claim",
    Inexact.ROUTES_OVERLAP: "routes that no document can tell apart",
    Inexact.TOO_LARGE: "more grants than a document can hold",
}


def inexact_groups(
    source: SourcePolicy, policy: Policy, api: Api
) -> Iterator[tuple[SourceGroup | SourceScope, Inexact]]:
    """The groups and scopes for which no document says exactly what the policy does, and why."""
    routes = tuple(dict.fromkeys(route.key for route in api.routes if not route.is_preflight))
    documents = CallerDocuments(replace(policy, routes=routes), routes)
    # The values do not matter, as long as they are plain: others are answered one by one.
    claims = {
        condition.claim: "a-value" for rule in policy.rules for condition in rule.pattern.conditions
    }
    user = {"sub": "a-user", "username": "a-user", **claims}
    for group in source.groups:
        made = documents.of((group.name,), (), user)
        if isinstance(made, Inexact):
            yield group, made
    for scope in source.scopes:
        made = documents.of((), (scope.name,), {"sub": "a-client", "client_id": "a-client"})
        if isinstance(made, Inexact):
            yield scope, made


def inexact_documents(
    source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """X207: groups whose members are answered for one request alone, while answers are cached."""
    for cache in caches(template):
        if cache.kind is not AnswerKind.CALLER or cache.key is None or cache.key.tells_request:
            continue
        if cache.api.is_complete:
            with suppress(RecursionError):  # more segments than Python has frames
                for named, why in inexact_groups(source, policy, cache.api):
                    yield _inexact(named, cache, why)


def _inexact(named: SourceGroup | SourceScope, cache: Cache, why: Inexact) -> Finding:
    return Finding(
        code="X207",
        severity=Severity.ERROR,
        place=named.place,
        message=f"expected an exact IAM document for {clip(named.name)}, since {cache.name} of "
        f"{clip(cache.api.id)} caches for all routes, found {_WORDS.get(why, why.value)}",
        effect="they get a document for one request alone, and then 403 on others that they "
        "may make, until the answer is forgotten",
        fix="set the time to live of the authorizer to 0, or change routes or rules so that a "
        "document can tell them apart",
    )
