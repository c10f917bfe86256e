"""What can go wrong around the local stack, in words for the person at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class LocalStackError(Exception):
    """The local stack cannot go on. The text says what happened and, where known, what helps."""


def made_by(target: str, project: Path) -> str:
    """What brings what is missing: a target of the project's Makefile, where there is one."""
    if (project / "Makefile").is_file():
        return f"run `make {target}` first"
    return "run this in a clone of the project, whose Makefile makes it"
