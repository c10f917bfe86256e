"""Who may do what, on policies that one can read."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from authorizer.cli import analysis
from authorizer.cli.analysis.conditions import ALWAYS, condition_of, implies, is_possible, smallest
from authorizer.cli.analysis.named_policy import read_policy
from authorizer.cli.analysis.partition import Partition, competing_routes
from authorizer.cli.analysis.permissions import (
    EVERYONE,
    NO_PERMISSION,
    Analysis,
    Permission,
    Subject,
    SubjectKind,
    permissions_of,
)
from authorizer.cli.analysis.routes import asked_routes, routes_of_rules
from authorizer.cli.policy_file.grammar import pattern_of
from authorizer.cli.text import code, plain
from authorizer.errors import ConfigurationError


def group(name: str) -> Subject:
    return Subject(kind=SubjectKind.GROUP, name=name)


def cell(rules: str, route: str, subject: Subject | None = None, *others: str) -> Permission:
    """The cell of group g, by default, on a route of an API that has others besides."""
    access = Analysis.of(
        read_policy(f"version: 1\n{rules}".encode(), "policy.yaml"), (route, *others)
    )
    routes = asked_routes((route, *others))
    cells = permissions_of(
        routes[0], Partition(access.policy.tree), access, competing_routes(routes)
    )
    return cells.get(subject or group("g"), NO_PERMISSION)


def of_g(allow: str = "", deny: str = "") -> str:
    return f"groups:\n  g:\n    allow: [{allow}]\n    deny: [{deny}]\n"


@pytest.mark.parametrize(
    ("allow", "deny", "route", "outcome", "words"),
    [
        pytest.param('"GET /a/{x}"', "", "GET /a/{id}", "allow", "all of it", id="allow"),
        pytest.param(
            '"GET /a/{x=sub}"', "", "GET /a/{id}", "own", "only where {id} = sub", id="own"
        ),
        pytest.param(
            '"GET /a/{x=sub}/{y=team}"',
            "",
            "GET /a/{id}/{t}",
            "own",
            "only where {id} = sub and {t} = team",
            id="own, two conditions",
        ),
        pytest.param(
            '"GET /a/{x=sub}", "GET /a/{x=team}"',
            "",
            "GET /a/{id}",
            "own",
            "only where {id} = sub or {id} = team",
            id="own, one way or another",
        ),
        pytest.param(
            '"GET /a/{x}", "GET /a/{x=sub}"',
            "",
            "GET /a/{id}",
            "allow",
            "all of it",
            id="a condition beside none",
        ),
        pytest.param("", "ANY /**", "GET /a", "deny", "denied", id="deny alone"),
        pytest.param("GET /a", "ANY /**", "GET /a", "deny", "denied", id="deny over allow"),
        pytest.param(
            '"GET /a/{x=sub}"',
            '"ANY /a/{x=sub}"',
            "GET /a/{id}",
            "deny",
            "denied",
            id="a deny of just what is allowed",
        ),
        pytest.param(
            '"GET /a/{x}"',
            '"ANY /a/{x=sub}"',
            "GET /a/{id}",
            "partly",
            "all of it, unless {id} = sub",
            id="all but one's own",
        ),
        pytest.param(
            '"GET /a/{x=sub}"',
            '"ANY /a/{x=team}"',
            "GET /a/{id}",
            "own",
            "only where {id} = sub, unless {id} = team",
            id="own, with an exception",
        ),
        pytest.param(
            "",
            '"ANY /a/{x=sub}"',
            "GET /a/{id}",
            "none",
            "nothing grants it",
            id="nothing, of which a deny denies some",
        ),
        pytest.param("GET /a", "", "GET /b", "none", "nothing grants it", id="nothing"),
        pytest.param(
            "GET /a",
            "",
            "ANY /a",
            "partly",
            "GET: all of it; HEAD, POST, PUT, PATCH, DELETE, OPTIONS, other methods: "
            "nothing grants it",
            id="a method of several",
        ),
        pytest.param(
            "GET /f/a/**",
            "",
            "GET /f/{proxy+}",
            "partly",
            "depends on the path, such as /f/a: all of it; /f/*/**: nothing grants it",
            id="a part of what is below",
        ),
        pytest.param("ANY /**", "", "$default", "allow", "all of it", id="default, all of it"),
        pytest.param(
            "ANY /**",
            "GET /secret",
            "$default",
            "partly",
            "depends on the path, such as /*/**: all of it; GET /secret: denied",
            id="default, but for a path",
        ),
        pytest.param("$connect", "", "$connect", "allow", "all of it", id="connect"),
        pytest.param("GET /**", "", "$connect", "none", "nothing grants it", id="no connect"),
    ],
)
def test_a_cell_says_what_may_be_done(
    allow: str, deny: str, route: str, outcome: str, words: str
) -> None:
    """One word, and what it depends on."""
    found = cell(of_g(allow, deny), route)
    assert (found.extent, found.words) == (outcome, words)


def test_a_cell_names_the_rules_that_decide_with_their_lines() -> None:
    """What a group includes decides, too; where a deny covers all, the allows do not."""
    rules = """groups:
  g:
    includes: [h]
    allow:
      - GET /a
  h:
    allow:
      - GET,PUT /a
    deny:
      - PUT /**
"""
    assert [rule.line for rule in cell(rules, "GET /a").rules] == [6, 9]
    assert [(rule.effect, rule.line) for rule in cell(rules, "PUT /a").rules] == [("deny", 11)]


def test_paths_of_another_route_are_not_counted() -> None:
    """What goes to a route of its own never gets to the {proxy+} beside it."""
    rules = of_g("GET /f/a, GET /g")
    assert cell(rules, "GET /f/{proxy+}").extent == "partly"
    assert cell(rules, "GET /f/{proxy+}", None, "GET /f/a").extent == "none"
    assert cell(rules, "ANY /f/{proxy+}", None, "PUT /f/a").extent == "partly"


def test_any_is_what_no_other_route_takes() -> None:
    """An ``ANY`` route does not answer for a method that has a route at the same path."""
    assert cell(of_g("ANY /a"), "ANY /a", None, "GET /a").extent == "allow"
    assert cell(of_g("GET /a"), "ANY /a", None, "GET /a").extent == "none"


def test_policies_that_tell_too_many_paths_apart_are_refused() -> None:
    """Seventeen rules can tell a hundred thousand paths apart: an error, and no endless wait."""
    deep = 17
    paths = (
        "/".join("a" if at == place else f"{{p{at}}}" for at in range(deep))
        for place in range(deep)
    )
    rules = ", ".join(f'"GET /{path}"' for path in paths)
    with pytest.raises(ConfigurationError, match="expected at most 100000 kinds of paths"):
        cell(of_g(rules), "$default")


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        pytest.param("sub", "own", id="its own id"),
        pytest.param("client_id", "own", id="the same by another name"),
        pytest.param("username", "none", id="a claim that machines lack"),
    ],
)
def test_a_scope_is_for_machines(claim: str, outcome: str) -> None:
    """A machine's subject is its client, and it has no username."""
    rules = f"scopes:\n  s:\n    allow:\n      - GET /a/{{x={claim}}}\n"
    found = cell(rules, "GET /a/{id}", Subject(kind=SubjectKind.SCOPE, name="s"))
    assert found.extent == outcome


@pytest.mark.parametrize(
    ("public", "route", "outcome"),
    [
        pytest.param("GET /health", "GET /health", "allow", id="the route"),
        pytest.param("GET /health", "PUT /health", "none", id="another method"),
        pytest.param("GET /health", "GET /health/{x}", "none", id="another route"),
        pytest.param("GET /health", "ANY /health", "partly", id="a method of several"),
        pytest.param("GET /assets/**", "GET /assets/{proxy+}", "allow", id="all below"),
        pytest.param("GET /assets/**", "GET /assets/a/b", "allow", id="a route below"),
        pytest.param("GET /assets", "GET /assets/{proxy+}", "none", id="not below"),
    ],
)
def test_everyone_is_what_is_public(public: str, route: str, outcome: str) -> None:
    """Everyone may what the policy lists as public, and nothing else."""
    assert cell(f"public:\n  - {public}\n", route, EVERYONE).extent == outcome


def test_what_is_public_below_a_path_claims_no_path() -> None:
    """A path below it is another route's, as decide has it; a public route keeps its own."""
    rules = of_g('"GET /{page}/**"')
    below, itself = (f"{rules}public:\n  - GET /docs{tail}\n" for tail in ("/**", ""))

    assert cell(below, "GET /{proxy+}").words == "all of it"
    assert cell(itself, "GET /{proxy+}").words == (
        "depends on the path, such as /docs: nothing grants it; /*: all of it"
    )


def test_a_greedy_route_has_a_segment_more_than_it_tells() -> None:
    """What is no path of it is another route's, and decided by another route's rules."""
    found = cell(of_g('"GET /{page}"'), "$default", None, "GET /a/{proxy+}")
    assert "GET /a: all of it" in found.words


def test_no_two_modules_import_each_other() -> None:
    """Not even for their types: each can be read after those that it builds on."""
    folder = Path(analysis.__file__).parent
    imported = {
        path.stem: set(
            re.findall(r"from authorizer\.cli\.analysis\.(\w+) import", path.read_text())
        )
        for path in folder.glob("*.py")
    }
    assert list(TopologicalSorter(imported).static_order())


def test_rules_name_routes_by_path_and_method() -> None:
    """Each once, whatever its parameters are called; ``/**`` last, for all the others below."""
    texts = ["ANY /**", "GET,PUT /b/{x=sub}", "ANY /b/{y}", "GET /a", "$connect", "GET /", "GET /a"]
    routes = routes_of_rules(map(pattern_of, texts))

    assert [route.key for route in routes] == [
        "GET /",
        "$connect",
        "GET /a",
        "GET /b/{x}",
        "PUT /b/{x}",
        "ANY /b/{y}",
        "ANY /**",
    ]
    assert {"GET", "PUT"}.isdisjoint(routes[5].methods)


def test_a_claim_has_one_value() -> None:
    """Two literals cannot both be it, nor a literal and a segment that is another."""
    never, other = ((1, frozenset({"a"})),), ((1, frozenset({"b"})),)

    assert not is_possible(frozenset({("a", "sub"), ("b", "sub")}), ALWAYS, ())
    assert is_possible(frozenset({("a", "sub"), ("b", "team")}), ALWAYS, ())
    assert not is_possible(frozenset({("a", "sub"), (1, "sub")}), ALWAYS, never)
    assert is_possible(frozenset({("a", "sub"), (1, "sub")}), ALWAYS, other)
    assert not is_possible(frozenset({("a", "sub")}), frozenset({("b", "sub")}), ())


def test_what_equals_the_same_is_equal() -> None:
    """Through claims and through segments that an allow compares, but not through encoded ones."""
    allow = frozenset({(0, "sub"), (1, "team")})
    assert implies(allow, frozenset({(1, "sub")}), frozenset({(0, "team")}))
    assert not implies(allow, ALWAYS, frozenset({(0, "team")}))
    assert implies(
        frozenset({(1, "sub")}),
        frozenset({(0, "sub"), (1, "team")}),
        frozenset({(0, "team")}),
    )
    assert not implies(
        ALWAYS, frozenset({(0, "sub"), (0, "team"), (1, "sub")}), frozenset({(1, "team")})
    )


def test_the_smallest_clauses_are_kept() -> None:
    """A clause that only holds where a smaller one does says nothing."""
    one, both = frozenset({(0, "sub")}), frozenset({(0, "sub"), (1, "team")})
    assert smallest([both, one, one]) == {one}


def test_two_values_that_equal_one_claim_are_one_value() -> None:
    """Denying the one is denying the other, for callers to whom just that is allowed."""
    allow = frozenset({(0, "sub"), (1, "sub")})
    by_first = condition_of(frozenset({allow}), frozenset({frozenset({(0, "team")})}))
    by_second = condition_of(frozenset({allow}), frozenset({frozenset({(1, "team")})}))
    assert not by_first.widens(by_second)
    assert not by_second.widens(by_first)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        pytest.param("reader", "reader", id="plain"),
        pytest.param("é\U0001f600", "é\U0001f600", id="letters and signs"),
        pytest.param("\x1b[31m", "\\x1b[31m", id="terminal escape"),
        pytest.param("a\u202eb", "a\\u202eb", id="right to left"),
        pytest.param("a\u200bb", "a\\u200bb", id="invisible"),
    ],
)
def test_what_does_not_print_is_escaped(foreign: str, shown: str) -> None:
    """A name cannot steer the terminal, nor look like another."""
    assert plain(foreign) == shown


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        pytest.param("reader", "`reader`", id="plain"),
        pytest.param("a|b", "`a\\|b`", id="the end of a cell"),
        pytest.param("a`b``c", "``` a`b``c ```", id="backticks"),
        pytest.param("@all<b>", "`@all<b>`", id="mention and HTML"),
    ],
)
def test_a_code_span_holds_any_text(foreign: str, shown: str) -> None:
    """A name cannot leave its cell or become anything else in a comment."""
    assert code(foreign) == shown
