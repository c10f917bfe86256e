"""The system's Chromium, driven by Playwright: for tests in a browser, and for pictures."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
MISSING = f"none of {', '.join(NAMES)} is on the PATH: apt-get install chromium"
# Nothing that a browser does of its own accord, such as asking for updates.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# By the width, what is seen: a laptop's screen, a telephone's.
WIDTHS = {"wide": 1280, "narrow": 360}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window.

    While it is open, this thread has a running event loop, so that ``asyncio.run`` fails.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def accessibility_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds wrong with a page as it is shown now: the rule, and where.

    Args:
        page: what is looked at.
        rules: the names of those that count; all, where none are given.
    """
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: dict[str, Any] = Axe().run(page, options=options).response
    return [
        f"{one['id']} ({one['help']}): {node['html'][:200]}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def violations_in_light_and_dark(page: Page) -> list[str]:
    """The same in both colour schemes; of the second, what colours can do wrong."""
    page.emulate_media(color_scheme="light")
    found = accessibility_violations(page)
    page.emulate_media(color_scheme="dark")
    return found + accessibility_violations(page, "color-contrast")


def is_cut_off(page: Page) -> bool:
    """Whether the page itself, and not a table of it, is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
