"""``authorizer explain``: what becomes of one request, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.asked import asked_caller, asked_request
from authorizer.cli.analysis.explanation import explain as explained
from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.simulator import Answer, simulator_of
from authorizer.cli.analysis.unresolved import unread_warning
from authorizer.cli.explain import report
from authorizer.cli.options import (
    api_option,
    asked_policy_option,
    caller_options,
    open_api,
    pool_options,
    template_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.explain.token import JudgedToken


@click.command()
@click.argument("method")
@click.argument("path", required=False)
@caller_options
@click.option(
    "--token", help="File with an access token that says all of these; - is standard input."
)
@asked_policy_option
@template_option
@api_option
@pool_options
@click.option(
    "form", "--format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def explain(
    *,
    method: str,
    path: str | None,
    groups: tuple[str, ...],
    scopes: tuple[str, ...],
    claims: tuple[str, ...],
    token: str | None,
    policy: Path,
    template: Path | None,
    api: str | None,
    form: str,
    **judging: str | None,
) -> None:
    """Explain what becomes of METHOD PATH, and what would have to differ.

    Give the caller by --groups, --scopes and --claim, or by --token, which is then judged step by
    step. With --template the request reaches a route as it does in API Gateway; without it the
    policy is asked about the path.

    Exit code 0 when the request is allowed, 1 when it is not, 2 when that cannot be told: another
    authorizer decides, the route could not be read, or a file could not.
    """
    request = asked_request(method, path)
    if token is not None and (groups or scopes or claims):
        raise click.UsageError("a token has its own groups, scopes and claims: give either")
    opened = open_api(template, api)
    simulator = simulator_of(load_policy(policy), opened)
    for warning in unread_warning(*opened) if opened else ():
        click.echo(warning, err=True)
    judged = None if token is None else _judged(token, **judging)
    known = simulator.policy.groups
    caller = judged.caller if judged else asked_caller(groups, scopes, claims, known)
    explanation = explained(simulator, request, caller)
    if form == "json":
        click.echo(report.as_json(simulator, explanation, judged))
    else:
        report.show(Console(highlight=False), simulator, explanation, judged)
    is_good = judged is None or judged.verification.is_good
    sys.exit(_exit_code(explanation.answer, is_good=is_good))


def _exit_code(answer: Answer, *, is_good: bool) -> int:
    if not is_good:
        return 1
    if not answer.is_known:
        return 2
    return 0 if answer.is_open else 1


def _judged(
    token: str,
    *,
    pool_id: str | None,
    client_id: str | None,
    jwks_url: str | None,
    profile: str | None,
) -> JudgedToken:
    # The verifier takes long to load, and is not needed without a token.
    from authorizer.cli.account.verification import pool_to_verify_by, stored_session  # noqa: PLC0415
    from authorizer.cli.explain.token import judge_token, read_token  # noqa: PLC0415

    text = read_token(token)
    session, _ = stored_session(profile or "default")
    return judge_token(text, pool_to_verify_by(pool_id, client_id, jwks_url, session))
