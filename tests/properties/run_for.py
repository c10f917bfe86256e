"""Run tests again and again, each round with another seed: ``make properties``, ``make fuzz``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from random import SystemRandom


def main(seconds: float, tests: list[str]) -> int:
    """Stop at the first counter-example, or when the time is over."""
    end, rounds, random = time.monotonic() + seconds, 0, SystemRandom()
    while rounds == 0 or time.monotonic() < end:
        seed = random.randrange(2**32)
        command = [sys.executable, "-m", "pytest", "-q", *tests]
        finished = subprocess.run(
            [*command, f"--hypothesis-seed={seed}", "-p", "no:cacheprovider"],
            capture_output=True,
            text=True,
            env=os.environ | {"TRY_ALL_EXAMPLES": "yes"},  # tests/examples.py
            check=False,
        )
        rounds += 1
        print(
            f"round {rounds}, seed {seed}: {finished.stdout.strip().splitlines()[-1]}", flush=True
        )
        if finished.returncode:
            print(finished.stdout, finished.stderr)
            return 1
    print(f"{rounds} rounds in {seconds:.0f} seconds: no counter-example")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
