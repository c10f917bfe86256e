"""What requests does unless told otherwise, and that ours tells it otherwise."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from simulator import JwksServer, serve_jwks

from authorizer.tokens.fetch import FetchError, fetch_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AMPLE = timedelta(seconds=10)


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with serve_jwks(b"{}") as running:
        yield running


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ~/.netrc with a password for the server's host."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login alice password secret\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    return file


def test_requests_sends_what_netrc_holds(server: JwksServer, netrc: Path) -> None:
    """The trap: a password meant for another program goes along."""
    requests.get(server.url, timeout=10)
    assert server.requests[0]["authorization"].startswith("Basic ")


def test_ours_does_not(server: JwksServer, netrc: Path) -> None:
    """No credentials are sent to a server that publishes keys to everybody."""
    assert fetch_document(server.url, deadline=AMPLE) == b"{}"
    assert "authorization" not in server.requests[0]


def test_requests_follows_redirects(server: JwksServer) -> None:
    """The trap: another server may answer in place of the one that was asked."""
    with serve_jwks(b"from elsewhere") as elsewhere:
        server.status, server.headers = 302, {"Location": elsewhere.url}
        assert requests.get(server.url, timeout=10).content == b"from elsewhere"
        assert elsewhere.fetches == 1
        with pytest.raises(FetchError):
            fetch_document(server.url, deadline=AMPLE)
        assert elsewhere.fetches == 1


def test_requests_reads_without_end(server: JwksServer) -> None:
    """The trap: a body is read as far as it goes."""
    server.body = b" " * 10_000_000
    assert len(requests.get(server.url, timeout=10).content) == 10_000_000
    with pytest.raises(FetchError):
        fetch_document(server.url, deadline=AMPLE)


def test_timeout_is_no_deadline(server: JwksServer) -> None:
    """The trap: each byte that drips in starts the timeout anew."""
    server.respond = server.drip_body
    response = requests.get(server.url, timeout=0.05, stream=True)
    with response:
        dripped = [response.raw.read(1) for _ in range(20)]
    assert dripped == [b" "] * 20


def test_requests_sends_loopback_to_a_proxy(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap: plain HTTP, which we allow on loopback only, leaves the machine all the same."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serve_jwks(b"from the proxy") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/jwks.json"))
        assert requests.get(server.url, timeout=10).content == b"from the proxy"
        assert fetch_document(server.url, deadline=AMPLE) == b"{}"


def test_requests_reads_what_it_does_not_follow(server: JwksServer) -> None:
    """The trap: the body of a redirect is read, and decompressed, although nobody asked for it."""
    server.status, server.headers = 302, {"Location": "/", "Content-Encoding": "gzip"}
    server.body = gzip.compress(b" " * 10_000_000)
    response = requests.get(server.url, timeout=10, allow_redirects=False, stream=True)
    with response:
        assert response.raw.tell() == len(server.body) < 20_000
