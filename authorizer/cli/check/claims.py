"""Conditions that no access token of Cognito meets, because it does not have the claim.

A trigger of the pool may add claims to access tokens (pre token generation, version 2 or later),
so that this is a warning, and can be accepted.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.words import who
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule

# Texts that every access token, or those of some pools, have by themselves.
_TEXTS = frozenset(
    {
        "aud",
        "client_id",
        "device_key",
        "event_id",
        "iss",
        "jti",
        "origin_jti",
        "scope",
        "sub",
        "token_use",
        "username",
    }
)
# A condition compares texts; these are numbers and lists.
_NO_TEXT = frozenset({"auth_time", "cognito:groups", "exp", "iat", "nbf", "version"})
_OF_ID_TOKEN = frozenset(
    {
        "address",
        "at_hash",
        "birthdate",
        "cognito:preferred_role",
        "cognito:roles",
        "cognito:username",
        "email",
        "email_verified",
        "family_name",
        "gender",
        "given_name",
        "identities",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "nonce",
        "phone_number",
        "phone_number_verified",
        "picture",
        "preferred_username",
        "profile",
        "updated_at",
        "website",
        "zoneinfo",
    }
)


def check_claims(source: SourcePolicy) -> Iterator[Finding]:
    """One finding for each rule with such a condition."""
    for rule in source.rules:
        for condition in rule.pattern.conditions:
            why = _why_never(condition.claim)
            if why:
                yield _never_met(rule, condition.claim, why)
                break


def _why_never(claim: str) -> str:
    if claim in _NO_TEXT:
        return "which is no text in access tokens"
    if claim in _OF_ID_TOKEN or claim.startswith("custom:"):
        return "which ID tokens have and access tokens do not"
    if claim not in _TEXTS:
        hint = did_you_mean(claim, sorted(_TEXTS))
        return f"which access tokens do not have by themselves{hint}"
    return ""


def _never_met(rule: SourceRule, claim: str, why: str) -> Finding:
    denies = rule.effect == "deny"
    return Finding(
        code="P207",
        severity=Severity.WARNING,
        place=rule.place,
        message=f"{clip(rule.text)} of {who(rule)} compares with {clip(claim)}, {why}",
        effect="the deny keeps nobody out" if denies else "the grant lets nobody in",
        fix="compare with sub, username or client_id, or accept P207 if a trigger of the pool "
        "adds the claim to access tokens",
    )
