"""What check tells people to do fits the mistake that they made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authorizer.cli.check.run import run_checks

if TYPE_CHECKING:
    from authorizer.cli.check.finding import Finding

ALLOW = "version: 1\ngroups:\n  a:\n    allow:\n      "


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def findings_of(text: str) -> tuple[Finding, ...]:
    policy = Path("policy.yaml")
    policy.write_text(text)
    return run_checks(policy).findings


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        pytest.param("", "P102", "begin the file with version: 1", id="empty file"),
        pytest.param("version: 1\n\tgroups: {}", "P102", "indent with blanks", id="tab"),
        pytest.param(f"{ALLOW}- GET /x\n     - GET /y", "P102", "in the same column", id="columns"),
        pytest.param("version: 1\nallow: [GET /x]", "P104", "below a group", id="allow at the top"),
        pytest.param(f"{ALLOW}-GET /books", "P105", "a blank after the dash", id="no blank"),
        pytest.param(f"{ALLOW}- GET /files/*", "P108", "write {name} for one segment", id="star"),
        pytest.param(f"{ALLOW}- GET /{{proxy+}}", "P108", "write /** in place of", id="greedy"),
        pytest.param(f"{ALLOW}- GET /books/", "P108", "take the slash away", id="final slash"),
        pytest.param(f"{ALLOW}- GET, PUT /x", "P108", "blank after the comma", id="blank in list"),
        pytest.param(f"{ALLOW}- /x", "P108", "put the method in front", id="no method"),
        pytest.param(f"{ALLOW}- GET x", "P108", "a slash in front of the path", id="no slash"),
        pytest.param(f"{ALLOW}- GET /{{a}}/{{a}}", "P108", "a name of its own", id="parameter"),
        pytest.param(f"{ALLOW}- GTE /x", "P109", "write GET", id="misspelt method"),
        pytest.param(f"{ALLOW}- GET,Psot /x", "P109", "write POST", id="misspelt in a list"),
        pytest.param(f"{ALLOW}- get /x", "P109", "write GET", id="small letters"),
        pytest.param(f"{ALLOW}- '* /x'", "P109", "write ANY", id="every method"),
        pytest.param(f"{ALLOW}- LINK /x", "P109", "write one of these", id="no method"),
        pytest.param(f"{ALLOW}- ' /x'", "P109", "write one of these", id="nothing"),
        pytest.param(f"{ALLOW}- GET /x?y=1", "P108", "compare with docs/policy.md", id="query"),
    ],
)
def test_the_fix_is_for_this_mistake(text: str, code: str, fix: str) -> None:
    """A code may have several causes; what to do is told for the one at hand."""
    (finding,) = findings_of(text)

    assert finding.code == code
    assert fix in finding.fix
    assert "capitals" not in finding.fix or "one of these" in finding.fix


def test_an_allow_beside_groups_belongs_below_one() -> None:
    """Indented too little, allow is no group."""
    group, allow = findings_of("version: 1\ngroups:\n  a:\n  allow:\n    - GET /x\n")

    assert (group.location.line, group.code, allow.location.line, allow.code) == (
        3,
        "P105",
        4,
        "P105",
    )
    assert allow.message == "expected allow below a group, found it beside groups"
    assert "indent it" in allow.fix


@pytest.mark.parametrize(
    ("text", "line", "column", "tag"),
    [
        pytest.param(f"{ALLOW}- !Sub GET /books", 5, 9, "!Sub", id="rule"),
        pytest.param("version: 1\ngroups:\n  !Ref Foo: {}", 3, 3, "!Ref", id="name"),
        pytest.param("version: 1\ngroups: !Include {a: {}}", 2, 9, "!Include", id="mapping"),
        pytest.param("version: 1\ntests: [!GetAtt x.y]", 2, 9, "!GetAtt", id="tests"),
    ],
)
def test_tags_are_refused(text: str, line: int, column: int, tag: str) -> None:
    """The policy is not a template: what would be dropped in silence is an error."""
    (finding,) = findings_of(text)

    assert (finding.code, finding.location.line, finding.location.column) == ("P105", line, column)
    assert finding.message.startswith(
        f"expected plain YAML, found '{tag}': nothing is worked out in this file"
    )
    assert "--template" in finding.message
    assert "write the value out" in finding.fix


def test_tags_of_yaml_itself_are_none() -> None:
    """A name may be said to be text."""
    assert findings_of("version: !!int 1\ngroups:\n  !!str 7: {allow: [! GET /x]}") == ()


def test_a_misspelt_file_is_told_by_the_one_that_is_there() -> None:
    """What to do fits a file that is not there, and the nearest name beside it is shown."""
    Path("policy.yaml").write_text("version: 1")
    (finding,) = run_checks(Path("polcy.yaml")).findings

    assert finding.code == "P101"
    assert finding.message.endswith("No such file or directory; did you mean 'policy.yaml'?")
    assert finding.effect == "nothing was checked"

    Path("loop.yml").symlink_to("loop.yml")
    (finding,) = run_checks(Path("loop.yml")).findings
    assert finding.message == "cannot be read: Too many levels of symbolic links"
    assert "that is there" in finding.fix


def test_a_misspelt_template_is_told_by_the_one_that_is_there() -> None:
    """The same for the template."""
    policy = Path("policy.yaml")
    policy.write_text(f"{ALLOW}- GET /x")
    Path("template.yaml").write_text("Resources: {}")
    (finding,) = run_checks(policy, [Path("tmplate.yaml")]).findings

    assert finding.code == "T001"
    assert finding.message.endswith("did you mean 'template.yaml'?")
