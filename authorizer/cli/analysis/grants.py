"""What a policy grants each subject in each class of requests, exactly as ``Policy.decide`` would.

A *subject* is a caller with one group, with what that includes; a machine with one scope; or
everyone, which is what ``public`` says. What callers of several groups may do follows: all that
one of them may, but for what a deny of another takes away.

Which rules count in a class, the policy itself is asked. What they say together is a *grant*.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import (
    ALWAYS,
    AccessCondition,
    Clause,
    Excluded,
    Term,
    condition_of,
)
from authorizer.cli.analysis.partition import (
    OTHER_SEGMENT,
    Partition,
    PathClass,
    RequestClass,
)
from authorizer.cli.analysis.routes import AskedRoute, RouteKind
from authorizer.cli.policy_file.source import PUBLIC
from authorizer.policy.decision import CLAIMS_OF_USERS, Policy
from authorizer.policy.paths import MOST_SEGMENTS
from authorizer.policy.route_tree import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.policy.model import Effect, Rule

# The routes of an API, each at its place with its methods.
Competing = Place


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
class Grant:
    """What a subject is granted in a class of requests, and the rules that count there for it."""

    condition: AccessCondition
    rules: tuple[Rule, ...]


class PublicLines:
    """The lines that list public routes, by where they stand."""

    def __init__(self, lines: Iterable[Rule]) -> None:
        self._lines: dict[tuple[tuple[str, ...], bool], list[Rule]] = defaultdict(list)
        for line in lines:
            self._lines[line.pattern.path, line.pattern.tail].append(line)

    def at(self, route: AskedRoute, method: str | None = None) -> Iterator[Rule]:
        """Those that make a route public, for one of its methods or for any."""
        lengths = range(min(len(route.path), MOST_SEGMENTS) + 1)
        places = [(route.path[:length], True) for length in lengths]
        if not route.is_open_ended:
            places.append((route.path, False))
        for place in places:
            lines = self._lines.get(place, ())
            yield from lines if method is None else _for_method(lines, method)


class Analysis:
    """A policy, asked about routes."""

    def __init__(
        self, policy: Policy, public: Sequence[Rule] = (), scopes: Iterable[str] | None = None
    ) -> None:
        """Index the rules by where they stand.

        Args:
            policy: as it ships, with the routes of its API if they are known.
            public: the lines of its public routes, for who says what everyone may do.
            scopes: every scope that it names; without them, those that have rules.
        """
        self.policy = policy
        self.public = PublicLines(public)
        self.rules_of: dict[tuple[Place, Effect], list[Rule]] = defaultdict(list)
        for rule in policy.rules:
            place: Place = policy.tree.place(rule.pattern.path, is_tail=rule.pattern.tail)
            self.rules_of[place, rule.effect].append(rule)
        if scopes is None:
            named = (rule.subject.partition(":") for rule in policy.rules)
            scopes = dict.fromkeys(name for kind, _, name in named if kind == SubjectKind.SCOPE)
        self.subjects = (
            EVERYONE,
            *(Subject(kind=SubjectKind.GROUP, name=name) for name in policy.groups),
            *(Subject(kind=SubjectKind.SCOPE, name=name) for name in scopes),
        )
        self._holders = _holders(self.subjects, policy)

    @staticmethod
    def of(source: NamedPolicy, routes: Iterable[str] | None = None) -> Analysis:
        """Of a policy file, compiled with the keys of its API's routes, or without."""
        policy, written = source.policy, source.source
        if routes is not None:
            keys = tuple(key for key in routes if key.count("/") <= MOST_SEGMENTS)
            policy = replace(policy, routes=keys)
        return Analysis(policy, written.public, [scope.name for scope in written.scopes])

    def places_of(self, route: AskedRoute, paths: PathClass) -> tuple[Place, ...]:
        """The places that match a class of paths, the most specific one first."""
        tree = self.policy.tree
        if not route.tells_path:
            return tree.matching(paths.example)
        # A rule's /** stands for routes below it, and not for the one that it begins with.
        below = (OTHER_SEGMENT,) if route.is_open_ended else ()
        return tree.covering((*route.path, *below))

    def deciding_places(
        self, route: AskedRoute, paths: PathClass, method: str
    ) -> dict[Effect, Sequence[Place]]:
        """Where the allows stand that count for a method in a class of paths, and the denies."""
        places = self.places_of(route, paths)
        if route.tells_path:
            return {"allow": places, "deny": places}
        told = route.path if route.is_named else None
        allows, denies = self.policy.deciding_places(method, told, places, len(paths.terms))
        return {"allow": allows, "deny": denies}

    def rules_at(self, route: AskedRoute, paths: PathClass, method: str) -> Iterator[Rule]:
        """The rules that count for a method in a class of paths."""
        for effect, places in self.deciding_places(route, paths, method).items():
            for place in places:
                yield from _for_method(self.rules_of[place, effect], method)

    def rules_for(self, subject: str, route: AskedRoute, paths: PathClass) -> Iterator[Rule]:
        """The rules that stand for a class of paths, of a subject as rules name it.

        With those of what it includes; of rules that say the same, the first.
        """
        if subject == PUBLIC:
            yield from self.public.at(route)
            return
        kind, _, name = subject.partition(":")
        subjects = {subject} if kind == SubjectKind.SCOPE else self.policy.subjects_of([name], ())
        for place in self.places_of(route, paths):
            for each in place.rules.keys() & subjects:
                yield from place.rules[each].values()

    def grants(self, requests: RequestClass) -> dict[Subject, Grant]:
        """What each subject is granted that any rule is for; nothing to the others."""
        route, method = requests.route, requests.methods[0]
        rules_of: dict[Subject, list[Rule]] = defaultdict(list)
        for rule in self.rules_at(route, requests.paths, method):
            for subject in self._holders[rule.subject]:
                rules_of[subject].append(rule)
        for rule in self.public.at(route, method):
            rules_of[EVERYONE].append(rule)
        return {
            subject: _grant(subject, rules, requests.paths) for subject, rules in rules_of.items()
        }


