"""Findings that the policy accepts, and acceptances that accept nothing.

An acceptance without ``about`` is for every finding of its code; with ``about``, for those whose
subject has that name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.check.catalogue import CATALOGUE, can_be_accepted
from authorizer.cli.check.finding import Finding
from authorizer.cli.text import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.policy_file.source import Acceptance

Accepted = tuple[Finding, "Acceptance"]


def accept(
    findings: Iterable[Finding], acceptances: Sequence[Acceptance], *, templates: bool
) -> tuple[list[Finding], list[Accepted]]:
    """Tell the findings that stay from those that are accepted.

    Args:
        findings: of the policy and, where given, the templates.
        acceptances: of the policy.
        templates: whether templates were looked at. Without one, an acceptance of a finding about
            templates is not judged: it may have its use when there is one.

    Returns:
        What stays, with findings about the acceptances themselves; and what is accepted.
    """
    usable = [acceptance for acceptance in acceptances if can_be_accepted(acceptance.code)]
    staying: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[int] = set()
    for finding in findings:
        matching = [acceptance for acceptance in usable if _matches(acceptance, finding)]
        used.update(map(id, matching))
        if matching:
            accepted.append((finding, matching[0]))
        else:
            staying.append(finding)
    for acceptance in usable:
        if id(acceptance) not in used and (templates or acceptance.code.startswith("P")):
            about = "about" if acceptance.about else ""
            facts = {"found": acceptance.code, "about": acceptance.about}
            staying.append(Finding.of("P402", acceptance.place, about, **facts))
    return [*staying, *_unknown(acceptances)], accepted


def _matches(acceptance: Acceptance, finding: Finding) -> bool:
    about = acceptance.about
    if acceptance.code != finding.code or about is None:
        return acceptance.code == finding.code
    return about in finding.subject or _is_quoted_from(finding, about)


def _is_quoted_from(finding: Finding, about: str) -> bool:
    """Whether it is a piece of the message, as a whole, as files from before subjects have it."""
    piece = rf"(?<![^\s'\"(,]){re.escape(about)}(?![^\s'\"),:…])"
    return re.search(piece, finding.message) is not None


def _unknown(acceptances: Iterable[Acceptance]) -> Iterator[Finding]:
    acceptable = [code for code in CATALOGUE if can_be_accepted(code)]
    for acceptance in acceptances:
        code = acceptance.code
        if code not in acceptable:
            similar = None if code in CATALOGUE else closest(code, acceptable)
            yield Finding.of("P401", acceptance.place, found=code, similar=similar)
