"""``authorizer event``: a sample event with a live token, and what the authorizer answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authorizer.cli.event.judge import judge
from authorizer.cli.event.samples import load_sample, sample_names
from authorizer.cli.event.sources import SOURCES, SOURCES_HELP, token_source

if TYPE_CHECKING:
    from authorizer import Outcome


@click.command()
@click.argument("name", required=False)
@click.option("--invoke", is_flag=True, help="Print what the authorizer answers, and why.")
@click.option(
    "--token-from",
    type=click.Choice(SOURCES),
    default=SOURCES[0],
    show_default=True,
    help=SOURCES_HELP,
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    default="policy.yaml",
    show_default=True,
    help="The policy to ask, with --invoke.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    default="events",
    show_default=True,
    help="The folder of the events.",
)
def event(name: str | None, invoke: bool, token_from: str, policy: Path, events: Path) -> None:  # noqa: FBT001 - click's
    """Fill the sample event NAME with a token.

    Without NAME, list what there is.

    With `--token-from -` the token is read from standard input, and with --invoke the variable
    AUTHORIZER_USER_POOLS says whose tokens are accepted, as it does for the deployed function.
    """
    if name is None:
        for known in sample_names(events):
            click.echo(known)
        return
    sample = load_sample(events, name)
    if invoke and sample.is_for_hello:
        raise click.ClickException(
            f"{sample.name} is for hello, not for the authorizer: make invoke EVENT={sample.name}"
        )
    source = token_source(token_from, Path(), sys.stdin)
    filled = sample.filled(source.token, source.sub)
    if not invoke:
        click.echo(json.dumps(filled, indent=2))
        return
    outcome, answer = judge(filled, source, policy)
    click.echo(_in_words(outcome), err=True)
    click.echo(json.dumps(answer, indent=2))


def _in_words(outcome: Outcome) -> str:
    """Why, for the person at the terminal: the client is never told."""
    if outcome.detail is not None:
        return f"{outcome.verdict}: {outcome.detail}"
    rule = outcome.decision.rule if outcome.decision else None
    because = f" ({rule.effect} {rule.pattern.text}, line {rule.line})" if rule else ""
    return f"{outcome.verdict}{f': {outcome.reason}' if outcome.reason else ''}{because}"
