"""What check says of rules that do nothing is exact: tried out on policies made at random."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from authorizer import Policy
from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.check.policy_rules import check_rules
from authorizer.cli.policy_file import compile_source, dump_policy, read_source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from authorizer import Decision
    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule

EXAMPLES = 25
GROUPS = ("one", "two", "three")
SEGMENTS = ("a", "b", "{id}", "{u=sub}")
PATHS = [
    "/" + "/".join(path)
    for length in (1, 2, 3)
    for path in itertools.product(SEGMENTS, repeat=length)
    if path.count("{id}") < 2 and path.count("{u=sub}") < 2
]
rules = st.builds(
    "{} {}".format,
    st.sampled_from(["GET", "PUT", "GET,PUT", "ANY"]),
    st.sampled_from(["/**", "/", *PATHS[:20], *PATHS, *(f"{path}/**" for path in PATHS[:20])]),
)
rule_lists = st.lists(rules, max_size=5)


@st.composite
def policies(draw: st.DrawFn) -> SourcePolicy:
    """A policy whose groups include earlier ones only, each rule on a line of its own."""
    lines = ["version: 1", "groups:"]
    for number, group in enumerate(GROUPS):
        included = draw(st.sets(st.sampled_from(GROUPS[:number]))) if number else set()
        lines += [f"  {group}:", f"    includes: [{', '.join(sorted(included))}]", "    allow:"]
        lines += [f"      - {rule}" for rule in draw(rule_lists)]
        lines += ["    deny:", *(f"      - {rule}" for rule in draw(rule_lists)[:2])]
    source, problems = read_source("\n".join(lines).encode())
    assert problems == []
    return source


def without(source: SourcePolicy, lines: Collection[int]) -> SourcePolicy:
    """The policy without the rules on these lines."""

    def kept(rules: tuple[SourceRule, ...]) -> tuple[SourceRule, ...]:
        return tuple(rule for rule in rules if rule.line not in lines)

    groups = (
        replace(group, allow=kept(group.allow), deny=kept(group.deny)) for group in source.groups
    )
    return replace(source, groups=tuple(groups))


def compiled(source: SourcePolicy) -> Policy:
    return Policy.parse(dump_policy(compile_source(source)))


def lines_of(source: SourcePolicy, *codes: str) -> set[int]:
    return {
        finding.location.line
        for finding in check_rules(NamedPolicy(source=source))
        if finding.code in codes
    }


# Every path that the rules know, and one below it that they do not.
ROUTES = [
    "/" + "/".join((*path, *below))
    for length in range(4)
    for path in itertools.product(("a", "b", "{x}"), repeat=length)
    for below in ((), ("c",))
    if path.count("{x}") < 3
]


def route_answers(policy: Policy, group: str) -> Iterator[tuple[object, Decision]]:
    """What a caller is answered on every route, where each parameter has some value."""
    for method, route in itertools.product(("GET", "PUT", "PURGE"), ROUTES):
        names = [segment for segment in route.split("/") if segment == "{x}"]
        # API Gateway names parameters differently; the second one is called y.
        template = route.replace("{x}", "{y}", 1) if len(names) == 2 else route
        for values in itertools.product(("me", "you"), repeat=len(names)):
            parameters = dict(zip(("y", "x") if len(names) == 2 else ("x",), values, strict=False))
            question = (method, template, tuple(parameters.items()))
            yield (
                question,
                policy.decide(
                    method=method,
                    route=template,
                    path_parameters=parameters,
                    groups=[group],
                    claims={"sub": "me"},
                ),
            )


def path_answers(policy: Policy) -> Iterator[bool]:
    """What callers are answered where API Gateway tells no route."""
    paths = ["/" + "/".join(path) for n in range(4) for path in itertools.product("ab", repeat=n)]
    for group, path, sub, method in itertools.product(GROUPS, paths, "ab", ("GET", "PUT", "X")):
        yield policy.decide(
            method=method, path=path, route="$default", groups=[group], claims={"sub": sub}
        ).allowed


@settings(deadline=None, max_examples=EXAMPLES)
@given(policies())
def test_a_rule_reported_as_double_or_covered_does_nothing(source: SourcePolicy) -> None:
    """Without all of them together, every caller is answered the same, by route and by path."""
    shorter = without(source, lines_of(source, "P201", "P202"))
    before, after = compiled(source), compiled(shorter)

    for group in GROUPS:
        asked = [(question, answer.allowed) for question, answer in route_answers(before, group)]
        assert asked == [(one, answer.allowed) for one, answer in route_answers(after, group)]
    assert list(path_answers(before)) == list(path_answers(after))


@settings(deadline=None, max_examples=EXAMPLES)
@given(policies())
def test_a_grant_reported_as_dead_never_grants(source: SourcePolicy) -> None:
    """No caller is allowed anything by it."""
    dead = lines_of(source, "P203")
    policy = compiled(source)

    for group in GROUPS:
        for _, answer in route_answers(policy, group):
            assert not (answer.allowed and answer.rule and answer.rule.line in dead)


def may_tell_apart(rule: SourceRule, source: SourcePolicy) -> bool:
    """Whether a grant has a parameter where this one is literal."""
    return any(
        own != "{}" == other
        for grant in source.rules
        if grant.effect == "allow"
        for own, other in zip(rule.pattern.path, grant.pattern.path, strict=False)
    )


@settings(deadline=None, max_examples=EXAMPLES)
@given(policies())
def test_a_grant_that_is_not_reported_grants_something(source: SourcePolicy) -> None:
    """Nothing is missed: without it, its group would lose a route.

    But for one that may tell a literal route from another grant's parameter.
    """
    while idle := lines_of(source, "P201", "P202", "P203"):
        source = without(source, idle)
    policy = compiled(source)

    for group in source.groups:
        before = [answer.allowed for _, answer in route_answers(policy, group.name)]
        for rule in group.allow:
            if not may_tell_apart(rule, source):
                shorter = compiled(without(source, {rule.line}))
                after = [answer.allowed for _, answer in route_answers(shorter, group.name)]
                assert before != after
