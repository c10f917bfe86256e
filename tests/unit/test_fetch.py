"""One GET of a JWK Set from a server that may do anything: a real one, on loopback."""

from __future__ import annotations

import gzip
import ipaddress
import select
import socket
import ssl
import threading
import time
import tracemalloc
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from simulator import JwksServer, private_key, serve_jwks
from tls_tickets import pouring_tickets

from authorizer.tokens.fetch import MAX_DOCUMENT_BYTES, FetchError, fetch_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import rsa

AMPLE = timedelta(seconds=10)
SHORT = timedelta(seconds=0.2)


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with serve_jwks(b'{"keys":[]}') as running:
        yield running


def failure(url: str, deadline: timedelta = AMPLE) -> str:
    with pytest.raises(FetchError) as caught:
        fetch_document(url, deadline=deadline)
    return str(caught.value)


def raw(server: JwksServer, response: bytes) -> None:
    """Let the server send these bytes, and close."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(response)

    server.respond = respond


def test_returns_the_body(server: JwksServer) -> None:
    """A plain 200 is the document, byte for byte, whatever it may be."""
    server.body = b"\x00 any bytes \xff"
    assert fetch_document(server.url, deadline=AMPLE) == server.body
    assert server.fetches == 1


def test_asks_plainly(server: JwksServer) -> None:
    """For JSON, unencoded, without credentials and cookies."""
    fetch_document(server.url, deadline=AMPLE)
    (request,) = server.requests
    assert request["accept"] == "application/json"
    assert request["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "proxy-authorization"} & set(request)


def test_remembers_nothing_between_fetches(server: JwksServer) -> None:
    """A cookie that the server sets is not sent back."""
    server.headers = {"Set-Cookie": "tracked=yes"}
    fetch_document(server.url, deadline=AMPLE)
    fetch_document(server.url, deadline=AMPLE)
    assert "cookie" not in server.requests[1]


@pytest.mark.parametrize(
    "status", [201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 429, 500, 503]
)
def test_only_a_plain_200_counts(server: JwksServer, status: int) -> None:
    """Every other status is a failure, also where a body comes with it."""
    server.status = status
    assert failure(server.url) == f"GET {server.url}: expected status 200, found {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(server: JwksServer, status: int) -> None:
    """Whoever can redirect us could hand us keys of their own: the other server is never asked."""
    with serve_jwks(b'{"keys":[]}') as other:
        server.status = status
        server.headers = {"Location": other.url}
        assert f"found {status}" in failure(server.url)
        assert other.fetches == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x" * 9_000])
def test_encoded_bodies_are_refused(server: JwksServer, encoding: str) -> None:
    """A kilobyte of gzip can be a megabyte of text; we asked for neither."""
    server.body = gzip.compress(b" " * 1_000_000)
    server.headers = {"Content-Encoding": encoding}
    message = failure(server.url)
    assert ": expected an unencoded body, found " in message
    assert len(message) < 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_bodies_of_redirects_are_not_read(server: JwksServer, status: int) -> None:
    """A status that is none of ours ends it: a bomb in the body does not go off."""
    head = b"HTTP/1.1 %d Moved\r\nLocation: /\r\nContent-Encoding: gzip\r\n\r\n" % status
    server.respond = server.drip(head, gzip.compress(b" " * 1_000_000))
    assert failure(server.url, SHORT).endswith(f"expected status 200, found {status}")


def test_identity_is_no_encoding(server: JwksServer) -> None:
    """A server may say that it encoded nothing."""
    server.headers = {"Content-Encoding": "identity"}
    assert fetch_document(server.url, deadline=AMPLE) == server.body


def test_size_boundary(server: JwksServer) -> None:
    """The largest document is read; one byte more is a failure."""
    server.body = b"x" * MAX_DOCUMENT_BYTES
    assert fetch_document(server.url, deadline=AMPLE) == server.body
    server.body += b"x"
    assert failure(server.url) == f"GET {server.url}: expected at most {MAX_DOCUMENT_BYTES} bytes"


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def test_chunked_bodies(server: JwksServer) -> None:
    """Chunks are put together, and counted together."""
    raw(server, chunked(b'{"keys"', b":", b"[]}"))
    assert fetch_document(server.url, deadline=AMPLE) == b'{"keys":[]}'
    raw(server, chunked(*[b"x" * 8192] * 8))
    assert len(fetch_document(server.url, deadline=AMPLE)) == MAX_DOCUMENT_BYTES
    raw(server, chunked(*[b"x" * 8192] * 8, b"x"))
    assert failure(server.url).endswith(f"expected at most {MAX_DOCUMENT_BYTES} bytes")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        pytest.param(OK + b"\r\n", b" ", id="body"),
        pytest.param(CHUNKED, b"1\r\n \r\n", id="chunks"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: x\r\n", id="trailers"),
        pytest.param(CONTINUE, CONTINUE, id="interim answers"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n", b"X: x\r\n", id="headers of an interim answer"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /\r\n", b"X: x\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 ", b"O", id="status line"),
        pytest.param(CHUNKED + b"2;", b"x", id="chunk extension"),
    ],
)
def test_nothing_is_endless(server: JwksServer, start: bytes, drop: bytes) -> None:
    """Wherever HTTP lets a server go on and on: dripped it ends in time, poured at a size."""
    server.respond = server.drip(start, drop)
    began = time.monotonic()
    failure(server.url, SHORT)
    assert time.monotonic() - began < 1
    server.respond = server.flood(start, drop)
    tracemalloc.start()
    message = failure(server.url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert "timed out" not in message


def test_a_body_without_end(server: JwksServer) -> None:
    """What never stops is stopped at the bound, long before the deadline."""
    server.respond = server.flood(OK + b"\r\n", b" ")
    assert failure(server.url).endswith(f"expected at most {MAX_DOCUMENT_BYTES} bytes")


def test_a_body_announced_too_large(server: JwksServer) -> None:
    """An announcement allocates nothing: the bytes that come are what counts."""
    raw(server, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n{}")
    assert "IncompleteRead" in failure(server.url)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        chunked(b"{}", end=b""),
        chunked(b"{}", end=b"ffffffffffffffff\r\n"),
        chunked(b"{}", end=b"not hexadecimal\r\n"),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 101 + b"\r\n{}",
        b"\x16\x03\x01 some other protocol",
    ],
    ids=[
        "nothing",
        "no HTTP",
        "no status",
        "too short",
        "unfinished",
        "huge chunk",
        "no chunk size",
        "long header",
        "many headers",
        "TLS",
    ],
)
def test_broken_responses(server: JwksServer, response: bytes) -> None:
    """Every way of not being HTTP, or of ending early, is the same failure."""
    raw(server, response)
    assert failure(server.url).startswith(f"GET {server.url} failed: ")


def test_foreign_text_is_clipped(server: JwksServer) -> None:
    """A server that answers with a wall of text does not fill the log."""
    raw(server, b"HTTP/1.1 " + b"\x1b[2Jx" * 10_000 + b"\r\n\r\n")
    message = failure(server.url)
    assert len(message) < 600
    assert message.isprintable()


def test_reset(server: JwksServer) -> None:
    """A connection that breaks is a failure."""
    server.respond = server.reset
    assert "Connection" in failure(server.url)


def test_refused() -> None:
    """A port where nobody listens is a failure."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert "refused" in failure(f"http://127.0.0.1:{nobody.getsockname()[1]}/jwks.json")


