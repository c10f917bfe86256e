"""Texts as people see them, kept in ``tests/golden``; ``make golden`` writes them anew."""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Text is what is kept; where it is not, the difference is shown.

    Args:
        name: of the file in ``tests/golden``.
        text: as it is now. With ``REWRITE_GOLDEN`` in the environment it is kept.
    """
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text)
    kept = path.read_text() if path.exists() else ""
    if text != kept:
        lines = (kept.splitlines(keepends=True), text.splitlines(keepends=True))
        shown = "".join(unified_diff(*lines, f"tests/golden/{name}", "what is printed now"))
        pytest.fail(f"{shown}\nwhere that is meant, `make golden` keeps it", pytrace=False)
