"""A diff says all that differs between two policies, and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import (
    GROUPS,
    METHODS,
    RULE_PATHS,
    VALUES,
    Asked,
    a_request,
    concrete,
    decided,
    goes_to,
    knowing,
    random_policy,
    random_routes,
    seeds,
    source,
    unnamed,
)

from authorizer.cli.analysis.permissions import EVERYONE, Subject, SubjectKind
from authorizer.cli.analysis.routes import AskedRoute, asked_routes
from authorizer.cli.diff.compare import Diff, compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from naive_policy import Body, NaivePolicy

    from authorizer import Policy

CLAIMS = ("a", "b", "c", "d", "é", None)


def changed(naive: NaivePolicy, random: Random) -> NaivePolicy:
    """The same policy, but for a rule or two, a group's includes, or a whole group."""
    groups = dict(naive.groups)
    for _ in range(random.randrange(1, 3)):
        name = random.choice(GROUPS)
        if random.random() < 0.1:
            groups.pop(name, None)
        elif name in groups:
            groups[name] = _body(groups[name], random)
    kept = {
        name: dataclasses.replace(
            body, includes=tuple(one for one in body.includes if one in groups)
        )
        for name, body in groups.items()
    }
    scopes = {name: _without_denies(_body(body, random)) for name, body in naive.scopes.items()}
    return dataclasses.replace(naive, groups=kept, scopes=scopes)


def _body(body: Body, random: Random) -> Body:
    rule = f"{random.choice(METHODS)} {random.choice(RULE_PATHS)}{random.choice(['', '/**'])}"
    return random.choice(
        [
            dataclasses.replace(body, allow=(*body.allow, rule)),
            dataclasses.replace(body, allow=body.allow[1:]),
            dataclasses.replace(body, deny=(*body.deny, rule)),
            dataclasses.replace(body, deny=body.deny[1:]),
            dataclasses.replace(body, includes=body.includes[1:]),
        ]
    )


def _without_denies(body: Body) -> Body:
    return dataclasses.replace(body, deny=(), includes=())


def a_question(random: Random, route: AskedRoute) -> Asked:
    asked = a_request(random, route)
    claims = {name: random.choice(CLAIMS) for name in ("sub", "team", "client_id")}
    # Often just what a condition asks for.
    if asked.path and random.random() < 0.5:
        claims["sub"] = random.choice(asked.path)
    return dataclasses.replace(asked, claims=claims)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    old: Policy
    new: Policy
    diff: Diff
    routes: tuple[AskedRoute, ...]
    is_routed: bool


def a_pair(random: Random, *, is_routed: bool) -> Pair:
    before = random_policy(random)
    after = changed(before, random)
    old, new = source(before), source(after)
    if not is_routed:
        diff = compare(old, new)
        routes = tuple(route for route in diff.routes if route.methods)
        return Pair(old=old.policy, new=new.policy, diff=diff, routes=routes, is_routed=False)
    keys = random_routes(random)
    alone = unnamed(random, keys)
    return Pair(
        old=knowing(old.policy, keys),
        new=knowing(new.policy, keys),
        diff=compare(old, new, keys, alone),
        routes=tuple(route for route in asked_routes(keys, alone) if route.methods),
        is_routed=True,
    )


def questions(random: Random, pair: Pair, count: int) -> list[tuple[AskedRoute, Asked]]:
    found = []
    for _ in range(count):
        route = random.choice(pair.routes)
        asked = a_question(random, concrete(route))
        if not pair.is_routed or goes_to(pair.routes, asked, route):
            found.append((route, asked))
    return found


@settings(max_examples=examples(200), deadline=None)
@given(random=seeds, is_routed=st.booleans())
def test_what_decide_says_otherwise_is_reported(random: Random, *, is_routed: bool) -> None:
    """If any group or scope alone is answered otherwise, then the diff has it, the right way."""
    pair = a_pair(random, is_routed=is_routed)
    if not pair.routes:
        return
    gains = {(change.subject, change.route) for change in pair.diff.gains}
    losses = {(change.subject, change.route) for change in pair.diff.losses}
    subjects = [Subject(kind=SubjectKind.GROUP, name=name) for name in GROUPS]
    subjects.append(Subject(kind=SubjectKind.SCOPE, name="x"))

    for route, asked in questions(random, pair, 40):
        for subject in subjects:
            was = decided(pair.old, concrete(route), asked, [subject])
            becomes = decided(pair.new, concrete(route), asked, [subject])
            assert becomes <= was or (subject, route) in gains, (route, asked, subject)
            assert was <= becomes or (subject, route) in losses, (route, asked, subject)


