"""``authorizer decode``: what a token says, and at which step the authorizer would refuse it.

Showing is offline and proves nothing. Judging is done by :class:`TokenVerifier`, the authorizer's
own; the pool's keys are fetched for it. Neither the signature nor the token itself is printed.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authorizer.cli.account.judge import Judgement, judge, judge_offline
from authorizer.cli.account.judging import judging_options, pool_to_judge_by, stored_session
from authorizer.cli.account.steps import TOKEN_STEPS
from authorizer.cli.account.unverified import (
    ENCRYPTED_PARTS,
    UnverifiedParts,
    groups_of,
    read_parts,
    strip_scheme,
)
from authorizer.cli.account.words import shown, word_on_claim, word_on_header
from authorizer.errors import ConfigurationError, clip
from authorizer.tokens.claims import is_nameable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.account.store import Session
    from authorizer.tokens.pool import UserPool

_PIPE_COLUMNS = 160
_ID_TOKEN = (
    "This is an ID token: it tells an app who signed in. An API wants the access token. An ID "
    "token is addressed to the app (aud), says nothing about what may be done (no scope), and has "
    "personal data in it that an API and its logs need not see. The authorizer "
    "refuses it at step 5."
)
_REFRESH_TOKEN = (
    "Five parts: encrypted, as Cognito's refresh tokens are. Nobody but Cognito can read it, and "
    "it belongs to no API: whoever has it can get access tokens for weeks."
)

_SKIPPED = "A policy cannot name a group with white space, so that it neither grants nor denies."


@click.command()
@click.argument("token", required=False)
@judging_options
def decode(
    token: str | None,
    pool_id: str | None,
    client_id: str | None,
    jwks_url: str | None,
    profile: str,
) -> None:
    """Show what a token says, and judge it step by step.

    Without TOKEN it is the profile's access token as it is stored. Use - to read another one from
    standard input: a TOKEN among the arguments ends up in the shell's history, and other users of
    the machine can see it while the command runs.

    Exit code 0 when it could be decoded and, where pool and client are known, is good; else 1.
    """
    session, trouble = stored_session(profile)
    unverified_text = _token(token, session, trouble)
    now = time.time()
    try:
        pool = pool_to_judge_by(pool_id, client_id, jwks_url, session)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    parts = read_parts(unverified_text)
    judgement = judge_offline(unverified_text) if pool is None else judge(unverified_text, pool)
    console = _console()
    _show(console, parts, now)
    _show_judgement(console, judgement, pool)
    sys.exit(0 if judgement.is_good else 1)


def _token(argument: str | None, session: Session | None, trouble: str | None) -> str:
    if argument is None:
        if session is None:
            raise click.ClickException(trouble or "no token")
        return session.access_token
    text = argument
    if os.path.isfile(argument):  # noqa: PTH113 - a token is too long a name for Path's, which raises
        raise click.ClickException(
            "expected a token, found a file's name: decode - < FILE reads it"
        )
    if argument == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    text = strip_scheme(text)
    if not text:
        raise click.ClickException("expected a token, found nothing")
    return text


def _show(console: Console, parts: UnverifiedParts, now: float) -> None:
    token_use = (parts.claims or {}).get("token_use")
    for title, found, word in (
        ("header", parts.header, word_on_header),
        ("claims", parts.claims, lambda name: word_on_claim(name, token_use)),
    ):
        if found is None:
            console.print(Text(f"{title}: not readable\n"))
        else:
            console.print(_table(title, found, word, now))
    if parts.number == ENCRYPTED_PARTS:
        console.print(Text(f"{_REFRESH_TOKEN}\n"))
    skipped = [name for name in groups_of(parts.claims or {}) if not is_nameable(name)]
    if skipped:
        console.print(Text(f"Skipped groups: {', '.join(map(clip, skipped))}. {_SKIPPED}\n"))
    if parts.claims is not None and parts.claims.get("token_use") == "id":
        console.print(Text(f"Warning: {_ID_TOKEN}\n", style="bold yellow"))


def _table(
    title: str, found: Mapping[str, object], word: Callable[[str], str], now: float
) -> Table:
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column(title, overflow="fold", no_wrap=True)
    rows.add_column("value", overflow="fold")
    rows.add_column("what it is", overflow="fold", style="dim")
    for name, value in found.items():
        label = name if name.isprintable() else clip(name)
        rows.add_row(Text(label), Text(shown(name, value, now)), Text(word(name)))
    return rows


def _show_judgement(console: Console, judgement: Judgement, pool: UserPool | None) -> None:
    for step, name in TOKEN_STEPS.items():
        verdict, style = judgement.word_on(step)
        console.print(Text(f"  {step} {name:<10} "), Text(verdict, style=style), sep="")
    if judgement.reason is None and pool is None:
        note = "Not judged further: no pool and client are known; give --pool-id and --client-id."
    elif judgement.is_good and pool is not None:
        note = f"Good: pool {pool.id} vouches for it. Step 6 is the policy's: authorizer call."
    else:
        note = judgement.detail or ""
    console.print(Text(f"\n{note}", style="" if judgement.is_good else "bold red"))


def _console() -> Console:
    """As wide as the terminal; wide enough for whole rows where there is none."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(width=_PIPE_COLUMNS, highlight=False)
