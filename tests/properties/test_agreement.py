"""What the tools say is what the authorizer answers, on every kind of event."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import FLAVOURS, Call
from examples import examples
from hypothesis import given, settings
from naive_gateway import parameters_of
from naive_policy import segments_of
from random_apis import Made, chosen_route, random_http, random_rest, random_websocket
from random_policies import GROUPS, VALUES, Asked, said, seeds
from simulator import Clock, Cognito

from authorizer import Authorizer
from authorizer.authorizer import Verdict as Judged
from authorizer.cli.analysis.cases import Case, Expectation
from authorizer.cli.analysis.partition import Partition
from authorizer.cli.analysis.permissions import Analysis, Extent, Permission, Subject, SubjectKind
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.sheet import Sheet, sheet_of_api
from authorizer.cli.analysis.simulator import Simulator, Verdict, simulator_of
from authorizer.cli.location import Location
from authorizer.cli.template.model import ApiKind
from authorizer.cli.testing.runner import run_cases
from authorizer.errors import Reason
from authorizer.policy.model import Rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from authorizer import Decision
    from authorizer.authorizer import Outcome as Judgement

COGNITO = Cognito()
MAKERS: dict[str, Callable[[Random], Made]] = {
    "http-2.0": lambda random: random_http(random, "2.0"),
    "http-1.0": lambda random: random_http(random, "1.0"),
    "rest-request": lambda random: random_rest(random, "REQUEST"),
    "rest-token": lambda random: random_rest(random, "TOKEN"),
    "websocket": random_websocket,
}
# Values that can be read in two ways, or that no IAM document can name.
ODD = ("%61", "a;b", "a%2Fb", "%2541", "a*b", "$a", "..")
PLACE = Location(file="policy.yaml", line=1, column=1)


@dataclass(frozen=True, kw_only=True)
class Who:
    """A caller, of whom a token can be signed."""

    claims: dict[str, Any]
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        changes = {**self.claims, "scope": " ".join(self.scopes) or None}
        if self.scopes:
            changes["username"] = None
        return COGNITO.token(cognito_groups=list(self.groups) or None, **changes)

    @property
    def subject(self) -> Subject | None:
        """Whose column of the matrix it is; nobody's for a caller of several groups."""
        if self.scopes:
            return Subject(kind=SubjectKind.SCOPE, name=self.scopes[0])
        name = self.groups[0]
        return Subject(kind=SubjectKind.GROUP, name=name) if len(self.groups) == 1 else None


@dataclass(frozen=True)
class World:
    """An API with its authorizer, and the tools over the same two files."""

    made: Made
    flavour: str

    @cached_property
    def guarded(self) -> list[str]:
        """The routes about which the policy is asked by this kind of event."""
        wanted = "token" if self.flavour == "rest-token" else "request"
        return [key for key, kind in self.made.authorizers.items() if kind == wanted]

    @cached_property
    def authorizer(self) -> Authorizer:
        return Authorizer(COGNITO.verifier(Clock(), remember=0), self.made.deployed)

    @cached_property
    def simulator(self) -> Simulator:
        return simulator_of(self.made.source, (self.made.template, self.made.api))

    @cached_property
    def sheet(self) -> Sheet:
        return sheet_of_api(self.made.source, self.made.template, self.made.api)

    @cached_property
    def access(self) -> tuple[Analysis, Partition]:
        access = Analysis.of(self.made.source, self.made.authorizers)
        return access, Partition(access.policy.tree)

    def a_request(self, random: Random) -> tuple[str, Request] | None:
        """A route and a request to it; nothing where chance found one that another route gets."""
        key = random.choice(self.guarded)
        if self.flavour == "websocket":
            return key, Request(method="", path=key)
        method = "GET" if random.random() < 0.7 else random.choice(["PUT", "PATCH", "OPTIONS"])
        request = Request(method=method, path=a_path(random, key))
        keys = tuple(self.made.authorizers)
        is_rest = self.made.api.kind is ApiKind.REST
        chosen = chosen_route(keys, method, request.path, is_rest=is_rest)
        return (key, request) if chosen == key else None

    def cell(
        self, key: str, request: Request, subject: Subject, caller: Caller
    ) -> tuple[Permission, bool]:
        """A cell, and what is behind it for just this request and caller."""
        [line] = [line for line in self.sheet.lines if line.route.key == key]
        path = ("", key) if self.flavour == "websocket" else tuple(segments_of(request.path))
        asked = Asked(method=request.method, path=path, claims=dict(caller.claims))
        return line.permission(subject), said(*self.access, line.route, asked, subject)

    def judge(self, key: str, request: Request, who: Who) -> Judgement:
        call = Call(
            method=request.method,
            route=key.partition(" ")[2] or key,
            path=request.path,
            parameters=parameters_of(key, request.path),
            authorization=f"Bearer {who.token}",
        )
        return self.authorizer.judge(FLAVOURS[self.flavour](call))


