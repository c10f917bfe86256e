"""One question to the policy: a method, a concrete path and a caller; and which route it reaches.

What a person writes may be wrong in ways that the policy would answer with a plain no; such
mistakes are refused here, with what to write instead. What a hostile client may send is no mistake.

Whether an authorizer's events name the route makes a difference. Where they do, the rules are
compared with the route that API Gateway matched. A TOKEN authorizer of a REST API is given the
concrete path alone, and the policy then resolves it by itself: a deny may count that is none of the
route's.

Among the routes of an API, API Gateway chooses. HTTP APIs take those that have the method, and of
them a full match before a ``{proxy+}`` and that before ``$default``. REST APIs walk down the tree
of paths, and look for the method only there where they arrive. Both prefer a literal segment to a
parameter, and the method itself to ``ANY``. A path that could be read in several ways is only
resolved where all readings reach the same route: which reading is chosen is not for us to guess.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from authorizer.cli.analysis.routes import pattern_of_route
from authorizer.cli.text import shown
from authorizer.errors import clip
from authorizer.policy.decision import CLAIMS_OF_USERS, Policy, is_machine
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    PARAMETER,
    parse_route,
    safe_segments,
    split_path,
    split_route_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.policy.model import Decision

DEFAULT = "$default"
_LITERAL, _PARAMETER, _GREEDY = range(3)
_GREEDY_NAME = re.compile(r"\{([^{}/]+)\+\}$")
MACHINE = "machine"
_TEMPLATE = re.compile(r"\{[^/]*\}|/\*\*$")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class RequestSyntaxError(ValueError):
    """What was written is no request.

    Attributes:
        offset: where in the text the trouble starts, counted from 0.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A method and a concrete path; for a WebSocket API's ``$connect``, no method.

    Attributes:
        route: the template that was matched; nothing where that is not known, or the authorizer's
            events do not name it.
        path_parameters: the values that API Gateway extracted for it.
    """

    method: str
    path: str
    route: str | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return shown(f"{self.method} {self.path}".strip())

    @property
    def resource(self) -> str:
        """What an IAM document calls it, after the API and the stage."""
        return "" if self.path == CONNECT else f"{self.method}{self.path}"

    def put_to(self, policy: Policy, caller: Caller) -> Decision:
        """What the policy decides, as the authorizer asks it."""
        is_connection = self.path == CONNECT
        return policy.decide(
            method=self.method,
            route=CONNECT if is_connection else self.route,
            path=None if is_connection else self.path,
            path_parameters=self.path_parameters,
            groups=caller.groups,
            scopes=caller.scopes,
            claims=caller.claims,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as ``Policy.decide`` wants to know it."""

    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_machine(self) -> bool:
        """Whether scopes count: rule 3 of ``docs/policy.md``."""
        return is_machine(self.groups, self.claims)


def described_caller(
    groups: Iterable[str], scopes: Iterable[str], claims: Mapping[str, Any]
) -> Caller:
    """A caller of whom only that was told which matters.

    Scopes alone mean a machine, whose ``sub`` is its ``client_id``: what was not told of the two is
    filled in, unless groups or a user's name say that there is a person.
    """
    groups, scopes = tuple(groups), tuple(scopes)
    if not scopes or groups or not claims.keys().isdisjoint(CLAIMS_OF_USERS):
        return Caller(groups=groups, scopes=scopes, claims=dict(claims))
    name = claims.get("client_id", claims.get("sub", MACHINE))
    return Caller(scopes=scopes, claims={"sub": name, "client_id": name, **claims})


