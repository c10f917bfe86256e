"""The other side: a Cognito pool that signs and rotates, and a JWKS server that can misbehave.

Tests mutate these instead of mocking ours. Keys are real RSA keys, signatures real signatures,
and the server a real HTTP server on loopback that counts what it is asked.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from authorizer import AuthorizerError, JwksCache, JwksTiming, KeySet, TokenVerifier, UserPool

if TYPE_CHECKING:
    import ssl

POOL_ID = "eu-west-1_Simulated"
CLIENT_ID = "4k2exampleclient"
NOW = 1_800_000_000


def b64(data: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache
def private_key(name: str = "access", bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, the same one for the same name: making them is slow."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_jwk(key: rsa.RSAPrivateKey, kid: str, **changes: Any) -> dict[str, Any]:
    """The key's JWK as Cognito publishes it. A change to None drops the member."""
    numbers = key.public_key().public_numbers()
    jwk = {
        "alg": "RS256",
        "e": b64(numbers.e.to_bytes(3)),
        "kid": kid,
        "kty": "RSA",
        "n": b64(numbers.n.to_bytes(key.key_size // 8)),
        "use": "sig",
    }
    return {name: value for name, value in (jwk | changes).items() if value is not None}


@dataclass
class Clock:
    """A clock that a test moves by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Cognito:
    """A user pool as seen from outside: it publishes keys and issues tokens."""

    pool_id: str = POOL_ID
    client_id: str = CLIENT_ID
    keys: dict[str, rsa.RSAPrivateKey] = field(
        default_factory=lambda: {"access-key": private_key("access"), "id-key": private_key("id")}
    )

    @property
    def issuer(self) -> str:
        region = self.pool_id.split("_")[0]
        return f"https://cognito-idp.{region}.amazonaws.com/{self.pool_id}"

    def pool(self, **overrides: Any) -> UserPool:
        """Our configuration of this pool."""
        return UserPool(self.pool_id, [self.client_id], **overrides)

    def jwks(self) -> bytes:
        """The published JWK Set."""
        entries = [public_jwk(key, kid) for kid, key in self.keys.items()]
        return json.dumps({"keys": entries}).encode()

    def key_set(self) -> KeySet:
        return KeySet.parse(self.jwks())

    def claims(self, **changes: Any) -> dict[str, Any]:
        """An access token's claims, of a user in a group, issued a minute ago for an hour.

        A change to None drops the claim; ``cognito_groups`` stands for ``cognito:groups``.
        """
        claims: dict[str, Any] = {
            "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "cognito:groups": ["reader"],
            "iss": self.issuer,
            "client_id": self.client_id,
            "origin_jti": "11111111-2222-4333-8444-555555555555",
            "event_id": "66666666-7777-4888-8999-000000000000",
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": NOW - 60,
            "exp": NOW + 3540,
            "iat": NOW - 60,
            "jti": "99999999-8888-4777-8666-555555555555",
            "username": "alice",
            "version": 2,
        }
        if "cognito_groups" in changes:
            changes["cognito:groups"] = changes.pop("cognito_groups")
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def id_claims(self, **changes: Any) -> dict[str, Any]:
        """An ID token's claims of the same user."""
        claims = self.claims(token_use="id", client_id=None, scope=None, username=None)
        claims |= {"aud": self.client_id, "cognito:username": "alice", "email": "a@example.com"}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def verifier(
        self,
        clock: Callable[[], float],
        *,
        remember: int = 1_000,
        timing: JwksTiming | None = None,
        **overrides: Any,
    ) -> TokenVerifier:
        """Our verifier of this pool, with its present keys bundled: no network until they age."""
        # Nobody listens on the discard port: no test depends on the network by mistake.
        pool = self.pool(**{"jwks_url": "http://127.0.0.1:9/jwks.json"} | overrides)
        keys = JwksCache(bundled={pool: self.key_set()}, timing=timing, clock=clock)
        return TokenVerifier(pool, keys=keys, remember=remember, clock=clock)

    def sign(
        self,
        claims: dict[str, Any] | bytes,
        *,
        kid: str = "access-key",
        header: dict[str, Any] | bytes | None = None,
        key: rsa.RSAPrivateKey | None = None,
    ) -> str:
        """A token over any payload and any header, signed with the pool's key or another."""
        header = {"kid": kid, "alg": "RS256"} if header is None else header
        parts = [
            part if isinstance(part, bytes) else json.dumps(part).encode()
            for part in (header, claims)
        ]
        signing_input = ".".join(b64(part) for part in parts)
        signer = key or self.keys[kid]
        signature = signer.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
        return f"{signing_input}.{b64(signature)}"

    def token(self, **changes: Any) -> str:
        """A genuine access token, with changes to its claims."""
        return self.sign(self.claims(**changes))

    def id_token(self, **changes: Any) -> str:
        """A genuine ID token, signed with the pool's other key."""
        return self.sign(self.id_claims(**changes), kid="id-key")


Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class JwksServer:
    """A real HTTP server for a JWK Set. Replace ``respond`` to make it misbehave."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    respond: Respond | None = None
    fetches: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    # Set when the test ends, so that a handler that hangs on purpose can wait on it.
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.fetches += 1
        self.requests.append({name.lower(): value for name, value in handler.headers.items()})
        if self.respond is not None:
            self.respond(handler)
            return
        handler.send_response(self.status)
        for name, value in {"Content-Type": "application/json", **self.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)

    # Ways to misbehave, for ``respond``. What never ends, ends with the test.

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        self.over.wait()

    def reset(self, handler: BaseHTTPRequestHandler) -> None:
        """End the connection as a crash does: with RST, not FIN."""
        linger_not_at_all = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
        handler.rfile.close()
        handler.connection.close()

    def drip_headers(self, handler: BaseHTTPRequestHandler) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nX-Drip: ")(handler)

    def drip_body(self, handler: BaseHTTPRequestHandler) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\n\r\n")(handler)

    def drip(self, start: bytes, drop: bytes = b" ") -> Respond:
        """Begin like this, and go on with a drop at a time."""
        return self._pour(start, drop, 0.01)

    def flood(self, start: bytes, drop: bytes) -> Respond:
        """Begin like this, and go on as fast as it is taken."""
        return self._pour(start, drop * (65_536 // len(drop)), 0)

    def _pour(self, start: bytes, drop: bytes, seconds: float) -> Respond:
        def respond(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(start)
            while not self.over.wait(seconds):
                handler.wfile.write(drop)

        return respond


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on a misbehaving server is what the tests want."""


@contextmanager
def serve_jwks(
    body: bytes, *, tls: ssl.SSLContext | None = None, **settings: Any
) -> Iterator[JwksServer]:
    """Serve a JWK Set on loopback until the block ends."""
    jwks = JwksServer(body, **settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jwks.answer(self)

        do_CONNECT = do_GET  # noqa: N815 - what a proxy is asked

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = _QuietServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        # The handshake belongs to the request's thread: a failed one must not end the server.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "http" if tls is None else "https"
    jwks.url = f"{scheme}://127.0.0.1:{server.server_port}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield jwks
    finally:
        jwks.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


T = TypeVar("T")


def all_at_once(number: int, call: Callable[[], T]) -> list[T | AuthorizerError]:
    """Call from that many threads at one moment; what each returned, or raised."""
    barrier = threading.Barrier(number)

    def outcome() -> T | AuthorizerError:
        barrier.wait()
        try:
            return call()
        except AuthorizerError as error:
            return error

    with ThreadPoolExecutor(number) as threads:
        futures = [threads.submit(outcome) for _ in range(number)]
        return [future.result() for future in futures]


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for another thread to get somewhere; fails when it does not."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "what was waited for did not happen"
        time.sleep(0.002)
