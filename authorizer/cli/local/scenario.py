"""Who asks for what, and what must come of it.

All of it follows from the project. Its tests say by hand what is allowed and what is denied: a
mistake in how the policy is read shows as a difference here. Beside them, everybody asks for every
route of the template; what must come of that is what the tools say that the policy decides. What
is wrong with bad tokens is the same for any project.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.caching import cache_key
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.analysis.request import Request
from authorizer.cli.analysis.simulator import Answer as Prediction
from authorizer.cli.analysis.simulator import Verdict
from authorizer.cli.local import users
from authorizer.cli.local.project import LocalStackError, Project, remembered_seconds
from authorizer.cli.local.stack import ALLOWED
from authorizer.cli.template.model import AuthorizerKind, Unknown
from authorizer.errors import Reason
from authorizer.gateway.token_sources import AUTHORIZATION
from authorizer.policy.paths import METHODS, safe_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authorizer.cli.analysis.cases import Case as Test
    from authorizer.cli.analysis.request import Candidate
    from authorizer.cli.local.stack import Answer, Api, LocalStack
    from authorizer.cli.local.users import Person

_OK, _PREFLIGHT, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 204, 401, 403, 404
# What stands for a path's parameter where no test says what else.
_EXAMPLE, _OTHER_EXAMPLE = "7", "8"
_NOBODY = "nobody"
# Nothing but this run may call it on the emulator, where it leads to other services, too.
_ROOT = "/"
_UNASKED: dict[str, Any] = {"reason": None, "authorization": None, "sub": None}

_STATUS = {Verdict.ALLOWED: _OK, Verdict.PUBLIC: _OK, Verdict.DENIED: _FORBIDDEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what must come of it.

    Attributes:
        who: for people to read; the caller, or what is wrong with the token.
        request: for people to read; the method and path, with names instead of ids.
        reason: expected in the authorizer's log; nothing where it must not be asked at all.
        sub: whom the backend must be told, where the request gets there.
    """

    who: str
    request: str
    path: str
    status: int
    reason: str | None = None
    authorization: str | None = field(default=None, repr=False)
    sub: str | None = None
    origin: str | None = None
    is_remembered: bool = False

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.partition(" ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case and what came of it.

    Attributes:
        differences: what was not as expected, in words; empty when all was.
    """

    case: Case
    answer: Answer
    differences: tuple[str, ...]


def cases(stack: LocalStack) -> list[Case]:
    """Everybody on every route, and every kind of bad token, each for the first time.

    Raises:
        LocalStackError: somebody could not sign in, or nobody may do anything.
    """
    plan = Plan(stack.project, tuple(stack.people.values()), stack.machines)
    good = plan.cases(stack.access_token)
    allowed = [one for one in good if one.reason == ALLOWED and one.who in stack.people]
    if not allowed:
        raise LocalStackError("expected the policy to allow some group a route, found none")
    return [
        *plan.without_token(allowed[0], stack.deployment.origin),
        *_bad_tokens(stack, allowed[0]),
        *good,
    ]


class Plan:
    """The requests that follow from a project, for certain people.

    Args:
        project: the policy, its tests, and the routes.
        people: the users.
        machines: callers with scopes.
    """

    def __init__(
        self, project: Project, people: tuple[Person, ...], machines: tuple[Person, ...]
    ) -> None:
        self._project = project
        self._simulator = project.simulator
        self._people = people
        self._callers = (*people, *machines)
        self._tested = dict(self._tests(project.tests))
        self._routes = {
            key: protection
            for key, protection in project.simulator.protections.items()
            if protection.route.path.startswith("/") and protection.route.path != _ROOT
        }
        self._guarded = {key: self._example(key) for key in self._routes if key in project.guarded}
        self._owned = frozenset(filter(self._is_owned, self._guarded))
        # Tokens and routes for which API Gateway has an answer by now.
        self._remembered: set[tuple[str | None, ...]] = set()

    def cases(self, access_token: Callable[[Person], str]) -> list[Case]:
        """The cases with a good token, in the order in which they must be played.

        Args:
            access_token: makes a new token for somebody.
        """
        bearers = {person: f"Bearer {access_token(person)}" for person in self._callers}
        asked = {(person, request): None for person in self._people for request in self._of(person)}
        found = [self._case(person, request, bearers[person]) for person, request in asked]
        person, requests = self._remembered_route()
        if requests:
            again = f"Bearer {access_token(person)}"
            found += [self._case(person, one, again, ", new token") for one in requests]
        found += [self._case(person, one, bearers[person]) for one in self._unrouted()]
        further = [one for one in self._tested if one not in asked]
        found += [self._case(person, request, bearers[person]) for person, request in further]
        return [case for case in found if case is not None]

    def without_token(self, allowed: Case, origin: str | None) -> Iterator[Case]:
        """What API Gateway settles by itself: the authorizer is not asked.

        Args:
            allowed: a request that is allowed with a token.
            origin: whose pages may call the API; nothing where none may.
        """
        yield from self.public()
        route = self._route_of(Request(method=allowed.method, path=allowed.path))
        if route is not None:
            yield replace(allowed, who=_NOBODY, **_UNASKED | self._tokenless(route.key))
        for key in [key for key in self._guarded if key.endswith("+}")][:1]:
            asked = replace(self._guarded[key], path=self._filled(key, "x").path)
            yield replace(_anonymous(asked, _UNAUTHORIZED), **self._tokenless(key))
        if origin is not None:
            preflight = f"OPTIONS {allowed.request.partition(' ')[2]}"
            yield replace(
                allowed,
                **_UNASKED,
                who="a web page",
                request=preflight,
                status=_PREFLIGHT,
                origin=origin,
            )

    def public(self) -> Iterator[Case]:
        """A request for each route that nobody guards."""
        for key, protection in self._routes.items():
            if protection.decided_by is DecidedBy.NOBODY:
                yield _anonymous(self._example(key), _OK)

    def _tokenless(self, key: str) -> dict[str, Any]:
        """What becomes of a request without a token: where that is asked for, nobody is asked.

        But for a REST API that remembers nothing: it looks for no identity then.
        """
        api, authorizer = self._project.api, self._routes[key].authorizer
        if authorizer is None or authorizer.kind is AuthorizerKind.TOKEN:
            return {"status": _UNAUTHORIZED}
        sources = authorizer.identity_sources
        is_asked = self._project.is_rest and not remembered_seconds(api, authorizer)
        if not is_asked and (isinstance(sources, Unknown) or AUTHORIZATION in sources):
            return {"status": _UNAUTHORIZED}
        return {"status": self._project.refused_status, "reason": Reason.TOKEN_MISSING}

    def _tests(self, tests: Iterable[Test]) -> Iterator[tuple[tuple[Person, Request], bool]]:
        """What the project's tests say of requests, as far as their callers are here."""
        for test in tests:
            for person in [one for one in self._callers if one.is_meant_by(test.caller)][:1]:
                for expectation in test.expectations:
                    yield (person, self._sent(expectation.request, person)), expectation.allowed

    def _sent(self, request: Request, person: Person) -> Request:
        """The request, with the users' ids in the place of what stands for them in the tests."""
        subs = {one.written: one.sub for one in (*reversed(self._people), person) if one.written}
        segments = request.path.split("/")
        route = self._route_of(request)
        template = route.template.split("/") if route is not None else segments
        # What follows a greedy parameter is its value, too.
        path = "/".join(
            segment if segment in template[place : place + 1] else subs.get(segment, segment)
            for place, segment in enumerate(segments)
        )
        return Request(method=request.method, path=path)

    def _route_of(self, request: Request) -> Candidate | None:
        resolution = self._simulator.resolve(request)
        return resolution.winner if resolution is not None else None

    def _of(self, person: Person) -> Iterator[Request]:
        """A request for each route; where it matters whose the record is, for two of them."""
        for key, example in self._guarded.items():
            if key in self._owned:
                yield self._filled(key, person.sub)
                yield self._filled(key, self._another(person).sub)
            else:
                yield example

    def _another(self, person: Person) -> Person:
        """Whose record somebody tries to get: whom the tests name, or the first one else."""
        paths = [request.path.split("/") for who, request in self._tested if who == person]
        named = [one for path in paths for one in self._people if one.sub in path]
        return next((one for one in (*named, *self._people) if one != person), person)

    def _is_owned(self, key: str) -> bool:
        """Whether somebody's own record is another matter than somebody else's."""
        for person in self._people:
            own, others = (
                self._predict(self._filled(key, owner.sub), person).decision.rule
                for owner in (person, self._another(person))
            )
            if own != others:
                return True
        return False

    def _example(self, key: str) -> Request:
        """A request that takes a route: of the tests, or one made up."""
        subs = {person.sub for person in self._people}
        for _, request in self._tested:
            route = self._route_of(request)
            is_plain = safe_segments(request.path) and subs.isdisjoint(request.path.split("/"))
            if route is not None and route.key == key and is_plain:
                return request
        return self._filled(key, _EXAMPLE)

    def _filled(self, key: str, value: str) -> Request:
        """A request for a route, with a value in the place of its parameters."""
        route = self._routes[key].route
        return Request(
            method=route.method if route.method in METHODS else METHODS[0],
            path="/".join(
                value if part.startswith("{") else part for part in route.path.split("/")
            ),
        )

    def _remembered_route(self) -> tuple[Person, tuple[Request, ...]]:
        """Two paths of a route whose answers are remembered, and the last who may have both."""
        for key, example in self._guarded.items():
            other = replace(example, path=self._filled(key, _OTHER_EXAMPLE).path)
            place = _remembered_at(self._routes[key], example)
            is_fit = example != other and place is not None
            is_fit = is_fit and place == _remembered_at(self._routes[key], other)
            for person in reversed(self._people) if is_fit else ():
                verdicts = {self._predict(one, person).verdict for one in (example, other)}
                if verdicts == {Verdict.ALLOWED}:
                    return person, (example, other)
        return self._people[-1], ()

    def _unrouted(self) -> Iterator[Request]:
        """A method that a path has no route for; of a path with parameters, where there is one."""
        for key in sorted(self._guarded, key=lambda key: "{" not in key):
            for method in reversed(METHODS[:-1]):
                request = replace(self._guarded[key], method=method)
                if self._predict(request, self._people[0]).verdict is Verdict.NO_ROUTE:
                    yield request
                    return

    def _predict(self, request: Request, person: Person) -> Prediction:
        return self._simulator.ask(request, person.caller)

    def _case(
        self, person: Person, request: Request, authorization: str, how: str = ""
    ) -> Case | None:
        """What must come of a request; nothing where the policy does not decide it.

        Args:
            person: who asks.
            request: what for.
            authorization: the header.
            how: what is to be known of the token.
        """
        prediction = self._predict(request, person)
        no_route = _FORBIDDEN if self._project.is_rest else _NOT_FOUND
        is_unrouted = prediction.verdict is Verdict.NO_ROUTE
        status = no_route if is_unrouted else _STATUS.get(prediction.verdict)
        reason = ALLOWED if status == _OK else prediction.decision.reason
        # What a test says counts, where the policy says otherwise.
        is_allowed = self._tested.get((person, request))
        if is_allowed not in {None, prediction.is_open}:
            status, reason = (_OK, ALLOWED) if is_allowed else (_FORBIDDEN, Reason.NOT_GRANTED)
        if status is None or request.path == _ROOT:
            return None
        is_public = prediction.verdict is Verdict.PUBLIC
        is_asked = not (is_public or is_unrouted)
        place = _remembered_at(prediction.protection, request)
        if place is not None:
            is_asked = is_asked and (authorization, *place) not in self._remembered
            self._remembered.add((authorization, *place))
        names = {one.sub: f"<{one.name}>" for one in self._people}
        shown = "/".join(names.get(segment, segment) for segment in request.path.split("/"))
        return Case(
            who=f"{person.name}{how}",
            request=f"{request.method} {shown}",
            path=request.path,
            status=status,
            reason=reason if is_asked else None,
            authorization=authorization,
            sub=person.sub if status == _OK and not is_public else None,
            is_remembered=place is not None,
        )


def _remembered_at(
    protection: RouteProtection | None, request: Request
) -> tuple[str | None, ...] | None:
    """Under what API Gateway remembers an answer, beside the token; nothing where it does not."""
    authorizer = protection.authorizer if protection is not None else None
    if protection is None or authorizer is None:
        return None
    if not remembered_seconds(protection.api, authorizer):
        return None
    key = cache_key(protection.api, authorizer)
    if key is None:
        return None
    return (
        authorizer.name,
        protection.route.key if key.route else None,
        request.method if key.method else None,
        request.path if key.path else None,
    )


def _anonymous(request: Request, status: int) -> Case:
    return Case(who=_NOBODY, request=str(request), path=request.path, status=status)


def _bad_tokens(stack: LocalStack, allowed: Case) -> Iterator[Case]:
    """Each is refused for its own reason, and the client sees the same status for all."""
    person, groups = stack.people[allowed.who], stack.project.groups
    refused = replace(allowed, status=stack.project.refused_status, sub=None)
    for who, header, reason in users.bad_headers(stack.deployment, person, groups):
        yield replace(refused, who=who, reason=reason, authorization=header)


def walk(cases_to_walk: Iterable[Case], seed: int) -> list[Case]:
    """The same requests twice over, all callers mixed, in random order.

    By now API Gateway remembers answers. One that is given to another caller, route or path than
    it was made for shows as a wrong status, or as a wrong caller at the backend.
    """
    walked = [case for case in cases_to_walk if case.authorization] * 2
    random.Random(seed).shuffle(walked)  # noqa: S311 - an order to try, not a secret
    return walked


def play(api: Api, to_play: Iterable[Case], *, reasons: bool = True) -> Iterator[Outcome]:
    """Send the requests one by one.

    Args:
        api: where to.
        to_play: what to send.
        reasons: whether the authorizer's reason is compared too. In a walk it cannot be: whether
            the authorizer is asked depends on what API Gateway remembers.
    """
    for case in to_play:
        answer = api.call(case.method, case.path, case.authorization, case.origin)
        yield Outcome(
            case=case, answer=answer, differences=tuple(_differences(case, answer, reasons))
        )


def _differences(case: Case, answer: Answer, reasons: bool) -> Iterator[str]:  # noqa: FBT001
    """What was not as it must be. Whom the function answers with what status is its own matter."""
    is_let_in = answer.function is not None
    found = _OK if is_let_in else answer.status
    if found != case.status or (not is_let_in and found == _OK):
        yield f"status {answer.status} instead of {case.status}"
    if reasons and answer.reason != case.reason:
        yield f"reason {answer.reason} instead of {case.reason}"
    if is_let_in and answer.told != case.sub:
        yield f"the backend was told {answer.told} instead of {case.sub}"
