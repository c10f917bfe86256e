"""``python -m benchmarks.threads``: new tokens a second, by one thread and by eight.

It is asked over its standard input, and imports nothing that makes tokens or writes pages: so a
free-threaded interpreter can run it with what the verifier itself needs.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from sysconfig import get_config_var
from typing import TYPE_CHECKING, Any

from authorizer import JwksCache, KeySet, TokenVerifier, UserPool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THREADS = 8
_ROUNDS = 9
# Far less than there are tokens: to the verifier, each is new.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What was found, by which interpreter.

    Attributes:
        python: its version, and what it verifies signatures with.
        one: tokens a second by one thread, the median of the rounds.
        ratio: by eight threads, as a multiple of that within a round; the median.
    """

    python: str
    one: float
    ratio: float


def measured_by(python: str, asked: Mapping[str, Any]) -> Rates:
    """Have an interpreter run this module, which may not be the one that runs here.

    Args:
        python: its command; it has python-jose and cachetools.
        asked: ``pool``, ``client``, ``jwks`` and ``tokens``.
    """
    done = subprocess.run(  # noqa: S603 - an interpreter that the caller names
        [python, "-m", "benchmarks.threads"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return Rates(**json.loads(done.stdout))


def measure(asked: Mapping[str, Any], *, rounds: int = _ROUNDS) -> Rates:
    """Verify all tokens, again and again, by one thread and by eight in turns."""
    pool = UserPool(asked["pool"], [asked["client"]])
    keys = JwksCache(bundled={pool: KeySet.parse(json.dumps(asked["jwks"]).encode())})
    verifier = TokenVerifier(pool, keys=keys, remember=_REMEMBERED)
    tokens = asked["tokens"]
    rate(verifier, tokens, threads=1)
    pairs = [
        (rate(verifier, tokens, threads=1), rate(verifier, tokens, threads=THREADS))
        for _ in range(rounds)
    ]
    build = " free-threaded" if get_config_var("Py_GIL_DISABLED") else ""
    # What python-jose takes; the latter is Python.
    library = "cryptography" if find_spec("cryptography") else "rsa"
    return Rates(
        python=f"{platform.python_implementation()} {platform.python_version()}{build}, {library}",
        one=median(one for one, _ in pairs),
        ratio=median(many / one for one, many in pairs),
    )


def rate(verifier: TokenVerifier, tokens: Sequence[str], *, threads: int) -> float:
    """Verifications a second. Each thread has its share of the tokens."""

    def work(share: Sequence[str]) -> None:
        for token in share:
            verifier.verify(token)

    shares = [tokens[first::threads] for first in range(threads)]
    workers = [threading.Thread(target=work, args=(share,)) for share in shares]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(tokens) / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(json.load(sys.stdin)))))
