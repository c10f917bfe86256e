"""The answers for every caller at once are those that ``decide`` gives to each caller."""

from __future__ import annotations

import dataclasses
import itertools
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_policy import Body, NaivePolicy

from authorizer import Policy
from authorizer.cli.access.access import EVERYONE, Access, Region, Subject, SubjectKind
from authorizer.cli.access.cells import NO_CELL, Outcome, cells_of
from authorizer.cli.access.forms import NOTHING, Clause, Form
from authorizer.cli.access.rows import Kind, Row, rows_of_patterns, rows_of_routes
from authorizer.cli.access.source import Source, source_of
from authorizer.cli.access.spots import Ground, Spot
from authorizer.policy.compiled import dump_policy
from authorizer.policy.routes import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A policy that a random generator makes is denser than what hypothesis composes, and found faster.
seeds = st.integers(0, 2**32).map(Random)
GROUPS = ("reader", "admin", "suspended")
SEGMENTS = ("a", "b", "{x}", "{user=sub}", "{org=team}")
VALUES = ("a", "b", "c", "%C3%A9", "é")
CLAIMS = ("sub", "team", "client_id")


def _unique(path: tuple[str, ...]) -> bool:
    names = [one.strip("{}").partition("=")[0] for one in path if one.startswith("{")]
    return len(set(names)) == len(names)


RULE_PATHS = [
    "/" + "/".join(path)
    for length in (1, 2)
    for path in itertools.product(SEGMENTS, repeat=length)
    if _unique(path)
]
METHODS = ("GET", "GET", "PUT", "ANY", "ANY", "GET,PUT")
ROUTE_KEYS = [
    "GET /a",
    "ANY /a",
    "GET /{id}",
    "PUT /{id}",
    "ANY /{id}/b",
    "GET /{id}/{other}",
    "GET /a/b",
    "ANY /a/{proxy+}",
    "GET /{id}/{proxy+}",
    "ANY /{proxy+}",
    "GET /",
    "$default",
]


def random_policy(random: Random) -> NaivePolicy:
    """A policy in which rules meet."""

    def some(most: int) -> tuple[str, ...]:
        return tuple(
            f"{random.choice(METHODS)} {random.choice(RULE_PATHS)}{random.choice(['', '', '/**'])}"
            for _ in range(random.randrange(most + 1))
        )

    return NaivePolicy(
        groups={
            name: Body(
                includes=tuple(random.sample(GROUPS, k=random.randrange(2))),
                allow=some(5),
                deny=some(2) if random.random() < 0.6 else (),
            )
            for name in GROUPS
        },
        scopes={"x": Body(allow=some(4))},
        public=tuple(f"GET {path}" for path in random.sample(["/a", "/a/b", "/{x}"], k=1)),
    )


def random_routes(random: Random) -> tuple[str, ...]:
    return tuple(random.sample(ROUTE_KEYS, k=random.randrange(1, 6)))


def source(naive: NaivePolicy) -> Source:
    return source_of(dump_policy(naive.document()), "policy.yaml")


