"""``authorizer decode``: what a token says, and at which step the authorizer would refuse it.

Showing is offline and proves nothing. The authorizer's own procedure verifies; the pool's keys are
fetched for it. Neither the signature nor the token itself is printed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from itertools import dropwhile
from types import MappingProxyType
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authorizer.cli.account.verification import (
    CLAIMS,
    ENCRYPTED_PARTS,
    HEADER,
    TOKEN_STEPS,
    Verification,
    groups_of,
    pool_to_verify_by,
    read_part,
    stored_session,
    strip_scheme,
    verify,
)
from authorizer.cli.options import pool_options
from authorizer.errors import ConfigurationError, clip
from authorizer.tokens.claims import is_nameable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.account.sessions import Session
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
# The last second of the year 9998: local time may be a day ahead, and datetime ends with 9999.
LAST_SECOND = 253_370_764_799
# A unit's seconds, and how many of them make the next larger one.
_UNITS = ((86_400, sys.maxsize, "d"), (3_600, 24, "h"), (60, 60, "min"))
# The next smaller units are told no more.
_FEW = 2
_LONGEST = 300

HEADER_MEANINGS = MappingProxyType(
    {
        "alg": "how it is signed; the authorizer takes RS256 and nothing else",
        "crit": "extensions that a reader must know; the authorizer knows none, and refuses",
        "cty": "kind of content",
        "enc": "how it is encrypted: only Cognito can read it",
        "kid": "which of the pool's keys signed it",
        "typ": "kind of document",
    }
)
CLAIM_MEANINGS = MappingProxyType(
    {
        "at_hash": "ties this ID token to the access token issued with it",
        "aud": "API that it is bound to; AUTHORIZER_AUDIENCES can demand one",
        "auth_time": "when the user signed in",
        "birthdate": "date of birth",
        "client_id": "app client that it was issued to",
        "cognito:groups": "groups: what the policy's rules are for",
        "cognito:preferred_role": "AWS role that comes first among the groups'",
        "cognito:roles": "AWS roles of the groups",
        "cognito:username": "user name (in ID tokens)",
        "device_key": "remembered device that signed in",
        "email": "e-mail address",
        "email_verified": "whether the e-mail address was verified",
        "event_id": "the sign-in that it came of, for searching in logs",
        "exp": "when it expires",
        "family_name": "family name",
        "given_name": "given name",
        "iat": "when it was issued",
        "identities": "identity provider that the user signed in with",
        "iss": "user pool that issued it",
        "jti": "this token's own id",
        "locale": "language",
        "name": "full name",
        "nbf": "not valid before",
        "nonce": "ties it to the request for it",
        "origin_jti": "the sign-in's id: revoking it revokes all tokens that came of it",
        "phone_number": "phone number",
        "phone_number_verified": "whether the phone number was verified",
        "preferred_username": "name that the user goes by",
        "scope": "scopes: what an app may do, where no user stands behind the token",
        "sub": "the user's id, which never changes",
        "token_use": "kind of token; an API wants access",
        "username": "user name",
        "version": "version of the token's format",
    }
)
_UNKNOWN_HEADER = "not a field of Cognito's"
_UNKNOWN_CLAIM = "not one of Cognito's own: added for this pool"
# Where a claim means another thing in an ID token.
_ID_CLAIM_MEANINGS = MappingProxyType({"aud": "app client that it was issued to"})
_ATTRIBUTE = "an attribute of this pool's own"
# claim -> said of an instant to come, said of one gone by.
TIMES = MappingProxyType(
    {
        "auth_time": ("signs in", "signed in"),
        "exp": ("expires", "expired"),
        "iat": ("issued", "issued"),
        "nbf": ("valid", "valid since"),
    }
)


@click.command()
@click.argument("token", required=False)
@pool_options
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
        pool = pool_to_verify_by(pool_id, client_id, jwks_url, session)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    verification = verify(unverified_text, pool)
    console = _console()
    _show_parts(console, unverified_text, now)
    _show_verification(console, verification, pool)
    sys.exit(0 if verification.is_good else 1)


def _token(argument: str | None, session: Session | None, trouble: str | None) -> str:
    if argument is None:
        if session is None:
            raise click.ClickException(trouble or "no token")
        return session.access_token
    if os.path.isfile(argument):  # noqa: PTH113 - a token is too long a name for Path's, which raises
        raise click.ClickException(
            "expected a token, found a file's name: decode - < FILE reads it"
        )
    piped = sys.stdin.buffer.read() if argument == "-" else None
    text = strip_scheme(argument if piped is None else piped.decode("utf-8", "replace"))
    if not text:
        raise click.ClickException("expected a token, found nothing")
    if piped is None and _may_be_a_file(text):
        raise click.ClickException(
            "expected a token, found what may be a file's name, and there is no such file"
        )
    return text


def _may_be_a_file(text: str) -> bool:
    """A token without its signature has one dot, too; but then its header can be read."""
    return "/" in text or (text.count(".") == 1 and read_part(text, HEADER) is None)


def _show_parts(console: Console, unverified_text: str, now: float) -> None:
    header, claims = (read_part(unverified_text, index) for index in (HEADER, CLAIMS))
    token_use = (claims or {}).get("token_use")
    for title, found, meaning in (
        ("header", header, lambda name: HEADER_MEANINGS.get(name, _UNKNOWN_HEADER)),
        ("claims", claims, lambda name: claim_meaning(name, token_use)),
    ):
        if found is None:
            console.print(Text(f"{title}: not readable\n"))
        else:
            console.print(_table(title, found, meaning, now))
    if unverified_text.count(".") + 1 == ENCRYPTED_PARTS:
        console.print(Text(f"{_REFRESH_TOKEN}\n"))
    skipped = [name for name in groups_of(claims or {}) if not is_nameable(name)]
    if skipped:
        console.print(Text(f"Skipped groups: {', '.join(map(clip, skipped))}. {_SKIPPED}\n"))
    if token_use == "id":
        console.print(Text(f"Warning: {_ID_TOKEN}\n", style="bold yellow"))


def _table(
    title: str, found: Mapping[str, object], meaning: Callable[[str], str], now: float
) -> Table:
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column(title, overflow="fold", no_wrap=True)
    rows.add_column("value", overflow="fold")
    rows.add_column("what it is", overflow="fold", style="dim")
    for name, value in found.items():
        label = name if name.isprintable() else clip(name)
        rows.add_row(Text(label), Text(shown_value(name, value, now)), Text(meaning(name)))
    return rows


def _show_verification(console: Console, verification: Verification, pool: UserPool | None) -> None:
    for step, name in TOKEN_STEPS.items():
        verdict, style = verification.result_of(step)
        console.print(Text(f"  {step} {name:<10} "), Text(verdict, style=style), sep="")
    if verification.reason is None and pool is None:
        note = "Not judged further: no pool and client are known; give --pool-id and --client-id."
    elif verification.is_good and pool is not None:
        note = f"Good: pool {pool.id} vouches for it. Step 6 is the policy's: authorizer call."
    else:
        note = verification.detail or ""
    console.print(Text(f"\n{note}", style="" if verification.is_good else "bold red"))


def _console() -> Console:
    """As wide as the terminal; wide enough for whole rows where there is none."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(width=_PIPE_COLUMNS, highlight=False)


