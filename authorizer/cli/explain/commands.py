"""``authorizer explain``: what becomes of one request, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.account.judging import judging_options
from authorizer.cli.document import load_source
from authorizer.cli.explain import report
from authorizer.cli.explain.explanation import explain as explained
from authorizer.cli.explain.options import open_rulebook, policy_options
from authorizer.cli.explain.question import (
    Request,
    RequestSyntaxError,
    described_caller,
    require_path,
)
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.cli.explain.token import JudgedToken


@click.command()
@click.argument("method")
@click.argument("path", required=False)
@click.option("--groups", "-g", multiple=True, help="The caller's groups: a,b. Repeatable.")
@click.option(
    "--scopes",
    "-s",
    multiple=True,
    help="The token's scopes. Without groups they mean a token without a user.",
)
@click.option(
    "claims", "--claim", multiple=True, help="A claim of the token's: sub=42. Repeatable."
)
@click.option(
    "--token", help="File with an access token that says all of these; - is standard input."
)
@policy_options
@judging_options
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
    step. Exit code 0 when the request is allowed, 1 when it is not.
    """
    request = _request(method, path)
    if token is not None and (groups or scopes or claims):
        raise click.UsageError("a token has its own groups, scopes and claims: give either")
    book = open_rulebook(load_source(policy), template, api)
    judged = _judged(token, **judging) if token is not None else None
    caller = (
        judged.caller
        if judged
        else described_caller(
            _names(groups, book.policy.groups), _names(scopes, ()), dict(map(_claim, claims))
        )
    )
    explanation = explained(book, request, caller)
    if form == "json":
        click.echo(report.as_json(book, explanation, judged))
    else:
        report.show(Console(highlight=False), book, explanation, judged)
    is_good = judged is None or judged.judgement.is_good
    sys.exit(0 if explanation.answer.is_open and is_good else 1)


def _request(method: str, path: str | None) -> Request:
    if method == CONNECT and path is None:
        return Request(method="", path=CONNECT)
    if path is None:
        raise click.UsageError("expected METHOD and PATH, such as GET /users/42")
    try:
        require_path(path)
    except RequestSyntaxError as error:
        raise click.UsageError(str(error)) from error
    return Request(method=method, path=path)


def _names(values: tuple[str, ...], known: object) -> Iterator[str]:
    """Names between commas, but for a group that has a comma in its name."""
    for value in values:
        if isinstance(known, dict) and value in known:
            yield value
        else:
            yield from (name for name in value.split(",") if name)


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError("expected --claim as name=value, such as sub=42")
    return name, value


def _judged(
    token: str,
    *,
    pool_id: str | None,
    client_id: str | None,
    jwks_url: str | None,
    profile: str | None,
) -> JudgedToken:
    # The verifier takes long to load, and is not needed without a token.
    from authorizer.cli.account.judging import pool_to_judge_by, stored_session  # noqa: PLC0415
    from authorizer.cli.explain.token import judge_token, read_token  # noqa: PLC0415

    text = read_token(token)
    session, _ = stored_session(profile or "default")
    return judge_token(text, pool_to_judge_by(pool_id, client_id, jwks_url, session))
