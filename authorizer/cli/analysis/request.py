"""One question to the policy: a method, a concrete path and a caller.

What a person writes may be wrong in ways that the policy would answer with a plain no; such
mistakes are refused here, with what to write instead. What a hostile client may send is no mistake.

Whether an authorizer's events name the route makes a difference. Where they do, the rules are
compared with the route that API Gateway matched. A TOKEN authorizer of a REST API is given the
concrete path alone, and the policy then resolves it by itself: a deny may count that is none of the
route's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from authorizer.cli.text import shown
from authorizer.errors import clip
from authorizer.policy.decision import CLAIMS_OF_USERS, Policy, is_machine
from authorizer.policy.paths import ANY, CONNECT, METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authorizer.policy.model import Decision

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
