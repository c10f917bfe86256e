"""The figures as Markdown, and their place in ``README.md``."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from benchmarks.documents import GROUPS, WAYS
from benchmarks.loading import FLOOR
from benchmarks.workload import KINDS, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.decide import Decisions
    from benchmarks.documents import Documents, Written
    from benchmarks.engines import Engine
    from benchmarks.loading import Loading
    from benchmarks.timing import Figure

BEGIN = "<!-- figures: written by the command above, not by hand -->"
END = "<!-- end of figures -->"
_KIB = 1024
_MIB = 1024 * 1024
_SMALL = 10
_LARGE = 1000


def machine() -> str:
    """What the figures were taken on, as far as it matters."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} on "
        f"{platform.machine()}, {os.cpu_count()} cores"
    )


def put_into(readme: Path, text: str, *, part: str = "figures") -> None:
    """Replace what stands between the markers of a part of the page.

    Raises:
        ValueError: if the markers are not there, once each.
    """
    first, last = (marker.replace("figures", part) for marker in (BEGIN, END))
    before, begin, rest = readme.read_text(encoding="utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end) or first in after or last in after:
        raise ValueError(f"expected the lines {first!r} and {last!r} in {readme}, once each")
    readme.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def decisions(found: Decisions, engines: Sequence[Engine], sizes: Sequence[int]) -> str:
    """Ours for every kind of request, and then every kind with the others."""
    ours = engines[0].name
    parts = [
        "### A decision of ours\n\n"
        + table(
            ["request", *map(_rules, sizes)],
            ([kind, *(cell(found.figures[kind, ours, size]) for size in sizes)] for kind in KINDS),
        ),
        f"{found.checked:,} answers were compared before they were timed; none differed.",
        "### And of the others",
        "\n".join(f"- {engine.name.strip('*')}: {engine.caveat}." for engine in engines),
    ]
    for kind in KINDS:
        rows = (
            [engine.name, *(cell(found.figures[kind, engine.name, size]) for size in sizes)]
            for engine in engines
        )
        parts.append(f"#### {kind}\n\n" + table(["engine", *map(_rules, sizes)], rows))
    return "\n\n".join(parts)


def loading(found: Loading, engines: Sequence[Engine], sizes: Sequence[int]) -> str:
    """Time to load, and memory."""
    names = [*(engine.name for engine in engines), FLOOR]
    largest = max(sizes)
    times = table(
        ["engine", *map(_rules, sizes)],
        ([name, *(cell(found.times[name, size]) for size in sizes)] for name in names),
    )
    memory = table(
        ["engine", "source", "kept in memory", "at the peak"],
        (
            [
                name,
                _bytes(found.source_bytes[name, largest]),
                _bytes(found.memory[name, largest].kept_bytes),
                _bytes(found.memory[name, largest].peak_bytes),
            ]
            for name in names
        ),
    )
    return (
        f"### Loading a policy\n\n{times}\n\n"
        f"### Memory of {_rules(largest)}\n\n{memory}\n\n"
        "Allocated by Python, as `tracemalloc` sees it: what cedarpy holds is allocated by Rust, "
        "and not seen."
    )


def shapes(found: Mapping[tuple[str, int], Figure], sizes: Sequence[int]) -> str:
    """Ours where it is hardest."""
    rows = (
        [shape, *(cell(found[shape, size]) for size in sizes)]
        for shape in dict.fromkeys(shape for shape, _ in found)
    )
    return "### Where ours is hardest put\n\n" + table(["shape", *map(_rules, sizes)], rows)


def documents(found: Documents, sizes: Sequence[int]) -> str:
    """What exactness costs, and what its lack does."""
    rows = [
        [
            f"{group}, {size} routes",
            *(cell(found.figures[way, group, size]) for way in WAYS),
            *(_mistakes(found.written[way, group, size]) for way in WAYS[:2]),
            *(_bytes(found.written[way, group, size].document_bytes) for way in WAYS[:2]),
        ]
        for size in sizes
        for group in GROUPS
    ]
    head = ["caller", "naive", "exact, cold", "exact, remembered"]
    head += ["naive: wrong", "exact: wrong", "naive: size", "exact: size"]
    prepared = " and ".join(f"{span(found.prepared[size])} for {size} routes" for size in sizes)
    return (
        "### One IAM document for all that a caller may do\n\n"
        + table(head, rows)
        + "\n\nHere 1 is the naive document. Wrong are answers, of two requests to each route, "
        "that are not the policy's: `+` allowed, but not by the policy; `-` the other way round. "
        f"What they are looked up in is worked out when the policy is compiled, in {prepared}."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column left and the rest right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def unit(found: Decisions, floor: str, sizes: Sequence[int]) -> str:
    """What 1 is."""
    spans = (span(figure) for size in sizes if (figure := found.figures[TEMPLATE, floor, size]))
    return f"1 is the {floor} on the template path: {', '.join(spans)}."


def _mistakes(written: Written) -> str:
    found = [f"+{written.too_much}"] if written.too_much else []
    found += [f"-{written.too_little}"] if written.too_little else []
    return ", ".join(found) or "none"


def cell(figure: Figure | None) -> str:
    """A ratio, and the time beside it."""
    return "cannot" if figure is None else f"**{number(figure.ratio)}** ({span(figure)})"


def number(value: float) -> str:
    """A ratio, with as many digits as mean something."""
    if value >= _SMALL:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def span(figure: Figure) -> str:
    """A time, in a unit that suits it."""
    value, name = figure.microseconds, "µs"
    if value >= _LARGE:
        value, name = value / _LARGE, "ms"
    return f"{value:.{2 if value < _SMALL else 1 if value < _LARGE / 10 else 0}f} {name}"


def _rules(size: int) -> str:
    return f"{size:,} rules"


def _bytes(count: int) -> str:
    value, name = (count / _MIB, "MiB") if count >= _MIB else (count / _KIB, "KiB")
    return f"{value:.{1 if value < _SMALL else 0}f} {name}"
