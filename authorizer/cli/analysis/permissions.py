"""What a policy permits each subject on each route, exactly as ``Policy.decide`` would.

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

from authorizer.cli.analysis.conditions import (
    ALWAYS,
    NOTHING,
    Clause,
    Excluded,
    Form,
    Term,
    form_of,
)
from authorizer.cli.analysis.partition import Deciding, Region, Resolver
from authorizer.cli.analysis.routes import EVERY_METHOD, OTHER_METHODS, Kind, Row
from authorizer.policy.model import CLAIMS_OF_USERS
from authorizer.policy.routes import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.partition import Ground, Place, Spot
    from authorizer.cli.analysis.source import Source
    from authorizer.policy.model import Rule


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


def regions(
    row: Row, ground: Ground, policies: Sequence[Access], rivals: Iterable[Row] = ()
) -> Iterator[Region]:
    """Divide the requests to a route.

    Args:
        row: the route.
        ground: the places of all the policies.
        policies: whose rules divide them.
        rivals: the API's other routes, to which some of the requests may go instead.
    """
    nearer = _nearer(row, rivals)
    found: dict[object, Region] = {}
    for spot in ground.spots(row):
        methods = [method for method in row.methods if not _is_taken(method, spot, nearer)]
        for alike, rules in _alike(row, spot, methods, policies):
            has_conditions = any(rule.pattern.conditions for rule in rules)
            values = (spot.terms, spot.excluded) if has_conditions else None
            key = (alike, spot.places, tuple(map(id, rules)), values)
            known = found.get(key)
            # Of several, the one that stands for most paths is what people are shown.
            if known is None or _literals(spot) < _literals(known.spot):
                found[key] = Region(row=row, spot=spot, methods=alike)
    yield from found.values()


def _literals(spot: Spot) -> int:
    return sum(isinstance(term, str) for term in spot.terms)


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


def _alike(
    row: Row, spot: Spot, methods: Iterable[str], policies: Sequence[Access]
) -> Iterator[tuple[tuple[str, ...], list[Rule]]]:
    """Methods for which the same rules count, with these."""
    rules_of: dict[tuple[int, ...], list[Rule]] = {}
    methods_of: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for method in methods:
        rules = [rule for policy in policies for rule in policy.rules_at(row, spot, method)]
        public = [rule for policy in policies for rule in policy.public_at(row, method)]
        key = tuple(id(rule) for rule in (*rules, *public))
        rules_of[key] = rules
        methods_of[key].append(method)
    for key, alike in methods_of.items():
        yield tuple(alike), rules_of[key]


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


# So many differing paths are shown of a route that the path decides on.
_MOST_EXAMPLES = 4


class Outcome(StrEnum):
    """What a subject may do on a route."""

    ALLOW = "allow"  # all of it
    OWN = "own"  # where a parameter equals a claim of the caller
    PARTLY = "partly"  # it depends on the path, on the method, or is all but an exception
    DENY = "deny"  # nothing, because a deny covers it
    NONE = "none"  # nothing, because nothing grants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A subject's rights on a route.

    Attributes:
        words: what the outcome depends on.
        rules: those that decide, in the file's order.
    """

    outcome: Outcome
    words: str = ""
    rules: tuple[Rule, ...] = ()


NO_CELL = Cell(outcome=Outcome.NONE, words="nothing grants it")


def cells_of(
    row: Row, ground: Ground, access: Access, rivals: Iterable[Row] = ()
) -> dict[Subject, Cell]:
    """The cell of each subject that has any rule there; the others have ``NO_CELL``."""
    pieces: dict[Subject, list[tuple[Region, Said]]] = defaultdict(list)
    everywhere = list(regions(row, ground, [access], rivals))
    for region in everywhere:
        for subject, said in access.said(region).items():
            pieces[subject].append((region, said))
    return {subject: _cell(row, everywhere, found) for subject, found in pieces.items()}


