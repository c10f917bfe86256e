"""What it costs to have a policy: the time to load it, and the memory that it takes."""

from __future__ import annotations

import gc
import json
import tracemalloc
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.timing import Figure, compare, fresh_collector
from benchmarks.workload import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.engines import Engine

# The least that reading our compiled JSON costs, whatever is then made of it.
FLOOR = "json.loads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What Python allocated for a loaded policy. What Rust allocates is not seen.

    Attributes:
        kept_bytes: still there afterwards.
        peak_bytes: at the worst moment of loading.
    """

    kept_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What was measured, by engine (and ``FLOOR``) and number of rules.

    Attributes:
        source_bytes: how large the engine's own format is.
        times: from that to something that answers, collector on, as when a Lambda starts.
        memory: of the same.
    """

    source_bytes: dict[tuple[str, int], int]
    times: dict[tuple[str, int], Figure]
    memory: dict[tuple[str, int], Memory]


def measure(
    engines: Sequence[Engine], *, ours: Engine, sizes: Sequence[int], repeats: int
) -> Loading:
    """Load every engine's policy, and our JSON as nothing but JSON."""
    result = Loading(source_bytes={}, times={}, memory={})
    for rules in sizes:
        policy = workload(rules)
        sources = {engine.name: engine.source(policy) for engine in engines}
        loads: dict[str, Callable[[], object]] = {
            engine.name: partial(engine.load, sources[engine.name]) for engine in engines
        }
        sources[FLOOR] = ours.source(policy)
        loads[FLOOR] = partial(json.loads, sources[FLOOR])
        with fresh_collector():
            found = compare(
                {name: [load] for name, load in loads.items()}, unit=FLOOR, repeats=repeats
            )
        for name, load in loads.items():
            result.source_bytes[name, rules] = len(sources[name])
            result.times[name, rules] = found[name]
            result.memory[name, rules] = _memory(load)
    return result


def _memory(load: Callable[[], object]) -> Memory:
    gc.collect()
    tracemalloc.start()
    try:
        kept = load()
        gc.collect()
        now, peak = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return Memory(kept_bytes=now, peak_bytes=peak)
