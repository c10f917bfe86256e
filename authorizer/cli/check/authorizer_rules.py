"""Authorizers that API Gateway cannot ask or understand, and whose function each asks.

Where only a deployment decides that, it is said; what of the template is a mistake, T003 tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    LAMBDA_KINDS,
    DecidedBy,
    RouteProtection,
    answers_simply,
    our_authorizers,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.template.authorizers import VERSIONS
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    Mistake,
    Template,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.location import Location

# A function's newest code, with nothing left open.
_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+", re.ASCII)


def missing_permissions(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T101: Lambda authorizers that API Gateway has no permission to invoke."""
    for api, authorizer in _lambda_authorizers(analysis.template):
        if authorizer.may_be_invoked is False:
            yield Finding.of("T101", authorizer.location, api=api.id, authorizer=authorizer.name)


def payload_versions(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T102, T103, T150: payload versions that are none, or cannot have simple responses."""
    for api, authorizer in _lambda_authorizers(analysis.template):
        if api.kind is not ApiKind.HTTP:
            continue
        name, version = authorizer.name, authorizer.payload_version
        location = authorizer.payload_version_location or authorizer.location
        is_text = authorizer.payload_version_is_text
        if version not in VERSIONS and (is_text or not isinstance(version, str)):
            given = "given" if isinstance(version, Unknown) else ""
            yield Finding.of("T150", location, given, authorizer=name, version=version)
        if not is_text:
            number = version if isinstance(version, str) else "a number"
            yield Finding.of("T102", location, authorizer=name, version=number)
        if version == "1.0" and authorizer.simple_responses is True:
            yield Finding.of("T103", _simple_location(authorizer), authorizer=name)


def answers_at_odds(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T104: a function that answers in another format than its HTTP API was told."""
    for api, authorizer in our_authorizers(analysis.template):
        if api.kind is not ApiKind.HTTP or authorizer.payload_version != "2.0":
            continue
        simple = authorizer.simple_responses
        is_simple = answers_simply(analysis.template, authorizer)
        if is_simple is not None and isinstance(simple, bool) and simple != is_simple:
            iam = "" if is_simple else "iam"
            yield Finding.of("T104", _simple_location(authorizer), iam, authorizer=authorizer.name)


def functions_not_redeployed(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T132: authorizers that may ask an old version of the function."""
    for _, authorizer in our_authorizers(analysis.template):
        if authorizer.stays is not None:
            location = authorizer.function_location or authorizer.location
            yield Finding.of("T132", location, authorizer=authorizer.name, why=authorizer.stays)


def unresolved_protections(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T050: routes of which a deployment decides who guards them, if anybody does."""
    for protection in filter(is_unresolved, analysis.protections):
        route = protection.route
        if not isinstance(route.authorizer, Unknown):
            yield Finding.of(
                "T050",
                route.location,
                "no such authorizer",
                route=route.key,
                api=protection.api.id,
                authorizer=route.authorizer,
            )
        elif not isinstance(route.authorizer.why, Mistake):
            yield Finding.of("T050", route.location, route=route.key, why=route.authorizer.why)


def is_unresolved(protection: RouteProtection) -> bool:
    """Whether it is not known which authorizer a route has. X130 is about one that is known."""
    return protection.decided_by is DecidedBy.UNKNOWN and protection.authorizer is None


def functions_not_known(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X130: authorizers of which it is not known whether they ask the policy's function."""
    may_be_ours = {
        id(protection.authorizer): (protection, protection.authorizer)
        for protection in analysis.protections
        if protection.decided_by in (DecidedBy.POLICY, DecidedBy.UNKNOWN)
        and protection.authorizer is not None
    }
    for protection, authorizer in may_be_ours.values():
        yield from _not_known(protection, authorizer)


def _not_known(protection: RouteProtection, authorizer: Authorizer) -> Iterator[Finding]:
    """Why an authorizer may ask another function than the policy's."""
    location, name = authorizer.function_location or authorizer.location, authorizer.name
    for fact in (authorizer.kind, authorizer.function):
        if isinstance(fact, Unknown):
            if not isinstance(fact.why, Mistake):  # of which T003 tells
                yield Finding.of("X130", location, authorizer=name, why=fact.why)
            return
    if authorizer.function is None:
        note = "note" if _is_written_out(protection, authorizer) else ""
        yield Finding.of(
            "X130", location, "elsewhere", note, authorizer=name, function=authorizer.elsewhere
        )
    elif protection.decided_by is not DecidedBy.POLICY:
        function = authorizer.function
        yield Finding.of("X130", location, "several", authorizer=name, function=function)


def _is_written_out(protection: RouteProtection, authorizer: Authorizer) -> bool:
    """Whether a definition that stands alone names one function in full: no deployment decides."""
    is_only_one = protection.api.stands_alone and protection.decided_by is DecidedBy.POLICY
    return is_only_one and _ARN.fullmatch(authorizer.elsewhere or "") is not None


def _lambda_authorizers(template: Template) -> Iterator[tuple[Api, Authorizer]]:
    for api in template.apis:
        yield from ((api, one) for one in api.authorizers if one.kind in LAMBDA_KINDS)


def _simple_location(authorizer: Authorizer) -> Location:
    return authorizer.simple_responses_location or authorizer.location