@settings(max_examples=examples(200), deadline=None)
@given(random=seeds, is_routed=st.booleans())
def test_callers_of_several_groups_are_told_by_lifted_and_imposed_denies(
    random: Random, *, is_routed: bool
) -> None:
    """What any set of groups gains, one of them gains alone, or by a deny that was lifted."""
    pair = a_pair(random, is_routed=is_routed)
    if not pair.routes:
        return
    gains = {(change.subject, change.route) for change in pair.diff.gains}
    losses = {(change.subject, change.route) for change in pair.diff.losses}
    lifted = {(one.group, other, one.route) for one in pair.diff.lifted for other in one.others}
    imposed = {(one.group, other, one.route) for one in pair.diff.imposed for other in one.others}
    groups = [Subject(kind=SubjectKind.GROUP, name=name) for name in GROUPS]
    several = [*itertools.combinations(groups, 2), tuple(groups)]

    for route, asked in questions(random, pair, 30):
        for who in several:
            was = decided(pair.old, concrete(route), asked, who)
            becomes = decided(pair.new, concrete(route), asked, who)
            if becomes and not was:
                assert any((one, route) in gains for one in who) or any(
                    (one, other, route) in lifted for one in who for other in who
                ), (route, asked, who)
            if was and not becomes:
                assert any((one, route) in losses for one in who) or any(
                    (one, other, route) in imposed for one in who for other in who
                ), (route, asked, who)


@settings(max_examples=examples(80), deadline=None)
@given(random=seeds, is_routed=st.booleans())
def test_what_is_reported_is_decided_otherwise(random: Random, *, is_routed: bool) -> None:
    """For each reported gain, loss and lifted deny, there is a request that shows it."""
    pair = a_pair(random, is_routed=is_routed)
    for change in pair.diff.changes:
        if change.subject != EVERYONE:
            who = [change.subject]
            assert not change.gains or _shown(random, pair, change.route, who)
            assert not change.loses or _shown(random, pair, change.route, who, backwards=True)
    for one in pair.diff.lifted:
        for other in one.others:
            who = [one.group, other]
            assert _shown(random, pair, one.route, who), (one, other)
    for one in pair.diff.imposed:
        for other in one.others:
            who = [one.group, other]
            assert _shown(random, pair, one.route, who, backwards=True), (one, other)


def _shown(
    random: Random,
    pair: Pair,
    route: AskedRoute,
    who: Sequence[Subject],
    *,
    backwards: bool = False,
) -> bool:
    """Whether a request is found that is refused by one policy and allowed by the other."""
    exact = concrete(route)
    old, new = (pair.new, pair.old) if backwards else (pair.old, pair.new)
    for _ in range(400_000):  # rare ones are one in tens of thousands
        asked = a_question(random, exact)
        if pair.is_routed and not goes_to(pair.routes, asked, route):
            continue
        if decided(new, exact, asked, who) and not decided(old, exact, asked, who):
            return True
    return False


@settings(max_examples=examples(100), deadline=None)
@given(seeds)
def test_a_policy_differs_in_nothing_from_itself(random: Random) -> None:
    """Nor from the same rules in another order, with other names of parameters, on other lines."""
    naive = random_policy(random)

    def respelt(rules: tuple[str, ...]) -> tuple[str, ...]:
        some = [rule.replace("{x", "{y").replace("{user", "{me") for rule in rules]
        return tuple(random.sample(some, k=len(some)) + some[:1])

    other = dataclasses.replace(
        naive,
        groups={
            name: dataclasses.replace(body, allow=respelt(body.allow), deny=respelt(body.deny))
            for name, body in reversed(list(naive.groups.items()))
        },
        public=respelt(naive.public),
    )

    assert compare(source(naive), source(naive)).is_empty
    assert compare(source(naive), source(other)).is_empty
    assert compare(source(other), source(naive), random_routes(random)).is_empty


def test_the_values_of_the_tests_can_tell_conditions_apart() -> None:
    """A value that no literal excludes, two of them, and one that equals a claim only decoded."""
    assert len(set(VALUES) - {"a", "b"}) > 2
