"""A policy in front of a template's APIs: what it says of their routes, as authorizers ask it.

Everything is read off the classes of requests of each route. A rule *counts* for a route if it does
in some class; a route is usable if in some class somebody is granted something. A route that does
not tell the path has as many classes as the policy tells paths apart. Of these only those are
looked at that a rule speaks of, each rule's own, and no further than until it is known.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from authorizer.cli.analysis.caching import Cache, caches
from authorizer.cli.analysis.conditions import ALWAYS
from authorizer.cli.analysis.grants import Analysis, PublicLines, competing_routes, methods_left
from authorizer.cli.analysis.partition import (
    MOST_CLASSES,
    Partition,
    PathClass,
    RequestClass,
    widest_classes,
)
from authorizer.cli.analysis.paths import (
    PathPattern,
    Placed,
    overlapping,
    pattern_of_route,
    pattern_of_rule,
)
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, protections_of
from authorizer.cli.analysis.routes import OTHER_METHODS, AskedRoute, asked_route
from authorizer.policy.paths import ANY, METHODS, MOST_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.policy_file.source import SourceRule
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import RoutePattern, Rule
    from authorizer.policy.route_tree import Place


class _TooManyClasses(Exception):  # noqa: N818 - it is no error, but what is not found out
    """More classes of paths than anyone would wait for."""


class ApiAnalysis:
    """A policy in front of an API."""

    def __init__(self, policy: Policy, template: Template, api: Api) -> None:
        """Find out who guards the routes; what the policy says of them is found when asked for.

        Args:
            policy: without routes.
            template: that has the API.
            api: whose routes are asked about.
        """
        self.api = api
        self.protections = tuple(protections_of(template, api))
        self._policy = policy
        longest = max((len(_asked(one).path) for one in self.protections), default=0)
        self._longest = min(longest, MOST_SEGMENTS) + 1
        self._left = iter(range(MOST_CLASSES))
        self._competing = competing_routes(map(_asked, self.protections))

    @cached_property
    def _analysis(self) -> Analysis:
        """Of the policy as it is compiled for the API, where that makes a difference."""
        if self.api.is_complete and any(one.is_decided_by_path for one in self.protections):
            return Analysis(replace(self._policy, routes=self.api.keys))
        return Analysis(self._policy)

    @cached_property
    def _alike(self) -> dict[Place, list[list[Rule]]]:
        """The rules at each place, those together of which all count or none: of many groups."""
        alike: dict[tuple[Place, object], list[Rule]] = defaultdict(list)
        for (place, effect), rules in self._analysis.rules_of.items():
            for rule in rules:
                alike[place, (effect, rule.pattern.methods)].append(rule)
        found: dict[Place, list[list[Rule]]] = defaultdict(list)
        for (place, _), rules in alike.items():
            found[place].append(rules)
        return found

    def rules_for(
        self, protection: RouteProtection, known: Container[int] = ()
    ) -> Iterator[list[Rule]]:
        """The rules that count for some request of a route, or may; in the file's order.

        Args:
            protection: of the route.
            known: the identities of rules that need not be told.
        """
        route = _asked(protection)
        alike = (
            rules
            for place in self._places(route)
            for rules in self._alike[place]
            if id(rules[0]) not in known and (rules[0].effect == "deny" or _may_grant(place, route))
        )
        for rules in sorted(alike, key=lambda rules: rules[0].line):
            if self._counts(rules[0], route):
                yield rules

    def _counts(self, rule: Rule, route: AskedRoute) -> bool:
        """Whether a rule counts for some request of a route; also if that is too much to tell."""
        pattern = rule.pattern
        place = self._analysis.policy.tree.place(pattern.path, is_tail=pattern.tail)
        with suppress(RecursionError, _TooManyClasses):
            return any(
                place in self._analysis.deciding_places(route, paths, method)[rule.effect]
                for paths, method in self._requests(route, pattern)
            )
        return True

    def takes(self, protection: RouteProtection, pattern: RoutePattern) -> bool:
        """Whether some request that a rule covers comes by a route, or may."""
        with suppress(RecursionError, _TooManyClasses):
            return any(self._requests(_asked(protection), pattern))
        return True

    def _requests(
        self, route: AskedRoute, pattern: RoutePattern
    ) -> Iterator[tuple[PathClass, str]]:
        """The classes of a route's paths that a rule covers, with its methods.

        First those that mostly settle it. Where all of them go to other routes, the rest do, too.
        """
        if route.tells_path:
            paths = PathClass(terms=tuple(range(len(route.path))))
            yield from ((paths, method) for method in self._methods(route, paths, pattern))
            return
        is_left = False
        within = pattern_of_rule(pattern)
        for paths in widest_classes(route.pattern, within, self._longest):
            for method in self._methods(route, paths, pattern):
                is_left = True
                yield paths, method
        for paths in Partition(self._analysis.policy.tree).walk(route, within) if is_left else ():
            if next(self._left, None) is None:
                raise _TooManyClasses
            yield from ((paths, method) for method in self._methods(route, paths, pattern))

    def _methods(self, route: AskedRoute, paths: PathClass, pattern: RoutePattern) -> list[str]:
        """Those of a rule for which a class of paths comes by a route."""
        left = methods_left(route, paths, self._competing)
        return [method for method in left if pattern.covers_method(method)]

    def is_usable(self, protection: RouteProtection) -> bool:
        """Whether some subject is permitted anything on a route.

        Also if that is not worth finding out: what cannot be proven is not said.
        """
        route = _asked(protection)
        patterns = [
            pattern_of_rule(self._analysis.rules_of[place, "allow"][0].pattern)
            for place in self._places(route)
            if self._analysis.rules_of[place, "allow"] and _may_grant(place, route)
        ]
        # More segments than Python has frames, or more classes.
        with suppress(RecursionError, _TooManyClasses):
            return any(
                grant.condition.allows
                for classes in self._by_paths(route, patterns)
                for requests in classes
                for grant in self._analysis.grants(requests).values()
            )
        return True

    def comparing_rule(self, protection: RouteProtection) -> Rule | None:
        """The first rule by which a route's requests are granted or not as their values are.

        None of a route on which others grant, or deny, the same without comparing. Where there are
        too many kinds of paths to tell, any rule of the policy that compares.
        """
        route = _asked(protection)
        comparing: list[Rule] = []
        try:
            for classes in self._by_paths(route):
                for requests in classes:
                    if any(rule.pattern.conditions for rule in self._rules(requests)):
                        comparing += self._comparing(requests)
        except _TooManyClasses:
            comparing = [rule for rule in self._policy.rules if rule.pattern.conditions]
        return min(comparing, key=lambda rule: rule.line, default=None)

    def differs_by_method(self, protection: RouteProtection) -> bool:
        """Whether requests of one path are granted differently by their methods, or may be."""
        route = _asked(protection)
        # Whatever is not a usual method is covered by ANY alone.
        route = replace(route, methods=(*route.methods, OTHER_METHODS))
        with suppress(_TooManyClasses):
            return any(
                # Mostly the same rules count, and what they grant need not be found out.
                len({tuple(map(id, self._rules(requests))) for requests in classes}) > 1
                and len(set(map(self._granted, classes))) > 1
                for classes in self._by_paths(route)
            )
        return True

    def _places(self, route: AskedRoute) -> Iterator[Place]:
        """Where rules may stand that count for a route."""
        tree = self._analysis.policy.tree
        places = tree.covering(route.path) if route.tells_path else overlapping(tree, route.pattern)
        return (place for place in places if place.rules)

    def _rules(self, requests: RequestClass) -> Iterator[Rule]:
        return self._analysis.rules_at(requests.route, requests.paths, requests.methods[0])

    def _comparing(self, requests: RequestClass) -> Iterator[Rule]:
        for grant in self._analysis.grants(requests).values():
            if (grant.condition.allows | grant.condition.denies) - {ALWAYS}:
                yield from (rule for rule in grant.rules if rule.pattern.conditions)

    def _granted(self, requests: RequestClass) -> frozenset[tuple[object, ...]]:
        """What each subject is granted or denied."""
        grants = self._analysis.grants(requests).items()
        conditions = ((subject, grant.condition) for subject, grant in grants)
        return frozenset(
            (subject, condition.allows, condition.denies)
            for subject, condition in conditions
            if condition.allows or condition.denies
        )

    def _by_paths(
        self,
        route: AskedRoute,
        within: Iterable[PathPattern | None] = (None,),
    ) -> Iterator[list[RequestClass]]:
        """For each class of a route's paths, the requests of each method."""
        for pattern in within:
            walk = Partition(self._analysis.policy.tree).walk(route, pattern)
            for number, paths in enumerate(walk):
                if number >= MOST_CLASSES:
                    raise _TooManyClasses
                yield [
                    RequestClass(route=route, paths=paths, methods=(method,))
                    for method in methods_left(route, paths, self._competing)
                ]


