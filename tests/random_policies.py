"""Policies, routes and requests in which rules meet, and what ``decide`` says to them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hypothesis import strategies as st
from naive_policy import Body, NaivePolicy

from authorizer.cli.analysis.conditions import NOTHING, AccessCondition, Clause
from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.analysis.partition import Partition, PathClass, RequestClass
from authorizer.cli.analysis.permissions import Analysis, Subject, SubjectKind
from authorizer.cli.analysis.routes import AskedRoute, RouteKind, asked_routes
from authorizer.cli.policy_file import read_source
from authorizer.policy.paths import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer import Policy

# A policy that a random generator makes is denser than what hypothesis composes, and found faster.
seeds = st.integers(0, 2**32).map(Random)
GROUPS = ("reader", "admin", "suspended")
SEGMENTS = ("a", "b", "{x}", "{user=sub}", "{org=team}")
VALUES = ("a", "b", "c", "d", "%C3%A9", "é")
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
PARAMETERS_ALONE = [path for path in RULE_PATHS if path.count("{") == path.count("/")]
PUBLIC_PATHS = ["/a", "/a/b", "/{x}", "/**", "/a/**", "/{x}/**", "/b/a/**"]
METHODS = ("GET", "GET", "PUT", "ANY", "ANY", "GET,PUT")
ROUTE_KEYS = [
    "GET /a",
    "ANY /a",
    "GET /{id}",
    "PUT /{id}",
    "ANY /{id}/b",
    "GET /{id}/{other}",
    "GET /a/b",
    "GET /a/{other}",
    "ANY /a/{proxy+}",
    "GET /{id}/{proxy+}",
    "ANY /{proxy+}",
    "GET /",
    "$default",
]


def random_policy(random: Random) -> NaivePolicy:
    """A policy in which rules meet, or in which only public routes have literals."""
    paths = RULE_PATHS if random.random() < 0.7 else PARAMETERS_ALONE

    def some(most: int) -> tuple[str, ...]:
        return tuple(
            f"{random.choice(METHODS)} {random.choice(paths)}{random.choice(['', '', '/**'])}"
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
        public=tuple(f"GET {path}" for path in random.sample(PUBLIC_PATHS, k=random.randrange(3))),
    )


def random_routes(random: Random) -> tuple[str, ...]:
    return tuple(random.sample(ROUTE_KEYS, k=random.randrange(1, 6)))


def unnamed(random: Random, keys: Sequence[str]) -> frozenset[str]:
    """Routes that are not named to their authorizer; mostly none."""
    is_usual = random.random() < 0.5
    return frozenset(key for key in keys if not is_usual and random.random() < 0.5)


def random_asked_routes(random: Random, keys: Sequence[str]) -> tuple[AskedRoute, ...]:
    return asked_routes(keys, unnamed(random, keys))


def source(naive: NaivePolicy) -> NamedPolicy:
    """The same, read from its text; groups may include one another."""
    text = json.dumps(
        {
            "version": 1,
            "groups": {name: dataclasses.asdict(body) for name, body in naive.groups.items()},
            "scopes": {name: {"allow": body.allow} for name, body in naive.scopes.items()},
            "public": naive.public,
        }
    )
    source, problems = read_source(text.encode())
    assert {problem.code for problem in problems} <= {"P112"}
    return NamedPolicy(source=source)


def knowing(policy: Policy, routes: Sequence[str]) -> Policy:
    """The policy as it is when compiled with the template."""
    return dataclasses.replace(policy, routes=tuple(routes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: tuple[str, ...]
    claims: dict[str, Any]


def a_request(random: Random, route: AskedRoute) -> Asked:
    """A concrete request that fits a route."""
    path = [random.choice(VALUES) if one == PARAMETER else one for one in route.path]
    if route.kind in {RouteKind.GREEDY, RouteKind.DEFAULT}:
        fewest = 1 if route.kind is RouteKind.GREEDY else 0
        path += [random.choice(VALUES) for _ in range(random.randrange(fewest, 4))]
    claims = {name: random.choice([*VALUES, 7, None]) for name in CLAIMS if random.random() < 0.8}
    method = random.choice(route.methods)
    return Asked(method="PURGE" if method == "OTHER" else method, path=tuple(path), claims=claims)


def goes_to(routes: Sequence[AskedRoute], asked: Asked, route: AskedRoute) -> bool:
    """Whether API Gateway may choose a route for a request, written out once more."""
    return fits(route, asked) and not any(
        fits(other, asked) and _beats(other, route) for other in routes
    )


def _beats(other: AskedRoute, route: AskedRoute) -> bool:
    """Whether another route is the more specific one of two that fit."""
    if route.tells_path or other == route or other.kind is RouteKind.DEFAULT:
        return False
    if route.kind is RouteKind.DEFAULT:
        return True
    if other.kind is RouteKind.GREEDY and (
        len(other.path) < len(route.path) or other.path == route.path
    ):
        return False
    # A parameter where the route is literal may lose, in one kind of API or another.
    return all(
        one != PARAMETER or two == PARAMETER
        for one, two in zip(other.path, route.path, strict=False)
    )


def fits(route: AskedRoute, asked: Asked) -> bool:
    if ("OTHER" if asked.method == "PURGE" else asked.method) not in route.methods:
        return False
    if route.kind is RouteKind.EXACT and len(asked.path) != len(route.path):
        return False
    if route.kind is RouteKind.GREEDY and len(asked.path) <= len(route.path):
        return False
    return all(
        one in (PARAMETER, value) for one, value in zip(route.path, asked.path, strict=False)
    )


def said(
    access: Analysis, partition: Partition, route: AskedRoute, asked: Asked, subject: Subject
) -> bool:
    """What the form says of the same."""
    [path_class] = [
        path_class
        for path_class in partition.path_classes(route)
        if is_of(path_class, route, asked.path)
    ]
    method = "OTHER" if asked.method == "PURGE" else asked.method
    everyone = access.grants(RequestClass(route=route, paths=path_class, methods=(method,)))
    form = everyone[subject].condition if subject in everyone else NOTHING
    claims = dict(asked.claims)
    if subject.kind is SubjectKind.SCOPE:
        claims = machines_claims(asked)
    return holds(form, asked.path, claims)


def is_of(path_class: PathClass, route: AskedRoute, path: Sequence[str]) -> bool:
    if route.tells_path:
        return True
    if len(path) != len(path_class.terms) and not (
        path_class.goes_on and len(path) > len(path_class.terms)
    ):
        return False
    never = dict(path_class.excluded)
    return all(
        value not in never.get(at, ()) if isinstance(term, int) else value == term
        for at, (term, value) in enumerate(zip(path_class.terms, path, strict=False))
    )


def holds(form: AccessCondition, path: Sequence[str], claims: dict[str, Any]) -> bool:
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


def decided(policy: Policy, route: AskedRoute, asked: Asked, who: Sequence[Subject]) -> bool:
    """What ``decide`` says to a caller of some groups, or to a machine with one scope."""
    told = {name: value for name, value in zip(route.names, asked.path, strict=False) if name}
    machine = who[0].kind is SubjectKind.SCOPE
    return policy.decide(
        method=asked.method,
        route=(route.key.partition(" ")[2] or route.key) if route.is_named else None,
        path="/" + "/".join(asked.path),
        path_parameters=told if route.is_named else {},
        groups=() if machine else [one.name for one in who],
        scopes=[one.name for one in who] if machine else (),
        claims=machines_claims(asked) if machine else asked.claims,
    ).allowed


def machines_claims(asked: Asked) -> dict[str, Any]:
    """The same claims, but of a machine: its subject is its client."""
    subject = str(asked.claims.get("sub") or "c")
    return {**asked.claims, "sub": subject, "client_id": subject}


def concrete(route: AskedRoute) -> AskedRoute:
    """A route of the API for what a rule with ``/**`` stands for: one that no rule names."""
    if route.kind is not RouteKind.BELOW:
        return route
    above = route.key.partition(" ")[2].removesuffix("/**")
    return dataclasses.replace(route, key=f"x {above}/new", path=(*route.path, "new"))


def requests(
    random: Random, routes: Sequence[AskedRoute], count: int
) -> Iterator[tuple[AskedRoute, Asked]]:
    for _ in range(count):
        route = random.choice(routes)
        if route.methods:
            asked = a_request(random, route)
            if goes_to(routes, asked, route):
                yield route, asked
