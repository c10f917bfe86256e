"""``authorizer diff``: who may more and who may less, on policies that one can read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from html_pages import Page, assert_needs_nothing
from overlay import base, laid_over

from authorizer.cli.analysis.named_policy import read_policy
from authorizer.cli.diff.compare import Diff, compare
from authorizer.cli.main import cli

BASE = """version: 1
groups:
  reader:
    allow:
      - GET /articles/{id}
      - GET /users/{user=sub}
  editor:
    includes: [reader]
    allow:
      - POST /articles
  suspended:
    deny:
      - ANY /**
scopes:
  reports/read:
    allow:
      - GET /reports
public:
  - GET /health
"""


def diff_of(old: str, new: str, routes: tuple[str, ...] | None = None) -> Diff:
    return compare(
        read_policy(old.encode(), "old.yaml"), read_policy(new.encode(), "new.yaml"), routes
    )


def gains(diff: Diff) -> set[str]:
    return {f"{change.subject}: {change.route.key}" for change in diff.gains}


def losses(diff: Diff) -> set[str]:
    return {f"{change.subject}: {change.route.key}" for change in diff.losses}


def lifted(diff: Diff) -> dict[str, list[str]]:
    return {
        f"{one.group}: {one.route.key}": [other.name for other in one.others] for one in diff.lifted
    }


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("  reader:", "  # moved\n\n  reader:", id="lines"),
        pytest.param("/articles/{id}", "/articles/{article}", id="a parameter's name"),
        pytest.param(
            "      - GET /articles/{id}\n      - GET /users/{user=sub}\n",
            "      - GET /users/{user=sub}\n      - GET /articles/{id}\n",
            id="order",
        ),
        pytest.param(
            "- POST /articles", "- POST /articles\n      - GET /articles/{id}", id="twice"
        ),
        pytest.param("- ANY /**", "- ANY /**\n      - GET /hello", id="a deny below another"),
        pytest.param("  suspended:", "  idle: {}\n  suspended:", id="a group without rules"),
    ],
)
def test_what_changes_nobodys_rights_is_no_change(was: str, becomes: str) -> None:
    """Policies are compared by what they say."""
    assert was in BASE
    assert diff_of(BASE, BASE.replace(was, becomes)).is_empty


def test_a_new_rule_is_gained_by_all_that_include_it() -> None:
    """Whoever includes a group gains what it gains."""
    found = diff_of(BASE, BASE.replace("- GET /users", "- GET /hello\n      - GET /users"))

    assert gains(found) == {"group reader: GET /hello", "group editor: GET /hello"}
    assert losses(found) == set()
    assert found.widens


def test_own_to_all_is_a_gain_and_back_is_a_loss() -> None:
    """A condition that goes widens, though the same rule stands there."""
    wide = BASE.replace("{user=sub}", "{user}")
    expected = {"group reader: GET /users/{user}", "group editor: GET /users/{user}"}

    assert (gains(diff_of(BASE, wide)), losses(diff_of(BASE, wide))) == (expected, set())
    assert (gains(diff_of(wide, BASE)), losses(diff_of(wide, BASE))) == (set(), expected)


def test_another_condition_is_a_gain_and_a_loss() -> None:
    """One's own by another claim: some records come, others go."""
    found = diff_of(BASE, BASE.replace("{user=sub}", "{user=username}"))
    expected = {"group reader: GET /users/{user}", "group editor: GET /users/{user}"}
    assert gains(found) == losses(found) == expected


def test_a_deny_that_goes_is_a_gain_of_whoever_has_a_grant_besides() -> None:
    """Alone, the suspended could do nothing and still cannot; with another group they can."""
    found = diff_of(BASE, BASE.replace("      - ANY /**\n", "      - ANY /articles/**\n"))

    assert found.changes == ()
    assert lifted(found) == {"group suspended: GET /users/{user}": ["reader", "editor"]}
    assert found.widens


def test_a_deny_that_comes_is_a_loss_of_the_same() -> None:
    """The same the other way around, and no widening."""
    found = diff_of(BASE.replace("      - ANY /**\n", "      - ANY /articles/**\n"), BASE)

    assert [(one.group.name, one.route.key) for one in found.imposed] == [
        ("suspended", "GET /users/{user}")
    ]
    assert not found.widens


def test_a_deny_that_goes_where_nobody_has_a_grant_changes_nothing() -> None:
    """There is no caller whom it makes a difference to."""
    old = BASE.replace("- ANY /**", "- ANY /**\n      - GET /nowhere")
    narrower = BASE.replace("- ANY /**", "- GET /nowhere")
    everyone_else = BASE.replace("      - ANY /**", "      - GET /elsewhere")

    assert diff_of(old, BASE).is_empty
    assert diff_of(narrower, everyone_else).is_empty


def test_a_deny_of_the_other_group_still_counts() -> None:
    """No gain with a group whose own deny covers the same."""
    old = """version: 1
groups:
  a: {deny: [GET /x]}
  b: {allow: [GET /x], deny: [GET /x]}
  c: {allow: [GET /x]}
"""
    assert lifted(diff_of(old, old.replace("a: {deny: [GET /x]}", "a: {}"))) == {
        "group a: GET /x": ["c"]
    }


def test_a_group_gains_by_its_own_deny() -> None:
    """A deny that goes from a group that has the grant itself is a gain of that group alone."""
    old = "version: 1\ngroups:\n  a: {allow: [GET /x], deny: [GET /x]}\n"
    found = diff_of(old, old.replace(", deny: [GET /x]", ""))
    assert gains(found) == {"group a: GET /x"}
    assert lifted(found) == {}


def test_groups_come_and_go() -> None:
    """A new group gains what it grants, and a deleted one loses it: it is unknown."""
    without = "\n".join(
        line
        for line in BASE.splitlines()
        if "editor" not in line and "includes" not in line and "POST" not in line
    ).replace("    allow:\n  suspended", "  suspended")
    found = diff_of(without, BASE)

    assert [str(one) for one in found.added] == ["group editor"]
    assert gains(found) == {
        "group editor: POST /articles",
        "group editor: GET /articles/{id}",
        "group editor: GET /users/{user}",
    }
    back = diff_of(BASE, without)
    assert [str(one) for one in back.removed] == ["group editor"]
    assert losses(back) == gains(found)


def test_includes_are_followed() -> None:
    """A group that includes no more loses what it had from there."""
    found = diff_of(BASE, BASE.replace("    includes: [reader]\n", ""))
    assert losses(found) == {
        "group editor: GET /articles/{id}",
        "group editor: GET /users/{user}",
    }


def test_scopes_and_everyone_are_compared() -> None:
    """What machines and callers without a token may."""
    new = BASE.replace("- GET /reports", "- GET,PUT /reports").replace("GET /health", "GET /ready")
    found = diff_of(BASE, new)
    assert gains(found) == {"scope reports/read: PUT /reports", "everyone: GET /ready"}
    assert losses(found) == {"everyone: GET /health"}


def test_a_templates_routes_are_what_counts() -> None:
    """A rule for a route that the API does not have changes nothing."""
    new = BASE.replace("- POST /articles", "- POST /articles\n      - GET /nowhere")
    assert gains(diff_of(BASE, new)) == {"group editor: GET /nowhere"}
    assert diff_of(BASE, new, ("GET /articles/{id}",)).is_empty
    assert gains(diff_of(BASE, new, ("ANY /{proxy+}",))) == {"group editor: ANY /{proxy+}"}


def test_changes_of_routes_that_the_template_lacks_are_named(tmp_path: Path) -> None:
    """They are no widening yet, but would be one once the API has the route."""
    template = Path(__file__).parents[2] / "template.yaml"
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(BASE)
    new.write_text(BASE.replace("- POST /articles", "- POST /articles\n      - GET /nowhere"))

    for form in ("text", "markdown"):
        result = run(old, new, "--template", template, "--no-widening", "--format", form)
        assert result.exit_code == 0
    found = json.loads(run(old, new, "--template", template, "--format", "json").stdout)
    assert found["not_in_template"] == ["GET /nowhere"]
    assert run(old, new, "--no-widening").exit_code == 1


def test_a_change_that_gets_to_a_greedy_route_is_counted_once() -> None:
    """The API has the route, by another name."""
    new = BASE.replace("- POST /articles", "- POST /articles\n      - GET /nowhere")
    assert diff_of(BASE, new, ("GET /{proxy+}",)).elsewhere == ()
    assert [row.key for row in diff_of(BASE, new, ("PUT /{proxy+}",)).elsewhere] == ["GET /nowhere"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits on main: the base policy, and a wider one; beside it an old file."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "policy.yaml").write_text(BASE)
    git(root, "add", ".")
    commit(root)
    (root / "policy.yaml").write_text(BASE.replace("{user=sub}", "{user}"))
    git(root, "add", ".")
    commit(root)
    monkeypatch.chdir(root)
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    git(root, *author, "commit", "--quiet", "--message", "x")


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, ["diff", *map(str, arguments)])


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        pytest.param("HEAD~1", "HEAD", 1, id="two revisions"),
        pytest.param("HEAD", "HEAD~1", 0, id="backwards"),
        pytest.param("HEAD~1", "policy.yaml", 1, id="revision and file"),
        pytest.param("main~1:policy.yaml", "main:policy.yaml", 1, id="files of revisions"),
        pytest.param("policy.yaml", "policy.yaml", 0, id="one file"),
    ],
)
def test_no_widening_is_an_exit_code(repository: Path, old: str, new: str, code: int) -> None:
    """1 if anyone gains anything; without the option, always 0."""
    assert run(old, new, "--no-widening").exit_code == code
    assert run(old, new).exit_code == 0


def test_a_lifted_deny_is_a_widening(tmp_path: Path) -> None:
    """Though no group gains anything alone."""
    (tmp_path / "old.yaml").write_text(BASE)
    (tmp_path / "new.yaml").write_text(BASE.replace("- ANY /**", "- PUT /**"))
    result = run(tmp_path / "old.yaml", tmp_path / "new.yaml", "--no-widening")

    assert result.exit_code == 1
    found = json.loads(run(tmp_path / "old.yaml", tmp_path / "new.yaml", "--format", "json").stdout)
    assert {one["group"] for one in found["lifted"]} == {"suspended"}
    assert ["reader", "editor"] in [one["together_with"] for one in found["lifted"]]


def test_it_works_from_a_subfolder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare revision means the other one's file, wherever one stands."""
    monkeypatch.chdir(repository / "docs")

    for operands in (("HEAD~1", "main:policy.yaml"), ("HEAD~1", "../policy.yaml")):
        result = run(*operands, "--no-widening", "--format", "json")
        assert result.exit_code == 1, result.output
        changes = json.loads(result.stdout)["changes"]
        assert [(one["subject"]["name"], one["route"]) for one in changes] == [
            ("reader", "GET /users/{user}"),
            ("editor", "GET /users/{user}"),
        ]


def test_a_policy_by_another_name_is_found_at_the_revision(repository: Path) -> None:
    """A bare revision beside a file means that file, as it was."""
    git(repository, "mv", "policy.yaml", "docs/rules.yaml")
    commit(repository)
    (repository / "docs" / "rules.yaml").write_text(BASE)
    found = json.loads(run("HEAD", "docs/rules.yaml", "--format", "json").stdout)

    assert [change["loses"] for change in found["changes"]] == [True, True]


@pytest.fixture
def monorepo(repository: Path) -> Path:
    """A policy at the root, and since v1 another one in svc, which HEAD widens."""
    service = repository / "svc"
    (service / "sub").mkdir(parents=True)
    (service / "policy.yaml").write_text(BASE)
    git(repository, "add", ".")
    commit(repository)
    git(repository, "tag", "v1")
    (service / "policy.yaml").write_text(BASE.replace("{user=sub}", "{user}"))
    git(repository, "add", ".")
    commit(repository)
    return repository


def label(*operands: str) -> str:
    """What was compared, or why nothing was."""
    result = run(*operands, "--format", "json")
    if result.exit_code == 0:
        compared = json.loads(result.stdout)
        return f"{compared['old']} → {compared['new']}"
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


@pytest.mark.parametrize(
    ("here", "old", "new", "compared"),
    [
        pytest.param("svc", "v1", "HEAD", "v1:./policy.yaml → HEAD:./policy.yaml", id="here"),
        pytest.param(
            "svc",
            "HEAD~3",
            "HEAD",
            "expected a file or a git revision, found 'HEAD~3': no such file, and git says of "
            "'HEAD~3:./policy.yaml': \"path 'svc/policy.yaml'",
            id="here, but not at one revision",
        ),
        pytest.param(
            ".",
            "v1:svc/policy.yaml",
            "HEAD",
            "v1:svc/policy.yaml → HEAD:svc/policy.yaml",
            id="the file of the other",
        ),
        pytest.param(
            "svc",
            "v1",
            "HEAD:policy.yaml",
            "v1:policy.yaml → HEAD:policy.yaml",
            id="git's path is from the root",
        ),
        pytest.param(
            "svc",
            "v1:./policy.yaml",
            "HEAD:../policy.yaml",
            "v1:./policy.yaml → HEAD:../policy.yaml",
            id="relative with a dot, as git's",
        ),
        pytest.param("svc", "v1", "policy.yaml", "v1:./policy.yaml → policy.yaml", id="a file"),
        pytest.param(
            ".",
            "HEAD",
            "svc/payments.yaml",
            "expected a file or a git revision, found 'HEAD': no such file, and git says of "
            "'HEAD:./svc/payments.yaml'",
            id="a new file",
        ),
        pytest.param(
            "svc",
            "HEAD",
            ":./policy.yaml",
            "HEAD:./policy.yaml → :./policy.yaml",
            id="what is staged",
        ),
        pytest.param(
            ".",
            "HEAD@{2100-01-01 12:30}:policy.yaml",
            "HEAD",
            "HEAD@{2100-01-01 12:30}:policy.yaml → HEAD:policy.yaml",
            id="a colon in a revision",
        ),
    ],
)
def test_one_file_is_compared(
    *,
    monorepo: Path,
    monkeypatch: pytest.MonkeyPatch,
    here: str,
    old: str,
    new: str,
    compared: str,
) -> None:
    """At both revisions, from wherever one stands; never another one, for want of it."""
    (monorepo / "svc" / "payments.yaml").write_text(BASE)
    monkeypatch.chdir(monorepo / here)
    assert label(old, new).startswith(compared)


@pytest.mark.parametrize("operands", [("v1", "HEAD"), ("v1", ":./policy.yaml")])
def test_a_label_can_be_pasted_back(
    monorepo: Path, monkeypatch: pytest.MonkeyPatch, operands: tuple[str, str]
) -> None:
    """It is git's own spelling."""
    monkeypatch.chdir(monorepo / "svc")
    printed = label(*operands)
    assert label(*printed.split(" → ")) == printed
    for one in printed.split(" → "):
        git(monorepo / "svc", "cat-file", "blob", one)


def test_a_folder_does_not_hide_the_branch_of_its_name(repository: Path) -> None:
    """Only a file comes before a revision."""
    (repository / "main").mkdir()
    assert label("main", "HEAD") == "main:./policy.yaml → HEAD:./policy.yaml"


def test_what_is_spelled_as_gits_is_gits(repository: Path) -> None:
    """Who changes a policy may add a file of any name; it takes no revision's place."""
    (repository / "main~1:policy.yaml").write_text((repository / "policy.yaml").read_text())
    assert run("main~1:policy.yaml", "main:policy.yaml", "--no-widening").exit_code == 1


def test_a_pipe_is_a_file(repository: Path, tmp_path: Path) -> None:
    """So that a shell's <(command) can be compared."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(pipe.write_text, BASE)
        assert label(str(pipe), "HEAD:policy.yaml") == f"{pipe} → HEAD:policy.yaml"
        writing.result()


def test_a_file_elsewhere_is_at_no_revision(repository: Path, tmp_path: Path) -> None:
    """A revision of this repository does not have it; another file of it may be compared."""
    elsewhere = tmp_path / "other.yaml"
    elsewhere.write_text(BASE)

    assert "is outside repository" in label("HEAD", str(elsewhere))
    assert label("HEAD:policy.yaml", str(elsewhere)) == f"HEAD:policy.yaml → {elsewhere}"


@pytest.mark.parametrize(
    ("operand", "command"),
    [("v1", "authorizer diff v1 HEAD"), ("policy.yaml", "authorizer diff HEAD policy.yaml")],
)
def test_the_other_operand_is_asked_for(repository: Path, operand: str, command: str) -> None:
    """In words that can be pasted."""
    result = run(operand)
    assert result.exit_code == 2
    assert f"found one; write: {command}" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "message"),
    [
        pytest.param("nope", "found 'nope': no such file, and git says", id="unknown"),
        pytest.param("nope:policy.yaml", "found 'nope:policy.yaml': no such", id="unknown, too"),
        pytest.param("polcy.yaml", "found 'polcy.yaml': no such file", id="a slip"),
        pytest.param("v1..HEAD", "found 'v1..HEAD': no such file", id="a range"),
        pytest.param("HEAD:none.yaml", "does not exist in 'HEAD'", id="no such file"),
        pytest.param("HEAD:docs", "bad file", id="a folder"),
        pytest.param("HEAD:", "bad file", id="the root"),
        pytest.param("HEAD:../x.yaml", "outside repository", id="outside"),
        pytest.param("--output=x", "revision, found '--output=x'", id="an option"),
        pytest.param("-x:policy.yaml", "revision, found '-x:policy.yaml'", id="a short one"),
        pytest.param("", "revision, found ''", id="nothing"),
        pytest.param("a\0b", "revision, found 'a\\x00b'", id="NUL"),
        pytest.param("x" * 5000, "found 'xxx", id="too long for a file"),
        pytest.param("\udcff:x", "found '\\udcff:x'", id="not Unicode"),
        pytest.param("\ud800", "'\\ud800:policy.yaml' is not in a file", id="no bytes at all"),
        pytest.param("docs", "found 'docs': no such file, and git says", id="a folder here"),
    ],
)
def test_what_is_no_policy_is_said(repository: Path, old: str, message: str) -> None:
    """In a line, without a traceback; and an argument never becomes an option of git."""
    (repository / "docs" / "kept").write_text("x")
    git(repository, "add", ".")
    commit(repository)
    result = run("--", old, "HEAD:policy.yaml")

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (repository / "x").exists()


def test_outside_of_a_repository_a_revision_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a missing git give a traceback."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert "not a git repository" in run("HEAD", "HEAD").stderr
    monkeypatch.setenv("PATH", "")
    assert "no git to ask" in run("HEAD", "HEAD").stderr


def test_a_broken_repository_gives_no_traceback(repository: Path) -> None:
    """What git says that it has, it may not be able to show."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD:policy.yaml"], check=True, capture_output=True, text=True
    ).stdout.strip()
    stored = repository / ".git" / "objects" / found[:2] / found[2:]
    stored.chmod(0o600)
    stored.write_bytes(zlib.compress(b"blob 999\0" + BASE.encode(), 0)[:60])
    result = run("HEAD~1", "HEAD")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: expected a file or a git revision, found 'HEAD'")


def test_a_broken_policy_at_a_revision_is_located(repository: Path) -> None:
    """The revision stands where a file's name would."""
    (repository / "policy.yaml").write_text("version: 2\n")
    git(repository, "add", ".")
    commit(repository)
    assert "HEAD:./policy.yaml:1:10: expected version 1" in run("HEAD~1", "HEAD").stderr


def test_text_says_before_and_after_with_the_rule(repository: Path) -> None:
    """Once for all subjects of whom the same is true."""
    lines = run("HEAD~1", "HEAD").stdout.splitlines()

    assert lines[0].startswith("HEAD~1:./policy.yaml → HEAD:./policy.yaml: rights of a group")
    assert lines[lines.index("+ GET /users/{user}  group reader, group editor") + 1 :][:2] == [
        "    only where {user} = sub → all of it",
        "    HEAD:./policy.yaml:6 allow GET /users/{user} (group reader)",
    ]


def test_markdown_is_fit_for_a_comment(tmp_path: Path) -> None:
    """Names are code, in which no character leaves its cell or mentions anyone."""
    (tmp_path / "old.yaml").write_text("version: 1\n")
    (tmp_path / "new.yaml").write_text(
        'version: 1\ngroups:\n  "@all|<b>`x": {allow: [GET /a]}\n  b: {allow: [GET /a]}\n'
    )
    result = run(tmp_path / "old.yaml", tmp_path / "new.yaml", "--format", "markdown")
    lines = result.stdout.splitlines()

    assert lines[0] == "### Access policy: ⚠️ wider access"
    assert "New: group `` @all\\|<b>`x ``, group `b`." in lines
    [row] = [line for line in lines if line.startswith("| `GET /a`") and "`b`" in line]
    assert row.startswith("| `GET /a` | group `b` | `none → all of it` | `")
    nothing = run(tmp_path / "old.yaml", tmp_path / "old.yaml", "--format", "markdown").stdout
    assert nothing.startswith("### Access policy: no change\n")


def page_of_files(tmp_path: Path, old: str, new: str) -> str:
    """The page that the command writes of two policies."""
    (tmp_path / "old.yaml").write_text(old)
    (tmp_path / "new.yaml").write_text(new)
    result = run(tmp_path / "old.yaml", tmp_path / "new.yaml", "--html", tmp_path / "diff.html")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith(f" -> {tmp_path / 'diff.html'}\n")
    return (tmp_path / "diff.html").read_text()


def test_the_page_says_who_gains_and_who_loses(tmp_path: Path) -> None:
    """In a table of what each could do and may do now, and below with the rules, all of it."""
    groups = "".join(f"  g{number}: {{allow: [GET /x]}}\n" for number in range(9))
    text = page_of_files(
        tmp_path, BASE, BASE.replace("{user=sub}", "{user}").replace("scopes:", f"{groups}scopes:")
    )
    found = Page(text)
    cells = {attributes["class"] for attributes in found.all("td")}

    assert_needs_nothing(text)
    assert "⚠ Wider access" in found.content("p")
    assert cells == {"gain", "none"}
    assert text.count("own → allow") == 2
    assert f"{tmp_path}/new.yaml:6 allow GET /users/{{user}} (group reader)" in text
    assert all(f"group g{number}</span>" in text for number in range(9))


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        pytest.param("- POST /articles", "- POST /articles", "= No change", id="same"),
        pytest.param("- POST /articles", "- GET /articles/{id}", "✓ No wider access", id="less"),
        pytest.param("- ANY /**", "- PUT /**", "⚠ Wider access", id="lifted"),
    ],
)
def test_the_page_has_the_verdict_of_the_comment(
    tmp_path: Path, old: str, new: str, verdict: str
) -> None:
    """Nothing, less, or more; and sections for what there is, and no others."""
    found = Page(page_of_files(tmp_path, BASE, BASE.replace(old, new)))
    sections = {"= No change": [], "✓ No wider access": ["Lost"]}.get(verdict, ["Denies lifted"])

    assert verdict in found.content("p")
    assert [one for one in found.content("h2") if "alone" not in one] == sections


def test_names_are_text_on_the_page(tmp_path: Path) -> None:
    """A group's name opens no element, and prints as it is."""
    names = ("<script>alert(1)</script>", '"onmouseover=alert(1)', "\\e[31mred\\u202e")
    quoted = [name.replace('"', '\\"') for name in names]
    groups = "".join(f'  "{name}": {{allow: [GET /a]}}\n' for name in quoted)
    text = page_of_files(tmp_path, BASE, BASE.replace("scopes:", f"{groups}scopes:"))

    assert_needs_nothing(text)
    assert len(Page(text).all("script")) == 1
    assert "group &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\\x1b[31mred\\u202e" in text


def test_the_page_says_what_was_not_compared(tmp_path: Path) -> None:
    """Who reads it later does not see what was printed: a route that could not be read is on it."""
    for name in ("old.yaml", "new.yaml"):
        (tmp_path / name).write_text(BASE)
    template, page = tmp_path / "template.yaml", tmp_path / "diff.html"
    template.write_text(
        laid_over(
            base("http-api"),
            """\
Parameters: {Unknown: {Type: String}}
Resources:
  Backend:
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: !Ref Unknown}}
""",
        )
    )
    files = (tmp_path / "old.yaml", tmp_path / "new.yaml")
    result = run(*files, "--template", template, "--html", page)
    found = Page(page.read_text())

    assert result.exit_code == 0
    assert "= No change in what could be read" in found.content("p")
    assert found.content("li")[0] == result.stderr.splitlines()[0]


def test_widening_fails_with_a_page_too(tmp_path: Path) -> None:
    """The page is written, and the exit code is that of the check."""
    (tmp_path / "old.yaml").write_text(BASE)
    (tmp_path / "new.yaml").write_text(BASE.replace("{user=sub}", "{user}"))
    page = tmp_path / "diff.html"
    files = (tmp_path / "old.yaml", tmp_path / "new.yaml")

    assert run(*files, "--no-widening", "--html", page).exit_code == 1
    assert page.is_file()
    assert "give one" in run(*files, "--format", "json", "--html", page).stderr
    assert "cannot be written" in run(*files, "--html", tmp_path / "no" / "x").stderr


def test_json_has_all_of_it(repository: Path) -> None:
    """For programs: who, where, before and after, each with its rules."""
    found = json.loads(run("HEAD~1", "HEAD", "--format", "json").stdout)

    assert found["version"] == 1
    assert found["widens"] is True
    change = found["changes"][0]
    assert change["subject"] == {"kind": "group", "name": "reader"}
    assert (change["route"], change["gains"], change["loses"]) == ("GET /users/{user}", True, False)
    assert (change["before"]["outcome"], change["after"]["outcome"]) == ("own", "allow")
    assert change["after"]["rules"][0]["line"] == 6
    assert (found["lifted"], found["imposed"], found["added"], found["removed"]) == ([], [], [], [])


def test_the_page_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of docs/diff.md come from the files that it shows."""
    page = (Path(__file__).parents[2] / "docs" / "diff.md").read_text()
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", page, re.DOTALL):
        Path(name).write_text(f"# {name}\n{text}")
    shown = re.search(r"```console[^\n]*\n\$ authorizer diff (.*)\n(.*?)```", page, re.DOTALL)
    assert shown
    assert run(*shown[1].split()).stdout == shown[2]


@pytest.mark.parametrize("columns", [20, 80])
def test_no_line_is_folded(tmp_path: Path, columns: int) -> None:
    """What a program reads is not made to fit a terminal that is not there."""
    (tmp_path / "old.yaml").write_text(BASE)
    (tmp_path / "new.yaml").write_text(BASE.replace("- ANY /**", "- PUT /**"))
    operands = ["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]
    narrow, wide = (
        CliRunner(env={"COLUMNS": str(width)}).invoke(cli, operands).stdout
        for width in (columns, 1000)
    )
    assert narrow == wide


@pytest.mark.parametrize("command", ["diff", "matrix"])
def test_the_list_of_commands_says_the_whole(command: str) -> None:
    """In one line of a terminal's usual width."""
    lines = CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["--help"]).stdout.splitlines()
    [line] = [line for line in lines if line.split()[:1] == [command]]
    assert line.endswith("s.")
    assert "..." not in line


def test_api_needs_a_template(tmp_path: Path) -> None:
    """It names one of a template's."""
    assert run("a", "b", "--api", "Api").exit_code == 2
