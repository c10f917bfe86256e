"""What git has: revisions, and the files in them. Read only, and never more than was asked for.

git is told what to show after ``--end-of-options``, and what begins with ``-`` is no revision: an
argument must not become an option. It is asked for a file's bytes as they were committed, with no
filter and no other program of the repository's choice. What the user's words mean is not here.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from pathlib import Path

# Before the colon of ``:policy.yaml`` and ``:2:policy.yaml``: what is staged.
STAGES = frozenset({"", ":0", ":1", ":2", ":3"})
_SECONDS = 30


class GitError(Exception):
    """git says no. The message is its own, in one line, and foreign text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, seen from one of its folders.

    Attributes:
        folder: where git is run.
        directory: where git keeps it; the same for two folders of one repository.
        prefix: of the folder from the repository's root: ``svc/``, or nothing.
    """

    folder: Path
    directory: str
    prefix: str

    def tree(self, revision: str) -> str | None:
        """The id of a revision's files; nothing if there is no such revision.

        What is staged has no id, and is its own: an empty revision, or a stage such as ``:2``.
        """
        if revision in STAGES:
            return revision
        commit = self.id_of(revision)
        return commit and self.id_of(f"{commit}^{{tree}}")

    def id_of(self, revision: str) -> str | None:
        """The id of what a revision names; nothing if it names nothing."""
        if revision.startswith("-"):
            return None
        try:
            found = _git(self.folder, "rev-parse", "--verify", "--end-of-options", revision)
        except GitError:
            return None
        return os.fsdecode(found).strip()

    def kind(self, tree: str, path: str) -> str | None:
        """What is at a path from the root: ``blob`` for a file, ``tree`` for a folder."""
        try:
            kind = _git(self.folder, "cat-file", "-t", "--end-of-options", f"{tree}:{path}")
        except GitError:
            return None
        return os.fsdecode(kind).strip()

    def show(self, tree: str, path: str) -> bytes:
        """A file's bytes.

        Raises:
            GitError: there is no such file.
        """
        return _git(self.folder, "cat-file", "blob", "--end-of-options", f"{tree}:{path}")

    def files(self, tree: str) -> list[str]:
        """The paths of all files, from the root."""
        listing: tuple[str, ...] = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)
        if tree in STAGES:
            listing = ("ls-files", "-z", "--full-name", ":/")
        return [os.fsdecode(name) for name in _git(self.folder, *listing).split(b"\0") if name]


def repository_at(folder: Path) -> Repository:
    """The repository that a folder is in.

    Raises:
        GitError: it is in none.
        ConfigurationError: there is no git, or it cannot be run.
    """
    directory = _git(folder, "rev-parse", "--absolute-git-dir")
    prefix = _git(folder, "rev-parse", "--show-prefix")
    return Repository(
        folder=folder,
        directory=os.fsdecode(directory.removesuffix(b"\n")),
        prefix=os.fsdecode(prefix.removesuffix(b"\n")),
    )


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        finished = subprocess.run(  # noqa: S603 - no shell, and nothing of it is an option
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitError("there is no git to ask") from error
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError([f"git could not be asked for {clip(arguments[-1])}"]) from error
    if finished.returncode:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(lines[0].removeprefix("fatal: ") if lines else "no reason given")
    return finished.stdout
