"""What the person at the terminal sees: what is being waited for, and the table."""

from __future__ import annotations

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

from authorizer.cli.local.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.event.expected import Expected
    from authorizer.cli.local.sam_scenario import Replay
    from authorizer.cli.local.scenario import Outcome
    from authorizer.cli.local.stack import LocalStack, Say

_INTERRUPTED = 130
_PIPE_COLUMNS = 132
_ANSWERED = frozenset({200, 403, 500})


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


def table(outcomes: Iterable[Outcome], *, remembered: bool = True) -> Table:
    """One row for each request; what differs is red.

    Args:
        outcomes: in the order of the requests.
        remembered: whether an answer without the authorizer may be one from before.
    """
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("request", "who", "status", "reason", "expected"):
        rows.add_column(title, overflow="fold")
    for outcome in outcomes:
        case, answer = outcome.case, outcome.answer
        known = remembered and case.authorization is not None
        rows.add_row(
            Text(case.request),
            Text(case.who),
            Text(str(answer.status)),
            Text(_shown(answer.reason, answer.status, known)),
            Text(f"{case.status} {_shown(case.reason, case.status, known)}"),
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


def curl_lines(stack: LocalStack) -> Iterator[str]:
    """Ready-made commands with live tokens."""
    yield f"curl {stack.base_url}/health"
    for name, path, option in (
        ("alice", "/hello", ""),
        ("alice", f"/users/{stack.people['alice'].sub}", ""),
        ("alice", "/articles", "-X POST "),
        ("edgar", "/articles", "-X POST "),
        ("ada", "/admin/users", ""),
        ("sam", "/hello", ""),
        ("nora", "/hello", ""),
    ):
        token = stack.sign_in(name).access
        yield f"\n# {name} ({', '.join(stack.people[name].groups) or 'no group'})"
        yield f"curl {option}-H 'Authorization: Bearer {token}' {stack.base_url}{path}"


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
