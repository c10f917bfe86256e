"""Broken policies and templates, each with exactly the findings that it must give.

A case is ``NAME.policy.yaml`` with ``NAME.expected``, or a folder with ``policy.yaml``, perhaps a
``template.yaml`` or ``template.json``, and ``expected``. A line there is ``FILE:LINE:COLUMN CODE``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from authorizer.cli.check.catalogue import TITLES
from authorizer.cli.check.judge import check

CORPUS = Path(__file__).parents[1] / "broken"
CASES = sorted([*CORPUS.glob("*.policy.yaml"), *CORPUS.glob("*/policy.yaml")])


def name_of(policy: Path) -> str:
    in_folder = policy.name == "policy.yaml"
    return policy.parent.name if in_folder else policy.name.removesuffix(".policy.yaml")


def expected_of(policy: Path) -> list[str]:
    in_folder = policy.name == "policy.yaml"
    beside = policy.parent / ("expected" if in_folder else f"{name_of(policy)}.expected")
    lines = (line.strip() for line in beside.read_text().splitlines())
    return sorted(line for line in lines if line and not line.startswith("#"))


def found_in(policy: Path) -> list[str]:
    in_folder = policy.name == "policy.yaml"
    templates = sorted(policy.parent.glob("template.*")) if in_folder else []
    return sorted(
        f"{Path(one.place.file).name}:{one.place.line}:{one.place.column} {one.code}"
        for one in check(policy, templates).findings
    )


@pytest.mark.parametrize("policy", CASES, ids=name_of)
def test_a_broken_file_gives_its_findings(policy: Path) -> None:
    """Code, line and column; nothing more and nothing less."""
    assert found_in(policy) == expected_of(policy)


def test_every_finding_about_a_policy_has_a_case() -> None:
    """No code of the policy's is without a file that gives it."""
    shown = {line.split()[1] for policy in CASES for line in expected_of(policy)}

    assert {code for code in TITLES if code.startswith("P")} <= shown
