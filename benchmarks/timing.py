"""How time is taken: in turns, again and again, each turn beside a unit.

A machine is never quiet. Everything that is compared runs in the same rounds, the order moves on
with each, and a ratio is taken within a round, between neighbours in time; then the median of the
rounds is the figure. A turn is short, and taken again where the processor was given to somebody
else meanwhile, which shows in the thread's own time; where none is undisturbed, its own time is
what counts. So a slow second costs a round at most, not a conclusion.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, cycle, islice
from statistics import median
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NS_PER_SECOND = 1_000_000_000
# Of one engine's turn. Long against the clock's resolution, short against a time slice.
_TURN_NS = 1_000_000
_WARM_UP_TURNS = 2
_MOST_WARM_UP_CALLS = 256
# A turn counts as undisturbed if the thread had the processor for this part of it.
_OWN_SHARE = 0.97
_MOST_TRIES = 8
# Longer turns, of what needs so long for one call, are seldom undisturbed.
_LONGEST_RETRIED_NS = 3_000_000
# Of calls that are timed one by one; the first ones are not counted.
_PAIRS_IN_A_TURN, _PAIRS_OF_WARM_UP = 40, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one call costs.

    Attributes:
        ratio: to the unit, the median of the ratios within the rounds.
        microseconds: the median of the rounds.
    """

    ratio: float
    microseconds: float


class _Contender:
    """Calls that take turns; each turn goes on where the last one stopped."""

    def __init__(self, calls: Iterable[Callable[[], object]]) -> None:
        # What an iterator makes of a call is made before the clock starts.
        self._calls = calls if isinstance(calls, Iterator) else cycle(calls)
        self._number = 1
        for _ in range(_WARM_UP_TURNS):
            while (spent := self.turn() * self._number) < _TURN_NS / 2:
                self._number = max(self._number + 1, int(self._number * _TURN_NS / spent))

    def turn(self) -> float:
        """Nanoseconds per call. The loop around it, some 15 ns, is in every figure."""
        own = 0
        for _ in range(_MOST_TRIES):
            self._warm_up()
            calls = list(islice(self._calls, self._number))
            spent, own = _time(calls)
            if own >= spent * _OWN_SHARE:
                return spent / self._number
            if own > _LONGEST_RETRIED_NS:
                break
        return own / self._number

    def _warm_up(self) -> None:
        """Have the processor's caches back from whoever had the turn before."""
        if self._number > 1:
            for call in list(islice(self._calls, min(self._number, _MOST_WARM_UP_CALLS))):
                call()


def _time(calls: list[Callable[[], object]]) -> tuple[int, int]:
    """Nanoseconds on the clock, and those of the thread's own."""
    start_own, start = thread_time_ns(), perf_counter_ns()
    for call in calls:
        call()
    spent = perf_counter_ns() - start
    return spent, thread_time_ns() - start_own


def compare(
    contenders: Mapping[str, Iterable[Callable[[], object]]], *, unit: str, repeats: int
) -> dict[str, Figure]:
    """Time every contender against the one that is the unit.

    Args:
        contenders: the calls of each; a list is gone through again and again, an iterator once.
        unit: the name of one of them.
        repeats: the number of rounds.
    """
    running = {name: _Contender(calls) for name, calls in contenders.items()}
    order = list(running)
    rounds = []
    for number in range(repeats):
        at = number % len(order)
        rounds.append({name: running[name].turn() for name in chain(order[at:], order[:at])})
    return {
        name: Figure(
            ratio=median(taken[name] / taken[unit] for taken in rounds),
            microseconds=median(taken[name] for taken in rounds) / 1000,
        )
        for name in order
    }


def alternate(
    contenders: Mapping[str, Sequence[Callable[[], object]]],
    unit: Sequence[Callable[[], object]],
    *,
    repeats: int,
) -> dict[str, Figure]:
    """Time each contender's calls one by one, each between two of the unit's.

    So the unit finds the processor's caches as the contender has left them, and the reverse, as it
    is where the one is a part of the other. A round is the medians of a turn: what interrupts the
    thread now and then is not in them.
    """
    pairs = {
        name: cycle(zip(cycle(unit), calls, strict=False)) for name, calls in contenders.items()
    }
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, both in pairs.items():
            times = [
                (_nanoseconds(of_unit), _nanoseconds(call))
                for of_unit, call in islice(both, _PAIRS_IN_A_TURN)
            ][_PAIRS_OF_WARM_UP:]
            rounds[name].append((median(u for u, _ in times), median(c for _, c in times)))
    return {
        name: Figure(
            ratio=median(call / of_unit for of_unit, call in taken),
            microseconds=median(call for _, call in taken) / 1000,
        )
        for name, taken in rounds.items()
    }


def _nanoseconds(call: Callable[[], object]) -> int:
    start = perf_counter_ns()
    call()
    return perf_counter_ns() - start


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection while decisions are timed: whose turn it hits is chance."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def fresh_collector() -> Iterator[None]:
    """Collection as a new process has it: on, and not weighed down by what is already there."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
