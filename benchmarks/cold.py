"""``python -m benchmarks.cold``: a function's first answer, its package and its memory.

Ours is the package that is built, the other one an authorizer as it is usually written
(``functions/naive.py``) with all that pip installs for it; both with the byte code of the
interpreter that runs them, in turns. What Lambda itself needs is taken off: a function that does
nothing answers in every round, too. Processes are new each time; files are in the system's cache.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from benchmarks import report
from benchmarks.runtime_api import Package, running
from benchmarks.tokens import Issuer, jwks_handler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.runtime_api import RunningFunction

PROJECT = Path(__file__).parents[1]
FUNCTIONS = Path(__file__).parent / "functions"
TRIVIAL = "a function that does nothing"
OURS, NAIVE = "authorizer", "naive"
BUNDLED, FETCHED = "keys shipped", "keys fetched"
_ROUNDS = 25
# Enough that all of a function's code has run, and its memories hold something.
_WARM_CALLS = 300
_POOL, _CLIENT = "eu-west-1_Benchmark", "4k2benchmarkclient"
_OUR_POOL = {"AUTHORIZER_USER_POOLS": f"{_POOL}={_CLIENT}"}
_NAIVE_POOL = {"NAIVE_POOL": _POOL, "NAIVE_CLIENT": _CLIENT}
_EVENT = PROJECT / "events" / "http-2.0-allowed.json"
_PLACEHOLDER = "REPLACE_WITH_ACCESS_TOKEN"
_MB = 1_000_000


class WrongAnswerError(Exception):
    """A function answers otherwise than it should: its time would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One Python, and what was made for it.

    Attributes:
        version: such as ``3.14``.
        command: that runs it.
        ours, client, naive: folders: our package, the runtime interface client's, the other one's.
    """

    version: str
    command: tuple[str, ...]
    ours: Path
    client: Path
    naive: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A first answer: seconds on the clock, and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one interpreter's functions were found to cost.

    Attributes:
        firsts: by contender, a first answer for each round.
        peaks: by contender, bytes at the most, when warm.
        packages: by contender, bytes when zipped, and of these byte code.
    """

    firsts: Mapping[str, Sequence[First]]
    peaks: Mapping[str, int]
    packages: Mapping[str, tuple[int, int]]


def measure(python: Interpreter, work: Path, *, rounds: int) -> Found:
    """Have everybody answer, round after round."""
    issuer = Issuer()
    events = events_of(issuer, _WARM_CALLS // 6)
    with served(json.dumps(issuer.jwks()).encode(), work) as (url, certificates):
        contenders = _contenders(python, work, issuer, url=url, certificates=certificates)
        firsts: dict[str, list[First]] = {name: [] for name in contenders}
        for number in range(rounds + 1):
            for name, package in contenders.items():
                with running(package) as function:
                    wall = _ask(function, events[number % len(events)])
                    # The first round has files read, and does not count.
                    firsts[name] += [First(wall=wall, cpu=function.cpu_seconds())][: number > 0]
        peaks = {name: _peak(package, events) for name, package in contenders.items()}
    packages = {OURS: packed_bytes(python.ours), NAIVE: packed_bytes(python.naive)}
    return Found(firsts=firsts, peaks=peaks, packages=packages)


def events_of(issuer: Issuer, number: int) -> list[bytes]:
    """Events that are allowed, each with a token of its own."""
    text = _EVENT.read_text(encoding="utf-8")
    return [text.replace(_PLACEHOLDER, issuer.token()).encode() for _ in range(number)]


def _ask(function: RunningFunction, event: bytes) -> float:
    answer, seconds = function.ask(event)
    if json.loads(answer).get("isAuthorized") is not True:
        raise WrongAnswerError(answer.decode(errors="replace"))
    return seconds


def _peak(package: Package, events: Sequence[bytes]) -> int:
    with running(package) as function:
        for number in range(_WARM_CALLS):
            _ask(function, events[number % len(events)])
        return function.peak_bytes()


def with_shipped_keys(python: Interpreter, work: Path, issuer: Issuer) -> dict[str, Package]:
    """The function that does nothing, ours and the other one; the pool's keys are in a file."""
    keys = work / "jwks.json"
    keys.write_text(json.dumps(issuer.jwks()), encoding="utf-8")
    trivial = Package(
        python=python.command,
        folder=str(FUNCTIONS),
        client=str(python.client),
        handler="trivial.handler",
        environment={},
    )
    return {
        TRIVIAL: trivial,
        OURS: replace(
            trivial,
            folder=str(python.ours),
            handler="handlers.authorize.handler",
            environment=_OUR_POOL | {"AUTHORIZER_JWKS_FILES": f"{_POOL}={keys!s}"},
        ),
        NAIVE: replace(
            trivial,
            folder=str(python.naive),
            handler="naive.handler",
            environment=_NAIVE_POOL | {"NAIVE_JWKS_FILE": str(keys)},
        ),
    }


def _contenders(
    python: Interpreter, work: Path, issuer: Issuer, *, url: str, certificates: Path
) -> dict[str, Package]:
    shipped = with_shipped_keys(python, work, issuer)
    trusted = {"REQUESTS_CA_BUNDLE": str(certificates)}
    ours = _OUR_POOL | {"AUTHORIZER_JWKS_URLS": f"{_POOL}={url}"} | trusted
    naive = _NAIVE_POOL | {"NAIVE_JWKS_URL": url} | trusted
    return {
        TRIVIAL: shipped[TRIVIAL],
        f"{OURS}, {BUNDLED}": shipped[OURS],
        f"{NAIVE}, {BUNDLED}": shipped[NAIVE],
        f"{OURS}, {FETCHED}": replace(shipped[OURS], environment=ours),
        f"{NAIVE}, {FETCHED}": replace(shipped[NAIVE], environment=naive),
    }


@contextmanager
def served(body: bytes, work: Path) -> Iterator[tuple[str, Path]]:
    """The pool's endpoint on loopback, over TLS; its URL, and whom to trust for it."""
    certificate, key = _self_signed()
    (work / "server.pem").write_bytes(key + certificate)
    # Behind all that are trusted usually: to read those takes longer than to fetch.
    trusted = work / "certificates.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work / "server.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), jwks_handler(body))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/jwks.json", trusted
    finally:
        server.shutdown()
        server.server_close()


