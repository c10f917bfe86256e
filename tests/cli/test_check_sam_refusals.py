"""What SAM's own translator refuses, where it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from authorizer.cli.check import sam_refusals
from authorizer.cli.check.run import run_checks
from authorizer.cli.check.sam_refusals import refusals_of_sam

PROJECT = Path(__file__).parents[2] / "template.yaml"
SAM = "Transform: AWS::Serverless-2016-10-31\n"
REFUSED = "Resources:\n  Api: {Type: AWS::Serverless::Api, Properties: {}}\n"


def found(folder: Path, text: str) -> list[str]:
    """Places and reasons."""
    (folder / "t.yaml").write_text(text)
    return [f"{one.location.line} {one.message}" for one in refusals_of_sam(folder / "t.yaml")]


def test_a_refusal_is_a_finding_at_its_resource(tmp_path: Path) -> None:
    """With SAM's own words."""
    (one,) = found(tmp_path, SAM + REFUSED)

    assert one.startswith("3 SAM refuses the template: Resource with id [Api] is invalid")
    assert "StageName" in one


@pytest.mark.parametrize(
    "head",
    ["", "Transform: [Macro, AWS::Serverless-2016-10-31]\n", "Transform: AWS::Include\n"],
)
def test_sam_is_asked_about_its_own_templates_only(tmp_path: Path, head: str) -> None:
    """What a macro makes of a template before that, nobody knows here."""
    assert found(tmp_path, head + REFUSED) == []


def test_nothing_is_said_where_the_translator_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no dependency of the command."""
    monkeypatch.setattr(sam_refusals, "find_spec", lambda _name: None)

    assert found(tmp_path, SAM + REFUSED) == []


def test_sam_is_asked_without_the_libraries_that_take_longest(tmp_path: Path) -> None:
    """The translator imports them for others; afterwards they are what they were."""
    (tmp_path / "t.yaml").write_text(SAM + REFUSED)
    script = (
        "import sys; from pathlib import Path; "
        "from authorizer.cli.check.sam_refusals import refusals_of_sam; "
        "print(len(list(refusals_of_sam(Path('t.yaml')))), *sys.modules); "
        "import boto3, jsonschema; print(boto3.Session, jsonschema.validate)"
    )
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, last = printed.stdout.splitlines()

    assert printed.stderr == ""
    assert first.split()[0] == "1"
    assert "samtranslator.translator.translator" in first.split()
    assert {"boto3", "botocore", "jsonschema"}.isdisjoint(first.split())
    assert last.startswith("<class 'boto3.session.Session'> <function validate")


def test_the_projects_own_template_is_not_refused() -> None:
    """Local code counts as packed."""
    assert list(refusals_of_sam(PROJECT)) == []


@pytest.mark.parametrize(
    "text",
    [
        SAM + "Resources: {A: 1, B: {Type: AWS::Serverless::Function}}\n",
        SAM + "Resources: {A: {Type: AWS::Serverless::Api, Properties: [1]}}\n",
        SAM + "Resources: []\n",
        SAM + "Parameters: {A: {AllowedValues: {a: b}}, B: {AllowedValues: 1}, C: !!bool x}\n"
        "Resources: {}\n",
        SAM + "A: &a [1, 1]\nB: &b [*a, *a]\nResources: {C: {Type: [*b, *b]}}\n",
        SAM + "Parameters: 1\nResources: {A: {Type: [AWS::Serverless::Api]}}\n",
        "",
        "Transform: {a: [}",
    ],
)
def test_nothing_but_refusals_comes_of_it(tmp_path: Path, text: str) -> None:
    """A fault of the translator's is none of the template's."""
    assert all("SAM refuses the template" in one for one in found(tmp_path, text))


def test_what_is_found_to_be_a_mistake_is_not_said_twice(tmp_path: Path) -> None:
    """SAM refuses it for the same reason."""
    (tmp_path / "policy.yaml").write_text("version: 1\ngroups: {a: {allow: [GET /]}}\n")
    text = SAM + REFUSED.replace("{}", "{StageName: a, Auth: {DefaultAuthorizer: Missing}}")
    (tmp_path / "t.yaml").write_text(text)
    codes = {
        one.code for one in run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings
    }

    assert "T003" in codes
    assert "T052" not in codes