def a_caller(random: Random) -> Who:
    claims = {"sub": random.choice(VALUES), "team": random.choice([*VALUES, 7])}
    if random.random() < 0.2:
        return Who(claims=claims | {"sub": COGNITO.client_id}, scopes=("x",))
    count = random.choice([1, 1, 1, 2, 3])
    return Who(claims=claims, groups=tuple(random.sample(GROUPS, k=count)))


def a_path(random: Random, key: str) -> str:
    """A path that fits a route, which a more specific one may get."""
    segments = segments_of(key.partition(" ")[2])
    if key == "$default" or key.endswith("+}"):
        segments = [*segments[:-1], *["{}"] * random.randrange(1, 4)]
    values: tuple[str, ...] = ("a", "b", *VALUES)  # where rules and routes are literal, too
    if random.random() < 0.2:
        values = (*values, *ODD)
    path = "/".join(random.choice(values) if one.startswith("{") else one for one in segments)
    return f"/{path}{'/' if random.random() < 0.02 else ''}"


def as_shipped(decision: Decision) -> Decision:
    """The same by the rule that ships, which knows its line alone."""
    if decision.rule is None:
        return decision
    facts = {each.name: getattr(decision.rule, each.name) for each in fields(Rule)}
    return replace(decision, rule=Rule(**facts))


@pytest.mark.parametrize("flavour", MAKERS)
@settings(max_examples=examples(200), deadline=None)
@given(random=seeds)
def test_the_tools_say_what_the_authorizer_answers(flavour: str, random: Random) -> None:
    """Explain and test give its answer, reason and rule, and the matrix has it in its cell."""
    world = World(MAKERS[flavour](random), flavour)
    for _ in range(12 if world.guarded else 0):
        found = world.a_request(random)
        if found is None:
            continue
        (key, request), who = found, a_caller(random)
        judged = world.judge(key, request, who)
        assert judged.token is not None, judged.refusal
        allowed = judged.verdict is Judged.ALLOWED
        caller = Caller(groups=who.groups, scopes=who.scopes, claims=judged.token.claims)
        context = (world.made, key, request, who, judged.decision)

        answer = world.simulator.ask(request, caller)
        if answer.verdict is Verdict.AMBIGUOUS:
            continue  # another way to read the path leads to another answer
        assert answer.verdict is (Verdict.ALLOWED if allowed else Verdict.DENIED), context
        assert as_shipped(answer.decision) == judged.decision, (context, answer)

        expected = Expectation(request=request, allowed=allowed, location=PLACE)
        case = Case(name="x", location=PLACE, caller=caller, expectations=(expected,))
        assert [one.passed for one in run_cases(world.simulator, [case])] == [True], context

        # A cell does not speak of paths that are refused whatever the policy says.
        if who.subject is not None and judged.reason is not Reason.PATH_UNSAFE:
            cell, is_said = world.cell(key, request, who.subject, caller)
            assert is_said is allowed, (context, cell)
            assert cell.extent is not Extent.ALLOW or allowed, (context, cell)
            assert cell.extent not in {Extent.NONE, Extent.DENY} or not allowed, (context, cell)
