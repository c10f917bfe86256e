"""Findings as GitHub's workflow commands: each becomes an annotation at its line.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.catalogue import TITLES
from authorizer.cli.check.finding import Severity
from authorizer.cli.check.formats.files import relative

if TYPE_CHECKING:
    from authorizer.cli.check.finding import Finding
    from authorizer.cli.check.judge import Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# A line that begins with "::" is a command: what comes from a file must not become one.
_IN_MESSAGE = {ord("%"): "%25", ord("\r"): "%0D", ord("\n"): "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ord(":"): "%3A", ord(","): "%2C"}


def to_github(report: Report) -> str:
    """One command a line."""
    return "".join(f"{_command(finding)}\n" for finding in report.findings)


def _command(finding: Finding) -> str:
    properties = {
        "file": relative(finding.place.file),
        "line": str(finding.place.line),
        "col": str(finding.place.column),
        "title": f"{finding.code} {TITLES.get(finding.code, '')}".strip(),
    }
    listed = ",".join(f"{key}={text.translate(_IN_PROPERTY)}" for key, text in properties.items())
    text = f"{finding.message}\neffect: {finding.effect}\nfix: {finding.fix}"
    return f"::{_COMMANDS[finding.severity]} {listed}::{text.translate(_IN_MESSAGE)}"
