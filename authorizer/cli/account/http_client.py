"""One request to the API, with the caller's token or without, sent to nobody else.

Redirects are not followed, ``~/.netrc`` is not asked, plain HTTP is for loopback only and goes
through no proxy: each of these could carry the token to a stranger.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from authorizer.cli.account.errors import AccountError
from authorizer.errors import clip
from authorizer.tokens.fetch import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_SECONDS = 30
# Of a body that is only glanced at. What API Gateway says of itself has less than a hundred.
_GLANCED_BYTES = 4096
# RFC 9110, section 5.6.2.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = re.compile(rf"(?P<name>{_TOKEN}):(?P<value>.*)", re.ASCII | re.DOTALL)
_BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)
_PATH = re.compile(r"/[\x21\x22\x24-\x5b\x5d-\x7e]*", re.ASCII)
# Bytes that would end a header, or stand for something else in one.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# What may go wrong on the way, the narrower kinds first, with what to do.
_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (
        requests.exceptions.SSLError,
        "the API's certificate is not trusted here: check its URL",
    ),
    (
        requests.exceptions.ProxyError,
        "the proxy does not pass the request on: check HTTPS_PROXY and NO_PROXY",
    ),
    (
        requests.Timeout,
        f"the API did not answer within {TIMEOUT_SECONDS} seconds: try again, or check its URL",
    ),
    (
        requests.ConnectionError,
        "the API cannot be reached: check its URL and the network",
    ),
)


def parse_header(text: str) -> tuple[str, str]:
    """Read ``Name: value``.

    Raises:
        AccountError: it is none, would smuggle in another one, or sets ``Authorization``.
    """
    match = _HEADER.fullmatch(text)
    if match is None:
        # Not quoted: what was mistyped may be a secret.
        raise AccountError("expected a header as 'Name: value', with a name of letters and dashes")
    name, value = match["name"], match["value"].strip(" \t")
    if name.lower() == "authorization":
        raise AccountError(
            "expected no Authorization header: call sends the profile's access token "
            "(use --profile for another one)"
        )
    if _CONTROLS.search(value) or not value.isascii():
        raise AccountError(f"expected a value of one line of ASCII in the header {name}")
    return name, value


def require_base_url(url: str, what: str = "the API's URL") -> str:
    """A URL, once it is known that a token can be sent there.

    Raises:
        AccountError: it is no https URL, nor http on loopback; or has more than a path.
    """
    expected = f"expected {what} to be https (http on loopback only)"
    if not _PATH.fullmatch("/" + url):
        raise AccountError(f"{expected} without blanks and fragment, found {clip(url, 120)}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AccountError(f"{expected}, found {clip(url, 120)}") from error
    if "@" in parts.netloc:
        raise AccountError(f"{expected} without user and password")
    if not host or "?" in url:
        raise AccountError(f"{expected} with a host and without query, found {clip(url, 120)}")
    if parts.scheme == "https" or (parts.scheme == "http" and is_on_loopback(url)):
        return url.rstrip("/")
    raise AccountError(f"{expected}, found {clip(url, 120)}: a token is not for everyone to read")


def require_path(path: str) -> str:
    """A path below the base URL, as it is to be sent.

    Raises:
        AccountError: it is none, or not encoded.
    """
    if not _PATH.fullmatch(path) or path.startswith("//"):
        raise AccountError(
            "expected a path that starts with one / and is percent-encoded where it must be, "
            f"found {clip(path, 120)}"
        )
    return path


def send(
    method: str,
    base_url: str,
    path: str,
    *,
    unverified_token: str | None,
    headers: Mapping[str, str],
    data: bytes | None,
) -> requests.Response:
    """Send the request.

    Args:
        method: in upper case.
        base_url: from :func:`require_base_url`.
        path: from :func:`require_path`.
        unverified_token: the caller's access token; nothing where nobody calls.
        headers: further ones, from :func:`parse_header`.
        data: the body.

    Raises:
        AccountError: no answer came.
    """
    sent = dict(headers)
    if unverified_token is not None:
        if not _BEARER.fullmatch(unverified_token):
            raise AccountError("the profile's access token is damaged: run 'authorizer login'")
        sent["Authorization"] = f"Bearer {unverified_token}"
    # That there is a function for it keeps requests from asking .netrc.
    request = requests.Request(method, base_url, sent, data=data, auth=lambda prepared: prepared)
    with _troubles(base_url), requests.Session() as session:
        return _exchange(session, request, base_url + path)


def glance(
    method: str, base_url: str, path: str, headers: Mapping[str, str]
) -> tuple[requests.Response, bytes]:
    """Send the request to an API that is not trusted to answer well.

    However it drips, nests or goes on, it is over after ``TIMEOUT_SECONDS``.

    Args:
        method: in upper case.
        base_url: from :func:`require_base_url`.
        path: encoded.
        headers: all of them.

    Returns:
        The answer, whose body is not to be read, and the beginning of that.

    Raises:
        AccountError: no answer came.
    """
    request = requests.Request(
        method,
        base_url,
        {"Accept-Encoding": "identity", **headers},
        auth=lambda prepared: prepared,
    )
    bounds = Bounds()
    bounds.give_up_at = time.monotonic() + TIMEOUT_SECONDS
    bounds.over = threading.Event()
    with _troubles(base_url, bounds), requests.Session() as session:
        session.adapters = {"https://": bounds, "http://": bounds}
        # Where a redirect leads somewhere, requests reads and decompresses all of its body.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign] # noqa: ARG005
        with _exchange(session, request, base_url + path, stream=True) as response:
            return response, response.raw.read(_GLANCED_BYTES, decode_content=False)


@contextmanager
def _troubles(base_url: str, bounds: Bounds | None = None) -> Iterator[None]:
    """Whatever goes wrong on the way, in our words.

    Raises:
        AccountError: without what the error says. Also urllib3's own and the socket's come by
            here, and their texts may quote headers, the token among them.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - translated
        other = f"the request failed ({type(error).__name__}): check the API's URL"
        trouble = next((words for kind, words in _TROUBLES if isinstance(error, kind)), other)
        raise AccountError(f"{trouble} ({base_url})") from None
    finally:
        if bounds is not None:
            bounds.over.set()


def _exchange(
    session: requests.Session, request: requests.Request, url: str, *, stream: bool = False
) -> requests.Response:
    prepared = session.prepare_request(request)
    # Set afterwards: requests would decode "%61" and resolve "..", and the question may be
    # just what the API makes of them.
    prepared.url = url
    settings = session.merge_environment_settings(
        url, {"http": ""}, stream=stream, verify=None, cert=None
    )
    return session.send(prepared, timeout=TIMEOUT_SECONDS, allow_redirects=False, **settings)


def is_on_loopback(url: str) -> bool:
    """Whether a URL is of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
