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
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from authorizer.cli.analysis.caching import Cache, caches
from authorizer.cli.analysis.conditions import ALWAYS
from authorizer.cli.analysis.partition import (
    MOST_CLASSES,
    Partition,
    PathClass,
    RequestClass,
    competing_routes,
    methods_left,
    widest_classes,
)
from authorizer.cli.analysis.permissions import Analysis
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, protections_of
from authorizer.cli.analysis.routes import (
    OTHER_METHODS,
    AskedRoute,
    Placed,
    PublicLines,
    asked_route,
    overlapping,
    pattern_of_route,
    pattern_of_rule,
)
from authorizer.policy.model import RoutePattern
from authorizer.policy.paths import ANY, METHODS, MOST_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.policy_file.source import SourceRule
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Effect, Rule
    from authorizer.policy.route_tree import Place


# What a rule does by one of its methods, whoever it is for. What counts for one may not for others.
_Part = tuple["Effect", RoutePattern]


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
    def _parts(self) -> dict[Place, dict[_Part, Rule]]:
        """What the rules at each place do, with the first of the rules that do it."""
        found: dict[Place, dict[_Part, Rule]] = defaultdict(dict)
        for (place, _), rules in self._analysis.rules_of.items():
            for rule in rules:
                for part in _parts_of(rule):
                    found[place].setdefault(part, rule)
        return found

    def counting(
        self, protection: RouteProtection, known: Container[_Part] = ()
    ) -> Iterator[tuple[_Part, Rule]]:
        """What counts for some request of a route, or may, with its first rule; in their order.

        Args:
            protection: of the route.
            known: what need not be told.
        """
        route = _asked(protection)
        parts = [
            (part, rule, place)
            for place in self._places(route)
            for part, rule in self._parts[place].items()
            if part not in known and (part[0] == "deny" or _may_grant(place, route))
        ]
        for part, rule, place in sorted(parts, key=lambda found: found[1].line):
            if self._counts(part, place, route):
                yield part, rule

    def _counts(self, part: _Part, place: Place, route: AskedRoute) -> bool:
        effect, pattern = part
        return _may_be(
            place in self._analysis.deciding_places(route, one.paths, one.methods[0])[effect]
            for one in self._requests(route, pattern, self._left)
        )

    def takes(self, protection: RouteProtection, pattern: RoutePattern) -> bool:
        """Whether some request that a rule covers comes by a route, or may."""
        return _may_be(True for _ in self._requests(_asked(protection), pattern, self._left))

    def is_usable(self, protection: RouteProtection) -> bool:
        """Whether some subject is permitted anything on a route, or may be."""
        route = _asked(protection)
        return _may_be(
            grant.condition.allows != frozenset()
            for place in self._places(route)
            for effect, pattern in self._parts[place]
            if effect == "allow" and _may_grant(place, route)
            for requests in self._requests(route, pattern)
            for grant in self._analysis.grants(requests).values()
        )

    def comparing_rule(self, protection: RouteProtection) -> Rule | None:
        """The first rule by which requests of a route are granted or not as their values are.

        None of a route on which others grant, or deny, the same without comparing. The route tells
        its path.
        """
        comparing = chain.from_iterable(
            self._comparing(requests)
            for requests in self._requests(_asked(protection))
            if any(rule.pattern.conditions for rule in self._rules(requests))
        )
        return min(comparing, key=lambda rule: rule.line, default=None)

    def differs_by_method(self, protection: RouteProtection) -> bool:
        """Whether requests of one path are granted differently by their methods, or may be."""
        route = _asked(protection)
        # Whatever is not a usual method is covered by ANY alone.
        route = replace(route, methods=(*route.methods, OTHER_METHODS))
        return _may_be(
            # Mostly the same rules count, and what they grant need not be found out.
            len({tuple(map(id, self._rules(requests))) for requests in alike}) > 1
            and len(set(map(self._granted, alike))) > 1
            for _, found in groupby(self._requests(route), key=attrgetter("paths"))
            if (alike := tuple(found))
        )

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

    def _requests(
        self,
        route: AskedRoute,
        within: RoutePattern | None = None,
        left: Iterator[int] | None = None,
    ) -> Iterator[RequestClass]:
        """The requests of a route that a rule covers, or all: by classes of paths, and by methods.

        First those that mostly settle it. Where all of them go to other routes, the rest do, too.

        Raises:
            _TooManyClasses: there are more than are left to look at.
        """
        pattern, left = None, left or iter(range(MOST_CLASSES))
        if within is not None and not route.tells_path:
            pattern = pattern_of_rule(within)
            widest = widest_classes(route.pattern, pattern, self._longest)
            is_left = False
            for requests in chain.from_iterable(
                self._by_method(route, paths, within) for paths in widest
            ):
                is_left = True
                yield requests
            if not is_left:
                return
        for paths in Partition(self._analysis.policy.tree).walk(route, pattern):
            if next(left, None) is None:
                raise _TooManyClasses
            yield from self._by_method(route, paths, within)

    def _by_method(
        self, route: AskedRoute, paths: PathClass, within: RoutePattern | None
    ) -> Iterator[RequestClass]:
        for method in methods_left(route, paths, self._competing):
            if within is None or within.covers_method(method):
                yield RequestClass(route=route, paths=paths, methods=(method,))


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
        self.apis = tuple(ApiAnalysis(self.policy, template, api) for api in template.apis)
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
        return any(
            pattern.path[: len(listed.path)] == listed.path
            if (pattern := pattern_of_route(one.route.path)).more is None
            else listed == pattern or one.decided_by in (DecidedBy.NOBODY, DecidedBy.UNKNOWN)
            for one in self.routes_beside(line)
        )

    def rules_without_route(self) -> Iterator[tuple[SourceRule, frozenset[str]]]:
        """The rules that count for no request of any API, with the methods that they do not."""
        counting: set[_Part] = set()
        for one in self.apis:
            for protection in one.protections:
                counting.update(part for part, _ in one.counting(protection, counting))
        for rule in self.source.rules:
            idle = [part for part in _parts_of(rule) if part not in counting]
            if idle:
                yield rule, frozenset().union(*(pattern.methods for _, pattern in idle))

    def first_rule_for(self, protection: RouteProtection) -> Rule | None:
        """The first rule that counts for a route, or would."""
        return next((rule for _, rule in self.of(protection.api).counting(protection)), None)

    def routes_beside(self, rule: SourceRule) -> Iterator[RouteProtection]:
        """The routes by which some request comes that a rule covers, whether it counts or not."""
        for one in self._routes.overlapping(pattern_of_rule(rule.pattern)):
            has_method = any(rule.pattern.covers_method(method) for method in one.methods)
            if has_method and self.of(one.api).takes(one, rule.pattern):
                yield one


def _parts_of(rule: Rule) -> Iterator[_Part]:
    """What a rule does by each of its methods.

    A deny for all is so of each besides: one of them may come by a route for which it is not.
    """
    methods, path, tail = rule.pattern.methods, rule.pattern.path, rule.pattern.tail
    for method in (*methods, *(METHODS if rule.effect == "deny" and ANY in methods else ())):
        own = RoutePattern(text=method, methods=frozenset({method}), path=path, tail=tail)
        yield rule.effect, own


def _may_be(facts: Iterable[bool]) -> bool:
    """Whether some of these facts holds, or may: what takes too long to find out is not denied."""
    with suppress(RecursionError, _TooManyClasses):
        return any(facts)
    return True


def _may_grant(place: Place, route: AskedRoute) -> bool:
    """Whether what stands at a place can grant requests of a route that is literal where it is."""
    return not route.is_named or place.may_be_of(route.path)


def _asked(protection: RouteProtection) -> AskedRoute:
    """The route as its authorizer asks about it; one that is not ours, as ours would."""
    is_named = protection.names_route or protection.decided_by is DecidedBy.OTHER
    route = asked_route(protection.route.key)
    return replace(route, methods=protection.methods, is_named=is_named)
