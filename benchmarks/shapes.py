"""Policies and requests where our decision might be slow, or not flat."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import cycle
from typing import TYPE_CHECKING

from benchmarks.decide import WrongAnswerError, right_questions
from benchmarks.timing import Figure, compare, without_collector
from benchmarks.workload import (
    REQUESTS_PER_KIND,
    TEMPLATE,
    Line,
    Request,
    Workload,
    requests,
    workload,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.engines import Engine, Loaded

AS_PARSED = "the template path, of strings never seen before"
NEVER_TOGETHER = "the template path, for groups never seen together"
# What the other figures have more than this, at ten thousand rules, are a processor's cache misses.
THE_SAME_FEW = "concrete path, own record, the same eight requests"
VARIATIONS = (AS_PARSED, NEVER_TOGETHER, THE_SAME_FEW)
_FEW = 8
# More than a Cognito user can be in, and more segments than API Gateway's 10,240 bytes can hold
# with names of any length.
_MANY_GROUPS = 100
_MANY_SEGMENTS = 1000


def measure(
    ours: Engine, floor: Engine, *, sizes: Sequence[int], repeats: int
) -> dict[tuple[str, int], Figure]:
    """Ours for every variation and shape, against the floor on the plain policy of that size."""
    figures: dict[tuple[str, int], Figure] = {}
    for rules in sizes:
        plain = floor.load(floor.source(workload(rules)))
        unit = right_questions(plain, requests(TEMPLATE, rules))
        contenders: dict[str, Iterable[Callable[[], bool]]] = {"": unit}
        for name, make in SHAPES.items():
            policy, asked = make(rules)
            contenders[name] = right_questions(ours.load(ours.source(policy)), asked)
        loaded = ours.load(ours.source(workload(rules)))
        contenders[AS_PARSED] = _as_parsed(loaded, rules)
        few = requests("concrete path, own record", rules)[:_FEW]
        contenders[THE_SAME_FEW] = right_questions(loaded, few)
        contenders[NEVER_TOGETHER] = _never_together(loaded, rules)
        with without_collector():
            found = compare(contenders, unit="", repeats=repeats)
        figures |= {(name, rules): found[name] for name in (*VARIATIONS, *SHAPES)}
    return figures


def _as_parsed(loaded: Loaded, rules: int) -> Iterator[Callable[[], bool]]:
    """Requests of strings that nobody has seen before, as a Lambda parses them from an event.

    A string keeps its hash, and is quickly found equal to itself: asking the same one again and
    again would flatter whoever looks things up.
    """
    for request in cycle(requests(TEMPLATE, rules)):
        parsed = json.loads(json.dumps(asdict(request)))
        groups, scopes = tuple(parsed.pop("groups")), tuple(parsed.pop("scopes"))
        yield _question(loaded, Request(groups=groups, scopes=scopes, **parsed))


def _never_together(loaded: Loaded, rules: int) -> Iterator[Callable[[], bool]]:
    """Each caller has a set of groups that no other one had: whatever is remembered of those."""
    for number, request in enumerate(cycle(requests(TEMPLATE, rules))):
        groups = (f"team-{number}", *request.groups)
        yield _question(loaded, replace(request, groups=groups))


def _question(loaded: Loaded, request: Request) -> Callable[[], bool]:
    question = loaded.question(request)
    if question is None:
        raise WrongAnswerError(f"expected an answer to {request}, found none")
    return question


def _one_route(rules: int) -> tuple[Workload, list[Request]]:
    groups = [f"team-{number}" for number in range(rules)]
    policy = Workload(
        lines=tuple(_allow(group, "GET", "/articles/{id}") for group in groups),
        includes=dict.fromkeys(groups, ()),
    )
    asked = [
        Request(
            method="GET",
            route="/articles/{id}",
            path=f"/articles/{number}",
            parameters={"id": str(number)},
            groups=(groups[number * 617 % rules],),
            allowed=True,
        )
        for number in range(REQUESTS_PER_KIND)
    ]
    return policy, asked


def _everything_to_everyone(rules: int) -> tuple[Workload, list[Request]]:
    policy, asked = _one_route(rules)
    lines = tuple(replace(line, method="ANY", path="/**") for line in policy.lines)
    return replace(policy, lines=lines), asked


def _many_groups(rules: int) -> tuple[Workload, list[Request]]:
    groups = (*(f"unknown-{number}" for number in range(_MANY_GROUPS - 1)), "reader")
    return workload(rules), [replace(one, groups=groups) for one in requests(TEMPLATE, rules)]


def _all_cover_the_path(rules: int) -> tuple[Workload, list[Request]]:
    """Every choice of literal and parameter, for as many segments as that takes."""
    depth = (rules - 1).bit_length()
    paths = [
        "".join(f"/{{p{at}}}" if number >> at & 1 else "/a" for at in range(depth))
        for number in range(rules)
    ]
    policy = Workload(
        lines=tuple(_allow("reader", "GET", path) for path in paths), includes={"reader": ()}
    )
    return policy, [_on_path("/a" * depth, allowed=True)]


def _long_path(rules: int) -> tuple[Workload, list[Request]]:
    return workload(rules), [_on_path("/v1/app-0/articles" + "/a" * _MANY_SEGMENTS, allowed=False)]


def _allow(group: str, method: str, path: str) -> Line:
    return Line(effect="allow", subject=f"group:{group}", method=method, path=path)


def _on_path(path: str, *, allowed: bool) -> Request:
    return Request(
        method="GET", route=None, path=path, parameters={}, groups=("reader",), allowed=allowed
    )


SHAPES: Mapping[str, Callable[[int], tuple[Workload, list[Request]]]] = {
    "a group per rule, all on one route": _one_route,
    "a group per rule, all with `ANY /**`": _everything_to_everyone,
    "a caller with 100 groups": _many_groups,
    "a path that every rule covers": _all_cover_the_path,
    "a path of 1,000 segments": _long_path,
}
