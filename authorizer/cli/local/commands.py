"""``authorizer local``: the project on this machine."""

from __future__ import annotations

import random
import signal
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import ministack  # noqa: F401 - for the emulator's process: without it, none of this works
import requests
from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.event.tokens import TOKENS, own_state, write_private
from authorizer.cli.local import report, scenario
from authorizer.cli.local.project import read_project
from authorizer.cli.local.stack import LocalStack
from authorizer.cli.options import (
    FILE,
    TEMPLATE,
    api_option,
    asked_policy_option,
    grouped,
    port_option,
)
from authorizer.cli.template.runtime import function_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEEDS = 10_000
_seed_option = click.option(
    "--seed",
    type=int,
    default=lambda: random.randrange(_SEEDS),  # noqa: S311 - not a secret
    help="The random walk's seed; default: a new one each time.",
)
project_options = grouped(
    click.option(
        *("--template", "-t"),
        type=FILE,
        metavar="FILE",
        default=TEMPLATE,
        show_default=True,
        help="SAM, CloudFormation or OpenAPI file of the API, or a Terraform plan as JSON.",
    ),
    asked_policy_option,
    api_option,
)


class _InWords(click.Group):
    """Errors as a line or two; Ctrl-C and SIGTERM as an orderly end, with all cleaned up."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\ninterrupted; everything is stopped", err=True)
            ctx.exit(128 + signal.SIGINT)
        except (BotoCoreError, ClientError, requests.RequestException) as error:
            raise click.ClickException(f"the emulator did not do as asked: {error}") from error


@click.group(cls=_InWords)
def local() -> None:
    """Run the project on this machine, against an emulated API Gateway and Cognito."""


@local.command()
@project_options
@_seed_option
def run(template: Path, policy: Path, api: str | None, seed: int) -> None:
    """Deploy, sign in, play the scenario, and compare what comes of it with what must.

    Users are made of the policy's groups and of the callers in its tests; what must come of their
    requests follows from the policy and its tests. A stub answers for a function that cannot run
    here.
    """
    with _played(template, policy, api, seed) as (_, _, is_right):
        pass
    if not is_right:
        sys.exit(1)


@local.command()
@project_options
@_seed_option
@port_option
def serve(template: Path, policy: Path, api: str | None, seed: int, port: int) -> None:
    """Do what run does, then serve the API and a playground in the browser until Ctrl-C.

    In the playground one signs in as a user, looks into the token, tries every route, and changes
    the policy. Live tokens are left in a file, too.
    """
    with (
        _played(template, policy, api, seed) as (stack, cases, _),
        own_state(Path()) as folder,
    ):
        stack.keep_revoked_tokens()
        lines = report.token_lines(stack, stack.announce(folder))
        write_private(folder / TOKENS, "\n".join([*lines, ""]))
        # Its web server takes long to load, and nothing else has a use for it.
        from authorizer.cli.local.playground import served_beside  # noqa: PLC0415

        with served_beside(stack, policy, port) as page:
            _serve(stack, cases, folder / TOKENS, page)


@contextmanager
def _played(
    template: Path, policy: Path, api: str | None, seed: int
) -> Iterator[tuple[LocalStack, list[scenario.Case], bool]]:
    """The stack, what was asked of it, and whether all came out as it must.

    Every case is sent once, in order and with its reason; then many again, in random order.
    """
    terminal = report.console()
    project = read_project(template, policy, api)
    with ExitStack() as running:
        with report.progress(terminal) as say:
            stack = running.enter_context(LocalStack.running(project, say))
            say("signing in with password and TOTP, and making tokens that must be refused")
            cases = scenario.cases(stack)
            say(f"sending {len(cases)} requests")
            outcomes = list(scenario.play(stack, cases))
            walk = scenario.walk(cases, seed)
            say(f"sending {len(walk)} more in random order (seed {seed})")
            walked = list(scenario.play(stack, walk, reasons=False))
        yield stack, cases, report.show(terminal, outcomes, walked, seed)


def _serve(stack: LocalStack, cases: list[scenario.Case], tokens: Path, page: str) -> None:
    try:
        # Not through rich: a command must not be wrapped.
        click.echo(
            "\nIn another terminal, in this folder:\n\n"
            f"source {tokens}   # the API's address, and a token of each user"
        )
        click.echo("\n".join(report.curl_lines(stack, cases)))
        click.echo("\n".join(["", *report.sign_in_lines(stack, cases)]))
        click.echo(f"\nServing {stack.base_url} until Ctrl-C")
        click.echo(f"Playground, for a browser: {page}")
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            click.echo()  # the terminal has just shown ^C


@local.command(hidden=True)
@click.argument("template", type=click.Path(path_type=Path))
@click.argument("function")
def platform(template: Path, function: str) -> None:
    """Print what FUNCTION of TEMPLATE runs on, as variables of the Makefile."""
    runtime = function_runtime(template, function)
    click.echo(f"LAMBDA_PYTHON={runtime.python} LAMBDA_PLATFORM={runtime.platform}")