@pytest.mark.parametrize(
    "url", ["http://[::1", "nowhere", "http://", "x://y", "http://a" + "b" * 64]
)
def test_impossible_urls(url: str) -> None:
    """Not even a URL that is none raises anything else."""
    assert failure(url, SHORT).startswith(f"GET {url} failed: ")


def test_hang(server: JwksServer) -> None:
    """A server that accepts and says nothing is given up at the deadline."""
    server.respond = server.hang
    began = time.monotonic()
    assert failure(server.url, SHORT) == f"GET {server.url} failed: timed out after 0.2 s"
    assert 0.2 <= time.monotonic() - began < 2


def test_a_dripping_body(server: JwksServer) -> None:
    """Bytes that keep coming do not extend the deadline."""
    server.respond = server.drip_body
    began = time.monotonic()
    assert "timed out" in failure(server.url, SHORT)
    assert 0.2 <= time.monotonic() - began < 2


def test_a_body_that_stops_half_way(server: JwksServer) -> None:
    """A body that begins and never ends is given up, too."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"keys"')
        server.over.wait()

    server.respond = respond
    assert "timed out" in failure(server.url, SHORT)


# --- addresses ---


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """An address that answers nothing: its queue is full, so the kernel drops who knocks."""
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(2):
            queued = stack.enter_context(socket.socket())
            queued.settimeout(0)
            with suppress(BlockingIOError):
                queued.connect(deaf.getsockname())
        yield deaf.getsockname()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let keys.example have these addresses."""
    resolve = socket.getaddrinfo
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    def resolved(host: str, *given: Any, **named: Any) -> Any:
        return found if host == "keys.example" else resolve(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.mark.parametrize("dead", [1, 3])
def test_dead_addresses_before_a_live_one(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch, dead: int
) -> None:
    """A host whose first addresses (IPv6, say) lead nowhere is reached by the next, in time."""
    live = ("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))
    with dead_address() as address:
        resolve_to(monkeypatch, *[address] * dead, live)
        body = fetch_document("http://keys.example/jwks.json", deadline=timedelta(seconds=2))
    assert body == server.body


def test_dead_addresses_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses are tried, the deadline is one."""
    with dead_address() as address:
        resolve_to(monkeypatch, *[address] * 9)
        began = time.monotonic()
        assert "timed out" in failure("http://keys.example/jwks.json", SHORT)
        assert time.monotonic() - began < 5 * SHORT.total_seconds()


def test_connecting_leaves_time_for_the_answer() -> None:
    """An address that does not answer is given up well before the deadline."""
    with dead_address() as (host, port):
        began = time.monotonic()
        assert "timed out" in failure(f"http://{host}:{port}/", timedelta(seconds=3))
        assert time.monotonic() - began < 2.5


def test_an_answer_has_all_the_time_that_is_left(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting may take a share of the time for each address; what comes then, the rest."""
    trust(monkeypatch, authority.file)
    context = authority.server_context(x509.DNSName("keys.example"))
    with serve_jwks(b"{}", tls=context) as server:
        address = ("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))
        resolve_to(monkeypatch, *[address] * 99)

        def hesitate(*_: object) -> None:
            server.over.wait(0.1)  # for longer than an address's share, which is 50 ms

        context.sni_callback = hesitate
        assert (
            fetch_document("https://keys.example/jwks.json", deadline=timedelta(seconds=5)) == b"{}"
        )


def test_addresses_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets belong to the URL, and not to the address: of a server, and of a proxy."""
    with socket.socket(socket.AF_INET6) as nobody:
        try:
            nobody.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        nowhere = f"http://[::1]:{nobody.getsockname()[1]}"
        assert "refused" in failure(f"{nowhere}/jwks.json")
        monkeypatch.setenv("HTTPS_PROXY", nowhere)
        monkeypatch.setenv("https_proxy", nowhere)
        assert "refused" in failure("https://keys.example/jwks.json")


def test_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without an address is a failure like any other."""
    resolve_to(monkeypatch)
    assert "no address to connect to" in failure("http://keys.example/jwks.json")


def test_slow_name_resolution(server: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the resolver kept past the deadline does not begin to connect."""
    resolve, now = socket.getaddrinfo, time.monotonic

    def resolve_slowly(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(time, "monotonic", lambda: now() + 60)
        return resolve(*given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    assert "timed out" in failure(server.url)
    assert server.fetches == 0


# --- proxies and certificates ---


def test_no_proxy_for_loopback(server: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP stays on this machine, whatever proxies the environment names."""
    with serve_jwks(b"from the proxy") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/jwks.json"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert fetch_document(server.url, deadline=AMPLE) == server.body
        assert proxy.fetches == 0


class Authority:
    """A certificate authority of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = private_key("authority")
        self.file = folder / "authority.pem"
        self._certificate = self._issue("Authority", private_key("authority"), None)
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self, name: x509.GeneralName) -> ssl.SSLContext:
        """What a server needs that goes by this name."""
        key = private_key("tls")
        file = self._folder / "server.pem"
        file.write_bytes(
            self._issue("Server", key, name).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _issue(
        self, subject: str, key: rsa.RSAPrivateKey, name: x509.GeneralName | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        is_authority = name is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(common_name(subject))
            .issuer_name(common_name("Authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if name is not None:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([name]), critical=False
            ).add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
        return builder.sign(self._key, SHA256())


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trust(monkeypatch: pytest.MonkeyPatch, file: Path | None) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if file is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))


def test_https(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose certificate is vouched for, and for this name, is believed."""
    trust(monkeypatch, authority.file)
    with serve_jwks(b"{}", tls=authority.server_context(LOOPBACK)) as server:
        assert fetch_document(server.url, deadline=AMPLE) == b"{}"


def test_https_of_an_unknown_authority(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that nobody we trust vouches for ends the connection before the request."""
    trust(monkeypatch, None)
    with serve_jwks(b"{}", tls=authority.server_context(LOOPBACK)) as server:
        assert "CERTIFICATE_VERIFY_FAILED" in failure(server.url)
        assert server.fetches == 0


@pytest.mark.parametrize(
    "name", [x509.DNSName("keys.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
)
def test_https_of_another_name(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, name: x509.GeneralName
) -> None:
    """A good certificate of another server is no certificate of this one."""
    trust(monkeypatch, authority.file)
    with serve_jwks(b"{}", tls=authority.server_context(name)) as server:
        assert "CERTIFICATE_VERIFY_FAILED" in failure(server.url)
        assert server.fetches == 0


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[JwksServer]:
    """A proxy for HTTPS, named by the environment. Without more it answers what a server does."""
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serve_jwks(b"from the proxy") as running:
        monkeypatch.setenv("HTTPS_PROXY", running.url.removesuffix("/jwks.json"))
        yield running


def tunnel(handler: BaseHTTPRequestHandler) -> None:
    """What CONNECT asks for: bytes are carried in both directions, until one side ends."""
    host, port = handler.path.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as far:
        handler.send_response(200)
        handler.end_headers()
        near = handler.connection
        other = {near: far, far: near}
        while True:
            for ready in select.select([near, far], [], [], 5)[0]:
                data = ready.recv(8192)
                if not data:
                    return
                other[ready].sendall(data)


def test_https_through_a_proxy(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, proxy: JwksServer
) -> None:
    """A proxy carries bytes that only the server could have sent."""
    trust(monkeypatch, authority.file)
    proxy.respond = tunnel
    with serve_jwks(b"{}", tls=authority.server_context(LOOPBACK)) as server:
        assert fetch_document(server.url, deadline=AMPLE) == b"{}"
        assert (server.fetches, proxy.fetches) == (1, 1)


def test_a_proxy_vouches_for_nobody(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, proxy: JwksServer
) -> None:
    """What a proxy leads to needs the certificate of what was asked for."""
    trust(monkeypatch, authority.file)
    other = x509.DNSName("keys.example")
    proxy.respond = tunnel
    with serve_jwks(b"{}", tls=authority.server_context(other)) as server:
        assert "CERTIFICATE_VERIFY_FAILED" in failure(server.url)
        assert server.fetches == 0


def test_no_proxy_by_name(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, proxy: JwksServer
) -> None:
    """NO_PROXY names those who are asked without it."""
    trust(monkeypatch, authority.file)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve_jwks(b"{}", tls=authority.server_context(LOOPBACK)) as server:
        assert fetch_document(server.url, deadline=AMPLE) == b"{}"
    assert proxy.fetches == 0


def test_a_proxy_is_bounded(proxy: JwksServer) -> None:
    """Its answer to CONNECT may be as long, and take as long, as any other's."""
    began = time.monotonic()
    for drop in (b" ", b"X: x\r\n"):
        proxy.respond = proxy.drip(OK, drop)
        assert "timed out" in failure("https://127.0.0.1:9/jwks.json", SHORT)
        proxy.respond = proxy.flood(OK, drop)
        assert "timed out" not in failure("https://127.0.0.1:9/jwks.json")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("start", [OK + b"X: ", CHUNKED + b"2\r\n{}\r\n0\r\nX: "])
def test_https_is_bounded_as_well(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    """Encryption changes nothing about the bounds."""
    trust(monkeypatch, authority.file)
    with serve_jwks(b"", tls=authority.server_context(LOOPBACK)) as server:
        server.respond = server.drip(start)
        began = time.monotonic()
        assert "timed out" in failure(server.url, SHORT)
        assert time.monotonic() - began < 1


def test_a_handshake_that_drips() -> None:
    """TLS that does not come to an end is given up in time, too."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection = listening.accept()[0]
            # A record of 16 kB that belongs to a handshake, byte by byte.
            with connection, suppress(OSError):
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while not over.wait(0.01):
                    connection.sendall(b"\x02")

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        assert "timed out" in failure(f"https://127.0.0.1:{listening.getsockname()[1]}/", SHORT)
        assert time.monotonic() - began < 1
        over.set()
        dripping.join()


def test_tls_without_data_does_not_hold_a_thread(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A trusted server that sends tickets without end: OpenSSL reads on, and is hung up on."""
    trust(monkeypatch, authority.file)
    context = authority.server_context(LOOPBACK)
    problems: list[str] = []
    with pouring_tickets(context, tmp_path / "keys.log") as (port, poured):
        url = f"https://127.0.0.1:{port}/jwks.json"
        fetching = threading.Thread(target=lambda: problems.append(failure(url, SHORT)))
        fetching.start()
        fetching.join(1.2)
        assert not fetching.is_alive()
    assert problems == [f"GET {url} failed: timed out after 0.2 s"]
    assert poured[0] > 1


def test_nothing_watches_a_fetch_that_is_over(server: JwksServer) -> None:
    """Whoever would hang up at the deadline is gone with the fetch."""
    before = set(threading.enumerate())
    fetch_document(server.url, deadline=timedelta(hours=1))
    server.respond = server.reset
    failure(server.url, timedelta(hours=1))
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_http_where_https_was_meant(server: JwksServer) -> None:
    """There is no falling back to plain text."""
    assert "SSLError" in failure(server.url.replace("http:", "https:"))
    assert server.fetches == 0
