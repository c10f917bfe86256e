"""A policy from a file or from git: ``policy.yaml``, ``HEAD~1``, ``main:svc/policy.yaml``.

A bare revision says nothing of the file: it is the one that the other operand names, or
``policy.yaml`` here. What a revision and a path are is git's to say. It is told what to show after
``--end-of-options``, and what begins with ``-`` is no revision: an argument must not become an
option. It is asked for a file's bytes as they were committed, with no filter and no other program
of the repository's choice.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from authorizer.cli.analysis.named_policy import NamedPolicy, load_policy, read_policy
from authorizer.cli.options import POLICY
from authorizer.cli.policy_file import MAX_DOCUMENT_BYTES
from authorizer.cli.text import plain
from authorizer.errors import ConfigurationError, clip

# Revision and path. As git does, without the colon in braces: HEAD@{12:30}:policy.yaml.
_SPELLED = re.compile(r"(?!:/)(?P<revision>:[0-3]|(?:\{[^{}]*\}|[^:{])*):(?P<path>.*)", re.DOTALL)
_SECONDS = 30


def read_operands(old: str, new: str) -> tuple[NamedPolicy, NamedPolicy]:
    """Read both policies.

    Raises:
        ConfigurationError: one is neither a file nor a revision, or the file is not there.
    """
    return _read(old, new), _read(new, old)


def command_of(operand: str) -> str:
    """The command that may have been meant by one operand alone."""
    named = plain(operand)
    return f"authorizer diff {f'HEAD {named}' if _is_file(operand) else f'{named} HEAD'}"


def _read(operand: str, other: str) -> NamedPolicy:
    if _is_file(operand):
        return load_policy(Path(operand))
    if operand.startswith("-") or "\0" in operand or not operand:
        raise ConfigurationError([f"expected a file or a git revision, found {clip(operand)}"])
    is_bare = _SPELLED.fullmatch(operand) is None
    name = f"{operand}:{_path_of(other)}" if is_bare else operand
    return read_policy(_blob(name, operand)[: MAX_DOCUMENT_BYTES + 1], name)


def _path_of(operand: str) -> str:
    """Where the other operand's file is at a revision, seen from here, as git spells that."""
    if _is_file(operand):
        relative = os.path.relpath(operand)
        return relative if relative.startswith("..") else f"./{relative}"
    spelled = _SPELLED.fullmatch(operand)
    return f"./{POLICY}" if spelled is None else spelled["path"]


def _is_file(operand: str) -> bool:
    """Whether there is such a file, or pipe; a folder must not hide the branch of its name."""
    with suppress(OSError, ValueError):  # too long for a name, or not one
        return Path(operand).exists() and not Path(operand).is_dir()
    return False


def _blob(name: str, operand: str) -> bytes:
    try:
        finished = subprocess.run(  # noqa: S603 - no shell, and nothing of it is an option
            ["git", "cat-file", "blob", "--end-of-options", name],  # noqa: S607 - the user's own git
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        why = "there is no git to ask" if isinstance(error, FileNotFoundError) else "git fails"
        raise ConfigurationError([f"{clip(name)} is not in a file, and {why}"]) from error
    if finished.returncode:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else "no reason given"
        expected = f"expected a file or a git revision, found {clip(operand)}: no such file"
        raise ConfigurationError([f"{expected}, and git says of {clip(name)}: {clip(reason, 120)}"])
    return finished.stdout
