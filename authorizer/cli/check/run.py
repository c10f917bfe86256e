"""``check`` as a function: the findings of a policy file, and of the templates it is for.

What a template needs is loaded only where there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.check.finding import (
    UNREADABLE_POLICY,
    Finding,
    Severity,
    can_be_accepted,
    catalogue,
)
from authorizer.cli.check.policy_rules import POLICY_RULES
from authorizer.cli.location import Location
from authorizer.cli.policy_file import read_source
from authorizer.cli.policy_file.source import Acceptance, SourcePolicy
from authorizer.cli.text import closest, similar_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Accepted = tuple[Finding, Acceptance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found.

    Attributes:
        findings: those that stay, by file, line and column.
        accepted: those that the policy accepts, each with its acceptance.
    """

    findings: tuple[Finding, ...] = ()
    accepted: tuple[Accepted, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings of that severity stay."""
        return sum(finding.severity is severity for finding in self.findings)


def run_checks(policy: Path, templates: Sequence[Path] = ()) -> Report:
    """Check a policy file, and with it the templates of the APIs it is for."""
    source, findings = _read_policy(policy)
    if findings:
        return _report(findings)
    named = NamedPolicy(source=source)
    findings += [finding for rule in POLICY_RULES for finding in rule(named)]
    is_answered = None
    if templates:
        # Slow to load, and of no use without one.
        from authorizer.cli.check.template_rules import check_templates  # noqa: PLC0415

        found, is_answered = check_templates(named, policy, list(dict.fromkeys(templates)))
        findings += found
    staying, accepted = accept(findings, source.accepted, templates=is_answered is not None)
    if is_answered is not None:
        staying = [finding for finding in staying if not is_answered(finding)]
    return _report(staying, accepted)


def _report(findings: Iterable[Finding], accepted: Iterable[Accepted] = ()) -> Report:
    return Report(
        findings=tuple(sorted(findings, key=_order)),
        accepted=tuple(sorted(accepted, key=lambda pair: _order(pair[0]))),
    )


def _order(finding: Finding) -> tuple[Location, str, str]:
    return finding.location, finding.code, finding.message


def _read_policy(path: Path) -> tuple[SourcePolicy, list[Finding]]:
    """The policy; and where it cannot be used, what is wrong with it."""
    file = str(path)
    try:
        source, problems = read_source(path.read_bytes(), file)
    except (OSError, ValueError) as error:  # a name may hold what no file's name can
        why = getattr(error, "strerror", None) or str(error)
        facts = {"why": why, "similar": similar_file(path)}
        unreadable = Finding.of(UNREADABLE_POLICY, Location(file=file), "no such file", **facts)
        return SourcePolicy(file=file), [unreadable]
    return source, [
        Finding.of(
            found.code, found.location, found.variant, problem=found.message, meant=found.meant
        )
        for found in problems
    ]


# --- what the policy accepts ----------------------------------------------------------------------


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
    matched = [(one, [each for each in usable if _matches(each, one)]) for one in findings]
    used = {id(acceptance) for _, matching in matched for acceptance in matching}
    staying = [finding for finding, matching in matched if not matching]
    for acceptance in usable:
        if id(acceptance) not in used and (templates or acceptance.code.startswith("P")):
            about = "about" if acceptance.about else ""
            facts = {"found": acceptance.code, "about": acceptance.about}
            staying.append(Finding.of("P402", acceptance.location, about, **facts))
    accepted = [(finding, matching[0]) for finding, matching in matched if matching]
    return [*staying, *_unknown(acceptances)], accepted


def _matches(acceptance: Acceptance, finding: Finding) -> bool:
    about = acceptance.about
    return acceptance.code == finding.code and (
        about is None or about in finding.subject or _is_quoted_from(finding, about)
    )


def _is_quoted_from(finding: Finding, about: str) -> bool:
    """Whether it is a piece of the message, as a whole, as files from before subjects have it."""
    piece = rf"(?<![^\s'\"(,]){re.escape(about)}(?![^\s'\"),:…])"
    return re.search(piece, finding.message) is not None


def _unknown(acceptances: Iterable[Acceptance]) -> Iterator[Finding]:
    acceptable = [code for code in catalogue() if can_be_accepted(code)]
    for acceptance in acceptances:
        code = acceptance.code
        if code not in acceptable:
            similar = None if code in catalogue() else closest(code, acceptable)
            yield Finding.of("P401", acceptance.location, found=code, similar=similar)
