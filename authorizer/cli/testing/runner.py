"""Trying the cases, and seeing which rules they exercise.

A rule counts as exercised by what it decides: an allow for each method that it names, a deny
likewise. A rule that compares claims wants one thing more: a request that is denied for want of
just that equality. Otherwise the comparison could be taken out, and no case would notice.

A complete case implies that each route which it does not list is denied, whatever the values. For a
route with parameters there are endless paths. It is enough to ask for one without any particular
value, and, for each rule of the caller's that could grant it, for the one that has what this rule
wants: the caller's own claims, and its literal segments. Where both route and rule take everything
below a path, denies and other routes may take some of it away: one of each length is asked for,
until it is longer than all that they name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.alternatives import with_other_claims
from authorizer.cli.analysis.cases import Case, Expectation
from authorizer.cli.analysis.partition import widest_classes
from authorizer.cli.analysis.permissions import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.request import Caller, Request, resolve
from authorizer.cli.analysis.routes import named_routes, pattern_of_route, pattern_of_rule
from authorizer.cli.analysis.simulator import Answer, Simulator, Verdict
from authorizer.errors import Reason
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    safe_segments,
    split_route_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.cli.analysis.partition import PathClass
    from authorizer.cli.analysis.sheet import Sheet
    from authorizer.policy.model import RoutePattern, Rule

# No route has such a segment, and no claim such a value.
_ANY_VALUE = "-any-"


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
    def vacuity(self) -> str | None:
        """Why it says nothing of the API that the request came as expected; nothing if it does.

        It cannot be told whether the policy is asked there; or of a denial, no route or no rule is
        about the request. What only a case's completeness denies is a route that somebody has
        named.
        """
        expected, answer = self.expectation, self.answer
        protection, reason = answer.protection, answer.decision.reason
        if self.passed and protection is not None and protection.asks_policy is None:
            asks = f"whether {protection.in_words} asks the policy{protection.because}"
            return f"for {expected.request} it cannot be told {asks}"
        is_unknown = answer.verdict is Verdict.NO_ROUTE or (
            answer.resolution is None and reason is Reason.ROUTE_UNKNOWN
        )
        if self.passed and not expected.allowed and expected.route is None and is_unknown:
            about = "no route" if reason is None else "no rule"
            return f"{expected.request} is denied because {about} is about it: is it misspelt?"
        return None


# Of each rule, what no case exercises.
Coverage = Sequence[tuple["Rule", tuple[str, ...]]]


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


def coverage(simulator: Simulator, results: Iterable[Result]) -> Coverage:
    """What is left of the rules that the cases do not exercise."""
    used: dict[Rule, set[str]] = defaultdict(set)
    bounded: set[Rule] = set()
    for result in results:
        rule = result.answer.decision.rule
        if rule is not None:
            used[rule].add(result.expectation.request.method)
        elif result.answer.verdict is Verdict.DENIED:
            bounded |= set(_compared(simulator, result))
    rules = simulator.policy.rules
    return [(rule, tuple(_gaps(rule, used[rule], bounded))) for rule in rules]


def _compared(simulator: Simulator, result: Result) -> Iterator[Rule]:
    """The rules that would allow a denied request if the claims were those in the path."""
    for change in with_other_claims(simulator, result.expectation.request, result.case.caller):
        rule = simulator.ask(change.request, change.caller).decision.rule
        if rule is not None and rule == change.rule:
            yield rule


def _gaps(rule: Rule, methods: set[str], bounded: set[Rule]) -> Iterator[str]:
    left = sorted(rule.pattern.methods - methods)
    if not methods:
        yield "no case exercises it"
    elif ANY not in left and left:
        yield f"no case exercises its {', '.join(left)}"
    if methods and rule.effect == "allow" and rule.pattern.conditions and rule not in bounded:
        claims = " and ".join(condition.claim for condition in rule.pattern.conditions)
        yield f"no case is denied for another {claims} than the caller's"


def tried_cells(
    simulator: Simulator, sheet: Sheet, results: Iterable[Result]
) -> dict[tuple[str, Subject], bool]:
    """The cells of a sheet that requests try, by route and subject: whether all came as expected.

    A request of a caller in several groups counts for each of them that alone would be answered
    the same, by the same rule. One that is everybody's counts for everyone, too.
    """
    keys = {line.route.key.replace("/**", "/{proxy+}"): line.route.key for line in sheet.lines}
    tried: dict[tuple[str, Subject], bool] = {}
    for result in results:
        route = _route_of(simulator, simulator.routes or tuple(keys), result.expectation.request)
        if route in keys:
            for subject in _subjects_that_try(simulator, result):
                cell = keys[route], subject
                tried[cell] = tried.get(cell, True) and result.passed
    return tried


def _subjects_that_try(simulator: Simulator, result: Result) -> Iterator[Subject]:
    caller, answer = result.case.caller, result.answer
    alone = {
        Subject(kind=SubjectKind.GROUP, name=group): replace(caller, groups=(group,))
        for group in caller.groups
    }
    if caller.is_machine:
        for scope in caller.scopes:
            alone[Subject(kind=SubjectKind.SCOPE, name=scope)] = replace(caller, scopes=(scope,))
    if not alone or answer.verdict is Verdict.PUBLIC:
        alone[EVERYONE] = caller
    for subject, one in alone.items():
        same = simulator.ask(result.expectation.request, one)
        if (same.verdict, same.decision.rule) == (answer.verdict, answer.decision.rule):
            yield subject


# --- what a complete case implies -----------------------------------------------------------------


def implied(simulator: Simulator, case: Case) -> Iterator[Expectation]:
    """For each route that the case does not list, a request that must be denied.

    It is one that gets through, where there is one.
    """
    caller, policy = case.caller, simulator.policy
    patterns = [rule.pattern for rule in policy.rules]
    routes = named_routes(patterns) if simulator.routes is None else simulator.routes
    listed = {
        (_route_of(simulator, routes, expectation.request), expectation.request.method)
        for expectation in case.expectations
    }
    subjects = policy.subjects_of(caller.groups, caller.scopes)
    granting = [
        rule.pattern for rule in policy.rules if rule.effect == "allow" and rule.subject in subjects
    ]
    named = [pattern.path for pattern in (*patterns, *policy.public)]
    named += [pattern_of_route(split_route_key(key)[1]).path for key in routes]
    longest = max(map(len, named), default=0)
    for key in routes:
        asked = [
            request
            for request in _requests(key, granting, caller, longest)
            if (key, request.method) not in listed
            and _route_of(simulator, routes, request) == key
            and simulator.ask(request, Caller()).verdict is not Verdict.PUBLIC
        ]
        if asked:
            worst = next(
                (request for request in asked if simulator.ask(request, caller).is_open), asked[0]
            )
            yield Expectation(request=worst, allowed=False, location=case.location, route=key)


def _requests(
    key: str, patterns: Iterable[RoutePattern], caller: Caller, longest: int
) -> Iterator[Request]:
    """Requests for a route: of no particular values, and with what each rule wants."""
    if key == CONNECT:
        yield Request(method="", path=CONNECT)
        return
    method, template = split_route_key(key)
    for verb in METHODS if method in {"", ANY} else (method,):
        covering = [pattern for pattern in patterns if pattern.covers_method(verb)]
        for path in dict.fromkeys(_paths(template, covering, caller, longest)):
            yield Request(method=verb, path=path)


def _paths(
    template: str, patterns: Iterable[RoutePattern], caller: Caller, longest: int
) -> Iterator[str]:
    route = pattern_of_route(template)
    yield _path(next(widest_classes(route, route, 0)), {})
    for pattern in patterns:
        claims = {one.position: caller.claims.get(one.claim) for one in pattern.conditions}
        own = pattern_of_rule(pattern)
        # A value that no path can have equals none.
        if route.overlaps(own) and all(map(_can_stand, claims.values())):
            for paths in widest_classes(route, own, longest + 1):
                yield _path(paths, claims)


def _can_stand(value: object) -> bool:
    return isinstance(value, str) and "/" not in value and safe_segments(f"/{value}") is not None


def _path(paths: PathClass, claims: Mapping[int, Any]) -> str:
    """A path of a class, with a claim's value where that is compared."""
    words = (
        term if isinstance(term, str) else claims.get(term, _ANY_VALUE) for term in paths.terms
    )
    return "/" + "/".join(words)


def _route_of(simulator: Simulator, routes: tuple[str, ...], request: Request) -> str | None:
    winner = resolve(routes, request, is_rest=simulator.is_rest).winner
    return winner.key if winner is not None else None
