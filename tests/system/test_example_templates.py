"""Each of `examples/` is deployed as it stands by somebody: it must fit together, and say so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# The others guard themselves, and have no API.
EXAMPLES = sorted(tests.parent for tests in PROJECT.glob("examples/*/policy.policy-test.yaml"))
pytestmark = pytest.mark.system


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
@pytest.mark.parametrize("command", ["check", "test"])
def test_an_example_fits_together(example: Path, command: str) -> None:
    """No finding of any severity; and what its policy must allow and deny, it does."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "authorizer.cli", command),
            *("--template", "template.yaml", "--strict"),
        ],
        cwd=example,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
