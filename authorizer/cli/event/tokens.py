"""Where a token comes from: a throw-away pool, a served stack, `login`, or standard input.

The throw-away pool is made for one run, its keys with it, and nobody else ever trusts them. It
issues what Cognito would, claim for claim. The authorizer is given its key set as a file, so that
nothing is fetched from anywhere.

Another place to get one from is another ``TokenSource``, and a word for it in ``token_source``.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import click
import requests
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from authorizer import UserPool
from authorizer.cli.account.sessions import fresh_session
from authorizer.cli.event.samples import SAMPLE_SUB, Placeholder, SampleCallers, callers_of_file
from authorizer.tokens.fetch import fetch_document
from authorizer.tokens.pool import derived_issuers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.event.samples import Sample

# The discard port. Keys that are bundled are never fetched, and this keeps it so.
_NOWHERE = "http://127.0.0.1:9/jwks.json"
PREFIX = "AUTHORIZER_"
SOURCES = ("throw-away", "local", "login", "-")
SOURCES_HELP = (
    "A pool made for this run; the stack of `authorizer local serve`; `authorizer login`; or "
    "standard input."
)
POLICY = Path("policy.yaml")
# Where `make serve` says what it serves, for as long as it does.
SERVING = "build/serving.json"
_REQUEST_SECONDS = 10
_POOLS = "AUTHORIZER_USER_POOLS"


POOL_ID = "eu-west-1_ThrowAway"
CLIENT_ID = "4k2exampleclient"
MACHINE_CLIENT_ID = "7h8examplemachine"
_USERNAME = "sample-user"
_HOUR = 3600
_KEY_BITS = 2048  # what Cognito uses, and the least that is accepted
# Cognito signs access and ID tokens with different keys.
_ACCESS_KEY, _ID_KEY = "throw-away-access", "throw-away-id"


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


class ThrowAwayPool:
    """Signs tokens for the samples' callers.

    Args:
        callers: who they are by the policy.

    Attributes:
        pools: it and its clients, as AUTHORIZER_USER_POOLS wants them.
    """

    pools = f"{POOL_ID}={CLIENT_ID},{MACHINE_CLIENT_ID}"
    sub = SAMPLE_SUB

    def __init__(self, callers: SampleCallers) -> None:
        self._callers = callers
        self._keys = {
            name: rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
            for name in (_ACCESS_KEY, _ID_KEY)
        }
        self._issuer = derived_issuers(POOL_ID)[0]

    def key_sets(self) -> Mapping[str, bytes]:
        """The pool's JWK Set by its id."""
        entries = [_public_jwk(name, key) for name, key in self._keys.items()]
        return {POOL_ID: json.dumps({"keys": entries}).encode()}

    def token(self, placeholder: Placeholder) -> str:
        """The token that belongs where this placeholder stands, issued now for an hour."""
        who = self._callers
        match placeholder:
            case Placeholder.ACCESS:
                return self._sign(self._user(who.groups))
            case Placeholder.SUSPENDED:
                return self._sign(self._user(who.denied_groups))
            case Placeholder.EXPIRED:
                return self._sign(self._user(who.groups, age_seconds=2 * _HOUR))
            case Placeholder.MACHINE:
                return self._sign(self._machine())
            case Placeholder.ID:
                return self._sign(self._id(), _ID_KEY)

    def _common(self, use: str, sub: str, age_seconds: int = 0) -> dict[str, Any]:
        issued_at = int(time.time()) - age_seconds
        return {
            "iss": self._issuer,
            "sub": sub,
            "token_use": use,
            "auth_time": issued_at,
            "iat": issued_at,
            "exp": issued_at + _HOUR,
            "jti": str(uuid.uuid4()),
            "origin_jti": str(uuid.uuid4()),
        }

    def _user(self, groups: tuple[str, ...], age_seconds: int = 0) -> dict[str, Any]:
        return {
            **self._common("access", SAMPLE_SUB, age_seconds),
            **_groups_claim(groups),
            "client_id": CLIENT_ID,
            "event_id": str(uuid.uuid4()),
            "scope": "aws.cognito.signin.user.admin",
            "username": _USERNAME,
        }

    def _machine(self) -> dict[str, Any]:
        return {
            **self._common("access", MACHINE_CLIENT_ID),
            "client_id": MACHINE_CLIENT_ID,
            "scope": " ".join(self._callers.scopes),
            "version": 2,
        }

    def _id(self) -> dict[str, Any]:
        return {
            **self._common("id", SAMPLE_SUB),
            **_groups_claim(self._callers.groups),
            "aud": CLIENT_ID,
            "event_id": str(uuid.uuid4()),
            "cognito:username": _USERNAME,
        }

    def _sign(self, claims: Mapping[str, Any], key: str = _ACCESS_KEY) -> str:
        header = {"kid": key, "alg": "RS256"}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self._keys[key].sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_encode(signature)}"


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
        """One of those that were made when it came up.

        Raises:
            click.ClickException: it makes none of this kind.
        """
        if placeholder not in self.tokens:
            raise click.ClickException(
                f"the local stack has no token for {placeholder}: no test of the policy has such a "
                "caller, or the template no app client for it"
            )
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


def token_source(
    name: str, project: Path, stdin: TextIO, sample: Sample, policy: Path = POLICY
) -> TokenSource:
    """The source by its name on the command line. An event that gets no token is told of.

    Args:
        name: one of ``SOURCES``.
        project: where a served stack says what it serves.
        stdin: where a token is read from.
        sample: the event. One with a token of its own is judged by the pools that the environment
            names, if it does.
        policy: says in which groups the users of a throw-away pool are.
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
        return ThrowAwayPool(callers_of_file(policy))
    match name:
        case "-":
            return GivenToken.read(stdin)
        case "local":
            return ServedPool.read(project)
        case "login":
            return SignedIn.load(os.environ.get("COGNITO_PROFILE", "default"))
    return GivenToken(text="")


def _groups_claim(groups: tuple[str, ...]) -> dict[str, Any]:
    """Cognito leaves the claim out of tokens of users without groups."""
    return {"cognito:groups": list(groups)} if groups else {}


def _public_jwk(name: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kid": name,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "e": _encode(numbers.e.to_bytes(3, "big")),
        "n": _encode(numbers.n.to_bytes(_KEY_BITS // 8, "big")),
    }


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bundle_keys(source: TokenSource, folder: Path, seen_as: str | None = None) -> dict[str, str]:
    """Write the source's keys into a folder, and tell the authorizer of them.

    Args:
        source: where the tokens are from.
        folder: such as the function's package.
        seen_as: the folder as the authorizer sees it, where that is another; "" for its package.

    Returns:
        Environment variables. For a source without keys, those of this process.
    """
    key_sets = source.key_sets()
    if not key_sets:
        return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    files = {}
    for pool_id, keys in key_sets.items():
        name = f"{pool_id}.jwks.json"
        (folder / name).write_bytes(keys)
        files[pool_id] = str(Path(str(folder) if seen_as is None else seen_as) / name)
    return {
        f"{PREFIX}USER_POOLS": source.pools,
        f"{PREFIX}JWKS_FILES": " ".join(f"{pool}={file}" for pool, file in files.items()),
        f"{PREFIX}JWKS_URLS": " ".join(f"{pool}={_NOWHERE}" for pool in files),
    }
