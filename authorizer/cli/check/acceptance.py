"""Findings that the policy accepts, and acceptances that accept nothing.

An acceptance without ``about`` is for every finding of its code; with ``about``, for those whose
message contains that text as a whole: ``GET /a`` is not in ``'GET /a/b'``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.check.catalogue import TITLES, can_be_accepted
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

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
    usable = [one for one in acceptances if can_be_accepted(one.code)]
    staying: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[int] = set()
    for finding in findings:
        matching = [one for one in usable if _matches(one, finding)]
        used.update(id(one) for one in matching)
        if matching:
            accepted.append((finding, matching[0]))
        else:
            staying.append(finding)
    idle = (one for one in usable if id(one) not in used)
    staying += [_of_nothing(one) for one in idle if templates or one.code.startswith("P")]
    return [*staying, *_unknown(acceptances)], accepted


def _matches(acceptance: Acceptance, finding: Finding) -> bool:
    if acceptance.code != finding.code:
        return False
    about = acceptance.about
    return about is None or bool(
        re.search(rf"(?<![^\s'\"(,]){re.escape(about)}(?![^\s'\"),:…])", finding.message)
    )


def _unknown(acceptances: Iterable[Acceptance]) -> Iterator[Finding]:
    for one in acceptances:
        if not can_be_accepted(one.code):
            acceptable = [code for code in TITLES if can_be_accepted(code)]
            hint = "" if one.code in TITLES else did_you_mean(one.code, acceptable)
            yield Finding(
                code="P401",
                severity=Severity.WARNING,
                place=one.place,
                message=f"expected a code that can be accepted, found {clip(one.code)}{hint}",
                effect="this acceptance accepts nothing",
                fix="write the code as check prints it; those of P1, P4 and T001 have to be mended",
            )


def _of_nothing(acceptance: Acceptance) -> Finding:
    about = f" about {clip(acceptance.about)}" if acceptance.about else ""
    return Finding(
        code="P402",
        severity=Severity.WARNING,
        place=acceptance.place,
        message=f"there is no finding {acceptance.code}{about} to accept",
        effect="the next finding of this kind, perhaps a worse one, would pass unseen",
        fix="remove the acceptance",
    )
