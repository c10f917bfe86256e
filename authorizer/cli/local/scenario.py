"""Who asks for what, and what must come of it.

The expectations are written out by hand. They do not come from the policy: a mistake in how the
policy is read must show as a difference here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from authorizer.cli.local import tokens
from authorizer.cli.local.api_client import ALLOWED
from authorizer.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.cli.local.api_client import Answer
    from authorizer.cli.local.stack import LocalStack

_OK, _PREFLIGHT, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 204, 401, 403, 404
_OWN, _OTHER = "{own}", "{other}"
_REQUESTS = (
    "GET /hello",
    "GET /articles/7",
    "POST /articles",
    "PUT /articles/7",
    f"GET /users/{_OWN}",
    f"PATCH /users/{_OWN}",
    f"GET /users/{_OTHER}",
    f"PATCH /users/{_OTHER}",
    "GET /admin/users",
    "GET /admin/settings/mail",
    "DELETE /admin/users/7",
    "GET /reports/7",
)
_READER = {"GET /hello", "GET /articles/7", f"GET /users/{_OWN}", f"PATCH /users/{_OWN}"}
_EDITOR = _READER | {"POST /articles", "PUT /articles/7"}
_ADMIN = _EDITOR | {"GET /admin/users", "GET /admin/settings/mail", "DELETE /admin/users/7"}
_MAY: dict[str, set[str]] = {
    "alice": _READER,
    "edgar": _EDITOR,
    "ada": _ADMIN,
    "sam": set(),
    "nora": set(),
}
_WHY_NOT = {"sam": Reason.DENIED_BY_RULE}  # the others: nothing grants it
# Whose record the others try to read and change.
_VICTIM = {"alice": "ada"}


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
    reason: str | None
    authorization: str | None = field(default=None, repr=False)
    sub: str | None = None
    origin: str | None = None

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
    """Every sample user on every route, and every kind of bad token, each for the first time.

    Raises:
        LocalStackError: somebody could not sign in.
    """
    bearers = {name: f"Bearer {stack.sign_in(name).access}" for name in stack.people}
    people = [
        _case_of(stack, name, request, bearers[name]) for name in _MAY for request in _REQUESTS
    ]
    return [*_without_token(), *_bad_tokens(stack), *people, *_edges(stack, bearers)]


def walk(cases_to_walk: Iterable[Case], seed: int) -> list[Case]:
    """The same requests twice over, all callers mixed, in random order.

    By now API Gateway remembers answers. One that is given to another caller, route or path than
    it was made for shows as a wrong status, or as a wrong caller at the backend.
    """
    walked = [case for case in cases_to_walk if case.authorization] * 2
    random.Random(seed).shuffle(walked)  # noqa: S311 - an order to try, not a secret
    return walked


class Callee(Protocol):
    """Something that takes requests as the deployed API does."""

    def call(
        self, method: str, path: str, authorization: str | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request."""


def play(api: Callee, to_play: Iterable[Case], *, reasons: bool = True) -> Iterator[Outcome]:
    """Send the requests one by one.

    Args:
        api: where to.
        to_play: what to send.
        reasons: whether the authorizer's reason is compared too. In a walk it cannot be: whether
            the authorizer is asked depends on what API Gateway remembers.
    """
    for case in to_play:
        headers = {"Origin": case.origin} if case.origin else {}
        answer = api.call(case.method, case.path, case.authorization, headers)
        yield Outcome(
            case=case, answer=answer, differences=tuple(_differences(case, answer, reasons))
        )


def _differences(case: Case, answer: Answer, reasons: bool) -> Iterator[str]:  # noqa: FBT001
    if answer.status != case.status:
        yield f"status {answer.status} instead of {case.status}"
    if reasons and answer.reason != case.reason:
        yield f"reason {answer.reason} instead of {case.reason}"
    sub = answer.body.get("caller", {}).get("sub")
    if answer.status == _OK and sub != case.sub:
        yield f"the backend was told {sub} instead of {case.sub}"


