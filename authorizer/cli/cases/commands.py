"""``authorizer test``: find the cases, try them, tell what came of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.cases.junit import junit_xml
from authorizer.cli.cases.read import CaseReader
from authorizer.cli.cases.report import show
from authorizer.cli.cases.run import coverage, is_vacuous, run_cases
from authorizer.cli.document import load_source
from authorizer.cli.explain.options import open_rulebook, policy_options
from authorizer.cli.nodes import UnreadableError, compose
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.cases.model import Case
    from authorizer.cli.source import SourcePolicy

PATTERN = "*.policy-test.yaml"


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
    beside it. Exit code 1 when a request is not answered as a case expects.
    """
    source = load_source(policy)
    cases = read_cases(source, policy, files)
    book = open_rulebook(source, template, api)
    results = run_cases(book, cases)
    covered = coverage(book, results)
    show(Console(highlight=False), book, results, covered, is_strict=strict)
    if junit is not None:
        _write(junit, junit_xml(book, results, covered, is_strict=strict))
    is_short = bool(covered.gaps) or any(map(is_vacuous, results))
    failed = any(not result.passed for result in results)
    sys.exit(1 if failed or (strict and is_short) else 0)


def read_cases(source: SourcePolicy, policy: Path, files: Sequence[Path] = ()) -> list[Case]:
    """The cases of these files, or all that are found.

    Raises:
        ConfigurationError: with every problem of every file, located; or there are no cases.
    """
    problems: list[str] = []
    cases: list[Case] = []
    if not files:
        cases += _embedded(source, problems)
    for file in files or sorted(policy.parent.glob(PATTERN)):
        cases += _beside(file, source, problems)
    if problems:
        raise ConfigurationError(problems)
    if not cases:
        where = "them" if files else f"tests: of {policy}, or in {PATTERN} beside it"
        raise ConfigurationError([f"expected cases in {where}, found none"])
    return cases


def _embedded(source: SourcePolicy, problems: list[str]) -> Iterator[Case]:
    reader = _reader(source.file, source)
    yield from reader.cases(source.tests)
    problems += _located(reader)


def _beside(file: Path, source: SourcePolicy, problems: list[str]) -> Iterator[Case]:
    reader = _reader(str(file), source)
    try:
        yield from reader.document(compose(file.read_bytes()))
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except UnreadableError as error:
        problems.append(error.problem.located(file))
    problems += _located(reader)


def _reader(file: str, source: SourcePolicy) -> CaseReader:
    return CaseReader(
        file=file,
        groups=frozenset(group.name for group in source.groups),
        scopes=frozenset(scope.name for scope in source.scopes),
    )


def _located(reader: CaseReader) -> Iterator[str]:
    for problem in sorted(reader.problems, key=lambda one: (one.line, one.column)):
        yield problem.located(reader.file)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from error