def claim_meaning(name: str, token_use: object = None) -> str:
    """What a claim means, in that kind of token."""
    if name.startswith(("custom:", "dev:custom:")):
        return _ATTRIBUTE
    if token_use == "id" and name in _ID_CLAIM_MEANINGS:
        return _ID_CLAIM_MEANINGS[name]
    return CLAIM_MEANINGS.get(name, _UNKNOWN_CLAIM)


def shown_value(name: str, value: object, now_seconds: float) -> str:
    """A claim's value for people: short, on one line, and harmless to a terminal."""
    if name in TIMES and type(value) is int and 0 <= value <= LAST_SECOND:
        return f"{shown_instant(value)}, {relative(name, value, now_seconds)}"
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def shown_instant(seconds: int) -> str:
    """An instant on this machine's clock, with its zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def relative(name: str, seconds: float, now_seconds: float) -> str:
    """``expires in 12 min``, ``issued 3 h 5 min ago``, ``expired just now``."""
    to_come, gone_by = TIMES[name]
    distance = seconds - now_seconds
    if distance > 0:
        return f"{to_come} in {duration(distance)}"
    return f"{gone_by} {duration(-distance)} ago" if distance <= -1 else f"{gone_by} just now"


def duration(seconds: float) -> str:
    """A length of time in its one or two largest units, rounded down."""
    amounts = [(int(seconds) // size % most, unit) for size, most, unit in _UNITS]
    told = list(dropwhile(lambda amount: not amount[0], amounts))[:_FEW]
    return " ".join(f"{number} {unit}" for number, unit in told if number) or f"{int(seconds)} s"


def _text(value: object) -> str:
    if isinstance(value, str):
        # Escapes would reach the terminal as commands, and direction marks would rearrange the row.
        return value if value.isprintable() else json.dumps(value)
    if type(value) is list and value and all(isinstance(item, str) for item in value):
        return ", ".join(_text(item) for item in value)
    try:
        return json.dumps(value)
    except RecursionError:
        return "nested too deeply to show"
