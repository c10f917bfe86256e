"""Events: a sample by its name or a person's own file.

A placeholder stands where a token belongs. Whose it is follows from the policy.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.policy_file import load_source
from authorizer.errors import clip
from authorizer.strict_json import NotStrictJsonError, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.policy_file.source import SourcePolicy

# Whose record the samples ask for, and whom hello is told of. With another person's token in its
# place, their ``sub`` takes this one's, or "own record" would be somebody else's.
SAMPLE_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
_HELLO = "hello-"


class Placeholder(StrEnum):
    """What stands in a file where a token belongs, and says which one."""

    ACCESS = "REPLACE_WITH_ACCESS_TOKEN"
    """An access token of a user in the policy's first group that allows anything."""
    SUSPENDED = "REPLACE_WITH_SUSPENDED_TOKEN"
    """The same of a user who is in its first group that denies anything, too."""
    MACHINE = "REPLACE_WITH_MACHINE_TOKEN"
    """An access token without a user, with the policy's first scope."""
    EXPIRED = "REPLACE_WITH_EXPIRED_TOKEN"
    """The first user's access token, past its ``exp``."""
    ID = "REPLACE_WITH_ID_TOKEN"
    """The first user's ID token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCallers:
    """Who asks in the samples, as the policy names them.

    Attributes:
        groups: of the user.
        denied_groups: of the user who is denied what those allow.
        scopes: of the machine.
        claims: of whoever asks, in the place of what Cognito would say.
    """

    groups: tuple[str, ...] = ()
    denied_groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)


def callers_of(policy: SourcePolicy) -> SampleCallers:
    """The first group that allows anything, with the first that denies, and the first scope."""
    groups = tuple(group.name for group in policy.groups if group.allow)[:1]
    denying = tuple(group.name for group in policy.groups if group.deny)[:1]
    return SampleCallers(
        groups=groups,
        denied_groups=(*groups, *denying),
        scopes=tuple(scope.name for scope in policy.scopes)[:1],
    )


def callers_of_file(policy: Path) -> SampleCallers:
    """The same of a policy file; without one, callers in no group.

    Raises:
        ConfigurationError: something in it is wrong.
    """
    return callers_of(load_source(policy)) if policy.is_file() else SampleCallers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file of ``events/``, or one of a person's own.

    Attributes:
        name: the file's, without ``.json``; of one's own, the path that was given.
        text: as it stands there, with placeholders.
        is_own: whether it is no sample.
    """

    name: str
    text: str
    is_own: bool = False

    @property
    def is_for_hello(self) -> bool:
        """Whether it is an event of the backend, and not of the authorizer."""
        return self.name.startswith(_HELLO) and not self.is_own

    @property
    def is_as_given(self) -> bool:
        """Whether it is one's own, with a token of its own or none: none is put into it."""
        return self.is_own and not any(kind.value in self.text for kind in Placeholder)

    def filled(self, token: Callable[[Placeholder], str], sub: str = SAMPLE_SUB) -> dict[str, Any]:
        """The event with tokens in it.

        Args:
            token: asked once for each kind of token that the event needs.
            sub: the caller's, where it is not the sample's.
        """
        values = {kind.value: token(kind) for kind in Placeholder if kind in self.text}
        text = self.text
        for old, new in {SAMPLE_SUB: sub, **values}.items():
            text = text.replace(old, json.dumps(new)[1:-1])
        event: dict[str, Any] = json.loads(text)
        return event


def sample_names(folder: Path) -> list[str]:
    """What there is, sorted."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_sample(folder: Path, name: str) -> Sample:
    """Read a sample by its name, with or without ``.json`` and the folder, or an event's own file.

    Raises:
        click.ClickException: there is none of that name, and it says which one is meant, or all; or
            the file is no JSON object.
    """
    path = Path(name)
    if path.is_file() and path.resolve().parent != folder.resolve():
        return _own(path)
    names = sample_names(folder)
    stem = name.rpartition("/")[2].removesuffix(".json")
    if stem not in names:
        raise click.ClickException(_unknown(folder, name, stem, names))
    return Sample(name=stem, text=(folder / f"{stem}.json").read_text("utf-8"))


def _own(path: Path) -> Sample:
    try:
        data = path.read_bytes().removeprefix(BOM_UTF8)
        parse_object(data)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}") from error
    except NotStrictJsonError as error:
        raise click.ClickException(
            f"{path}: expected an event, which is one JSON object, found {error}"
        ) from error
    return Sample(name=str(path), text=data.decode(), is_own=True)


def require_samples(folder: Path) -> list[str]:
    """The names of what there is.

    Raises:
        click.ClickException: there is nothing.
    """
    names = sample_names(folder)
    if not names:
        raise click.ClickException(
            f"no events in {folder}/: give a file of your own, as in 'authorizer event FILE', or "
            "run this where the samples are"
        )
    return names


def _unknown(folder: Path, name: str, stem: str, names: list[str]) -> str:
    close = get_close_matches(stem, names, n=3)
    is_elsewhere = Path(name).parent not in (Path(), folder)
    if close and not is_elsewhere:
        return f"no event {clip(stem)}; did you mean {' or '.join(close)}?"
    if is_elsewhere or name.endswith(".json") or Path(name).exists():
        return f"no file {clip(name, 120)}: give an event's file, or a name that the command lists"
    return "\n  ".join([f"no event {clip(stem)}; there are", *require_samples(folder)])
