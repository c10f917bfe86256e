"""``python -m benchmarks.growth``: what grows with a policy, an API, pools, keys and tokens.

Each curve is one call at several sizes, taken in turns; 1 is the smallest size. What does not
depend on a size must be flat, and what reads a text must grow no faster than the text. Then eight
threads beside one, and memory while tokens go by.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import urlsafe_b64encode
from functools import partial
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer import JwksCache, KeySet, Policy, TokenVerifier, UserPool
from authorizer.cli.policy_file import compiled_rule, dump_policy
from benchmarks import report
from benchmarks.engines import Ours
from benchmarks.threads import THREADS, measured_by
from benchmarks.timing import compare, without_collector
from benchmarks.tokens import Issuer
from benchmarks.workload import TEMPLATE, requests, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.timing import Figure

    Calls = Sequence[Callable[[], object]]
    # What is asked, by curve and by size.
    Panel = dict[str, dict[float, Calls]]

_REPEATS = 15
_TOKENS = 96
_FEW, _MANY = 16, 4096
_RULES = (10, 100, 1_000, 10_000)
_ROUTES = (10, 30, 100, 300)
_POOLS = (1, 10, 100, 1_000)
_KEYS = (1, 10, 100)
_GROUPS = (0, 10, 30, 100)
# No token of Cognito's is smaller: the signature alone has a third of a KiB.
_KIB = (0.7, 1, 2, 4, 8)
_NOT_NEEDED = dict.fromkeys(
    ("cognito:groups", "origin_jti", "event_id", "scope", "auth_time", "iat", "jti", "username")
)
_POOL_ID, _CLIENT_ID = "eu-west-1_Benchmark", "4k2benchmarkclient"


def panels(issuer: Issuer) -> dict[str, Panel]:
    """All that is measured, by what grows."""
    return {
        "rules": {"a decision": {size: _decisions(size) for size in _RULES}},
        "routes": {
            "a decision on a route": {n: _routes(n, concrete=False) for n in _ROUTES},
            "a decision on a path": {n: _routes(n, concrete=True) for n in _ROUTES},
        },
        "pools": _verifying(_POOLS, lambda n: _verifier(issuer, pools=int(n)), issuer),
        "keys of a pool": _verifying(_KEYS, lambda n: _verifier(issuer, keys=int(n)), issuer),
        "groups in the token": _with_claims(
            issuer, {n: {"cognito:groups": [f"group-{i:03}" for i in range(n)]} for n in _GROUPS}
        ),
        "KiB of token": _with_claims(issuer, {size: padded(issuer, size) for size in _KIB}),
    }


def _decisions(rules: int) -> Calls:
    policy = Ours().load(Ours().source(workload(rules)))
    questions = (policy.question(request) for request in requests(TEMPLATE, rules))
    return _met(question for question in questions if question)


def _routes(count: int, *, concrete: bool) -> Calls:
    rules = [f"GET /v1/things-{number}/{{id}}" for number in range(count)]
    group = {"includes": [], "allow": [compiled_rule(rule, 1) for rule in rules], "deny": []}
    document = {
        "groups": {"reader": group},
        "scopes": {},
        "public": [],
        "routes": rules,
        "callers": None,
    }
    decide = Policy.parse(dump_policy(document)).decide
    return _met(
        partial(
            decide,
            method="GET",
            route=None if concrete else f"/v1/things-{number}/{{id}}",
            path=f"/v1/things-{number}/{turn}",
            path_parameters={} if concrete else {"id": str(turn)},
            groups=("reader",),
            scopes=(),
            claims={},
        )
        for turn, number in enumerate(islice(cycle(range(count)), 300))
    )


def _met(calls: Iterable[Callable[[], object]]) -> Calls:
    """Calls that have been made before: what is remembered of them is."""
    met = list(calls)
    for call in met:
        call()
    return met


def _verifier(
    issuer: Issuer, *, pools: int = 1, keys: int = 1, remember: int = _FEW
) -> TokenVerifier:
    own = UserPool(_POOL_ID, [_CLIENT_ID])
    others = [UserPool(f"eu-west-1_Other{number:04}", ["client"]) for number in range(1, pools)]
    jwks = issuer.jwks()
    jwks["keys"] += [
        jwks["keys"][0] | {"kid": f"other-{number}", "n": _another_modulus(number)}
        for number in range(1, keys)
    ]
    bundled = {own: KeySet.parse(json.dumps(jwks).encode())}
    return TokenVerifier([own, *others], keys=JwksCache(bundled=bundled), remember=remember)


def _another_modulus(number: int) -> str:
    """Another key's: nobody has to be able to sign with it."""
    modulus = (1 << 2047) + 2 * number + 1
    return urlsafe_b64encode(modulus.to_bytes(256)).rstrip(b"=").decode()


def _verifying(
    sizes: Sequence[float], make: Callable[[float], TokenVerifier], issuer: Issuer
) -> Panel:
    tokens = [issuer.token() for _ in range(_TOKENS)]
    return {
        "a new token": {size: _calls(make(size), tokens) for size in sizes},
        "the same one again": {size: _calls(make(size), tokens[:1]) for size in sizes},
    }


