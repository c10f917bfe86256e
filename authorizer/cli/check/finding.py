"""A finding: what is wrong, where, what it does to people, and how to mend it.

Codes are stable: ``P`` for the policy alone, ``T`` for the template alone, ``X`` for what does not
fit together (policy and template, or either and the cache settings). Each has a page in
``docs/findings/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authorizer.cli.location import Location


class Severity(StrEnum):
    """How bad it is. Only errors fail a plain ``check``; ``--strict`` fails on warnings, too."""

    ERROR = "error"
    WARNING = "warning"
    # What could not be decided offline, and therefore was not checked. Fails nothing.
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable, such as ``X201``.
        place: file, line and column.
        message: what is wrong, naming what was found; lower case, one line, no full stop.
        effect: what happens to users if it is ignored, in one sentence.
        fix: what to do, in one sentence.
    """

    code: str
    severity: Severity
    place: Location
    message: str
    effect: str
    fix: str