def _case_of(stack: LocalStack, name: str, request: str, bearer: str) -> Case:
    victim = _VICTIM.get(name, "alice")
    path = request.partition(" ")[2]
    allowed = request in _MAY[name]
    return Case(
        who=name,
        request=request.replace(_OWN, f"<{name}>").replace(_OTHER, f"<{victim}>"),
        path=path.replace(_OWN, stack.people[name].sub).replace(_OTHER, stack.people[victim].sub),
        status=_OK if allowed else _FORBIDDEN,
        reason=ALLOWED if allowed else _WHY_NOT.get(name, Reason.NOT_GRANTED),
        authorization=bearer,
        sub=stack.people[name].sub if allowed else None,
    )


def _without_token() -> list[Case]:
    """What API Gateway settles by itself: the authorizer is not asked."""
    who = "nobody"
    origin = "http://localhost:3000"
    return [
        Case(who=who, request="GET /health", path="/health", status=_OK, reason=None),
        Case(who=who, request="GET /hello", path="/hello", status=_UNAUTHORIZED, reason=None),
        Case(who=who, request="GET /admin/x", path="/admin/x", status=_UNAUTHORIZED, reason=None),
        Case(
            who="a web page",
            request="OPTIONS /hello",
            path="/hello",
            status=_PREFLIGHT,
            reason=None,
            origin=origin,
        ),
    ]


def _bad_tokens(stack: LocalStack) -> list[Case]:
    """Each is refused for its own reason, and the client sees the same 403 for all."""
    alice, ada = stack.people["alice"], stack.people["ada"]
    good = stack.sign_in("alice")
    bad = {
        "garbage": ("Bearer garbage", Reason.TOKEN_NOT_COMPACT),
        "Basic scheme": ("Basic YWxpY2U6c2VjcmV0", Reason.AUTHORIZATION_NOT_BEARER),
        "expired token": (
            f"Bearer {tokens.expired(stack.aws, stack.deployment, alice)}",
            Reason.EXPIRED,
        ),
        "ID token": (f"Bearer {good.id}", Reason.TOKEN_USE_WRONG),
        "other app client": (
            f"Bearer {tokens.of_other_client(stack.aws, stack.deployment, ada)}",
            Reason.CLIENT_UNKNOWN,
        ),
        "other user pool": (f"Bearer {tokens.of_other_pool(stack.aws)}", Reason.ISSUER_UNKNOWN),
        "groups rewritten": (f"Bearer {tokens.promoted(good.access)}", Reason.SIGNATURE_INVALID),
        "alg none": (f"Bearer {tokens.unsigned(good.access)}", Reason.ALGORITHM_NOT_ALLOWED),
    }
    return [
        Case(
            who=who,
            request="GET /hello",
            path="/hello",
            status=_FORBIDDEN,
            reason=reason,
            authorization=authorization,
        )
        for who, (authorization, reason) in bad.items()
    ]


def _edges(stack: LocalStack, bearers: dict[str, str]) -> list[Case]:
    """Answers from memory, methods without a route, paths with two readings, and a machine."""
    ada, again = stack.people["ada"].sub, f"Bearer {stack.sign_in('ada').access}"
    machine, machine_sub = f"Bearer {stack.machine_token()}", stack.deployment.machine_client_id
    rows: tuple[tuple[str, str, str, int, str | None, str | None], ...] = (
        ("ada, new token", again, "GET /articles/7", _OK, ALLOWED, ada),
        ("ada, new token", again, "GET /articles/8", _OK, None, ada),
        ("ada", bearers["ada"], "DELETE /articles/7", _NOT_FOUND, None, None),
        ("ada", bearers["ada"], "GET /admin/a;b", _FORBIDDEN, Reason.PATH_UNSAFE, None),
        ("ada", bearers["ada"], "GET /admin/..%2Fhello", _FORBIDDEN, Reason.PATH_UNSAFE, None),
        ("machine", machine, "GET /reports/7", _OK, ALLOWED, machine_sub),
        ("machine", machine, "GET /hello", _FORBIDDEN, Reason.NOT_GRANTED, None),
    )
    return [
        Case(
            who=who,
            request=request,
            path=request.partition(" ")[2],
            status=status,
            reason=reason,
            authorization=authorization,
            sub=sub,
        )
        for who, authorization, request, status, reason, sub in rows
    ]
