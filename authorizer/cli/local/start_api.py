"""``sam local start-api``, called like the deployed API, with the reasons from its log."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from authorizer.cli.local.api_client import Api, reason_of
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.local.sam import (
    ended_in_order,
    sam_binary,
    sam_environment,
)
from authorizer.cli.local.supervisor import free_port, own_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.cli.local.sam import SamLocal

_START_SECONDS = 120
_POLL_SECONDS = 0.1


class ContainerLog:
    """What the containers wrote, one call at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new_reason(self) -> str | None:
        """The reason logged since the last time; nothing if the authorizer was not asked."""
        text = self._path.read_bytes()[self._read :]
        self._read += len(text)
        reasons = [reason_of(line) for line in text.decode("utf-8", "replace").splitlines()]
        return next((reason for reason in reversed(reasons) if reason), None)


@contextmanager
def started_api(local: SamLocal) -> Iterator[Api]:
    """Start the API on loopback; stop it, and its containers, in the end.

    Raises:
        LocalStackError: it did not start.
    """
    port = free_port()
    with own_folder() as folder, (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own SAM CLI
            [
                sam_binary(local.project),
                *("local", "start-api", *local.options()),
                *("--host", "127.0.0.1", "--port", str(port), "--warm-containers", "LAZY"),
            ],
            cwd=folder,
            env=sam_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal is for us; we end it in order
        )
        with ended_in_order(process):
            _wait_until_up(port, process, folder / "log")
            api = Api(f"http://127.0.0.1:{port}", ContainerLog(folder / "log"))
            yield api
            api.close()


def _wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_POLL_SECONDS)
    words = log.read_text("utf-8", "replace").strip()
    raise LocalStackError(f"sam local start-api did not start\n{words[-2000:]}")
