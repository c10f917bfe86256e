"""What every run needs."""

from __future__ import annotations

import signal

# A shell's background job ignores Ctrl-C, and so would whatever the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
