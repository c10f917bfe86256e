"""Who decides: whether that is the policy's authorizer, with today's policy, and surely so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, our_authorizers, route_protections
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.routes_rules import name_of_authorizer, routes_without_rule
from authorizer.cli.template.model import Mistake, Unknown
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Authorizer, Template
    from authorizer.policy.model import Policy

# A function's newest code, with nothing left open.
_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+", re.ASCII)


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


def functions_that_stay(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T132: authorizers that may ask an old version of the function."""
    for _, authorizer in our_authorizers(template):
        if authorizer.stays is not None:
            yield Finding(
                code="T132",
                severity=Severity.WARNING,
                place=authorizer.function_place or authorizer.place,
                message=f"expected the newest code of the function of {clip(authorizer.name)}, "
                f"found one that may be older: {authorizer.stays}",
                effect="the policy that was packed with that version decides, whatever is deployed "
                "later: what is taken away from somebody stays granted",
                fix="name the function without a version, or the alias that SAM moves with each "
                "deployment (AutoPublishAlias)",
            )


def functions_not_known(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X130: authorizers of which it is not known whether they ask the policy's function."""
    may_be_ours = {
        id(one.authorizer): one
        for one in route_protections(template)
        if one.decided_by in (DecidedBy.POLICY, DecidedBy.UNKNOWN)
    }
    for one in may_be_ours.values():
        why = None if one.authorizer is None else _why_not_known(one, one.authorizer)
        if one.authorizer is not None and why is not None:
            yield Finding(
                code="X130",
                severity=Severity.NOTE if _is_written_out(one) else Severity.WARNING,
                place=one.authorizer.function_place or one.authorizer.place,
                message=f"expected the policy's own function behind {clip(one.authorizer.name)}, "
                f"found one that is not known to be it: {why}",
                effect="whether the policy is asked on the routes of this authorizer was taken "
                "for granted or left open, and not checked",
                fix="check the template that has the function together with this one, or accept "
                "this with the reason why it is the policy's",
            )


def routes_without_policy(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """X131: routes that another authorizer opens, of which the policy says nothing."""
    for one in routes_without_rule(source, template):
        yield Finding(
            code="X131",
            severity=Severity.WARNING,
            place=one.route.place,
            message=f"expected the policy's authorizer on {one.name} of {clip(one.api.id)}, or a "
            f"rule for it, found {name_of_authorizer(one)}, and nothing in the policy",
            effect="whoever that authorizer lets in may call the route, and nobody who reads the "
            "policy learns of it",
            fix="give the route the policy's authorizer and a rule, or accept this with the "
            "reason why the other one decides",
        )


def _is_written_out(one: RouteProtection) -> bool:
    """Whether a definition that stands alone names one function in full: no deployment decides."""
    name = one.authorizer.elsewhere if one.authorizer else None
    is_only_one = one.api.stands_alone and one.decided_by is DecidedBy.POLICY
    return is_only_one and _ARN.fullmatch(name or "") is not None


def _why_not_known(one: RouteProtection, authorizer: Authorizer) -> str | None:
    """Why an authorizer may ask another function than the policy's; nothing where it may not."""
    for fact in (authorizer.kind, authorizer.function):
        if isinstance(fact, Unknown):
            return None if isinstance(fact.why, Mistake) else fact.why  # which T003 tells
    if authorizer.function is None:
        return f"{clip(authorizer.elsewhere)} is not in this template"
    if one.decided_by is DecidedBy.POLICY:
        return None
    name = clip(authorizer.function)
    return f"{name} is not the only one asked, and settings of its own (AUTHORIZER_...) do not tell"
