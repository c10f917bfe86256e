"""How many callers of synthetic APIs have an exact document: the tables in docs/cached-answers.md.

``make exactness`` writes them anew: who has a document, and how long it takes. Each is compared
with ``decide`` on every route, for the caller's own record and somebody else's; one that differs
stops everything.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crud_apis import SCATTERED, crud_api
from naive_gateway import iam_allows
from oracles import caller_document as oracle

from authorizer.cli.policy_file import dump_policy, with_routes
from authorizer.gateway.iam import MOST_ANSWER_BYTES, caller_document
from authorizer.policy.caller_document import CallerDocuments, Grants
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = Path(__file__).parents[1] / "docs" / "cached-answers.md"
SIZES = (26, 100, 150, 300)
APIS = 20
PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/"
# Of an answer, all but the document: the principal, and what the backend is told.
_BESIDES = 500
_CLAIMS = {"sub": "5c1a0001-0d4e-4b8e-9d57-6f0f7a1d2c3b", "username": "somebody"}
_MARK = re.compile(r"(?s)(<!-- (exactness|times) -->\n).*?(?=\n\n)")
# One that is remembered is found so often, to take long enough to be measured.
_TIMES = 100


@dataclass(slots=True)
class Row:
    """What was found for APIs of one size.

    Attributes:
        callers: how many documents there should be.
        exact: how many there are, by who makes them.
        milliseconds: how long each took, by who makes them.
        kilobytes: of the largest table.
    """

    callers: int = 0
    exact: dict[str, int] = field(default_factory=lambda: {"now": 0, "before": 0, SCATTERED: 0})
    milliseconds: dict[str, list[float]] = field(
        default_factory=lambda: {"now": [], "remembered": [], "before": []}
    )
    kilobytes: int = 0


def measure(size: int, apis: int) -> Row:
    """Make all documents for so many APIs."""
    row = Row()
    for seed in range(apis):
        api = crud_api(seed, size)
        policy = Policy.parse(dump_policy(with_routes(api.document(), api.routes)))
        table = len(dump_policy(policy.callers or {}))
        row.kilobytes = max(row.kilobytes, table // 1024 + 1)
        before = oracle.CallerDocuments(policy, policy.routes)
        for groups in api.callers():
            row.callers += 1
            documents = CallerDocuments(policy)
            row.exact["now"] += is_sent(documents.of(groups, (), _CLAIMS), policy, groups)
            again = [milliseconds(documents, groups, _TIMES) for _ in range(5)]
            row.milliseconds["remembered"].append(min(again))
            row.milliseconds["now"].append(
                min(milliseconds(CallerDocuments(policy), groups) for _ in range(5))
            )
            row.milliseconds["before"].append(milliseconds(before, groups))
            row.exact["before"] += is_sent(before.of(groups, (), _CLAIMS), policy, groups)
        scattered = CallerDocuments(policy).of((SCATTERED,), (), _CLAIMS)
        row.exact[SCATTERED] += is_sent(scattered, policy, (SCATTERED,))
    return row


def milliseconds(documents: Any, groups: Sequence[str], times: int = 1) -> float:
    """How long it takes until there is a document, of this process alone."""
    started = time.thread_time()
    for _ in range(times):
        documents.of(groups, (), _CLAIMS)
    return (time.thread_time() - started) * 1000 / times


def is_sent(found: Any, policy: Policy, groups: Sequence[str]) -> bool:
    """Whether there is a document, not too large, that says what the policy says."""
    while hasattr(found, "allow"):
        document = caller_document(PREFIX, found.allow, found.deny)
        for method, route, path, values in requests(policy):
            decision = policy.decide(
                method=method,
                route=route,
                path=path,
                path_parameters=values,
                groups=groups,
                claims=_CLAIMS,
            )
            if iam_allows(document, f"{PREFIX}{method}{path}") is not decision.allowed:
                raise AssertionError(f"{groups}: {method} {path}: {document}")
        if len(json.dumps(document)) + _BESIDES <= MOST_ANSWER_BYTES:
            return True
        found = found.smaller if isinstance(found, Grants) else None
    return False


def requests(policy: Policy) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """On every route, with one's own id and with another."""
    for key in policy.routes or ():
        method, _, route = key.partition(" ")
        names = re.findall(r"\{(\w+)\}", route)
        for value in (_CLAIMS["sub"], "42"):
            path = re.sub(r"\{\w+\}", value, route)
            yield method, route, path, dict.fromkeys(names, value)


def exactness(rows: dict[int, Row], apis: int) -> str:
    """Who has a document."""
    lines = [
        "| routes | roles and unions | exact | without the table | a third of single routes | KB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {size} | {row.callers} | {row.exact['now'] / row.callers:.0%} | "
        f"{row.exact['before'] / row.callers:.0%} | {row.exact[SCATTERED] / apis:.0%} | "
        f"{row.kilobytes} |"
        for size, row in rows.items()
    ]
    return "\n".join(lines)


def times(rows: dict[int, Row]) -> str:
    """How long each takes: half of them no longer, and the one that takes longest."""
    lines = [
        "| routes | made, ms | most | remembered, us | most | without the table, ms | most |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size, row in rows.items():
        of = row.milliseconds
        cells = [
            f"{scale * one:.{digits}f}"
            for who, scale, digits in (("now", 1, 1), ("remembered", 1000, 0), ("before", 1, 1))
            for one in (statistics.median(of[who]), max(of[who]))
        ]
        lines.append(f"| {' | '.join([str(size), *cells])} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write into the page."""
    apis = int(sys.argv[1]) if len(sys.argv) > 1 else APIS
    rows = {size: measure(size, apis) for size in SIZES}
    tables = {"exactness": exactness(rows, apis), "times": times(rows)}
    sys.stdout.write("\n\n".join([*tables.values(), ""]))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_MARK.sub(lambda mark: mark[1] + tables[mark[2]], page), encoding="utf-8")


if __name__ == "__main__":
    main()
