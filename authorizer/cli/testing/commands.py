"""``authorizer test``: find the cases, try them, tell what came of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.cases import is_policy, near_misses, read_cases
from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.sheet import sheet_of
from authorizer.cli.analysis.simulator import simulator_of
from authorizer.cli.analysis.unresolved import unread_warning
from authorizer.cli.options import (
    FILE,
    POLICY,
    api_option,
    asked_policy_option,
    open_api,
    template_option,
    write_file,
)
from authorizer.cli.testing.report import Label, junit_xml, lines_of, page_of, show, summary
from authorizer.cli.testing.runner import Result, coverage, run_cases, tried_cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authorizer.cli.analysis.cases import Case
    from authorizer.cli.analysis.named_policy import NamedPolicy


@click.command()
@click.argument("files", nargs=-1, type=FILE)
@asked_policy_option
@template_option
@api_option
@click.option(
    "--strict",
    is_flag=True,
    help="Fail, too, if no case exercises a rule, or a denial proves nothing.",
)
@click.option("--junit", type=FILE, help="Write JUnit XML to this file.")
@click.option("--html", "page", type=FILE, help="Write an HTML page to this file.")
def test(
    *,
    files: tuple[Path, ...],
    policy: Path,
    template: Path | None,
    api: str | None,
    strict: bool,
    junit: Path | None,
    page: Path | None,
) -> None:
    """Try the cases in FILES against the policy.

    Without FILES they are those under tests: in the policy, and in the files *.policy-test.yaml
    beside it. With --template a request reaches a route as it does in API Gateway; without it the
    policy is asked about the path.

    Exit code 1 when a request is not answered as a case expects, 2 when that cannot be told: a
    route could not be read, or a file could not.
    """
    if len(files) == 1 and policy in {POLICY, files[0]} and is_policy(files[0]):
        policy, files = files[0], ()
    named = load_policy(policy)
    opened = open_api(template, api)
    simulator = simulator_of(named, opened)
    for warning in unread_warning(*opened) if opened else ():
        click.echo(warning, err=True)
    cases = _cases(named, policy, files)
    results = run_cases(simulator, cases)
    covered = coverage(simulator, results)
    lines = list(lines_of(simulator, cases, results, covered))
    sums = summary(results, covered)
    show(Console(highlight=False), lines, sums, is_strict=strict)
    if junit is not None:
        write_file(junit, junit_xml(lines, is_strict=strict))
    if page is not None:
        sheet = sheet_of(named, opened)
        tried = tried_cells(simulator, sheet, results)
        write_file(page, page_of(lines, sums, sheet, tried).encode())
    is_short = any(line.label in {Label.VACUOUS, Label.UNEXERCISED} for line in lines)
    sys.exit(_exit_code(results, is_short=strict and is_short))


def _cases(named: NamedPolicy, policy: Path, files: tuple[Path, ...]) -> list[Case]:
    """Those that are meant. Where files are looked for, it says which names nearly fit."""
    if not files:
        for sentence in near_misses(policy):
            click.echo(sentence, err=True)
    return read_cases(named.source, policy, files)


def _exit_code(results: Sequence[Result], *, is_short: bool) -> int:
    if is_short or any(not result.passed and result.answer.is_decidable for result in results):
        return 1
    return 0 if all(result.passed for result in results) else 2
