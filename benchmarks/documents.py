"""What an exact IAM document for all of a caller's routes costs, beside the naive one.

The naive one is what is published everywhere: each rule that the caller has is an ARN, with ``*``
for a parameter. It is quickly made, and it grants more than the policy. So both are evaluated as
IAM would, on every route of the API, and the wrong answers are counted beside the time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from authorizer.cli.policy_file import (
    compiled_rule,
    dump_policy,
    include_closure,
    with_routes,
)
from authorizer.cli.policy_file.caller_table import caller_table
from authorizer.gateway.iam import caller_document
from authorizer.policy.caller_document import CallerDocuments, Inexact
from authorizer.policy.decision import Policy
from authorizer.policy.paths import split_route_key
from benchmarks.timing import Figure, compare, without_collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from authorizer.gateway.iam import PolicyDocument

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/"
SIZES = (25, 75)
WAYS = ("naive", "cold", "remembered")
# Fewer than are remembered at once.
_CALLERS = 32

_ROUTES = tuple(
    f"{method} {path}"
    for path, methods in {
        "/articles": "GET POST",
        "/articles/{id}": "GET PUT DELETE",
        "/articles/{id}/comments": "GET POST",
        "/articles/{id}/comments/{comment}": "GET PATCH DELETE",
        "/users": "GET",
        "/users/{user}": "GET PATCH",
        "/users/{user}/keys": "GET POST",
        "/users/{user}/keys/{key}": "GET DELETE",
        "/tags": "GET",
        "/tags/{tag}": "GET",
        "/admin/users": "GET POST",
        "/admin/users/{user}": "DELETE",
        "/admin/audit": "GET",
        "/admin/settings": "GET PUT",
    }.items()
    for method in methods.split()
)
GROUPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reader": (
        (),
        (
            "GET /articles",
            "GET /articles/{id}",
            "GET /articles/{id}/comments",
            "GET /tags",
            "GET /tags/{tag}",
            "GET,PATCH /users/{user=sub}",
        ),
    ),
    "editor": (
        ("reader",),
        (
            "POST /articles",
            "PUT /articles/{id}",
            "POST /articles/{id}/comments",
            "PATCH /articles/{id}/comments/{comment}",
            "GET /users/{user}",
        ),
    ),
    "admin": (("editor",), ("ANY /articles/**", "ANY /users/**", "ANY /admin/**")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A policy, and the routes of the API that it is for.

    Attributes:
        policy: compiled, with the routes.
        includes: each group with those it includes directly.
        rules: of each group, as text.
    """

    policy: Policy
    includes: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, tuple[str, ...]]

    @property
    def routes(self) -> tuple[str, ...]:
        """``GET /articles/{id}`` and so on."""
        return self.policy.routes or ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document, and what is wrong with it.

    Attributes:
        too_much: requests that it allows and the policy does not, of two to a route.
        too_little: requests that the policy allows and it does not.
        document_bytes: how long it is as JSON.
    """

    too_much: int
    too_little: int
    document_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What was measured, by caller and number of routes, and for what was made.

    Attributes:
        figures: of ``WAYS``; ``naive`` is the unit.
        written: of ``naive`` and ``cold``.
        prepared: what it costs to work out the table, when the policy is compiled.
    """

    figures: dict[tuple[str, str, int], Figure] = field(default_factory=dict)
    written: dict[tuple[str, str, int], Written] = field(default_factory=dict)
    prepared: dict[int, Figure] = field(default_factory=dict)


class NoDocumentError(Exception):
    """There is no exact document: nothing to time."""


def measure(*, sizes: Sequence[int] = SIZES, repeats: int) -> Documents:
    """Make every caller's document in every way."""
    found = Documents()
    for size in sizes:
        api = made(size)
        known = CallerDocuments(api.policy)
        for group in GROUPS:
            calls = _calls(api, known, group)
            with without_collector():
                figures = compare(calls, unit="naive", repeats=repeats)
            for way, figure in figures.items():
                found.figures[way, group, size] = figure
            for way in WAYS[:2]:
                found.written[way, group, size] = _judged(api, group, calls[way][0]())
        with without_collector():
            prepare = {"": [partial(caller_table, api.policy)]}
            found.prepared[size] = compare(prepare, unit="", repeats=repeats)[""]
    return found


