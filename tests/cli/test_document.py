"""policy.yaml, read: every problem with its line and column, all of them at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from naive_policy import read_document

from authorizer import ConfigurationError
from authorizer.cli.location import Location, Problem
from authorizer.cli.policy_file import (
    MAX_DOCUMENT_BYTES,
    compiled_rule,
    load_document,
)
from authorizer.cli.policy_file.reader import PolicyReader
from authorizer.cli.yaml_source import POLICY, compose

SAMPLE = Path(__file__).parents[2] / "policy.yaml"


def problems_of(text: str | bytes) -> list[tuple[int, int, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    _, problems = read_document(data)
    return [
        (problem.location.line, problem.location.column, problem.message) for problem in problems
    ]


def test_the_sample_policy_compiles() -> None:
    """The policy that ships with the project compiles to what its lines say."""
    compiled, policy = load_document(SAMPLE)
    lines = SAMPLE.read_text().splitlines()

    assert json.loads(compiled)["version"] == 4
    assert policy.rules
    for rule in policy.rules:
        assert rule.pattern.text in lines[rule.line - 1]
    assert policy.groups["admin"] == {"admin", "editor", "reader"}


def test_a_document_keeps_its_lines() -> None:
    """Each rule goes with the line it stands on, blocks, flows and quotes alike."""
    document, problems = read_document(
        b"version: 1\n"
        b"groups:\n"
        b"  a:\n"
        b"    includes: [b]\n"
        b"    allow:\n"
        b"      - GET /x  # why\n"
        b"      - 'GET /y'\n"
        b"    deny: [GET /z,\n"
        b'           "PUT /z"]\n'
        b"  b: {allow: }\n"
        b"scopes:\n"
        b"  s/t: {allow: [GET /s]}\n"
        b"public: [GET /p]\n"
    )
    assert problems == []
    assert document == {
        "groups": {
            "a": {
                "includes": ["b"],
                "allow": [compiled_rule("GET /x", 6), compiled_rule("GET /y", 7)],
                "deny": [compiled_rule("GET /z", 8), compiled_rule("PUT /z", 9)],
            },
            "b": {"includes": [], "allow": [], "deny": []},
        },
        "scopes": {"s/t": {"allow": [compiled_rule("GET /s", 12)], "deny": []}},
        "public": [compiled_rule("GET /p", 13)],
        "routes": None,
        "callers": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("version: 1", id="version alone"),
        pytest.param("version: 1\ngroups:\nscopes: ~\npublic: null", id="nothing in it"),
        pytest.param("version: 1\ngroups: {}\nscopes: {}\npublic: []", id="empty in it"),
        pytest.param("\ufeffversion: 1", id="byte order mark"),
        pytest.param("version: '1'", id="quoted version"),
        pytest.param("---\nversion: 1\n...\n", id="document markers"),
        pytest.param("version: 1\r\ngroups:\r\n  a: {deny: [ANY /**]}\r\n", id="CRLF"),
    ],
)
def test_a_small_document_is_a_policy(text: str) -> None:
    """Whatever is left out grants nothing."""
    assert problems_of(text) == []


@pytest.mark.parametrize("name", ["no", "on", "1e3", "null", "~", "2024-01-01", "0x1F", "<<", "="])
def test_a_name_is_the_text_that_stands_there(name: str) -> None:
    """YAML's ideas about values do not reach the names of groups."""
    document, problems = read_document(f"version: 1\ngroups: {{{name}: {{allow: []}}}}".encode())

    assert problems == []
    assert list(document["groups"]) == [name]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        pytest.param("", 1, 1, "a policy that starts with 'version: 1', found nothing", id="empty"),
        pytest.param("# x", 1, 1, "found nothing", id="comment alone"),
        pytest.param("[]", 1, 1, "the policy to be a mapping with accept, groups, pub", id="list"),
        pytest.param(
            "x",
            1,
            1,
            "to be a mapping with accept, groups, public, scopes, tests, version, found 'x'",
            id="text",
        ),
        pytest.param(
            "groups: {}", 1, 1, "expected 'version: 1', found no version", id="no version"
        ),
        pytest.param("version: 2", 1, 10, "expected version 1, found '2'", id="other version"),
        pytest.param("version:", 1, 9, "expected version 1, found nothing", id="null version"),
        pytest.param(
            "version: [1]", 1, 10, "expected version 1, found a list", id="listed version"
        ),
        pytest.param(
            "version: 1\ngroup: {}", 2, 1, "found 'group'; did you mean 'groups'?", id="typo"
        ),
        pytest.param(
            "version: 1\nx: {}", 2, 1, "or version in the policy, found 'x'", id="unknown"
        ),
        pytest.param(
            "version: 1\nversion: 1",
            2,
            1,
            "each name once, found 'version' again (first on line 1)",
            id="twice",
        ),
        pytest.param(
            "version: 1\n? [a]\n: 1", 2, 3, "expected a name, found a list", id="key list"
        ),
        pytest.param(
            "version: 1\n? {a: b}\n: 1", 2, 3, "expected a name, found a mapping", id="key map"
        ),
        pytest.param(
            "version: 1\ngroups: [a]",
            2,
            9,
            "expected groups to map names to rules, found a list",
            id="groups as a list",
        ),
        pytest.param(
            "version: 1\nscopes: x",
            2,
            9,
            "expected scopes to map names to rules, found 'x'",
            id="scopes as text",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: [GET /x]",
            3,
            6,
            "expected a group to be a mapping with allow, deny, includes, found a list",
            id="group as a list",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:", 3, 5, "expected a group to be a mapping", id="null group"
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {alow: []}",
            3,
            7,
            "found 'alow'; did you mean 'allow'?",
            id="typo in a group",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {}\n  a: {}",
            4,
            3,
            "found 'a' again (first on line 3)",
            id="group twice",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a b: {}",
            3,
            3,
            "a name without white space, found 'a b'",
            id="blank in a name",
        ),
        pytest.param(
            "version: 1\ngroups:\n  '': {}",
            3,
            3,
            "a name without white space, found ''",
            id="empty name",
        ),
        pytest.param(
            'version: 1\ngroups:\n  "\\ud800": {}',
            3,
            3,
            r"a name of valid Unicode, found '\ud800'",
            id="half a pair",
        ),
        pytest.param(
            "version: 1\nscopes:\n  s: {deny: []}",
            3,
            7,
            "expected allow in a scope, found 'deny'",
            id="deny in a scope",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {allow: GET /x}",
            3,
            14,
            "expected a list of rules, found 'GET /x'",
            id="rule without a list",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:\n    allow:\n      - GET: /x",
            5,
            9,
            "one of the rules as plain text, found a mapping",
            id="rule as a mapping",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:\n    allow:\n      -",
            5,
            8,
            "one of the rules as plain text, found nothing",
            id="empty rule",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:\n    allow:\n      - GET /a/*",
            5,
            16,
            "expected /** at the end only, found '*'",
            id="bad rule",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:\n    allow:\n      - 'GET /a/*'",
            5,
            17,
            "expected /** at the end",
            id="bad rule in quotes",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a:\n    allow:\n      - GET,FOO /a",
            5,
            13,
            "found 'FOO'",
            id="bad method",
        ),
        pytest.param(
            "version: 1\npublic:\n  - GET /u/{x=sub}",
            3,
            5,
            "expected no {name=claim} in a public route: it has no caller",
            id="public claim",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {includes: b}",
            3,
            17,
            "expected a list of groups, found 'b'",
            id="includes as text",
        ),
        pytest.param(
            "version: 1\ngroups:\n  reader: {}\n  a: {includes: [raeder]}",
            4,
            18,
            "expected a group of this policy, found 'raeder'; did you mean 'reader'?",
            id="unknown group",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {includes: [[b]]}",
            3,
            18,
            "one of the groups as plain text, found a list",
            id="includes a list",
        ),
        pytest.param(
            "version: 1\ngroups:\n  a: {includes: [a]}",
            3,
            18,
            "expected no cycle, but 'a' includes 'a' again",
            id="includes itself",
        ),
        pytest.param("a: [", 1, 5, "expected YAML: ", id="open list"),
        pytest.param(
            "a: [GET /b/{id}]",
            1,
            12,
            "quote a rule that has braces inside [ ]",
            id="braces in a list on one line",
        ),
        pytest.param(
            "a: b: c", 1, 5, "expected YAML: mapping values are not allowed here", id="two colons"
        ),
        pytest.param("version: 1\n\tx: 1", 2, 1, "expected YAML: found character '\\t'", id="tab"),
        pytest.param(
            "version: 1\n---\nversion: 1",
            3,
            1,
            "expected one document, found another",
            id="two documents",
        ),
        pytest.param("version: *x", 1, 10, "expected an anchor 'x', found none", id="alias"),
        pytest.param(
            "version: 1\n# \x00",
            2,
            3,
            "expected YAML: special characters are not allowed",
            id="NUL",
        ),
        pytest.param(
            b"version: 1\n# \xff", 1, 1, "expected UTF-8, found 0xff at byte 13", id="Latin-1"
        ),
        pytest.param(
            "v\x00".encode("utf-16"), 1, 1, "expected UTF-8, found 0xff at byte 0", id="UTF-16"
        ),
        pytest.param(
            '"\\U00110000": 1', 1, 1, "expected YAML, found a number out of range", id="code point"
        ),
        pytest.param(
            '"\\UFFFFFFFF": 1',
            1,
            1,
            "expected YAML, found a number out of range",
            id="huge code point",
        ),
        pytest.param(
            "%YAML 1." + "9" * 5000 + "\n---\na", 1, 1, "a number out of range", id="YAML version"
        ),
        pytest.param(
            "[" * 5000, 1, 101, "at most 100 levels of nesting, found more", id="nested deeply"
        ),
    ],
)
def test_a_problem_has_its_place(text: str | bytes, line: int, column: int, message: str) -> None:
    """Whatever is wrong is reported where it stands, with what was expected."""
    ((found_line, found_column, found_message), *others) = problems_of(text)

    assert message in found_message
    assert (found_line, found_column) == (line, column)
    assert others == []


def test_all_problems_are_reported_in_order() -> None:
    """One run tells everything that is wrong, from the top down."""
    found = problems_of(
        "version: 3\n"
        "groups:\n"
        "  a: {includes: [b], allow: [GET x], deny: [FOO /x]}\n"
        "  b: {includes: [c]}\n"
        "  c: {includes: [a, nobody]}\n"
        "roles: {}\n"
    )
    assert [(line, message.split(",")[0]) for line, _, message in found] == [
        (1, "expected version 1"),
        (3, "expected no cycle"),
        (3, "expected one blank and a path that starts with /"),
        (3, "expected a method among GET"),
        (4, "expected no cycle"),
        (5, "expected no cycle"),
        (5, "expected a group of this policy"),
        (6, "expected accept"),
    ]


def test_a_group_that_is_no_mapping_does_not_hide_others() -> None:
    """What is wrong in one group is reported once, and the others are still checked."""
    found = problems_of("version: 1\ngroups:\n  a: 7\n  b: {includes: [x]}\n  c: {? [q] : 1}\n")
    assert [(line, message.split(",")[0]) for line, _, message in found] == [
        (3, "expected a group to be a mapping with allow"),
        (4, "expected a group of this policy"),
        (5, "expected a name"),
    ]


@pytest.mark.parametrize(
    ("size", "fits"),
    [(MAX_DOCUMENT_BYTES, True), (MAX_DOCUMENT_BYTES + 1, False)],
    ids=["just enough", "one too many"],
)
def test_a_document_is_bounded(size: int, fits: bool) -> None:  # noqa: FBT001
    """A file beyond the bound is refused before it is parsed."""
    text = "version: 1\n#"
    found = problems_of(text + "x" * (size - len(text)))

    assert found == (
        [] if fits else [(1, 1, f"expected at most {MAX_DOCUMENT_BYTES} bytes, found {size}")]
    )


@pytest.mark.parametrize(
    ("key", "first", "others"),
    [
        pytest.param("groups", "{allow: &a [GET /x, LIST]}", "{allow: *a}", id="rules"),
        pytest.param("groups", "{includes: &a [nobody, LIST]}", "{includes: *a}", id="includes"),
        pytest.param("groups", "&a {MAPPING}", "*a", id="keys"),
        pytest.param("accept", "&a [why, LIST]", "*a", id="acceptances"),
    ],
)
def test_aliases_do_not_make_a_small_file_an_endless_one(key: str, first: str, others: str) -> None:
    """What is to be read, with all aliases written out, is bounded like the file itself."""
    first = first.replace("LIST", ", ".join(["GET /y"] * 2000))
    first = first.replace("MAPPING", ", ".join(f"key{number}" for number in range(2000)))
    lines = [f"  name{number}: {others}" for number in range(2000)]
    found = problems_of("\n".join(["version: 1", f"{key}:", f"  name: {first}", *lines]))

    assert len([one for one in found if "with all aliases written out" in one[2]]) == 1


def test_aliases_may_be_used() -> None:
    """Groups may share a list."""
    text = "version: 1\ngroups:\n  a: {allow: &x [GET /x]}\n  b: {allow: *x}\n"
    assert problems_of(text) == []


def test_a_file_without_aliases_is_never_too_long_to_read() -> None:
    """The bound is for aliases: all that fits into the file may be read."""
    text = "version: 1\npublic: [GET /,GET /,GET /]\ngroups: {a: {allow: [GET /]},b: {}}"
    reader = PolicyReader()
    reader.read(compose(text.encode(), reader.file, replace(POLICY, max_weight=len(text))))

    assert reader.problems == []


def test_a_compiled_policy_is_one_problem(tmp_path: Path) -> None:
    """It says the same things in another form, and each of them would be a problem."""
    source, compiled = tmp_path / "policy.yaml", tmp_path / "policy.json"
    source.write_text("version: 1\ngroups:\n  a: {allow: [GET /x, GET /y]}\n")
    compiled.write_bytes(load_document(source)[0])

    with pytest.raises(ConfigurationError) as caught:
        load_document(compiled)
    assert caught.value.problems == (
        f"{compiled}:1:1: expected policy.yaml, found what 'authorizer compile' made of it",
        f"'authorizer check {compiled}' says how to mend what is wrong",
    )


def test_problems_name_the_file(tmp_path: Path) -> None:
    """``load_document`` reports problems in the form that editors understand, and what to do."""
    path = tmp_path / "policy.yaml"
    path.write_text("version: 2\ngroups:\n  a: {allow: [GET x]}\n")

    with pytest.raises(ConfigurationError) as caught:
        load_document(path)
    assert caught.value.problems == (
        f"{path}:1:10: expected version 1, found '2'",
        f"{path}:3:19: expected one blank and a path that starts with /, found 'x'",
        f"'authorizer check {path}' says how to mend what is wrong",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """No file is a problem like any other, without a place in it."""
    with pytest.raises(ConfigurationError) as caught:
        load_document(tmp_path / "policy.yaml")
    assert caught.value.problems == (
        f"{tmp_path / 'policy.yaml'}: cannot be read: No such file or directory",
    )


def test_a_problem_is_located_as_editors_expect() -> None:
    """``file:line:column: message``."""
    location = Location(file="p.yaml", line=3, column=5)
    assert str(Problem(location=location, message="x")) == "p.yaml:3:5: x"
