"""Authorizers that API Gateway cannot ask, or whose answers it cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import answers_simply, our_authorizers
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.authorizers import VERSIONS
from authorizer.cli.template.model import ApiKind, AuthorizerKind, Unknown
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Authorizer, Template
    from authorizer.policy.model import Policy

_LAMBDA = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)


def missing_permissions(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T101: Lambda authorizers that API Gateway has no permission to invoke."""
    for api in template.apis:
        for authorizer in api.authorizers:
            if authorizer.kind in _LAMBDA and authorizer.may_be_invoked is False:
                yield Finding(
                    code="T101",
                    severity=Severity.ERROR,
                    place=authorizer.place,
                    message=f"expected a permission for {clip(api.id)} to invoke the function of "
                    f"{clip(authorizer.name)}, found none",
                    effect="every call of a route with this authorizer is answered 500",
                    fix="set EnableFunctionDefaultPermissions: true on the authorizer (REST API: "
                    "leave out DisableFunctionDefaultPermissions), or add an "
                    "AWS::Lambda::Permission for apigateway.amazonaws.com",
                )


def payload_versions(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T102, T103, T150: payload versions that are none, or cannot have simple responses."""
    for api in template.apis:
        if api.kind is not ApiKind.HTTP:
            continue
        for authorizer in api.authorizers:
            if authorizer.kind not in _LAMBDA:
                continue
            version = authorizer.payload_version
            is_text = authorizer.payload_version_is_text
            if version not in VERSIONS and (is_text or not isinstance(version, str)):
                yield _missing(authorizer, version)
            if not authorizer.payload_version_is_text:
                yield _unquoted(authorizer)
            if authorizer.payload_version == "1.0" and authorizer.simple_responses is True:
                yield _old_and_simple(authorizer)


def answers_at_odds(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T104: a function that answers in another format than its HTTP API was told."""
    for api, authorizer in our_authorizers(template):
        if api.kind is not ApiKind.HTTP or authorizer.payload_version != "2.0":
            continue
        simple, is_simple = authorizer.simple_responses, answers_simply(template, authorizer)
        if is_simple is not None and isinstance(simple, bool) and simple != is_simple:
            yield _at_odds(authorizer, is_simple=is_simple)


def _missing(authorizer: Authorizer, version: str | Unknown | None) -> Finding:
    is_given = isinstance(version, Unknown)
    found = "none" if version is None else clip(version)
    if isinstance(version, Unknown):
        found = f"one that only a deployment tells: {version.why}"
    return Finding(
        code="T150",
        severity=Severity.WARNING if is_given else Severity.ERROR,
        place=authorizer.payload_version_place or authorizer.place,
        message=f"expected payload version 1.0 or 2.0 for {clip(authorizer.name)}, found {found}",
        effect=("" if is_given else "SAM and CloudFormation refuse the authorizer, and ")
        + "what it would be asked, and how its answers would be read, is not known",
        fix='set AuthorizerPayloadFormatVersion: "2.0"',
    )


def _unquoted(authorizer: Authorizer) -> Finding:
    version = authorizer.payload_version
    quoted_key = version if isinstance(version, str) else "a number"
    return Finding(
        code="T102",
        severity=Severity.ERROR,
        place=authorizer.payload_version_place or authorizer.place,
        message=f"expected the payload version of {clip(authorizer.name)} as quoted text, "
        f"found the number {quoted_key}",
        effect="the deployment fails, or the API gets a version that it does not have, such as 2",
        fix='put it into quotes: AuthorizerPayloadFormatVersion: "2.0"',
    )


def _old_and_simple(authorizer: Authorizer) -> Finding:
    return Finding(
        code="T103",
        severity=Severity.ERROR,
        place=_simple_place(authorizer),
        message=f"expected no simple responses on {clip(authorizer.name)}, whose payload version "
        "is 1.0, found them enabled",
        effect="API Gateway refuses the deployment: simple responses need payload version 2.0",
        fix='set AuthorizerPayloadFormatVersion: "2.0", or leave out EnableSimpleResponses',
    )


def _at_odds(authorizer: Authorizer, *, is_simple: bool) -> Finding:
    told, meant = ("off", "simple responses") if is_simple else ("on", "IAM documents")
    return Finding(
        code="T104",
        severity=Severity.ERROR,
        place=_simple_place(authorizer),
        message=f"expected the function of {clip(authorizer.name)} to answer as its API reads it, "
        f"found {meant} from the function and EnableSimpleResponses {told}",
        effect="calls of a route with this authorizer fail: the answer is not the one that is read",
        fix="set EnableSimpleResponses: true for AUTHORIZER_HTTP_API_ANSWER=simple, which is the "
        "default, and false for iam",
    )


def _simple_place(authorizer: Authorizer) -> Location:
    return authorizer.simple_responses_place or authorizer.place
