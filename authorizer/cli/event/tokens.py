"""Where a token comes from: a throw-away pool, a served stack, `login`, or standard input.

The throw-away pool is made for one run, its keys with it, and nobody else ever trusts them. It
issues what Cognito would, claim for claim. The authorizer is given its key set as a file, so that
nothing is fetched from anywhere.

Another place to get one from is another ``TokenSource``, and a word for it in ``token_source``.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jwt
from jose.exceptions import JOSEError
from jose.utils import base64url_encode

from authorizer import UserPool
from authorizer.cli.account.cognito import fresh_session
from authorizer.cli.event.samples import (
    SAMPLE_SUB,
    Placeholder,
    Sample,
    SampleCallers,
    callers_of_file,
)
from authorizer.tokens.fetch import FetchError, fetch_document
from authorizer.tokens.pool import derived_issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


SOURCES = ("throw-away", "local", "login", "-")
SOURCES_HELP = (
    "A pool made for this run; the stack of `authorizer local serve`; `authorizer login`; or "
    "standard input."
)
POLICY = Path("policy.yaml")
# Where `authorizer local serve` says what it serves, for as long as it does: the first in a folder
# here, and whatever else is up there in a folder of its own below.
_STATE, _SERVING, _LOCK = ".local", "serving.json", "lock"
TOKENS = "tokens.sh"
PREFIX = "AUTHORIZER_"
_POOLS = f"{PREFIX}USER_POOLS"
# Settings that say how to answer.
ANSWERS = {f"{PREFIX}{name}" for name in ("HTTP_API_ANSWER", "HTTP_API_REFUSAL", "IAM_MODES")}
# The discard port. Keys that are bundled are never fetched, and this keeps it so.
_NOWHERE = "http://127.0.0.1:9/jwks.json"
_DEADLINE = timedelta(seconds=10)
POOL_ID = "eu-west-1_ThrowAway"
CLIENT_ID = "4k2exampleclient"
MACHINE_CLIENT_ID = "7h8examplemachine"
_USERNAME = "sample-user"
_HOUR = 3600
_KEY_BITS = 2048  # what Cognito uses, and the least that is accepted
# Cognito signs access and ID tokens with different keys.
_ACCESS_KEY, _ID_KEY = "throw-away-access", "throw-away-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """Tokens, and what an authorizer must be told to judge them.

    Attributes:
        sub: whose record "own record" is.
        pools: AUTHORIZER_USER_POOLS.
        token: makes the token that belongs where a placeholder stands.
        key_sets: gets the JWK Sets to bundle, by pool; none where the authorizer has to fetch them.
    """

    sub: str
    pools: str
    token: Callable[[Placeholder], str]
    key_sets: Callable[[], Mapping[str, bytes]] = dict


def token_source(
    name: str, sample: Sample, policy: Path = POLICY, callers: SampleCallers | None = None
) -> TokenSource:
    """The source by its name on the command line. An event that gets no token is told of.

    Args:
        name: one of ``SOURCES``.
        sample: the event. One with a token of its own is judged by the pools that the environment
            names, if it does.
        policy: says in which groups the users of a throw-away pool are.
        callers: say it instead.

    Raises:
        click.ClickException: there is no such token.
        AccountError: nobody is signed in.
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
    match name:
        case "local":
            return ServedPool.read(Path()).source()
        case "login":
            return _signed_in(os.environ.get("COGNITO_PROFILE", "default"))
        case "-":
            return given_token(_piped())
    return throw_away_pool(callers or callers_of_file(policy)) if is_new else given_token("")


def _piped() -> str:
    text = sys.stdin.readline().strip().removeprefix("Bearer ").strip()
    if not text:
        raise click.ClickException("expected a token on standard input, found nothing")
    return text


