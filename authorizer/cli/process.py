"""The process around a command: its streams, whatever they are, and Ctrl-C.

What cannot be shown in the output's encoding is escaped. What cannot be written or read, for a full
disk, a closed pipe or nothing at all, is a line and an exit code: never a traceback, and never the
exit code of an answer.

While there is nothing to tidy up, Ctrl-C ends the process at once, as others do. Modules take a few
tenths of a second to load: an exception raised among them comes out as a traceback of somebody's
import, or is swallowed by a library that tries one module after another.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMES = ("standard input", "standard output", "standard error")
_FAILED = 2  # "there is no answer", and no command's "no"
_NOBODY_READS_ON = 128 + signal.SIGPIPE  # what a shell says of a program that the signal ended


class StreamError(Exception):
    """A stream failed. No ``OSError``: click and rich would end with the exit code 1 for some."""

    def __init__(self, descriptor: int, error: OSError) -> None:
        # With the verb that fits: nothing else is done to a stream.
        verb = "written" if descriptor else "read"
        super().__init__(f"{_NAMES[descriptor]} cannot be {verb}: {error.strerror or error}")
        self.descriptor = descriptor
        self.is_closed_pipe = isinstance(error, BrokenPipeError)


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a stream, which fails with an error of ours."""

    def tell(stream: io.FileIO, *arguments: Any) -> Any:  # noqa: ANN401 - any buffer
        try:
            return method(stream, *arguments)
        except OSError as error:
            raise StreamError(stream.fileno(), error) from error

    return tell


class _Raw(io.FileIO):
    """The lowest layer of a stream, so that text, bytes and flushing all pass here."""

    write = _told(io.FileIO.write)
    readinto = _told(io.FileIO.readinto)
    readall = _told(io.FileIO.readall)


@contextmanager
def orderly_streams() -> Iterator[None]:
    """Put such streams in the place of Python's, and end with a line where one of them fails."""
    sys.stdin = _stream(0, sys.stdin)
    sys.stdout = _stream(1, sys.stdout)
    sys.stderr = _stream(2, sys.stderr)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    except StreamError as error:
        _discard(error.descriptor)
        if error.is_closed_pipe:
            sys.exit(_NOBODY_READS_ON)
        try:
            sys.stderr.write(f"Error: {error}\n")
            sys.stderr.flush()
        except StreamError as further:
            _discard(further.descriptor)
        sys.exit(_FAILED)


def _stream(descriptor: int, found: TextIO | None) -> TextIO:
    """The same stream, with errors of ours; nothing is read from one that is closed, nor kept."""
    if not isinstance(found, io.TextIOWrapper):
        return open(os.devnull, "w" if descriptor else "r", encoding="utf-8")  # noqa: PTH123
    raw = _Raw(descriptor, "w" if descriptor else "r", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if descriptor else io.BufferedReader(raw),
        encoding=found.encoding,
        errors="backslashreplace",
        line_buffering=found.line_buffering,
        write_through=found.write_through,
    )


def _discard(descriptor: int) -> None:
    """What is still in a stream's buffer goes nowhere: Python flushes it when it ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def end_at_once() -> None:
    """From here on Ctrl-C ends the process, unless it is ignored, as below ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From here on Ctrl-C is a ``KeyboardInterrupt`` again, where it has ended the process."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
