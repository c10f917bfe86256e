"""``authorizer event``: an event with a live token, and what the authorizer answers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authorizer import (
    Authorizer,
    Outcome,
    Settings,
    UnauthorizedError,
)
from authorizer.cli.event.samples import Sample, load_sample, require_samples
from authorizer.cli.event.tokens import (
    PREFIX,
    SOURCES,
    SOURCES_HELP,
    TokenSource,
    bundle_keys,
    token_source,
)
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import known_routes
from authorizer.errors import MalformedRequestError
from authorizer.gateway.events import parse_request
from authorizer.settings import IamMode

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.argument("name", metavar="[NAME|FILE]", required=False)
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
    help="The policy to ask, with --invoke, and the template.yaml beside it, if any.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    default="events",
    show_default=True,
    help="The folder of the events.",
)
def event(name: str | None, invoke: bool, token_from: str, policy: Path, events: Path) -> None:  # noqa: FBT001 - click's
    """Fill the sample event NAME, or the event in FILE, with a token.

    Without either, list the samples that there are. In a FILE of your own, write
    REPLACE_WITH_ACCESS_TOKEN where the token belongs.

    With `--token-from -` the token is read from standard input, and with --invoke the variable
    AUTHORIZER_USER_POOLS says whose tokens are accepted, as it does for the deployed function.
    """
    if name is None:
        for known in require_samples(events):
            click.echo(known)
        return
    sample = load_sample(events, name)
    if invoke and sample.is_for_hello:
        raise click.ClickException(
            f"{sample.name} is for hello, not for the authorizer: "
            f"'authorizer local invoke {sample.name}' runs it"
        )
    source = token_source(token_from, sample, policy)
    filled = sample.filled(source.token, source.sub)
    if sample.is_own:
        _look_at(sample, filled, invoke=invoke)
    if not invoke:
        click.echo(json.dumps(filled, indent=2))
        return
    outcome, answer = answer_to(filled, source, policy)
    click.echo(_in_words(outcome), err=True)
    click.echo(json.dumps(answer, indent=2))


def _look_at(sample: Sample, filled: Mapping[str, Any], *, invoke: bool) -> None:
    """Say what an event of one's own lacks.

    Raises:
        click.ClickException: the authorizer cannot be asked with it.
    """
    try:
        parse_request(filled)
    except MalformedRequestError as error:
        lacking = f"{sample.name} is no event that an authorizer gets: {error}"
        if invoke:
            raise click.ClickException(f"{lacking}; compare it with a sample") from error
        click.echo(lacking, err=True)


def _in_words(outcome: Outcome) -> str:
    """Why, for the person at the terminal: the client is never told."""
    if outcome.refusal is not None:
        return f"{outcome.verdict}: {outcome.refusal}"
    rule = outcome.decision.rule if outcome.decision else None
    because = f" ({rule.effect} {rule.pattern.text}, line {rule.line})" if rule else ""
    is_for_caller = outcome.iam_mode is IamMode.CALLER
    besides = "; the document is for all that the caller may do" if is_for_caller else ""
    return f"{outcome.verdict}{f': {outcome.reason}' if outcome.reason else ''}{because}{besides}"


def answer_to(
    event: Mapping[str, Any], source: TokenSource, policy: Path
) -> tuple[Outcome, dict[str, Any]]:
    """What the authorizer finds out, and what it tells API Gateway.

    Args:
        event: with a token in it.
        source: where the token is from.
        policy: policy.yaml. With a template.yaml beside it, it is compiled as for the package.

    Raises:
        AuthorizerError: the policy or the pools cannot work, or the keys cannot be had.
    """
    template = policy.with_name("template.yaml")
    routes = known_routes(read_template(template), None) if template.is_file() else None
    compiled, _ = load_document(policy, routes)
    with tempfile.TemporaryDirectory(prefix="authorizer-event-") as temporary:
        folder = Path(temporary)
        (folder / "policy.json").write_bytes(compiled)
        environment = bundle_keys(source, folder)
        environment[f"{PREFIX}POLICY"] = str(folder / "policy.json")
        authorizer = Authorizer.from_settings(Settings.from_environment(environment))
    outcome = authorizer.judge(event)
    try:
        return outcome, dict(outcome.answer())
    except UnauthorizedError as error:
        return outcome, {"errorType": type(error).__name__, "errorMessage": str(error)}
