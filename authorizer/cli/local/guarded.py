"""Processes of ours that must end when we do, and the folders and ports they have to themselves."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.local import guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STOP_SECONDS = 30  # a busy machine was seen to need more than ten
LOG = "emulator.log"  # in the folder; ``guard`` writes the process's output to it


@contextmanager
def emulator_folder() -> Iterator[Path]:
    """A new folder, removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="authorizer-local-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def guarded(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a folder, and end it and remove the folder in the end, however that comes.

    Args:
        command: what to run.
        folder: where, and where its output goes.
        environment: all that it is to know.

    Yields:
        The guard: while it runs, the command does; its last words are the command's.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and a file of ours
        [sys.executable, "-P", guard.__file__, str(folder), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(environment),
        start_new_session=True,  # a Ctrl-C at the terminal is for us; we end it in order
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # whoever watches it does the rest
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    """A port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
