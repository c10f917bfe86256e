"""Groups of the policy against those that the template creates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import Unknown
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.policy_file.source import SourceGroup, SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

# Cognito itself makes <pool id>_<provider> for users of an identity provider.
_FEDERATED = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d_[A-Za-z0-9]+_.+")


def groups_not_created(
    source: SourcePolicy, policy: Policy, template: Template
) -> Iterator[Finding]:
    """X301: groups of the policy that the template does not create, where it creates any."""
    created = {group.name for group in template.groups if isinstance(group.name, str)}
    is_one_unknown = any(isinstance(group.name, Unknown) for group in template.groups)
    if is_one_unknown or not (template.pools or template.groups):
        return
    # A group that one of those includes has its members there.
    used = {member for name in created for member in policy.groups.get(name, ())}
    for group in source.groups:
        if group.name not in used and not _FEDERATED.fullmatch(group.name):
            yield _not_created(group, sorted(created))


def groups_without_rules(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X302: groups that the template creates and the policy does not know."""
    known = [group.name for group in source.groups]
    for group in template.groups:
        name = group.name
        if isinstance(name, str) and name not in known:
            yield Finding(
                code="X302",
                severity=Severity.WARNING,
                place=group.place,
                message=f"expected a group of the policy, found {clip(name)}"
                f"{did_you_mean(name, known)}",
                effect="its members get 403 on every route, unless another group lets them in",
                fix="add the group to the policy, if only as 'includes', or correct the name, or "
                "take it out of the template",
            )


def _not_created(group: SourceGroup, created: list[str]) -> Finding:
    return Finding(
        code="X301",
        severity=Severity.WARNING,
        place=group.place,
        message=f"expected a group that the template creates, found {clip(group.name)}"
        f"{did_you_mean(group.name, created)}",
        effect="nobody is in the group unless it is made by hand: its allows let nobody in, and "
        "its denies keep nobody out",
        fix="add an AWS::Cognito::UserPoolGroup of that name, or write the name as it is there",
    )
