"""The answers for every caller at once are those that ``decide`` gives to each caller."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
from examples import examples
from hypothesis import given, settings
from random_policies import (
    a_request,
    concrete,
    decided,
    knowing,
    random_asked_routes,
    random_policy,
    random_routes,
    requests,
    said,
    seeds,
    source,
)

from authorizer.cli.analysis.partition import Partition, competing_routes
from authorizer.cli.analysis.permissions import (
    EVERYONE,
    NO_PERMISSION,
    Analysis,
    Extent,
    SubjectKind,
    permissions_of,
)
from authorizer.cli.analysis.routes import asked_routes, routes_of_rules


@settings(max_examples=examples(150), deadline=None)
@given(seeds)
def test_forms_say_what_decide_says(random: Random) -> None:
    """For each route, subject, path, method and claims: the form holds if decide allows."""
    naive, keys = random_policy(random), random_routes(random)
    access = Analysis.of(source(naive), keys)
    partition = Partition(access.policy.tree)
    policy = knowing(access.policy, keys)
    routes = random_asked_routes(random, keys)

    for route, asked in requests(random, routes, 30):
        for subject in access.subjects[1:]:
            expected = decided(policy, route, asked, [subject])
            assert said(access, partition, route, asked, subject) is expected, (naive, route, asked)


@settings(max_examples=examples(200), deadline=None)
@given(seeds)
def test_outcomes_say_what_decide_says(random: Random) -> None:
    """``allow`` is never refused, ``none`` and ``deny`` never allowed, ``own`` needs a claim."""
    naive, keys = random_policy(random), random_routes(random)
    access = Analysis.of(source(naive), keys)
    partition = Partition(access.policy.tree)
    policy = knowing(access.policy, keys)
    routes = random_asked_routes(random, keys)
    cells = {
        route: permissions_of(route, partition, access, competing_routes(routes))
        for route in routes
    }

    for route, asked in requests(random, routes, 30):
        for subject in access.subjects[1:]:
            cell = cells[route].get(subject, NO_PERMISSION)
            allowed = decided(policy, route, asked, [subject])
            match cell.extent:
                case Extent.ALLOW:
                    assert allowed, (naive, route, asked, subject, cell)
                case Extent.NONE | Extent.DENY:
                    assert not allowed, (naive, route, asked, subject, cell)
                case Extent.OWN:
                    without = dataclasses.replace(asked, claims={})
                    assert subject.kind is SubjectKind.SCOPE or not decided(
                        policy, route, without, [subject]
                    )


@settings(max_examples=examples(200), deadline=None)
@given(seeds)
def test_rows_that_rules_name_say_what_decide_says(random: Random) -> None:
    """Without a template, the routes are those of the rules, and any other below a ``/**``."""
    naive = random_policy(random)
    access = Analysis.of(source(naive))
    policy = access.policy
    partition = Partition(access.policy.tree)
    patterns = [rule.pattern for rule in policy.rules]

    for route in routes_of_rules(patterns):
        if not route.methods:
            continue
        exact = concrete(route)
        asked = a_request(random, exact)
        for subject in access.subjects[1:]:
            expected = decided(policy, exact, asked, [subject])
            assert said(access, partition, route, asked, subject) is expected, (naive, route, asked)


@pytest.mark.parametrize("seed", range(3))
def test_words_say_what_it_depends_on(seed: int) -> None:
    """The words of a cell that depends on something say what is allowed."""
    random = Random(seed)
    for _ in range(20):
        naive, keys = random_policy(random), random_routes(random)
        access = Analysis.of(source(naive), keys)
        routes = asked_routes(keys)
        for route in routes:
            for subject, cell in permissions_of(
                route, Partition(access.policy.tree), access, competing_routes(routes)
            ).items():
                if subject != EVERYONE and cell.extent in {Extent.PARTLY, Extent.OWN}:
                    assert "all of it" in cell.words or "only where" in cell.words, cell
