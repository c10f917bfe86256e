"""What a person asks at the command line: a request by its method and path, and a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authorizer.cli.analysis.request import (
    Caller,
    Request,
    RequestSyntaxError,
    described_caller,
    require_path,
)
from authorizer.cli.text import closest
from authorizer.errors import clip
from authorizer.policy.paths import ANY, CONNECT, METHODS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator


def asked_request(method: str, path: str | None) -> Request:
    """The request of two arguments; ``$connect`` has no path.

    Raises:
        click.UsageError: what was written is none, and most likely a mistake.
    """
    if method == CONNECT and path is None:
        return Request(method="", path=CONNECT)
    if path is None:
        raise click.UsageError("expected METHOD and PATH, such as GET /users/42")
    wrong = [*_wrong_with_method(method), *_wrong_with_path(path)]
    if wrong:
        raise click.UsageError("; ".join(wrong))
    return Request(method=method, path=path)


def _wrong_with_method(method: str) -> Iterator[str]:
    """What a person writes by mistake; what a client may send is answered by the policy."""
    if "," in method or method.upper() in {"", ANY}:
        yield f"expected one method at a time, such as GET, found {clip(method)}"
    elif method not in METHODS and method.strip().upper() in METHODS:
        yield f"expected a method in capitals, found {clip(method)}: write {method.strip().upper()}"
    elif method not in METHODS and (meant := closest(method, METHODS)) is not None:
        yield f"expected a method such as GET, found {clip(method)}: did you mean {meant}?"


def _wrong_with_path(path: str) -> Iterator[str]:
    try:
        require_path(path)
    except RequestSyntaxError as error:
        yield str(error)


def asked_caller(
    groups: Iterable[str], scopes: Iterable[str], claims: Iterable[str], known: Container[str]
) -> Caller:
    """The caller of ``--groups``, ``--scopes`` and ``--claim``.

    Args:
        groups: names between commas, but for a group of the policy that has a comma in its name.
        scopes: between commas or blanks.
        claims: each as ``name=value``.
        known: the policy's groups.

    Raises:
        click.UsageError: a claim is written in another way.
    """
    names = [name for text in groups for name in ([text] if text in known else text.split(","))]
    return described_caller(
        (name.strip() for name in names if name.strip()),
        " ".join(scopes).replace(",", " ").split(),
        dict(map(_claim, claims)),
    )


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError("expected --claim as name=value, such as sub=42")
    return name, value