class MadeKey:
    """A key like those of Cognito, made now. Nobody else ever trusts it.

    Args:
        name: its key id.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # The stubs know no key objects.
        self._key = jwk.construct(rsa.generate_private_key(65537, _KEY_BITS), "RS256")  # type: ignore[arg-type]

    def entry(self) -> dict[str, Any]:
        """What stands of it in a JWK Set."""
        return {**self._key.public_key().to_dict(), "kid": self._name, "use": "sig"}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims."""
        signed = f"{encoded({'kid': self._name, 'alg': 'RS256'})}.{encoded(claims)}"
        return f"{signed}.{base64url_encode(self._key.sign(signed.encode())).decode()}"


def key_set(*keys: MadeKey) -> bytes:
    """The JWK Set with these keys."""
    return json.dumps({"keys": [key.entry() for key in keys]}).encode()


def throw_away_pool(callers: SampleCallers) -> TokenSource:
    """A pool whose keys are made now.

    Args:
        callers: who asks in the samples, by the policy.
    """
    access_key, id_key = MadeKey(_ACCESS_KEY), MadeKey(_ID_KEY)

    def token(placeholder: Placeholder) -> str:
        key = id_key if placeholder is Placeholder.ID else access_key
        return key.sign(_claims(placeholder, callers))

    return TokenSource(
        sub=str(callers.claims.get("sub", SAMPLE_SUB)),
        pools=f"{POOL_ID}={CLIENT_ID},{MACHINE_CLIENT_ID}",
        token=token,
        key_sets=lambda: {POOL_ID: key_set(access_key, id_key)},
    )


def _claims(placeholder: Placeholder, callers: SampleCallers) -> dict[str, Any]:
    """What Cognito would write into the token, issued now for an hour."""
    issued_at = int(time.time()) - (2 * _HOUR if placeholder is Placeholder.EXPIRED else 0)
    groups = callers.denied_groups if placeholder is Placeholder.SUSPENDED else callers.groups
    common = {
        "iss": derived_issuers(POOL_ID)[0],
        "token_use": "access",
        "auth_time": issued_at,
        "iat": issued_at,
        "exp": issued_at + _HOUR,
        "jti": str(uuid.uuid4()),
        "origin_jti": str(uuid.uuid4()),
    }
    user = {**common, "sub": SAMPLE_SUB, "event_id": str(uuid.uuid4())}
    if groups:  # of users without any, Cognito leaves the claim out
        user["cognito:groups"] = list(groups)
    match placeholder:
        case Placeholder.MACHINE:
            client = {"sub": MACHINE_CLIENT_ID, "client_id": MACHINE_CLIENT_ID}
            scope = " ".join(callers.scopes)
            return {**common, **client, "scope": scope, "version": 2, **callers.claims}
        case Placeholder.ID:
            return {**user, "token_use": "id", "aud": CLIENT_ID, "cognito:username": _USERNAME}
    scope = "aws.cognito.signin.user.admin"
    person = {"client_id": CLIENT_ID, "scope": scope, "username": _USERNAME}
    return {**user, **person, **callers.claims}


def encoded(part: dict[str, Any]) -> str:
    """A token's header or claims, as they stand in it."""
    return base64url_encode(json.dumps(part, separators=(",", ":")).encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPool:
    """The pool of a stack that ``make serve`` keeps up.

    Attributes:
        tokens: by placeholder.
        api_url: where the API answers.
        people: an access token of each user, by name.
    """

    sub: str
    pools: str
    jwks_url: str
    tokens: Mapping[str, str] = field(repr=False)
    api_url: str = ""
    people: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, project: Path) -> ServedPool:
        """Read what ``authorizer local serve`` has left in the project's folder.

        Raises:
            click.ClickException: it is not running.
        """
        state = project / _STATE
        up = [folder for folder in (state, *sorted(state.glob("*/"))) if _is_held(folder)]
        try:
            return cls(**json.loads((up[0] / _SERVING).read_text("utf-8")))
        except (OSError, IndexError, ValueError, TypeError) as error:
            raise click.ClickException(
                "no local stack is up: run 'authorizer local serve' here, in another terminal"
            ) from error

    def write(self, folder: Path) -> None:
        """Leave it there, for this user alone."""
        write_private(folder / _SERVING, json.dumps(asdict(self)))

    def source(self) -> TokenSource:
        """As a source of tokens, with the keys that the emulator publishes now."""
        return TokenSource(
            sub=self.sub, pools=self.pools, token=self._token, key_sets=self._key_sets
        )

    def _key_sets(self) -> Mapping[str, bytes]:
        try:
            keys = fetch_document(self.jwks_url, deadline=_DEADLINE)
        except FetchError as error:
            raise click.ClickException(
                "the local stack does not answer: run 'authorizer local serve' again"
            ) from error
        return {self.pools.partition("=")[0]: keys}

    def _token(self, placeholder: Placeholder) -> str:
        if placeholder not in self.tokens:
            raise click.ClickException(
                f"the local stack has no token for {placeholder}: no test of the policy has such a "
                "caller, or the template no app client for it"
            )
        return self.tokens[placeholder]


