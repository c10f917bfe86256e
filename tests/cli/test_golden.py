"""What people are told, to the letter: ``tests/golden``, which ``make golden`` writes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotated import read_cases
from golden import assert_golden

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_said_of_each_case(tmp_path: Path) -> None:
    """Severity, message, effect and fix of every finding, to the letter."""
    told = {
        f"{case.name}: {finding.severity} {finding.code} {finding.message}\n"
        f"  {finding.effect}\n"
        f"  fix: {finding.fix}\n": None
        for case in read_cases()
        for finding, _ in case.findings(tmp_path)
    }

    assert_golden("findings.txt", "".join(told))
