"""Every engine's time for a decision, at every size, for every kind of request.

Nothing is timed that was not found right just before: an engine is timed on exactly those
requests that it answered as the workload says.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

from benchmarks.engines import Floor
from benchmarks.timing import NS_PER_SECOND, Figure, compare, without_collector
from benchmarks.workload import KINDS, TEMPLATE, requests, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.engines import Engine, Loaded
    from benchmarks.workload import Request

# A slow engine is asked as much as fits into this, and at least so often.
_CHECK_NS = NS_PER_SECOND // 2
_MIN_CHECKED = 3


class WrongAnswerError(Exception):
    """An engine does not answer as the others do: its time would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What was measured.

    Attributes:
        figures: by kind, engine and number of rules; nothing where an engine cannot express it.
        checked: how many answers were compared before they were timed.
    """

    figures: dict[tuple[str, str, int], Figure | None]
    checked: int


def measure(engines: Sequence[Engine], *, sizes: Sequence[int], repeats: int) -> Decisions:
    """Ask every engine everything. One of them has to be the floor."""
    figures: dict[tuple[str, str, int], Figure | None] = {}
    checked = 0
    for rules in sizes:
        policy = workload(rules)
        loaded = {engine.name: engine.load(engine.source(policy)) for engine in engines}
        unit = right_questions(loaded[Floor.name], requests(TEMPLATE, rules))
        for kind in KINDS:
            asked = requests(kind, rules)
            questions = {name: right_questions(one, asked) for name, one in loaded.items()}
            checked += sum(map(len, questions.values()))
            contenders = {name: some for name, some in questions.items() if some}
            with without_collector():
                found = compare({**contenders, "": unit}, unit="", repeats=repeats)
            figures |= {(kind, name, rules): found.get(name) for name in loaded}
    return Decisions(figures=figures, checked=checked)


def right_questions(engine: Loaded, asked: Sequence[Request]) -> list[Callable[[], bool]]:
    """The questions that an engine answers rightly; none if it cannot express them.

    Raises:
        WrongAnswerError: if it answers one of them wrongly.
    """
    questions: list[Callable[[], bool]] = []
    end = perf_counter_ns() + _CHECK_NS
    for request in asked:
        question = engine.question(request)
        if question is None:
            return []
        if question() is not request.allowed:
            raise WrongAnswerError(f"expected {request.allowed} for {request}")
        questions.append(question)
        if perf_counter_ns() > end and len(questions) >= _MIN_CHECKED:
            break
    return questions
