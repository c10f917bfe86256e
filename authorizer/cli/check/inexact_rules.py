"""IAM documents for all that a caller may do, where there is none that says exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.answers import AnswerKind
from authorizer.cli.check.cache_rules import caches
from authorizer.cli.check.finding import Finding, Severity
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.check.cache_rules import Cache
    from authorizer.cli.source import SourceGroup, SourcePolicy
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.model import Policy


def inexact_groups(_policy: Policy, _template_api: Api) -> Iterator[tuple[str, str]]:
    """The groups for whose members no document says exactly what the policy does, and why."""
    yield from ()


def inexact_documents(
    source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """X207: groups whose members are answered for one request alone, while answers are cached."""
    groups = {group.name: group for group in source.groups}
    for cache in caches(template):
        if cache.kind is not AnswerKind.CALLER or cache.key is None or cache.key.tells_request:
            continue
        for name, why in inexact_groups(policy, cache.api):
            if name in groups:
                yield _inexact(groups[name], cache, why)


def _inexact(group: SourceGroup, cache: Cache, why: str) -> Finding:
    return Finding(
        code="X207",
        severity=Severity.ERROR,
        place=group.place,
        message=f"expected an exact IAM document for group {clip(group.name)}, since {cache.name} "
        f"caches for all routes, found {why}",
        effect="Members get a document for one request alone, and then 403 on others that they "
        "may make, until the answer is forgotten.",
        fix="Set the time to live of the authorizer to 0, or change the routes or rules so that a "
        "document can tell them apart.",
    )
