"""Where a token comes from: a throw-away pool, a served stack, `login`, or standard input.

Another place to get one from is another ``TokenSource``, and a word for it in ``token_source``.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO

import click
import requests

from authorizer import UserPool
from authorizer.cli.account.sessions import fresh_session
from authorizer.cli.event.samples import SAMPLE_SUB, Placeholder
from authorizer.cli.event.throwaway import ThrowAwayPool
from authorizer.tokens.fetch import fetch_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authorizer.cli.event.samples import Sample

SOURCES = ("throw-away", "local", "login", "-")
SOURCES_HELP = (
    "A pool made for this run; the stack of `authorizer local serve`; `authorizer login`; or "
    "standard input."
)
# Where `make serve` says what it serves, for as long as it does.
SERVING = "build/serving.json"
_REQUEST_SECONDS = 10
_POOLS = "AUTHORIZER_USER_POOLS"


class TokenSource(Protocol):
    """Tokens, and what an authorizer must be told to judge them."""

    @property
    def sub(self) -> str:
        """Whose record "own record" is."""

    @property
    def pools(self) -> str:
        """AUTHORIZER_USER_POOLS."""

    def key_sets(self) -> Mapping[str, bytes]:
        """JWK Sets to bundle, by pool; empty where the authorizer has to fetch them."""

    def token(self, placeholder: Placeholder) -> str:
        """The token that belongs where this placeholder stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPool:
    """The pool of a stack that ``make serve`` keeps up.

    Attributes:
        tokens: by placeholder.
    """

    sub: str
    pools: str
    jwks_url: str
    tokens: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, project: Path) -> ServedPool:
        """Read what ``make serve`` has left in the project's folder.

        Raises:
            click.ClickException: it is not running.
        """
        try:
            return cls(**json.loads((project / SERVING).read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise click.ClickException(
                "no local stack is up: run 'authorizer local serve' here, in another terminal"
            ) from error

    def write(self, project: Path) -> Path:
        """Leave it there, for this user alone."""
        path = project / SERVING
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(json.dumps(asdict(self)))
        return path

    def key_sets(self) -> Mapping[str, bytes]:
        """What the emulator publishes now.

        Raises:
            click.ClickException: it does not answer.
        """
        try:
            with requests.Session() as http:
                http.trust_env = False  # no proxy, no .netrc
                answer = http.get(self.jwks_url, timeout=_REQUEST_SECONDS)
                answer.raise_for_status()
        except requests.RequestException as error:
            raise click.ClickException(
                "the local stack does not answer: run 'authorizer local serve' again"
            ) from error
        return {self.pools.partition("=")[0]: answer.content}

    def token(self, placeholder: Placeholder) -> str:
        """One of those that were made when it came up."""
        return self.tokens[placeholder]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenToken:
    """A token from elsewhere, put wherever an event wants one.

    Whose pool it is of is said by AUTHORIZER_USER_POOLS, as it is for the deployed function.
    """

    text: str = field(repr=False)

    @classmethod
    def read(cls, stream: TextIO) -> GivenToken:
        """The first line of standard input, with or without ``Bearer``.

        Raises:
            click.ClickException: it is empty.
        """
        text = stream.readline().strip().removeprefix("Bearer ").strip()
        if not text:
            raise click.ClickException("expected a token on standard input, found nothing")
        return cls(text=text)

    @property
    def sub(self) -> str:
        """Read from the token, unverified: it only chooses which record is asked for."""
        with suppress(ValueError, IndexError, AttributeError):
            part = self.text.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            sub = claims.get("sub")
            if isinstance(sub, str):
                return sub
        return SAMPLE_SUB

    @property
    def pools(self) -> str:
        """What the environment says."""
        return os.environ.get(_POOLS, "")

    def key_sets(self) -> Mapping[str, bytes]:
        """None: the authorizer fetches them, as it does when deployed."""
        return {}

    def token(self, _placeholder: Placeholder) -> str:
        """The given one."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(GivenToken):
    """The access token of whoever signed in with ``authorizer login``."""

    pool: UserPool

    @classmethod
    def load(cls, profile: str) -> SignedIn:
        """Read, and if necessary refresh, a kept session.

        Raises:
            AccountError: nobody is signed in.
        """
        session = fresh_session(profile)
        pool_id, endpoint = session.pool_id or "", session.endpoint_url
        url = f"{endpoint.rstrip('/')}/{pool_id}/.well-known/jwks.json" if endpoint else None
        pool = UserPool(pool_id, [session.client_id], jwks_url=url)
        return cls(text=session.access_token, pool=pool)

    @property
    def pools(self) -> str:
        """The pool and the app client signed in with."""
        return f"{self.pool.id}={','.join(self.pool.client_ids)}"

    def key_sets(self) -> Mapping[str, bytes]:
        """What the pool publishes now: a container may be unable to ask.

        Raises:
            FetchError: it cannot be had.
        """
        deadline = timedelta(seconds=_REQUEST_SECONDS)
        return {self.pool.id: fetch_document(self.pool.jwks_url, deadline=deadline)}


def token_source(name: str, project: Path, stdin: TextIO, sample: Sample) -> TokenSource:
    """The source by its name on the command line. An event that gets no token is told of.

    Args:
        name: one of ``SOURCES``.
        project: where a served stack says what it serves.
        stdin: where a token is read from.
        sample: the event. One with a token of its own is judged by the pools that the environment
            names, if it does.
    """
    is_new = name == SOURCES[0] and not (sample.is_as_given and os.environ.get(_POOLS))
    if sample.is_as_given:
        rest = (
            "; a token of an earlier run is refused, for the keys of the throw-away pool are made "
            f"anew each time, and one of a pool of yours, unless {_POOLS} names the pool"
        )
        click.echo(
            f"no token was put into {sample.name}: it has no {Placeholder.ACCESS.value}, "
            f"nor another placeholder, and is taken as it is{rest if is_new else ''}",
            err=True,
        )
    if is_new:
        return ThrowAwayPool()
    match name:
        case "-":
            return GivenToken.read(stdin)
        case "local":
            return ServedPool.read(project)
        case "login":
            return SignedIn.load(os.environ.get("COGNITO_PROFILE", "default"))
    return GivenToken(text="")
