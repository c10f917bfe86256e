"""What a policy says to each subject on each route, exactly as ``Policy.decide`` would.

A *subject* is a caller with one group, with what that includes; a machine with one scope; or
everyone, which is what ``public`` says. What callers of several groups may do follows: all that
one of them may, but for what a deny of another takes away.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from authorizer.cli.access.forms import ALWAYS, Clause, Excluded, Form, Term, form_of
from authorizer.cli.access.resolve import Deciding, Resolver
from authorizer.policy.model import CLAIMS_OF_USERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.access.rows import Row
    from authorizer.cli.access.source import Source
    from authorizer.cli.access.spots import Place, Region, Spot
    from authorizer.policy.model import Rule

# No machine's token has one of these: whoever has one is a user.


class SubjectKind(StrEnum):
    """Who is meant."""

    EVERYONE = "everyone"
    GROUP = "group"
    SCOPE = "scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose rights are asked about."""

    kind: SubjectKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


EVERYONE = Subject(kind=SubjectKind.EVERYONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said to a subject in a region, and by which rules."""

    form: Form
    rules: tuple[Rule, ...]


class Access:
    """A policy, asked about routes."""

    def __init__(self, source: Source, routes: Iterable[str] | None = None) -> None:
        """Index the rules by place.

        Args:
            source: the policy.
            routes: the keys of the API's routes, if the policy is compiled with its template.
        """
        policy = source.policy
        self.source = source
        self._rules: dict[Place, list[Rule]] = defaultdict(list)
        for rule in policy.rules:
            self._rules[rule.pattern.path, rule.pattern.tail].append(rule)
        self._resolver = Resolver(self._rules, routes)
        # What is public below a path claims none: which routes it stands for is not known.
        public = frozenset((one.path, False) for one in policy.public if not one.tail)
        self.places = frozenset(self._rules) | public | self._resolver.places
        self.subjects = (
            EVERYONE,
            *(Subject(kind=SubjectKind.GROUP, name=name) for name in policy.groups),
            *(Subject(kind=SubjectKind.SCOPE, name=name) for name in source.scopes),
        )
        self._holders = _holders(self.subjects, source)

    def rules_at(self, row: Row, spot: Spot, method: str) -> Iterator[Rule]:
        """The rules that count for a method at a spot."""
        places = [place for place in spot.places if place in self.places]
        deciding = Deciding(granting=places, denying=places)
        if not row.tells_path:
            deciding = self._resolver.deciding(row, places, method, len(spot.terms))
        for place in places:
            for rule in self._rules.get(place, ()):
                counting = deciding.granting if rule.effect == "allow" else deciding.denying
                if place in counting and rule.pattern.covers_method(method):
                    yield rule

    def public_at(self, row: Row, method: str) -> Iterator[Rule]:
        """The lines that make a route public."""
        for rule in self.source.public:
            if rule.pattern.covers_method(method) and _is_public(rule, row):
                yield rule

    def said(self, region: Region) -> dict[Subject, Said]:
        """What is said to each subject that any rule is for; nothing to the others."""
        found: dict[Subject, list[Rule]] = defaultdict(list)
        for rule in self.rules_at(region.row, region.spot, region.methods[0]):
            for subject in self._holders[rule.subject]:
                found[subject].append(rule)
        for rule in self.public_at(region.row, region.methods[0]):
            found[EVERYONE].append(rule)
        return {subject: _say(subject, rules, region.spot) for subject, rules in found.items()}


def _holders(subjects: Iterable[Subject], source: Source) -> dict[str, list[Subject]]:
    """Who has the rules of a group or scope, as rules name these."""
    holders: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        if subject.kind is SubjectKind.GROUP:
            for member in source.policy.groups[subject.name]:
                holders[f"group:{member}"].append(subject)
        elif subject.kind is SubjectKind.SCOPE:
            holders[f"scope:{subject.name}"].append(subject)
    return holders


def _is_public(rule: Rule, row: Row) -> bool:
    pattern = rule.pattern
    if pattern.tail:
        return row.path[: len(pattern.path)] == pattern.path
    return not row.is_open_ended and row.path == pattern.path


def _say(subject: Subject, rules: Sequence[Rule], spot: Spot) -> Said:
    is_machine = subject.kind is SubjectKind.SCOPE
    allows: list[Clause] = []
    denies: list[Clause] = []
    for rule in rules:
        clause = _clause(rule, spot.terms, is_machine=is_machine)
        if clause is not None:
            (allows if rule.effect == "allow" else denies).append(clause)
    form = _form(frozenset(allows), frozenset(denies), spot.excluded)
    return Said(form=form, rules=tuple(rules))


def _clause(rule: Rule, terms: tuple[Term, ...], *, is_machine: bool) -> Clause | None:
    """What a rule asks of values and claims; nothing where no caller has such claims."""
    conditions = rule.pattern.conditions
    if not conditions:
        return ALWAYS
    claims = {condition.position: condition.claim for condition in conditions}
    if is_machine:
        if not CLAIMS_OF_USERS.isdisjoint(claims.values()):
            return None
        # A machine is who has its client's id for its subject.
        claims = {at: "sub" if claim == "client_id" else claim for at, claim in claims.items()}
    return frozenset((terms[at], claim) for at, claim in claims.items())


@lru_cache(maxsize=65_536)
def _form(allows: frozenset[Clause], denies: frozenset[Clause], excluded: Excluded) -> Form:
    return form_of(allows, denies, excluded)
