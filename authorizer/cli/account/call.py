"""``authorizer call``: a request with the token of whoever signed in, and what the answer means."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from authorizer.cli.account import http_client
from authorizer.cli.account.cognito import fresh_session
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.verification import CLAIMS, groups_of, read_part
from authorizer.cli.options import POLICY, profile_option
from authorizer.cli.text import closest, printable
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.paths import METHODS
from authorizer.strict_json import NotStrictJsonError, parse_object

if TYPE_CHECKING:
    import requests

    from authorizer.cli.account.sessions import Session
    from authorizer.cli.analysis.simulator import Simulator

_REDACTED = b"[access token]"


@click.command()
@click.argument("method")
@click.argument("path")
@click.option("--data", "-d", help="The body: TEXT, @FILE, or - for standard input.")
@click.option(
    "headers", "--header", "-H", multiple=True, help="'Name: value'; can be given several times."
)
@click.option(
    "--base-url",
    "--api-url",
    envvar="API_URL",
    show_envvar=True,
    help="The API's URL; default: that of the stack signed in to.",
)
@profile_option("Who calls.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The policy to explain a refusal with; default: policy.yaml, where there is one.",
)
def call(
    *,
    method: str,
    path: str,
    data: str | None,
    headers: tuple[str, ...],
    base_url: str | None,
    profile: str,
    policy: Path | None,
) -> None:
    """Call METHOD PATH of the API as who is signed in.

    The body of the answer goes to standard output, the status to standard error, and so does what
    a refusal means. Exit code 0 for a status of 2xx, 1 for another.
    """
    body = _read_data(data)
    sent_headers = _headers(headers, body)
    http_client.require_path(path)
    method = _require_method(method)
    if base_url:
        http_client.require_base_url(base_url)
    session = fresh_session(profile)
    response = http_client.send(
        method,
        http_client.require_base_url(_base_url(base_url, session)),
        path,
        unverified_token=session.access_token,
        headers=sent_headers,
        data=body,
    )
    _print(response, session)
    if response.status_code // 100 != 2:  # noqa: PLR2004 - 2xx
        advice = _advice(response, method, path, session, policy)
        if advice is not None:
            click.echo(advice, err=True)
        sys.exit(1)


def _require_method(method: str) -> str:
    if not (method.isascii() and method.isalpha()):
        raise AccountError("expected a method such as GET or POST")
    method = method.upper()
    meant = closest(method, METHODS)
    if meant is not None and method not in METHODS:
        raise AccountError(
            f"expected a method such as GET or POST, found {clip(method)}: did you mean {meant}?"
        )
    return method


def _base_url(option: str | None, session: Session) -> str:
    url = option or session.api_url
    if not url:
        raise AccountError(
            "the session does not say where the API is: give --base-url, "
            "such as the output ApiUrl of the deployed stack, or set API_URL"
        )
    source = click.get_current_context().get_parameter_source("base_url")
    is_another = session.api_url is not None and url.rstrip("/") != session.api_url.rstrip("/")
    if is_another and source is ParameterSource.ENVIRONMENT:
        # The token of one stack goes to another one's API: whoever forgot the variable wonders.
        click.echo(f"calling API_URL, {printable(url)}, and not the session's API", err=True)
    return url


def _read_data(data: str | None) -> bytes | None:
    match data:
        case None:
            return None
        case "-":
            return sys.stdin.buffer.read()
        case _ if not data.startswith("@"):
            return data.encode("utf-8", "surrogateescape")
    try:
        return Path(data[1:]).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file's name"
        raise AccountError(f"{data[1:]!r} cannot be read: {why}") from error


def _headers(options: tuple[str, ...], body: bytes | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in map(http_client.parse_header, options):
        if name.lower() in {known.lower() for known in headers}:
            raise AccountError(f"expected each header once, found {name} again")
        headers[name] = value
    if body is not None and "content-type" not in {name.lower() for name in headers}:
        is_json = indented(body) is not None
        headers["Content-Type"] = "application/json" if is_json else "application/octet-stream"
    return headers


def gateway_message(body: bytes) -> str:
    """What an API Gateway says of itself; nothing of what a backend says."""
    try:
        message = parse_object(body).get("message")
    except NotStrictJsonError:
        return ""
    return message if isinstance(message, str) else ""


def _print(response: requests.Response, session: Session) -> None:
    # An API that echoes its headers must not put the token into a terminal, a file or a pipe.
    reason = (response.reason or "").replace(session.access_token, _REDACTED.decode())
    body = response.content.replace(session.access_token.encode(), _REDACTED)
    shown = reason if reason.isprintable() else ""
    click.echo(f"HTTP {response.status_code} {shown}".rstrip(), err=True)
    if sys.stdout.isatty():
        click.echo(_for_people(body))
    else:
        click.echo(body, nl=False)


def _for_people(body: bytes) -> str:
    """The body for a terminal: JSON indented, and nothing that a terminal would obey."""
    text = body.decode("utf-8", "replace")
    return printable(indented(text) or text.removesuffix("\n"), kept="\n\t")


def indented(body: str | bytes) -> str | None:
    """The same JSON for people; nothing where it is none."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _advice(
    response: requests.Response,
    method: str,
    path: str,
    session: Session,
    policy_path: Path | None,
) -> str | None:
    # Few answers need it, and it asks the policy.
    from authorizer.cli.account.advice import advise  # noqa: PLC0415
    from authorizer.cli.analysis.request import Caller, Request  # noqa: PLC0415

    claims = read_part(session.access_token, CLAIMS) or {}
    simulator, trouble = _simulator(policy_path)
    return advise(
        response.status_code,
        Request(method=method, path=path.partition("?")[0]),
        Caller(groups=groups_of(claims), claims=claims),
        message=gateway_message(response.content),
        now_seconds=time.time(),
        simulator=simulator,
        policy_trouble=trouble,
    )


def _simulator(path: Path | None) -> tuple[Simulator | None, str | None]:
    """Of the policy at hand; or why there is none."""
    if path is None and not POLICY.is_file():
        return None, None
    path = path or POLICY
    from authorizer.cli.analysis.simulator import Simulator  # noqa: PLC0415 - for few answers
    from authorizer.cli.policy_file import load_document  # noqa: PLC0415

    try:
        return Simulator(policy=load_document(path)[1], file=str(path)), None
    except ConfigurationError:
        return None, f"{path} does not compile (run 'authorizer compile {path}')"
