"""The rules that look at the policy alone: its names, its rules, and the claims that they compare.

A trigger of the pool may add claims to access tokens (pre token generation, version 2 or later), so
that a condition which Cognito by itself never meets is a warning, and can be accepted.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category, normalize

from authorizer.cli.analysis.redundancy import Why, redundancies
from authorizer.cli.analysis.routes import Placed, pattern_of_rule
from authorizer.cli.check.finding import Finding
from authorizer.cli.location import Location
from authorizer.cli.text import closest
from authorizer.policy.paths import ANY, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.policy_file.source import SourceRule, SourceSubject

# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
_MAX_GROUP_NAME = 128
# Cognito adds users of a provider to a group of the pool's id and the provider's name.
OF_PROVIDER = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+_[A-Za-z0-9]+_.+", re.ASCII)
# Texts that every access token, or those of some pools, have by themselves.
_TEXTS = frozenset(
    [
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
    ]
)
# A condition compares texts; these are numbers and lists.
_NO_TEXT = frozenset({"auth_time", "cognito:groups", "exp", "iat", "nbf", "version"})
_OF_ID_TOKEN = frozenset(
    [
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
    ]
)
_REDUNDANT = {
    Why.NEVER_ASKED: "P206",
    Why.DENIED: "P203",
    Why.REPEATED: "P201",
    Why.COVERED: "P202",
}


def check_names(named: NamedPolicy) -> Iterator[Finding]:
    """P301 to P304: names that look alike, and those nobody can have."""
    source = named.source
    yield from _look_alike("group", source.groups)
    yield from _look_alike("scope", source.scopes)
    for subject in (*source.groups, *source.scopes):
        normal = normalize("NFC", subject.name)
        if subject.name != normal:
            yield Finding.of("P302", subject.location, name=subject.name, normal=normal)
    for group in source.groups:
        if OF_PROVIDER.fullmatch(group.name):
            yield Finding.of("P303", group.location, group=group.name)
        elif len(group.name) > _MAX_GROUP_NAME or not all(
            category(mark)[0] in "LMSNP" for mark in group.name
        ):
            yield Finding.of("P304", group.location, group=group.name, length=len(group.name))


def _look_alike(kind: str, named: Iterable[SourceSubject]) -> Iterator[Finding]:
    first: dict[str, SourceSubject] = {}
    for later in named:
        other = first.setdefault(normalize("NFC", later.name).casefold(), later)
        if other is not later:
            yield Finding.of("P301", later.location, kind=kind, name=later.name, other=other)


def check_rules(named: NamedPolicy) -> Iterator[Finding]:
    """P201 to P206, P208: rules that do nothing, one finding a rule, and rules that do too much.

    Whether a rule is dead or covered is asked among the rules that every caller has who has this
    one: those of its group and of what that includes.
    """
    source = named.source
    if not source.public and all(rule.effect == "deny" for rule in source.rules):
        yield Finding.of("P208", Location(file=source.file))
    rules = [*source.rules, *source.public]
    for rule in rules:
        pattern = rule.pattern
        if rule.effect == "allow" and ANY in pattern.methods and pattern.tail and not pattern.path:
            yield Finding.of("P204", rule.location, rule=rule)
    redundant = list(redundancies(named))
    never_asked = {id(found.rule) for found in redundant if found.why is Why.NEVER_ASKED}
    for found in redundant:
        variant = "deny" if id(found.rule) in never_asked and found.rule.effect == "deny" else ""
        yield Finding.of(
            _REDUNDANT[found.why],
            found.rule.location,
            variant,
            rule=found.rule,
            others=found.covering,
        )
    denies = (rule for rule in rules if rule.effect == "deny" and id(rule) not in never_asked)
    yield from _misses(rules, denies)


def _misses(rules: Iterable[SourceRule], denies: Iterable[SourceRule]) -> Iterator[Finding]:
    """Denies of a literal path where the policy knows a route with a parameter only."""
    allows = (rule for rule in rules if rule.effect == "allow")
    grants = Placed((pattern_of_rule(rule.pattern), rule) for rule in allows)
    found = ((rule, _missed(rule, grants)) for rule in denies)
    return (Finding.of("P205", one.location, rule=one, others=(at,)) for one, at in found if at)


def _missed(rule: SourceRule, grants: Placed[SourceRule]) -> SourceRule | None:
    """A grant with a parameter where a deny is literal; nothing where a grant has its path."""
    beside: list[tuple[int, SourceRule]] = []
    for grant in grants.overlapping(pattern_of_rule(rule.pattern)):
        pairs = zip(rule.pattern.path, grant.pattern.path, strict=False)
        differing = [(at, theirs) for at, (own, theirs) in enumerate(pairs) if own != theirs]
        if not differing:
            return None
        at, theirs = differing[0]
        if theirs == PARAMETER and _share_a_method(grant, rule):
            beside.append((at, grant))
    return min(beside, key=lambda pair: pair[0], default=(0, None))[1]


def _share_a_method(grant: SourceRule, deny: SourceRule) -> bool:
    return any(grant.pattern.covers_method(method) for method in deny.pattern.methods) or any(
        deny.pattern.covers_method(method) for method in grant.pattern.methods
    )


def check_claims(named: NamedPolicy) -> Iterator[Finding]:
    """P207: conditions on a claim that access tokens of Cognito do not have."""
    for rule in named.source.rules:
        claims = (condition.claim for condition in rule.pattern.conditions)
        claim = next((claim for claim in claims if claim not in _TEXTS), None)
        if claim is None:
            continue
        is_of_id_token = claim in _OF_ID_TOKEN or claim.startswith("custom:")
        kind = "no text" if claim in _NO_TEXT else "ID token" if is_of_id_token else ""
        similar = None if kind else closest(claim, sorted(_TEXTS))
        deny = "deny" if rule.effect == "deny" else ""
        yield Finding.of("P207", rule.location, kind, deny, rule=rule, claim=claim, similar=similar)


POLICY_RULES = (check_names, check_rules, check_claims)