def parse_requests(text: str) -> tuple[Request, ...]:
    """Read ``GET /users/42``, ``GET,PATCH /users/42``, ``ANY /admin/x`` or ``$connect``.

    Raises:
        RequestSyntaxError: for anything else.
    """
    if text == CONNECT:
        return (Request(method="", path=CONNECT),)
    methods, blank, path = text.partition(" ")
    if not blank:
        raise RequestSyntaxError(f"expected a request such as GET /users/42, found {clip(text)}")
    offset = 0
    for method in methods.split(","):
        require_method(method, offset)
        offset += len(method) + 1
    require_path(path, offset)
    chosen = METHODS if methods == ANY else dict.fromkeys(methods.split(","))
    return tuple(Request(method=method, path=path) for method in chosen)


def require_method(method: str, offset: int = 0) -> None:
    """Refuse what is no method of API Gateway's.

    Raises:
        RequestSyntaxError: with the method that was meant, where one is close.
    """
    if method in METHODS or method == ANY:
        return
    close = get_close_matches(method.upper(), [*METHODS, ANY], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise RequestSyntaxError(
        f"expected a method among {', '.join(METHODS)} or {ANY}, found {clip(method)}{hint}", offset
    )


def require_path(path: str, offset: int = 0) -> None:
    """Refuse what is no concrete path.

    Raises:
        RequestSyntaxError: with what to write instead.
    """
    if not path.startswith("/"):
        raise RequestSyntaxError(f"{_without_slash(path)}, found {clip(path)}", offset)
    template = _TEMPLATE.search(path)
    if template is not None:
        raise RequestSyntaxError(
            f"expected a concrete path such as /users/42, found the template {clip(path)}: "
            f"put a value in place of {clip(template[0])}",
            offset + template.start(),
        )
    if "?" in path or "#" in path:
        at = min(path.find(mark) for mark in "?#" if mark in path)
        raise RequestSyntaxError(
            f"expected a path without query and fragment, found {clip(path)}: leave {path[at]} and "
            f"what follows away, no rule looks at it",
            offset + at,
        )


def _without_slash(path: str) -> str:
    if _URL.match(path):
        return "expected a path: leave away the scheme, host and stage"
    if path != path.lstrip():
        return "expected one blank and a path that starts with /"
    return "expected a path that starts with /"


# --- which route it reaches -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A route whose path matches the request's.

    Attributes:
        key: as API Gateway names it: ``GET /users/{id}``.
        method: ``ANY``, or the route's own; empty for ``$default`` and ``$connect``.
        template: the route's path.
        parameters: the values of its path parameters, as they stand in the request.
        ranks: per segment, literal before parameter before everything below.
    """

    key: str
    method: str
    template: str
    parameters: Mapping[str, str]
    ranks: tuple[int, ...]

    @property
    def is_greedy(self) -> bool:
        """Whether the route does not tell the path."""
        return self.template == DEFAULT or _GREEDY in self.ranks

    @property
    def is_literal(self) -> bool:
        """Whether no other route can be more specific."""
        return self.method != ANY and self.template != DEFAULT and set(self.ranks) <= {_LITERAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How a request came to its route.

    Attributes:
        candidates: the routes that match path and method, the one that is reached first.
        winner: the route that is reached; nothing where none is, or where that cannot be told.
        methods: those of the routes that match the path but not the method.
        readings: where it cannot be told which route is reached, what each way to read the path
            leads to.
        doubt: why the winner cannot be told then, in words.
    """

    candidates: tuple[Candidate, ...] = ()
    winner: Candidate | None = None
    methods: tuple[str, ...] = ()
    readings: tuple[Resolution, ...] = ()
    doubt: str | None = None


@lru_cache(maxsize=4096)
def resolve(routes: tuple[str, ...], request: Request, *, is_rest: bool = False) -> Resolution:
    """Resolve a request among an API's routes.

    Args:
        routes: keys, such as ``GET /users/{id}``, ``$default``.
        request: method and concrete path.
        is_rest: whether it is a REST API.
    """
    paths = tuple(dict.fromkeys(_readings(request)))
    found = [_resolve(routes, request.method, path, is_rest=is_rest) for path in paths]
    winners = {reading.winner and reading.winner.key: reading.winner for reading in found}
    if len(winners) == 1:
        return found[0]
    ways = " or ".join(shown(f"/{'/'.join(path)}") for path in paths)
    return Resolution(
        candidates=tuple(filter(None, winners.values())),
        readings=tuple(found),
        doubt=f"API Gateway may read the path as {ways}, which are not the same route",
    )


def why_preferred(winner: Candidate, other: Candidate) -> str:
    """Why one candidate is reached and not the other."""
    ranks = zip(winner.ranks, other.ranks, strict=False)
    at, pair = next(((at, pair) for at, pair in enumerate(ranks) if len({*pair}) > 1), (0, ()))
    if other.template == DEFAULT:
        return "$default takes only what no other route takes"
    if pair and _GREEDY not in pair:
        return f"literal {split_path(winner.template)[at]} before a parameter"
    if other.is_greedy and winner.is_greedy:
        return "it matches more of the path than {proxy+}"
    if other.is_greedy:
        return "a full match before {proxy+}"
    is_same = winner.template == other.template
    return f"{winner.method} before {ANY}" if is_same else "it is the more specific one"


def _readings(request: Request) -> tuple[tuple[str, ...], ...]:
    """Every way to read the path; one for a plain path."""
    path = request.path
    if path == CONNECT:
        return (("", CONNECT),)
    decoded = unquote(path)
    if safe_segments(path) is not None:
        return (split_path(path),)
    cleaned = posixpath.normpath(decoded)
    return (split_path(path), split_path(decoded), split_path("/" + cleaned.lstrip("/")))


def _resolve(
    routes: Iterable[str], method: str, segments: tuple[str, ...], *, is_rest: bool
) -> Resolution:
    matching = list(_candidates(routes, segments))
    taking = [candidate for candidate in matching if _takes(candidate, method)]
    chosen = _as_rest(matching, method) if is_rest else sorted(taking, key=_http_order)
    return Resolution(
        candidates=tuple(chosen),
        winner=chosen[0] if chosen else None,
        methods=tuple(dict.fromkeys(other.method for other in matching if other not in taking)),
    )


def _as_rest(matching: list[Candidate], method: str) -> list[Candidate]:
    """The routes of the one resource that the tree leads to, and what else would take it."""
    ordered = sorted(matching, key=_rest_order)
    taking = [candidate for candidate in ordered if _takes(candidate, method)]
    return taking if taking and taking[0].ranks == ordered[0].ranks else []


def _takes(candidate: Candidate, method: str) -> bool:
    return candidate.method in {method, ANY, ""}


def _http_order(candidate: Candidate) -> tuple[object, ...]:
    return (candidate.template == DEFAULT, candidate.is_greedy, *_rest_order(candidate)[1:])


def _rest_order(candidate: Candidate) -> tuple[object, ...]:
    return (candidate.template == DEFAULT, candidate.ranks, candidate.method == ANY)


def _candidates(routes: Iterable[str], segments: tuple[str, ...]) -> Iterator[Candidate]:
    for key in routes:
        method, template = split_route_key(key)
        pattern, route = pattern_of_route(template), parse_route(template)
        # Of the routes that do not tell a path, $default takes all but connections.
        names = route.names if route is not None else ()
        is_default = template == DEFAULT and segments != ("", CONNECT)
        if not pattern.covers(segments) or not (route is not None or is_default):
            continue
        parameters = {name: segment for name, segment in zip(names, segments, strict=False) if name}
        greedy = _GREEDY_NAME.search(template)
        if greedy is not None:
            parameters[greedy[1]] = "/".join(segments[len(names) :])
        ranks = [_PARAMETER if own == PARAMETER else _LITERAL for own in pattern.path]
        yield Candidate(
            key=key,
            method=method,
            template=template,
            parameters=parameters,
            ranks=(*ranks, _GREEDY) if greedy else tuple(ranks),
        )
