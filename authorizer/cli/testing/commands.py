"""``authorizer test``: find the cases, try them, tell what came of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.explain.options import POLICY, open_policy, open_simulator, policy_options
from authorizer.cli.testing.find import is_policy, near_misses, read_cases
from authorizer.cli.testing.junit import junit_xml
from authorizer.cli.testing.report import show
from authorizer.cli.testing.run import coverage, is_vacuous, run_cases
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.testing.model import Result


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@policy_options
@click.option(
    "--strict",
    is_flag=True,
    help="Fail, too, if no case exercises a rule, or a denial proves nothing.",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file.")
def test(
    *,
    files: tuple[Path, ...],
    policy: Path,
    template: Path | None,
    api: str | None,
    strict: bool,
    junit: Path | None,
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
    source = open_policy(policy)
    book = open_simulator(source, template, api)
    if not files:
        for sentence in near_misses(policy):
            click.echo(sentence, err=True)
    cases = read_cases(source, policy, files)
    results = run_cases(book, cases)
    covered = coverage(book, results, cases)
    show(Console(highlight=False), book, results, covered, is_strict=strict)
    if junit is not None:
        _write(junit, junit_xml(book, results, covered, is_strict=strict))
    is_short = bool(covered.gaps or covered.blind) or any(map(is_vacuous, results))
    sys.exit(_exit_code(results, is_short=strict and is_short))


def _exit_code(results: Sequence[Result], *, is_short: bool) -> int:
    if is_short or any(not result.passed and result.is_decided for result in results):
        return 1
    return 0 if all(result.passed for result in results) else 2


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be written: {error.strerror}"]) from error
