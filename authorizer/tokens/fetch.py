"""One bounded HTTP GET of a JWK Set document. The only module that imports requests.

The other side may hang, drip, redirect, or send without end; a URL that a proxy or a resolver
was tricked about may be another server altogether. Hence: certificates are verified, redirects
are neither followed nor read, only a plain 200 counts, and bytes and time are bounded where they
arrive: at the socket, below all that HTTP can nest, repeat or announce.
"""

import socket
import threading
import time
import warnings
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPResponse
from typing import Any

from authorizer.errors import AuthorizerError, clip

with warnings.catch_warnings():
    # That nothing guesses encodings: a function's package has no such library, and we read bytes.
    warnings.simplefilter("ignore")
    import requests
    from requests.adapters import HTTPAdapter

# Cognito's document has two keys in about 900 bytes; a hundred keys fit in this.
MAX_DOCUMENT_BYTES = 64 * 1024
_BOUNDED = f"at most {MAX_DOCUMENT_BYTES} bytes"


class FetchError(AuthorizerError):
    """The document could not be had. The cache turns this into back-off, and in the end a 500."""


def fetch_document(url: str, *, deadline: timedelta) -> bytes:
    """GET a document.

    Args:
        url: from a :class:`UserPool`, which has judged it; never from a token.
        deadline: bounds all of it, whatever is sent, but for name resolution: that ends by the
            resolver's own limits, and nothing can interrupt it. The caller keeps its time.

    Raises:
        FetchError: for whatever goes wrong.
    """
    bounds = Bounds()
    bounds.give_up_at = time.monotonic() + deadline.total_seconds()
    bounds.over = threading.Event()
    try:
        with requests.Session() as session:
            session.adapters = {"https://": bounds, "http://": bounds}
            # Where a redirect leads somewhere, requests reads and decompresses all of its body.
            session.get_redirect_target = lambda resp: None  # type: ignore[method-assign] # noqa: ARG005
            with session.get(
                url,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                # Otherwise requests would look up the host in ~/.netrc and send credentials.
                auth=lambda request: request,
                # Plain HTTP is for loopback only, and a proxy's loopback is not ours. A new dict
                # each time: requests adds to it.
                proxies={"http": ""},
                allow_redirects=False,
                stream=True,
            ) as response:
                encoding = response.headers.get("Content-Encoding", "identity")
                _require(
                    response.status_code == requests.codes.ok,
                    f"status 200, found {response.status_code}",
                )
                # Not asked for; and decompressing could multiply what we have bounded.
                _require(encoding == "identity", f"an unencoded body, found {clip(encoding)}")
                _require(len(response.content) <= MAX_DOCUMENT_BYTES, _BOUNDED)
                return response.content
    except FetchError as error:
        raise FetchError(f"GET {url}: {error}") from error
    except Exception as error:
        # requests documents its own errors, but lets urllib3's and the socket's through as well.
        # Their texts may quote what the server sent, at any length.
        problem = (
            f"timed out after {deadline.total_seconds():g} s"
            if time.monotonic() >= bounds.give_up_at
            else f"{type(error).__name__}: {clip(str(error), 400)}"
        )
        raise FetchError(f"GET {url} failed: {problem}") from error
    finally:
        bounds.over.set()


def _require(holds: bool, expected: str) -> None:  # noqa: FBT001 - as the word that it is
    if not holds:
        raise FetchError(f"expected {expected}")


class Bounds(HTTPAdapter):
    """Connects and reads within bounds: to the server, or to a proxy and through it."""

    give_up_at: float
    over: threading.Event

    def get_connection_with_tls_context(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        """Have its pool make connections that are bounded, and so are their answers."""
        pool: Any = super().get_connection_with_tls_context(*given, **named)
        pool.ConnectionCls = type(
            "_BoundedConnection",
            (pool.ConnectionCls,),
            {
                "_new_conn": lambda connection: self._connect(connection.host, connection.port),
                "response_class": self._response,
            },
        )
        return pool

    def _connect(self, host: str, port: int) -> socket.socket:
        """Try each address in turn. A dead one costs its share of the time, not all of it."""
        problem: OSError = TimeoutError("no address to connect to")
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        for left, (*_, address) in zip(range(len(found), 0, -1), found, strict=True):
            share = self.seconds_left() / (left + 1)  # one share is for the answer
            try:
                connected = socket.create_connection((str(address[0]), address[1]), share)
            except OSError as error:
                problem = error
            else:
                connected.settimeout(None)
                threading.Thread(target=self._watch, args=(connected.dup(),), daemon=True).start()
                return connected
        raise problem

    def _watch(self, connected: socket.socket) -> None:
        """Hang up when the time is over: from outside, for what never comes back to Python.

        OpenSSL itself reads on for as long as records come that carry no data, such as tickets.
        """
        with connected, suppress(OSError):  # the other side may have hung up
            self.over.wait(self.give_up_at - time.monotonic())
            connected.shutdown(socket.SHUT_RDWR)

    def _response(self, sock: socket.socket, *given: Any, **named: Any) -> HTTPResponse:  # noqa: ANN401
        response = HTTPResponse(sock, *given, **named)
        receive, received = response.fp.raw.readinto, 0

        def receive_bounded(buffer: Any) -> int:  # noqa: ANN401
            nonlocal received
            count = receive(buffer) or 0
            self.seconds_left()  # what was cut off may look like a whole: headers, a body
            received += count
            # As much again for the headers, and for what chunks add: in practice, a kilobyte.
            _require(received <= 2 * MAX_DOCUMENT_BYTES, _BOUNDED)
            return count

        # Below the buffer that status, headers, chunks and trailers are read from.
        response.fp.raw.readinto = receive_bounded  # type: ignore[method-assign]
        return response

    def seconds_left(self) -> float:
        """Seconds until all must be over.

        Raises:
            TimeoutError: they have passed.
        """
        seconds = self.give_up_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds
