"""The requests to a deployed API, what should come of each, and what is wrong where it does not.

What should come of a request follows from the project, as for ``authorizer local run``. Only what a
client sees counts: nothing of the account is looked into.

API Gateway remembers an answer under the text of the header, and the authorizer compares the
header's scheme without case. So a token has a key for each way to spell ``Bearer``; by a new one it
can be told whether an answer was remembered for another route, or is the authorizer's own.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from authorizer.cli.account import http_client
from authorizer.cli.account.call import gateway_message
from authorizer.cli.account.verification import CLAIMS, groups_of, read_part, strip_scheme
from authorizer.cli.analysis.request import Caller, Request, Resolution
from authorizer.cli.local.scenario import Case, Plan
from authorizer.cli.local.users import Person, unused_name
from authorizer.cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from authorizer.cli.local.project import Project

NOBODY, BAD = "no token", "bad token"
# Whose record is nobody's who asks.
_STRANGER = Person(name="somebody else", sub="00000000-0000-4000-8000-000000000000")
# Every character that may stand in a path, the mark of an encoded one among them.
_KEPT = "%/:@!$&'()*+,;=~"
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _ERROR = 200, 401, 403, 404, 429, 500
# What an HTTP API says, which has no header for it.
_MESSAGES = {_UNAUTHORIZED: "Unauthorized", _FORBIDDEN: "Forbidden", _NOT_FOUND: "Not Found"}
# What a REST API makes of a request for which it has no route, with and without a token.
_NO_ROUTE = ("MissingAuthenticationToken", "IncompleteSignature", "InvalidSignature")
# Ways to spell a scheme of six letters, how many blanks may follow it, and how many headers are
# for each second: those of a run begin behind those of the one before.
_SPELLINGS, _BLANKS, _PER_SECOND = 64, 256, 8


# What became of a request, as far as a client can tell.
Fate = StrEnum("Fate", ["LET_IN", "REFUSED", "NO_ROUTE", "FAILED"])
_FATES = {_UNAUTHORIZED: Fate.REFUSED, _FORBIDDEN: Fate.REFUSED, _TOO_MANY: Fate.FAILED}
# What is wrong with a deployed API, the worst first; in words in ``texts.yaml``.
Fault = StrEnum(
    "Fault",
    [
        "OPEN_ROUTE",
        "BAD_TOKEN_LET_IN",
        "ALLOWED_ANSWER_KEPT_ACROSS_ROUTES",
        "OTHER_SPELLING_OPENS",
        "REFUSAL_KEPT_ACROSS_ROUTES",
        "AUTHORIZER_FAILS",
        "EVERY_TOKEN_REFUSED",
        "POLICY_DIFFERS",
        "REFUSAL_FAILS",
        "ROUTE_FAILS",
        "ROUTE_MISSING",
        "PREFLIGHT_REFUSED",
    ],
)
# What is wrong, by who asked ("" is everybody) and what became of it.
_FAULTS = {
    (NOBODY, Fate.LET_IN): Fault.OPEN_ROUTE,
    (BAD, Fate.LET_IN): Fault.BAD_TOKEN_LET_IN,
    (BAD, Fate.FAILED): Fault.REFUSAL_FAILS,
    ("", Fate.FAILED): Fault.ROUTE_FAILS,
    ("", Fate.NO_ROUTE): Fault.ROUTE_MISSING,
}
# And where it would be right, had nothing been asked before by the same key.
ACROSS = {
    Fate.LET_IN: Fault.ALLOWED_ANSWER_KEPT_ACROSS_ROUTES,
    Fate.REFUSED: Fault.REFUSAL_KEPT_ACROSS_ROUTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; nothing of it is a text of the other side's.

    Attributes:
        is_own: whether API Gateway surely made it by itself.
        allows_origin: whether pages of the origin that was sent may read it.
    """

    status: int
    fate: Fate
    is_own: bool
    allows_origin: bool
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A request by a caller, asked more than once, and what came of it.

    Attributes:
        who: the caller's name, ``NOBODY`` or ``BAD``.
        expected: what must come of it.
    """

    case: Case
    who: str
    expected: Fate
    replies: tuple[Reply, ...]
    fault: Fault | None = None

    @property
    def worst(self) -> Reply:
        """The first reply that is not as expected; where all are, any."""
        wrong = (reply for reply in self.replies if not self.is_right(reply))
        return next(wrong, self.replies[0])

    def is_right(self, reply: Reply) -> bool:
        """Whether it is as expected. A function may refuse, too, who was let in to ask it."""
        is_functions = reply.fate is Fate.REFUSED and not reply.is_own
        return reply.fate is self.expected or (is_functions and self.expected is Fate.LET_IN)


def holders(unverified_tokens: Iterable[str]) -> tuple[Person, ...]:
    """Who has these tokens. They are called by their groups: no user's name is for a report."""
    found: list[Person] = []
    for token in map(strip_scheme, unverified_tokens):
        claims = read_part(token, CLAIMS) or {}
        groups, scope = groups_of(claims), str(claims.get("scope", ""))
        is_machine = Caller(groups=groups, claims=claims).is_machine
        name = (scope if is_machine else "+".join(groups)) or "no group"
        found.append(
            Person(
                name=unused_name(plain(name), found),
                groups=groups,
                scopes=tuple(scope.split()) if is_machine else (),
                sub=str(claims.get("sub", "")),
                token=token,
                claims=claims,
            )
        )
    return tuple(found)


