"""The supervisor of an emulator: whichever process is killed, the others end, and nothing stays."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authorizer.cli.local.supervisor import supervised

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

# An emulator that has a function worker, says when both are up, and ends when it is told to.
EMULATOR = """\
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("up", "w").write(str(worker.pid))
time.sleep(600)
"""
GIVE_UP_SECONDS = 30


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.005)


def process_group_of(pid: int) -> int | None:
    """The group of a process that runs: of none that has ended, reaped or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[2])


def members(group: int) -> set[int]:
    every = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return {pid for pid in every if process_group_of(pid) == group}


def started(folder: Path) -> int:
    """The emulator's process group, once its worker runs."""
    up = folder / "up"
    wait_for(lambda: up.exists() and up.read_text(), "the emulator did not start")
    group = process_group_of(int(up.read_text()))
    assert group is not None
    return group


def assert_nothing_stays(folder: Path, group: int, supervisor: subprocess.Popen[str]) -> None:
    wait_for(lambda: not members(group), "something of the emulator still runs")
    wait_for(lambda: supervisor.poll() is not None, "the supervisor still runs")
    wait_for(lambda: not folder.exists(), "the folder is still there")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_supervisor_that_is_killed_takes_the_emulator_along(
    tmp_path: Path, end: signal.Signals
) -> None:
    """While its starter lives on, who would otherwise have to find the processes by hand."""
    folder = tmp_path / "emulator"
    folder.mkdir()
    command = [sys.executable, "-c", EMULATOR]
    with supervised(command, folder, {"PATH": os.environ["PATH"]}) as supervisor:
        group = started(folder)
        supervisor.send_signal(end)
        assert_nothing_stays(folder, group, supervisor)


def test_whoever_leads_the_group_is_missed(tmp_path: Path) -> None:
    """The supervisor ends the rest where its own watcher, or the emulator, is what was killed."""
    for victim in ("watcher", "emulator"):
        folder = tmp_path / victim
        folder.mkdir()
        command = [sys.executable, "-c", EMULATOR]
        with supervised(command, folder, {"PATH": os.environ["PATH"]}) as supervisor:
            group = started(folder)
            worker = int((folder / "up").read_text())
            (emulator,) = members(group) - {group, worker}
            os.kill(group if victim == "watcher" else emulator, signal.SIGKILL)
            assert_nothing_stays(folder, group, supervisor)


def test_the_end_in_order_is_the_end_of_all(tmp_path: Path) -> None:
    """Leaving the block leaves nothing behind."""
    folder = tmp_path / "emulator"
    folder.mkdir()
    command = [sys.executable, "-c", EMULATOR]
    with supervised(command, folder, {"PATH": os.environ["PATH"]}) as supervisor:
        group = started(folder)
    assert supervisor.poll() == 0
    assert_nothing_stays(folder, group, supervisor)
