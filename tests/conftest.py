"""What every run needs."""

from __future__ import annotations

import signal

import pytest

# A shell's background job ignores Ctrl-C, and so would whatever the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have one worker run a group's tests: xdist 3.8 says so where pytest 9.2 no longer looks.

    Without it nothing fails, but whatever a group shares is made by each of the workers.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        for group in {mark.args[0] for mark in item.iter_markers("xdist_group")}:
            if not item.nodeid.endswith(f"@{group}"):
                item._id = type(item._id).parse(f"{item.nodeid}@{group}")
            assert item.nodeid.endswith(f"@{group}")
