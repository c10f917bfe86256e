"""What ``authorizer call`` agrees to send, and to whom."""

from __future__ import annotations

import pytest

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.http_client import parse_header, require_base_url, require_path


def test_a_header_value_is_trimmed() -> None:
    """Blanks around a value do not belong to it."""
    assert parse_header("X-A: \t b ") == ("X-A", "b")


@pytest.mark.parametrize(
    "url", ["https://a.example/prod", "http://localhost:1", "http://127.0.0.1", "http://[::1]:80/x"]
)
def test_urls_that_may_get_a_token(url: str) -> None:
    """HTTPS anywhere; plain HTTP on loopback."""
    assert require_base_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "http://localhost.a.example",
        "http://127.0.0.1@a.example",
        "https://u:p@a.example",
        "https://a.example?x=1",
        "https://a.example#x",
        "https://a.example\\b",
        "https://a example",
        "https:///x",
        "https://a.example:x",
        "https://[::1",
        "file:///etc/passwd",
        "a.example",
    ],
)
def test_urls_that_get_no_token(url: str) -> None:
    """Whoever listens there, or is meant by it in another reading, gets nothing."""
    with pytest.raises(AccountError):
        require_base_url(url)


@pytest.mark.parametrize(
    "path", ["hello", "https://a.example/", "/a b", "/a#b", "//a", "/a\\b", "/ü"]
)
def test_paths_that_are_none(path: str) -> None:
    """What leaves the API, or would have to be rewritten, is refused."""
    with pytest.raises(AccountError):
        require_path(path)
