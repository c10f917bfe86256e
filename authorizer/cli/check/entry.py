"""What the catalogue of findings has under each code.

Texts are lower case, on one line and without a full stop. A name in braces is a fact of the
finding; how it is written follows from what it is, see :mod:`authorizer.cli.check.finding`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How bad it is. Only errors fail a plain ``check``; ``--strict`` fails on warnings, too."""

    ERROR = "error"
    WARNING = "warning"
    # What could not be decided offline, and therefore was not checked. Fails nothing.
    NOTE = "note"


class Change(TypedDict, total=False):
    """What a variant has in place of what its code has."""

    severity: Severity
    message: str
    effect: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One code.

    Attributes:
        title: what it is about, for indexes.
        message: what is wrong, naming what was found.
        effect: what happens to users if it is ignored.
        fix: what to do.
        variants: by name, what is said otherwise in cases that differ.
    """

    title: str
    severity: Severity = Severity.WARNING
    message: str
    effect: str
    fix: str
    variants: Mapping[str, Change] = field(default_factory=dict)
