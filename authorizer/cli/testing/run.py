"""Trying the cases, and seeing which rules they exercise.

A rule counts as exercised by what it decides: an allow for each method that it names, a deny
likewise. A rule that compares claims wants one thing more: a request that is denied for want of
just that equality. Otherwise the comparison could be taken out, and no case would notice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import claimings
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.testing.complete import implied
from authorizer.cli.testing.model import Case, Coverage, Expectation, Gap, Result
from authorizer.errors import Reason
from authorizer.policy.routes import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.policy.model import Rule


def run_cases(simulator: Simulator, cases: Iterable[Case]) -> tuple[Result, ...]:
    """Try every request of every case."""
    return tuple(
        Result(case=case, expectation=one, answer=simulator.ask(one.request, case.caller))
        for case in cases
        for one in _expectations(simulator, case)
    )


def is_vacuous(result: Result) -> bool:
    """Whether it says nothing of the API that the request came as expected.

    It cannot be told whether the policy is asked there; or of a denial, no route or no rule is
    about the request. What only a case's completeness denies is a route that somebody has named.
    """
    if result.passed and result.is_unsure:
        return True
    if not result.passed or result.expectation.allowed or result.expectation.route is not None:
        return False
    if result.answer.resolution is not None:
        return result.answer.verdict is Verdict.NO_ROUTE
    return result.answer.decision.reason is Reason.ROUTE_UNKNOWN


def coverage(
    simulator: Simulator, results: Iterable[Result], cases: Iterable[Case] = ()
) -> Coverage:
    """Which rules the cases exercise, and what is left of them."""
    used: dict[Rule, set[str]] = defaultdict(set)
    bounded: set[Rule] = set()
    for result in results:
        rule = result.answer.decision.rule
        if rule is not None:
            used[rule].add(result.expectation.request.method)
        elif result.answer.verdict is Verdict.DENIED:
            bounded |= set(_compared(simulator, result))
    gaps = tuple(gap for rule in simulator.policy.rules for gap in _gaps(rule, used[rule], bounded))
    missed = {gap.rule for gap in gaps}
    return Coverage(
        grants=_count(simulator, "allow", missed),
        denies=_count(simulator, "deny", missed),
        gaps=gaps,
        blind=tuple(case for case in cases if simulator.unread and case.is_complete),
    )


def _expectations(simulator: Simulator, case: Case) -> Iterator[Expectation]:
    yield from case.expectations
    if case.is_complete:
        yield from implied(simulator, case)


def _compared(simulator: Simulator, result: Result) -> Iterator[Rule]:
    """The rules that would allow a denied request if the claims were those in the path."""
    for change in claimings(simulator, result.expectation.request, result.case.caller):
        rule = simulator.ask(change.request, change.caller).decision.rule
        if rule is not None and rule == change.rule:
            yield rule


def _gaps(rule: Rule, methods: set[str], bounded: set[Rule]) -> Iterator[Gap]:
    left = sorted(rule.pattern.methods - methods)
    if not methods:
        yield Gap(rule=rule, what="no case exercises it")
    elif ANY not in left and left:
        yield Gap(rule=rule, what=f"no case exercises its {', '.join(left)}")
    if methods and rule.effect == "allow" and rule.pattern.conditions and rule not in bounded:
        claims = " and ".join(condition.claim for condition in rule.pattern.conditions)
        yield Gap(rule=rule, what=f"no case is denied for another {claims} than the caller's")


def _count(simulator: Simulator, effect: str, missed: set[Rule]) -> tuple[int, int]:
    rules = [rule for rule in simulator.policy.rules if rule.effect == effect]
    return sum(rule not in missed for rule in rules), len(rules)
