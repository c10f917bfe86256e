"""``authorizer test``: what passes, what fails, and what no case exercises.

What is said of that, to the letter, is in ``tests/golden/test.txt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from html_pages import Page, assert_needs_nothing
from overlay import base, laid_over, replaced

from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
POLICY = """\
version: 1
groups:
  reader:
    allow:
      - GET /hello
      - GET,PATCH /users/{user=sub}
  editor:
    includes: [reader]
    allow: [POST /articles]
  suspended:
    deny: [ANY /**]
scopes:
  reports/read:
    allow: ["GET /reports/{id}"]
public: [GET /health]
"""
TEMPLATE = laid_over(
    base("http-api"),
    """\
Resources:
  Backend:
    Properties:
      Events:
        User: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/users/{u}"}}
        Change: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: PATCH, Path: "/users/{u}"}}
        Write: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /articles}}
        More: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/more/{proxy+}"}}
""",
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, in a folder with the policy, the template and these cases."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.yaml").write_text(TEMPLATE)

    def in_folder(cases: str, *arguments: str, policy: str = POLICY) -> Result:
        (tmp_path / "policy.yaml").write_text(policy)
        (tmp_path / "policy.policy-test.yaml").write_text(f"tests:\n{cases}")
        result = CliRunner().invoke(cli, ["test", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return in_folder


READER = "as: {groups: [reader], claims: {sub: '42'}}"


def test_cases_that_hold_pass(run: Callable[..., Result]) -> None:
    """Exit code 0, and the counts."""
    result = run(
        f"  - {READER}\n    allow: [GET /hello, GET /users/42]\n    deny: [GET /users/43]\n"
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "1 case, 3 requests: 3 passed, 0 failed; exercised 1 of 4 grants, 0 of 1 deny"
    )


def test_a_complete_case_lists_the_templates_routes(run: Callable[..., Result]) -> None:
    """With the template, a route that it has and the case does not list must be denied."""
    cases = f"  - {READER}\n    allow: [GET /hello, GET /users/42]\n    complete: true\n"
    result = run(cases, "--template", "template.yaml")
    assert result.exit_code == 1
    assert "to deny PATCH /users/{u}, found PATCH /users/42 allowed" in result.stdout
    assert "1 case, 5 requests: 4 passed, 1 failed" in result.stdout


def test_completeness_looks_below_a_proxy(run: Callable[..., Result]) -> None:
    """A grant of one path below a {proxy+} is found, whatever the route's other paths are."""
    policy = POLICY.replace("- GET /hello", "- GET /hello\n      - DELETE /more/of/{that=sub}")
    cases = f"  - {READER}\n    allow: [GET /hello, 'GET,PATCH /users/42']\n    complete: true\n"
    result = run(cases, "--template", "template.yaml", policy=policy)
    assert "to deny ANY /more/{proxy+}, found DELETE /more/of/42 allowed" in result.stdout


def test_gaps_are_told_and_fail_when_strict(run: Callable[..., Result]) -> None:
    """A grant, a method, a comparison and a deny that no case exercises, each with its line."""
    cases = f"  - {READER}\n    allow: [GET /users/42]\n"
    loose, strict = run(cases), run(cases, "--strict")
    assert (loose.exit_code, strict.exit_code) == (0, 1)
    assert loose.stdout == strict.stdout
    told = [line for line in loose.stdout.splitlines() if line.startswith("not exercised")]
    assert [line.split()[2] for line in told] == [
        *("policy.yaml:5", "policy.yaml:6", "policy.yaml:6"),
        *("policy.yaml:9", "policy.yaml:11", "policy.yaml:14"),
    ]


def test_everything_exercised_is_strict(run: Callable[..., Result]) -> None:
    """Both methods, one's own and another's record, the deny and the scope: nothing is left."""
    cases = (
        f"  - {READER}\n    allow: [GET /hello, 'GET,PATCH /users/42']\n    deny: [GET /users/43]\n"
        "  - as: {groups: [editor]}\n    allow: [POST /articles]\n"
        "  - as: {groups: [editor, suspended]}\n    deny: [POST /articles]\n"
        "  - as: {scopes: [reports/read]}\n    allow: [GET /reports/7]\n"
    )
    result = run(cases, "--strict")
    assert result.exit_code == 0
    assert result.stdout == (
        "4 cases, 7 requests: 7 passed, 0 failed; exercised 4 of 4 grants, 1 of 1 deny\n"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            (),
            "proves nothing policy.policy-test.yaml:3:12: GET /helo is denied because no rule is "
            "about it: is it misspelt?",
            id="no rule",
        ),
        pytest.param(
            ("--template", "template.yaml"),
            "proves nothing policy.policy-test.yaml:3:12: GET /helo is denied because no route is "
            "about it: is it misspelt?",
            id="no route",
        ),
    ],
)
def test_a_denial_of_what_is_not_there_proves_nothing(
    run: Callable[..., Result], arguments: tuple[str, ...], line: str
) -> None:
    """It passes, is told, and fails when strict."""
    policy = POLICY.replace("    deny: [ANY /**]", "    deny: [ANY /hello]")
    cases = f"  - {READER}\n    deny: [GET /helo]\n"
    result = run(cases, *arguments, policy=policy)
    assert result.exit_code == 0
    assert line in result.stdout
    assert run(cases, *arguments, "--strict", policy=policy).exit_code == 1


def test_cases_may_stand_in_the_policy(run: Callable[..., Result], tmp_path: Path) -> None:
    """Under the key tests; those of the files beside it are tried with them."""
    embedded = POLICY + f"tests:\n  - {READER}\n    deny: [GET /hello]\n"
    result = run(f"  - {READER}\n    allow: [GET /hello]\n", policy=embedded)
    assert "failed policy.yaml:18:12: groups reader: expected deny, found allow" in result.stdout
    assert "2 cases, 2 requests: 1 passed, 1 failed" in result.stdout


def test_named_files_are_the_only_ones(run: Callable[..., Result], tmp_path: Path) -> None:
    """With arguments, nothing else is looked for."""
    (tmp_path / "other.yaml").write_text(f"tests:\n  - {READER}\n    allow: [GET /hello]\n")
    result = run("  - allow: [GET /hello]\n", "other.yaml")
    assert (result.exit_code, "1 case, 1 request: 1 passed" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("cases", "arguments", "message"),
    [
        pytest.param("", (), "policy.yaml has no tests yet: write some under", id="no cases"),
        pytest.param("", ("none.yaml",), "none.yaml: cannot be read: No such file", id="no file"),
        pytest.param(
            "", ("--policy", "none.yaml"), "none.yaml: cannot be read: No such", id="no policy"
        ),
        pytest.param(
            "  - deny: [GET /x]\n",
            ("--template", "none.yaml"),
            "none.yaml: cannot be read: No such",
            id="no template",
        ),
        pytest.param(
            "  - deny: [GET /x]\n",
            ("--template", "template.yaml", "--api", "Ap"),
            "expected an API among Api, found 'Ap'; did you mean 'Api'?",
            id="no such API",
        ),
        pytest.param(
            "  - deny: [GET /x]\n",
            ("--junit", "no/such/folder.xml"),
            "folder.xml: cannot be written: No such",
            id="no folder",
        ),
    ],
)
def test_what_cannot_be_read_or_written_is_named(
    run: Callable[..., Result], cases: str, arguments: tuple[str, ...], message: str
) -> None:
    """A message, not a traceback, and the exit code of what could not be found out."""
    result = run(cases, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


# One route asks another authorizer, and the path of one is not known.
UNDECIDED = laid_over(
    TEMPLATE,
    """\
Parameters: {Stage: {Type: String}}
Resources:
  Api:
    Properties:
      Auth:
        Authorizers:
          Login:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://login.example.com", audience: [shop]}
  Backend:
    Properties:
      Events:
        Write:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: POST, Path: /articles, Auth: {Authorizer: Login}}
        Search:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: !Sub "/search/${Stage}"}
""",
)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param("allow: [POST /articles]", "expected allow for POST /articles", id="allow"),
        pytest.param("deny: [POST /articles]", "expected deny for POST /articles", id="deny"),
        pytest.param(
            "complete: true", "expected a complete case to deny POST /articles", id="complete"
        ),
    ],
)
def test_what_another_authorizer_decides_is_as_nobody_expects(
    run: Callable[..., Result], tmp_path: Path, case: str, expected: str
) -> None:
    """Neither an allow nor a denial of the policy's holds where the policy is not asked."""
    (tmp_path / "mixed.yaml").write_text(UNDECIDED)
    result = run(f"  - as: {{groups: [editor]}}\n    {case}\n", "-t", "mixed.yaml")
    assert result.exit_code == 1
    assert f"{expected}, which the policy does not decide" in result.stdout
    assert (
        "POST /articles is decided by its authorizer 'Login' (jwt), which does not ask "
        "policy.yaml; whoever that lets in may call it"
    ) in result.stdout


@pytest.mark.parametrize("verb", ["allow", "deny"])
def test_a_route_that_could_not_be_read_is_undecidable(
    run: Callable[..., Result], tmp_path: Path, verb: str
) -> None:
    """Not 404: exit code 2, with the place of what could not be read; 1 if others fail."""
    (tmp_path / "part.yaml").write_text(UNDECIDED)
    cases = f"  - {READER}\n    {verb}: [GET /search/live]\n"
    result = run(cases, "-t", "part.yaml", "--junit", "out.xml")
    assert result.exit_code == 2
    assert f"expected {verb} for GET /search/live, of which that cannot be told" in result.stdout
    place = f"part.yaml:{UNDECIDED[: UNDECIDED.index('Search:')].count(chr(10)) + 1}:9"
    assert f"{place} (event Search) could not be\n" in result.stdout
    assert "0 passed, 0 failed, 1 undecidable" in result.stdout
    assert ET.fromstring((tmp_path / "out.xml").read_bytes()).get("failures") == "1"
    worse = run(f"{cases}  - deny: [GET /hello]\n    as: {{groups: [reader]}}\n", "-t", "part.yaml")
    assert worse.exit_code == 1


def test_complete_cases_prove_nothing_of_routes_that_could_not_be_read(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """They pass, as what can be asked is denied; that is told, and fails when strict."""
    template = replaced(UNDECIDED, ", Auth: {Authorizer: Login}", "")
    (tmp_path / "part.yaml").write_text(template)
    arguments = ("-t", "part.yaml", "--junit", "out.xml")
    policy = "version: 1\ngroups: {nobody: {}}\n"
    cases = "  - complete: true\n"
    loose = run(cases, *arguments, policy=policy)
    line = (
        "proves nothing policy.policy-test.yaml:2:5: a complete case says nothing of what could "
        "not be read: part.yaml:"
    )
    assert (loose.exit_code, line in loose.stdout) == (0, True)
    assert run(cases, *arguments, "--strict", policy=policy).exit_code == 1
    root = ET.fromstring((tmp_path / "out.xml").read_bytes())
    assert root.get("failures") == "1"


def test_an_authorizer_that_cannot_be_told_proves_nothing(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """What holds only if the route asks the policy passes, is told, and fails when strict."""
    template = replaced(UNDECIDED, "{Authorizer: Login}", "{Authorizer: !Ref Stage}")
    (tmp_path / "t.yaml").write_text(template)
    cases = "  - as: {groups: [editor]}\n    allow: [POST /articles]\n"
    result = run(cases, "-t", "t.yaml")
    line = (
        "proves nothing policy.policy-test.yaml:3:13: for POST /articles it cannot be told whether "
        "an authorizer asks the policy: parameter Stage has no default\n"
    )
    assert (result.exit_code, line in result.stdout) == (0, True)


def test_who_has_no_tests_is_shown_how_to_write_one(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """The example is of the policy's own groups, and holds as it is printed."""
    result = run("")
    first, *example = result.stderr.splitlines()
    assert first.endswith(
        "policy.yaml has no tests yet: write some under tests: in it, or in a file such as "
        "api.policy-test.yaml beside it:"
    )
    assert len(example) == 4
    (tmp_path / "api.policy-test.yaml").write_text("\n".join(example))
    (tmp_path / "policy.policy-test.yaml").unlink()
    tried = CliRunner().invoke(cli, ["test"])
    assert (tried.exit_code, "2 requests: 2 passed" in tried.stdout) == (0, True)


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param("{'a,b': {allow: ['ANY /x/**']}}", id="name"),
        pytest.param("{o: {allow: ['GET /{u=sub}', 'PUT /a/{b}/c']}}", id="own and parameter"),
        pytest.param(
            "{d: {allow: ['GET /a'], deny: ['ANY /**']}, e: {allow: ['GET /']}}", id="deny"
        ),
    ],
)
def test_the_example_fits_any_policy(
    run: Callable[..., Result], tmp_path: Path, groups: str
) -> None:
    """Strange names, rules that compare claims, denies: what is printed is true."""
    policy = f"version: 1\ngroups: {groups}\n"
    example = "\n".join(run("", policy=policy).stderr.splitlines()[1:])
    (tmp_path / "policy.policy-test.yaml").write_text(example)
    tried = CliRunner().invoke(cli, ["test"])
    assert (tried.exit_code, "2 requests: 2 passed" in tried.stdout) == (0, True)


@pytest.mark.parametrize(
    ("name", "is_named"),
    [
        pytest.param("my-policy-test.yaml", True, id="no dot"),
        pytest.param("api.policy-test.yml", True, id="yml"),
        pytest.param("policy_tests.yaml", True, id="underscore"),
        pytest.param("policy.yaml.bak", False, id="something else"),
    ],
)
def test_a_name_that_nearly_fits_is_told(
    run: Callable[..., Result],
    tmp_path: Path,
    name: str,
    is_named: bool,  # noqa: FBT001
) -> None:
    """Whether others are found or not: nobody believes that tests ran which did not."""
    (tmp_path / name).write_text("tests:\n  - deny: [GET /x]\n")
    line = f"{name} is not read: expected a name that ends in .policy-test.yaml\n"
    for cases in ("", "  - deny: [GET /x]\n"):
        assert (line in run(cases).stderr) is is_named


def test_a_bad_template_is_noticed_without_any_tests(run: Callable[..., Result]) -> None:
    """What was asked for is looked at, whatever else is missing."""
    assert "none.yaml: cannot be read" in run("", "-t", "none.yaml").stderr


def test_the_policy_may_be_named_as_for_other_commands(run: Callable[..., Result]) -> None:
    """One FILE that is a policy is taken for --policy; among others it is said to be one."""
    cases = f"  - {READER}\n    allow: [GET /hello]\n"
    assert run(cases, "policy.yaml").exit_code == 0
    result = run(cases, "policy.yaml", "policy.policy-test.yaml")
    assert "policy.yaml: expected a file of tests, found a policy: write --policy" in result.stderr


def test_an_api_needs_a_template(run: Callable[..., Result]) -> None:
    """Wrong usage is exit code 2."""
    result = run("  - deny: [GET /x]\n", "--api", "Api")
    assert result.exit_code == 2


def test_junit_has_a_test_for_each_request(run: Callable[..., Result], tmp_path: Path) -> None:
    """Suites per file, failures with the reason, gaps as skipped tests; the counts add up."""
    cases = (
        f'  - name: "a < b & \\e[31mc"\n    {READER}\n'
        "    allow: [GET /hello, POST /articles]\n    complete: true\n"
    )
    run(cases, "--junit", "out.xml")
    root = ET.fromstring((tmp_path / "out.xml").read_bytes())
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["policy.policy-test.yaml", "not exercised"]
    for element in (root, *suites):
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        assert element.get("failures") == str(len(list(element.iter("failure"))))
        assert element.get("skipped") == str(len(list(element.iter("skipped"))))
    failed = [test for test in root.iter("testcase") if test.find("failure") is not None]
    assert [test.get("name") for test in failed] == [
        "allow POST /articles",
        "deny GET /users/{user} (not listed)",
        "deny PATCH /users/{user} (not listed)",
    ]
    assert failed[0].get("classname") == "policy.policy-test.yaml.a < b & \ufffd[31mc"
    assert (failed[0].get("file"), failed[0].get("line")) == ("policy.policy-test.yaml", "4")
    assert "would allow it to a member of editor" in (failed[0].findtext("failure") or "")
    assert suites[1].get("skipped") == suites[1].get("tests") == "4"


def test_junit_has_no_mark_that_turns_a_text_around(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """Whoever reads the report sees a name as it is written; an end of line stays one."""
    name = '"a\\u202eb\\u2028c\\nd"'
    run(f"  - name: {name}\n    {READER}\n    allow: [POST /x]\n", "--junit", "out.xml")
    text = (tmp_path / "out.xml").read_text()
    assert all(line.isprintable() for line in text.split("\n"))
    test = next(ET.fromstring(text).iter("testcase"))
    assert test.get("classname") == "policy.policy-test.yaml.a\\u202eb\\u2028c\nd"


def test_junit_fails_on_gaps_when_strict(run: Callable[..., Result], tmp_path: Path) -> None:
    """What fails the command fails in the report."""
    run(f"  - {READER}\n    allow: [GET /hello]\n", "--strict", "--junit", "out.xml")
    root = ET.fromstring((tmp_path / "out.xml").read_bytes())
    assert (root.get("failures"), root.get("skipped")) == ("4", "0")


def test_colours_are_for_terminals(run: Callable[..., Result]) -> None:
    """In a pipe, and so in a log, there are none."""
    assert "\x1b" not in run(f"  - {READER}\n    deny: [GET /hello]\n").stdout


@pytest.mark.parametrize("template", [(), ("--template", "template.yaml")], ids=["alone", "routes"])
def test_the_samples_own_cases_exercise_all_of_it(
    monkeypatch: pytest.MonkeyPatch, template: tuple[str, ...]
) -> None:
    """The project's policy is tested by its own cases: every grant, every deny."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli, ["test", "--strict", *template])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "7 of 7 grants, 1 of 1 deny" in result.stdout


@pytest.mark.parametrize("line", [8, 9, 10, 14, 15, 19, 22, 27])
def test_the_samples_own_cases_notice_a_lost_rule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: int
) -> None:
    """Take any one rule out of the sample policy, and a case fails."""
    monkeypatch.chdir(tmp_path)
    lines = (ROOT / "policy.yaml").read_text().splitlines()
    assert lines[line - 1].lstrip().startswith("- ")
    lines[line - 1] = ""
    (tmp_path / "policy.yaml").write_text("\n".join(lines))
    cases = (ROOT / "policy.policy-test.yaml").read_text()
    (tmp_path / "policy.policy-test.yaml").write_text(cases)
    result = CliRunner().invoke(cli, ["test"])
    assert (result.exit_code, "failed" in result.stdout) == (1, True)


def test_the_documents_example_is_true(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """docs/test.md shows what the command prints of the sample policy."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "test.md").read_text()
    blocks = text.split("```")
    cases = next(block for block in blocks if block.startswith("yaml\n"))
    printed = next(block for block in blocks if "$ authorizer test example" in block)
    (tmp_path / "example.policy-test.yaml").write_text(cases.removeprefix("yaml\n"))
    (tmp_path / "policy.yaml").write_text((ROOT / "policy.yaml").read_text())
    result = CliRunner().invoke(cli, ["test", "example.policy-test.yaml"])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == printed.splitlines()[2:]


def cells(text: str) -> dict[tuple[str, str], str]:
    """What the page's table says, by route and subject."""
    found = Page(text)
    titles = [str(one["data-title"]) for one in found.all("th") if "data-title" in one]
    scopes = [one["scope"] for one in found.all("th") if "data-title" in one]
    columns = [title for title, scope in zip(titles, scopes, strict=True) if scope == "col"]
    rows = [title for title, scope in zip(titles, scopes, strict=True) if scope == "row"]
    words = iter(found.content("td"))
    return {(row, column): next(words) for row in rows for column in columns}


def test_the_page_has_each_cell_tried_or_not(run: Callable[..., Result]) -> None:
    """Failures come first; a cell is tried by who has just that group, or is answered by it."""
    result = run(
        f"""\
  - {{name: a reader, {READER}, allow: [GET /hello, GET /users/42], deny: [POST /articles]}}
  - {{as: {{groups: [reader]}}, deny: [GET /hello], allow: [GET /health]}}
  - {{as: {{groups: [editor, suspended]}}, deny: [POST /articles]}}
  - {{as: {{groups: [editor, reader]}}, allow: [POST /articles]}}
  - {{as: {{scopes: [reports/read]}}, allow: [GET /reports/7]}}
  - {{deny: [GET /reports/7]}}
""",
        "--html",
        "test.html",
    )
    text = Path("test.html").read_text()
    found = cells(text)

    assert_needs_nothing(text)
    assert result.exit_code == 1
    assert "failed" in result.stdout
    assert "✗ 1 failed" in Page(text).content("p")
    assert Page(text).content("h2")[0] == "Failed"
    assert "expected deny, found allow: GET /hello" in text
    tried = {cell: words for cell, words in found.items() if not words.endswith("–")}
    assert tried == {
        ("GET /hello", "reader"): "allow ✗",
        ("GET /users/{user}", "reader"): "own ✓",
        ("POST /articles", "reader"): "· ✓",
        ("POST /articles", "suspended"): "deny ✓",
        ("POST /articles", "editor"): "allow ✓",
        ("GET /reports/{id}", "scope reports/read"): "allow ✓",
        ("GET /reports/{id}", "everyone"): "· ✓",
        ("GET /health", "reader"): "allow ✓",
        ("GET /health", "everyone"): "allow ✓",
    }


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        pytest.param("[GET /hello]", "! As expected, but not all is tried", id="not all"),
        pytest.param("[GET /hello, POST /articles]", "✗ 1 failed", id="failed"),
    ],
)
def test_the_page_has_a_templates_routes(
    run: Callable[..., Result], cases: str, verdict: str
) -> None:
    """The rows are the API's routes, and requests are counted where they get to in it."""
    run(f"  - {{{READER}, allow: {cases}}}\n", "--template", "template.yaml", "--html", "x.html")
    text = Path("x.html").read_text()

    assert verdict in Page(text).content("p")
    assert cells(text)["GET /hello", "reader"] == "allow ✓"
    assert cells(text)["ANY /more/{proxy+}", "reader"] == "· –"


def test_all_tried_is_said_and_names_are_text(run: Callable[..., Result]) -> None:
    """What opens an element elsewhere is text here, in a case's name and in a group's."""
    result = run(
        "  - {name: '<script>alert(1)</script>', as: {groups: ['</td><b>']}, allow: [GET /a]}\n",
        *("--strict", "--html", "x.html"),
        policy="version: 1\ngroups:\n  '</td><b>': {allow: [GET /a]}\n",
    )
    text = Path("x.html").read_text()

    assert result.exit_code == 0
    assert "✓ All as expected" in Page(text).content("p")
    assert len(Page(text).all("script")) == 1
    assert Page(text).all("b") == []


def test_a_page_that_cannot_be_written_is_said(run: Callable[..., Result]) -> None:
    """As for any other file."""
    result = run(f"  - {{{READER}, allow: [GET /hello]}}\n", "--html", "no/x.html")
    assert result.exit_code == 2
    assert "no/x.html: cannot be written" in result.stderr
