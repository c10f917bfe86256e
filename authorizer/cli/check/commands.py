"""The command ``authorizer check``, and what it prints.

For people, for programs, for code scanning, for a workflow's log. Text has
``file:line:column: severity CODE message``, with effect and fix below. For the others see
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from authorizer.cli.check.finding import UNREADABLE, Finding, Severity, catalogue
from authorizer.cli.check.run import Report, run_checks
from authorizer.cli.options import one_file, policy_argument, policy_option
from authorizer.cli.text import columns_of, counted, fold, plain

if TYPE_CHECKING:
    from authorizer.cli.policy_file.source import Acceptance

JSON_VERSION = 1
_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# A line that begins with "::" is a command: what comes from a file must not become one.
_IN_MESSAGE = {ord("%"): "%25", ord("\r"): "%0D", ord("\n"): "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ord(":"): "%3A", ord(","): "%2C"}


def to_text(report: Report, columns: int | None = None) -> str:
    """The findings that stay, and a summary. The colours go where the output is no terminal.

    Args:
        report: what was found.
        columns: how wide the terminal is; nothing where there is none, and no line is folded.
    """
    findings = (_for_people(finding, columns) for finding in report.findings)
    return "\n".join([*findings, summary(report), ""])


def summary(report: Report) -> str:
    """How many there are of each kind."""
    counts = {severity: report.count(severity) for severity in Severity}
    kinds = [counted(count, severity.value) for severity, count in counts.items() if count]
    found = ", ".join(kinds) or "no findings"
    accepted = len(report.accepted)
    return f"{found}; {accepted} accepted" if accepted else found


def to_json(report: Report) -> str:
    """``version``, ``findings``, ``accepted`` with reasons, and a ``summary`` of counts."""
    document = {
        "version": JSON_VERSION,
        "findings": [_for_programs(finding) for finding in report.findings],
        "accepted": [
            {**_for_programs(finding), "reason": acceptance.reason}
            for finding, acceptance in report.accepted
        ],
        "summary": {
            **{f"{severity.value}s": report.count(severity) for severity in Severity},
            "accepted": len(report.accepted),
        },
    }
    return json.dumps(document, indent=2) + "\n"


def to_sarif(report: Report) -> str:
    """One run, with a rule for each code that was found; accepted findings are suppressed ones."""
    from importlib.metadata import version  # noqa: PLC0415 - slow

    found = [*((finding, None) for finding in report.findings), *report.accepted]
    codes = sorted({finding.code for finding, _ in found})
    titles = {code: {"text": catalogue()[code]["title"]} for code in codes}
    rules = [
        {
            "id": code,
            "shortDescription": title,
            "fullDescription": title,
            "help": {"text": f"docs/findings/{code}.md says what it means and how to mend it"},
        }
        for code, title in titles.items()
    ]
    release = version("cognito-rbac-authorizer")
    driver = {"name": "authorizer", "version": release, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(*pair, codes) for pair in found],
    }
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def to_github(report: Report) -> str:
    """One command a line, each of which becomes an annotation."""
    return "".join(f"{_command(finding)}\n" for finding in report.findings)


FORMATS = {"text": to_text, "json": to_json, "sarif": to_sarif, "github": to_github}


@click.command()
@policy_argument
@policy_option
@click.option(
    "templates",
    "--template",
    "-t",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="SAM, CloudFormation or OpenAPI file of the API, or a Terraform plan as JSON. May be "
    "repeated; every API is judged.",
)
@click.option(
    "form",
    "--format",
    "-f",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="text for people, json for programs, sarif for code scanning, github for annotations "
    "in a workflow.",
)
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
def check(
    policy: Path,
    policy_file: Path | None,
    templates: tuple[Path, ...],
    form: str,
    *,
    strict: bool,
) -> None:
    """Find what is wrong with POLICY, by default policy.yaml, before it is deployed.

    Reads files only: no network, no credentials. With --template it also finds what does not fit
    between policy, template and the authorizer's cache settings. Every API in it is judged, so that
    there is no --api to choose.

    Every finding has a code, and a page in docs/findings/ that explains it. To live with one,
    write into the policy file:

    \b
      accept:
        P204: administrators run the whole API

    Exits with 1 on errors (with --strict also on warnings), and with 2 if a file cannot be read
    or on wrong usage.
    """  # noqa: D301 - click wants the character, not the two
    report = run_checks(one_file(policy, policy_file), templates)
    # A terminal's encoding may lack what stands in a policy.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    columns = columns_of(sys.stdout)
    text = to_text(report, columns) if form == "text" else FORMATS[form](report)
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, nl=False, color=False if os.environ.get("NO_COLOR") else None)
    if form != "text":
        click.echo(summary(report), err=True)
    raise SystemExit(_exit_code(report, strict=strict))


def _exit_code(report: Report, *, strict: bool) -> int:
    if any(finding.code in UNREADABLE for finding in report.findings):
        return 2
    fails = report.count(Severity.ERROR) > 0 or (strict and report.count(Severity.WARNING) > 0)
    return 1 if fails else 0


def relative(file: str) -> str:
    """The file below this folder, with slashes; a file elsewhere as it was named."""
    path = Path(file)
    try:
        path = (Path.cwd() / path).resolve().relative_to(Path.cwd().resolve())
    except (OSError, ValueError):  # elsewhere, or a name that no file can have
        return file
    return path.as_posix()


def uri(file: str) -> str:
    """A relative reference, or a ``file:`` URI for a file elsewhere."""
    name = relative(file)
    encoded = quote(name, safe="/~", errors="surrogatepass")
    return f"file://{encoded}" if name.startswith("/") else encoded


def _for_people(finding: Finding, columns: int | None) -> str:
    severity = click.style(finding.severity.value, fg=_COLOURS[finding.severity], bold=True)
    code = click.style(finding.code, bold=True)
    lines = (
        f"{plain(str(finding.location))}: {severity} {code} {plain(finding.message)}",
        *([f"    construct: {plain(finding.construct)}"] if finding.construct else []),
        f"    effect: {plain(finding.effect)}",
        f"    fix: {plain(finding.fix)}",
    )
    return "\n".join(fold(line, columns, 6) for line in lines)


def _for_programs(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "file": finding.location.file,
        "line": finding.location.line,
        "column": finding.location.column,
        **({"construct": finding.construct} if finding.construct else {}),
        "message": finding.message,
        "effect": finding.effect,
        "fix": finding.fix,
    }


def _result(finding: Finding, acceptance: Acceptance | None, codes: list[str]) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": uri(finding.location.file)},
        "region": {"startLine": finding.location.line, "startColumn": finding.location.column},
    }
    result = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity.value,
        "message": {"text": _three_lines(finding)},
        "locations": [{"physicalLocation": location}],
    }
    if acceptance is not None:
        result["suppressions"] = [{"kind": "external", "justification": acceptance.reason}]
    return result


def _command(finding: Finding) -> str:
    properties = {
        "file": relative(finding.location.file),
        "line": str(finding.location.line),
        "col": str(finding.location.column),
        "title": f"{finding.code} {catalogue()[finding.code]['title']}",
    }
    listed = ",".join(f"{key}={text.translate(_IN_PROPERTY)}" for key, text in properties.items())
    text = _three_lines(finding).translate(_IN_MESSAGE)
    return f"::{_COMMANDS[finding.severity]} {listed}::{text}"


def _three_lines(finding: Finding) -> str:
    return f"{finding.message}\neffect: {finding.effect}\nfix: {finding.fix}"
