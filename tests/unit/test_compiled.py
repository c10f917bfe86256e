"""The compiled policy: what loads, and what does not become another policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from authorizer import ConfigurationError, Policy
from authorizer.cli.policy_file import compiled_rule, dump_policy, include_closure, with_routes
from authorizer.cli.policy_file.grammar import RuleSyntaxError
from authorizer.policy.model import seal_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NONE_OF_OURS = (
    "expected a policy made by 'authorizer compile', found another file, or one of another "
    "version, or changed since: run 'authorizer compile' again, with the --template that it had"
)
OWN_RECORD: dict[str, Any] = {
    "line": 6,
    "rule": "GET,PATCH /users/{user=sub}",
    "methods": ["GET", "PATCH"],
    "path": ["users", "{user}"],
    "tail": False,
    "equals": {"{user}": "sub"},
}
DOCUMENT: dict[str, Any] = {
    "groups": {
        "reader": {
            "includes": [],
            "allow": [OWN_RECORD],
            "deny": [compiled_rule("ANY /x/**", 8), compiled_rule("ANY /**", 9)],
        },
        "editor": {"includes": ["reader"], "allow": [compiled_rule("$connect", 11)], "deny": []},
    },
    "scopes": {"reports/read": {"allow": [compiled_rule("GET /reports", 14)], "deny": []}},
    "public": [compiled_rule("GET /", 17)],
    "routes": ["GET /hello", "ANY /files/{proxy+}", "$default", "$connect"],
    "callers": None,
}
ROUTED: dict[str, Any] = with_routes(
    DOCUMENT, ["GET /users/{user}", "GET /reports", "PUT /a", "GET /users/{user}/keys"]
)
LOST = object()
CALLERS: tuple[tuple[tuple[str, ...], tuple[str, ...], dict[str, str]], ...] = (
    (("reader",), (), {"sub": "1", "username": "x"}),
    (("editor",), (), {"sub": "1", "username": "x"}),
    ((), ("reports/read",), {"sub": "c", "client_id": "c"}),
)


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

    assert Policy.parse(data).digest == Policy.parse(data).digest == sealed_digest(data)
    assert Policy.parse(data).digest != Policy.parse(dump_policy(ROUTED)).digest


def test_the_compiled_form_is_the_same_everywhere() -> None:
    """It is UTF-8, has a line a rule and ends in a line break, and leaves letters as they are."""
    data = dump_policy({"groups": {"é": {"allow": [compiled_rule("GET /", 3)], "deny": []}}})
    first, _, rest = data.partition(b"\n")
    assert first == f'{{"version": 4, "seal": "{sha256(rest).hexdigest()}",'.encode()
    rule = '"methods": ["GET"], "path": [], "tail": false, "equals": {}}'
    assert (
        rest
        == (
            f' "groups": {{\n  "é": {{\n   "allow": [\n    {{"line": 3, "rule": "GET /", {rule}\n'
            '   ],\n   "deny": []\n  }\n }\n}\n'
        ).encode()
    )
    seal = sha256(_rest_of(DOCUMENT)).hexdigest()
    assert json.loads(dump_policy(DOCUMENT)) == {"version": 4, "seal": seal, **DOCUMENT}


def _sealed(document: dict[str, Any]) -> bytes:
    """A file with a right seal, whoever wrote it."""
    rest = json.dumps(document).removeprefix("{").encode()
    return seal_of(rest) + rest


def sealed_digest(data: bytes) -> str:
    return sha256(data.partition(b"\n")[2]).hexdigest()[:16]


def _rest_of(document: dict[str, Any]) -> bytes:
    return dump_policy(document).partition(b"\n")[2]


def _with(value: object, *path: Any, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    document = json.loads(json.dumps(document))
    part = document
    for name in path[:-1]:
        part = part[name]
    if value is LOST:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return dict(document)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("groups", "reader", "includes"), id="includes"),
        pytest.param(("groups", "reader", "deny"), id="denies"),
        pytest.param(("scopes", "reports/read", "allow", 0, "path", 0), id="a segment"),
        pytest.param(("groups", "reader", "allow", 0, "rule"), id="a rule's text"),
        pytest.param(("public", 0, "line"), id="a line"),
        pytest.param(("routes", 0), id="a route"),
        pytest.param(("callers", "parts", 0, "glob"), id="a glob"),
        pytest.param(("callers", "shared"), id="a set"),
    ],
)
def test_what_was_mended_by_hand_is_refused(path: tuple[Any, ...]) -> None:
    """Whatever is changed, two files are merged in, or is left out: compile says what is meant."""
    changed = _rest_of(_with("PUT", *path, document=ROUTED))
    first, _, rest = dump_policy(ROUTED).partition(b"\n")
    assert changed != rest
    with pytest.raises(ConfigurationError, match=f"^{NONE_OF_OURS}$"):
        Policy.parse(first + b"\n" + changed)


def test_no_byte_may_change() -> None:
    """The seal is of the bytes: none is lost, added or another one, blanks included."""
    data = dump_policy(DOCUMENT)
    spoilt = [data[:at] + b"~" + data[at + 1 :] for at in range(0, len(data), 3)]
    spoilt += [data[:at] for at in range(0, len(data), 7)]
    spoilt += [data + b"\n", b"\n" + data, data.replace(b"\n", b"\r\n"), data + data]
    for other in spoilt:
        with pytest.raises(ConfigurationError, match=f"^{NONE_OF_OURS}$"):
            Policy.parse(other)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"version: 4", b'{"version": 4', b"\xff", b"[" * 100_000),
        b'{"version": 3, "groups": {}, "scopes": {}, "public": [], "routes": null}',
        json.dumps({"version": 4, "seal": "", **DOCUMENT}).encode(),
    ],
    ids=["empty", "list", "YAML", "cut", "bytes", "deep", "an older version", "by hand"],
)
def test_what_was_not_compiled_is_refused(data: bytes) -> None:
    """Whatever the bytes, the error is ours, and says what to do."""
    with pytest.raises(ConfigurationError, match=f"^{NONE_OF_OURS}$"):
        Policy.parse(data)


@pytest.mark.parametrize("version", [3, 5])
def test_another_version_is_refused(version: int) -> None:
    """What its seal is of may mean something else here."""
    data = dump_policy(DOCUMENT)
    with pytest.raises(ConfigurationError, match=f"^{NONE_OF_OURS}$"):
        Policy.parse(data.replace(b'"version": 4', f'"version": {version}'.encode(), 1))


@pytest.mark.parametrize("rest", [b"", b"[]", b"}", b'"a": NaN}', b'"a": ' + b"[" * 100_000])
def test_a_seal_makes_no_policy(rest: bytes) -> None:
    """Who seals what is no compiled policy gets an error of ours."""
    with pytest.raises(ConfigurationError, match=f"^{NONE_OF_OURS}$"):
        Policy.parse(seal_of(rest) + rest)


def test_a_sealed_file_of_another_shape_is_refused_or_harmless() -> None:
    """Whatever one value becomes, nothing else is raised: at the start, or when it is asked.

    What documents are looked up in is as it was compiled: who could seal another one, could write
    any other.
    """
    values: tuple[Any, ...] = (
        *(None, True, -1, 1.5, 1 << 70, "", "{x}", [], ["{x}"], {}, {"a": []}, [[]], "\ud800"),
        ["a"] * 200,
    )
    loaded = 0
    document = {**ROUTED, "callers": None}
    for path in _paths(document):
        for value in (LOST, *values):
            with suppress(ConfigurationError):
                policy = Policy.parse(_sealed(_with(value, *path, document=document)))
                loaded += 1
                for groups, scopes, claims in CALLERS:
                    for route in (None, "/users/{user}", "/{proxy+}"):
                        policy.decide(
                            method="GET",
                            route=route,
                            path="/users/1",
                            path_parameters={"user": "1"},
                            groups=groups,
                            scopes=scopes,
                            claims=claims,
                        )
    assert loaded > 100


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
        pytest.param("bad.json", "found another file", id="content"),
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


def test_a_table_of_callers_is_read() -> None:
    """It is what was compiled, and lies beside the routes that it is of."""
    assert Policy.parse(dump_policy(ROUTED)).callers == ROUTED["callers"]
    assert Policy.parse(dump_policy(DOCUMENT)).callers is None


@pytest.mark.parametrize(
    "key",
    [
        *("/a", "GET a", "FETCH /a", "GET /a*", "GET /{a", "GET $connect", "sendMessage", ""),
        "GET " + "/a" * 101,
    ],
)
def test_what_is_no_route_is_not_compiled(key: str) -> None:
    """Who loads the file takes every route for one."""
    with pytest.raises(ConfigurationError, match=r"^expected a route such as GET "):
        with_routes(DOCUMENT, ["GET /a", key])


def test_a_path_has_no_more_segments_than_are_walked() -> None:
    """Just enough, and one too many: trees are walked by recursion."""
    path = "/{a}" + "/b" * 99
    group = {"includes": [], "allow": [compiled_rule(f"GET {path}", 1)], "deny": []}
    policy = Policy.parse(dump_policy({**DOCUMENT, "groups": {"reader": group}, "routes": None}))

    assert policy.decide(method="GET", path="/1" + "/b" * 99, groups=["reader"]).allowed
    assert not policy.decide(method="GET", path="/1" + "/b" * 9_999, groups=["reader"]).allowed
    with pytest.raises(RuleSyntaxError, match="at most 100 segments"):
        compiled_rule(f"GET {path}/b", 1)


def test_a_policy_is_the_same_bytes_in_every_process() -> None:
    """Also where documents and routes meet in several ways, in which sets have no order."""
    routes = ["GET /x/x/x/{a}/{b}", "GET /{a}/x/x/{b}/x", "GET /{a}/x/{b}", "GET /{a}/{b}/x/{c}"]
    script = (
        "import sys; from authorizer.cli.policy_file import *; "
        "rules = [compiled_rule(route, 1) for route in sys.argv[1:]]; "
        "groups = {'g': {'includes': [], 'allow': rules, 'deny': []}}; "
        "document = {'groups': groups, 'scopes': {}, 'public': []}; "
        "sys.stdout.buffer.write(dump_policy(with_routes(document, sys.argv[1:])))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", script, *routes],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(made) == 1