def outcome_of(form: Form) -> Outcome:
    """The word for what is said in one region."""
    if ALWAYS in form.denies or (form.is_granted and not form.allows):
        return Outcome.DENY
    if not form.allows:
        return Outcome.NONE
    if ALWAYS not in form.allows:
        return Outcome.OWN
    return Outcome.PARTLY if form.denies else Outcome.ALLOW


def words_of(form: Form, row: Row) -> str:
    """What is said in one region."""
    match outcome_of(form):
        case Outcome.NONE:
            return NO_CELL.words
        case Outcome.DENY:
            return "denied"
        case Outcome.ALLOW:
            return "all of it"
        case Outcome.OWN:
            words = f"only where {_either(form.allows, row)}"
        case Outcome.PARTLY:
            words = "all of it"
    exceptions = {one for clause in form.allows for one in form.exceptions(clause)}
    return f"{words}, unless {_either(exceptions, row)}" if exceptions else words


def _cell(row: Row, everywhere: Sequence[Region], found: Sequence[tuple[Region, Said]]) -> Cell:
    forms = {id(region): said.form for region, said in found}
    said = [(region, forms.get(id(region), NOTHING)) for region in everywhere]
    outcomes = {outcome_of(form) for _, form in said}
    rules = {id(rule): rule for _, one in found for rule in _deciding(one)}
    return Cell(
        outcome=_overall(outcomes),
        words=_described(row, said),
        rules=tuple(sorted(rules.values(), key=lambda rule: (rule.line, rule.pattern.text))),
    )


def _overall(outcomes: set[Outcome]) -> Outcome:
    if len(outcomes) == 1:
        return next(iter(outcomes))
    # What a deny covers in part only, and nothing grants elsewhere, is not granted.
    return Outcome.NONE if outcomes <= {Outcome.NONE, Outcome.DENY} else Outcome.PARTLY


def _deciding(said: Said) -> Iterator[Rule]:
    """The rules that make the outcome: where a deny covers all, no allow does."""
    denied = ALWAYS in said.form.denies
    for rule in said.rules:
        if not denied or (rule.effect == "deny" and not rule.pattern.conditions):
            yield rule


def _described(row: Row, said: Sequence[tuple[Region, Form]]) -> str:
    by_words: dict[str, list[Region]] = defaultdict(list)
    for region, form in said:
        by_words[words_of(form, row)].append(region)
    if len(by_words) == 1:
        return next(iter(by_words))
    if row.tells_path:
        return "; ".join(
            f"{_methods(found)}: {words}" for words, found in sorted(by_words.items(), key=_first)
        )
    shown = list(by_words.items())[:_MOST_EXAMPLES]
    examples = "; ".join(f"{_example(_telling(found))}: {words}" for words, found in shown)
    more = "; …" if len(by_words) > len(shown) else ""
    return f"depends on the path, such as {examples}{more}"


def _first(item: tuple[str, Sequence[Region]]) -> bool:
    return item[0] == NO_CELL.words


def _methods(found: Iterable[Region]) -> str:
    covered = {method for region in found for method in region.methods}
    names = [method for method in EVERY_METHOD if method in covered]
    return ", ".join("other methods" if name == OTHER_METHODS else name for name in names)


def _telling(found: Sequence[Region]) -> Region:
    """Of some regions, one that stands for many paths rather than for one."""
    return next((region for region in found if region.spot.goes_on), found[0])


def _example(region: Region) -> str:
    shown = region.spot.shown
    return shown if region.methods == region.row.methods else f"{_methods([region])} {shown}"


def _either(clauses: Iterable[Clause], row: Row) -> str:
    return " or ".join(sorted(_all(clause, row) for clause in clauses))


def _all(clause: Clause, row: Row) -> str:
    return " and ".join(sorted(f"{_term(term, row)} = {claim}" for term, claim in clause))


def _term(term: int | str, row: Row) -> str:
    if isinstance(term, str):
        return f"'{term}'"
    name = row.names[term] if term < len(row.names) else None
    return f"{{{name}}}" if name else f"segment {term + 1}"