def made(size: int) -> Api:
    """An API of that many routes: one application of 25 routes, or several side by side."""
    if size < len(_ROUTES) or size % len(_ROUTES):
        raise ValueError(f"expected a multiple of {len(_ROUTES)} routes, found {size}")
    bases = [f"/app-{number}" for number in range(size // len(_ROUTES))]
    rules = {
        group: tuple(_below(base, rule) for base in bases for rule in own)
        for group, (_, own) in GROUPS.items()
    }
    includes = {group: included for group, (included, _) in GROUPS.items()}
    closure = include_closure(includes)
    document: dict[str, Any] = {
        "groups": {
            group: {
                "includes": sorted(closure[group] - {group}),
                "allow": [compiled_rule(rule, 1) for rule in own],
                "deny": [],
            }
            for group, own in rules.items()
        },
        "scopes": {},
        "public": [],
        "routes": None,
        "callers": None,
    }
    routes = [_below(base, route) for base in bases for route in _ROUTES]
    policy = Policy.parse(dump_policy(with_routes(document, routes)))
    return Api(policy=policy, includes=includes, rules=rules)


def naive_document(api: Api, groups: Sequence[str], claims: Mapping[str, Any]) -> PolicyDocument:
    """Each rule an ARN: ``{id}`` is ``*``, ``{user=sub}`` the claim, ``/**`` is ``/*``."""
    waiting, seen, resources = list(groups), set[str](), list[str]()
    while waiting:
        group = waiting.pop()
        if group in seen or group not in api.rules:
            continue
        seen.add(group)
        waiting += api.includes[group]
        for rule in api.rules[group]:
            methods, path = split_route_key(rule)
            glob = _PARAMETER.sub(lambda one: claims.get(one["claim"] or "", "*"), path)
            for method in methods.replace("ANY", "*").split(","):
                resources.append(f"{PREFIX}{method}{glob.replace('/**', '/*')}")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resources},
        ],
    }


_PARAMETER = re.compile(r"\{[^}=]+(?:=(?P<claim>[^}]+))?\}")


def _calls(
    api: Api, known: CallerDocuments, group: str
) -> dict[str, list[Callable[[], PolicyDocument]]]:
    callers = [_claims(group, number) for number in range(_CALLERS)]
    groups = (group,)

    def cold(claims: Mapping[str, Any]) -> PolicyDocument:
        return document(CallerDocuments(api.policy), claims)

    def remembered(claims: Mapping[str, Any]) -> PolicyDocument:
        return document(known, claims)

    def document(documents: CallerDocuments, claims: Mapping[str, Any]) -> PolicyDocument:
        grants = documents.of(groups, (), claims)
        if isinstance(grants, Inexact):
            raise NoDocumentError(grants)
        return caller_document(PREFIX, grants.allow, grants.deny)

    for claims in callers:
        remembered(claims)
    return {
        "naive": [partial(naive_document, api, groups, claims) for claims in callers],
        "cold": [partial(cold, claims) for claims in callers],
        "remembered": [partial(remembered, claims) for claims in callers],
    }


def _judged(api: Api, group: str, document: PolicyDocument) -> Written:
    """Ask the document and the policy for every route, for the caller's record and another's."""
    claims = _claims(group, 0)
    too_much = too_little = 0
    for route in api.routes:
        method, template = split_route_key(route)
        for path, values in _requests_to(template, claims["sub"]):
            decision = api.policy.decide(
                method=method,
                route=template,
                path=path,
                path_parameters=values,
                groups=(group,),
                claims=claims,
            )
            allows = _iam_allows(document, f"{PREFIX}{method}{path}")
            too_much += allows and not decision.allowed
            too_little += decision.allowed and not allows
    size = len(json.dumps(document))
    return Written(too_much=too_much, too_little=too_little, document_bytes=size)


def _requests_to(template: str, own: str) -> Iterator[tuple[str, dict[str, str]]]:
    names = [one[0][1:-1] for one in _PARAMETER.finditer(template)]
    for value in (own, "42"):
        yield _PARAMETER.sub(value, template), dict.fromkeys(names, value)


def _iam_allows(document: PolicyDocument, arn: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        for resource in statement["Resource"]
        if re.fullmatch(".*".join(map(re.escape, resource.split("*"))), arn)
    }
    return effects == {"Allow"}


def _below(base: str, rule: str) -> str:
    method, path = split_route_key(rule)
    return f"{method} {base}{path}"


def _claims(group: str, number: int) -> dict[str, Any]:
    return {
        "sub": f"5c1a{number:04x}-0d4e-4b8e-9d57-6f0f7a1d2c3b",
        "username": f"user-{number}",
        "client_id": "4k2example",
        "cognito:groups": [group],
    }
