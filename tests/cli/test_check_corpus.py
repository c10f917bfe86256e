"""Mistakes in policies and templates, each with exactly the findings that it must give.

The cases are in ``tests/broken``; its README explains them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from annotated import Case, read_case, read_cases
from overlay import laid_over

from authorizer.cli.check.finding import catalogue

if TYPE_CHECKING:
    from pathlib import Path

CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_gives_its_findings(case: Case, tmp_path: Path) -> None:
    """Code, line and column; nothing more and nothing less."""
    assert case.differences(tmp_path) == []


def test_each_finding_has_a_case() -> None:
    """No code is without a file that gives it."""
    assert {want.code for case in CASES for want in case.wants} == set(catalogue())


def test_differences_are_shown(tmp_path: Path) -> None:
    """A finding that nobody wants, and one that is wanted in vain, each with its line."""
    path = tmp_path / "case.yaml"
    path.write_text("version: 1  # want P208\npublic:\n  - ANY /**\n")

    assert read_case(path).differences(tmp_path) == [
        "not wanted: case.yaml:3:5: P204 'ANY /**' grants every route to everybody",
        "not found: case.yaml:1:1: P208 ",
    ]


def test_a_template_may_say_only_what_differs() -> None:
    """Keys are replaced, added and taken away; lists and flow mappings only as a whole."""
    base = "A:\n  B: {x: 1}\n  C:\n    - 1\n  D: 2\nE:\n  H: 3\n"
    changes = "A:\n  B: {y: 1}\n  C:\n    - 2\n  D: !Absent\n  F:\n    G: 4\nE:\n"

    assert laid_over(base, changes) == (
        "A:\n  B: {y: 1}\n  C:\n    - 2\n  F:\n    G: 4\nE:\n  H: 3\n"
    )
