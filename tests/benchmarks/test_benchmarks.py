"""The harness measures what it says it measures. No figure is asserted: that is not a test."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from authorizer.cli.policy_file import dump_policy
from authorizer.errors import Reason
from authorizer.policy.decision import Policy
from benchmarks import (
    cold,
    documents,
    fleet,
    growth,
    node_peers,
    peers,
    report,
    standing,
    threads,
    timing,
    tokens,
)
from benchmarks.__main__ import main
from benchmarks.decide import WrongAnswerError, right_questions
from benchmarks.documents import GROUPS, SIZES
from benchmarks.engines import Engine, Floor, Ours, Regexes
from benchmarks.shapes import SHAPES, VARIATIONS
from benchmarks.workload import KINDS, REQUESTS_PER_KIND, requests, workload

README = Path(__file__).parents[2] / "benchmarks" / "README.md"
# The peers too, where they are installed.
ENGINES: list[Engine] = [Ours(), Floor(), Regexes(), *peers.peers()[0]]


@pytest.mark.parametrize("rules", [10, 100])
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_every_engine_gives_the_right_answers(engine: Engine, rules: int) -> None:
    """What an engine can express at all, it answers as the workload says."""
    loaded = engine.load(engine.source(workload(rules)))
    expressed = [kind for kind in KINDS if right_questions(loaded, requests(kind, rules))]
    assert "template path" in expressed


def test_ours_answers_everything() -> None:
    """There is no kind of request that our own engine is let off."""
    loaded = Ours().load(Ours().source(workload(10)))
    for kind in KINDS:
        assert len(right_questions(loaded, requests(kind, 10))) == REQUESTS_PER_KIND


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_right_answers(shape: str) -> None:
    """A policy that is built to be slow is still answered rightly."""
    policy, asked = SHAPES[shape](100)
    assert len(right_questions(Ours().load(Ours().source(policy)), asked)) == len(asked)


def test_a_wrong_answer_is_not_timed() -> None:
    """An engine that disagrees stops the benchmark."""
    loaded = Ours().load(Ours().source(workload(10)))
    wrong = [replace(one, allowed=False) for one in requests("template path", 10)]
    with pytest.raises(WrongAnswerError):
        right_questions(loaded, wrong)


@pytest.mark.parametrize("rules", [10, 1000])
def test_a_policy_has_the_rules_it_is_named_for(rules: int) -> None:
    """A column's head is the number of rules that the policy has."""
    assert len(Policy.parse(dump_policy(workload(rules).document())).rules) == rules


def test_a_size_that_cannot_be_made_is_refused() -> None:
    """Ten rules to an application, or 25 routes, no more and no less."""
    with pytest.raises(ValueError, match="multiple of 10"):
        workload(15)
    with pytest.raises(ValueError, match="multiple of 25"):
        documents.made(30)


@pytest.mark.parametrize("routes", SIZES)
def test_an_api_has_the_routes_it_is_named_for(routes: int) -> None:
    """A row's number is the number of routes that the API has."""
    assert len(set(documents.made(routes).routes)) == routes


def test_exact_documents_are_exact_and_naive_ones_are_not() -> None:
    """What is timed are two different things, and the page says so."""
    written = documents.measure(sizes=[25], repeats=1).written
    for group in GROUPS:
        exact, naive = written["cold", group, 25], written["naive", group, 25]
        assert (exact.too_much, exact.too_little) == (0, 0)
        assert naive.too_much + naive.too_little > 0


def test_the_command_writes_between_the_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures replace figures, the text around them stays, and absent peers are named."""
    monkeypatch.setattr(peers, "find_spec", lambda _name: None)
    monkeypatch.setattr(timing, "_MOST_TRIES", 1)  # nobody reads these figures
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nstale figures\n{report.END}\nafter\n")
    assert main(["--sizes", "10", "--routes", "25", "--rounds", "1", "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale figures" not in text
    assert "Not installed, and left out: casbin, cedarpy." in text
    assert all(f"#### {kind}\n" in text for kind in KINDS)
    assert capsys.readouterr().out.strip() in text


@pytest.mark.parametrize(
    "text", ["", f"{report.BEGIN}\n", f"{report.BEGIN} {report.END} {report.BEGIN}"]
)
def test_a_page_without_markers_is_left_alone(text: str, tmp_path: Path) -> None:
    """Nothing is written where it is not certain what would be replaced."""
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(ValueError, match="once each"):
        report.put_into(readme, "figures")
    assert readme.read_text() == text


def test_the_published_page_is_of_this_benchmark() -> None:
    """Every kind of request, every shape and every document that is measured is on the page."""
    page = README.read_text()
    assert all(f"#### {kind}\n" in page for kind in KINDS)
    assert all(f"| {group}, {size} routes |" in page for group in GROUPS for size in SIZES)
    assert all(f"| {shape} |" in page for shape in (*VARIATIONS, *SHAPES))


def test_tokens_and_events_are_judged_rightly_before_they_are_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verdict is looked at; the figures of each stand between markers of their own."""
    readme = tmp_path / "README.md"
    first, last = (
        one.replace("figures", "figures of tokens") for one in (report.BEGIN, report.END)
    )
    readme.write_text(f"{report.BEGIN}\nof decisions\n{report.END}\n{first}\nstale\n{last}\n")
    assert tokens.main(["--rounds", "1", "--readme", str(readme)]) == 0
    text, published = readme.read_text(), README.read_text()
    assert "of decisions" in text
    assert "stale" not in text
    assert capsys.readouterr().out.strip() in text
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    assert {" **authorizer** ", " a remembered token ", " garbage ", " rest-token "} <= set(rows)
    assert [row for row in rows if f"|{row}|" not in published] == []


