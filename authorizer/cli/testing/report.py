"""What came of the cases, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from authorizer.cli.analysis.explanation import (
    alternatives_in_words,
    explain,
    headline,
    rule_in_words,
)
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.analysis.unresolved import where_unread
from authorizer.cli.text import counted, print_folded, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from authorizer.cli.analysis.cases import Case
    from authorizer.cli.testing.runner import Coverage, Result

# Of the ways in which a failed request would be allowed.
_MOST_MISSES = 3


def failure_in_words(result: Result) -> str:
    """``expected allow, found deny: POST /articles``, and where only completeness says so."""
    expected = result.expectation
    wanted, found = ("allow", "deny") if expected.allowed else ("deny", "allow")
    why = f"found {expected.request} allowed"
    if result.answer.verdict is Verdict.ELSEWHERE:
        why = "which the policy does not decide"
    elif not result.answer.is_decidable:
        why = "of which that cannot be told"
    elif expected.route is None:
        return f"expected {wanted}, found {found}: {expected.request}"
    if expected.route is not None:
        return f"expected a complete case to deny {expected.route}, {why}"
    return f"expected {wanted} for {expected.request}, {why}"


def reasons_for(simulator: Simulator, result: Result) -> Iterator[str]:
    """Which rule decided, and for a denial what would have to differ."""
    explanation = explain(simulator, result.expectation.request, result.case.caller)
    yield headline(simulator, explanation)
    yield from explanation.notes
    if result.expectation.allowed:
        yield from list(alternatives_in_words(simulator, explanation.alternatives))[:_MOST_MISSES]


def vacuous_in_words(result: Result) -> str:
    """Why what came as expected proves nothing."""
    expected = result.expectation
    if result.is_unsure and result.answer.protection is not None:
        protection = result.answer.protection
        asks = f"whether {protection.in_words} asks the policy{protection.because}"
        return f"{expected.location}: for {expected.request} it cannot be told {asks}"
    about = "no route" if result.answer.decision.reason is None else "no rule"
    denied = f"{expected.request} is denied because {about} is about it"
    return f"{expected.location}: {denied}: is it misspelt?"


def blind_in_words(simulator: Simulator, coverage: Coverage) -> Iterator[tuple[Case, str]]:
    """What complete cases leave out, because it could not be read."""
    for case in coverage.blind:
        where = where_unread(simulator.unread)
        yield case, f"a complete case says nothing of what could not be read: {where}"


def summary(results: Sequence[Result], coverage: Coverage) -> str:
    """How many there are of everything."""
    passed = sum(result.passed for result in results)
    unread = sum(not result.answer.is_decidable for result in results)
    undecided = f", {unread} undecidable" if unread else ""
    cases = len({result.case.location for result in results})
    return (
        f"{counted(cases, 'case')}, {counted(len(results), 'request')}: "
        f"{passed} passed, {len(results) - passed - unread} failed{undecided}; exercised "
        f"{coverage.grants[0]} of {counted(coverage.grants[1], 'grant')}, "
        f"{coverage.denies[0]} of {counted(coverage.denies[1], 'deny', 'denies')}"
    )


def show(
    console: Console,
    simulator: Simulator,
    results: Sequence[Result],
    coverage: Coverage,
    *,
    is_strict: bool,
) -> None:
    """Print failures with their reasons, then what is not exercised, then the counts."""
    for result in results:
        if not result.passed:
            expected = result.expectation
            where = f"{expected.location}: {shown(result.case.name)}: {failure_in_words(result)}"
            print_folded(console, Text.assemble(("failed ", "bold red"), where), 7)
            for reason in reasons_for(simulator, result):
                print_folded(console, Text(f"       {reason}"), 9)
    style = "bold red" if is_strict else "bold yellow"
    lines = [
        *(("proves nothing", vacuous_in_words(result)) for result in results if result.is_vacuous),
        *(
            ("proves nothing", f"{case.location}: {what}")
            for case, what in blind_in_words(simulator, coverage)
        ),
        *(
            ("not exercised", f"{rule_in_words(simulator, gap.rule)}: {gap.what}")
            for gap in coverage.gaps
        ),
    ]
    for label, line in lines:
        print_folded(console, Text.assemble((f"{label} ", style), line), 2)
    print_folded(console, Text(summary(results, coverage)), 2)
