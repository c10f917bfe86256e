"""Walks: one caller with a fresh token asks for every route of an API, in random order.

A fresh token is a fresh key in the gateway's memory, so all of a walk is answered from what the
authorizer said in that walk. What each step must be answered is asked of ``Policy.decide``, and
nothing else.
"""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import realistic_api
from crud_apis import crud_api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realistic_api import Deployed, Route
    from simulator import Cognito

# The emulator waits within each call of a function, so that a few walks at once are faster. Each
# one may need a worker of its own, which takes long to start.
_AT_ONCE = 3
_SECONDS = 30
# Some look like a route's next word, which is where documents with wildcards go wrong.
_VALUES = ("1", "42", "a.b~c", "comments", "keys", "revisions", "publication", "caf%C3%A9")
# After all routes, some once more: denials are remembered, too.
_AGAIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose token it is: a person with groups, or a machine with scopes."""

    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def claims(self, cognito: Cognito, chance: random.Random) -> dict[str, Any]:
        """A new access token's, of somebody who never called before."""
        now = int(time.time())
        changes: dict[str, Any] = {
            "sub": _id(chance),
            "jti": _id(chance),
            "auth_time": now - 60,
            "iat": now - 60,
            "exp": now + 3540,
            "cognito:groups": list(self.groups) or None,
        }
        if self.scopes:
            changes |= {"sub": cognito.client_id, "username": None, "scope": " ".join(self.scopes)}
        return cognito.claims(**changes)

    def __str__(self) -> str:
        return " ".join(self.groups + self.scopes) or "nobody"


# For each of these, one document grants exactly what the policy does.
CALLERS = (
    Caller(),
    Caller(groups=("a-group-that-the-policy-does-not-know",)),
    Caller(groups=("reader",)),
    Caller(groups=("member",)),
    Caller(groups=("editor",)),
    Caller(groups=("moderator",)),
    Caller(groups=("editor", "moderator")),
    Caller(groups=("support",)),
    Caller(groups=("admin",)),
    Caller(groups=("support", "admin")),
    Caller(groups=("suspended",)),
    Caller(groups=("admin", "suspended")),
    Caller(scopes=("articles/sync",)),
    Caller(scopes=("reports/read",)),
    Caller(scopes=("articles/sync", "reports/read", "reports/finance")),
)
# For these, none does: everybody's record but one's own keys cannot be said with wildcards.
CALLERS_WITHOUT_DOCUMENT = (
    Caller(groups=("member", "support")),
    Caller(groups=("editor", "admin")),
)


# Of the synthetic API: each role, and some with what everybody has.
LARGE_CALLERS = tuple(Caller(groups=groups) for groups in crud_api(seed=1, size=150).callers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request, and what it must be answered."""

    route: Route
    path: str
    expected: int

    def __str__(self) -> str:
        return f"{self.route.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A step that was answered otherwise."""

    caller: Caller
    step: Step
    found: int | str

    @property
    def grants_too_much(self) -> bool:
        """Whether the backend was reached by somebody who may not."""
        return self.found == 200 and self.step.expected == 403

    def __str__(self) -> str:
        return f"{self.caller}: {self.step}: expected {self.step.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A caller's token, and the steps."""

    caller: Caller
    claims: Mapping[str, Any]
    token: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """Plans walks and goes them.

    Attributes:
        api: where.
        cognito: who issues the tokens.
    """

    api: Deployed
    cognito: Cognito

    def plan(self, caller: Caller, chance: random.Random) -> Walk:
        """Every route, one's own record and another's, in random order; then some again."""
        claims = caller.claims(self.cognito, chance)
        steps = [
            self._step(route, path, claims)
            for route in realistic_api.routes(is_large=self.api.kind.is_large)
            for path in _paths(route, claims["sub"], chance)
        ]
        chance.shuffle(steps)
        steps += chance.sample(steps, _AGAIN)
        return Walk(
            caller=caller, claims=claims, token=self.cognito.sign(claims), steps=tuple(steps)
        )

    def go(self, walk: Walk) -> list[Difference]:
        """Walk it; what was answered otherwise than expected."""
        # http.client sends a path as it is, and at a third of the price of requests.
        with closing(HTTPConnection(urlsplit(self.api.base_url).netloc, timeout=_SECONDS)) as http:
            found = [(step, self._answer(http, walk, step)) for step in walk.steps]
        return [
            Difference(caller=walk.caller, step=step, found=answer)
            for step, answer in found
            if answer != step.expected
        ]

    def go_all(self, walks: Sequence[Walk]) -> list[Difference]:
        """Several at once."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return [difference for found in threads.map(self.go, walks) for difference in found]

    def _step(self, route: Route, path: str, claims: Mapping[str, Any]) -> Step:
        if route.is_public:
            return Step(route=route, path=path, expected=200)
        decision = realistic_api.policy_for(is_large=self.api.kind.is_large).decide(
            method=route.method,
            route=route.path if self.api.kind.knows_route else None,
            path=path,
            path_parameters=_parameters(route, path),
            groups=claims.get("cognito:groups", ()),
            scopes=claims["scope"].split(),
            claims=claims,
        )
        return Step(route=route, path=path, expected=200 if decision.allowed else 403)

    def _answer(self, http: HTTPConnection, walk: Walk, step: Step) -> int | str:
        """The status; for a 200 that is not about this caller and this route, what it is about."""
        path = urlsplit(self.api.base_url).path + step.path
        http.request(step.route.method, path, headers={"Authorization": f"Bearer {walk.token}"})
        response = http.getresponse()
        body = response.read()
        if response.status != 200 or step.route.is_public:
            return response.status
        told = json.loads(body)
        expected = (f"{step.route.method} {step.route.path}", walk.claims["sub"])
        found = (told["route"], told["caller"]["sub"])
        return 200 if found == expected else f"200 about {found}"


def chances(seed: str, number: int) -> Iterator[random.Random]:
    """A source of chance for each of so many walks, the same ones for the same seed."""
    for index in range(number):
        yield random.Random(f"{seed} {index}")


def _paths(route: Route, sub: str, chance: random.Random) -> list[str]:
    """A concrete path; where it has somebody's record, one's own and another's."""
    path = re.sub(r"\{(?!user\})[a-z]+\}", lambda _: chance.choice(_VALUES), route.path)
    if not path.startswith("/users/{user}"):
        return [path.replace("{user}", _id(chance))]
    other = chance.choice((_id(chance), f"{sub}0", sub[:-1], sub.upper()))
    return [path.replace("{user}", user) for user in (sub, other)]


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _parameters(route: Route, path: str) -> dict[str, str]:
    pairs = zip(route.path.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: value for name, value in pairs if name.startswith("{")}
