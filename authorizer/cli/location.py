"""Where something stands in a file that the user gave, and what is wrong there."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a document that is not as it should be.

    Attributes:
        message: what was expected, and what was found.
        code: of the finding that ``authorizer check`` makes of it.
        variant: of that finding: the catalogue then says more closely what to do.
        meant: what was probably meant by a method that there is not.
    """

    location: Location
    message: str
    code: str = "P102"
    variant: str = ""
    meant: str | None = None

    def __str__(self) -> str:
        """``policy.yaml:7:9: expected ...``."""
        return f"{self.location}: {self.message}"


class UnreadableError(FileError):
    """The bytes are no document of ours."""

    def __init__(
        self, location: Location, message: str, code: str = "P102", variant: str = ""
    ) -> None:
        self.problem = Problem(location=location, message=message, code=code, variant=variant)
        super().__init__(location, message)
