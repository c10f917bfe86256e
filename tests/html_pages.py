"""What a browser makes of a page, without one, and what every page keeps to."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """What a browser makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def content(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def data(self) -> Any:
        return json.loads(self.content("script")[0])


def assert_needs_nothing(text: str) -> None:
    """Only the page's own style and scripts run, by their digests; nothing is loaded."""
    found = Page(text)
    guard = next(
        str(one["content"])
        for one in found.all("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    directives = dict(part.split(" ", 1) for part in guard.split("; "))
    style, script = found.content("style")[0], found.content("script")[-1]

    assert directives == {
        "default-src": "'none'",
        "style-src": _digest(style),
        "script-src": _digest(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"https?:|//[a-z]|url\(|@import|src=|href=", text)
    assert {"link", "img", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in found.tags)
    assert all(not name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert all("style" not in attributes for _, attributes in found.tags)


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
