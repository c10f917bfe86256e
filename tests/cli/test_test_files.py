"""Reading cases: every mistake has its place, and nothing that is misspelt passes for a denial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authorizer.cli.analysis.cases import MOST_REQUESTS, CaseReader
from authorizer.cli.location import UnreadableError
from authorizer.cli.main import cli
from authorizer.cli.yaml_source import Listing, Mapping, Text, compose

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.analysis.cases import Case

POLICY = """\
version: 1
groups:
  reader: {allow: [GET /hello, "GET /users/{user=sub}"]}
  admin: {allow: [ANY /admin/**]}
scopes:
  reports/read: {allow: ["GET /reports/{id}"]}
public: [GET /health]
"""


def read(text: str | bytes) -> tuple[tuple[Case, ...], list[str]]:
    """The cases and the located problems of a file of tests."""
    reader = CaseReader(
        file="p.policy-test.yaml",
        groups=frozenset({"reader", "admin"}),
        scopes=frozenset({"reports/read"}),
    )
    data = text.encode() if isinstance(text, str) else text
    try:
        cases = reader.document(compose(data, reader.file))
    except UnreadableError as error:
        return (), list(error.problems)
    return cases, [str(problem) for problem in reader.problems]


def test_a_case_is_read_with_the_place_of_each_request() -> None:
    """Name, caller, and each request as often as it has methods."""
    cases, problems = read(
        "tests:\n"
        "  - name: one\n"
        "    as: {groups: [reader], claims: {sub: '42', level: 3, tags: [a, b]}}\n"
        "    allow:\n"
        "      - GET,PATCH /users/42\n"
        "    deny: [$connect]\n"
        "    complete: true\n"
    )
    (case,) = cases
    assert problems == []
    assert (case.name, case.is_complete, str(case.location)) == (
        "one",
        True,
        "p.policy-test.yaml:2:5",
    )
    assert (case.caller.groups, case.caller.scopes) == (("reader",), ())
    assert case.caller.claims == {"sub": "42", "level": 3, "tags": ["a", "b"]}
    assert [(str(one.request), one.allowed, one.location.line) for one in case.expectations] == [
        ("GET /users/42", True, 5),
        ("PATCH /users/42", True, 5),
        ("$connect", False, 6),
    ]


@pytest.mark.parametrize(
    ("caller", "claims", "is_machine"),
    [
        pytest.param(
            "{scopes: [reports/read]}",
            {"sub": "machine", "client_id": "machine"},
            True,
            id="scopes alone",
        ),
        pytest.param(
            "{scopes: [reports/read], claims: {client_id: c1}}",
            {"sub": "c1", "client_id": "c1"},
            True,
            id="its own client",
        ),
        pytest.param("{groups: [reader], scopes: [reports/read]}", {}, False, id="with a group"),
        pytest.param(
            "{scopes: [reports/read], claims: {username: alice}}",
            {"username": "alice"},
            False,
            id="with a user",
        ),
        pytest.param(
            "{scopes: [reports/read], claims: {sub: a, client_id: b}}",
            {"sub": "a", "client_id": "b"},
            False,
            id="another subject",
        ),
        pytest.param("{}", {}, False, id="nobody"),
    ],
)
def test_scopes_alone_mean_a_machine(
    caller: str, claims: dict[str, str], *, is_machine: bool
) -> None:
    """What was not told of sub and client_id is filled in, and nothing else is."""
    cases, problems = read(f"tests:\n  - as: {caller}\n    deny: [GET /x]\n")
    assert problems == []
    assert cases[0].caller.claims == claims
    assert cases[0].caller.is_machine is is_machine


PROBLEMS = {
    "no tests": ("[]", "1:1: expected a file of tests to be a mapping with tests, found a list"),
    "misspelt key": (
        "test: []\n",
        "1:1: expected tests in a file of tests, found 'test'; did you mean 'tests'?",
    ),
    "key without a list": ("tests: {}\n", "1:8: expected tests to be a list, found a mapping"),
    "misspelt field": (
        "tests:\n  - dney: [GET /x]\n    allow: [GET /x]\n",
        (
            "2:5: expected allow, as, complete, deny or name in a case, found 'dney'; "
            "did you mean 'deny'?"
        ),
    ),
    "nothing expected": (
        "tests:\n  - as: {groups: [reader]}\n",
        "2:5: expected allow, deny or complete in a case, found none",
    ),
    "misspelt group": (
        "tests:\n  - as: {groups: [raeder]}\n    deny: [GET /x]\n",
        "2:19: expected one of the policy's groups, found 'raeder'; did you mean 'reader'?",
    ),
    "misspelt scope": (
        "tests:\n  - as: {scopes: [report/read]}\n    deny: [GET /x]\n",
        (
            "2:19: expected one of the policy's scopes, found 'report/read'; "
            "did you mean 'reports/read'?"
        ),
    ),
    "misspelt caller": (
        "tests:\n  - as: {group: [reader]}\n    deny: [GET /x]\n",
        (
            "2:10: expected claims, groups or scopes in a caller, found 'group'; "
            "did you mean 'groups'?"
        ),
    ),
    "number for sub": (
        "tests:\n  - as: {claims: {sub: 42}}\n    deny: [GET /x]\n",
        "2:24: expected text for the claim sub, found '42': put it in quotes",
    ),
    "groups as a claim": (
        "tests:\n  - as: {claims: {'cognito:groups': [reader]}}\n    deny: [GET /x]\n",
        "2:19: expected groups beside claims, found the claim cognito:groups",
    ),
    "nested claim": (
        "tests:\n  - as: {claims: {x: {y: 1}}}\n    deny: [GET /x]\n",
        "2:22: expected a claim's value or a list of some, found a mapping",
    ),
    "number out of range": (
        f"tests:\n  - as: {{claims: {{x: {'9' * 5000}}}}}\n    deny: [GET /x]\n",
        f"2:22: expected a number or a truth value, found '{'9' * 58}…",
    ),
    "small method": (
        "tests:\n  - allow: [get /hello]\n",
        (
            "2:13: expected a method among GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or ANY, "
            "found 'get'; did you mean GET?"
        ),
    ),
    "comma inside brackets": (
        "tests:\n  - allow: [GET,PUT /hello]\n",
        (
            "2:13: expected a request such as GET /users/42, found 'GET'; "
            "quote a request that has commas inside [ ]"
        ),
    ),
    "template": (
        "tests:\n  - allow:\n    - GET /users/{id}\n",
        (
            "3:18: expected a concrete path such as /users/42, found the template '/users/{id}': "
            "put a value in place of '{id}'"
        ),
    ),
    "everything below": (
        "tests:\n  - allow:\n    - GET /admin/**\n",
        (
            "3:17: expected a concrete path such as /users/42, found the template '/admin/**': "
            "put a value in place of '/**'"
        ),
    ),
    "query": (
        "tests:\n  - allow:\n    - GET /hello?x=1\n",
        (
            "3:17: expected a path without query and fragment, found '/hello?x=1': leave ? and "
            "what follows away, no rule looks at it"
        ),
    ),
    "no path": (
        "tests:\n  - allow: ['GET hello']\n",
        "2:18: expected a path that starts with /, found 'hello'",
    ),
    "both": (
        "tests:\n  - allow: [GET /x]\n    deny: [GET /x]\n",
        "3:12: expected 'GET /x' once in a case, found it again (first on line 2)",
    ),
    "complete in words": (
        "tests:\n  - complete: perhaps\n",
        "2:15: expected complete to be true or false, found 'perhaps'",
    ),
    "name": (
        "tests:\n  - name: [x]\n    deny: [GET /x]\n",
        "2:11: expected a name as plain text, found a list",
    ),
    "no YAML": ("tests: [", "1:9: expected YAML: expected the node content, but found '<stream"),
}


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_mistake_is_located(text: str, problem: str) -> None:
    """File, line and column; what was expected, what was found, and what may have been meant."""
    problems = read(text)[1]
    assert len(problems) == 1 + (text == PROBLEMS["misspelt key"][0])
    assert problems[0].startswith(f"p.policy-test.yaml:{problem}".removesuffix("…"))


def test_aliases_do_not_multiply_without_end() -> None:
    """One list that is used over and over is bounded in all."""
    requests = "".join(f"  - GET /{number}\n" for number in range(1000))
    cases = "".join("  - allow: *all\n" for _ in range(MOST_REQUESTS // 1000))
    text = f"tests:\n  - allow: &all\n{requests.replace('  -', '    -')}{cases}"
    assert read(text)[1][0].endswith(f"expected at most {MOST_REQUESTS} requests in a file")


yaml_pieces = st.sampled_from(
    [
        *("tests:\n", "  - ", "  - as: ", "    allow: ", "    deny:\n", "      - ", "complete: "),
        *("{groups: [reader]}", "{scopes: [reports/read]}", "{claims: {sub: ", "'42'}}", "true"),
        *("[GET /hello]\n", "GET /users/42\n", "$connect\n", "GET /%2f\n", "&a ", "*a ", "<<: "),
        *("!!int ", "!!float ", "!!bool ", "!!null ", "!!binary ", "!x ", "x\n", "1_0", "0b", "0o"),
        *("1:60", ".inf", "2026-01-01", "~", "\n", "[", "]", "{", "}", "? ", '"\\ud800"', "\x00"),
        *("-", ":", "é", "\U0001f600", "'", '"', "name: ", "# ", "---\n"),
    ]
)


@settings(max_examples=examples(600), deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(yaml_pieces, max_size=16).map("".join).map(str.encode)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(b"tests: &a [*a]")
@example(b"tests:\n - as: {claims: {x: &a [*a]}}\n   deny: [GET /x]")
@example(b"tests:\n - as: {claims: {x: !!bool x, y: !!int '', z: !!float ''}}\n   deny: [GET /x]")
@example(b"tests:\n - as: {claims: {x: !!int '-', y: !!int '1:'}}\n   deny: [GET /x]")
@example(b'tests:\n - name: "\\ud800"\n   allow: ["GET /\\ud800"]')
@example(b"[" * 1_000)
@example(b"!$ tests:")
def test_any_bytes_are_cases_or_located_problems(data: bytes) -> None:
    """Whatever stands in a file of tests, it is cases, or says where it is wrong."""
    cases, problems = read(data)
    if not cases and not problems:
        root = compose(data, "p.policy-test.yaml")
        assert isinstance(root, Mapping)
        tests = root.entries["tests"]
        assert (
            tests.kind == "null"
            if isinstance(tests, Text)
            else tests == Listing(tests.location, ())
        )
    assert not any("\n" in problem for problem in problems)


def run(folder: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["test", "--policy", str(folder / "policy.yaml"), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@settings(max_examples=40, deadline=None)
@given(data=st.lists(yaml_pieces, max_size=16).map("".join).map(str.encode))
@example(data=b'tests:\n - name: "\\ud800\\e[31m"\n   allow: ["GET /\\ud800"]')
def test_the_command_never_breaks(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes in a file of tests end in a report (exit code 0 or 1) or in a message (2)."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "any.policy-test.yaml").write_bytes(data)
    result = run(folder, "--junit", str(folder / "out.xml"))
    assert result.exit_code in ({0, 1} if result.stdout else {2})
    assert "Traceback" not in result.output
