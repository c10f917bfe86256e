"""Processes that end when we do, and the folders and ports that they have to themselves.

Between us and such a process stands another one, the supervisor: this file, run by its name, with
the folder and the command as its arguments and a pipe from us as standard input. The pipe closes
when we end, however we end, kill -9 included; then the command is killed with all the processes
that it started, and the folder removed.

The supervisor may be killed, too, so somebody watches it: a shell that leads the command's process
group, waits for a pipe from the supervisor to close, and then does the killing and the removing.
Where the shell is what was killed, the supervisor sees it, and does them itself.
Standard library only, and nothing of ours: it is run before anything is known to work.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LOG = "emulator.log"  # in the folder; the command's output goes to it
_CHECK_SECONDS = 0.2
_POLL_SECONDS = 0.01
_STOP_SECONDS = 30  # a busy machine was seen to need more than ten
_LAST_WORDS_BYTES = 2000
# Killing comes last, since it ends the shell, too; until then the command may make another file.
_WATCH = 'read -r _; rm -rf -- "$1" || rm -rf -- "$1"; kill -s KILL 0'


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, removed in the end."""
    with tempfile.TemporaryDirectory(
        prefix="authorizer-local-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@contextmanager
def supervised(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a folder, and end it and remove the folder in the end, however that comes.

    Args:
        command: what to run.
        folder: where, and where its output goes.
        environment: all that it is to know.

    Yields:
        The supervisor: while it runs, the command does; its last words are the command's.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and this file
        [sys.executable, "-P", __file__, str(folder), *command],
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


def last_words(process: subprocess.Popen[str]) -> str:
    """What a command wrote last that has ended; nothing of one that still runs."""
    return process.communicate()[0].strip() if process.poll() is not None else ""


def wait_until(
    condition: Callable[[], bool], seconds: float, process: subprocess.Popen[Any] | None = None
) -> bool:
    """Whether something comes about in time, and before the process ends: wait for it."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at and (process is None or process.poll() is None):
        if condition():
            return True
        time.sleep(_POLL_SECONDS)
    return False


def free_port() -> int:
    """A port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Run the command until it or our starter ends; 1 if it ended by itself."""
    folder = Path(sys.argv[1])
    log = folder / LOG
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds through the `finally` below
    watch = subprocess.Popen(  # noqa: S603 - a line of our own
        ["/bin/sh", "-c", _WATCH, "watch", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        with log.open("wb") as output:
            command = subprocess.Popen(  # noqa: S603 - what our starter wants run
                sys.argv[2:],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=watch.pid,
            )
        while not select.select([sys.stdin], [], [], _CHECK_SECONDS)[0]:
            if command.poll() is not None or watch.poll() is not None:
                sys.stdout.write(log.read_text(errors="replace")[-_LAST_WORDS_BYTES:])
                return 1
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(watch.pid, signal.SIGKILL)  # nothing in there is worth saving
        with suppress(ChildProcessError):
            while True:
                os.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
