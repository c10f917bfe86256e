"""A function's process, and Lambda's Runtime API in front of it.

The process is what Lambda starts: an interpreter, Amazon's runtime interface client, a package
and its handler. What it asks for events, and answers to, is this module, in place of Amazon's
emulator: one process less, so that a clock and the process's memory can be read right here.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# As tests/lambda_runtime.py has it: the package first, the client behind it, and nothing
# else that is installed here.
BOOTSTRAP = """\
import os, runpy, sys
package, client, handler = sys.argv[1:]
os.chdir(package)
sys.path[:0] = [package, client]
sys.argv = ["awslambdaric", handler]
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""
_WAIT_SECONDS = 60
_NEXT = "/2018-06-01/runtime/invocation/next"
_KIB = 1024


class FunctionError(Exception):
    """The function did not start, raised, or says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What is run, and by what.

    Attributes:
        python: the command that is an interpreter: one word, or more where it is in a root.
        folder: the function's, as that interpreter sees it.
        client: the runtime interface client's, likewise.
        handler: such as ``handlers.authorize.handler``.
        environment: the function's variables.
    """

    python: tuple[str, ...]
    folder: str
    client: str
    handler: str
    environment: Mapping[str, str]


class RunningFunction:
    """A function's process, asked one event at a time."""

    def __init__(self, process: subprocess.Popen[bytes], server: _Server, started: float) -> None:
        self._process, self._server, self._started = process, server, started

    def ask(self, event: bytes) -> tuple[bytes, float]:
        """Send an event; its answer, and the seconds from the process's start until it came.

        Raises:
            FunctionError: there was none.
        """
        self._server.events.put(event)
        try:
            path, body, at = self._server.answers.get(timeout=_WAIT_SECONDS)
        except Empty:
            raise FunctionError("no answer") from None
        if not path.endswith("/response"):
            raise FunctionError(body.decode(errors="replace"))
        return body, at - self._started

    def cpu_seconds(self) -> float:
        """Of the process so far, those of threads that ended included."""
        # What clock_getcpuclockid(3) makes of a process's id.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def peak_bytes(self) -> int:
        """The most memory that it has had resident."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak) * _KIB


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: Queue[bytes] = Queue()
        self.answers: Queue[tuple[str, bytes, float]] = Queue()

    def handle_error(self, *_: object) -> None:
        """A function that is ended hangs up: nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body goes out at once, not when its head was acknowledged
    server: _Server

    def do_GET(self) -> None:
        """The next event, when there is one."""
        if self.path != _NEXT:
            self.send_error(404)
            return
        event = self.server.events.get()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000))
        function = "arn:aws:lambda:us-east-1:123456789012:function:benchmark"
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", function)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        """An answer, or an error."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.put((self.path, body, time.perf_counter()))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(package: Package) -> Iterator[RunningFunction]:
    """Start a function, and end it."""
    server = _Server()
    Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": package.folder,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **package.environment,
    }
    arguments = ("-I", "-S", "-B", "-c", BOOTSTRAP, package.folder, package.client, package.handler)
    with _started([*package.python, *arguments], environment) as (process, started):
        yield RunningFunction(process, server, started)
    server.shutdown()
    server.server_close()


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - an interpreter and a program of our own
        command,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, started
    finally:
        process.kill()
        process.wait()
