"""Who decides about an API: whether it is what the template says at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.document.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy


def replaced_apis(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T133: APIs in whose place SAM puts its implicit one."""
    for api in template.apis:
        if api.replaces is not None:
            yield Finding(
                code="T133",
                severity=Severity.ERROR,
                place=api.replaces,
                message=f"expected another name than {clip(api.id)}, which is that of SAM's "
                "implicit API, beside events without an API",
                effect="SAM deploys its own API in place of this resource: Auth and everything "
                "else that stands here is lost, without a word",
                fix="give the API another name, and name it in the events; or move its Auth to "
                "Globals, and remove it",
            )