def test_a_wrong_verdict_is_not_timed() -> None:
    """A verifier that refuses for another reason stops the benchmark."""
    issuer = tokens.Issuer()
    with pytest.raises(tokens.WrongVerdictError):
        tokens._refusal(tokens.verifier(issuer, remember=1), issuer.token(), Reason.EXPIRED)


def test_a_package_is_weighed_as_it_is_zipped(tmp_path: Path) -> None:
    """Byte code is part of it, and told apart."""
    (tmp_path / "module.py").write_text("VALUE = 1\n" * 1000)
    plain, compiled = cold.packed_bytes(tmp_path)
    assert (compiled, plain < 1000) == (0, True)
    (tmp_path / "module.pyc").write_bytes(bytes(range(256)) * 4)
    size, compiled = cold.packed_bytes(tmp_path)
    assert 0 < compiled < size - plain + compiled


def test_figures_of_cold_starts_are_over_what_nothing_costs() -> None:
    """A second on top of a second is one second; a ratio is of what is on top."""
    first = {
        cold.TRIVIAL: [cold.First(wall=1, cpu=1)],
        **{
            f"{who}, {keys}": [cold.First(wall=seconds, cpu=seconds)]
            for who, seconds in ((cold.OURS, 2.0), (cold.NAIVE, 5.0))
            for keys in (cold.BUNDLED, cold.FETCHED)
        },
    }
    found = cold.Found(
        firsts=first,
        peaks=dict.fromkeys(first, 1_000_000),
        packages={cold.OURS: (5_000_000, 0), cold.NAIVE: (10_000_000, 0)},
    )
    text = cold.page({"3.14": found}, rounds=1)
    assert "| first answer, keys shipped | 1000 ms | 4000 ms | **0.25** |" in text
    assert "| package, zipped, with byte code | 5.0 MB | 10.0 MB | **0.50** |" in text


def test_a_fleet_with_shipped_keys_survives_an_outage() -> None:
    """Who starts without keys in an outage cannot answer; who has them asks nobody for them."""
    fetched, shipped = (
        fleet.simulate(fleet.Scenario(shipped=shipped, spread=0), containers=10)
        for shipped in (False, True)
    )
    assert sum(fetched.failed.values()) > 0 == sum(shipped.failed.values())
    assert max(fetched.fetches[second] for second in range(11)) > 0
    assert max(shipped.fetches[second] for second in range(11)) == 0
    assert (fetched.refused, shipped.refused) == (0, 0)


def test_tokens_are_as_long_as_they_should_be() -> None:
    """What a token's size is told to be is what it has, nearly."""
    issuer = tokens.Issuer()
    for kib in growth._KIB:
        token = issuer.token(claims=growth.padded(issuer, kib))
        assert abs(len(token) - kib * 1024) < 30
        assert tokens.verifier(issuer, remember=0).verify(token).groups == ()


def test_any_interpreter_can_be_asked_for_its_threads() -> None:
    """It is told all that it needs, and says what it is."""
    issuer = tokens.Issuer()
    rates = threads.measured_by(
        sys.executable,
        {
            "pool": "eu-west-1_Benchmark",
            "client": "4k2benchmarkclient",
            "jwks": issuer.jwks(),
            "tokens": [issuer.token() for _ in range(threads.THREADS)],
        },
    )
    assert rates.python.endswith(f"{platform.python_version()}, cryptography")
    assert min(rates.one, rates.ratio) > 0


def test_the_picture_shows_what_the_page_says() -> None:
    """Ours and every peer's figure are read off the tables; the unit is a line."""
    found = standing.figures(README.read_text())
    assert {"**authorizer**", "**authorizer**, a remembered token"} <= found.keys()
    assert any(name.startswith("PyJWT") for name in found)
    assert standing._UNIT not in found
    assert all(ratio > 0 for ratio in found.values())


def test_what_was_aimed_at_is_read_off_the_page() -> None:
    """The page's table of aims says what its other tables do, of each that has to be measured."""
    page = README.read_text()
    rows = standing.goals(page).splitlines()[2:]
    assert [row for row in rows if row not in page] == []
    # An interpreter without a lock is not everywhere.
    assert [
        row for row in rows if "not measured" in row and "without an interpreter" not in row
    ] == []


def test_an_aim_is_held_to_the_worst_figure() -> None:
    """Of several the largest counts, or the smallest where more is better."""
    page = """
| garbage | **0.05** (2.00 µs) |
| a wrong `alg` | **0.11** (4.00 µs) |
| a remembered token | **0.10** (3.60 µs) |
| CPython 3.11.7, cryptography | 10,000 | **0.99** |
| authorizer | 1000 µs | +8% | 600 µs | +6% |
"""
    verdicts = {}
    for row in standing.goals(page).splitlines()[2:]:
        what, _, _, found, verdict = row.strip("| ").rsplit(" | ", 4)
        verdicts[what[:12]] = (found, verdict)
    assert verdicts["refusing gar"] == ("0.05 to 0.11", "**not met**")
    assert verdicts["a remembered"] == ("0.10", "met")
    assert verdicts["new tokens a"] == ("0.99", "**not met**")
    assert verdicts["a warm funct"] == ("8 %", "met")


def test_figures_of_node_are_ratios_within_a_round() -> None:
    """A slow round is slow for all, and no figure."""
    found = node_peers.figures({"unit": [1, 10, 1], "peer": [2, 20, 3]}, "unit")
    assert (found["peer"].ratio, found["unit"].ratio) == (2, 1)
    assert found["peer"].microseconds == 3
