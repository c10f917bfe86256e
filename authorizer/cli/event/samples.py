"""Sample events: finding one by name, and putting a token where its placeholder stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import click

from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Whose record the samples ask for, and whom hello is told of. With another person's token in its
# place, their ``sub`` takes this one's, or "own record" would be somebody else's.
SAMPLE_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
_HELLO = "hello-"


class Placeholder(StrEnum):
    """What stands in a file where a token belongs, and says which one."""

    ACCESS = "REPLACE_WITH_ACCESS_TOKEN"
    """An access token of a reader."""
    SUSPENDED = "REPLACE_WITH_SUSPENDED_TOKEN"
    """An access token of a reader who is suspended, too."""
    MACHINE = "REPLACE_WITH_MACHINE_TOKEN"
    """An access token without a user, with the scope reports/read."""
    EXPIRED = "REPLACE_WITH_EXPIRED_TOKEN"
    """A reader's access token, past its ``exp``."""
    ID = "REPLACE_WITH_ID_TOKEN"
    """A reader's ID token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file of ``events/``.

    Attributes:
        name: the file's, without ``.json``.
        text: as it stands there, with placeholders.
    """

    name: str
    text: str

    @property
    def is_for_hello(self) -> bool:
        """Whether it is an event of the backend, and not of the authorizer."""
        return self.name.startswith(_HELLO)

    @property
    def function(self) -> str:
        """The logical id in template.yaml of the function that gets such events."""
        return "HelloFunction" if self.is_for_hello else "AuthorizerFunction"

    def filled(self, token: Callable[[Placeholder], str], sub: str = SAMPLE_SUB) -> dict[str, Any]:
        """The event with tokens in it.

        Args:
            token: asked once for each kind of token that the event needs.
            sub: the caller's, where it is not the sample's.
        """
        values = {kind.value: token(kind) for kind in Placeholder if kind in self.text}
        event: dict[str, Any] = _replaced(json.loads(self.text), {SAMPLE_SUB: sub, **values})
        return event


def _replaced(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """The same document, with replacements inside its texts."""
    if isinstance(value, str):
        for old, new in values.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, list):
        return [_replaced(item, values) for item in value]
    if isinstance(value, dict):
        return {name: _replaced(item, values) for name, item in value.items()}
    return value


def sample_names(folder: Path) -> list[str]:
    """What there is, sorted."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_sample(folder: Path, name: str) -> Sample:
    """Read a sample by its name, with or without ``.json`` and the folder.

    Raises:
        click.ClickException: there is none of that name; it says which one is meant, or all.
    """
    names = sample_names(folder)
    stem = name.rpartition("/")[2].removesuffix(".json")
    if stem not in names:
        raise click.ClickException(_unknown(folder, stem, names))
    return Sample(name=stem, text=(folder / f"{stem}.json").read_text("utf-8"))


def _unknown(folder: Path, name: str, names: list[str]) -> str:
    if not names:
        return f"no events in {folder}/: run this in the project's folder"
    close = get_close_matches(name, names, n=3)
    if close:
        return f"no event {clip(name)}; did you mean {' or '.join(close)}?"
    return "\n  ".join([f"no event {clip(name)}; there are", *names])