class Smoke:
    """The requests, sent one after the other.

    Args:
        project: what is deployed, as far as its files tell.
        base_url: where.
        people: who asks.
        bad_tokens: some that must be refused, beside garbage.
        methods: those that may be sent.

    Attributes:
        people: by name.
        headers: of each, with their token: all of them are new to API Gateway.
        planned: the requests, those of other methods among them.
    """

    def __init__(
        self,
        project: Project,
        base_url: str,
        people: Iterable[Person],
        bad_tokens: Iterable[str],
        methods: Collection[str],
    ) -> None:
        self.project, self._base_url = project, base_url
        self.people = {person.name: person for person in people}
        self.headers = {name: _headers_of(person.token) for name, person in self.people.items()}
        self._bad = [{"Authorization": f"Bearer {token}"} for token in ("garbage", *bad_tokens)]
        plan = Plan(project, (*self.people.values(), _STRANGER), ())
        self.planned = [
            case
            for case in (*plan.public(), *plan.cases(lambda person: person.name))
            if self.resolved(case).winner
        ]
        self._cases = [case for case in self.planned if case.method in methods]

    def cells(self) -> list[Cell]:
        """Nobody, bad tokens and everybody on every route.

        Each token asks for a route after those before it, by one key, and after those behind it, by
        another.
        """
        cases = {case.request: case for case in self._cases}.values()
        sent: list[tuple[Case, str, Mapping[str, str]]] = [(case, NOBODY, {}) for case in cases]
        sent += [(case, BAD, bad) for case in cases if not _is_public(case) for bad in self._bad]
        for name, headers in self.headers.items():
            own = [case for case in self._cases if case.who == name]
            for ordered in (own, own[::-1]):
                key = next(headers)
                sent += [(case, name, key) for case in ordered]
        asked: dict[tuple[str, str], tuple[Case, list[Reply]]] = {}
        for case, who, header in sent:
            asked.setdefault((case.request, who), (case, []))[1].append(self.ask(case, header))
        return _by_cause(
            [self._judged(case, who, replies) for (_, who), (case, replies) in asked.items()]
        )

    def resolved(self, case: Case) -> Resolution:
        """Which route a request should reach."""
        request = Request(method=case.method, path=case.path)
        return self.project.simulator.resolve(request) or Resolution()

    def ask(self, case: Case, headers: Mapping[str, str]) -> Reply:
        """Send a request.

        Raises:
            AccountError: it was not answered.
        """
        path = quote(case.path, safe=_KEPT)
        response, body = http_client.glance(case.method, self._base_url, path, headers)
        status, error = response.status_code, response.headers.get("x-amzn-errortype", "")
        is_own = bool(error) or gateway_message(body) == _MESSAGES.get(status)
        fate = _FATES.get(status, Fate.FAILED if status >= _ERROR else Fate.LET_IN)
        if error.startswith(_NO_ROUTE) or (status == _NOT_FOUND and is_own):
            fate = Fate.NO_ROUTE
        return Reply(
            status=status,
            fate=fate,
            is_own=is_own,
            allows_origin=response.headers.get("Access-Control-Allow-Origin", "")
            in {"*", headers.get("Origin")},
            milliseconds=round(response.elapsed.total_seconds() * 1000),
        )

    def _judged(self, case: Case, who: str, replies: Iterable[Reply]) -> Cell:
        """What is wrong; of who has a token, after the same request by a key of its own."""
        is_open = _is_public(case) or (case.status == _OK and who in self.people)
        expected = Fate.LET_IN if is_open else Fate.REFUSED
        cell = Cell(case=case, who=who, expected=expected, replies=tuple(replies))
        if cell.is_right(cell.worst):
            return cell
        fate, headers = cell.worst.fate, self.headers.get(who)
        alone = cell.worst if headers is None else self.ask(case, next(headers))
        other = ACROSS.get(fate) if cell.is_right(alone) else Fault.POLICY_DIFFERS
        return replace(cell, fault=_FAULTS.get((who, fate), _FAULTS.get(("", fate), other)))


def _is_public(case: Case) -> bool:
    return case.status == _OK and case.sub is None


def _headers_of(token: str) -> Iterator[dict[str, str]]:
    """The header, written otherwise each time, and otherwise than a minute ago."""
    for number in itertools.count(int(time.time() * _PER_SECOND)):
        letters = [
            letter.upper() if number >> place & 1 else letter
            for place, letter in enumerate("bearer")
        ]
        scheme = "".join(letters).ljust(len(letters) + 1 + number // _SPELLINGS % _BLANKS)
        yield {"Authorization": f"{scheme}{token}"}


def _by_cause(cells: list[Cell]) -> list[Cell]:
    """The same, where one cause explains many: an open route, no permission, another pool."""
    opened = {cell.case.request for cell in cells if cell.fault is Fault.OPEN_ROUTE}
    is_broken = {cell.worst.fate for cell in cells if cell.who != NOBODY} == {Fate.FAILED}
    entitled = [cell for cell in cells if cell.expected is Fate.LET_IN and cell.who != NOBODY]
    accepted = {cell.who for cell in entitled if cell.worst.fate is not Fate.REFUSED}
    found = []
    for cell in cells:
        causes = {
            Fault.OPEN_ROUTE: cell.case.request in opened,
            Fault.AUTHORIZER_FAILS: is_broken,
            Fault.EVERY_TOKEN_REFUSED: cell.fault is Fault.POLICY_DIFFERS
            and cell in entitled
            and cell.who not in accepted,
        }
        cause = next((fault for fault, holds in causes.items() if holds), cell.fault)
        found.append(replace(cell, fault=cell.fault and cause))
    return found
