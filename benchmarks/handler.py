"""``python -m benchmarks.handler``: what a whole function adds to one that does nothing, when warm.

Ours as it is built, with its log line and its metrics, and an authorizer as it is usually written
(``functions/naive.py``), each in a process of its own behind Lambda's Runtime API, are asked in
turns, one event at a time; so is a function that does nothing. What Lambda itself needs is in all
three. Keys are shipped, and every token was met before.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.cold import (
    TRIVIAL,
    WrongAnswerError,
    events_of,
    here,
    with_shipped_keys,
)
from benchmarks.runtime_api import running
from benchmarks.tokens import Issuer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.cold import Interpreter
    from benchmarks.runtime_api import RunningFunction

_ROUNDS = 2_000
_WARM_UP_ROUNDS = 200
_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a warm call costs, in seconds.

    Attributes:
        wall: on the clock, the median of the rounds.
        cpu: of the processor, the mean of them.
    """

    wall: float
    cpu: float


def measure(python: Interpreter, work: Path, *, rounds: int) -> dict[str, Call]:
    """What a call costs, by who was asked."""
    issuer = Issuer()
    events = events_of(issuer, _TOKENS)
    taken: dict[str, list[float]] = {}
    with ExitStack() as stack:
        functions = {
            name: stack.enter_context(running(package))
            for name, package in with_shipped_keys(python, work, issuer).items()
        }
        order = list(functions)
        before = dict.fromkeys(order, 0.0)
        for number in range(-_WARM_UP_ROUNDS, rounds):
            if number == 0:
                taken.clear()
                before = {name: one.cpu_seconds() for name, one in functions.items()}
            for name in (*order[number % 3 :], *order[: number % 3]):
                seconds = _ask(functions[name], events[number % _TOKENS])
                taken.setdefault(name, []).append(seconds)
        return {
            name: Call(
                wall=median(taken[name]), cpu=(function.cpu_seconds() - before[name]) / rounds
            )
            for name, function in functions.items()
        }


def _ask(function: RunningFunction, event: bytes) -> float:
    started = perf_counter()
    answer, _ = function.ask(event)
    seconds = perf_counter() - started
    if json.loads(answer).get("isAuthorized") is not True:
        raise WrongAnswerError(answer.decode(errors="replace"))
    return seconds


def page(found: Mapping[str, Call], *, rounds: int) -> str:
    """The figures as Markdown."""
    unit = found[TRIVIAL]
    rows = (
        [
            name,
            *(f"{call.wall * 1e6:.0f} µs", f"{call.wall / unit.wall - 1:+.0%}"),
            *(f"{call.cpu * 1e6:.0f} µs", f"{(call.cpu - unit.cpu) / unit.wall:+.0%}"),
        ]
        for name, call in found.items()
    )
    heads = ["a warm call", "on the clock", "added", "processor time", "added to the trivial clock"]
    return (
        f"{report.machine()}; {rounds} rounds, the clock's median. On a busy machine only the "
        "processor time, which has nobody else's in it, says what a function costs.\n\n"
        + report.table(heads, rows)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handler", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="authorizer-handler-") as folder:
        work = Path(folder)
        found = measure(here(work), work, rounds=options.rounds)
    text = page(found, rounds=options.rounds)
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text, part="figures of a warm function")
    return 0


if __name__ == "__main__":
    sys.exit(main())
