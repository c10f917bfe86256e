"""The process between us and the emulator, so that the emulator never outlives us.

Run by file name, with the emulator's folder as its argument and a pipe from us as standard input.
The pipe closes when we end, however we end, kill -9 included; then the emulator is killed with
all the function workers it started (they share its process group), and the folder removed.
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


def main() -> int:
    """Run the emulator until it or our starter ends; 1 if it ended by itself."""
    folder = Path(sys.argv[1])
    log = folder / "emulator.log"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds through the `finally` below
    with log.open("wb") as output:
        emulator = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("cognito_gaps.py"))],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        while not select.select([sys.stdin], [], [], _CHECK_SECONDS)[0]:
            if emulator.poll() is not None:
                sys.stdout.write(log.read_text(errors="replace")[-_LAST_WORDS_BYTES:])
                return 1
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(emulator.pid, signal.SIGKILL)  # nothing in there is worth saving
        emulator.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
