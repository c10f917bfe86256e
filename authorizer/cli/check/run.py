"""``check`` as a function: the findings of a policy file, and of the templates it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.check.acceptance import Accepted, accept
from authorizer.cli.check.catalogue import GUESS_OF_ROUTES, UNREADABLE_TEMPLATE
from authorizer.cli.check.deployments import check_deployments
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.check.policy_problems import finding_of, similar_file, unreadable
from authorizer.cli.check.policy_rules import POLICY_RULES
from authorizer.cli.check.public_rules import is_answered
from authorizer.cli.check.template_rules import TEMPLATE_RULES
from authorizer.cli.check.unresolved_rules import unresolved_facts
from authorizer.cli.location import FileError, Location
from authorizer.cli.policy_file import compile_source, dump_policy, read_source
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template


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
    findings += [finding for rule in POLICY_RULES for finding in rule(source)]
    facts, unreadable_ones = _read_templates(dict.fromkeys(templates))
    findings += unreadable_ones
    if facts is not None:
        findings += _judge(source, facts)
    mistaken = {finding.place.file for finding in findings if finding.code == "T003"}
    findings = [
        finding
        for finding in findings  # what SAM says of our mistakes is the same again
        if finding.code != "T052" or finding.place.file not in mistaken
    ]
    staying, accepted = accept(findings, source.accepted, templates=facts is not None)
    if facts is not None and facts.has_all_routes:
        # What the policy alone can only guess is known: X106 and X107 say it.
        is_known = is_answered(source, facts)
        staying = [
            finding
            for finding in staying
            if finding.code != GUESS_OF_ROUTES and not is_known(finding)
        ]
    return _report(staying, accepted)


def _report(findings: Iterable[Finding], accepted: Iterable[Accepted] = ()) -> Report:
    return Report(
        findings=tuple(sorted(findings, key=_order)),
        accepted=tuple(sorted(accepted, key=lambda pair: _order(pair[0]))),
    )


def _order(finding: Finding) -> tuple[Location, str, str]:
    return finding.place, finding.code, finding.message


def _read_policy(path: Path) -> tuple[SourcePolicy, list[Finding]]:
    file = str(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a name may hold what no file's name can
        source, _ = read_source(b"version: 1", file)
        return source, [unreadable(file, getattr(error, "strerror", None) or str(error))]
    source, problems = read_source(data, file)
    return source, [finding_of(problem) for problem in problems]


def _read_templates(paths: Iterable[Path]) -> tuple[Template | None, list[Finding]]:
    """All templates as one; nothing where there are none, or one of them cannot be read."""
    from authorizer.cli.check.sam_refusals import refusals_of_sam  # noqa: PLC0415
    from authorizer.cli.template.reader import read_template  # noqa: PLC0415 - only with a template
    from authorizer.cli.template.stacks import join  # noqa: PLC0415

    templates: list[Template] = []
    findings: list[Finding] = []
    for path in paths:
        try:
            templates.append(read_template(path))
            findings += refusals_of_sam(path)
        except FileError as error:
            findings.append(_unreadable_template(str(path), error))
    is_readable = all(finding.code != UNREADABLE_TEMPLATE for finding in findings)
    return (join(templates) if is_readable and templates else None), findings


def _judge(source: SourcePolicy, template: Template) -> Iterator[Finding]:
    policy = Policy.parse(dump_policy(compile_source(source)))
    findings = [
        *unresolved_facts(template),
        *(found for rule in TEMPLATE_RULES for found in rule(source, policy, template)),
    ]
    yield from findings
    yield from check_deployments(source, policy, template, findings)


def _unreadable_template(file: str, error: FileError) -> Finding:
    # It may stand in a file that the template includes.
    place = error.location or Location(file=file)
    similar = None if error.location else similar_file(file)
    return Finding.of(UNREADABLE_TEMPLATE, place, problem=error.message, similar=similar)
