"""Findings as SARIF 2.1.0, which code scanning of GitHub, GitLab and Azure reads.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from authorizer.cli.check.catalogue import TITLES
from authorizer.cli.check.formats.files import uri

if TYPE_CHECKING:
    from authorizer.cli.check.acceptance import Accepted
    from authorizer.cli.check.finding import Finding
    from authorizer.cli.check.judge import Report

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def to_sarif(report: Report) -> str:
    """One run, with a rule for each code that was found; accepted findings are suppressed ones."""
    found = [*report.findings, *(finding for finding, _ in report.accepted)]
    codes = sorted({finding.code for finding in found})
    results = [_result(finding, codes) for finding in report.findings]
    results += [_suppressed(pair, codes) for pair in report.accepted]
    driver = {"name": "authorizer", "version": _version(), "rules": [_rule(one) for one in codes]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    title = TITLES.get(code, code)
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": f"docs/findings/{code}.md says what it means and how to mend it"},
    }


def _result(finding: Finding, codes: list[str]) -> dict[str, Any]:
    region = {"startLine": finding.place.line, "startColumn": finding.place.column}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}\neffect: {finding.effect}\nfix: {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri(finding.place.file)},
                    "region": region,
                }
            }
        ],
    }


def _suppressed(pair: Accepted, codes: list[str]) -> dict[str, Any]:
    finding, acceptance = pair
    suppression = {"kind": "external", "justification": acceptance.reason}
    return {**_result(finding, codes), "suppressions": [suppression]}


def _version() -> str:
    try:
        return version("cognito-rbac-authorizer")
    except PackageNotFoundError:
        return "0"