def knowing(policy: Policy, routes: Sequence[str]) -> Policy:
    """The policy as it is when compiled with the template."""
    return dataclasses.replace(policy, routes=tuple(routes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: tuple[str, ...]
    claims: dict[str, Any]


def a_request(random: Random, row: Row) -> Asked:
    """A concrete request that fits a route."""
    path = [random.choice(VALUES) if one == PARAMETER else one for one in row.path]
    if row.kind in {Kind.GREEDY, Kind.DEFAULT}:
        fewest = 1 if row.kind is Kind.GREEDY else 0
        path += [random.choice(VALUES) for _ in range(random.randrange(fewest, 4))]
    claims = {name: random.choice([*VALUES, 7, None]) for name in CLAIMS if random.random() < 0.8}
    method = random.choice(row.methods)
    return Asked(method="PURGE" if method == "OTHER" else method, path=tuple(path), claims=claims)


def goes_to(rows: Sequence[Row], asked: Asked) -> Row | None:
    """The row that API Gateway would choose, written out once more: the most specific one."""
    fitting = [row for row in rows if fits(row, asked)]
    ranks = [
        (row.kind is Kind.EXACT, row.kind is Kind.GREEDY, len(row.path), specificity(row, asked))
        for row in fitting
    ]
    return fitting[ranks.index(max(ranks))] if fitting else None


def specificity(row: Row, asked: Asked) -> tuple[bool, ...]:
    return tuple(one == value for one, value in zip(row.path, asked.path, strict=False))


def fits(row: Row, asked: Asked) -> bool:
    if ("OTHER" if asked.method == "PURGE" else asked.method) not in row.methods:
        return False
    if row.kind is Kind.EXACT and len(asked.path) != len(row.path):
        return False
    if row.kind is Kind.GREEDY and len(asked.path) <= len(row.path):
        return False
    return all(one in (PARAMETER, value) for one, value in zip(row.path, asked.path, strict=False))


def decided(policy: Policy, row: Row, asked: Asked, subject: Subject) -> bool:
    """What ``decide`` says to a caller of one group or scope."""
    told = {name: value for name, value in zip(row.names, asked.path, strict=False) if name}
    machine = subject.kind is SubjectKind.SCOPE
    claims = dict(asked.claims)
    if machine:
        claims["sub"] = claims["client_id"] = str(claims.get("sub") or "c")
    return policy.decide(
        method=asked.method,
        route=row.key.partition(" ")[2] or row.key,
        path="/" + "/".join(asked.path),
        path_parameters=told,
        groups=() if machine else (subject.name,),
        scopes=(subject.name,) if machine else (),
        claims=claims,
    ).allowed


def said(access: Access, ground: Ground, row: Row, asked: Asked, subject: Subject) -> bool:
    """What the form says of the same."""
    [spot] = [spot for spot in ground.spots(row) if is_of(spot, row, asked.path)]
    method = "OTHER" if asked.method == "PURGE" else asked.method
    everyone = access.said(Region(row=row, spot=spot, methods=(method,)))
    form = everyone[subject].form if subject in everyone else NOTHING
    claims = dict(asked.claims)
    if subject.kind is SubjectKind.SCOPE:
        claims["sub"] = claims["client_id"] = str(claims.get("sub") or "c")
    return holds(form, asked.path, claims)


def is_of(spot: Spot, row: Row, path: Sequence[str]) -> bool:
    if row.tells_path:
        return True
    if len(path) != len(spot.terms) and not (spot.goes_on and len(path) > len(spot.terms)):
        return False
    never = dict(spot.excluded)
    return all(
        value not in never.get(at, ()) if isinstance(term, int) else value == term
        for at, (term, value) in enumerate(zip(spot.terms, path, strict=False))
    )


def holds(form: Form, path: Sequence[str], claims: dict[str, Any]) -> bool:
    def value(term: int | str) -> str:
        return path[term] if isinstance(term, int) else term

    def surely(clause: Clause) -> bool:
        return all(
            claims.get(claim) == value(term) and "%" not in value(term) for term, claim in clause
        )

    def maybe(clause: Clause) -> bool:
        return all(
            isinstance(claims.get(claim), str)
            and claims[claim] in {value(term), unquote(value(term))}
            for term, claim in clause
        )

    return any(map(surely, form.allows)) and not any(map(maybe, form.denies))


def requests(random: Random, rows: Sequence[Row], count: int) -> Iterator[tuple[Row, Asked]]:
    for _ in range(count):
        row = random.choice(rows)
        if row.methods:
            asked = a_request(random, row)
            if goes_to(rows, asked) == row:
                yield row, asked


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_forms_say_what_decide_says(random: Random) -> None:
    """For each route, subject, path, method and claims: the form holds if decide allows."""
    naive, keys = random_policy(random), random_routes(random)
    access = Access(source(naive), keys)
    ground = Ground(access.places)
    policy = knowing(access.source.policy, keys)
    rows = rows_of_routes(keys)

    for row, asked in requests(random, rows, 30):
        for subject in access.subjects[1:]:
            expected = decided(policy, row, asked, subject)
            assert said(access, ground, row, asked, subject) is expected, (naive, row, asked)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_outcomes_say_what_decide_says(random: Random) -> None:
    """``allow`` is never refused, ``none`` and ``deny`` are never allowed, ``own`` needs a claim."""
    naive, keys = random_policy(random), random_routes(random)
    access = Access(source(naive), keys)
    ground = Ground(access.places)
    policy = knowing(access.source.policy, keys)
    rows = rows_of_routes(keys)
    cells = {row: cells_of(row, ground, access, rows) for row in rows}

    for row, asked in requests(random, rows, 30):
        for subject in access.subjects[1:]:
            cell = cells[row].get(subject, NO_CELL)
            allowed = decided(policy, row, asked, subject)
            match cell.outcome:
                case Outcome.ALLOW:
                    assert allowed, (naive, row, asked, subject, cell)
                case Outcome.NONE | Outcome.DENY:
                    assert not allowed, (naive, row, asked, subject, cell)
                case Outcome.OWN:
                    without = dataclasses.replace(asked, claims={})
                    assert subject.kind is SubjectKind.SCOPE or not decided(
                        policy, row, without, subject
                    )


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_rows_that_rules_name_say_what_decide_says(random: Random) -> None:
    """Without a template, the routes are those of the rules, and any other below a ``/**``."""
    naive = random_policy(random)
    access = Access(source(naive))
    policy = access.source.policy
    ground = Ground(access.places)
    patterns = [rule.pattern for rule in policy.rules]

    for row in rows_of_patterns(patterns):
        if not row.methods:
            continue
        asked = a_request(random, row)
        route = row
        if row.kind is Kind.BELOW:
            # Any route below that no rule names.
            asked = dataclasses.replace(asked, path=(*asked.path, "new"))
            route = dataclasses.replace(
                row, key=f"x {row.key.partition(' ')[2].removesuffix('/**')}/new"
            )
        for subject in access.subjects[1:]:
            expected = decided(policy, route, asked, subject)
            assert said(access, ground, row, asked, subject) is expected, (naive, row, asked)


@pytest.mark.parametrize("seed", range(3))
def test_partly_is_neither_all_nor_nothing(seed: int) -> None:
    """Every ``partly`` and ``own`` is allowed to some request of some caller, and not to another."""
    random = Random(seed)
    for _ in range(20):
        naive, keys = random_policy(random), random_routes(random)
        access = Access(source(naive), keys)
        rows = rows_of_routes(keys)
        for row in rows:
            for subject, cell in cells_of(row, Ground(access.places), access, rows).items():
                if subject != EVERYONE and cell.outcome in {Outcome.PARTLY, Outcome.OWN}:
                    assert "all of it" in cell.words or "only where" in cell.words, cell
