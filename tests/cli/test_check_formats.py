"""What check prints, for people and for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from authorizer.cli.check.commands import (
    relative,
    summary,
    to_github,
    to_json,
    to_sarif,
    to_text,
    uri,
)
from authorizer.cli.check.finding import Finding, catalogue
from authorizer.cli.check.run import Report
from authorizer.cli.location import Location
from authorizer.cli.policy_file.source import Acceptance

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "100%\r\n::error::you, too: \ud800\x1b[31m"


@pytest.fixture(autouse=True)
def _texts(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("P111", "P201", "P204", "T000"):
        texts: dict[str, Any] = {
            "message": "{message:plain}",
            "effect": "people are hurt",
            "fix": "mend it",
        }
        monkeypatch.setitem(catalogue(), code, catalogue()[code] | texts)


def finding(
    code: str = "P201",
    location: Location = Location(file="policy.yaml", line=7, column=9),  # noqa: B008 - frozen
    message: str = "it is wrong",
) -> Finding:
    return Finding.of(code, location, message=message)


def acceptance() -> Acceptance:
    location = Location(file="policy.yaml", line=20, column=3)
    return Acceptance(code="P204", reason="we know", location=location)


REPORT = Report(
    findings=(
        finding("P111"),
        finding(),
        finding(location=Location(file="policy.yaml", line=8, column=1)),
        finding("T000"),
    ),
    accepted=((finding("P204"), acceptance()),),
)


def test_text_is_what_editors_understand() -> None:
    """``file:line:column: severity CODE message``, then effect and fix, then a summary."""
    text = to_text(Report(findings=(finding(),)))
    assert _plain(text) == (
        "policy.yaml:7:9: warning P201 it is wrong\n"
        "    effect: people are hurt\n"
        "    fix: mend it\n"
        "1 warning\n"
    )


def _plain(text: str) -> str:
    from click import unstyle

    return unstyle(text)


@pytest.mark.parametrize(
    ("report", "text"),
    [
        pytest.param(Report(), "no findings", id="nothing"),
        pytest.param(REPORT, "1 error, 2 warnings, 1 note; 1 accepted", id="all kinds"),
        pytest.param(
            Report(accepted=REPORT.accepted), "no findings; 1 accepted", id="all accepted"
        ),
    ],
)
def test_a_summary_counts(report: Report, text: str) -> None:
    """How many of each kind, and how many were accepted."""
    assert summary(report) == text


def test_text_from_a_file_stays_on_its_line() -> None:
    """Neither a line break nor an escape sequence gets from a file to a terminal."""
    lines = _plain(to_text(Report(findings=(finding(message=HOSTILE),)))).splitlines()

    assert len(lines) == 4
    assert r"100%\r\n::error::you, too: \ud800\x1b[31m" in lines[0]


def test_json_says_everything() -> None:
    """All that a finding has, the accepted ones with their reasons, and counts."""
    document = json.loads(to_json(REPORT))

    assert document["summary"] == {"errors": 1, "warnings": 2, "notes": 1, "accepted": 1}
    assert document["findings"][0] == {
        "code": "P111",
        "severity": "error",
        "file": "policy.yaml",
        "line": 7,
        "column": 9,
        "message": "it is wrong",
        "effect": "people are hurt",
        "fix": "mend it",
    }
    assert document["accepted"][0]["reason"] == "we know"


def test_github_gets_one_command_for_each_finding() -> None:
    """Errors, warnings and notices, each at its line."""
    assert to_github(REPORT).splitlines()[::3] == [
        (
            "::error file=policy.yaml,line=7,col=9,"
            "title=P111 a group that is not there is included::"
            "it is wrong%0Aeffect: people are hurt%0Afix: mend it"
        ),
        (
            "::notice file=policy.yaml,line=7,col=9,title=T000 not decidable offline::"
            "it is wrong%0Aeffect: people are hurt%0Afix: mend it"
        ),
    ]


def test_text_from_a_file_is_no_command_to_github() -> None:
    """What separates commands, and their parts, is escaped where it comes from a file."""
    location = Location(file="a,b:c%.yaml", line=1, column=1)
    (line,) = to_github(
        Report(findings=(finding(message=HOSTILE, location=location),))
    ).splitlines()

    assert line.startswith("::warning file=a%2Cb%3Ac%25.yaml,line=1,col=1,title=P201 ")
    assert "::100%25%0D%0A::error::you, too" in line


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
MESSAGE = _object({"text": TEXT})
COUNT = {"type": "integer", "minimum": 1}
# The parts of SARIF 2.1.0 that we use, as sections 3.13 to 3.52 of the standard define them.
SARIF = _object(
    {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": _object(
                {
                    "tool": _object(
                        {
                            "driver": _object(
                                {
                                    "name": TEXT,
                                    "version": TEXT,
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": _object(
                                            {
                                                "id": TEXT,
                                                "shortDescription": MESSAGE,
                                                "fullDescription": MESSAGE,
                                                "help": MESSAGE,
                                            }
                                        ),
                                    },
                                }
                            )
                        }
                    ),
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "type": "array",
                        "items": _object(
                            {
                                "ruleId": TEXT,
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": MESSAGE,
                                "locations": {
                                    "type": "array",
                                    "items": _object(
                                        {
                                            "physicalLocation": _object(
                                                {
                                                    "artifactLocation": _object({"uri": TEXT}),
                                                    "region": _object(
                                                        {"startLine": COUNT, "startColumn": COUNT}
                                                    ),
                                                }
                                            )
                                        }
                                    ),
                                },
                            },
                            {
                                "suppressions": {
                                    "type": "array",
                                    "items": _object(
                                        {
                                            "kind": {"enum": ["inSource", "external"]},
                                            "justification": TEXT,
                                        }
                                    ),
                                }
                            },
                        ),
                    },
                }
            ),
        },
    }
)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(Report(), id="nothing"),
        pytest.param(REPORT, id="all kinds"),
        pytest.param(Report(findings=(finding(message=HOSTILE),)), id="hostile text"),
    ],
)
def test_sarif_has_the_standards_shape(report: Report) -> None:
    """Every object has the properties that SARIF 2.1.0 demands, and no others."""
    jsonschema.validate(json.loads(to_sarif(report)), SARIF)


def test_sarif_rules_and_results_belong_together() -> None:
    """Each result points to its rule; an accepted finding is a suppressed result."""
    (run,) = json.loads(to_sarif(REPORT))["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert [result["level"] for result in run["results"]] == [
        "error",
        "warning",
        "warning",
        "note",
        "error",
    ]
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert [(one["ruleId"], one["suppressions"][0]["justification"]) for one in suppressed] == [
        ("P204", "we know")
    ]


def test_files_are_named_as_code_hosts_want_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the folder that check runs in, with slashes; a file elsewhere as it was named."""
    monkeypatch.chdir(tmp_path)

    assert relative("policy.yaml") == relative("./policy.yaml") == "policy.yaml"
    assert relative(str(tmp_path / "a b" / "policy.yaml")) == "a b/policy.yaml"
    assert relative("/elsewhere/policy.yaml") == "/elsewhere/policy.yaml"
    assert relative("a\0b") == "a\0b"
    assert uri("a b/ü.yaml") == "a%20b/%C3%BC.yaml"
    assert uri("/elsewhere/a:b.yaml") == "file:///elsewhere/a%3Ab.yaml"