def _self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def packed_bytes(folder: Path) -> tuple[int, int]:
    """The size of a package when it is zipped as usual, and what of that is byte code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                packed.write(file, file.relative_to(folder))
        compiled = sum(
            entry.compress_size for entry in packed.infolist() if entry.filename.endswith(".pyc")
        )
    return len(archive.getvalue()), compiled


def checking(rounds: int) -> list[tuple[First, First]]:
    """``authorizer check`` of the sample, and cfn-lint of its template, in turns."""
    ours = (str(PROJECT / ".venv" / "bin" / "authorizer"), "check", "policy.yaml")
    linter = (str(PROJECT / ".venv-sam" / "bin" / "cfn-lint"), "--template", "template.yaml")
    pairs = [
        (
            _finished(*ours, "--template", "template.yaml"),
            _finished(*linter, "--regions", "us-east-1"),
        )
        for _ in range(rounds + 1)
    ]
    return pairs[1:]


def _finished(*command: str) -> First:
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise WrongAnswerError(f"{command[0]} has findings")
    wall = time.perf_counter() - started
    return First(wall=wall, cpu=used.ru_utime + used.ru_stime)


# --- what is run ----------------------------------------------------------------------------------


def here(work: Path) -> Interpreter:
    """This interpreter, with the package that `make package` built, and what `make runtime` did."""
    naive = work / "naive"
    # Not ours, but what pip makes of the same lock.
    _pip(naive)
    shutil.copy2(FUNCTIONS / "naive.py", naive)
    _run(sys.executable, "-m", "compileall", "-q", str(naive))
    return Interpreter(
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
        command=(os.path.realpath(sys.executable),),
        ours=PROJECT / "build" / "local" / "AuthorizerFunction",
        client=PROJECT / "build" / "dependencies" / "runtime",
        naive=naive,
    )


def deployed(root: Path, version: str, work: Path) -> Interpreter:
    """The Python that is deployed, in a root of its own, which has the checkout in its place."""
    command = (str(PROJECT / ".ci" / "in-root"), str(root), "python3")
    naive, client = work / "naive", work / "client"
    platform = ("--platform", f"manylinux2014_{os.uname().machine}", "--python-version", version)
    fitting = (*platform, "--platform", f"manylinux_2_28_{os.uname().machine}")
    for folder, lock in ((naive, "lambda"), (client, "runtime")):
        _pip(folder, "--implementation", "cp", "--only-binary=:all:", *fitting, lock=lock)
    shutil.copy2(FUNCTIONS / "naive.py", naive)
    for folder in (naive, client):
        _run(*command, "-m", "compileall", "-q", str(folder))
    return Interpreter(
        version=version,
        command=command,
        ours=work / "ours",
        client=client,
        naive=naive,
    )


def _pip(folder: Path, *options: str, lock: str = "lambda") -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(
        # The project's environment has pip; that of the benchmarks need not.
        *(str(PROJECT / ".venv" / "bin" / "python"), "-m", "pip", "install", "-qq"),
        "--disable-pip-version-check",
        *("--no-deps", "--require-hashes", "--no-compile", "--target", str(folder), *options),
        *("--requirement", str(PROJECT / "requirements" / f"{lock}.txt")),
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - programs of this page's own


# --- how it is written ----------------------------------------------------------------------------


def page(
    found: Mapping[str, Found], checks: Sequence[tuple[First, First]] = (), *, rounds: int
) -> str:
    """The figures as Markdown."""
    parts = [f"{report.machine()}; medians of {rounds} rounds."]
    for version, one in found.items():
        trivial = [first.wall for first in one.firsts[TRIVIAL]]
        parts.append(
            f"#### Python {version}\n\nBy itself, {TRIVIAL} answers "
            f"{_milliseconds(median(trivial))} after its process was started. Times are on top of "
            "that.\n\n" + report.table(["", OURS, NAIVE, "ratio"], _rows(one))
        )
    if checks:
        rows = []
        for what, label in (("wall", "until it ends"), ("cpu", "processor time")):
            pairs = [(getattr(ours, what), getattr(other, what)) for ours, other in checks]
            rows.append(_row(label, pairs))
        head = ["the sample, on this machine", "authorizer check", "cfn-lint", "ratio"]
        parts.append("#### A check\n\n" + report.table(head, rows))
    return "\n\n".join(parts)


def _row(label: str, pairs: Sequence[tuple[float, float]]) -> list[str]:
    return [
        label,
        *(_milliseconds(median(side)) for side in zip(*pairs, strict=True)),
        f"**{median(a / b for a, b in pairs):.2f}**",
    ]


def _rows(found: Found) -> Iterator[list[str]]:
    for keys in (BUNDLED, FETCHED):
        ours, naive = (_over_trivial(found, f"{who}, {keys}") for who in (OURS, NAIVE))
        for what, label in (("wall", "first answer"), ("cpu", "of that, processor time")):
            pairs = [(getattr(a, what), getattr(b, what)) for a, b in zip(ours, naive, strict=True)]
            yield _row(f"{label}, {keys}", pairs)
    peaks = [found.peaks[f"{who}, {FETCHED}"] for who in (OURS, NAIVE)]
    yield ["memory at the peak, warm, keys fetched", *map(_megabytes, peaks), _ratio(*peaks)]
    peaks = [found.peaks[f"{who}, {BUNDLED}"] for who in (OURS, NAIVE)]
    yield ["memory at the peak, warm, keys shipped", *map(_megabytes, peaks), _ratio(*peaks)]
    sizes = [found.packages[who][0] for who in (OURS, NAIVE)]
    yield ["package, zipped, with byte code", *map(_megabytes, sizes), _ratio(*sizes)]
    plain = [size - compiled for size, compiled in (found.packages[who] for who in (OURS, NAIVE))]
    yield ["package, zipped, without", *map(_megabytes, plain), _ratio(*plain)]


def _over_trivial(found: Found, name: str) -> list[First]:
    return [
        First(wall=first.wall - trivial.wall, cpu=max(first.cpu - trivial.cpu, 0.001))
        for first, trivial in zip(found.firsts[name], found.firsts[TRIVIAL], strict=True)
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _megabytes(count: int) -> str:
    return f"{count / _MB:.1f} MB"


def _ratio(ours: int, naive: int) -> str:
    return f"**{ours / naive:.2f}**"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    parser.add_argument(
        "--root",
        nargs=2,
        metavar=("VERSION", "FOLDER"),
        help="the deployed Python, and a root of its own that has it; our package for it is in "
        "build/benchmarks/VERSION/ours",
    )
    options = parser.parse_args(arguments)
    work = PROJECT / "build" / "benchmarks"
    (work / "here").mkdir(parents=True, exist_ok=True)
    pythons = [(here(work / "here"), work / "here")]
    if options.root:
        version, root = options.root
        pythons.append((deployed(Path(root), version, work / version), work / version))
    found = {
        python.version: measure(python, folder, rounds=options.rounds) for python, folder in pythons
    }
    checks = checking(max(3, options.rounds // 4))
    text = page(found, checks, rounds=options.rounds)
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text, part="figures of cold starts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