@contextmanager
def own_state(project: Path) -> Iterator[Path]:
    """A folder for what a stack tells while it is up, that no other one touches.

    The lock goes with its holder, however that ends; what such a one left is written anew.
    """
    for number in itertools.count(1):
        folder = project / _STATE / ("" if number == 1 else str(number))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # another one is up
            (project / _STATE / ".gitignore").write_text("*\n")
            try:
                yield folder
            finally:
                for name in (_SERVING, TOKENS):
                    (folder / name).unlink(missing_ok=True)
            return


def _is_held(folder: Path) -> bool:
    with suppress(FileNotFoundError), (folder / _LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def write_private(path: Path, text: str) -> None:
    """Write a file that this user alone can read, from the moment on that it is there."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, "utf-8")


def given_token(text: str) -> TokenSource:
    """A token from elsewhere, put wherever an event wants one.

    Whose pool it is of is said by AUTHORIZER_USER_POOLS, as it is for the deployed function, which
    fetches the keys. Its ``sub`` is not verified: it only chooses which record is asked for.
    """
    try:
        sub = jwt.get_unverified_claims(text).get("sub")
    except JOSEError:
        sub = None
    return TokenSource(
        sub=sub if isinstance(sub, str) else SAMPLE_SUB,
        pools=os.environ.get(_POOLS, ""),
        token=lambda _: text,
    )


def _signed_in(profile: str) -> TokenSource:
    """The access token of whoever signed in with ``authorizer login``; refreshed if necessary.

    The keys come with it: a container may be unable to ask for them.
    """
    session = fresh_session(profile)
    pool_id, endpoint = session.pool_id or "", session.endpoint_url
    url = f"{endpoint.rstrip('/')}/{pool_id}/.well-known/jwks.json" if endpoint else None
    pool = UserPool(pool_id, [session.client_id], jwks_url=url)
    return replace(
        given_token(session.access_token),
        pools=f"{pool.id}={session.client_id}",
        key_sets=lambda: {pool.id: fetch_document(pool.jwks_url, deadline=_DEADLINE)},
    )


def bundle_keys(source: TokenSource, folder: Path, seen_as: str | None = None) -> dict[str, str]:
    """Write the source's keys into a folder, and tell the authorizer of them.

    Args:
        source: where the tokens are from.
        folder: such as the function's package.
        seen_as: the folder as the authorizer sees it, where that is another; "" for its package.

    Returns:
        Environment variables: those of this process; for a source with keys, of these only what
        says how to answer.
    """
    key_sets = source.key_sets()
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if not key_sets:
        return given
    files = {}
    for pool_id, keys in key_sets.items():
        name = f"{pool_id}.jwks.json"
        (folder / name).write_bytes(keys)
        files[pool_id] = str(Path(str(folder) if seen_as is None else seen_as) / name)
    return {
        **{name: value for name, value in given.items() if name in ANSWERS},
        f"{PREFIX}USER_POOLS": source.pools,
        f"{PREFIX}JWKS_FILES": " ".join(f"{pool}={file}" for pool, file in files.items()),
        f"{PREFIX}JWKS_URLS": " ".join(f"{pool}={_NOWHERE}" for pool in files),
    }
