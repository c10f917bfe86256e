"""What must come of the sample events, as the index in ``events/README.md`` says.

It is written for people, and by hand: what is compared with it is what the code does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HELLO = "hello-"
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
    titles: list[str] = []
    for cells in _rows((folder / INDEX).read_text("utf-8")):
        match cells:
            case ["outcome" | "for hello", *_]:
                titles = cells
            case [name, _, status] if name.startswith(_HELLO):
                expected[name] = Expected(status=int(status), reason=None)
            case [outcome, _, why, *statuses] if titles[:1] == ["outcome"]:
                expected |= {
                    f"{flavour}-{outcome}": Expected(status=int(status), reason=why or ALLOWED)
                    for flavour, status in zip(titles[3:], statuses, strict=True)
                    if status != _ABSENT
                }
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
