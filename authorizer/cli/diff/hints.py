"""What may have been meant by an operand that is no file and no revision."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from authorizer.cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

POLICY = "policy.yaml"
# git's a..b, and not a path such as ../b or a/../b.
_RANGE = re.compile(r"(.*[^./])?\.{2,3}([^./].*)?", re.DOTALL)
# No text that is meant is longer, and no folder worth searching larger.
_LONGEST = 200
_MOST_FILES = 2_000
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def as_two_words(text: str) -> str | None:
    """How to write git's ``v1..HEAD`` here; nothing for any other text."""
    found = _RANGE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not (found[1] or found[2]):
        return None
    return f"authorizer diff {plain(found[1] or 'HEAD')} {plain(found[2] or 'HEAD')}"


def is_file(text: str) -> bool:
    """Whether it can be read; a folder must not hide the branch of its name."""
    try:
        return Path(text).exists() and not is_folder(text)
    except (OSError, ValueError):
        return False  # too long for a name, or not one


def is_folder(text: str) -> bool:
    """Whether there is a folder of that name."""
    try:
        return Path(text).is_dir()
    except (OSError, ValueError):
        return False


def file_like(text: str) -> str | None:
    """A file whose name is like a text, or the policy in a folder of that name."""
    if len(text) > _LONGEST:
        return None
    path = Path(text)
    if is_folder(text):
        return _if_file(path / POLICY)
    try:
        beside = [one.name for one in path.parent.iterdir() if one.suffix in _SUFFIXES]
    except (OSError, ValueError):
        return None
    close = get_close_matches(path.name, beside[:_MOST_FILES], n=1)
    return _if_file(path.with_name(close[0])) if close else None


def _if_file(path: Path) -> str | None:
    return plain(str(path)) if path.is_file() else None


def path_like(path: str, prefix: str, files: Sequence[str]) -> str | None:
    """Of a revision's files, the one that may be meant by a path that it does not have.

    Args:
        path: from the root.
        prefix: of the folder where one stands, which is looked at upwards first.
        files: all there are.
    """
    wanted = PurePosixPath(path)
    policies = [one for one in files if one != path and PurePosixPath(one).suffix in _SUFFIXES]
    called = [one for one in policies if PurePosixPath(one).name == wanted.name]
    close = get_close_matches(path[:_LONGEST], policies[:_MOST_FILES], n=1)
    usual = [one for one in policies if PurePosixPath(one).name == POLICY]
    here = PurePosixPath(prefix)

    def distance(one: str) -> tuple[bool, int, str]:
        folder = PurePosixPath(one).parent
        is_above = here.is_relative_to(folder)
        depth = len(folder.parts)
        return (not is_above, -depth if is_above else depth, one)

    for found in (called, close, usual):
        if found:
            return min(found, key=distance)
    return None
