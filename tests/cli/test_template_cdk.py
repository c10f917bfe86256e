"""What `cdk synth` writes: an app of several stacks, one nested, and a definition that is an asset.

`tests/templates/cdk` is what CDK 2.276 made of such an app, but for its own metadata.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authorizer.cli.main import cli

APP = Path(__file__).parents[1] / "templates" / "cdk"
POLICY = "version: 1\ngroups: {writer: {allow: [GET /orders, GET /reports]}}\n"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a policy and CDK's output."""
    shutil.copytree(APP, tmp_path / "cdk.out")
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cdk.out"


def check(*stacks: str) -> list[dict[str, Any]]:
    templates = [word for stack in stacks for word in ("-t", f"cdk.out/{stack}.template.json")]
    done = CliRunner().invoke(cli, ["check", *templates, "--format", "json"])
    return list(json.loads(done.stdout)["findings"])


@pytest.mark.usefixtures("app")
def test_the_stacks_of_an_app_are_one_api() -> None:
    """Routes of a nested stack, users of another one: what is wrong is left, and the pool."""
    pool, found = check("Security", "Api")
    assert (pool["code"], "AUTHORIZER_USER_POOLS" in pool["message"]) == ("T000", True)
    assert (found["code"], "'DELETE /orders/{id}'" in found["message"]) == ("X101", True)
    assert found["construct"] == "Api/Orders/Default/orders/{id}/DELETE/Resource"
    text = CliRunner().invoke(cli, ["check", "-t", "cdk.out/Api.template.json"]).output
    assert "    construct: Api/Orders/Default/orders/{id}/DELETE/Resource\n" in text


def test_a_nested_route_that_is_not_decidable_is_said(app: Path) -> None:
    """It is no pass, only because the API that it belongs to was found."""
    nested = app / "ApiReports78489754.nested.template.json"
    text = nested.read_text()
    nested.write_text(text.replace("CF0CRootResourceId", "CF0CRef", 1))
    codes = [found["code"] for found in check("Api")]
    assert "T002" in codes
    assert "X105" not in codes


@pytest.mark.usefixtures("app")
def test_a_definition_that_is_an_asset_is_followed() -> None:
    """At the place that CDK wrote it to, not where it will be uploaded."""
    found = {one["code"]: one for one in check("Spec")}
    assert "'GET /pets'" in found["X101"]["message"]
    assert found["X101"]["file"].endswith(".yaml")
    assert "T000" not in found
