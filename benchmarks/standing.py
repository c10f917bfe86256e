"""``python -m benchmarks.standing``: one picture of where ours stands, out of the page's figures.

It reads the tables that are in the page, so that the picture shows what is written there.
"""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROW = re.compile(r"^\| (?P<name>[^|]+) \| \*\*(?P<ratio>[\d.,]+)\*\* \([^)]*\) \|$", re.MULTILINE)
# The heads of the tables, and what of each is shown: rows by their beginning, all if it is none.
_SHOWN = {
    "| a new token |": ("",),
    "| the verifier otherwise |": ("a remembered token",),
    "| a token, in Node |": ("",),
}
_UNIT = "the bare RSA verification"
_OURS, _OTHERS, _NODE = "#1b7f4d", "#8a8f98", "#c9b37e"


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
    axes.bar_label(bars, fmt="%.2f", padding=3)
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
    plot(figures(options.readme.read_text(encoding="utf-8")), options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
