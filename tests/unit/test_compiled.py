"""The compiled policy: what loads, and what does not become another policy."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest

from authorizer import ConfigurationError, Policy
from authorizer.cli.policy_file import compiled_rule, dump_policy, include_closure, with_routes
from authorizer.policy.compiled import seal_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPECTED = "expected a policy made by 'authorizer compile', found "
OWN_RECORD: dict[str, Any] = {
    "line": 6,
    "methods": ["GET", "PATCH"],
    "path": ["users", "{user}"],
    "tail": False,
    "equals": {"{user}": "sub"},
}
DOCUMENT: dict[str, Any] = {
    "version": 3,
    "groups": {
        "reader": {
            "includes": [],
            "allow": [OWN_RECORD],
            "deny": [compiled_rule("ANY /x/**", 8), compiled_rule("ANY /**", 9)],
        },
        "editor": {"includes": ["reader"], "allow": [compiled_rule("$connect", 11)], "deny": []},
    },
    "scopes": {"reports/read": {"allow": [compiled_rule("GET /reports", 14)]}},
    "public": [compiled_rule("GET /", 17)],
    "routes": ["GET /hello", "ANY /files/{proxy+}", "$default", "$connect"],
    "callers": None,
}


def test_a_compiled_policy_is_read() -> None:
    """Every rule keeps its effect, subject and line; groups know what they include."""
    policy = Policy.parse(dump_policy(DOCUMENT))

    assert [(rule.effect, rule.subject, rule.pattern.text, rule.line) for rule in policy.rules] == [
        ("allow", "group:reader", "GET,PATCH /users/{user=sub}", 6),
        ("deny", "group:reader", "ANY /x/**", 8),
        ("deny", "group:reader", "ANY /**", 9),
        ("allow", "group:editor", "$connect", 11),
        ("allow", "scope:reports/read", "GET /reports", 14),
    ]
    assert policy.groups == {"reader": {"reader"}, "editor": {"editor", "reader"}}
    assert [pattern.text for pattern in policy.public] == ["GET /"]
    assert policy.routes == ("GET /hello", "ANY /files/{proxy+}", "$default", "$connect")


def test_the_digest_names_the_bytes() -> None:
    """Two documents have two digests, and one has one."""
    data = dump_policy(DOCUMENT)

    assert Policy.parse(data).digest == Policy.parse(data).digest
    assert Policy.parse(data).digest != Policy.parse(data + b" ").digest


def test_the_compiled_form_is_the_same_everywhere() -> None:
    """It is UTF-8, has a line a rule and ends in a line break, and leaves letters as they are."""
    data = dump_policy({"groups": {"é": {"allow": [compiled_rule("GET /", 3)], "deny": []}}})
    assert (
        data
        == (
            '{\n "groups": {\n  "é": {\n   "allow": [\n'
            '    {"line": 3, "methods": ["GET"], "path": [], "tail": false, "equals": {}}\n'
            '   ],\n   "deny": []\n  }\n }\n}\n'
        ).encode()
    )
    assert json.loads(dump_policy(DOCUMENT)) == DOCUMENT


def _without(*path: Any) -> dict[str, Any]:
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return dict(document)


def _with(value: object, *path: Any, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    document = json.loads(json.dumps(document))
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return dict(document)


def _rule(**changes: object) -> dict[str, Any]:
    """The document with another rule in place of the first."""
    return _with([{**OWN_RECORD, **changes}], "groups", "reader", "allow")


AT_RULE = "at the document/groups/reader/allow/0"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(_without("version"), "the names ['groups'", id="no version"),
        pytest.param(_without("public"), "where ['groups', 'public', 'routes'", id="no public"),
        pytest.param(_without("routes"), "the names ['groups', 'public', 'sc", id="no routes"),
        pytest.param(_with(1, "more"), "the names ['groups', 'more'", id="another name"),
        pytest.param(_with(4, "version"), "version 4, not 3: run 'auth", id="later version"),
        pytest.param(_with(True, "version"), "version True, not 3", id="version true"),  # noqa: FBT003
        pytest.param(_with(3.0, "version"), "version 3.0, not 3", id="version 3.0"),
        pytest.param(_with("3", "version"), "version '3', not 3", id="version as text"),
        pytest.param(_with(None, "version"), "version None, not 3", id="no version's value"),
        pytest.param(
            _with([], "groups"), "[] where an object belongs, at the document/groups", id="list"
        ),
        pytest.param(_with(None, "groups", "editor"), "None where an object", id="null group"),
        pytest.param(
            _without("groups", "editor", "deny"),
            "where ['allow', 'deny', 'includes'] belong, at the document/groups/editor",
            id="no deny",
        ),
        pytest.param(
            _with([], "scopes", "reports/read", "deny"),
            "belong, at the document/scopes/reports/read",
            id="deny of a scope",
        ),
        pytest.param(
            _with("reader", "groups", "editor", "includes"), "'reader' where a list", id="text"
        ),
        pytest.param(
            _with(["reader", 1], "groups", "editor", "includes"),
            "1 where text belongs, at the document/groups/editor/includes/1",
            id="number",
        ),
        pytest.param(
            _with(["x"], "groups", "editor", "includes"),
            "group that is not there: 'x'",
            id="unknown",
        ),
        pytest.param(_with("GET /a", "routes"), "'GET /a' where a list", id="routes as text"),
        pytest.param(_with({}, "routes"), "{} where a list", id="routes as an object"),
        pytest.param(_with(False, "routes"), "False where a list", id="routes false"),  # noqa: FBT003
        pytest.param(_with([None], "routes"), "None where text belongs", id="null as a route"),
        pytest.param(_with(["/a"], "routes"), "the route '/a'", id="route without a method"),
        pytest.param(_with(["GET a"], "routes"), "the route 'GET a'", id="route without a slash"),
        pytest.param(_with(["FETCH /a"], "routes"), "the route 'FETCH", id="unknown method"),
        pytest.param(_with(["GET /a*"], "routes"), "the route 'GET /a*'", id="wildcard in a route"),
        pytest.param(_with(["GET /{a"], "routes"), "the route 'GET /{a'", id="half a parameter"),
        pytest.param(_with(["GET $connect"], "routes"), "the route 'GET $c", id="connect method"),
        pytest.param(_with(["sendMessage"], "routes"), "the route 'sendM", id="other route key"),
        pytest.param(_with(["GET " + "/a" * 101], "routes"), "the route 'GET /a", id="segments"),
        pytest.param(_with({}, "public"), "{} where a list belongs", id="public as an object"),
        pytest.param(_with(["GET /x"], "public"), "'GET /x' where an object", id="rule as text"),
        pytest.param(
            _with([{"rule": "GET /x", "line": 1}], "public"),
            "the names ['line', 'rule'] where ['equals', 'line', 'methods', 'path', 'tail'] belong,"
            " at the document/public/0",
            id="rule of the version before",
        ),
        pytest.param(
            _with([{**OWN_RECORD, "methods": []}], "public"), "[] as methods", id="public rule"
        ),
        pytest.param(_rule(more=1), "['equals', 'line', 'methods', 'more'", id="name in a rule"),
        pytest.param(_rule(line="1"), f"'1' where a number belongs, {AT_RULE}/line", id="line"),
        pytest.param(_rule(line=True), "True where a number belongs", id="line true"),
        pytest.param(_rule(line=1.0), "1.0 where a number belongs", id="line 1.0"),
        pytest.param(_rule(methods="GET"), "'GET' where a list belongs", id="method as text"),
        pytest.param(_rule(methods=[1]), f"1 where text belongs, {AT_RULE}/methods/0", id="1"),
        pytest.param(_rule(methods=[]), "[] as methods of the rule of line 6", id="no method"),
        pytest.param(_rule(methods=["get"]), "['get'] as methods", id="lower case"),
        pytest.param(_rule(methods=["GET", "TRACE"]), "as methods", id="unknown second method"),
        pytest.param(_rule(methods=["GET", "GET"]), "as methods", id="method twice"),
        pytest.param(_rule(methods=["ANY", "GET"]), "as methods", id="ANY and another"),
        pytest.param(_rule(methods=["ANY", "ANY"]), "as methods", id="ANY twice"),
        pytest.param(_rule(path="/users"), "'/users' where a list belongs", id="path as text"),
        pytest.param(_rule(path=["users", None]), "None where text", id="null in a path"),
        pytest.param(_rule(path=["a/b"], equals={}), "['a/b'] as path of the rule", id="slash"),
        pytest.param(_rule(path=["*"], equals={}), "['*'] as path", id="star"),
        pytest.param(_rule(path=["**"], equals={}), "as path", id="stars"),
        pytest.param(_rule(path=["a?"], equals={}), "as path", id="question mark"),
        pytest.param(_rule(path=[""], equals={}), "[''] as path", id="empty segment"),
        pytest.param(_rule(path=["a", ".."], equals={}), "as path", id="dot segment"),
        pytest.param(_rule(path=["%2e"], equals={}), "as path", id="encoded"),
        pytest.param(_rule(path=["a\n"], equals={}), "as path", id="line break"),
        pytest.param(_rule(path=["{}"], equals={}), "['{}'] as path", id="parameter without name"),
        pytest.param(_rule(path=["{user"], equals={}), "as path", id="half a parameter"),
        pytest.param(_rule(path=["{user=sub}"], equals={}), "as path", id="claim in a path"),
        pytest.param(_rule(path=["{a+}"], equals={}), "as path", id="greedy parameter"),
        pytest.param(_rule(path=["", "$connect", "a"], equals={}), "as path", id="below connect"),
        pytest.param(_rule(path=["", "$connect"], equals={}), "as path", id="method to connect"),
        pytest.param(
            _rule(methods=["ANY"], path=["", "$connect"], equals={}, tail=True),
            "as path",
            id="all below connect",
        ),
        pytest.param(_rule(path=["{user}", "{user}"]), "as path", id="parameter twice"),
        pytest.param(_rule(path=["a"] * 101, equals={}), "as path", id="too many segments"),
        pytest.param(_rule(tail=0), f"0 where true or false belongs, {AT_RULE}/tail", id="tail"),
        pytest.param(_rule(tail="/**"), "'/**' where true or false", id="tail as text"),
        pytest.param(_rule(equals=[]), "[] where an object belongs", id="equals as a list"),
        pytest.param(
            _rule(equals={"{user}": 1}), f"1 where text belongs, {AT_RULE}/equals/", id="claim"
        ),
        pytest.param(
            _rule(equals={"{user}": ""}), "as equals of the rule of line 6", id="no claim"
        ),
        pytest.param(_rule(equals={"{id}": "sub"}), "as equals", id="unknown parameter"),
        pytest.param(_rule(equals={"users": "sub"}), "as equals", id="claim for a literal"),
        pytest.param(_rule(equals={"user": "sub"}), "as equals", id="parameter without braces"),
    ],
)
def test_what_is_no_compiled_policy_is_refused(document: dict[str, Any], message: str) -> None:
    """A file that was edited or cut short does not become a policy that grants something else."""
    with pytest.raises(ConfigurationError) as caught:
        Policy.parse(dump_policy(document))

    assert str(caught.value).startswith(EXPECTED)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"version: 3", b'{"version": 3', b"\xff", b"[" * 100_000),
        b'{"version": 3, "version": 3, "groups": {}, "scopes": {}, "public": []}',
        dump_policy(DOCUMENT)[:-3],
    ],
    ids=["empty", "list", "YAML", "cut", "bytes", "deep", "name twice", "cut at the end"],
)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    """Whatever the bytes, the error is ours."""
    with pytest.raises(ConfigurationError, match=f"^{EXPECTED}"):
        Policy.parse(data)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_policy_says_what_to_do(version: int) -> None:
    """What was worked out since at build time is not in it: it is compiled again."""
    rules = [{"rule": "GET /", "line": 1}]
    old = {"version": version, "groups": {}, "scopes": {}, "public": rules, "routes": None}
    with pytest.raises(ConfigurationError) as caught:
        Policy.parse(dump_policy(old))

    assert str(caught.value) == (
        f"{EXPECTED}version {version}, not 3: run 'authorizer compile' again, "
        "with the --template that it had"
    )


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_a_policy_has_a_greatest_size(
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    is_read: bool,  # noqa: FBT001
) -> None:
    """Just enough, and a byte too many, which nobody reads."""
    data = dump_policy(DOCUMENT)
    monkeypatch.setattr("authorizer.policy.compiled._MOST_BYTES", len(data))
    if is_read:
        assert Policy.parse(data + b" " * more).rules
    else:
        with pytest.raises(ConfigurationError, match=f"^expected at most {len(data)} bytes, found"):
            Policy.parse(data + b" " * more)


def test_any_part_that_is_lost_or_changed_is_noticed_or_harmless() -> None:
    """Whatever one value becomes, the file is refused or is a policy: nothing else is raised."""
    values: tuple[Any, ...] = (
        None,
        True,
        0,
        1.5,
        "",
        "ANY",
        [],
        ["{x}"],
        {},
        {"a": []},
        [[]],
        "\ud800",
    )
    for path in _paths(DOCUMENT):
        for value in values:
            document = _with(value, *path)
            with suppress(ConfigurationError):
                assert isinstance(Policy.parse(json.dumps(document).encode()), Policy)


def _paths(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        yield (*path, name)
        if isinstance(part, dict | list):
            yield from _paths(part, *path, name)


@pytest.mark.parametrize(
    ("includes", "expected"),
    [
        pytest.param({"a": []}, {"a": "a"}, id="alone"),
        pytest.param(
            {"a": ["b"], "b": ["c"], "c": []}, {"a": "abc", "b": "bc", "c": "c"}, id="chain"
        ),
        pytest.param({"a": ["b"], "b": ["a"]}, {"a": "ab", "b": "ab"}, id="cycle"),
        pytest.param({"a": ["a"]}, {"a": "a"}, id="itself"),
        pytest.param(
            {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []},
            {"a": "abcd", "b": "bd", "c": "cd", "d": "d"},
            id="diamond",
        ),
    ],
)
def test_includes_are_followed_to_the_end(
    includes: dict[str, list[str]], expected: dict[str, str]
) -> None:
    """A group has everything that it includes, directly or not, and itself."""
    closure = include_closure(includes)
    assert closure == {group: frozenset(members) for group, members in expected.items()}


def test_a_policy_is_loaded_from_a_file(tmp_path: Path) -> None:
    """``Policy.load`` reads the compiled file, by path or by name."""
    path = tmp_path / "policy.json"
    path.write_bytes(dump_policy(DOCUMENT))

    assert Policy.load(path) == Policy.load(str(path)) == Policy.parse(path.read_bytes())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("none.json", "cannot be read: No such file or directory", id="missing"),
        pytest.param(".", "cannot be read: Is a directory", id="folder"),
        pytest.param("a\0b", "cannot be read: embedded null byte", id="impossible name"),
        pytest.param("bad.json", "found a JSON list where an object belongs", id="content"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path, name: str, message: str) -> None:
    """The message says which file, and what is wrong with it."""
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ConfigurationError) as caught:
        Policy.load(tmp_path / name)

    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path / name}: ")
    assert message in problem


SEALED: dict[str, Any] = with_routes(DOCUMENT, ["GET /users/{user}", "GET /reports", "PUT /a"])
STALE = "a table of callers made from other rules or routes: run 'authorizer compile' again"


def test_a_table_of_callers_is_read() -> None:
    """It is what was compiled, and lies beside the routes that it is of."""
    assert Policy.parse(dump_policy(SEALED)).callers == SEALED["callers"]
    assert Policy.parse(json.dumps(SEALED, indent=3).encode()).callers == SEALED["callers"]
    assert Policy.parse(dump_policy(DOCUMENT)).callers is None


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("routes", 0), id="another route"),
        pytest.param(("groups", "reader", "allow", 0, "methods", 0), id="another rule"),
        pytest.param(("scopes", "reports/read", "allow", 0, "path", 0), id="a scope's rule"),
        pytest.param(("callers", "seal"), id="the seal"),
        pytest.param(("callers", "parts", 0, "glob"), id="a glob"),
    ],
)
def test_a_table_of_other_rules_or_routes_is_refused(path: tuple[Any, ...]) -> None:
    """Who mends a rule by hand, or merges two files, does not get documents for the old one."""
    with pytest.raises(ConfigurationError, match=f"^{EXPECTED}{STALE}"):
        Policy.parse(dump_policy(_with("PUT", *path, document=SEALED)))


def test_whatever_changes_in_a_table_is_refused() -> None:
    """A bit more or less would open routes: each value is sealed, and of its kind."""
    values: tuple[Any, ...] = (None, -1, 0, 1 << 70, "GET/*", [], {})
    for path in _paths(SEALED["callers"]):
        for value in values:
            changed = _with(value, "callers", *path, document=SEALED)
            if changed != SEALED:
                with pytest.raises(ConfigurationError):
                    Policy.parse(json.dumps(changed).encode())


def _sealed(document: dict[str, Any]) -> bytes:
    document["callers"]["seal"] = seal_of(document)
    return dump_policy(document)


def test_a_table_without_routes_is_refused() -> None:
    """Whoever seals it: what globs cover was worked out of the routes."""
    with pytest.raises(ConfigurationError, match=STALE):
        Policy.parse(_sealed(_with(None, "routes", document=SEALED)))


@pytest.mark.parametrize("rows", ["parts", "folds", "denies"])
def test_a_table_compares_what_rules_compare(rows: str) -> None:
    """A claim that nobody looks up would break a request; one that a rule compares does not."""
    for claim, is_known in (("sub", True), ("email", False)):
        changed = _with(f"GET/{{{claim}}}", "callers", rows, 0, "glob", document=SEALED)
        with (
            nullcontext()
            if is_known
            else pytest.raises(ConfigurationError, match="a claim that no rule compares")
        ):
            Policy.parse(_sealed(changed))


def test_a_large_table_is_not_walked_before_its_seal() -> None:
    """What nobody compiled is refused for its seal, whatever is in it."""
    changed = _with([None] * 1_000, "callers", "granted_by", document=SEALED)
    with pytest.raises(ConfigurationError, match=STALE):
        Policy.parse(dump_policy(changed))
    others: list[Any] = [[], "seal", {}]
    for callers in others:
        with pytest.raises(ConfigurationError, match=STALE):
            Policy.parse(dump_policy({**SEALED, "callers": callers}))


def test_a_set_is_not_negative() -> None:
    """In a negative number, all bits are set but some: whoever seals it, it is none."""
    changed = _with(-1, "callers", "subjects", "group:reader", "allow", document=SEALED)
    changed["callers"]["seal"] = seal_of(changed)
    with pytest.raises(ConfigurationError, match="-1 where a number belongs"):
        Policy.parse(dump_policy(changed))
