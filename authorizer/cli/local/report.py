"""What the person at the terminal sees: what is being waited for, and the table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.local.scenario import Outcome
    from authorizer.cli.local.stack import LocalStack, Say

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


def table(outcomes: Iterable[Outcome]) -> Table:
    """One row for each request; what differs is red."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("request", "who", "status", "reason", "expected"):
        rows.add_column(title, overflow="fold")
    for outcome in outcomes:
        case, answer = outcome.case, outcome.answer
        rows.add_row(
            Text(case.request),
            Text(case.who),
            Text(str(answer.status)),
            Text(_shown(answer.reason, answer.status, case.authorization)),
            Text(f"{case.status} {_shown(case.reason, case.status, case.authorization)}"),
            style="bold red" if outcome.differences else None,
        )
    return rows


def _shown(reason: str | None, status: int, authorization: str | None) -> str:
    """The reason; where the authorizer was not asked, why not."""
    if reason is not None:
        return str(reason)
    return "(cached)" if authorization and status in _ANSWERED else "(not asked)"


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
