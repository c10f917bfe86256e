"""``check`` as a function: the findings of a policy file, and of the templates it is for.

What a template needs is loaded only where there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.check.catalogue import (
    GUESS_OF_ROUTES,
    UNREADABLE_POLICY,
    UNREADABLE_TEMPLATE,
    can_be_accepted,
    catalogue,
)
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.policy_rules import POLICY_RULES
from authorizer.cli.location import FileError, Location
from authorizer.cli.policy_file import read_source
from authorizer.cli.policy_file.source import Acceptance, SourcePolicy
from authorizer.cli.text import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.template.model import Template

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
    template, unreadable = _read_templates(dict.fromkeys(templates))
    findings += unreadable
    analysis = _analysis_of(named, policy, template) if template is not None else None
    if analysis is not None:
        findings += _template_findings(analysis)
    mistaken = {finding.location.file for finding in findings if finding.code == "T003"}
    findings = [
        finding
        for finding in findings  # what SAM says of our mistakes is the same again
        if finding.code != "T052" or finding.location.file not in mistaken
    ]
    staying, accepted = accept(findings, source.accepted, templates=analysis is not None)
    if analysis is not None and analysis.template.has_all_routes:
        staying = _without_guesses(staying, analysis)
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
        facts = {"why": why, "similar": _similar_file(file)}
        unreadable = Finding.of(UNREADABLE_POLICY, Location(file=file), "no such file", **facts)
        return SourcePolicy(file=file), [unreadable]
    return source, [
        Finding.of(
            found.code, found.location, found.variant, problem=found.message, meant=found.meant
        )
        for found in problems
    ]


def _read_templates(paths: Iterable[Path]) -> tuple[Template | None, list[Finding]]:
    """All templates as one; nothing where there are none, or one of them cannot be read."""
    templates: list[Template] = []
    findings: list[Finding] = []
    for path in paths:
        from authorizer.cli.check.sam_refusals import refusals_of_sam  # noqa: PLC0415
        from authorizer.cli.template.reader import read_template  # noqa: PLC0415

        try:
            templates.append(read_template(path))
            findings += refusals_of_sam(path)
        except FileError as error:
            # It may stand in a file that the template includes.
            location = error.location or Location(file=str(path))
            similar = None if error.location else _similar_file(str(path))
            facts = {"problem": error.message, "similar": similar}
            findings.append(Finding.of(UNREADABLE_TEMPLATE, location, **facts))
    if not templates or any(finding.code == UNREADABLE_TEMPLATE for finding in findings):
        return None, findings
    from authorizer.cli.template.stacks import join  # noqa: PLC0415

    return join(templates), findings


def _similar_file(name: str) -> str | None:
    """The name of a file beside it that may be meant, where there is none of that name."""
    path = Path(name)
    try:
        if path.exists():
            return None
        alike = (file for file in path.parent.iterdir() if file.suffix == path.suffix)
        return closest(path.name, [file.name for file in alike if file.is_file()])
    except (OSError, ValueError):
        return None


def _analysis_of(named: NamedPolicy, path: Path, template: Template) -> TemplateAnalysis:
    from authorizer.cli.analysis.api import TemplateAnalysis  # noqa: PLC0415

    return TemplateAnalysis(named, template, partial(_tested_groups, named.source, path))


def _tested_groups(source: SourcePolicy, path: Path) -> list[tuple[str, ...]]:
    from authorizer.cli.analysis.cases import tested_groups  # noqa: PLC0415 - few templates need it

    return tested_groups(source, path)


def _template_findings(analysis: TemplateAnalysis) -> Iterator[Finding]:
    from authorizer.cli.check.deployments import check_deployments  # noqa: PLC0415
    from authorizer.cli.check.template_rules import (  # noqa: PLC0415
        TEMPLATE_RULES,
        unresolved_facts,
    )

    findings = [
        *unresolved_facts(analysis),
        *(found for rule in TEMPLATE_RULES for found in rule(analysis)),
    ]
    yield from findings
    yield from check_deployments(analysis, findings)


def _without_guesses(findings: list[Finding], analysis: TemplateAnalysis) -> list[Finding]:
    """Those that the template does not answer. X106 and X107 say what the policy can only guess."""
    from authorizer.cli.check.route_rules import is_answered  # noqa: PLC0415

    is_known = is_answered(analysis)
    left = (finding for finding in findings if finding.code != GUESS_OF_ROUTES)
    return [finding for finding in left if not is_known(finding)]


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
            staying.append(Finding.of("P402", acceptance.location, about, **facts))
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
    acceptable = [code for code in catalogue() if can_be_accepted(code)]
    for acceptance in acceptances:
        code = acceptance.code
        if code not in acceptable:
            similar = None if code in catalogue() else closest(code, acceptable)
            yield Finding.of("P401", acceptance.location, found=code, similar=similar)
