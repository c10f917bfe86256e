"""Ctrl-C while there is nothing to tidy up: the process ends at once, as others do.

Modules take a few tenths of a second to load. An exception raised among them comes out as a
traceback of somebody's import, or is swallowed by a library that tries one module after another.
"""

from __future__ import annotations

import signal


def end_at_once() -> None:
    """From here on Ctrl-C ends the process, unless it is ignored, as below ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_again() -> None:
    """From here on Ctrl-C is a ``KeyboardInterrupt`` again, where it has ended the process."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
