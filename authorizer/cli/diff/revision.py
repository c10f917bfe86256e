"""A policy from a file or from git: ``policy.yaml``, ``HEAD~1``, ``main:policy.yaml``.

git is told what to show after ``--end-of-options``, and what begins with ``-`` is refused before:
an argument must not become an option. It is asked for a file's bytes as they were committed, with
no filter and no other program of the repository's choice.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from authorizer.cli.access.source import Source, load_source, read_source
from authorizer.cli.document import MAX_DOCUMENT_BYTES
from authorizer.errors import ConfigurationError, clip

POLICY = "policy.yaml"
_SECONDS = 30


def read_operands(old: str, new: str) -> tuple[Source, Source]:
    """Read both policies. A bare revision means the file that the other one is, or the policy.

    Raises:
        ConfigurationError: neither is a file, nor a revision that has one.
    """
    files = [Path(text) for text in (old, new) if _is_file(text)]
    beside = files[0] if files else Path(POLICY)
    return _read(old, beside), _read(new, beside)


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):
        return False  # too long for a name, or with a NUL


def _read(text: str, beside: Path) -> Source:
    if text.startswith("-"):
        raise ConfigurationError([f"expected a file or a git revision, found {clip(text)}"])
    if _is_file(text):
        return load_source(Path(text))
    if "\0" in text or not text:
        raise ConfigurationError([f"expected a file or a git revision, found {clip(text)}"])
    if ":" in text:
        return read_source(_show(text, Path(), text), text)
    return _of_revision(text, beside)


def _of_revision(revision: str, beside: Path) -> Source:
    """The file at a revision: as the other one, or the policy here, or at the repository's root."""
    refused: ConfigurationError | None = None
    for folder, path in (
        (beside.parent, f"./{beside.name}"),
        (Path(), f"./{POLICY}"),
        (Path(), POLICY),
    ):
        blob = f"{revision}:{path}"
        try:
            data = _show(blob, folder, revision)
        except ConfigurationError as error:
            refused = refused or error
        else:
            return read_source(data, f"{revision}:{path.removeprefix('./')}")
    raise refused or ConfigurationError([f"found no policy at {clip(revision)}"])


def _show(blob: str, folder: Path, said: str) -> bytes:
    command = ["git", "cat-file", "blob", "--end-of-options", blob]
    try:
        finished = subprocess.run(  # noqa: S603 - no shell, and nothing of it is an option
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigurationError(
            [f"expected a file, found {clip(said)}: there is no such file, and no git to ask"]
        ) from error
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError([f"git could not be asked for {clip(said)}"]) from error
    if finished.returncode:
        raise ConfigurationError([_refusal(blob, said, finished.stderr)])
    return finished.stdout[: MAX_DOCUMENT_BYTES + 1]


def _refusal(blob: str, said: str, stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    reason = lines[0].removeprefix("fatal: ") if lines else "no reason given"
    return (
        f"expected a file or a git revision, found {clip(said)}: no such file, and git has no "
        f"{clip(blob)} ({clip(reason, 120)})"
    )
