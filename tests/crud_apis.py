"""Synthetic REST APIs with the roles that people give: how many of them have an exact document.

An API is made of nouns: their list, one of them by its id, what belongs to one, what is done with
one, and people's own records. Nine roles use it, from one that reads all to a third at random.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from authorizer.cli.policy_file.compile import compiled_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


ROLES = (
    "reader",
    "admin",
    "editor",
    "member",
    "manager",
    "support",
    "lister",
    "author",
    "third",
)
# Nobody's role: what it shows is where documents end.
SCATTERED = "scattered"
# What everybody is, whoever else they are.
_BASE = "member"
# As long as nouns are.
_NOUNS = [f"nouns-{number}" for number in range(100)]
_NESTED = ["comments", "items", "notes", "files", "tags", "versions", "members", "labels"]
_DONE = ["publish", "archive", "approve", "cancel", "assign"]
_LITERAL = ["search", "export", "stats", "me"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrudApi:
    """An API and its policy.

    Attributes:
        routes: as a template has them.
        rules: of each role; its allows and its denies.
    """

    routes: tuple[str, ...]
    rules: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]

    def document(self) -> dict[str, Any]:
        """What its policy.yaml compiles to, without the routes."""
        return {
            "groups": {
                role: {
                    "includes": [],
                    "allow": [compiled_rule(rule, 1) for rule in allow],
                    "deny": [compiled_rule(rule, 1) for rule in deny],
                }
                for role, (allow, deny) in self.rules.items()
            },
            "scopes": {},
            "public": [],
            "routes": None,
            "callers": None,
        }

    def callers(self) -> list[tuple[str, ...]]:
        """The groups of those who call: each role, and each with the one that all have."""
        return [(role,) for role in ROLES] + [(_BASE, role) for role in ROLES if role != _BASE]


def crud_api(seed: int, size: int) -> CrudApi:
    """An API of so many routes, and its nine roles."""
    random = Random(seed)
    routes = list(_user_routes())
    nouns = random.sample(_NOUNS, k=len(_NOUNS))
    used = []
    while len(routes) < size:
        noun = nouns.pop()
        used.append(noun)
        routes += _routes_of(noun, random)
    routes = routes[:size]
    return CrudApi(routes=tuple(sorted(routes)), rules=_roles(routes, used, random))


def _user_routes() -> Iterator[str]:
    yield from ("GET /users", "POST /users", "DELETE /users/{user}")
    yield from ("GET /users/{user}", "PATCH /users/{user}", "GET /users/{user}/orders")
    yield from ("GET /users/{user}/settings", "PUT /users/{user}/settings")


def _routes_of(noun: str, random: Random) -> Iterator[str]:
    yield from (f"GET /{noun}", f"POST /{noun}")
    if random.random() < 0.3:
        yield f"GET /{noun}/{random.choice(_LITERAL)}"
    yield from (f"{method} /{noun}/{{id}}" for method in ("GET", "PUT", "DELETE"))
    if random.random() < 0.5:
        yield f"PATCH /{noun}/{{id}}"
    for done in random.sample(_DONE, k=random.choice((0, 0, 1, 2))):
        yield f"POST /{noun}/{{id}}/{done}"
    for nested in random.sample(_NESTED, k=random.choice((0, 1, 1, 2))):
        yield from (f"GET /{noun}/{{id}}/{nested}", f"POST /{noun}/{{id}}/{nested}")
        if random.random() < 0.7:
            yield f"GET /{noun}/{{id}}/{nested}/{{item}}"
            yield f"DELETE /{noun}/{{id}}/{nested}/{{item}}"


def _roles(
    routes: Sequence[str], nouns: Sequence[str], random: Random
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    reads = [route for route in routes if route.startswith("GET ")]
    own = ("GET,PATCH /users/{user=sub}", "GET /users/{user=sub}/**", "PUT /users/{user=sub}/**")
    some = random.sample(nouns, k=max(1, len(nouns) // 2))
    few = random.sample(nouns, k=max(1, len(nouns) // 3))

    def below(method: str, names: Sequence[str]) -> list[str]:
        return [f"{method} /{name}/**" for name in names]

    writes = [
        route
        for route in routes
        if route.startswith(("PUT ", "POST ")) and route.split("/")[1] in some
    ]
    allows: dict[str, Sequence[str]] = {
        "reader": reads,
        "admin": ["ANY /**"],
        "editor": [*reads, *writes],
        "member": [*own, *(one for one in reads if one.split("/")[1] in few)],
        "manager": [*below("GET", nouns), *below("ANY", few)],
        "support": ["GET /**", "ANY /users/**"],
        "lister": [route for route in routes if "{" not in route],
        "author": _routes_below(few, routes),
        "third": _third(routes, random),
        SCATTERED: random.sample(routes, k=len(routes) // 3),
    }
    denies = {"support": (f"ANY /{nouns[0]}/**",)}
    return {
        role: (tuple(sorted(allows[role])), denies.get(role, ())) for role in (*ROLES, SCATTERED)
    }


def _routes_below(nouns: Sequence[str], routes: Sequence[str]) -> list[str]:
    return [route for route in routes if route.split("/")[1] in nouns]


def _third(routes: Sequence[str], random: Random) -> list[str]:
    """A third of the permissions at random, where one is to read, or to write, a noun."""
    permissions = defaultdict(list)
    for route in routes:
        permissions[route.split("/")[1], route.startswith("GET ")].append(route)
    chosen = random.sample(list(permissions), k=len(permissions) // 3)
    return [route for permission in chosen for route in permissions[permission]]
