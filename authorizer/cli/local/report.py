"""What the person at the terminal sees: what is being waited for, and the table."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from authorizer.cli.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authorizer.cli.local.scenario import Case, Outcome
    from authorizer.cli.local.stack import LocalStack, Say

_PIPE_COLUMNS = 132
_WHOLE_ROW_COLUMNS = 112
_ANSWERED = frozenset({200, 403, 500})
_OK, _FORBIDDEN = 200, 403


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


def table(outcomes: Iterable[Outcome], *, width: int) -> Table:
    """One row for each request; what differs is red.

    Args:
        outcomes: in the order of the requests.
        width: of the terminal. Where it is narrow, what is as expected gets a check mark.
    """
    rows = []
    for outcome in outcomes:
        case, answer = outcome.case, outcome.answer
        known = case.authorization is not None
        # What a function of theirs answers whom it may answer is its own matter.
        is_theirs = answer.function is not None and answer.status != _OK == case.status
        status = "(any)" if is_theirs else str(case.status)
        expected = f"{status} {_shown(case.reason, case.status, known)}"
        status = f"{answer.status} stub" if answer.stub else str(answer.status)
        found = (status, _shown(answer.reason, _OK if answer.function else answer.status, known))
        is_right = not outcome.differences
        expected = "✓" if width < _WHOLE_ROW_COLUMNS and is_right else expected
        style = "" if is_right else "bold red"
        rows.append([Text(cell, style) for cell in (case.request, case.who, *found, expected)])
    return drawn(("request", "who", "status", "reason", "expected"), rows)


def drawn(titles: Iterable[str], rows: Iterable[Iterable[Text | None]]) -> Table:
    """A table whose cells are folded where they are long."""
    table = Table(
        *(Column(shown(title), overflow="fold") for title in titles),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*row)
    return table


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
        differences = "; ".join(outcome.differences)
        terminal.print(Text(f"{outcome.case.who}, {outcome.case.request}: {differences}"))
    answers = [outcome.answer for outcome in outcomes]
    for function, why in sorted({(one.function, one.stub) for one in answers if one.stub}):
        terminal.print(Text(f"a stub answers for {function}, which cannot run here: {why}"))
    verdict = f"{len(wrong)} not as expected" if wrong else "all as expected"
    terminal.print(
        f"{len(outcomes)} requests, then {len(walked)} in random order (seed {seed}): {verdict}"
    )
    return not wrong


def token_lines(stack: LocalStack, tokens: Mapping[str, str]) -> list[str]:
    """What a shell sources: the API's address, a token of each user, and where to sign in."""
    groups = {name: " and ".join(one.groups) or "no group" for name, one in stack.people.items()}
    return [
        "# For a terminal of its own: in it, aws and sam ask the emulator, too.",
        *(f"export {name}={value}" for name, value in stack.emulator.identity.items() if value),
        "unset AWS_SESSION_TOKEN AWS_PROFILE",
        f"export AUTHORIZER_REVOCATION_TABLE={stack.revocation_table}",
        f"export COGNITO_USER_POOL_ID={stack.deployment.user_pool_id}",
        f"export COGNITO_CLIENT_ID={stack.deployment.client_id}",
        f"export API={quote(stack.base_url)} API_URL={quote(stack.base_url)}",
        "# Worth nothing anywhere else, and here for an hour.",
        *(
            f"export {_variable(name)}={quote(token)}   # {shown(groups[name])}"
            for name, token in tokens.items()
        ),
    ]


def curl_lines(stack: LocalStack, cases: list[Case]) -> list[str]:
    """Ready-made commands, and the status that each must get."""
    # One of each status is enough, and none with a token that is not shown, or from a page.
    told: dict[tuple[str, int], Case] = {}
    for case in cases:
        if case.origin is None and (case.who in stack.people or not case.authorization):
            told.setdefault((case.who, case.status), case)
    return [_curl(case, is_user=case.who in stack.people) for case in told.values()]


def _curl(case: Case, *, is_user: bool) -> str:
    method = "" if case.method == "GET" else f"-X {case.method} "
    token = f'-H "Authorization: Bearer ${_variable(case.who)}" ' if is_user else ""
    why = f": {case.reason}" if case.reason and case.status != _OK else ""
    return f'curl -i {method}{token}"$API"{quote(case.path)}   # {case.status}{why}'


def _variable(name: str) -> str:
    """A user's name as a variable of a shell."""
    return re.sub(r"\W", "_", f"U_{name}" if name[:1].isdigit() else name, flags=re.ASCII).upper()


def sign_in_lines(stack: LocalStack, cases: list[Case]) -> list[str]:
    """How to sign in oneself. What is shown here opens nothing anywhere else."""
    refused, allowed = _compared([case for case in cases if case.who in stack.people])
    newcomer = "newcomer" if "newcomer" not in stack.people else "newcomer-2"
    password = stack.invite(newcomer, stack.people[refused.who].groups)
    people = {name: stack.people[name] for name in (refused.who, allowed.who)}
    command = sys.argv[0] if sys.argv[0].endswith("authorizer") else "authorizer"
    return [
        "Or sign in yourself, in that terminal; give the passwords and codes when asked:",
        "",
        *(
            f"{command} login --username '{name}' --profile '{name}'"
            for name in (newcomer, *people)
        ),
        *(
            f"{command} call {case.method} '{case.path}' --profile '{case.who}'"
            f"   # {case.status}{note}"
            for case, note in ((refused, ", and why"), (allowed, ""))
        ),
        "",
        f"{newcomer}   temporary password {password}",
        *(
            f"{name:<10} password {person.password}   TOTP secret {person.totp_secret}"
            for name, person in people.items()
        ),
    ]


def _compared(cases: list[Case]) -> tuple[Case, Case]:
    """A request that one user is refused and another may; failing that, any two."""
    allowed = {(case.method, case.path): case for case in cases if case.status == _OK}
    for case in cases:
        if case.status == _FORBIDDEN and (case.method, case.path) in allowed:
            return case, allowed[case.method, case.path]
    return cases[0], cases[-1]
