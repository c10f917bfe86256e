"""What the person at the terminal sees: what is being waited for, and the table."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import requests
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authorizer.cli.local.project import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.event.samples import Expected
    from authorizer.cli.local.sam import Replay
    from authorizer.cli.local.scenario import Case, Outcome
    from authorizer.cli.local.stack import LocalStack, Say

_INTERRUPTED = 130
_PIPE_COLUMNS = 132
_WHOLE_ROW_COLUMNS = 112
_ANSWERED = frozenset({200, 403, 500})
_OK, _FORBIDDEN = 200, 403
_NEWCOMER = "newcomer"


def console() -> Console:
    """As wide as the terminal; wide enough for whole rows where there is none."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_PIPE_COLUMNS)


@contextmanager
def progress(terminal: Console) -> Iterator[Say]:
    """A line that turns on a terminal, and plain lines elsewhere."""
    if not terminal.is_terminal:
        yield lambda text: terminal.print(Text(f"{text} ..."))
        return
    with terminal.status("") as status:
        yield lambda text: status.update(Text(text))


def table(outcomes: Iterable[Outcome], *, width: int, remembered: bool = True) -> Table:
    """One row for each request; what differs is red.

    Args:
        outcomes: in the order of the requests.
        width: of the terminal. Where it is narrow, what is as expected gets a check mark.
        remembered: whether an answer without the authorizer may be one from before.
    """
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("request", "who", "status", "reason", "expected"):
        rows.add_column(title, overflow="fold")
    for outcome in outcomes:
        case, answer = outcome.case, outcome.answer
        known = remembered and case.authorization is not None
        expected = f"{case.status} {_shown(case.reason, case.status, known)}"
        rows.add_row(
            Text(case.request),
            Text(case.who),
            Text(str(answer.status)),
            Text(_shown(answer.reason, answer.status, known)),
            Text("✓" if width < _WHOLE_ROW_COLUMNS and not outcome.differences else expected),
            style="bold red" if outcome.differences else None,
        )
    return rows


def replays(replayed: Iterable[Replay]) -> Table:
    """One row for each sample event; what differs is red."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("event", "status", "reason", "expected"):
        rows.add_column(title, overflow="fold")
    for replay in replayed:
        rows.add_row(
            Text(replay.name),
            Text(str(replay.found.status)),
            Text(replay.found.reason or ""),
            Text(_status_and_reason(replay.expected)),
            style=None if replay.found == replay.expected else "bold red",
        )
    return rows


def _status_and_reason(expected: Expected) -> str:
    return f"{expected.status} {expected.reason or ''}".strip()


def _shown(reason: str | None, status: int, known: bool) -> str:  # noqa: FBT001 - a private word
    """The reason; where the authorizer was not asked, why not."""
    if reason is not None:
        return str(reason)
    return "(cached)" if known and status in _ANSWERED else "(not asked)"


def show(terminal: Console, outcomes: list[Outcome], walked: list[Outcome], seed: int) -> bool:
    """Print the table, and what differs; whether all was as expected."""
    terminal.print(table(outcomes, width=terminal.width))
    wrong = [outcome for outcome in walked if outcome.differences]
    if wrong:
        terminal.print(table(wrong, width=terminal.width))
    wrong = [outcome for outcome in [*outcomes, *walked] if outcome.differences]
    for outcome in wrong:
        case = outcome.case
        terminal.print(f"{case.who}, {case.request}: {'; '.join(outcome.differences)}")
    terminal.print(
        f"{len(outcomes)} requests, then {len(walked)} in random order (seed {seed}): "
        f"{verdict(len(wrong))}"
    )
    return not wrong


def verdict(differing: int) -> str:
    """How it went, in words."""
    return f"{differing} not as expected" if differing else "all as expected"


def curl_lines(stack: LocalStack, cases: list[Case]) -> Iterator[str]:
    """Ready-made commands with live tokens, and the status that each must get."""
    yield f"API={stack.base_url}"
    for name, person in stack.people.items():
        groups = " and ".join(person.groups) or "no group"
        yield f"{_variable(name)}={stack.sign_in(name).access}   # {groups}"
    yield ""
    for case in _one_of_each_kind(stack, cases):
        is_anonymous = case.who not in stack.people
        token = "" if is_anonymous else f'-H "Authorization: Bearer ${_variable(case.who)}" '
        method = "" if case.method == "GET" else f"-X {case.method} "
        why = f": {case.reason}" if case.reason and case.status != _OK else ""
        yield f'curl -i {method}{token}"$API{case.path}"   # {case.status}{why}'


def _one_of_each_kind(stack: LocalStack, cases: list[Case]) -> list[Case]:
    """The first request with each status, of each user and without a token."""
    kinds: dict[tuple[str, int], Case] = {}
    for case in cases:
        if case.who in stack.people or (case.authorization is None and case.origin is None):
            kinds.setdefault((case.who, case.status), case)
    return [*kinds.values()]


def _variable(name: str) -> str:
    """A user's name as a variable of a shell."""
    return re.sub(r"\W", "_", f"U_{name}" if name[:1].isdigit() else name, flags=re.ASCII).upper()


def sign_in_lines(stack: LocalStack, cases: list[Case]) -> Iterator[str]:
    """How to sign in oneself. What is shown here opens nothing anywhere else."""
    deployment = stack.deployment
    refused, allowed = _compared(stack, cases)
    newcomer = f"{_NEWCOMER}{'-2' * (_NEWCOMER in stack.people)}"
    password = stack.invite(newcomer, stack.people[refused.who].groups)
    yield "Sign in yourself, in another terminal; give the passwords and codes when asked:"
    yield ""
    yield f"export AWS_ENDPOINT_URL={stack.emulator_url} API_URL={stack.base_url}"
    yield (
        f"export COGNITO_USER_POOL_ID={deployment.user_pool_id} "
        f"COGNITO_CLIENT_ID={deployment.client_id}"
    )
    names = dict.fromkeys((refused.who, allowed.who))
    for name in (newcomer, *names):
        yield f".venv/bin/authorizer login --username '{name}' --profile '{name}'"
    for case in (refused, allowed):
        why = ", and why" if case.status != _OK else ""
        call = f".venv/bin/authorizer call {case.method} {case.path} --profile '{case.who}'"
        yield f"{call}   # {case.status}{why}"
    yield ""
    yield f"{newcomer}   temporary password {password}"
    for name in names:
        person = stack.people[name]
        yield f"{name:<10} password {person.password}   TOTP secret {person.totp_secret}"


def _compared(stack: LocalStack, cases: list[Case]) -> tuple[Case, Case]:
    """A request that one user is refused and another may; failing that, any two."""
    users = [case for case in cases if case.who in stack.people]
    allowed = {case.path + case.method: case for case in users if case.status == _OK}
    pairs = (
        (case, allowed[case.path + case.method])
        for case in users
        if case.status == _FORBIDDEN and case.path + case.method in allowed
    )
    return next(pairs, (users[0], users[-1]))


@contextmanager
def in_words() -> Iterator[None]:
    """Errors as a line or two; Ctrl-C and SIGTERM as an orderly end, with all cleaned up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\ninterrupted; everything is stopped", err=True)
        sys.exit(_INTERRUPTED)
    except LocalStackError as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError, requests.RequestException) as error:
        raise click.ClickException(f"the emulator did not do as asked: {error}") from error
