"""The process between us and an emulator, so that the emulator never outlives us.

Run by file name, with the emulator's folder and command as its arguments and a pipe from us as
standard input. The pipe closes when we end, however we end, kill -9 included; then the emulator is
killed with all the function workers it started, and the folder removed.

The guard may be killed, too, so somebody watches it: a shell that leads the emulator's process
group, waits for a pipe from the guard to close, and then does the killing and the removing. Where
the shell is what was killed, the guard sees it, and does them itself.
Standard library only, and nothing of ours: it is run before anything is known to work.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_CHECK_SECONDS = 0.2
_LAST_WORDS_BYTES = 2000
# Killing comes last, since it ends the shell, too; until then the emulator may make another file.
_WATCH = 'read -r _; rm -rf -- "$1" || rm -rf -- "$1"; kill -s KILL 0'


def main() -> int:
    """Run the emulator until it or our starter ends; 1 if it ended by itself."""
    folder = Path(sys.argv[1])
    log = folder / "emulator.log"
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
            emulator = subprocess.Popen(  # noqa: S603 - what our starter wants run
                sys.argv[2:],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=watch.pid,
            )
        while not select.select([sys.stdin], [], [], _CHECK_SECONDS)[0]:
            if emulator.poll() is not None or watch.poll() is not None:
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
