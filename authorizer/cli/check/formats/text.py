"""Findings for people: ``file:line:column: severity CODE message``, with effect and fix below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authorizer.cli.check.finding import Severity
from authorizer.cli.folding import fold

if TYPE_CHECKING:
    from authorizer.cli.check.finding import Finding
    from authorizer.cli.check.judge import Report

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def to_text(report: Report, columns: int | None = None) -> str:
    """The findings that stay, and a summary. The colours go where the output is no terminal.

    Args:
        report: what was found.
        columns: how wide the terminal is; nothing where there is none, and no line is folded.
    """
    findings = (_finding(one, columns) for one in report.findings)
    return "\n".join([*findings, summary(report), ""])


def summary(report: Report) -> str:
    """How many there are of each kind."""
    counts = [_counted(report.count(severity), severity) for severity in Severity]
    found = ", ".join(count for count in counts if count) or "no findings"
    accepted = len(report.accepted)
    return f"{found}; {accepted} accepted" if accepted else found


def one_line(text: str) -> str:
    """Text with its line breaks, controls and halves of surrogate pairs escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _finding(finding: Finding, columns: int | None) -> str:
    severity = click.style(finding.severity.value, fg=_COLOURS[finding.severity], bold=True)
    code = click.style(finding.code, bold=True)
    lines = (
        f"{one_line(str(finding.place))}: {severity} {code} {one_line(finding.message)}",
        f"    effect: {one_line(finding.effect)}",
        f"    fix: {one_line(finding.fix)}",
    )
    return "\n".join(fold(line, columns, 6) for line in lines)


def _counted(number: int, severity: Severity) -> str:
    return f"{number} {severity.value}{'' if number == 1 else 's'}" if number else ""
