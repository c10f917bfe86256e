"""Which route of the API a concrete request reaches, as API Gateway chooses among them.

HTTP APIs take the routes that have the method, and of them a full match before a ``{proxy+}`` and
that before ``$default``. REST APIs walk down the tree of paths, and look for the method only there
where they arrive. Both prefer a literal segment to a parameter, and the method itself to ``ANY``.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html

A path that could be read in several ways is only resolved where all readings reach the same route:
which reading API Gateway chooses is not for us to guess.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from authorizer.cli.analysis.paths import pattern_of_route
from authorizer.cli.text import shown
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    PARAMETER,
    parse_route,
    safe_segments,
    split_path,
    split_route_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.cli.analysis.request import Request
    from authorizer.policy.model import RoutePattern

DEFAULT = "$default"
_LITERAL, _PARAMETER, _GREEDY = range(3)
_COMPARED = re.compile(r"=[^/}]*\}")
_GREEDY_NAME = re.compile(r"\{([^{}/]+)\+\}$")


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
        on_rest: where it is not known which kind of API it is, and a REST API takes another route:
            that one; empty if it takes none.
        readings: where it cannot be told which route is reached, what each way to read the path
            leads to.
        paths: these ways.
    """

    candidates: tuple[Candidate, ...] = ()
    winner: Candidate | None = None
    methods: tuple[str, ...] = ()
    on_rest: str | None = None
    readings: tuple[Resolution, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def is_undecided(self) -> bool:
        """Whether there may be a route, but which one cannot be told."""
        return bool(self.readings)

    @property
    def doubt(self) -> str | None:
        """Why the winner cannot be told, or is not the same on every kind of API, in words."""
        if self.readings:
            readings = " or ".join(map(shown, self.paths))
            return f"API Gateway may read the path as {readings}, which are not the same route"
        if self.winner is None or self.on_rest is None:
            return None
        other = self.on_rest or "no route"
        return f"an HTTP API takes {self.winner.key} for it, and a REST API {other}"


@lru_cache(maxsize=4096)
def resolve(
    routes: tuple[str, ...], request: Request, *, is_rest: bool | None = None
) -> Resolution:
    """Resolve a request among an API's routes.

    Args:
        routes: keys, such as ``GET /users/{id}``, ``$default``.
        request: method and concrete path.
        is_rest: whether it is a REST API; nothing where that is not known.
    """
    paths = tuple(dict.fromkeys(_readings(request)))
    found = [_resolve(routes, request.method, path, is_rest=is_rest) for path in paths]
    winners = {reading.winner and reading.winner.key: reading.winner for reading in found}
    if len(winners) == 1:
        return found[0]
    return Resolution(
        candidates=tuple(filter(None, winners.values())),
        readings=tuple(found),
        paths=tuple(f"/{'/'.join(path)}" for path in paths),
    )


def named_routes(patterns: Iterable[RoutePattern], method: str | None = None) -> tuple[str, ...]:
    """The routes that rules speak of, for want of those of the API; each once.

    Args:
        patterns: the rules'. Names of parameters are those of the first one.
        method: to have in place of the rules' own methods.
    """
    keys: dict[tuple[object, ...], str] = {}
    for pattern in patterns:
        if pattern.text == CONNECT:
            keys[CONNECT,] = CONNECT
            continue
        path = pattern.text.partition(" ")[2].removesuffix("/**")
        path = _COMPARED.sub("}", path)
        for verb in [method] if method else sorted(pattern.methods):
            keys.setdefault((verb, pattern.path, False), f"{verb} {path or '/'}")
            if pattern.tail:
                greedy = f"{verb} {path.removesuffix('/')}/{{proxy+}}"
                keys.setdefault((verb, pattern.path, True), greedy)
    return tuple(keys.values())


def why_preferred(winner: Candidate, other: Candidate) -> str:
    """Why one candidate is reached and not the other."""
    if other.template == DEFAULT:
        return "$default takes only what no other route takes"
    for index, (own, theirs) in enumerate(zip(winner.ranks, other.ranks, strict=False)):
        if own != theirs and _GREEDY not in (own, theirs):
            literal = split_path(winner.template)[index]
            return f"literal {literal} before a parameter"
        if own != theirs:
            break
    if other.is_greedy:
        return (
            "it matches more of the path than {proxy+}"
            if winner.is_greedy
            else ("a full match before {proxy+}")
        )
    if winner.template == other.template:
        return f"{winner.method} before {ANY}"
    return "it is the more specific one"


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
    routes: Iterable[str], method: str, segments: tuple[str, ...], *, is_rest: bool | None
) -> Resolution:
    matching = list(_candidates(routes, segments))
    taking = [candidate for candidate in matching if _takes(candidate, method)]
    as_http = sorted(taking, key=_http_order)
    as_rest = _as_rest(matching, method)
    chosen = as_rest if is_rest else as_http
    on_rest = as_rest[0].key if as_rest else ""
    is_same = is_rest is not None or not as_http or as_http[0].key == on_rest
    return Resolution(
        candidates=tuple(chosen),
        winner=chosen[0] if chosen else None,
        methods=tuple(dict.fromkeys(other.method for other in matching if other not in taking)),
        on_rest=None if is_same else on_rest,
    )


def _as_rest(matching: list[Candidate], method: str) -> list[Candidate]:
    """The routes of the one resource that the tree leads to."""
    ordered = sorted(matching, key=_rest_order)
    here = [candidate for candidate in ordered if candidate.ranks == ordered[0].ranks]
    rest = [candidate for candidate in ordered if candidate.ranks != ordered[0].ranks]
    taken = [candidate for candidate in here if _takes(candidate, method)]
    return taken + [candidate for candidate in rest if _takes(candidate, method)] if taken else []


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
