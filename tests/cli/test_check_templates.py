"""Checking a policy with the templates of several stacks, and with what a template tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from overlay import base, replaced

from authorizer.cli.check.run import run_checks
from authorizer.cli.template.reader import parse_template
from authorizer.cli.template.stacks import join

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = replaced(base("http-api", "uncached"), "Path: /hello", "Path: 'PATH'")
SHARED = "version: 1\ngroups:\n  reader:\n    allow:\n      - GET /articles\n      - GET /reports\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "articles.yaml").write_text(TEMPLATE.replace("PATH", "/articles"))
    (tmp_path / "reports.yaml").write_text(TEMPLATE.replace("PATH", "/reports"))
    (tmp_path / "policy.yaml").write_text(SHARED)
    return tmp_path


def codes(folder: Path, *templates: str) -> list[str]:
    report = run_checks(folder / "policy.yaml", [folder / template for template in templates])
    return [finding.code for finding in report.findings]


def test_one_template_of_two_leaves_a_rule_without_a_route(folder: Path) -> None:
    """With one of the templates only, the other API's route is nowhere."""
    assert codes(folder, "articles.yaml") == ["X105"]


def test_several_templates_are_one_to_the_policy(folder: Path) -> None:
    """Both together have all routes, in either order, and however often they are named."""
    assert codes(folder, "articles.yaml", "reports.yaml") == []
    assert codes(folder, "reports.yaml", "articles.yaml", "reports.yaml") == []


def test_functions_of_two_templates_may_have_the_same_id(folder: Path) -> None:
    """Each authorizer keeps its own function, with its own variables."""
    files = ("articles.yaml", "reports.yaml")
    joined = join([parse_template((folder / file).read_bytes(), file) for file in files])

    assert [api.authorizers[0].function for api in joined.apis] == [
        "articles.yaml#AuthorizerFunction",
        "reports.yaml#AuthorizerFunction",
    ]
    assert {one.id for one in joined.functions} >= {
        "articles.yaml#AuthorizerFunction",
        "reports.yaml#AuthorizerFunction",
    }


def test_a_template_that_cannot_be_read_stops_the_others(folder: Path) -> None:
    """With a part of the routes unknown, nothing is said of rules without a route."""
    (folder / "broken.yaml").write_text("Resources: [")

    assert codes(folder, "articles.yaml", "broken.yaml") == ["T001"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/articles/{id}", "X107", id="the guess was right"),
        pytest.param("/articles/secret", "X105", id="the guess was wrong"),
    ],
)
def test_a_template_knows_what_the_policy_guesses(folder: Path, path: str, expected: str) -> None:
    """P205 is for the policy alone: with all routes known, the rules that know them decide."""
    rules = "version: 1\ngroups:\n  reader:\n    allow: ['GET /articles/{id}']\n"
    (folder / "policy.yaml").write_text(rules + "    deny: [GET /articles/secret]\n")
    (folder / "articles.yaml").write_text(TEMPLATE.replace("PATH", path))

    assert codes(folder) == ["P205"]
    found = codes(folder, "articles.yaml")
    assert expected in found
    assert "P205" not in found


def test_a_superseded_finding_may_be_accepted_all_the_same(folder: Path) -> None:
    """An acceptance that has its use without the template is no idle one with it."""
    rules = "version: 1\ngroups:\n  reader:\n    allow: ['GET /articles/{id}']\n"
    (folder / "policy.yaml").write_text(
        rules + "    deny: [GET /articles/secret]\naccept: {P205: a proxy, X107: a proxy}\n"
    )
    (folder / "articles.yaml").write_text(TEMPLATE.replace("PATH", "/articles/{id}"))

    assert codes(folder) == []
    assert codes(folder, "articles.yaml") == []


def test_a_template_that_is_not_yaml_is_wrong_at_its_place(folder: Path) -> None:
    """Line and column of the reader become those of the finding."""
    (folder / "articles.yaml").write_text("Resources: {a: [}\n")
    (finding,) = run_checks(folder / "policy.yaml", [folder / "articles.yaml"]).findings

    assert (finding.code, finding.location.line, finding.location.column) == ("T001", 1, 17)
