"""``python -m benchmarks``: measure everything, print it, and put it into a README on request."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import decide, documents, loading, report, shapes
from benchmarks.engines import Floor, Ours, Regexes
from benchmarks.peers import peers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engines import Engine

_SIZES = (10, 100, 1000, 10_000)
_REPEATS = 31


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _options(arguments)
    others, missing = peers()
    ours, floor = Ours(), Floor()
    engines: list[Engine] = [ours, floor, Regexes(), *others]
    sizes: list[int] = options.sizes
    decisions = decide.measure(engines, sizes=sizes, repeats=options.rounds)
    hard = shapes.measure(ours, floor, sizes=sizes, repeats=options.rounds)
    loads = loading.measure(engines, ours=ours, sizes=sizes, repeats=options.rounds)
    routes: list[int] = options.routes
    written = documents.measure(sizes=routes, repeats=options.rounds)
    parts = [
        f"{report.machine()}; medians of {options.rounds} rounds. "
        + report.unit(decisions, floor.name, sizes),
        *([f"Not installed, and left out: {', '.join(missing)}."] if missing else []),
        report.decisions(decisions, engines, sizes),
        report.shapes(hard, sizes),
        report.loading(loads, engines, sizes),
        report.documents(written, routes),
    ]
    text = "\n\n".join(parts)
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--sizes",
        type=_numbers,
        default=list(_SIZES),
        help="numbers of rules, multiples of 10, separated by commas",
    )
    parser.add_argument(
        "--routes",
        type=_numbers,
        default=list(documents.SIZES),
        help="numbers of routes, multiples of 25, for IAM documents",
    )
    parser.add_argument("--rounds", type=int, default=_REPEATS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
