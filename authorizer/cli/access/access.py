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
from authorizer.cli.access.rows import Kind, Row, row_of_key
from authorizer.policy.routes import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.access.source import Source
    from authorizer.cli.access.spots import Ground, Place, Spot
    from authorizer.policy.model import Rule

# No machine's token has one of these: whoever has one is a user.
_CLAIMS_OF_USERS = frozenset({"username", "cognito:username", "cognito:groups"})


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
class Region:
    """Requests to a route of which the same rules are true: some methods at one spot."""

    row: Row
    spot: Spot
    methods: tuple[str, ...]


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
        self._routes = None if routes is None else frozenset(map(_place_of, routes))
        self.places = frozenset(
            {
                *self._rules,
                *((pattern.path, False) for pattern in policy.public),
                *(self._routes or ()),
            }
        )
        self.subjects = (
            EVERYONE,
            *(Subject(kind=SubjectKind.GROUP, name=name) for name in policy.groups),
            *(Subject(kind=SubjectKind.SCOPE, name=name) for name in source.scopes),
        )
        self._holders = _holders(self.subjects, source)

    def rules_at(self, row: Row, spot: Spot) -> Iterator[Rule]:
        """The rules that count at a spot: every deny, and the allows of the route that it is."""
        places = [place for place in spot.places if place in self.places]
        granting = places if row.tells_path else self._granting(row, places)
        for place in places:
            for rule in self._rules.get(place, ()):
                if rule.effect == "deny" or place in granting:
                    yield rule

    def _granting(self, row: Row, places: Sequence[Place]) -> list[Place]:
        """The places whose allows count on a path: the most specific one, and those above it."""
        routed = [place for place in places if self._routes is None or place in self._routes]
        if not routed:
            return []
        best = places[0] if routed[0][1] else routed[0]
        return [place for place in places if _is_below(best, place) and _may_be_of(place, row)]

    def said(self, region: Region) -> dict[Subject, Said]:
        """What is said to each subject that any rule is for; nothing to the others."""
        found: dict[Subject, list[Rule]] = defaultdict(list)
        for rule in self.rules_at(region.row, region.spot):
            if rule.pattern.covers_method(region.methods[0]):
                for subject in self._holders[rule.subject]:
                    found[subject].append(rule)
        for rule in self.source.public:
            if rule.pattern.covers_method(region.methods[0]) and _is_public(rule, region.row):
                found[EVERYONE].append(rule)
        return {subject: _say(subject, rules, region.spot) for subject, rules in found.items()}


def regions(
    row: Row, ground: Ground, policies: Sequence[Access], rivals: Iterable[Row] = ()
) -> Iterator[Region]:
    """The requests to a route, divided by the rules of some policies.

    Args:
        row: the route.
        ground: the places of all these policies.
        policies: whose rules divide them.
        rivals: the API's other routes, to which some of the requests may go instead.
    """
    nearer = _nearer(row, rivals)
    seen = set()
    for spot in ground.spots(row):
        methods = [method for method in row.methods if not _is_taken(method, spot, nearer)]
        rules = [rule for policy in policies for rule in policy.rules_at(row, spot)]
        public = [rule for policy in policies for rule in policy.source.public]
        for alike in _alike(methods, (*rules, *public)):
            has_conditions = any(rule.pattern.conditions for rule in rules)
            key = (alike, spot.places, (spot.terms, spot.excluded) if has_conditions else None)
            if key not in seen:
                seen.add(key)
                yield Region(row=row, spot=spot, methods=alike)


def _place_of(key: str) -> Place:
    row = row_of_key(key)
    return (row.path, row.is_open_ended)


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


def _is_below(place: Place, other: Place) -> bool:
    """Whether the other one covers this one: it is the same, or a /** above it."""
    (path, _), (above, is_tail) = place, other
    return place == other or (is_tail and path[: len(above)] == above)


def _may_be_of(place: Place, row: Row) -> bool:
    """Whether no parameter of the place stands where the route is literal."""
    pairs = zip(place[0], row.path, strict=False)
    return not any(own == PARAMETER != known for own, known in pairs)


def _is_public(rule: Rule, row: Row) -> bool:
    pattern = rule.pattern
    if pattern.tail:
        return row.path[: len(pattern.path)] == pattern.path
    return not row.is_open_ended and row.path == pattern.path


def _nearer(row: Row, rivals: Iterable[Row]) -> dict[Place, set[str]]:
    """The routes that get a path before this one does, with their methods."""
    nearer: dict[Place, set[str]] = defaultdict(set)
    for rival in rivals:
        if not row.tells_path and _is_nearer(rival, row):
            nearer[rival.path, rival.is_open_ended].update(rival.methods)
    return nearer


def _is_nearer(rival: Row, row: Row) -> bool:
    """Whether API Gateway prefers a route to one that does not tell the path.

    Where one is literal and then the other is, kinds of APIs differ: neither counts as nearer.
    """
    if rival.kind is Kind.DEFAULT or rival.place == row.place:
        return False
    if rival.kind is Kind.GREEDY and len(rival.path) < len(row.path):
        return False
    pairs = zip(rival.path, row.path, strict=False)
    return not any(own == PARAMETER != known for own, known in pairs)


def _is_taken(method: str, spot: Spot, nearer: dict[Place, set[str]]) -> bool:
    # A {proxy+} stands for one segment or more; the /** of a rule for none, too.
    return any(
        method in nearer.get(place, ())
        for place in spot.places
        if not place[1] or len(spot.terms) > len(place[0])
    )


def _alike(methods: Iterable[str], rules: Sequence[Rule]) -> list[tuple[str, ...]]:
    """Methods that the same rules cover."""
    by_rules: dict[tuple[bool, ...], list[str]] = defaultdict(list)
    for method in methods:
        covered = tuple(rule.pattern.covers_method(method) for rule in rules)
        by_rules[covered].append(method)
    return [tuple(alike) for alike in by_rules.values()]


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
        if not _CLAIMS_OF_USERS.isdisjoint(claims.values()):
            return None
        # A machine is who has its client's id for its subject.
        claims = {at: "sub" if claim == "client_id" else claim for at, claim in claims.items()}
    return frozenset((terms[at], claim) for at, claim in claims.items())


@lru_cache(maxsize=65_536)
def _form(allows: frozenset[Clause], denies: frozenset[Clause], excluded: Excluded) -> Form:
    return form_of(allows, denies, excluded)
