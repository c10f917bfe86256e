"""Where something stands in a file that the user gave."""

from __future__ import annotations

from dataclasses import dataclass

from authorizer.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Location:
    """A file as the user named it; line and column counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class FileError(ConfigurationError):
    """A file that cannot be used.

    Attributes:
        location: where that shows; nothing where the whole file is meant.
        message: what was expected, and what was found.
    """

    def __init__(self, location: Location | str, message: str) -> None:
        super().__init__([f"{location}: {message}"])
        self.location = location if isinstance(location, Location) else None
        self.message = message
