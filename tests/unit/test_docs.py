"""What the pages in docs/ say of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authorizer.settings import _TIMES, NAMES, PREFIX
from authorizer.tokens.pool import JwksTiming

PROJECT = Path(__file__).parents[2]
CONFIGURATION = (PROJECT / "docs/configuration.md").read_text()
INDEX = (PROJECT / "docs/README.md").read_text()
DEPLOYMENT = "\n".join(
    (PROJECT / "docs" / page).read_text() for page in ("deployment.md", "operations.md")
)
ROWS = re.findall(rf"^\| `{PREFIX}(\w+)` \| ([^|]*) \|", CONFIGURATION, re.MULTILINE)


def test_each_setting_has_one_row() -> None:
    """Who looks a variable up finds it, once, and none that is no more."""
    assert sorted(name for name, _ in ROWS) == sorted(NAMES)


@pytest.mark.parametrize(("name", "attribute"), _TIMES.items())
def test_times_have_the_defaults_that_the_page_says(name: str, attribute: str) -> None:
    """Who leaves a time alone gets what the page says."""
    assert float(dict(ROWS)[name]) == getattr(JwksTiming(), attribute).total_seconds()


@pytest.mark.parametrize(
    "page", sorted((PROJECT / "docs").glob("*.md")), ids=lambda page: page.name
)
def test_each_page_is_in_the_index(page: Path) -> None:
    """Who looks for something finds the page that has it."""
    assert page.name == "README.md" or f"]({page.name})" in INDEX


def test_each_parameter_of_the_template_has_a_row() -> None:
    """Who deploys finds each of them in one of the two tables, and none that is no more."""
    (parameters,) = re.findall(
        r"^Parameters:\n(.*?)^Rules:",
        (PROJECT / "template.yaml").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    named = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", DEPLOYMENT, re.MULTILINE)
    rows = re.findall(r"`(\w+)`", " ".join(named))
    # It belongs to another parameter, in whose row it is.
    expected = set(re.findall(r"^  (\w+):$", parameters, re.MULTILINE)) - {"ProvisionedConcurrency"}
    assert sorted(rows) == sorted(expected)


SECURITY_MODEL = (PROJECT / "docs/security-model.md").read_text()


@pytest.mark.parametrize("row", re.findall(r"^\| .*/tests/.* \|$", SECURITY_MODEL, re.MULTILINE))
def test_the_security_model_names_what_there_is(row: str) -> None:
    """Each check is a function or class of the file that its link leads to, and so is each test."""
    named = re.findall(r"\[`(\w+)`\]\(\.\./([\w/]+\.py)\)", row)
    assert any(name.startswith("test_") for name, _ in named)
    for name, file in named:
        defined = rf"^ *(?:async )?(?:def|class) {name}\b"
        assert re.search(defined, (PROJECT / file).read_text(), re.MULTILINE), (name, file)