def _with_claims(issuer: Issuer, claims: Mapping[float, Mapping[str, Any]]) -> Panel:
    tokens = {
        size: [issuer.token(claims=more) for _ in range(_TOKENS)] for size, more in claims.items()
    }
    return {
        "a new token": {size: _calls(_verifier(issuer), some) for size, some in tokens.items()},
        "the same one again": {
            size: _calls(_verifier(issuer), some[:1]) for size, some in tokens.items()
        },
    }


def padded(issuer: Issuer, kib: float) -> dict[str, Any]:
    """What makes a token so long: no claim that is not needed, and another one of that length."""
    needed = len(issuer.token(claims=_NOT_NEEDED | {"custom": ""}))
    # Three octets are four characters.
    return _NOT_NEEDED | {"custom": "x" * int((kib * 1024 - needed) * 3 / 4)}


def _calls(verifier: TokenVerifier, tokens: Sequence[str]) -> Calls:
    for token in tokens:
        verifier.verify(token)
    return [partial(verifier.verify, token) for token in tokens]


def measure(*, repeats: int) -> dict[str, dict[str, dict[float, Figure]]]:
    """Figures by what grows, curve and size; 1 is the smallest size of the curve."""
    found: dict[str, dict[str, dict[float, Figure]]] = {}
    for axis, curves in panels(Issuer()).items():
        found[axis] = {}
        for curve, calls in curves.items():
            named = {str(size): some for size, some in calls.items()}
            with without_collector():
                figures = compare(named, unit=next(iter(named)), repeats=repeats)
            found[axis][curve] = {size: figures[str(size)] for size in calls}
    return found


def plot(found: Mapping[str, Mapping[str, Mapping[float, Figure]]], file: Path) -> None:
    """One picture, a panel for each thing that grows."""
    mpl = import_module("matplotlib")  # only a picture needs it

    mpl.use("Agg")
    plt = import_module("matplotlib.pyplot")

    figure, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
    for panel, (axis, curves) in zip(axes.flat, found.items(), strict=True):
        largest = 0.0
        for curve, points in curves.items():
            times = [point.microseconds for point in points.values()]
            panel.plot(list(points), times, marker="o", label=curve)
            largest = max(largest, *times)
        panel.set(xlabel=axis, ylabel="µs", ylim=(0, 1.15 * largest))
        if axis not in {"groups in the token", "KiB of token"}:
            panel.set_xscale("log")
            panel.set_xticks(list(points), [f"{size:,}" for size in points])
            panel.minorticks_off()
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    figure.savefig(file, dpi=110, metadata={"Software": None})


# --- threads, and endurance -----------------------------------------------------------------------


def threads(pythons: Sequence[str]) -> str:
    """New tokens a second by one thread and by eight, on each of these interpreters."""
    issuer = Issuer()
    asked = {
        "pool": _POOL_ID,
        "client": _CLIENT_ID,
        "jwks": issuer.jwks(),
        "tokens": [issuer.token() for _ in range(512)],
    }
    rows = [
        [rates.python, f"{rates.one:,.0f}", f"**{rates.ratio:.2f}**"]
        for rates in (measured_by(python, asked) for python in pythons)
    ]
    head = ["one verifier", "new tokens a second, one thread", f"{THREADS} threads"]
    return report.table(head, rows)


def endurance(*, verifications: int) -> tuple[float, float]:
    """Memory of this process, in MB: when the verifier's memory is full, and in the end.

    Tokens go round, far more of them than are remembered: to the verifier, each is new.
    """
    issuer = Issuer()
    verifier = _verifier(issuer, remember=_MANY)
    tokens = cycle([issuer.token() for _ in range(2 * _MANY)])
    for token in islice(tokens, 3 * _MANY):
        verifier.verify(token)
    full = _resident_mb()
    for token in islice(tokens, verifications - 3 * _MANY):
        verifier.verify(token)
    return full, _resident_mb()


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) / 1000


def page(found: Mapping[str, Mapping[str, Mapping[float, Figure]]], *, repeats: int) -> str:
    """The figures as Markdown."""
    parts = [f"{report.machine()}; medians of {repeats} rounds. 1 is the smallest of each row."]
    for axis, curves in found.items():
        sizes = [f"{size:,}" for size in next(iter(curves.values()))]
        rows = (
            [curve, *(report.cell(point) for point in points.values())]
            for curve, points in curves.items()
        )
        parts.append(report.table([axis, *sizes], rows))
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_REPEATS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    parser.add_argument("--plot", type=Path, help="a PNG to write")
    parser.add_argument("--verifications", type=int, default=1_000_000, help="of the endurance")
    parser.add_argument(
        "--free-threaded",
        action="append",
        default=[],
        metavar="PYTHON",
        help="a free-threaded interpreter that has python-jose and cachetools",
    )
    options = parser.parse_args(arguments)
    found = measure(repeats=options.rounds)
    on_threads = threads([sys.executable, *options.free_threaded])
    full, end = endurance(verifications=options.verifications)
    text = page(found, repeats=options.rounds) + (
        f"\n\n{on_threads}\n\n{options.verifications:,} verifications, each of a token that is not "
        f"remembered any more: {full:.0f} MB resident when {_MANY:,} were remembered, and "
        f"{end:.0f} MB in the end, **{end / full:.2f}** times as much."
    )
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text, part="figures of growth")
    if options.plot:
        plot(found, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
