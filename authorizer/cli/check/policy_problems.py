"""Findings of a policy file that cannot be used: what its reader found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding
from authorizer.cli.location import Location
from authorizer.cli.text import closest

if TYPE_CHECKING:
    from authorizer.cli.location import Problem


def finding_of(problem: Problem) -> Finding:
    """The finding that tells of a problem of the reader."""
    return Finding.of(
        problem.code, problem.place, problem.variant, problem=problem.message, meant=problem.meant
    )


def unreadable(file: str, why: str) -> Finding:
    """The finding for a policy file that the system does not give us."""
    place = Location(file=file)
    return Finding.of("P101", place, "no such file", why=why, similar=similar_file(file))


def similar_file(file: str) -> str | None:
    """The name of a file beside it that may be meant, where there is none of that name."""
    path = Path(file)
    try:
        if path.exists():
            return None
        alike = (one for one in path.parent.iterdir() if one.suffix == path.suffix)
        return closest(path.name, [one.name for one in alike if one.is_file()])
    except (OSError, ValueError):
        return None
