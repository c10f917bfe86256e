"""What a set of rules says of one place, for every value and every claim at once.

A rule's condition is an *atom*: a value of the path equals a claim of the caller. What rules say
together is a *form*: some clause of the allows holds, and no clause of the denies. An allow asks
that value and claim are surely equal, a deny only that they may be (docs/policy.md), and whoever
is surely equal may be equal. Values and claims are otherwise independent, so that two forms mean
the same if and only if they look the same, and one grants more than another if and only if one of
the few callers says so that ``widens`` tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# What is compared with a claim: the segment at a position, or the literal that must stand there.
Term = int | str
Atom = tuple[Term, str]
Clause = frozenset[Atom]
# Which literals a segment at a position is known not to be.
Excluded = tuple[tuple[int, frozenset[str]], ...]

ALWAYS: Clause = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What rules say together, in its one smallest spelling.

    Attributes:
        allows: clauses that can grant; none of them holds wherever another does.
        denies: clauses that can take away from them, or that deny everything.
        is_granted: whether anything is granted before denies.
        excluded: what is known of the values.
    """

    allows: frozenset[Clause] = frozenset()
    denies: frozenset[Clause] = frozenset()
    is_granted: bool = False
    excluded: Excluded = ()

    def widens(self, other: Form) -> bool:
        """Whether this grants something to someone that the other does not."""
        return any(self._widens_for(clause, other) for clause in self.allows)

    def _widens_for(self, clause: Clause, other: Form) -> bool:
        # The caller of whom just this much is true, and the same one with as much more as the
        # other's denies need. Whatever else were true would make for more refusals here, and for
        # more grants there.
        if not any(granted <= clause for granted in other.allows):
            return True
        ours = self.residuals(clause)
        theirs = other.residuals(clause)
        return any(not any(denied <= more for denied in ours) for more in theirs)

    def residuals(self, clause: Clause) -> frozenset[Clause]:
        """What must be true besides a clause for a deny to hold: ``ALWAYS`` if one holds anyway."""
        left = (_residual(denied, clause, self.excluded) for denied in self.denies)
        return smallest(one for one in left if one is not None)


NOTHING = Form()


def form_of(allows: Iterable[Clause], denies: Iterable[Clause], excluded: Excluded = ()) -> Form:
    """The smallest form of clauses as they stand in rules."""
    granting = [clause for clause in allows if is_possible(clause, excluded)]
    denying = smallest(clause for clause in denies if is_possible(clause, excluded))
    if not granting and not denying:
        return NOTHING
    live = [
        clause
        for clause in granting
        if not any(_residual(denied, clause, excluded) == ALWAYS for denied in denying)
    ]
    return Form(
        allows=smallest(live),
        denies=denying,
        is_granted=bool(granting),
        excluded=excluded,
    )


def lifts(old: Form, new: Form, granted: Form) -> bool:
    """Whether denies that went let someone have what another group's allows grant.

    Args:
        old: of the group whose denies changed, before.
        new: of the same group, after.
        granted: of the other group, after.
    """
    if old.denies == new.denies:
        return False
    for clause in granted.allows:
        still = new.residuals(clause) | granted.residuals(clause)
        for before in old.residuals(clause):
            if not any(denied <= before for denied in still):
                return True
    return False


def is_possible(clause: Clause, excluded: Excluded) -> bool:
    """Whether some caller and path can make all of it true: a claim has one value."""
    if len(clause) < 2:  # noqa: PLR2004 - a single atom contradicts nothing
        return True
    return _is_consistent(clause, excluded)


def smallest(clauses: Iterable[Clause]) -> frozenset[Clause]:
    """Without the clauses that hold only where a smaller one does."""
    kept: list[Clause] = []
    for clause in sorted(set(clauses), key=len):
        if not any(one <= clause for one in kept):
            kept.append(clause)
    return frozenset(kept)


def _is_consistent(clause: Collection[Atom], excluded: Excluded) -> bool:
    known: dict[str, str] = {}
    for term, claim in clause:
        if isinstance(term, str) and known.setdefault(claim, term) != term:
            return False
    never: Mapping[int, frozenset[str]] = dict(excluded)
    return not any(
        isinstance(term, int) and known.get(claim) in never.get(term, ()) for term, claim in clause
    )


@lru_cache(maxsize=65_536)
def _residual(denied: Clause, clause: Clause, excluded: Excluded) -> Clause | None:
    """What a deny needs besides what is true already; nothing where both cannot be."""
    if not denied:
        return ALWAYS
    if not is_possible(denied | clause, excluded):
        return None
    # Two values that equal one claim are one value.
    same = {term: f"={claim}" for term, claim in sorted(clause, key=str)}
    return frozenset((same.get(term, term), claim) for term, claim in denied - clause)
