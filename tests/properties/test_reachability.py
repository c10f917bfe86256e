"""Whether a route is reachable, against asking ``decide`` about every caller there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations, product
from typing import TYPE_CHECKING

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from made_templates import (
    authorizer,
    findings,
    http_api,
    read_policy,
    rest_api,
    rest_authorizer,
    route,
    template,
)

from authorizer.cli.template.model import AuthorizerKind
from authorizer.policy.paths import METHODS, parse_route, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.policy.decision import Policy

GROUPS = ("one", "two", "three")
# More values than any policy here compares, so that some are always free.
VALUES = ("a", "b", "v1", "v2", "v3")
CLAIMS = ("sub", "username")

segments = st.sampled_from(["a", "b", "{x}", "{x=sub}", "{x=username}"])
methods = st.sampled_from(["GET", "POST", "GET,POST", "ANY"])


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule of at most two segments."""
    path = [
        segment.replace("x", f"x{at}")
        for at, segment in enumerate(draw(st.lists(segments, max_size=2)))
    ]
    tail = draw(st.booleans())
    return f"{draw(methods)} /" + "/".join([*path, "**"] if tail else path)


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A policy of three groups."""
    lines = ["version: 1", "groups:"]
    for at, group in enumerate(GROUPS):
        included = draw(st.sampled_from(["[]", *(f"[{name}]" for name in GROUPS[:at])]))
        lines += [f"  {group}:", f"    includes: {included}"]
        for effect in ("allow", "deny"):
            written = draw(st.lists(rules(), max_size=2, unique=True))
            lines += [f"    {effect}: {[*written]!r}".replace("'", '"')]
    return "\n".join(lines)


def callers() -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Every set of groups, with every value for every claim, or without it."""
    sets = chain.from_iterable(combinations(GROUPS, size) for size in (1, 2, 3))
    values = list(product((*VALUES, None), repeat=len(CLAIMS)))
    for groups, chosen in product(list(sets), values):
        claims = {name: value for name, value in zip(CLAIMS, chosen, strict=True) if value}
        yield groups, claims


def paths_of(template: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every concrete path of a route, with its parameters."""
    known = parse_route(template)
    closed = split_path(template) if known and not known.greedy else ()
    lengths = [len(closed)] if closed else range(4)
    for length in lengths:
        for path in product(VALUES, repeat=length):
            if known is None:
                yield "/" + "/".join(path), {}
            elif all(
                name or segment == own
                for own, name, segment in zip(known.path, known.names, path, strict=False)
            ) and (length > len(known.path) if known.greedy else True):
                parameters = {
                    name: segment for name, segment in zip(known.names, path, strict=False) if name
                }
                yield "/" + "/".join(path), parameters


def is_anybody_allowed(policy: Policy, key: str, *, told: bool) -> bool:
    """Ask about every caller, path and method."""
    method, _, template = key.rpartition(" ")
    tried = METHODS[:3] if method in ("", "ANY") else (method,)
    requests = [(one, *path) for one in tried for path in paths_of(template)]
    return any(
        policy.decide(
            method=one,
            route=template if told else None,
            path=path,
            path_parameters=parameters,
            groups=groups,
            claims=claims,
        ).allowed
        for groups, claims in callers()
        for one, path, parameters in requests
    )


KEYS = ("GET /a", "GET /{p}", "ANY /{p}/b", "GET /{p}/{q}", "POST /a/{proxy+}", "$default")


@settings(max_examples=examples(100), deadline=None)
@given(policies(), st.sampled_from(KEYS), st.booleans(), st.booleans())
def test_a_route_is_reachable_if_and_only_if_some_caller_is_allowed(
    text: str,
    key: str,
    told: bool,  # noqa: FBT001 - hypothesis passes it so
    is_complete: bool,  # noqa: FBT001
) -> None:
    """One caller a rule, and one path a length, are enough to try."""
    policy = read_policy(text).policy
    if told or key == "$default":
        api = http_api(route(key), is_complete=is_complete)
        told = True
    else:
        by = [rest_authorizer(kind=AuthorizerKind.TOKEN)]
        api = rest_api(route(key), by=by, is_complete=is_complete)
    if is_complete:
        policy = replace(policy, routes=(key,))
    codes = {one.code for one in findings(template(api), text)}
    assert ("X104" not in codes) is is_anybody_allowed(policy, key, told=told)


@settings(max_examples=examples(25), deadline=None)
@given(policies(), st.sampled_from(["GET /a", "GET /{p}", "ANY /{p}/b", "GET /{p}/{q}"]))
def test_an_answer_that_may_be_shared_is_the_answer_to_all(text: str, key: str) -> None:
    """Of a route whose answers may be remembered, all paths and methods are decided alike."""
    policy = read_policy(text).policy
    api = http_api(route(key), by=[authorizer(ttl_seconds=60)])
    if {"X202", "X203"}.isdisjoint(one.code for one in findings(template(api), text)):
        for groups, claims in callers():
            answers = {
                policy.decide(
                    method=method,
                    route=key.rpartition(" ")[2],
                    path=path,
                    path_parameters=parameters,
                    groups=groups,
                    claims=claims,
                ).allowed
                for method in (("GET", "POST", "PURGE") if key.startswith("ANY") else ("GET",))
                for path, parameters in paths_of(key.rpartition(" ")[2])
            }
            assert len(answers) == 1, (groups, claims)
