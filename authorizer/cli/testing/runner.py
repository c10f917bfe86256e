"""Trying the cases, and seeing which rules they exercise.

A rule counts as exercised by what it decides: an allow for each method that it names, a deny
likewise. A rule that compares claims wants one thing more: a request that is denied for want of
just that equality. Otherwise the comparison could be taken out, and no case would notice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import with_other_claims
from authorizer.cli.analysis.simulator import Answer, Simulator, Verdict
from authorizer.cli.testing.completeness import implied
from authorizer.errors import Reason
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.analysis.cases import Case, Expectation
    from authorizer.policy.model import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an expectation."""

    case: Case
    expectation: Expectation
    answer: Answer

    @property
    def passed(self) -> bool:
        """Whether it came as expected. What the policy does not decide is as nobody expects."""
        return self.answer.is_known and self.answer.is_open is self.expectation.allowed

    @property
    def is_unsure(self) -> bool:
        """Whether it cannot be told if the policy is asked about the route."""
        protection = self.answer.protection
        return protection is not None and protection.asks_policy is None

    @property
    def is_vacuous(self) -> bool:
        """Whether it says nothing of the API that the request came as expected.

        It cannot be told whether the policy is asked there; or of a denial, no route or no rule is
        about the request. What only a case's completeness denies is a route that somebody has
        named.
        """
        if not self.passed or self.is_unsure:
            return self.passed
        if self.expectation.allowed or self.expectation.route is not None:
            return False
        if self.answer.resolution is not None:
            return self.answer.verdict is Verdict.NO_ROUTE
        return self.answer.decision.reason is Reason.ROUTE_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something of a rule that no case exercises.

    Attributes:
        what: which part of it, in words.
    """

    rule: Rule
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which rules decided something.

    Attributes:
        grants, denies: how many of them are exercised in full, and how many there are.
        blind: complete cases that say nothing of routes which could not be read.
    """

    grants: tuple[int, int]
    denies: tuple[int, int]
    gaps: tuple[Gap, ...]
    blind: tuple[Case, ...] = ()


def run_cases(simulator: Simulator, cases: Iterable[Case]) -> tuple[Result, ...]:
    """Try every request of every case, and those that a complete one implies."""
    return tuple(
        Result(
            case=case,
            expectation=expectation,
            answer=simulator.ask(expectation.request, case.caller),
        )
        for case in cases
        for expectation in (
            *case.expectations,
            *(implied(simulator, case) if case.is_complete else ()),
        )
    )


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


def _compared(simulator: Simulator, result: Result) -> Iterator[Rule]:
    """The rules that would allow a denied request if the claims were those in the path."""
    for change in with_other_claims(simulator, result.expectation.request, result.case.caller):
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
