"""What must come of each sample, as the index in ``events/README.md`` says.

The index is written for people, and by hand: what is compared with it is what the code does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INDEX = "README.md"
_ABSENT = "-"
_UNAUTHORIZED = "Unauthorized"
ALLOWED = "allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the client sees, and what the log says.

    Attributes:
        reason: ``allowed`` or a ``Reason``; nothing for hello, which logs none.
    """

    status: int
    reason: str | None


def read_index(folder: Path) -> dict[str, Expected]:
    """Every sample that the index names, with what must come of it."""
    expected = {}
    columns: list[str] = []
    for cells in _rows((folder / INDEX).read_text("utf-8")):
        if cells[0] in {"outcome", "for hello"}:
            columns = cells
        elif columns and columns[0] == "outcome":
            reason = cells[columns.index("why")] or ALLOWED
            for flavour, status in zip(columns[3:], cells[3:], strict=True):
                if status != _ABSENT:
                    name = f"{flavour}-{cells[0]}"
                    expected[name] = Expected(status=int(status), reason=reason)
        elif columns and cells[0].startswith("hello-"):
            expected[cells[0]] = Expected(status=int(cells[2]), reason=None)
    return expected


def status_of(answer: Mapping[str, Any], event: Mapping[str, Any]) -> int:
    """The status that the client sees after a function's answer to an event.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """
    match answer:
        case {"statusCode": int(status)}:
            return status
        case {"errorMessage": message}:
            return 401 if message == _UNAUTHORIZED else 500
        case {"isAuthorized": bool(authorized)}:
            return 200 if authorized else 403
        case {"policyDocument": {"Statement": list(statements)}}:
            arn = event.get("methodArn") or event.get("routeArn") or ""
            effects = {one["Effect"] for one in statements if _covers(one["Resource"], arn)}
            return 200 if effects == {"Allow"} else 403
    return 500


def _covers(resources: str | list[str], arn: str) -> bool:
    """Whether a statement is about a request: ``*`` is any run of characters."""
    return any(
        re.fullmatch(".*".join(map(re.escape, resource.split("*"))), arn, re.DOTALL)
        for resource in ([resources] if isinstance(resources, str) else resources)
    )


def _rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row but the rules below headings."""
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]
