"""The routes of an API as their authorizers ask about them: who may use them, and what matters."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.conditions import ALWAYS
from authorizer.cli.analysis.grants import (
    Analysis,
    competing_routes,
    methods_left,
    preferred_routes,
)
from authorizer.cli.analysis.partition import MOST_CLASSES, Partition, RequestClass
from authorizer.cli.analysis.protection import protections_of
from authorizer.cli.analysis.routes import OTHER_METHODS, asked_route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.analysis.paths import PathPattern
    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.analysis.routes import AskedRoute
    from authorizer.cli.template.model import Api, Template
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Rule


class _TooManyClasses(Exception):  # noqa: N818 - it is no error, but what is not found out
    """More classes of paths than anyone would wait for."""


class ApiAnalysis:
    """A policy in front of an API."""

    def __init__(self, policy: Policy, template: Template, api: Api) -> None:
        """Compile the policy with the API's routes, where it makes a difference.

        Args:
            policy: without routes.
            template: that has the API.
            api: whose routes are asked about.
        """
        self.protections = tuple(protections_of(template, api))
        if api.is_complete and any(route.is_decided_by_path for route in self.protections):
            policy = replace(policy, routes=api.keys)
        self._analysis = Analysis(policy)
        self._partition = Partition(self._analysis.paths)
        self._competing = competing_routes(map(_asked, self.protections))

    def is_usable(self, protection: RouteProtection) -> bool:
        """Whether some subject is permitted anything on a route.

        Also if that is not worth finding out: what cannot be proven is not said.
        """
        route = _asked(protection)
        patterns: Iterable[PathPattern] = [route.pattern]
        if not route.tells_path:
            allowed = self._analysis.allowed
            patterns = allowed.overlapping(route.pattern, literally=route.is_named)
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
            comparing = [rule for rule in self._analysis.policy.rules if rule.pattern.conditions]
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
                and self._differ(classes)
                for classes in self._by_paths(route)
            )
        return True

    def _rules(self, requests: RequestClass) -> Iterator[Rule]:
        return self._analysis.rules_at(requests.route, requests.paths, requests.methods[0])

    def _comparing(self, requests: RequestClass) -> Iterator[Rule]:
        for grant in self._analysis.grants(requests).values():
            if (grant.condition.allows | grant.condition.denies) - {ALWAYS}:
                yield from (rule for rule in grant.rules if rule.pattern.conditions)

    def _differ(self, classes: Iterable[RequestClass]) -> bool:
        found: set[object] = set()
        for requests in classes:
            found.add(frozenset(self._conditions(requests)))
            if len(found) > 1:
                return True
        return False

    def _conditions(self, requests: RequestClass) -> Iterator[tuple[object, ...]]:
        for subject, grant in self._analysis.grants(requests).items():
            condition = grant.condition
            if condition.allows or condition.denies:
                yield subject, condition.allows, condition.denies

    def _by_paths(
        self, route: AskedRoute, within: Iterable[PathPattern | None] = (None,)
    ) -> Iterator[list[RequestClass]]:
        """For each class of a route's paths, the requests of each method."""
        preferred = preferred_routes(route, self._competing)
        for pattern in within:
            for number, paths in enumerate(self._partition.walk(route, pattern)):
                if number >= MOST_CLASSES:
                    raise _TooManyClasses
                yield [
                    RequestClass(route=route, paths=paths, methods=(method,))
                    for method in methods_left(route, paths, preferred)
                ]


def _asked(protection: RouteProtection) -> AskedRoute:
    route = asked_route(protection.route.key)
    return replace(route, methods=protection.methods, is_named=protection.names_route)
