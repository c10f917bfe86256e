"""Codes of findings, their pages, and that the pages tell the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authorizer.cli.check.catalogue import CATALOGUE, can_be_accepted, index
from authorizer.cli.check.run import run_checks

PAGES = Path(__file__).parents[2] / "docs" / "findings"
WRITTEN = [page for page in PAGES.glob("*.md") if page.stem != "README"]
POLICY_CODES = [code for code in sorted(CATALOGUE) if code.startswith("P")]


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    """Nobody is sent to a page that is not there, and no page tells of what cannot be found."""
    assert {page.stem for page in WRITTEN} == set(CATALOGUE)


def test_the_index_is_up_to_date() -> None:
    """It is made by ``python -m authorizer.cli.check.catalogue``."""
    assert (PAGES / "README.md").read_text() == index()


@pytest.mark.parametrize("code", sorted(page.stem for page in WRITTEN))
def test_a_page_has_its_parts(code: str) -> None:
    """What it means, how bad it is, what happens if it is ignored, and how to mend it; briefly."""
    lines = (PAGES / f"{code}.md").read_text().splitlines()

    assert lines[0] == f"# {code}: {CATALOGUE[code].title}"
    assert re.match(r"\*\*(error|warning|note)\b", lines[2])
    assert {"## If it is ignored", "## How to mend it"} <= set(lines)
    assert 12 <= len(lines) <= 45


def examples_of(code: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (PAGES / f"{code}.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("code", [code for code in POLICY_CODES if code != "P101"])
def test_a_page_shows_what_gives_its_finding(code: str, tmp_path: Path) -> None:
    """The first policy on the page gives that finding and no other."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(examples_of(code)[0])

    assert {finding.code for finding in run_checks(policy).findings} == {code}


@pytest.mark.parametrize("code", [code for code in POLICY_CODES if len(examples_of(code)) > 1])
def test_a_page_shows_what_mends_it(code: str, tmp_path: Path) -> None:
    """The second policy on the page has no findings."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(examples_of(code)[1])

    assert run_checks(policy).findings == ()


@pytest.mark.parametrize("code", sorted(page.stem for page in WRITTEN))
def test_a_page_says_whether_it_can_be_accepted(code: str) -> None:
    """A finding that nobody can accept says so where its severity stands."""
    severity = (PAGES / f"{code}.md").read_text().splitlines()[2]

    assert ("cannot be accepted" in severity) != can_be_accepted(code)
