"""``authorizer smoke``: ask a deployed API, and tell what it really answers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
import yaml
from rich.text import Text

from authorizer.cli.account.cognito import fresh_session, stack_outputs
from authorizer.cli.account.http_client import require_base_url
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.event.samples import Placeholder
from authorizer.cli.event.tokens import ServedPool
from authorizer.cli.local.commands import project_options
from authorizer.cli.local.project import read_project
from authorizer.cli.local.report import console, drawn, progress
from authorizer.cli.options import FILE, write_file
from authorizer.cli.smoke.probes import (
    ACROSS,
    BAD,
    NOBODY,
    Cell,
    Fate,
    Fault,
    Smoke,
    holders,
)
from authorizer.cli.text import counted, listed, print_folded, shown
from authorizer.policy.paths import ANY, METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rich.console import Console

    from authorizer.cli.local.scenario import Case

# In a word or two, and by what, or why not; and what is wrong with it.
Answer: TypeAlias = tuple[str, str, Fault | None]
_NOT_TRIED, _UNTOLD = "not tried", "cannot be told"
_REACHED: dict[Fate | None, str] = {
    Fate.LET_IN: "yes",
    Fate.REFUSED: "yes",
    Fate.NO_ROUTE: "no",
    Fate.FAILED: _UNTOLD,
}
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "percent_encoded": lambda path: f"/%{ord(path[1]):02x}{path[2:]}",
    "slash_at_the_end": lambda path: f"{path}/",
    "slash_doubled": lambda path: f"/{path}",
    "dot_segment": lambda path: f"/.{path}",
}


@click.command()
@click.option(
    *("--stack-name", "--stack"),
    metavar="NAME",
    help="Deployed stack, whose output ApiUrl is asked.",
)
@click.option("--region", help="Of the stack; default: AWS_REGION.")
@click.option(
    *("--api-url", "--url", "--base-url"),
    envvar="API_URL",
    show_envvar=True,
    help="Where the API answers; default: that of the stack, or the one signed in to.",
)
@project_options
@click.option(
    "--token-from",
    type=click.Choice(["login", "local", "-"]),
    default="login",
    show_default=True,
    help="`authorizer login`; `authorizer local serve`; or standard input, a token a line.",
)
@click.option(
    "profiles",
    "--profile",
    multiple=True,
    default=["default"],
    show_default=True,
    help="Who asks, of those signed in. Repeatable: somebody of each group finds out most.",
)
@click.option(
    "--origin",
    default="http://localhost:3000",
    show_default=True,
    help="Of a web page that calls the API.",
)
@click.option(
    "--also-change-data",
    is_flag=True,
    help="Send POST, PUT, PATCH and DELETE, too. They change what is behind the API.",
)
@click.option(
    "--report",
    type=FILE,
    metavar="FILE",
    default=Path("smoke-report.json"),
    show_default=True,
    help="Where to leave the report, as JSON.",
)
@click.option("--report-with-host", is_flag=True, help="Name the API's address in the report.")
def smoke(
    *,
    stack_name: str | None,
    region: str | None,
    api_url: str | None,
    template: Path,
    policy: Path,
    api: str | None,
    token_from: str,
    profiles: tuple[str, ...],
    origin: str,
    also_change_data: bool,
    report: Path,
    report_with_host: bool,
) -> None:
    """Ask a deployed API with no token, bad ones and real ones, and compare.

    What must come of it follows from the template and the policy. GET is sent, and OPTIONS as a
    browser does. The report has no token and no user's name.

    Exit code 1 when something is not as it must be, 2 when that cannot be told.
    """
    project = read_project(template, policy, api)
    tokens, bad, known_url = _tokens(token_from, profiles)
    outputs = stack_outputs(stack_name, region, None) if stack_name else {"ApiUrl": known_url}
    url = require_base_url(api_url or outputs.get("ApiUrl", ""))
    with progress(console()) as say:
        say(f"asking {url}")
        asked = Smoke(project, url, holders(tokens), bad, METHODS if also_change_data else ["GET"])
        cells = asked.cells()
        answers = findings(asked, cells, origin)
    number = _show(console(), asked, cells, answers)
    write_file(report, _document(asked, cells, answers, url if report_with_host else None))
    click.echo(f"the report is in {report}")
    sys.exit(1 if number else 0 if cells else 2)


def _tokens(source: str, profiles: Iterable[str]) -> tuple[list[str], list[str], str]:
    """Access tokens, such as must be refused, and where their API answers, where that is known."""
    if source == "-":
        return [line for line in sys.stdin if line.strip()], [], ""
    if source == "local":
        pool = ServedPool.read(Path())
        return (
            list(pool.people.values()),
            [pool.tokens[bad] for bad in (Placeholder.ID, Placeholder.EXPIRED)],
            pool.api_url,
        )
    sessions = [fresh_session(profile) for profile in profiles]
    return (
        [session.access_token for session in sessions],
        [session.id_token for session in sessions],
        sessions[0].api_url or "",
    )


def _show(terminal: Console, smoke: Smoke, cells: list[Cell], answers: Mapping[str, Answer]) -> int:
    """The requests by callers, what is wrong, and what was found out; how many faults there are."""
    texts = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text("utf-8"))
    rows: dict[str, dict[str, Text]] = {}
    for cell in cells:
        style, mark = ("bold red", " ✗") if cell.fault else ("", "")
        rows.setdefault(cell.case.request, {})[cell.who] = Text(f"{cell.worst.status}{mark}", style)
    names = dict.fromkeys(cell.who for cell in cells)
    terminal.print(
        drawn(
            ("request", *names),
            ([Text(request), *map(row.get, names)] for request, row in rows.items()),
        )
    )
    faults = [
        *((cell.fault, f"{cell.case.request} ({cell.who})") for cell in cells),
        *((fault, detail) for _, detail, fault in answers.values()),
    ]
    wrong = [fault for fault in Fault if fault in dict(faults)]
    for fault in wrong:
        what, remedy = texts["faults"][fault].values()
        where = listed([where for each, where in faults if each is fault], "and")
        terminal.print(Text(f"{what}: {where}", "bold red"))
        print_folded(terminal, Text(f"  {remedy}"), 2)
    terminal.print(
        drawn(
            ("what nobody has documented", "here", "by"),
            (map(Text, (texts["questions"][each], *answers[each][:2])) for each in answers),
        )
    )
    left = counted(len({case.request for case in smoke.planned} - rows.keys()), "request")
    click.echo(f"{counted(len(wrong), 'fault')}; {left} of other methods not sent")
    return len(wrong)


def _document(
    smoke: Smoke, cells: list[Cell], answers: Mapping[str, Answer], url: str | None
) -> bytes:
    """The report: nothing in it is a token, a user's name or id, or a text of the API's."""
    shape = ("kind", "payload_version", "simple_responses", "identity_sources", "ttl_seconds")
    document = {
        "format": 1,
        "version": version("cognito-rbac-authorizer"),
        "time": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "url": url,
        "api": smoke.project.api.kind,
        "authorizers": [
            {name: str(getattr(each, name)) for name in shape}
            for each in smoke.project.api.authorizers
        ],
        "findings": {
            question: {"answer": answer, "detail": detail, "fault": fault}
            for question, (answer, detail, fault) in answers.items()
        },
        "requests": [
            {
                "request": cell.case.request,
                "who": cell.who,
                "expected": cell.expected,
                "fault": cell.fault,
                "replies": [asdict(reply) for reply in cell.replies],
            }
            for cell in cells
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


# --- what nobody has documented -------------------------------------------------------------------


def findings(smoke: Smoke, cells: list[Cell], origin: str) -> dict[str, Answer]:
    """What is told of each question of ``texts.yaml``; some takes further requests.

    Args:
        smoke: where to send these.
        cells: the requests, and what came of them.
        origin: of a web page that calls the API.
    """
    own = [cell for cell in cells if cell.who in smoke.people]
    right = [cell for cell in own if cell.fault is None]
    is_raised = smoke.project.is_rest or any(
        function.variables.get("AUTHORIZER_HTTP_API_REFUSAL") == "unauthorized"
        for function in smoke.project.functions.values()
    )
    return {
        "missing_token": _statuses(cells, NOBODY),
        "bad_token": _statuses(cells, BAD),
        "raised_unauthorized": _statuses(cells, BAD)
        if is_raised
        else (
            _NOT_TRIED,
            "a bad token is denied here; AUTHORIZER_HTTP_API_REFUSAL=unauthorized raises",
            None,
        ),
        "kept_across_routes": _across(own),
        "kept": _kept(smoke, right),
        "preflight": _preflight(smoke, smoke.planned[-1], origin),
        **{question: _spelled(smoke, right, spell) for question, spell in _SPELLINGS.items()},
        "greedy_before_any": _greedy_before_any(smoke, cells),
    }


def _statuses(cells: list[Cell], who: str) -> Answer:
    asked = [cell for cell in cells if cell.who == who and cell.expected is Fate.REFUSED]
    found = sorted({reply.status for cell in asked for reply in cell.replies})
    return " and ".join(map(str, found)), f"on {counted(len(asked), 'request')}", None


def _across(own: list[Cell]) -> Answer:
    """Whether who may have one route and not another was told so, with one header for both."""
    if any(cell.fault in ACROSS.values() for cell in own):
        return "yes", "see above", None
    let_in, refused = ({cell.who for cell in own if cell.expected is fate} for fate in ACROSS)
    if let_in.isdisjoint(refused):
        return _NOT_TRIED, "nobody here may have one route and not another: add such a token", None
    return "no", f"asked to and fro by {listed(sorted(let_in & refused), 'and')}", None


def _kept(smoke: Smoke, right: list[Cell]) -> Answer:
    """By the time that a request takes with a header that is new, and with the same one again."""
    let_in = [cell for cell in right if cell.expected is Fate.LET_IN]
    if not let_in:
        return _NOT_TRIED, "nobody was let in", None
    cell = max(let_in, key=lambda cell: cell.case.is_remembered)
    headers = [next(smoke.headers[cell.who]) for _ in range(6)]
    pairs = [[smoke.ask(cell.case, each).milliseconds for _ in range(2)] for each in headers]
    first, again = map(sorted, zip(*pairs, strict=True))
    told = "kept, says the template" if cell.case.is_remembered else "the template keeps none"
    return (
        # One of them may be held up by something else.
        "yes" if first[0] > again[-2] else _UNTOLD,
        f"{cell.case.request}: at best {first[0]} ms by a new header, {again[0]} ms again; {told}",
        None,
    )


def _preflight(smoke: Smoke, case: Case, origin: str) -> Answer:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": case.method,
        "Access-Control-Request-Headers": "authorization",
    }
    reply = smoke.ask(replace(case, request="OPTIONS"), asked)
    # Without a route for it, CORS may be that of other answers alone.
    is_wrong = smoke.project.api.has_cors is True and reply.fate in {Fate.REFUSED, Fate.FAILED}
    return (
        "works" if reply.allows_origin else str(reply.status),
        f"{case.request}: {reply.status} for a page of {shown(origin)}",
        Fault.PREFLIGHT_REFUSED if is_wrong else None,
    )


def _spelled(smoke: Smoke, right: list[Cell], spell: Callable[[str], str]) -> Answer:
    """Asked by who may have the path in its own spelling, and by who may not."""
    fates: dict[Fate, Fate] = {}
    told = []
    for cell in right:
        method, _, path = cell.case.request.partition(" ")
        case = replace(cell.case, path=spell(cell.case.path))
        readings = smoke.resolved(case).readings
        # As it is written, it must be no other route's.
        if cell.expected not in fates and readings and readings[0].winner is None:
            reply = smoke.ask(case, next(smoke.headers[cell.who]))
            fates[cell.expected] = reply.fate
            told.append(f"{method} {spell(path)} by {cell.who}: {reply.status}")
    fate, denied = fates.get(Fate.LET_IN), fates.get(Fate.REFUSED)
    return (
        _REACHED.get(fate or denied, _NOT_TRIED),
        "; ".join(told) or "written so, each path here is another route's, or nobody's",
        Fault.OTHER_SPELLING_OPENS if denied is Fate.LET_IN else None,
    )


def _greedy_before_any(smoke: Smoke, cells: list[Cell]) -> Answer:
    """Told where one of the two is public: the policy says the same of a path on either."""
    ask = smoke.project.simulator.ask_along
    for cell in cells:
        case, resolution = cell.case, smoke.resolved(cell.case)
        first, *others = resolution.candidates
        greedy = [one for one in others if one.is_greedy and one.method == case.method]
        ways = {
            ask(
                Request(method=case.method, path=case.path),
                Caller(),
                replace(resolution, winner=way),
            ).is_open: way
            for way in (*reversed(greedy), first)
        }
        if cell.who == NOBODY and first.method == ANY and len(ways) > 1:
            fate = cell.expected if cell.fault is None else cell.worst.fate
            if fate not in ACROSS:
                return _UNTOLD, f"{case.request}: {cell.worst.status}", None
            taken = ways[fate is Fate.LET_IN]
            return (
                "no" if taken is first else "yes",
                f"{case.request} takes {shown(taken.key)}",
                None,
            )
    return _NOT_TRIED, "no two such routes here, one of them public", None
