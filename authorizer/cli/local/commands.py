"""``authorizer local``: the project on this machine; functions alone as Lambda runs them."""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import requests
from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.event.samples import Sample, load_sample
from authorizer.cli.event.tokens import (
    SOURCES,
    SOURCES_HELP,
    TokenSource,
    bundle_keys,
    token_source,
)
from authorizer.cli.local import report, sam, scenario
from authorizer.cli.local.project import LocalStackError, read_parts
from authorizer.cli.local.runtime import Invocation, running_function
from authorizer.cli.local.stack import LocalStack, Say
from authorizer.cli.template.runtime import PYTHONS, function_runtime

_SEEDS = 10_000
_EVENTS = Path("events")
_TOKEN_FROM = click.option(
    "--token-from",
    type=click.Choice(SOURCES),
    default=SOURCES[0],
    show_default=True,
    help=SOURCES_HELP,
)
_NAME = click.argument("name", metavar="[NAME|FILE]", required=False)


class _InWords(click.Group):
    """Errors as a line or two; Ctrl-C and SIGTERM as an orderly end, with all cleaned up."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\ninterrupted; everything is stopped", err=True)
            ctx.exit(128 + signal.SIGINT)
        except LocalStackError as error:
            raise click.ClickException(str(error)) from error
        except (BotoCoreError, ClientError, requests.RequestException) as error:
            raise click.ClickException(f"the emulator did not do as asked: {error}") from error


@click.group(cls=_InWords)
def local() -> None:
    """Run the project on this machine, against an emulated API Gateway and Cognito."""


@local.command()
@click.option(
    "--seed",
    type=int,
    default=lambda: random.randrange(_SEEDS),  # noqa: S311 - not a secret
    help="The random walk's seed; default: a new one each time.",
)
def run(seed: int) -> None:
    """Deploy, sign in, play the scenario, and compare what comes of it with what must."""
    terminal = report.console()
    with report.progress(terminal) as say, LocalStack.running(Path.cwd(), say) as stack:
        played = _play(stack, _cases(stack, say), seed, say)
        say("stopping")
    if not report.show(terminal, *played, seed):
        sys.exit(1)


@local.command()
def serve() -> None:
    """Do what run does, then print curl lines with live tokens and serve until Ctrl-C."""
    terminal = report.console()
    seed = random.randrange(_SEEDS)  # noqa: S311 - not a secret
    with ExitStack() as running:
        with report.progress(terminal) as say:
            stack = running.enter_context(LocalStack.running(Path.cwd(), say))
            cases = _cases(stack, say)
            played = _play(stack, cases, seed, say)
        report.show(terminal, *played, seed)
        with stack.announced(Path()):
            _serve(stack, cases)


def _cases(stack: LocalStack, say: Say) -> list[scenario.Case]:
    say("signing in with password and TOTP, and making tokens that must be refused")
    return scenario.cases(stack)


def _play(
    stack: LocalStack, cases: list[scenario.Case], seed: int, say: Say
) -> tuple[list[scenario.Outcome], list[scenario.Outcome]]:
    """Every case once, in order and with its reason; then many again, in random order."""
    say(f"sending {len(cases)} requests")
    outcomes = list(scenario.play(stack, cases))
    walk = scenario.walk(cases, seed)
    say(f"sending {len(walk)} more in random order (seed {seed})")
    return outcomes, list(scenario.play(stack, walk, reasons=False))


def _serve(stack: LocalStack, cases: list[scenario.Case]) -> None:
    try:
        # Not through rich: a token must not be wrapped.
        click.echo("\n# These tokens are worth nothing anywhere else, and here for an hour.")
        click.echo("\n".join(report.curl_lines(stack, cases)))
        click.echo("\n".join(["", *report.sign_in_lines(stack, cases)]))
        click.echo(f"\nServing {stack.base_url} until Ctrl-C")
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            click.echo()  # the terminal has just shown ^C


# --- functions alone ------------------------------------------------------------------------------


@local.command(hidden=True)
@click.argument("template", type=click.Path(path_type=Path))
@click.argument("function")
def platform(template: Path, function: str) -> None:
    """Print what FUNCTION of TEMPLATE runs on, as variables of the Makefile."""
    runtime = function_runtime(template, function)
    click.echo(f"LAMBDA_PYTHON={runtime.python} LAMBDA_PLATFORM={runtime.platform}")


@local.command()
@_NAME
@_TOKEN_FROM
def invoke(name: str | None, token_from: str) -> None:
    """Run the sample event NAME in its function's package, by Lambda's runtime emulator."""
    sample, source, event = _filled(name, token_from)
    with tempfile.TemporaryDirectory(prefix="authorizer-keys-") as keys:
        environment = {} if sample.is_for_hello else bundle_keys(source, Path(keys))
        parts = read_parts(Path())
        function = parts.function_for(sample)
        with running_function(
            Path(), function, environment, parts.handlers.get(function)
        ) as running:
            _print(running.invoke(event))


@local.group(name="sam")
def sam_group() -> None:
    """The same in containers, by the SAM CLI and a Docker engine."""


@sam_group.command()
@click.option("--python", type=click.Choice(PYTHONS), help="Default: the template's.")
def build(python: str | None) -> None:
    """Build for a container on this machine, from a template derived from template.yaml."""
    sam.build(Path(), python)


@sam_group.command(hidden=True)
@click.argument("command")
@click.argument("instead")
def engine(command: str, instead: str) -> None:
    """Say that COMMAND needs a container engine, and INSTEAD none, if none answers."""
    sam.require_engine(Path(), command, instead)


@sam_group.command("invoke")
@_NAME
@_TOKEN_FROM
def sam_invoke(name: str | None, token_from: str) -> None:
    """Run the sample event NAME with `sam local invoke`."""
    sample, source, event = _filled(name, token_from)
    instead = f"authorizer local invoke {sample.name}"
    sam.require_engine(Path(), "authorizer local sam invoke", instead)
    with sam.with_keys(Path(), source) as built:
        _print(built.invoke(read_parts(Path()).function_for(sample), event))


def _filled(name: str | None, token_from: str) -> tuple[Sample, TokenSource, dict[str, Any]]:
    """The event that is meant, where its token is from, and the event with a token in it."""
    if name is None:
        raise click.ClickException(
            "expected the name of an event, such as http-2.0-allowed, or a file (with make: "
            "EVENT=http-2.0-allowed); 'authorizer event' lists the names"
        )
    sample = load_sample(_EVENTS, name)
    source = token_source(token_from, sample)
    return sample, source, sample.filled(source.token, source.sub)


def _print(invocation: Invocation) -> None:
    for line in invocation.log:
        click.echo(line, err=True)
    click.echo(json.dumps(invocation.answer, indent=2))
