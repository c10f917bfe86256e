"""``sam local`` with a real engine: samples, the scenario, and where it differs from AWS.

Only where a container engine answers and ``make sam-local`` has built for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sam_local as sam
from lambda_runtime import project_in
from sample_index import read_index
from start_api import as_start_api_answers, invoke_samples, started_api

from authorizer.cli.event.samples import callers_of_file
from authorizer.cli.event.tokens import throw_away_pool
from authorizer.cli.local import scenario
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.local.stack import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("containers")]

PROJECT = Path(__file__).parents[2]
EVENTS = PROJECT / "events"


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    if not (PROJECT / "build/sam-local/built").is_dir():
        pytest.skip("nothing is built for containers: `make sam-local` does it")
    if not sam.engine_answers(PROJECT):
        pytest.skip("no container engine answers")


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack.running(project_in(PROJECT)) as running:
        yield running


def test_samples_answer_as_their_names_say() -> None:
    """In a container too."""
    pool = throw_away_pool(callers_of_file(PROJECT / "policy.yaml"))
    with sam.with_keys(PROJECT, pool) as local:
        replays = list(invoke_samples(local, pool, EVENTS))
    assert [replay for replay in replays if replay.found != replay.expected] == []
    assert {replay.name for replay in replays} == read_index(EVENTS).keys()


def test_the_scenario_differs_only_as_documented(stack: LocalStack) -> None:
    """Every user on every route, through start-api: the same but for what the README lists."""
    cases = [as_start_api_answers(case) for case in scenario.cases(stack)]
    with (
        sam.with_keys(PROJECT, stack.served_pool().source()) as local,
        started_api(local) as api,
    ):
        outcomes = list(scenario.play(api, cases))
    assert len(outcomes) > 70
    assert [(o.case.who, o.case.request, *o.differences) for o in outcomes if o.differences] == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"AUTHORIZER_HTTP_API_REFUSAL": "unauthorized"}, "token_not_compact"),
        ({"AUTHORIZER_USER_POOL": "misspelt"}, None),
    ],
)
def test_what_is_raised_is_a_502(setting: dict[str, str], reason: str | None) -> None:
    """Where AWS says 401 or 500, start-api says 502: listed in the README."""
    with (
        sam.with_keys(
            PROJECT, throw_away_pool(callers_of_file(PROJECT / "policy.yaml")), setting
        ) as local,
        started_api(local) as api,
    ):
        answer = api.call("GET", "/hello", "Bearer garbage")
    assert (answer.status, answer.reason) == (502, reason)


def test_nothing_of_a_run_stays_in_the_package() -> None:
    """Keys are taken out again: the next run must not trust this one's."""
    package = PROJECT / "build/sam-local/built/AuthorizerFunction"
    with sam.with_keys(PROJECT, throw_away_pool(callers_of_file(PROJECT / "policy.yaml"))):
        assert list(package.glob("*.jwks.json"))
    assert not list(package.glob("*.jwks.json"))


def test_nothing_is_built_yet(tmp_path: Path) -> None:
    """What is missing is said, with what makes it."""
    (tmp_path / "Makefile").touch()
    with (
        pytest.raises(LocalStackError, match="make sam-local"),
        sam.with_keys(tmp_path, throw_away_pool(callers_of_file(PROJECT / "policy.yaml"))),
    ):
        pass
