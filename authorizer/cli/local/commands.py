"""``authorizer local run`` and ``authorizer local serve``."""

from __future__ import annotations

import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authorizer.cli.local import functions, report, scenario
from authorizer.cli.local.platform import platform
from authorizer.cli.local.serving import announced
from authorizer.cli.local.stack import LocalStack

if TYPE_CHECKING:
    from rich.console import Console

    from authorizer.cli.local.stack import Say

_SEEDS = 10_000


@click.group(short_help="Run the project on this machine, against an emulator.")
def local() -> None:
    """Run the project on this machine, against an emulated API Gateway and Cognito."""


local.add_command(functions.invoke)
local.add_command(functions.sam_group)
local.add_command(platform)


@local.command()
@click.option("--seed", type=int, help="The random walk's seed; default: a new one each time.")
def run(seed: int | None) -> None:
    """Deploy, sign in, play the scenario, and compare what comes of it with what must."""
    terminal = report.console()
    chosen = random.randrange(_SEEDS) if seed is None else seed  # noqa: S311 - not a secret
    with (
        report.in_words(),
        report.progress(terminal) as say,
        LocalStack.running(Path.cwd(), say) as stack,
    ):
        played = _play(stack, chosen, say)
        say("stopping")
    if not _report(terminal, *played, chosen):
        sys.exit(1)


def _play(
    stack: LocalStack, seed: int, say: Say
) -> tuple[list[scenario.Outcome], list[scenario.Outcome]]:
    """Every case once, in order and with its reason; then many again, in random order."""
    say("signing in with password and TOTP, and making tokens that must be refused")
    cases = scenario.cases(stack)
    say(f"sending {len(cases)} requests")
    outcomes = list(scenario.play(stack, cases))
    walk = scenario.walk(cases, seed)
    say(f"sending {len(walk)} more in random order (seed {seed})")
    return outcomes, list(scenario.play(stack, walk, reasons=False))


def _report(
    terminal: Console,
    outcomes: list[scenario.Outcome],
    walked: list[scenario.Outcome],
    seed: int,
) -> bool:
    """Print the table, and what differs; whether all was as expected."""
    terminal.print(report.table(outcomes, width=terminal.width))
    wrong = [outcome for outcome in walked if outcome.differences]
    if wrong:
        terminal.print(report.table(wrong, width=terminal.width))
    for outcome in [*outcomes, *wrong]:
        if outcome.differences:
            case = outcome.case
            terminal.print(f"{case.who}, {case.request}: {'; '.join(outcome.differences)}")
    differing = sum(1 for outcome in [*outcomes, *walked] if outcome.differences)
    terminal.print(
        f"{len(outcomes)} requests, then {len(walked)} in random order (seed {seed}): "
        f"{f'{differing} not as expected' if differing else 'all as expected'}"
    )
    return not differing


@local.command()
def serve() -> None:
    """Do what run does, then print curl lines with live tokens and serve until Ctrl-C."""
    terminal = report.console()
    seed = random.randrange(_SEEDS)  # noqa: S311 - not a secret
    with report.in_words(), ExitStack() as running:
        with report.progress(terminal) as say:
            stack = running.enter_context(LocalStack.running(Path.cwd(), say))
            played = _play(stack, seed, say)
        _report(terminal, *played, seed)
        with announced(stack, Path()):
            _serve(stack)


def _serve(stack: LocalStack) -> None:
    try:
        # Not through rich: a token must not be wrapped.
        click.echo("\n# These tokens are worth nothing anywhere else, and here for an hour.")
        for line in report.curl_lines(stack):
            click.echo(line)
        click.echo()
        for line in report.sign_in_lines(stack, stack.invite("newcomer", ("reader",))):
            click.echo(line)
        click.echo(f"\nServing {stack.base_url} until Ctrl-C")
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            click.echo()  # the terminal has just shown ^C
