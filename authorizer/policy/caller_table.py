"""What a caller is granted, looked up in the table that ``authorizer compile --template`` ships.

What each glob covers, and what each deny takes away, depends on the routes and the rules alone, and
was worked out at build time, by ``authorizer.cli.policy_file.caller_table``. The table's sets are
integers: each bit is a *part* that rules grant, a route or the caller's own paths of it; or a
*spot* that globs cover, words of a route or of none. For one caller they are put together:

1. The parts that its groups are granted together; a deny overrides.
2. Their globs; one for several of them where a rule says as much, or it takes fewer denies.
3. For each spot of these that is not granted, the widest deny that takes nothing away.

If a spot is left, no document says exactly what the policy does.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    Table = Mapping[str, Any]

# Literal in an ARN and in a path. A dollar sign is neither wildcard nor variable, but begins one.
_LITERAL_VALUE = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~!&'()+,=:@-]+", re.ASCII)
# Allows everything, also what is no route: only where a rule says as much.
_EVERYTHING = "*/*"


class Inexact(StrEnum):
    """Why a document covers the request alone. The strings are stable: logs carry them.

    Either there is no exact document for the caller, or it cannot be used for the answer.
    """

    ROUTES_UNKNOWN = "routes_unknown"
    PATH_DECIDES = "path_decides"
    CLAIM_NOT_LITERAL = "claim_not_literal"
    DENY_COMPARES_CLAIM = "deny_compares_claim"
    ROUTES_OVERLAP = "routes_overlap"
    REQUEST_DIFFERS = "request_differs"
    TOO_LARGE = "too_large"


def granted_parts(
    table: Table, subjects: AbstractSet[str], texts: Mapping[str, str]
) -> int | Inexact:
    """The parts that a caller is granted; or why no document can say so.

    Args:
        table: the policy's.
        subjects: whose rules the caller has.
        texts: of its claims those that rules compare.
    """
    for row in table["below"]:
        if row["subject"] in subjects and subjects.isdisjoint(row["unless"]):
            return Inexact.PATH_DECIDES
    rows = [row for subject, row in table["subjects"].items() if subject in subjects]
    granted = _union(row["allow"] for row in rows) & ~_union(row["deny"] for row in rows)
    for at, part in enumerate(table["parts"]):
        for claim, taken in part["values"].items() if granted >> at & 1 else ():
            value = texts.get(claim, "%")
            # An encoded value equals nothing; what is granted altogether compares none.
            if part["whole"] & granted or "%" in value or value in taken:
                granted &= ~(1 << at)
                break
            # What globs cover was found out without the values: none is a word of a route.
            if not _LITERAL_VALUE.fullmatch(value) or value in table["words"]:
                return Inexact.CLAIM_NOT_LITERAL
    for row in table["compared"]:
        # It also denies other spellings of the value, and there is no end of them.
        is_compared = row["subject"] in subjects and texts.keys() >= set(row["claims"])
        if is_compared and row["parts"] & granted:
            return Inexact.DENY_COMPARES_CLAIM
    return Inexact.ROUTES_OVERLAP if granted & table["shared"] else granted


def choose(
    table: Table, granted: int, subjects: AbstractSet[str], *, is_small: bool
) -> tuple[list[str], list[str], int]:
    """The globs of a document, with ``{claim}`` for a value.

    Args:
        table: the policy's.
        granted: what ``granted_parts`` found.
        subjects: whose rules the caller has.
        is_small: whether few globs matter more than to keep out what is no route of the API.

    Returns:
        Those that allow, those that deny, and the spots that cannot be kept out.
    """
    granted_spots = _union(
        1 << spot for spot, parts in enumerate(table["granted_by"]) if parts & granted
    )
    needed = ~granted_spots & ~(table["spare"] if is_small else 0)
    denies = [row for row in table["denies"] if not row["takes"] & granted]
    deniable = _union(row["covers"] for row in denies)
    rest, chosen = granted, []
    for fold in table["folds"]:
        spots = fold["hits"] & needed
        saved = (fold["parts"] & rest).bit_count() - 1
        cost = (spots & ~table["wanted"]).bit_count()
        is_said = cost == 0 and not subjects.isdisjoint(fold["subjects"])
        is_cheap = is_small and fold["glob"] != _EVERYTHING and not spots & ~deniable
        if saved > 0 and (is_said or (is_cheap and saved > cost)):
            rest &= ~fold["parts"]
            chosen.append(fold)
    parts = [part for at, part in enumerate(table["parts"]) if rest >> at & 1]
    left = _union(row["hits"] for row in (*chosen, *parts)) & needed
    chosen += [part for part in parts if not part["within"] & rest]
    denied = []
    for row in denies:
        if row["covers"] & left:
            left &= ~row["covers"]
            denied.append(row["glob"])
    return [row["glob"] for row in chosen], denied, left & ~table["wanted"]


def _union(sets: Iterable[int]) -> int:
    union = 0
    for one in sets:
        union |= one
    return union
