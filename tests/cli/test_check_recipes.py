"""What docs/check.md tells people to copy: that it is YAML, and that the command understands it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from authorizer.cli.check.commands import check as command
from authorizer.cli.check.run import run_checks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "check.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def commands_in(document: Any) -> list[str]:
    """Every text in a document that calls check."""
    if isinstance(document, dict):
        return [found for value in document.values() for found in commands_in(value)]
    if isinstance(document, list):
        return [found for value in document for found in commands_in(value)]
    is_command = isinstance(document, str) and document.startswith("authorizer check ")
    return [document] if is_command else []


def arguments_in(document: Any) -> list[list[str]]:
    hooks = [hook for repo in document.get("repos", ()) for hook in repo["hooks"]]
    given = [hook["args"] for hook in hooks if "args" in hook]
    written = [shlex.split(line.split(" > ")[0])[2:] for line in commands_in(document)]
    return [*given, *written]


def test_the_first_example_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows a policy, and what check says of it to the letter."""
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(BLOCKS[0])
    (shown, *_) = re.findall(r"```console[^\n]*\n\$ authorizer check\n(.*?)```", PAGE, re.DOTALL)

    assert CliRunner().invoke(command, []).output == shown


def test_the_example_of_acceptances_accepts(tmp_path: Path) -> None:
    """The policy of the page has findings, and accepts all of them."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(BLOCKS[1])
    report = run_checks(policy)

    assert report.findings == ()
    assert [finding.code for finding, _ in report.accepted] == ["P204", "P202", "P202"]


@pytest.mark.parametrize("block", BLOCKS[2:])
def test_the_command_understands_what_recipes_say(block: str) -> None:
    """Each recipe calls check, with options that it has."""
    (arguments,) = arguments_in(yaml.safe_load(block))

    with command.make_context("check", [*arguments]) as context:
        assert str(context.params["policy"]) == "policy.yaml"
        assert [str(template) for template in context.params["templates"]] == ["template.yaml"]


def test_the_hook_runs_the_command() -> None:
    """It is called by its name, for the files that recipes name, and passes none by itself."""
    assert HOOK["entry"] == "authorizer check"
    assert HOOK["pass_filenames"] is False
    assert re.search(HOOK["files"], "policy.yaml")
    assert re.search(HOOK["files"], "api/template.yml")
    assert not re.search(HOOK["files"], "docs/policy.md")


def test_the_hook_needs_what_the_command_needs() -> None:
    """Its versions are those of the extra of the package."""
    project = (ROOT / "pyproject.toml").read_text()

    for dependency in HOOK["additional_dependencies"]:
        assert f'"{dependency}"' in project


def test_help_tells_how_to_accept() -> None:
    """A stranger learns from --help what to write."""
    result = CliRunner().invoke(command, ["--help"])

    assert "    accept:\n      P204: " in result.output
