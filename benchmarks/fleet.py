"""``python -m benchmarks.fleet``: how often a fleet of containers asks a pool for its keys.

Each container has a :class:`JwksCache` of its own, the real one; the clock, the endpoint and the
callers are made up. All containers start within ten seconds, and serve a request now and then.
The pool's endpoint is down for half an hour, in which a tenth as many containers start; later the
pool gets a new key. Chance is the same in each run.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from heapq import heapify, heapreplace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from unittest.mock import patch

from authorizer import JwksCache, JwksTiming, KeySet, KeysUnavailableError, UserPool
from authorizer.tokens.fetch import FetchError
from benchmarks import report
from benchmarks.tokens import Issuer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

# What the figures are told for.
FLEET = 10_000
_SECONDS = 5 * 3600
_START_SECONDS = 10
_PERIOD_SECONDS = 30
_TOKEN_SECONDS = 3600
_OUTAGE = range(5400, 7200)
_ROTATION = 3 * 3600
_LATE_START = _OUTAGE.start + 600
_LATE_SHARE = 0.1
_OLD, _NEW = "old", "new"
_POOL = UserPool("eu-west-1_Benchmark", ["client"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How containers are configured.

    Attributes:
        shipped: whether the keys of the day of the deployment are shipped with the function.
        spread: by how much of itself the time to live is shorter in some containers.
    """

    shipped: bool
    spread: float

    @property
    def name(self) -> str:
        """In words."""
        keys = "keys shipped" if self.shipped else "keys fetched"
        return f"{keys}, time to live spread by {self.spread:.0%}" if self.spread else keys


SCENARIOS = tuple(
    Scenario(shipped=shipped, spread=spread) for shipped in (False, True) for spread in (0.0, 0.1)
)


@dataclass(slots=True)
class Day:
    """What was counted.

    Attributes:
        fetches: by second, those that were begun.
        requests: by second, those that came.
        failed: by second, those that got a 500, because keys could not be had.
        refused: those whose key was not known, though the pool had it.
    """

    fetches: Counter[int] = field(default_factory=Counter)
    requests: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    refused: int = 0


class _World:
    """The clock and the endpoint of all containers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.day = Day()
        old, new = (Issuer().jwks()["keys"][0] | {"kid": name} for name in (_OLD, _NEW))
        self.before, self.after = (
            json.dumps({"keys": keys}).encode() for keys in ([old], [new, old])
        )

    def clock(self) -> float:
        return self.now

    def fetch(self, _: str, *, deadline: timedelta) -> bytes:  # noqa: ARG002 - as it is called
        self.day.fetches[int(self.now)] += 1
        if int(self.now) in _OUTAGE:
            raise FetchError("the endpoint is down")
        return self.after if self.now >= _ROTATION else self.before


def simulate(scenario: Scenario, *, containers: int) -> Day:
    """One day of a fleet."""
    chance, world = Random(1), _World()  # noqa: S311 - a simulation
    timing = JwksTiming()
    bundled = {_POOL: KeySet.parse(world.before)} if scenario.shipped else None
    waiting: list[tuple[float, int, JwksCache | None]] = []
    for number in range(containers + int(containers * _LATE_SHARE)):
        start = 0 if number < containers else _LATE_START
        waiting.append((start + chance.uniform(0, _START_SECONDS), number, None))
    heapify(waiting)
    with patch("authorizer.tokens.fetch.fetch_document", world.fetch):
        while waiting[0][0] < _SECONDS:
            world.now, number, keys = waiting[0]
            if keys is None:
                shorter = timing.time_to_live * (1 - chance.uniform(0, scenario.spread))
                keys = JwksCache(
                    timing=replace(timing, time_to_live=shorter), bundled=bundled, clock=world.clock
                )
            _ask(keys, world, chance)
            heapreplace(waiting, (world.now + _PERIOD_SECONDS, number, keys))
    return world.day


def _ask(keys: JwksCache, world: _World, chance: Random) -> None:
    """One request, with a token of the last hour."""
    issued = world.now - chance.uniform(0, _TOKEN_SECONDS)
    begun = keys.statistics().fetches
    world.day.requests[int(world.now)] += 1
    try:
        if keys.of(_POOL).get(_NEW if issued >= _ROTATION else _OLD) is None:
            world.day.refused += 1
    except KeysUnavailableError:
        world.day.failed[int(world.now)] += 1
    if keys.statistics().fetches > begun:
        # One in the background ends before the clock goes on.
        for thread in threading.enumerate():
            if thread.name == "jwks-fetch":
                thread.join()


def page(days: dict[Scenario, Day], *, containers: int) -> str:
    """The figures as Markdown, for a fleet of ten thousand."""
    scale = FLEET / containers
    quiet = range(_START_SECONDS + 1, _OUTAGE.start)
    rotation = range(_ROTATION, _ROTATION + 300)
    rows = []
    for scenario, day in days.items():
        failed = sum(day.failed.values())
        asked = sum(day.requests[second] for second in _OUTAGE)
        rows.append(
            [
                scenario.name,
                *(
                    f"{max(day.fetches[second] for second in span) * scale:,.0f}"
                    for span in (range(_START_SECONDS + 1), quiet, _OUTAGE, rotation)
                ),
                f"{sum(day.fetches.values()) * scale / _SECONDS:,.1f}",
                f"{failed / asked:.1%}",
                str(day.refused),
            ]
        )
    head = ["", "at the start", "refreshing", "in the outage", "with a new key", "on average"]
    head += ["answers of 500 in the outage", "answers of 401 by mistake"]
    return (
        f"{containers:,} containers simulated, and told as if they were {FLEET:,}; fetches in the "
        "busiest second."
        "\n\n" + report.table(head, rows)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--containers", type=int, default=1000, help="how many to simulate")
    parser.add_argument("--page", type=Path, help="a file to put the figures into")
    options = parser.parse_args(arguments)
    days = {scenario: simulate(scenario, containers=options.containers) for scenario in SCENARIOS}
    text = page(days, containers=options.containers)
    sys.stdout.write(text + "\n")
    if options.page:
        report.put_into(options.page, text, part="figures of a fleet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
