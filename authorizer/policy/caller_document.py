"""One IAM document for all that a caller may do: right however API Gateway caches it.

A cached document answers for every route of the API, so it must say of each what ``decide`` says
if it is told the route. (A TOKEN authorizer is not: what it refuses as ``path_unsafe`` when asked
is allowed by a document from before, if API Gateway found it to be a route that is granted.)

The difficulty is that ``*`` in an ARN also crosses ``/``: ``GET/users/*``, meant for
``/users/{id}``, grants ``/users/1/keys``, too, and ``/users/admin``, a route of its own. What each
glob covers, and what each deny takes away, depends on the routes and the rules alone, and was
worked out at build time, by ``authorizer.cli.policy_file.caller_table``. The table's sets are
integers: each bit is a *part* that rules grant, a route or the caller's own paths of it; or a
*spot* that globs cover, words of a route or of none. For one caller they are put together:

1. The parts that its groups are granted together; a deny overrides.
2. Their globs; one for several of them where a rule says as much, or it takes fewer denies.
3. For each spot of these that is not granted, the widest deny that takes nothing away.

If a spot is left, no document says exactly what the policy does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache, reduce
from operator import or_
from typing import Any, Self

from authorizer.policy.decision import Policy, is_machine

# Documents are remembered per set of groups and the values that rules compare.
_MOST_CALLERS = 512
# More ARNs than that are more than 8 KB: nobody sends them, and so they are not remembered.
_MOST_RESOURCES = 150
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Grants:
    """What a caller's document says, without the part of the ARN that API Gateway chooses.

    ``authorizer.gateway.iam`` writes it. Compared by identity: what is remembered by it is found
    without a look at its globs.

    Attributes:
        allow: globs of what is allowed, with ``*`` as IAM understands it.
        deny: of what is taken away from that.
        smaller: the same in fewer globs, which keep out less of what is no route of the API.
    """

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    smaller: Self | None = None

    @cached_property
    def _split(self) -> list[tuple[bool, str, list[str]]]:
        """Of each glob: whether it denies, its longest part without a star, and all its parts."""
        globs = [(False, glob) for glob in self.allow] + [(True, glob) for glob in self.deny]
        return [(denies, max(glob.split("*"), key=len), glob.split("*")) for denies, glob in globs]

    def allows(self, resource: str) -> bool:
        """Whether the document allows the rest of a request's ARN: ``GET/users/1``."""
        said = {
            denies
            for denies, part, parts in self._split
            if part in resource and covers(parts, resource)
        }
        return said == {False}


class CallerDocuments:
    """What each caller may do, found out once. Thread-safe."""

    def __init__(self, policy: Policy) -> None:
        """Take a policy; without a table, no document is made."""
        self._policy = policy
        conditions = (one for rule in policy.rules for one in rule.pattern.conditions)
        self._compared = sorted({one.claim for one in conditions})
        self._remembered = lru_cache(maxsize=_MOST_CALLERS)(self._grants)

    def of(
        self, groups: Sequence[str], scopes: Iterable[str], claims: Mapping[str, Any]
    ) -> Grants | Inexact:
        """What the caller may do, or why no document says exactly that.

        Args:
            groups: the caller's.
            scopes: the token's. They count only if the claims show that no user is there.
            claims: the token's.
        """
        counting = tuple(scopes) if is_machine(groups, claims) else ()
        compared = [
            (name, claims[name]) for name in self._compared if type(claims.get(name)) is str
        ]
        return self._remembered(tuple(groups), counting, tuple(compared))

    def _grants(
        self,
        groups: tuple[str, ...],
        scopes: tuple[str, ...],
        compared: tuple[tuple[str, str], ...],
    ) -> Grants | Inexact:
        table = self._policy.callers
        if table is None:
            return Inexact.ROUTES_UNKNOWN if self._policy.routes is None else Inexact.TOO_LARGE
        subjects, texts = self._policy.subjects_of(groups, scopes), dict(compared)
        granted = granted_parts(table, subjects, texts)
        if isinstance(granted, Inexact):
            return granted
        found: Grants | None = None
        for is_small in (True, False):
            allow, deny, left = choose(table, granted, subjects, is_small=is_small)
            if left:
                return Inexact.ROUTES_OVERLAP
            if len(allow) + len(deny) <= _MOST_RESOURCES:
                found = Grants(
                    allow=_filled(allow, texts), deny=_filled(deny, texts), smaller=found
                )
        return found or Inexact.TOO_LARGE


def covers(parts: Sequence[str], text: str) -> bool:
    """Whether a glob covers a text as IAM reads it, in which ``*`` is any run of characters.

    The text may be a client's, so this goes through it once, whatever the glob.

    Args:
        parts: the glob, split at its stars.
        text: what it may cover.
    """
    first, last = parts[0], parts[-1]
    if len(parts) == 1 or not text.startswith(first):
        return first == text
    at = len(first)
    for part in parts[1:-1]:
        at = text.find(part, at) + len(part)
        if at < len(part):
            return False
    return at + len(last) <= len(text) and text.endswith(last)


def granted_parts(
    table: Mapping[str, Any], subjects: set[str], texts: Mapping[str, str]
) -> int | Inexact:
    """The parts that a caller is granted; or why no document can say so.

    Args:
        table: the policy's.
        subjects: whose rules the caller has.
        texts: of its claims those that rules compare.
    """
    if any(
        row["subject"] in subjects and subjects.isdisjoint(row["unless"]) for row in table["below"]
    ):
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
    # A deny that compares one also denies other spellings of it, and there is no end of them.
    if any(
        row["subject"] in subjects and texts.keys() >= {*row["claims"]} and row["parts"] & granted
        for row in table["compared"]
    ):
        return Inexact.DENY_COMPARES_CLAIM
    return Inexact.ROUTES_OVERLAP if granted & table["shared"] else granted


def choose(
    table: Mapping[str, Any], granted: int, subjects: set[str], *, is_small: bool
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
    needed = ~(table["spare"] if is_small else 0) & _union(
        1 << spot for spot, parts in enumerate(table["granted_by"]) if not parts & granted
    )
    denies = [row for row in table["denies"] if not row["takes"] & granted]
    deniable = _union(row["covers"] for row in denies)
    rest, chosen = granted, []
    for fold in table["folds"]:
        spots = fold["hits"] & needed
        saved = (fold["parts"] & rest).bit_count() - 1
        cost = (spots & ~table["wanted"]).bit_count()
        is_said = cost == 0 and not subjects.isdisjoint(fold["subjects"])
        is_cheap = is_small and fold["glob"] != _EVERYTHING and not spots & ~deniable
        if saved > cost and (is_said or is_cheap):
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
    return reduce(or_, sets, 0)


def _filled(globs: Iterable[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """The globs with the caller's values in them."""
    filled = (
        [texts[word[1:-1]] if word.startswith("{") else word for word in glob.split("/")]
        for glob in globs
    )
    return tuple(map("/".join, sorted(filled)))
