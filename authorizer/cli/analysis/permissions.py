"""What a policy grants each subject, exactly as ``Policy.decide`` would, and what each may do so.

A *subject* is a caller with one group, with what that includes; a machine with one scope; or
everyone, which is what ``public`` says. What callers of several groups may do follows: all that
one of them may, but for what a deny of another takes away.

Which rules count in a class of requests, the policy itself is asked. What they say together is a
*grant*; all grants of a subject on a route are its *permission*: how much, under which conditions,
and by which rules.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import (
    ALWAYS,
    NOTHING,
    AccessCondition,
    Clause,
    condition_of_rules,
)
from authorizer.cli.analysis.partition import (
    OTHER_SEGMENT,
    Competing,
    Partition,
    PathClass,
    RequestClass,
    methods_left,
)
from authorizer.cli.analysis.routes import EVERY_METHOD, OTHER_METHODS, AskedRoute, PublicLines
from authorizer.cli.policy_file.source import PUBLIC
from authorizer.policy.paths import MOST_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Effect, Rule
    from authorizer.policy.route_tree import Place

# So many differing paths are shown of a route that the path decides on.
_MOST_EXAMPLES = 4


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
            named = dict.fromkeys(rule.subject for rule in policy.rules)
            scopes = [one.removeprefix("scope:") for one in named if one.startswith("scope:")]
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
                rules = self.rules_of[place, effect]
                yield from (rule for rule in rules if rule.pattern.covers_method(method))

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


def _holders(subjects: Iterable[Subject], policy: Policy) -> dict[str, list[Subject]]:
    """Who has the rules of a group or scope, as rules name these."""
    holders: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        is_group = subject.kind is SubjectKind.GROUP
        for member in policy.groups[subject.name] if is_group else (subject.name,):
            holders[f"{subject.kind}:{member}"].append(subject)
    return holders


def _grant(subject: Subject, rules: Sequence[Rule], paths: PathClass) -> Grant:
    is_machine = subject.kind is SubjectKind.SCOPE
    condition = condition_of_rules(rules, paths.terms, paths.excluded, is_machine=is_machine)
    return Grant(condition=condition, rules=tuple(rules))


# --- of all requests of a route -------------------------------------------------------------------


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


class Extent(StrEnum):
    """How much a subject may do on a route."""

    ALLOW = "allow"  # all of it
    OWN = "own"  # where a parameter equals a claim of the caller
    PARTLY = "partly"  # it depends on the path, on the method, or is all but an exception
    DENY = "deny"  # nothing, because a deny covers it
    NONE = "none"  # nothing, because nothing grants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A subject's rights on a route.

    Attributes:
        words: what is permitted, or what it depends on, for people.
        depends: whether it depends on the method or the path.
        rules: those that decide, in the file's order.
    """

    extent: Extent
    words: str
    depends: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        """Tells it from others. Rules are dear to compare, and the same objects everywhere."""
        return (self.extent, self.words, *map(id, self.rules))


NO_PERMISSION = Permission(extent=Extent.NONE, words="nothing grants it")


def permissions_of(
    route: AskedRoute,
    partition: Partition,
    analysis: Analysis,
    competing: Competing | None = None,
) -> dict[Subject, Permission]:
    """The permission of each subject that has any rule there; others have ``NO_PERMISSION``."""
    classes = list(request_classes(route, partition, [analysis], competing))
    grants: dict[Subject, dict[int, Grant]] = defaultdict(dict)
    for number, requests in enumerate(classes):
        for subject, grant in analysis.grants(requests).items():
            grants[subject][number] = grant
    return {subject: _permission(route, classes, found) for subject, found in grants.items()}


def _permission(
    route: AskedRoute, classes: Sequence[RequestClass], grants: dict[int, Grant]
) -> Permission:
    alike: dict[tuple[Extent, str], list[RequestClass]] = defaultdict(list)
    for number, requests in enumerate(classes):
        condition = grants[number].condition if number in grants else NOTHING
        alike[_permitted(condition, route)].append(requests)
    extents = {extent for extent, _ in alike}
    rules = {id(rule): rule for grant in grants.values() for rule in _deciding(grant)}
    return Permission(
        # What a deny covers in part only, and nothing grants elsewhere, is not granted.
        extent=extents.pop()
        if len(extents) == 1
        else (Extent.NONE if extents <= {Extent.NONE, Extent.DENY} else Extent.PARTLY),
        words=_in_words(alike, route),
        depends=len(alike) > 1,
        rules=tuple(sorted(rules.values(), key=lambda rule: (rule.line, rule.pattern.text))),
    )


def _permitted(condition: AccessCondition, route: AskedRoute) -> tuple[Extent, str]:
    """How much is granted of one class of requests, and that in words."""
    if ALWAYS in condition.denies or (condition.is_granted and not condition.allows):
        return Extent.DENY, "denied"
    if not condition.allows:
        return Extent.NONE, NO_PERMISSION.words
    extent, words = Extent.OWN, f"only where {_either(condition.allows, route)}"
    if ALWAYS in condition.allows:
        extent, words = Extent.PARTLY if condition.denies else Extent.ALLOW, "all of it"
    exceptions = {one for clause in condition.allows for one in condition.exceptions(clause)}
    return extent, f"{words}, unless {_either(exceptions, route)}" if exceptions else words


def _in_words(alike: dict[tuple[Extent, str], list[RequestClass]], route: AskedRoute) -> str:
    """What is permitted, each with the methods, or with a path that stands for all."""
    if len(alike) == 1:
        return next(words for _, words in alike)
    where = _methods if route.tells_path else _example
    parts = [(extent, f"{where(found)}: {words}") for (extent, words), found in alike.items()]
    if route.tells_path:
        parts.sort(key=lambda part: part[0] is Extent.NONE)
        return "; ".join(words for _, words in parts)
    examples = "; ".join(words for _, words in parts[:_MOST_EXAMPLES])
    return f"depends on the path, such as {examples}{'; …' * (len(parts) > _MOST_EXAMPLES)}"


def _either(clauses: Iterable[Clause], route: AskedRoute) -> str:
    named = (
        " and ".join(sorted(f"{_name(term, route)} = {claim}" for term, claim in clause))
        for clause in clauses
    )
    return " or ".join(sorted(set(named)))


def _name(term: int | str, route: AskedRoute) -> str:
    if isinstance(term, str):
        return f"'{term}'"
    name = route.names[term] if term < len(route.names) else None
    return f"{{{name}}}" if name else f"segment {term + 1}"


def _deciding(grant: Grant) -> Iterator[Rule]:
    """The rules that make the outcome: where a deny covers all, no allow does."""
    is_denied = ALWAYS in grant.condition.denies
    for rule in grant.rules:
        if not is_denied or (rule.effect == "deny" and not rule.pattern.conditions):
            yield rule


def _methods(classes: Iterable[RequestClass]) -> str:
    covered = {method for requests in classes for method in requests.methods}
    names = [method for method in EVERY_METHOD if method in covered]
    return ", ".join("other methods" if name == OTHER_METHODS else name for name in names)


def _example(classes: Sequence[RequestClass]) -> str:
    """Of some classes, a path of one that stands for many rather than for one."""
    requests = next((one for one in classes if one.paths.goes_on), classes[0])
    shown = requests.paths.shown
    return (
        shown if requests.methods == requests.route.methods else f"{_methods([requests])} {shown}"
    )
