"""``python -m benchmarks.node_peers``: verifiers of npm, beside Node's own RSA verification.

Another language has another unit: what its own library of cryptography takes for the signatures
of the same tokens, in the same process. The ratio is what can be compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.timing import Figure
from benchmarks.tokens import TOKENS, Issuer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCRIPT = Path(__file__).parent / "node"
_PACKAGES = Path(__file__).parents[1] / "build" / "benchmarks" / "node"
_ROUNDS = 31


def install() -> None:
    """What the lock file says, into build/; nothing into the checkout."""
    _PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(_SCRIPT / name, _PACKAGES)
    subprocess.run(
        ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"],  # noqa: S607
        cwd=_PACKAGES,
        check=True,
    )


def measure(*, rounds: int) -> tuple[str, dict[str, Figure]]:
    """The version of Node, and the figures of each."""
    issuer = Issuer()
    pool, client = "eu-west-1_Benchmark", "4k2benchmarkclient"
    asked = {
        "tokens": [issuer.token() for _ in range(TOKENS)],
        "jwks": issuer.jwks(),
        "issuer": issuer.issuer,
        "pool": pool,
        "client": client,
        "rounds": rounds,
    }
    done = subprocess.run(  # noqa: S603 - a script of our own
        ["node", str(_SCRIPT / "tokens.mjs"), str(_PACKAGES)],  # noqa: S607
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer["node"], figures(answer["taken"], answer["unit"])


def figures(taken: Mapping[str, Sequence[float]], unit: str) -> dict[str, Figure]:
    """Medians of the rounds; ratios are taken within a round."""
    return {
        name: Figure(
            ratio=median(one / bare for one, bare in zip(times, taken[unit], strict=True)),
            microseconds=median(times),
        )
        for name, times in taken.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.node_peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    options = parser.parse_args(arguments)
    if not (shutil.which("node") and shutil.which("npm")):
        sys.stderr.write("no node and npm here: verifiers of npm are not measured\n")
        return 0
    install()
    version, found = measure(rounds=options.rounds)
    rows = ([name, report.cell(figure)] for name, figure in found.items())
    text = f"Node {version}; medians of {options.rounds} rounds.\n\n" + report.table(
        ["a token, in Node", ""], rows
    )
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text, part="figures of tokens in Node")
    return 0


if __name__ == "__main__":
    sys.exit(main())
