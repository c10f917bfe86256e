"""What came of the cases, line by line: for people, as a page, and as JUnit XML.

In that, each file is a suite, and each request a test. What is not exercised is a suite of its own,
whose tests fail under ``--strict`` and are skipped otherwise. The attributes are those that GitLab,
Jenkins and GitHub's reporters read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rich.text import Text

from authorizer.cli.analysis.explanation import (
    alternatives_in_words,
    explain,
    headline,
    rule_in_words,
)
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.analysis.unresolved import where_unread
from authorizer.cli.location import Location
from authorizer.cli.pages import report_page
from authorizer.cli.text import counted, plain, print_folded, render, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from authorizer.cli.analysis.cases import Case
    from authorizer.cli.analysis.permissions import Subject
    from authorizer.cli.analysis.sheet import Sheet
    from authorizer.cli.testing.runner import Coverage, Result

# Of the ways in which a failed request would be allowed.
_MOST_MISSES = 3
# What XML 1.0 has no way to write, not even escaped. https://www.w3.org/TR/xml/#charsets
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Label(StrEnum):
    """What came of a line."""

    PASSED = "passed"
    FAILED = "failed"
    VACUOUS = "proves nothing"
    UNEXERCISED = "not exercised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A request of a case, a complete case as such, or something of a rule.

    Attributes:
        location: where it stands, in the file of the case or in the policy.
        case: its name; empty for a rule.
        message: what is wrong.
        reasons: how that came, and what would have to differ.
    """

    label: Label
    location: Location
    name: str
    case: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()


def lines_of(
    simulator: Simulator, cases: Iterable[Case], results: Iterable[Result], coverage: Coverage
) -> Iterator[Line]:
    """All that there is to tell of the requests, of complete cases, and then of the rules."""
    for result in results:
        yield _line_of(simulator, result)
    for case in cases:
        if simulator.unread and case.is_complete:
            where = where_unread(simulator.unread)
            yield Line(
                label=Label.VACUOUS,
                location=case.location,
                name="complete",
                case=case.name,
                message=f"a complete case says nothing of what could not be read: {where}",
            )
    for rule, gaps in coverage:
        for gap in gaps:
            yield Line(
                label=Label.UNEXERCISED,
                location=Location(file=simulator.file, line=rule.line),
                name=rule_in_words(simulator, rule),
                message=gap,
            )


def _line_of(simulator: Simulator, result: Result) -> Line:
    expected = result.expectation
    label, message = Label.PASSED, ""
    if not result.passed:
        label, message = Label.FAILED, _failure_in_words(result)
    elif result.vacuity is not None:
        label, message = Label.VACUOUS, result.vacuity
    return Line(
        label=label,
        location=expected.location,
        name=f"{'allow' if expected.allowed else 'deny'} {expected.request}"
        if expected.route is None
        else f"deny {expected.route} (not listed)",
        case=result.case.name,
        message=message,
        reasons=() if result.passed else tuple(_reasons_for(simulator, result)),
    )


def _failure_in_words(result: Result) -> str:
    """``expected allow, found deny: POST /articles``, and where only completeness says so."""
    expected, verdict = result.expectation, result.answer.verdict
    why = "which the policy does not decide" if verdict is Verdict.ELSEWHERE else ""
    if not result.answer.is_decidable:
        why = "of which that cannot be told"
    if expected.route is not None:
        why = why or f"found {expected.request} allowed"
        return f"expected a complete case to deny {expected.route}, {why}"
    wanted, found = ("allow", "deny") if expected.allowed else ("deny", "allow")
    if why:
        return f"expected {wanted} for {expected.request}, {why}"
    return f"expected {wanted}, found {found}: {expected.request}"


def _reasons_for(simulator: Simulator, result: Result) -> Iterator[str]:
    """Which rule decided, and for a denial what would have to differ."""
    explanation = explain(simulator, result.expectation.request, result.case.caller)
    yield headline(simulator, explanation)
    yield from explanation.notes
    if result.expectation.allowed:
        yield from list(alternatives_in_words(simulator, explanation.alternatives))[:_MOST_MISSES]


def summary(results: Sequence[Result], coverage: Coverage) -> str:
    """How many there are of everything."""
    passed = sum(result.passed for result in results)
    unread = sum(not result.answer.is_decidable for result in results)
    undecided = f", {unread} undecidable" if unread else ""
    cases = len({result.case.location for result in results})
    exercised = []
    for effect, plural in (("allow", "grants"), ("deny", "denies")):
        gaps = [gaps for rule, gaps in coverage if rule.effect == effect]
        noun = {"allow": "grant"}.get(effect, effect)
        exercised.append(f"{gaps.count(())} of {counted(len(gaps), noun, plural)}")
    return (
        f"{counted(cases, 'case')}, {counted(len(results), 'request')}: {passed} passed, "
        f"{len(results) - passed - unread} failed{undecided}; exercised {', '.join(exercised)}"
    )


def show(console: Console, lines: Iterable[Line], summary: str, *, is_strict: bool) -> None:
    """Print failures with their reasons, what proves nothing or is not exercised, and the sums."""
    for line in sorted(lines, key=lambda line: line.label is not Label.FAILED):
        is_failed = line.label is Label.FAILED
        style = "bold red" if is_failed or is_strict else "bold yellow"
        where = line.name if line.label is Label.UNEXERCISED else str(line.location)
        where += f": {shown(line.case)}" if is_failed else ""
        text = Text.assemble((f"{line.label} ", style), f"{where}: {line.message}")
        if line.label is not Label.PASSED:
            print_folded(console, text, 7 if is_failed else 2)
        for reason in line.reasons:
            print_folded(console, Text(f"       {reason}"), 9)
    print_folded(console, Text(summary), 2)


def page_of(
    lines: Sequence[Line], summary: str, sheet: Sheet, tried: Mapping[tuple[str, Subject], bool]
) -> str:
    """One page: failures, each cell of the sheet tried or not, and all requests."""
    passed = [line for line in lines if line.label is Label.PASSED]
    grouped = groupby(passed, key=lambda line: (line.location.file, line.case))
    by_case = [(case, list(some)) for case, some in grouped]
    facts = {"lines": lines, "by_case": by_case, "summary": summary, "sheet": sheet}
    return report_page("testing", **facts, tried=tried)


def junit_xml(lines: Sequence[Line], *, is_strict: bool) -> bytes:
    """The document."""
    suites: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        is_rule = line.label is Label.UNEXERCISED
        suites[str(line.label) if is_rule else line.location.file].append(line)
    facts = {"lines": lines, "suites": suites, "is_strict": is_strict, "xml": _xml}
    return render("testing", "junit.xml", **facts).encode()


def _xml(text: str) -> str:
    """The text for an attribute: an end of line would be taken for a blank there."""
    escaped = escape(_IMPOSSIBLE.sub("\ufffd", text), {'"': "&quot;"})
    return "".join(f"&#{ord(mark)};" if mark in "\t\n\r" else plain(mark) for mark in escaped)
