"""Targets of the Makefile that cannot work as they were called: they say so before they build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NO_FOLDER = (
    "expected ARTIFACTS_DIR, the folder to build in, which 'sam build' sets: run 'sam build'"
)
NO_EVENT = "expected the name of an event, such as EVENT=http-2.0-allowed"
NO_ENGINE = "needs a container engine, and none answers: install Docker and start it, or use"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("build-AuthorizerFunction", NO_FOLDER),
        ("build-HelloFunction", NO_FOLDER),
        ("invoke", NO_EVENT),
        ("sam-invoke", NO_EVENT),
        ("sam-invoke EVENT=a", f"'make sam-invoke' {NO_ENGINE} 'make invoke EVENT=a'"),
    ],
)
def test_a_target_that_cannot_work_says_so_first(target: str, words: str) -> None:
    """What is lacking comes first, in the words that were typed, and nothing is built for it."""
    # Under `make test`, its variables would make this one a part of it, which tells of its folder.
    ours = {"ARTIFACTS_DIR", "EVENT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    environment = kept | {"DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run(
        [
            *("make", *target.split(), "--old-file=ready", "--old-file=ready-sam"),
            f"VENV={Path(sys.executable).parents[1]}",
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr.splitlines()[0]
