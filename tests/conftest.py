"""What every run needs."""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protected import Callers

# Whether a property holds is no question of how busy the machine is.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

# Thousands of tests stay until the end. To look for garbage among them again and again takes time.
gc.set_threshold(20_000)

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
        group = item.get_closest_marker("xdist_group")
        if group is not None:
            suffix = f"@{group.args[0]}"
            item._id = type(item._id).parse(item.nodeid.removesuffix(suffix) + suffix)
            assert item.nodeid.endswith(suffix)


def pytest_collection_finish() -> None:
    """Leave what is there by now alone when garbage is looked for."""
    gc.freeze()


@pytest.fixture(scope="module")
def given() -> Iterator[Callers]:
    """For middleware: a pool, its callers' tokens, and the authorizer that is asked."""
    from protected import callers

    with callers() as made:
        yield made
