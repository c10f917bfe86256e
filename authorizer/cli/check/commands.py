"""The command ``authorizer check``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from authorizer.cli.check.finding import UNREADABLE, Severity
from authorizer.cli.check.formats import FORMATS, summary, to_text
from authorizer.cli.check.run import Report, run_checks
from authorizer.cli.options import policy_argument, policy_of, policy_option
from authorizer.cli.text import columns_of


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
    report = run_checks(policy_of(policy, policy_file), templates)
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