class TemplateAnalysis:
    """A policy in front of all APIs of a template.

    Attributes:
        named: the policy.
        source: the same with its places.
        policy: the same as it decides, without routes.
        template: of the APIs.
        apis: each API, analysed once.
        protections: who guards each route.
        public: the lines that list public routes.
        tested_groups: reads the sets of groups that callers have in the policy's tests.
    """

    def __init__(
        self,
        named: NamedPolicy,
        template: Template,
        tested_groups: Callable[[], Sequence[tuple[str, ...]]] = tuple,
    ) -> None:
        self.named = named
        self.source, self.policy = named.source, named.policy
        self.template = template
        parts = [(part, rule) for rule in self.source.rules for part in _by_method(rule)]
        self._written = {id(part): (written, part.pattern.methods) for part, written in parts}
        asked = replace(self.policy, rules=tuple(part for part, _ in parts))
        self.apis = tuple(ApiAnalysis(asked, template, api) for api in template.apis)
        self.protections = tuple(chain.from_iterable(one.protections for one in self.apis))
        self.public = PublicLines(self.source.public)
        self.tested_groups = tested_groups
        self._routes = Placed((pattern_of_route(one.route.path), one) for one in self.protections)

    @cached_property
    def caches(self) -> tuple[Cache, ...]:
        """What API Gateway remembers of answers to guarded routes."""
        return tuple(caches(self.template, self.protections))

    def of(self, api: Api) -> ApiAnalysis:
        """The policy in front of one of the template's APIs."""
        return next(one for one in self.apis if one.api is api)

    def written(self, rule: Rule) -> SourceRule:
        """A rule of the policy as it stands in the file."""
        return self._written[id(rule)][0]

    @cached_property
    def needed_paths(self) -> frozenset[tuple[str, ...]]:
        """The paths of open routes for all other paths: of public lines that these need."""
        return frozenset(
            pattern_of_route(one.route.path).path
            for one in self.protections
            if one.decided_by is DecidedBy.NOBODY
            and pattern_of_route(one.route.path).more is not None
        )

    def is_needed(self, line: Rule) -> bool:
        """Whether an open route for all other paths needs a public line.

        It can be listed by a line for all its paths only, though other routes are in front of some
        of them. Of those the line says nothing: being public grants nothing.
        """
        return line.pattern.tail and line.pattern.path in self.needed_paths

    def is_public(self, protection: RouteProtection, *, by_all_lines: bool = True) -> bool:
        """Whether everything that comes by a route is public.

        Args:
            protection: of the route.
            by_all_lines: also by those that an open route needs.
        """
        route = _asked(protection)
        return all(
            any(by_all_lines or not self.is_needed(line) for line in self.public.at(route, method))
            for method in route.methods
        )

    def lists_a_route(self, line: SourceRule) -> bool:
        """Whether a public line is about some route, or about part of an open one without path."""
        listed = pattern_of_rule(line.pattern)
        for one in self.routes_beside(line):
            pattern = pattern_of_route(one.route.path)
            is_open = one.decided_by in (DecidedBy.NOBODY, DecidedBy.UNKNOWN)
            if pattern.more is not None and (is_open or listed == pattern):
                return True
            if pattern.more is None and pattern.path[: len(listed.path)] == listed.path:
                return True
        return False

    def rules_without_route(self) -> Mapping[SourceRule, frozenset[str]]:
        """The rules that count for no request of any API, with the methods that they do not."""
        counting: set[int] = set()
        for one in self.apis:
            for protection in one.protections:
                for rules in one.rules_for(protection, counting):
                    counting.update(map(id, rules))
        found: dict[SourceRule, frozenset[str]] = defaultdict(frozenset)
        for part, (written, methods) in self._written.items():
            if part not in counting:
                found[written] |= methods
        return found

    def first_rule_for(self, protection: RouteProtection) -> SourceRule | None:
        """The first rule that counts for a route, or would."""
        found = next(self.of(protection.api).rules_for(protection), None)
        return None if found is None else self.written(found[0])

    def routes_beside(self, rule: SourceRule) -> Iterator[RouteProtection]:
        """The routes by which some request comes that a rule covers, whether it counts or not."""
        for one in self._routes.overlapping(pattern_of_rule(rule.pattern)):
            has_method = any(rule.pattern.covers_method(method) for method in one.methods)
            if has_method and self.of(one.api).takes(one, rule.pattern):
                yield one


def _by_method(rule: Rule) -> Iterator[Rule]:
    """A rule as several, for a method each: what counts for one may not for another.

    A deny for all is so of each besides: one of them may come by a route for which it is not.
    """
    methods = rule.pattern.methods
    for method in (*methods, *(METHODS if rule.effect == "deny" and ANY in methods else ())):
        yield replace(rule, pattern=replace(rule.pattern, methods=frozenset({method})))


def _may_grant(place: Place, route: AskedRoute) -> bool:
    """Whether what stands at a place can grant requests of a route that is literal where it is."""
    return not route.is_named or place.may_be_of(route.path)


def _asked(protection: RouteProtection) -> AskedRoute:
    """The route as its authorizer asks about it; one that is not ours, as ours would."""
    is_named = protection.names_route or protection.decided_by is DecidedBy.OTHER
    route = asked_route(protection.route.key)
    return replace(route, methods=protection.methods, is_named=is_named)
