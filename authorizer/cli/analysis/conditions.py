"""What a set of rules says of one place, for every value and every claim at once.

A rule's condition is an *atom*: a value of the path equals a claim of the caller. What rules say
together is a *form*: some clause of the allows holds, and no clause of the denies. An allow asks
that value and claim are surely equal, a deny only that they may be (docs/policy.md), and whoever
is surely equal may be equal. Values and claims are otherwise independent, so that one form grants
more than another if and only if one of the few callers shows it that ``widens`` tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from authorizer.policy.decision import CLAIMS_OF_USERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.policy.model import Effect, Rule

# What is compared with a claim: the segment at a position, or the literal that must stand there.
Term = int | str
Comparison = tuple[Term, str]
Clause = frozenset[Comparison]
# Which literals a segment at a position is known not to be.
Excluded = tuple[tuple[int, frozenset[str]], ...]

ALWAYS: Clause = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCondition:
    """What rules say together, without what makes no difference.

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

    def widens(self, other: AccessCondition) -> bool:
        """Whether this grants something to someone that the other does not."""
        return any(self._widens_for(clause, other) for clause in self.allows)

    def _widens_for(self, clause: Clause, other: AccessCondition) -> bool:
        # The caller of whom just this much is true, and the same one with as much more as the
        # other's denies need. Whatever else were true would make for more refusals here, and for
        # more grants there.
        if not any(implies(clause, ALWAYS, granted) for granted in other.allows):
            return True
        return any(
            not any(implies(clause, denied, ours) for ours in self.denies)
            for denied in other.exceptions(clause)
        )

    def exceptions(self, clause: Clause) -> list[Clause]:
        """The denies that can hold where a clause does."""
        return [one for one in self.denies if is_possible(clause, one, self.excluded)]


NOTHING = AccessCondition()


def condition_of_rules(
    rules: Iterable[Rule], terms: tuple[Term, ...], excluded: Excluded, *, is_machine: bool
) -> AccessCondition:
    """What rules say together to one caller.

    Args:
        rules: that count in a class of requests.
        terms: of its paths.
        excluded: which literals their segments are not.
        is_machine: whether the caller has no user.
    """
    clauses: dict[Effect, set[Clause]] = {"allow": set(), "deny": set()}
    for rule in rules:
        clause = clause_of(rule, terms, is_machine=is_machine)
        if clause is not None:
            clauses[rule.effect].add(clause)
    return condition_of(frozenset(clauses["allow"]), frozenset(clauses["deny"]), excluded)


def clause_of(rule: Rule, terms: tuple[Term, ...], *, is_machine: bool) -> Clause | None:
    """What a rule asks of values and claims; nothing where no caller has such claims."""
    if not rule.pattern.conditions:
        return ALWAYS
    claims = {condition.position: condition.claim for condition in rule.pattern.conditions}
    if is_machine:
        if not CLAIMS_OF_USERS.isdisjoint(claims.values()):
            return None
        # A machine is who has its client's id for its subject.
        claims = {at: "sub" if claim == "client_id" else claim for at, claim in claims.items()}
    return frozenset((terms[at], claim) for at, claim in claims.items())


@lru_cache(maxsize=65_536)
def condition_of(
    allows: frozenset[Clause], denies: frozenset[Clause], excluded: Excluded = ()
) -> AccessCondition:
    """The smallest form of clauses as they stand in rules."""
    granting = [clause for clause in allows if is_possible(clause, ALWAYS, excluded)]
    denying = smallest(clause for clause in denies if is_possible(ALWAYS, clause, excluded))
    live = [
        clause
        for clause in granting
        if not any(implies(clause, ALWAYS, denied) for denied in denying)
    ]
    return AccessCondition(
        allows=smallest(live),
        denies=denying,
        is_granted=bool(granting),
        excluded=excluded,
    )


def lifts(old: AccessCondition, new: AccessCondition, granted: AccessCondition) -> bool:
    """Whether denies that went let someone have what another group's allows grant.

    Args:
        old: of the group whose denies changed, before.
        new: of the same group, after.
        granted: of the other group, after.
    """
    if old.denies == new.denies:
        return False
    still = new.denies | granted.denies
    return any(
        not any(implies(clause, before, denied) for denied in still)
        for clause in granted.allows
        for before in old.exceptions(clause)
    )


def is_possible(clause: Clause, denied: Clause, excluded: Excluded) -> bool:
    """Whether a caller and a path can be such that an allow's and a deny's clause hold.

    A claim has one value; so have the values that equal it.
    """
    if len(clause) + len(denied) < 2:  # noqa: PLR2004 - a single atom contradicts nothing
        return True
    return _is_consistent(clause, denied, excluded)


def implies(clause: Clause, denied: Clause, target: Clause) -> bool:
    """Whether a deny's clause holds wherever an allow's and another deny's do; or an allow's."""
    if target <= clause or target <= denied:
        return True
    return _follows(clause, denied, target)


def smallest(clauses: Iterable[Clause]) -> frozenset[Clause]:
    """Without the clauses that hold only where a smaller one does."""
    kept: list[Clause] = []
    for clause in sorted(set(clauses), key=len):
        if not any(one <= clause for one in kept):
            kept.append(clause)
    return frozenset(kept)


def _one_value(clause: Clause, denied: Clause) -> dict[object, object]:
    """The representative of whatever surely equals something else.

    A segment that only a deny compares may equal a claim encoded, so that two claims which it
    equals need not be the same. A literal is what it says.
    """
    sure = {term for term, _ in clause}
    parent: dict[object, object] = {}
    for term, claim in sorted((*clause, *denied), key=str):
        if isinstance(term, str) or term in sure:
            one, other = _find(parent, term), _find(parent, (claim,))
            if one != other:
                parent[one] = other
    return parent


def _find(parent: dict[object, object], node: object) -> object:
    while node in parent:
        node = parent[node]
    return node


@lru_cache(maxsize=65_536)
def _is_consistent(clause: Clause, denied: Clause, excluded: Excluded) -> bool:
    parent = _one_value(clause, denied)
    atoms = clause | denied
    literal_of: dict[object, str] = {}
    for term, _ in atoms:
        if isinstance(term, str) and literal_of.setdefault(_find(parent, term), term) != term:
            return False
    never = dict(excluded)
    return not any(
        isinstance(term, int) and literal_of.get(_find(parent, (claim,))) in never.get(term, ())
        for term, claim in atoms
    )


@lru_cache(maxsize=65_536)
def _follows(clause: Clause, denied: Clause, target: Clause) -> bool:
    parent = _one_value(clause, denied)
    sure = {term for term, _ in clause}
    maybe = {(term, _find(parent, (claim,))) for term, claim in denied if term not in sure}
    return all(
        _find(parent, term) == _find(parent, (claim,)) or (term, _find(parent, (claim,))) in maybe
        for term, claim in target
    )
