"""One bounded HTTP GET of a JWK Set document. The only module that imports requests.

The other side may hang, drip, redirect, or send without end; a URL that a proxy or a resolver
was tricked about may be another server altogether. Hence: certificates are verified, redirects
are not followed, only a plain 200 counts, and size and time are bounded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests

from authorizer.errors import AuthorizerError, clip

if TYPE_CHECKING:
    from datetime import timedelta

# Cognito's document has two keys in about 900 bytes; a hundred keys fit in this.
MAX_DOCUMENT_BYTES = 64 * 1024
_CHUNK_BYTES = 64
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class FetchError(AuthorizerError):
    """The document could not be had. The cache turns this into back-off, and in the end a 500."""


def fetch_document(url: str, *, deadline: timedelta) -> bytes:
    """GET a document.

    Args:
        url: from a :class:`UserPool`, which has judged it; never from a token.
        deadline: bounds connecting, each wait for data, and the reading of the body. Name
            resolution and headers that drip in escape it: the caller keeps the time of those.

    Raises:
        FetchError: for whatever goes wrong.
    """
    give_up_at = time.monotonic() + deadline.total_seconds()
    try:
        with (
            requests.Session() as session,
            session.get(
                url,
                headers=_HEADERS,
                # Otherwise requests would look up the host in ~/.netrc and send credentials.
                auth=_send_no_credentials,
                # Plain HTTP is for loopback only, and a proxy's loopback is not ours. A new dict
                # each time: requests adds to it.
                proxies={"http": ""},
                timeout=deadline.total_seconds(),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            _require_plain_ok(response)
            return _read_bounded(response, give_up_at)
    except FetchError:
        raise
    except Exception as error:
        # requests documents its own errors, but lets urllib3's and the socket's through as well.
        # Their texts may quote what the server sent, at any length.
        raise FetchError(
            f"GET {url} failed: {type(error).__name__}: {clip(str(error), 400)}"
        ) from error


def _send_no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _require_plain_ok(response: requests.Response) -> None:
    if response.status_code != requests.codes.ok:
        raise FetchError(f"GET {response.url}: expected status 200, found {response.status_code}")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        # Not asked for; and decompressing could multiply what we have bounded.
        raise FetchError(f"GET {response.url}: expected an unencoded body, found {clip(encoding)}")


def _read_bounded(response: requests.Response, give_up_at: float) -> bytes:
    body = bytearray()
    # Small pieces: one is waited for until it is full, however slowly it drips.
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise FetchError(f"GET {response.url}: expected at most {MAX_DOCUMENT_BYTES} bytes")
        if time.monotonic() > give_up_at:
            raise FetchError(f"GET {response.url}: the body was not complete in time")
    return bytes(body)
