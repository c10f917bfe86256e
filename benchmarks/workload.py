"""Policies of any size, and requests whose answers are known: what every engine is asked.

A policy is a number of small applications behind one API, each with the same ten lines: lists and
records, own-record rules, an area with ``/**``, two denies and a machine's scope. Nothing here
knows an engine, and nothing is random: the same size is the same policy everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from authorizer.cli.policy_file import compiled_rule, include_closure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RULES_PER_APPLICATION = 10
# Enough that no cache of a processor, or of an engine, holds the answers to all of them at once.
REQUESTS_PER_KIND = 256

_LINES: tuple[tuple[Literal["allow", "deny"], str, str, str], ...] = (
    ("allow", "group:reader", "GET", "/articles"),
    ("allow", "group:reader", "GET", "/articles/{id}"),
    ("allow", "group:editor", "POST", "/articles"),
    ("allow", "group:editor", "PUT", "/articles/{id}"),
    ("allow", "group:member", "GET", "/users/{user=sub}"),
    ("allow", "group:member", "PATCH", "/users/{user=sub}/settings"),
    ("allow", "group:admin", "ANY", "/admin/**"),
    ("deny", "group:contractor", "PUT", "/articles/{id}"),
    ("deny", "group:suspended", "ANY", "/**"),
    ("allow", "scope:reports/read", "GET", "/reports/{id}"),
)
_INCLUDES = {
    "reader": (),
    "editor": ("reader",),
    "member": (),
    "admin": ("editor",),
    "contractor": (),
    "suspended": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One rule, with a single method or ``ANY``.

    Attributes:
        effect: ``allow`` or ``deny``.
        subject: ``group:<name>`` or ``scope:<name>``.
        method: ``GET``, or ``ANY``.
        path: in the language of ``policy.yaml``.
    """

    effect: Literal["allow", "deny"]
    subject: str
    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A policy, before any engine's own format.

    Attributes:
        lines: the rules.
        includes: each group with those it includes directly.
    """

    lines: tuple[Line, ...]
    includes: Mapping[str, tuple[str, ...]]

    def document(self) -> dict[str, Any]:
        """The compiled form that ``authorizer compile`` writes."""
        groups: dict[str, Any] = {
            group: {"includes": sorted(members - {group}), "allow": [], "deny": []}
            for group, members in include_closure(self.includes).items()
        }
        scopes: dict[str, Any] = {}
        for number, line in enumerate(self.lines, start=1):
            kind, _, name = line.subject.partition(":")
            body = (
                groups[name]
                if kind == "group"
                else scopes.setdefault(name, {"allow": [], "deny": []})
            )
            body[line.effect].append(compiled_rule(f"{line.method} {line.path}", number))
        return {
            "groups": groups,
            "scopes": scopes,
            "public": [],
            "routes": None,
            "callers": None,
        }

    def having(self, subject: str) -> frozenset[str]:
        """The subjects whose callers have this one's rules: itself, and all that include it."""
        kind, _, wanted = subject.partition(":")
        if kind == "scope":
            return frozenset({subject})
        found, waiting = {wanted}, [wanted]
        while waiting:
            included = waiting.pop()
            new = {group for group, names in self.includes.items() if included in names} - found
            found |= new
            waiting += new
        return frozenset(f"group:{group}" for group in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an engine is asked, and what the answer has to be.

    Attributes:
        method: of the request.
        route: the template that API Gateway matched; nothing where it does not tell.
        path: the concrete path.
        parameters: what API Gateway extracted.
        groups: the caller's.
        scopes: the token's.
        claims: the token's claims.
        allowed: the right answer.
    """

    method: str
    route: str | None
    path: str
    parameters: Mapping[str, str]
    groups: tuple[str, ...]
    allowed: bool
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)


def workload(rules: int) -> Workload:
    """A policy of that many rules."""
    if rules < RULES_PER_APPLICATION or rules % RULES_PER_APPLICATION:
        raise ValueError(f"expected a multiple of {RULES_PER_APPLICATION} rules, found {rules}")
    lines = tuple(
        Line(effect=effect, subject=subject, method=method, path=_base(number) + path)
        for number in range(rules // RULES_PER_APPLICATION)
        for effect, subject, method, path in _LINES
    )
    return Workload(lines=lines, includes=_INCLUDES)


def requests(kind: str, rules: int) -> list[Request]:
    """Requests of one kind, to applications all over the policy, in an order that jumps about."""
    make, applications = KINDS[kind], rules // RULES_PER_APPLICATION
    # 617 is a prime: successive requests are far apart, and every application has its turn.
    return [
        make(_base(number * 617 % applications), f"{number:06x}")
        for number in range(REQUESTS_PER_KIND)
    ]


def _base(application: int) -> str:
    return f"/v1/app-{application}"


def _user(identifier: str, groups: tuple[str, ...]) -> dict[str, Any]:
    return {
        "sub": f"5c1a{identifier}-0d4e-4b8e-9d57-6f0f7a1d2c3b",
        "username": f"user-{identifier}",
        "client_id": "4k2example",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "cognito:groups": list(groups),
    }


def _to_article(
    base: str,
    identifier: str,
    *,
    method: str,
    groups: tuple[str, ...],
    allowed: bool,
    concrete: bool = False,
) -> Request:
    return Request(
        method=method,
        route=None if concrete else f"{base}/articles/{{id}}",
        path=f"{base}/articles/{identifier}",
        parameters={} if concrete else {"id": identifier},
        groups=groups,
        claims=_user(identifier, groups),
        allowed=allowed,
    )


def _template(base: str, identifier: str) -> Request:
    return _to_article(base, identifier, method="GET", groups=("reader",), allowed=True)


def _concrete(base: str, identifier: str) -> Request:
    return _to_article(
        base, identifier, method="GET", groups=("reader",), allowed=True, concrete=True
    )


def _not_granted(base: str, identifier: str) -> Request:
    return _to_article(base, identifier, method="DELETE", groups=("reader",), allowed=False)


def _denied(base: str, identifier: str) -> Request:
    groups = ("editor", "suspended")
    return _to_article(base, identifier, method="GET", groups=groups, allowed=False)


def _several_groups(base: str, identifier: str) -> Request:
    groups = ("eu-west-1_pool_SAML", "beta-testers", "contractor", "member", "editor")
    return _to_article(base, identifier, method="GET", groups=groups, allowed=True)


def _own_record(base: str, identifier: str) -> Request:
    groups = ("member",)
    claims = _user(identifier, groups)
    return Request(
        method="GET",
        route=f"{base}/users/{{user_id}}",
        path=f"{base}/users/{claims['sub']}",
        parameters={"user_id": claims["sub"]},
        groups=groups,
        claims=claims,
        allowed=True,
    )


def _another_record(base: str, identifier: str) -> Request:
    own = _own_record(base, identifier)
    other = _user(f"ff{identifier}", ())["sub"]
    return Request(
        method=own.method,
        route=own.route,
        path=f"{base}/users/{other}",
        parameters={"user_id": other},
        groups=own.groups,
        claims=own.claims,
        allowed=False,
    )


def _own_concrete(base: str, identifier: str) -> Request:
    own = _own_record(base, identifier)
    return Request(
        method=own.method,
        route=None,
        path=own.path,
        parameters={},
        groups=own.groups,
        claims=own.claims,
        allowed=True,
    )


def _scope(base: str, identifier: str) -> Request:
    return Request(
        method="GET",
        route=f"{base}/reports/{{id}}",
        path=f"{base}/reports/{identifier}",
        parameters={"id": identifier},
        groups=(),
        scopes=("reports/read",),
        claims={"sub": "7m9machine", "client_id": "7m9machine", "scope": "reports/read"},
        allowed=True,
    )


TEMPLATE = "template path"
# In the order of the tables.
KINDS: Mapping[str, Callable[[str, str], Request]] = {
    TEMPLATE: _template,
    "own record": _own_record,
    "another's record": _another_record,
    "concrete path": _concrete,
    "concrete path, own record": _own_concrete,
    "nothing grants it": _not_granted,
    "a rule denies it": _denied,
    "caller with five groups": _several_groups,
    "machine with a scope": _scope,
}
