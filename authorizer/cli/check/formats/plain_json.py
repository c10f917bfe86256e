"""Findings for programs: one JSON object, the same text for the same findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authorizer.cli.check.finding import Severity

if TYPE_CHECKING:
    from authorizer.cli.check.finding import Finding
    from authorizer.cli.check.judge import Report

FORMAT_VERSION = 1


def to_json(report: Report) -> str:
    """``version``, ``findings``, ``accepted`` with reasons, and a ``summary`` of counts."""
    document = {
        "version": FORMAT_VERSION,
        "findings": [_finding(one) for one in report.findings],
        "accepted": [
            {**_finding(finding), "reason": acceptance.reason}
            for finding, acceptance in report.accepted
        ],
        "summary": {
            **{f"{severity.value}s": report.count(severity) for severity in Severity},
            "accepted": len(report.accepted),
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "message": finding.message,
        "effect": finding.effect,
        "fix": finding.fix,
    }
