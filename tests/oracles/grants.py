"""What a caller may do, in the terms of an IAM document; or why no document says exactly that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.gateway.iam import MOST_RESOURCE_CHARACTERS, PolicyDocument, caller_document
from authorizer.policy.caller_document import Inexact
from oracles.globs import covers

if TYPE_CHECKING:
    from collections.abc import Iterable


# A step compares two paths of a few segments, in one or two microseconds: all of them take half of
# what a request may. An API of some hundred routes takes a tenth of them.
_MOST_STEPS = 32_000


class InexactError(Exception):
    """There is no exact document for a caller."""

    def __init__(self, reason: Inexact) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Steps:
    """Bounds the work for one document by what is counted, and not by a clock."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def take(self, count: int) -> None:
        """Count some more.

        Raises:
            InexactError: there were too many.
        """
        self._left -= count
        if self._left < 0:
            raise InexactError(Inexact.TOO_LARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a caller's document says, without the part of the ARN that API Gateway chooses."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]

    def allows(self, resource: str) -> bool:
        """Whether the document allows the rest of a request's ARN: ``GET/users/1``."""
        words = tuple(resource.split("/"))
        return any(covers(tuple(glob.split("/")), words) for glob in self.allow) and not any(
            covers(tuple(glob.split("/")), words) for glob in self.deny
        )

    def fits(self, prefix: str) -> bool:
        """Whether no ARN is longer than a document may name, such as one with a claim's value."""
        most = MOST_RESOURCE_CHARACTERS - len(prefix)
        return all(len(glob) <= most for glob in (*self.allow, *self.deny))

    def document(self, prefix: str, refused: Iterable[str] = ()) -> PolicyDocument:
        """The document, for the API and stage that the prefix of the ARN names.

        Args:
            prefix: that part of the ARN.
            refused: the rest of others that are denied besides.
        """
        return caller_document(prefix, self.allow, (*self.deny, *refused))
