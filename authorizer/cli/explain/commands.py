"""``authorizer explain``: what becomes of one request, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.explanation import explain as explained
from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.request import (
    Caller,
    Request,
    RequestSyntaxError,
    described_caller,
    require_path,
)
from authorizer.cli.analysis.simulator import Answer, simulator_of
from authorizer.cli.analysis.unresolved import unread_warning
from authorizer.cli.explain import report
from authorizer.cli.options import (
    api_option,
    asked_policy_option,
    open_api,
    pool_options,
    template_option,
)
from authorizer.cli.text import closest
from authorizer.errors import clip
from authorizer.policy.paths import ANY, CONNECT, METHODS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
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
    help="The token's scopes: a,b. Without groups they mean a token without a user.",
)
@click.option(
    "claims", "--claim", multiple=True, help="A claim of the token's: sub=42. Repeatable."
)
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
    request = _request(method, path)
    if token is not None and (groups or scopes or claims):
        raise click.UsageError("a token has its own groups, scopes and claims: give either")
    opened = open_api(template, api)
    simulator = simulator_of(load_policy(policy), opened)
    for warning in unread_warning(*opened) if opened else ():
        click.echo(warning, err=True)
    judged = None if token is None else _judged(token, **judging)
    known = simulator.policy.groups
    caller = judged.caller if judged else _caller(groups, scopes, claims, known)
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


def _request(method: str, path: str | None) -> Request:
    if method == CONNECT and path is None:
        return Request(method="", path=CONNECT)
    if path is None:
        raise click.UsageError("expected METHOD and PATH, such as GET /users/42")
    wrong = [*_wrong_with_method(method), *_wrong_with_path(path)]
    if wrong:
        raise click.UsageError("; ".join(wrong))
    return Request(method=method, path=path)


def _wrong_with_method(method: str) -> Iterator[str]:
    """What a person writes by mistake; what a client may send is answered by the policy."""
    if "," in method or method.upper() in {"", ANY}:
        yield f"expected one method at a time, such as GET, found {clip(method)}"
    elif method not in METHODS and method.strip().upper() in METHODS:
        yield f"expected a method in capitals, found {clip(method)}: write {method.strip().upper()}"
    elif method not in METHODS and (meant := closest(method, METHODS)) is not None:
        yield f"expected a method such as GET, found {clip(method)}: did you mean {meant}?"


def _wrong_with_path(path: str) -> Iterator[str]:
    try:
        require_path(path)
    except RequestSyntaxError as error:
        yield str(error)


def _caller(
    groups: tuple[str, ...], scopes: tuple[str, ...], claims: tuple[str, ...], known: Container[str]
) -> Caller:
    return described_caller(
        _groups(groups, known),
        " ".join(scopes).replace(",", " ").split(),
        dict(map(_claim, claims)),
    )


def _groups(values: tuple[str, ...], known: Container[str]) -> Iterator[str]:
    """Names between commas, but for a group that has a comma in its name."""
    for value in values:
        names = [value] if value in known else value.split(",")
        yield from (name.strip() for name in names if name.strip())


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
    from authorizer.cli.account.verification import pool_to_verify_by, stored_session  # noqa: PLC0415
    from authorizer.cli.explain.token import judge_token, read_token  # noqa: PLC0415

    text = read_token(token)
    session, _ = stored_session(profile or "default")
    return judge_token(text, pool_to_verify_by(pool_id, client_id, jwks_url, session))
