"""One browser for all tests here. It ends with them: whoever comes next may want an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chromium
import pytest
from sample_pages import write_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, Page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them by one worker, and none where there is no browser."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(
                pytest.mark.skipif(chromium.EXECUTABLE is None, reason=chromium.MISSING)
            )


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium.chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Files with pages of reports, by the command that writes them."""
    return write_pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file or an address in a profile of its own; nothing may be reported on the console."""
    contexts = []
    reported: list[str] = []

    def open_page(
        place: Path | str, *, width: int = chromium.WIDTHS["wide"], scripts: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: reported.append(message.text))
        page.on("pageerror", lambda error: reported.append(str(error)))
        page.goto(place if isinstance(place, str) else place.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert reported == []
