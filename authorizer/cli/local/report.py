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

from authorizer.cli.local.project import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.event.expected import Expected
    from authorizer.cli.local.sam_scenario import Replay
    from authorizer.cli.local.scenario import Outcome
    from authorizer.cli.local.stack import LocalStack, Say

_INTERRUPTED = 130
_PIPE_COLUMNS = 132
_WHOLE_ROW_COLUMNS = 112
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


def curl_lines(stack: LocalStack) -> Iterator[str]:
    """Ready-made commands with live tokens, and the status that each must get."""
    yield f"API={stack.base_url}"
    for name in ("alice", "edgar", "ada", "sam", "nora"):
        groups = " and ".join(stack.people[name].groups) or "no group"
        yield f"{name.upper()}={stack.sign_in(name).access}   # {groups}"
    yield ""
    yield "curl -i $API/health   # 200"
    own = f"/users/{stack.people['alice'].sub}"
    for name, path, option, status in (
        ("alice", "/hello", "", 200),
        ("alice", own, "", 200),
        ("ada", own, "", "403: another's record"),
        ("alice", "/articles", "-X POST ", "403: readers may not write"),
        ("edgar", "/articles", "-X POST ", 200),
        ("ada", "/admin/users", "", 200),
        ("sam", "/hello", "", "403: suspended"),
        ("nora", "/hello", "", "403: in no group"),
    ):
        authorization = f'-H "Authorization: Bearer ${name.upper()}"'
        yield f"curl -i {option}{authorization} $API{path}   # {status}"


def sign_in_lines(stack: LocalStack, newcomer_password: str) -> Iterator[str]:
    """How to sign in oneself. What is shown here opens nothing anywhere else."""
    deployment = stack.deployment
    yield "Sign in yourself, in another terminal; give the passwords and codes when asked:"
    yield ""
    yield f"export AWS_ENDPOINT_URL={stack.emulator_url} API_URL={stack.base_url}"
    yield (
        f"export COGNITO_USER_POOL_ID={deployment.user_pool_id} "
        f"COGNITO_CLIENT_ID={deployment.client_id}"
    )
    for name in ("newcomer", "alice", "ada"):
        yield f".venv/bin/authorizer login --username {name} --profile {name}"
    yield ".venv/bin/authorizer call GET /admin/users --profile alice   # 403, and why"
    yield ".venv/bin/authorizer call GET /admin/users --profile ada     # 200"
    yield ""
    yield f"newcomer   temporary password {newcomer_password}"
    for name in ("alice", "ada"):
        person = stack.people[name]
        yield f"{name:<10} password {person.password}   TOTP secret {person.totp_secret}"


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