def _for_method(rules: Iterable[Rule], method: str) -> Iterator[Rule]:
    return (rule for rule in rules if rule.pattern.covers_method(method))


def _holders(subjects: Iterable[Subject], policy: Policy) -> dict[str, list[Subject]]:
    """Who has the rules of a group or scope, as rules name these."""
    holders: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        if subject.kind is SubjectKind.GROUP:
            for member in policy.groups[subject.name]:
                holders[f"group:{member}"].append(subject)
        elif subject.kind is SubjectKind.SCOPE:
            holders[f"scope:{subject.name}"].append(subject)
    return holders


def _grant(subject: Subject, rules: Sequence[Rule], paths: PathClass) -> Grant:
    is_machine = subject.kind is SubjectKind.SCOPE
    clauses: dict[Effect, set[Clause]] = {"allow": set(), "deny": set()}
    for rule in rules:
        clause = clause_of(rule, paths.terms, is_machine=is_machine)
        if clause is not None:
            clauses[rule.effect].add(clause)
    allows, denies = (frozenset(found) for found in clauses.values())
    condition = _condition(allows, denies, paths.excluded)
    return Grant(condition=condition, rules=tuple(rules))


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
def _condition(
    allows: frozenset[Clause], denies: frozenset[Clause], excluded: Excluded
) -> AccessCondition:
    return condition_of(allows, denies, excluded)


def competing_routes(routes: Iterable[AskedRoute]) -> Competing:
    """The routes of an API, of which one may get a request that another one could."""
    competing = Place()
    for route in routes:
        # $default takes what is left, and no request gets to a longer one.
        if route.kind is not RouteKind.DEFAULT and len(route.path) <= MOST_SEGMENTS:
            place = competing.place(route.path, is_tail=route.is_open_ended)
            place.methods.update(route.methods)
    return competing


def request_classes(
    route: AskedRoute,
    partition: Partition,
    analyses: Sequence[Analysis],
    competing: Competing | None = None,
) -> Iterator[RequestClass]:
    """Divide the requests to a route, but for those that a more specific route gets.

    Args:
        route: the route.
        partition: of all the policies.
        analyses: of the policies whose rules divide them.
        competing: the API's other routes, to which some of the requests may go instead.
    """
    found: dict[object, RequestClass] = {}
    for paths in partition.path_classes(route):
        places = tuple(analysis.places_of(route, paths) for analysis in analyses)
        left = methods_left(route, paths, competing)
        for methods, rules in _alike(route, paths, left, analyses):
            has_conditions = any(rule.pattern.conditions for rule in rules)
            values = (paths.terms, paths.excluded) if has_conditions else None
            key = (methods, places, tuple(map(id, rules)), values)
            known = found.get(key)
            # Of several, the one that stands for most paths is what people are shown.
            if known is None or paths.literals < known.paths.literals:
                found[key] = RequestClass(route=route, paths=paths, methods=methods)
    yield from found.values()


def methods_left(route: AskedRoute, paths: PathClass, competing: Competing | None) -> list[str]:
    """The methods of a class of paths that come by a route, and by none that is more specific."""
    length = len(paths.terms)
    places = () if competing is None or route.tells_path else competing.matching(paths.example)
    preferred = [place for place in places if _is_preferred(place, route)]
    return [
        method
        for method in route.methods
        if not any(place.is_route_of(method, length) for place in preferred)
    ]


def _is_preferred(place: Place, route: AskedRoute) -> bool:
    """Whether what is a route at a place gets a path before one gets it that does not tell it.

    Where one is literal and then the other is, kinds of APIs differ: neither counts as preferred.
    """
    is_own = place.path == route.path and place.is_tail == route.is_open_ended
    is_shorter = place.is_tail and len(place.path) < len(route.path)
    if route.kind is RouteKind.DEFAULT:
        return True
    return not is_own and not is_shorter and place.may_be_of(route.path)


def _alike(
    route: AskedRoute, paths: PathClass, methods: Iterable[str], analyses: Sequence[Analysis]
) -> Iterator[tuple[tuple[str, ...], list[Rule]]]:
    """Methods for which the same rules count, with these."""
    rules_of: dict[tuple[int, ...], list[Rule]] = {}
    methods_of: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for method in methods:
        rules = [rule for one in analyses for rule in one.rules_at(route, paths, method)]
        public = [rule for one in analyses for rule in one.public.at(route, method)]
        key = tuple(id(rule) for rule in (*rules, *public))
        rules_of[key] = rules
        methods_of[key].append(method)
    for key, alike in methods_of.items():
        yield tuple(alike), rules_of[key]
