"""``python -m benchmarks.standing``: where ours stands, out of the page's figures.

One picture, and a table of what was aimed at. Both are read off the tables that are in the page, so
that they show what is written there.
"""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROW = re.compile(r"^\| (?P<name>[^|]+) \| \*\*(?P<ratio>[\d.,]+)\*\* \([^)]*\) \|$", re.MULTILINE)
# The heads of the tables, and what of each is shown: rows by their beginning, all if it is none.
_SHOWN = {
    "| a new token |  |": ("",),
    "| the verifier otherwise |  |": ("a remembered token",),
    "| a token, in Node |  |": ("",),
}
_UNIT = "the bare RSA verification"
_NOTHING = "a function that does nothing"
_NAIVE = "an authorizer as it is usually written"
_OURS, _OTHERS, _NODE = "#1b7f4d", "#8a8f98", "#c9b37e"


class Goal(NamedTuple):
    """What was aimed at.

    Attributes:
        what: is measured.
        beside: what it is a multiple of, where it is one.
        bound: what is to be reached.
        figure: an expression for all of the page's figures that are it, one group each.
        is_least: whether more is better.
        unit: what a figure is followed by.
    """

    what: str
    beside: str
    bound: float
    figure: str
    is_least: bool = False
    unit: str = ""


_IN_BOLD = r".*\*\*([\d.]+)\*\*"
GOALS = (
    Goal(
        "a new token", _UNIT, 1.4, r"\| a new token \|.*\n.*\n\| \*\*authorizer\*\* \|" + _IN_BOLD
    ),
    Goal("a remembered token", _UNIT, 0.1, r"\| a remembered token \|" + _IN_BOLD),
    Goal(
        "refusing garbage, a wrong `alg`, an unknown `kid`, without a fetch",
        _UNIT,
        0.1,
        r"\| (?:garbage|a wrong `alg`|an unknown `kid`.*?) \|" + _IN_BOLD,
    ),
    Goal(
        "an event of each kind, with a remembered token, answered for the one request",
        _UNIT,
        0.4,
        r"\| (?:http-|rest-|websocket)[^|]*(?<!routes) \|" + _IN_BOLD,
    ),
    Goal(
        "the same answered for all of a caller's, 25 routes and 300",
        _UNIT,
        0.45,
        r"\| rest-request, for all .* routes \|" + _IN_BOLD,
    ),
    Goal(
        "a warm function: what it adds, with log line and metrics",
        _NOTHING,
        8,
        r"\| authorizer \| \d+ µs \| \+(\d+)%",
        unit=" %",
    ),
    Goal("cold start, keys shipped", _NAIVE, 0.45, r"\| first answer, keys shipped \|" + _IN_BOLD),
    Goal("cold start, keys fetched", _NAIVE, 0.65, r"\| first answer, keys fetched \|" + _IN_BOLD),
    Goal(
        "the function's package",
        "",
        6.0,
        r"\| package, zipped, with byte code \| ([\d.]+) MB",
        unit=" MB",
    ),
    Goal(
        "memory of a warm function, keys shipped",
        _NAIVE,
        0.75,
        r"\| memory at the peak, warm, keys shipped \|" + _IN_BOLD,
    ),
    Goal(
        "memory of a warm function, keys fetched",
        _NAIVE,
        0.75,
        r"\| memory at the peak, warm, keys fetched \|" + _IN_BOLD,
    ),
    Goal(
        "new tokens a second of 8 threads",
        "one thread",
        1,
        r"\| CPython [\d.]+, \w+ \|" + _IN_BOLD,
        is_least=True,
    ),
    Goal(
        "the same without an interpreter lock",
        "one thread",
        1,
        r"\| CPython [\d.]+ free-threaded, \w+ \|" + _IN_BOLD,
        is_least=True,
    ),
    Goal(
        "memory after a million tokens",
        "when its bound was reached",
        1,
        r".*resident when .* in the end, \*\*([\d.]+)\*\*",
    ),
    Goal(
        "`authorizer check` of the sample",
        "cfn-lint of its template",
        0.25,
        r"\| until it ends \|" + _IN_BOLD,
    ),
)


def goals(page: str) -> str:
    """What was aimed at, and what the page says of it, as Markdown."""
    rows = []
    for goal in GOALS:
        found = re.findall(f"^{goal.figure}", page, re.MULTILINE)
        # The worst one last.
        found.sort(key=float, reverse=goal.is_least)
        verdict = "not measured"
        if found:
            worst = float(found[-1])
            is_met = worst >= goal.bound if goal.is_least else worst <= goal.bound
            verdict = "met" if is_met else "**not met**"
        bound = f"{'at least' if goal.is_least else 'at most'} {goal.bound:g}{goal.unit}"
        ends = dict.fromkeys(f"{one}{goal.unit}" for one in (*found[:1], *found[-1:]))
        rows.append([goal.what, goal.beside, bound, " to ".join(ends), verdict])
    return report.table(["what", "beside", "aim", "found", ""], rows)


def figures(page: str) -> dict[str, float]:
    """Ratios by name, the unit left out; ours are in bold."""
    found = {}
    for head, beginnings in _SHOWN.items():
        _, _, rest = page.partition(head)
        for row in _ROW.finditer(rest.partition("\n\n")[0]):
            name = row["name"]
            if name != _UNIT and name.startswith(beginnings):
                found[_title(name, head)] = float(row["ratio"].replace(",", ""))
    return found


def _title(name: str, head: str) -> str:
    if name.startswith("a remembered"):
        return "**authorizer**, a remembered token"
    return f"{name} (Node)" if "Node" in head else name


def plot(found: Mapping[str, float], file: Path) -> None:
    """A bar for each, the shortest on top."""
    mpl = import_module("matplotlib")
    mpl.use("Agg")
    plt = import_module("matplotlib.pyplot")
    names = sorted(found, key=lambda name: -found[name])
    ours = ["authorizer" in name for name in names]
    colours = [
        _OURS if own else _NODE if "(Node)" in name else _OTHERS
        for name, own in zip(names, ours, strict=True)
    ]
    figure, axes = plt.subplots(figsize=(9, 0.38 * len(names) + 1), layout="constrained")
    bars = axes.barh(
        [name.replace("*", "") for name in names], [found[n] for n in names], color=colours
    )
    axes.bar_label(bars, [report.number(found[name]) for name in names], padding=3)
    axes.axvline(1, color="black", linewidth=0.8, linestyle="--")
    axes.set_xlabel("a token, as a multiple of the bare RSA verification (dashed)")
    axes.spines[["top", "right"]].set_visible(False)
    for label, own in zip(axes.get_yticklabels(), ours, strict=True):
        label.set_fontweight("bold" if own else "normal")
    figure.savefig(file, dpi=110, metadata={"Software": None})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standing", description=__doc__)
    parser.add_argument("--readme", type=Path, required=True, help="the page with the figures")
    parser.add_argument("--plot", type=Path, required=True, help="a PNG to write")
    options = parser.parse_args(arguments)
    page = options.readme.read_text(encoding="utf-8")
    report.put_into(options.readme, goals(page), part="figures beside aims")
    plot(figures(page), options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
