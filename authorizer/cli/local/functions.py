"""``authorizer local invoke`` and ``authorizer local sam``: functions as Lambda runs them."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authorizer.cli.event.judge import bundle_keys
from authorizer.cli.event.samples import load_sample
from authorizer.cli.event.sources import SOURCES, SOURCES_HELP, token_source
from authorizer.cli.event.throwaway import ThrowAwayPool
from authorizer.cli.local import report, sam, scenario
from authorizer.cli.local.runtime import running_function
from authorizer.cli.local.sam_scenario import as_start_api_answers, invoke_samples
from authorizer.cli.local.serving import served_pool
from authorizer.cli.local.stack import LocalStack
from authorizer.cli.local.start_api import started_api
from authorizer.cli.template.runtime import PYTHONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from authorizer.cli.event.samples import Sample
    from authorizer.cli.event.sources import TokenSource
    from authorizer.cli.local.runtime import Invocation
    from authorizer.cli.local.sam_scenario import Replay
    from authorizer.cli.local.stack import Say

_EVENTS = Path("events")
_TOKEN_FROM = click.option(
    "--token-from",
    type=click.Choice(SOURCES),
    default=SOURCES[0],
    show_default=True,
    help=SOURCES_HELP,
)
_NAME = click.argument("name", metavar="[NAME|FILE]", required=False)


@click.command()
@_NAME
@_TOKEN_FROM
def invoke(name: str | None, token_from: str) -> None:
    """Run the sample event NAME in its function's package, by Lambda's runtime emulator."""
    project = Path()

    def run(sample: Sample, source: TokenSource, event: object) -> Invocation:
        with tempfile.TemporaryDirectory(prefix="authorizer-keys-") as keys:
            environment = {} if sample.is_for_hello else bundle_keys(source, Path(keys))
            with running_function(project, sample.function, environment) as function:
                return function.invoke(event)

    with report.in_words():
        _invoke(name, token_from, run)


@click.group(name="sam")
def sam_group() -> None:
    """The same in containers, by the SAM CLI and a Docker engine."""


@sam_group.command()
@click.option("--python", type=click.Choice(PYTHONS), help="Default: the template's.")
def build(python: str | None) -> None:
    """Build for a container on this machine, from a template derived from template.yaml."""
    with report.in_words():
        sam.build(Path(), python)


@sam_group.command(hidden=True)
@click.argument("command")
@click.argument("instead")
def engine(command: str, instead: str) -> None:
    """Say that COMMAND needs a container engine, and INSTEAD none, if none answers."""
    with report.in_words():
        sam.require_engine(Path(), command, instead)


@sam_group.command("invoke")
@_NAME
@_TOKEN_FROM
def sam_invoke(name: str | None, token_from: str) -> None:
    """Run the sample event NAME with `sam local invoke`."""

    def run(sample: Sample, source: TokenSource, event: object) -> Invocation:
        typed = "authorizer local sam invoke"
        sam.require_engine(Path(), typed, f"authorizer local invoke {sample.name}")
        with sam.with_keys(Path(), source) as local:
            return local.invoke(sample.function, event)

    with report.in_words():
        _invoke(name, token_from, run)


@sam_group.command("run")
def sam_run() -> None:
    """Every sample with `sam local invoke`, then the scenario with `sam local start-api`."""
    terminal = report.console()
    with report.in_words():
        sam.require_engine(Path(), "authorizer local sam run", "authorizer local run")
        with report.progress(terminal) as say:
            replays = _invoke_samples(say)
        terminal.print(report.replays(replays))
        with report.progress(terminal) as say:
            outcomes = _play_start_api(say)
        terminal.print(report.table(outcomes, width=terminal.width, remembered=False))
    wrong = sum(1 for replay in replays if replay.found != replay.expected)
    differing = sum(1 for outcome in outcomes if outcome.differences)
    _conclude(terminal, f"{len(replays)} events", wrong)
    _conclude(terminal, f"{len(outcomes)} requests", differing)
    if wrong or differing:
        sys.exit(1)


def _invoke(
    name: str | None,
    token_from: str,
    run: Callable[[Sample, TokenSource, object], Invocation],
) -> None:
    if name is None:
        raise click.ClickException(
            "expected the name of an event, such as http-2.0-allowed, or a file (with make: "
            "EVENT=http-2.0-allowed); 'authorizer event' lists the names"
        )
    sample = load_sample(_EVENTS, name)
    source = token_source(token_from, Path(), sys.stdin, sample)
    invocation = run(sample, source, sample.filled(source.token, source.sub))
    for line in invocation.log:
        click.echo(line, err=True)
    click.echo(json.dumps(invocation.answer, indent=2))


def _invoke_samples(say: Say) -> list[Replay]:
    pool = ThrowAwayPool()
    replays = []
    with sam.with_keys(Path(), pool) as local:
        say("sam local invoke, for every event")
        for replay in invoke_samples(local, pool, _EVENTS):
            replays.append(replay)
            say(f"sam local invoke: {replay.name}")
    return replays


def _play_start_api(say: Say) -> list[scenario.Outcome]:
    """The cases of `make run`: tokens of real sign-ins, whose pool's keys are in the package."""
    with LocalStack.running(Path(), say) as stack:
        say("signing in with password and TOTP, and making tokens that must be refused")
        cases = [as_start_api_answers(case) for case in scenario.cases(stack)]
        say("starting sam local start-api")
        with sam.with_keys(Path(), served_pool(stack)) as local, started_api(local) as api:
            say(f"sending {len(cases)} requests")
            return list(scenario.play(api, cases))


def _conclude(terminal: Console, what: str, differing: int) -> None:
    terminal.print(f"{what}: {f'{differing} not as expected' if differing else 'all as expected'}")
