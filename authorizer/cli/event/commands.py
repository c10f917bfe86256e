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
from authorizer.cli.analysis.asked import asked_caller, asked_request
from authorizer.cli.analysis.explanation import notes_on_the_caller
from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.request import MACHINE
from authorizer.cli.analysis.simulator import simulator_of
from authorizer.cli.event.flavours import made_sample
from authorizer.cli.event.samples import (
    Sample,
    SampleCallers,
    load_sample,
    require_samples,
)
from authorizer.cli.event.tokens import (
    PREFIX,
    SOURCES,
    SOURCES_HELP,
    TokenSource,
    bundle_keys,
    token_source,
)
from authorizer.cli.options import (
    FILE,
    api_option,
    asked_policy_option,
    caller_options,
    open_api,
)
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.stacks import known_routes
from authorizer.errors import MalformedRequestError
from authorizer.gateway.events import Flavour, parse_request
from authorizer.policy.paths import CONNECT
from authorizer.settings import IamMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.template.model import Api, Template


@click.command()
@click.argument("named", metavar="[NAME|FILE|METHOD PATH]", nargs=-1)
@click.option("--invoke", is_flag=True, help="Print what the authorizer answers, and why.")
@caller_options
@click.option(
    "--flavour",
    type=click.Choice([str(one) for one in Flavour]),
    help="Kind of event for METHOD PATH; default: the template's, or http-2.0.",
)
@click.option(
    "--token-from",
    type=click.Choice(SOURCES),
    default=SOURCES[0],
    show_default=True,
    help=SOURCES_HELP,
)
@asked_policy_option
@click.option(
    *("--template", "-t"),
    type=FILE,
    metavar="FILE",
    help="Template of the API; default: template.yaml beside the policy, if any.",
)
@api_option
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    default="events",
    show_default=True,
    help="The folder of the events.",
)
def event(
    *,
    named: tuple[str, ...],
    invoke: bool,
    flavour: str | None,
    token_from: str,
    policy: Path,
    template: Path | None,
    api: str | None,
    events: Path,
    **asked: tuple[str, ...],
) -> None:
    """Make an event for METHOD PATH, or fill the sample NAME or the event in FILE, with a token.

    Without any, list the samples. In a FILE of yours, write REPLACE_WITH_ACCESS_TOKEN where the
    token belongs. It is somebody's in the policy's first group, or of whom the options say.

    With `--token-from -` the token is read from standard input, and with --invoke the variable
    AUTHORIZER_USER_POOLS says whose tokens are accepted, as it does for the deployed function.
    """
    if not named:
        click.echo("\n".join(require_samples(events)))
        return
    callers = _callers(policy, token_from, **asked)
    beside = policy.with_name("template.yaml")
    opened = open_api(template or (beside if beside.is_file() else None), api)
    if len(named) == 1 and named[0] != CONNECT:
        sample = _existing(events, named[0], invoke=invoke)
    else:
        request = asked_request(named[0], " ".join(named[1:]) or None)
        sample = made_sample(request, simulator_of(load_policy(policy), opened), flavour, callers)
    source = token_source(token_from, sample, policy, callers)
    filled = sample.filled(source.token, source.sub)
    if sample.is_own:
        _look_at(sample, filled, invoke=invoke)
    if invoke:
        outcome, filled = answer_to(filled, source, policy, opened)
        click.echo(_in_words(outcome), err=True)
    click.echo(json.dumps(filled, indent=2))


def _existing(events: Path, name: str, *, invoke: bool) -> Sample:
    sample = load_sample(events, name)
    if invoke and sample.is_for_hello:
        raise click.ClickException(
            f"{sample.name} is for hello, not for the authorizer: "
            f"'make invoke EVENT={sample.name}' runs it"
        )
    return sample


def _callers(policy: Path, token_from: str, **asked: tuple[str, ...]) -> SampleCallers | None:
    """Who asks, as the options say it, with notes on them; nothing where they do not."""
    if not any(asked.values()):
        return None
    if token_from != SOURCES[0]:
        raise click.UsageError("a token has its own groups, scopes and claims: give either")
    simulator = simulator_of(load_policy(policy)) if policy.is_file() else None
    caller = asked_caller(**asked, known=simulator.policy.groups if simulator else ())
    for note in notes_on_the_caller(simulator, caller) if simulator else ():
        click.echo(f"note: {note}", err=True)
    # What was not told of a machine is the pool's own.
    claims = {name: value for name, value in caller.claims.items() if value != MACHINE}
    return SampleCallers(
        groups=caller.groups, denied_groups=caller.groups, scopes=caller.scopes, claims=claims
    )


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
    event: Mapping[str, Any],
    source: TokenSource,
    policy: Path,
    opened: tuple[Template, Api] | None = None,
) -> tuple[Outcome, dict[str, Any]]:
    """What the authorizer finds out, and what it tells API Gateway.

    Args:
        event: with a token in it.
        source: where the token is from.
        policy: policy.yaml. With a template, it is compiled as for the package.
        opened: the template, and the API of it that is meant.

    Raises:
        AuthorizerError: the policy or the pools cannot work, or the keys cannot be had.
    """
    routes = known_routes(opened[0], opened[1].id) if opened else None
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
