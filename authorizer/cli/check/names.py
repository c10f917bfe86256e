"""What is wrong with the names of a policy: those that look alike, and those nobody can have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category, normalize

from authorizer.cli.check.finding import Finding, Severity
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.policy_file.source import SourceGroup, SourcePolicy, SourceScope

# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
_MAX_GROUP_NAME = 128
_SHOWN = 40
# Cognito adds users of a provider to a group of the pool's id and the provider's name.
_OF_PROVIDER = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+_[A-Za-z0-9]+_.+", re.ASCII)


def check_names(source: SourcePolicy) -> Iterator[Finding]:
    """Names of groups and scopes."""
    yield from _look_alike("group", source.groups)
    yield from _look_alike("scope", source.scopes)
    everybody: tuple[SourceGroup | SourceScope, ...] = (*source.groups, *source.scopes)
    for named in everybody:
        if named.name != normalize("NFC", named.name):
            yield _not_normal(named)
    for group in source.groups:
        if _OF_PROVIDER.fullmatch(group.name):
            yield _of_provider(group)
        elif not _is_possible(group.name):
            yield _impossible(group)


def _look_alike(kind: str, named: Iterable[SourceGroup | SourceScope]) -> Iterator[Finding]:
    first: dict[str, SourceGroup | SourceScope] = {}
    for one in named:
        other = first.setdefault(normalize("NFC", one.name).casefold(), one)
        if other is not one:
            yield Finding(
                code="P301",
                severity=Severity.WARNING,
                place=one.place,
                message=f"{kind} {clip(one.name)} looks like {kind} {clip(other.name)} "
                f"(line {other.place.line})",
                effect="they are two to Cognito and to the policy: whoever is put into the wrong "
                "one has other rights than everybody believes",
                fix="make them one, or give them names that nobody confuses",
            )


def _not_normal(named: SourceGroup | SourceScope) -> Finding:
    normal = normalize("NFC", named.name)
    return Finding(
        code="P302",
        severity=Severity.WARNING,
        place=named.place,
        message=f"{_spelt(named.name)} is spelt with other characters than {_spelt(normal)}, "
        "which looks the same",
        effect="names are compared character by character: a token that spells it in the usual "
        "way has none of its rights, and escapes its denies",
        fix="write the name in Unicode normal form C, here and in Cognito",
    )


def _spelt(name: str) -> str:
    return ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def _of_provider(group: SourceGroup) -> Finding:
    return Finding(
        code="P303",
        severity=Severity.WARNING,
        place=group.place,
        message=f"group {clip(group.name)} is one that Cognito makes itself for a provider",
        effect="everybody who signs in through that provider has its rights, and nobody chose them",
        fix="grant to a group that an administrator fills, or accept P303 if everybody is meant",
    )


def _is_possible(name: str) -> bool:
    return len(name) <= _MAX_GROUP_NAME and all(category(one)[0] in "LMSNP" for one in name)


def _impossible(group: SourceGroup) -> Finding:
    return Finding(
        code="P304",
        severity=Severity.WARNING,
        place=group.place,
        message="expected 1 to 128 letters, marks, digits, symbols and punctuation as the name "
        f"of a group, found {clip(group.name)} of {len(group.name)}",
        effect="Cognito has no such group: nobody has its rights, and nobody is denied by it",
        fix="correct the name to that of the group in Cognito",
    )
