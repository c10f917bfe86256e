"""The compiled policy: what loads, and what does not become another policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authorizer import ConfigurationError, Policy
from authorizer.policy.compiled import dump_policy, include_closure, load_policy, parse_policy

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = "expected a policy made by 'authorizer compile', found "
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "groups": {
        "reader": {
            "includes": [],
            "allow": [{"rule": "GET /users/{user=sub}", "line": 6}],
            "deny": [{"rule": "ANY /x/**", "line": 8}],
        },
        "editor": {"includes": ["reader"], "allow": [], "deny": []},
    },
    "scopes": {"reports/read": {"allow": [{"rule": "GET /reports", "line": 14}]}},
    "public": [{"rule": "GET /health", "line": 17}],
    "routes": ["GET /hello", "ANY /files/{proxy+}", "$default", "$connect"],
}


def test_a_compiled_policy_is_read() -> None:
    """Every rule keeps its effect, subject and line; groups know what they include."""
    policy = parse_policy(dump_policy(DOCUMENT))

    assert [(rule.effect, rule.subject, rule.pattern.text, rule.line) for rule in policy.rules] == [
        ("allow", "group:reader", "GET /users/{user=sub}", 6),
        ("deny", "group:reader", "ANY /x/**", 8),
        ("allow", "scope:reports/read", "GET /reports", 14),
    ]
    assert policy.groups == {"reader": {"reader"}, "editor": {"editor", "reader"}}
    assert [pattern.text for pattern in policy.public] == ["GET /health"]
    assert policy.routes == ("GET /hello", "ANY /files/{proxy+}", "$default", "$connect")


def test_the_digest_names_the_bytes() -> None:
    """Two documents have two digests, and one has one."""
    data = dump_policy(DOCUMENT)

    assert parse_policy(data).digest == parse_policy(data).digest
    assert parse_policy(data).digest != parse_policy(data + b" ").digest


def test_the_compiled_form_is_the_same_everywhere() -> None:
    """It is UTF-8 with line breaks, ends in one, and leaves letters as they are."""
    data = dump_policy({"groups": {"é": 1}})
    assert data == '{\n "groups": {\n  "é": 1\n }\n}\n'.encode()


def _without(*path: str) -> dict[str, Any]:
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return dict(document)


def _with(value: object, *path: str) -> dict[str, Any]:
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return dict(document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(_without("version"), "the document with the names ['groups'", id="no version"),
        pytest.param(_without("public"), "where ['groups', 'public', 'routes'", id="no public"),
        pytest.param(_with(1, "more"), "the document with the names", id="another name"),
        pytest.param(_with(2, "version"), "version 2, not 1", id="other version"),
        pytest.param(_with(True, "version"), "version True, not 1", id="version true"),  # noqa: FBT003
        pytest.param(_with(1.0, "version"), "version 1.0, not 1", id="version 1.0"),
        pytest.param(_with("1", "version"), "version '1', not 1", id="version as text"),
        pytest.param(_with([], "groups"), "[] where an object belongs", id="groups as a list"),
        pytest.param(_with(None, "groups", "editor"), "None where an object", id="null group"),
        pytest.param(
            _without("groups", "editor", "deny"), "group 'editor' with the names", id="no deny"
        ),
        pytest.param(
            _with([], "scopes", "reports/read", "deny"),
            "scope 'reports/read' with",
            id="deny scope",
        ),
        pytest.param(
            _with("reader", "groups", "editor", "includes"), "'reader' where a list", id="text"
        ),
        pytest.param(
            _with([1], "groups", "editor", "includes"), "a list of names belongs", id="number"
        ),
        pytest.param(
            _with(["x"], "groups", "editor", "includes"),
            "group that is not there: 'x'",
            id="unknown",
        ),
        pytest.param(_without("routes"), "the document with the names", id="no routes"),
        pytest.param(_with("GET /a", "routes"), "'GET /a' where a list", id="routes as text"),
        pytest.param(_with(["/a"], "routes"), "the route '/a'", id="route without a method"),
        pytest.param(_with(["GET a"], "routes"), "the route 'GET a'", id="route without a slash"),
        pytest.param(_with(["FETCH /a"], "routes"), "the route 'FETCH", id="unknown method"),
        pytest.param(_with(["GET /a*"], "routes"), "the route 'GET /a*'", id="wildcard in a route"),
        pytest.param(_with(["GET /{a"], "routes"), "the route 'GET /{a'", id="half a parameter"),
        pytest.param(_with(["GET $connect"], "routes"), "the route 'GET $c", id="connect method"),
        pytest.param(_with(["sendMessage"], "routes"), "the route 'sendM", id="other route key"),
        pytest.param(_with(["GET " + "/a" * 101], "routes"), "the route 'GET /a", id="segments"),
        pytest.param(_with({}, "public"), "{} where a list belongs", id="public as an object"),
        pytest.param(_with(["GET /x"], "public"), "where an object belongs", id="rule as text"),
        pytest.param(_with([{"rule": "GET /x"}], "public"), "a rule with the names", id="no line"),
        pytest.param(
            _with([{"rule": "GET /x", "line": "1"}], "public"), "a rule that is", id="line as text"
        ),
        pytest.param(
            _with([{"rule": "GET /x", "line": True}], "public"), "a rule that is", id="line true"
        ),
        pytest.param(
            _with([{"rule": 1, "line": 1}], "public"), "a rule that is", id="rule as a number"
        ),
        pytest.param(
            _with([{"rule": "GET x", "line": 1}], "public"),
            "the rule 'GET x': expected METHOD",
            id="bad rule",
        ),
    ],
)
def test_what_is_no_compiled_policy_is_refused(document: dict[str, Any], message: str) -> None:
    """A file that was edited or cut short does not become a policy that grants something else."""
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(dump_policy(document))

    assert str(caught.value).startswith(EXPECTED)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"version: 1", b'{"version": 1', b"\xff", b"[" * 100_000),
        b'{"version": 1, "version": 1, "groups": {}, "scopes": {}, "public": [], "routes": null}',
        dump_policy(DOCUMENT)[:-3],
    ],
    ids=["empty", "list", "YAML", "cut", "bytes", "deep", "name twice", "cut at the end"],
)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    """Whatever the bytes, the error is ours."""
    with pytest.raises(ConfigurationError, match=f"^{EXPECTED}"):
        parse_policy(data)


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

    assert Policy.load(path) == load_policy(str(path)) == parse_policy(path.read_bytes())


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
