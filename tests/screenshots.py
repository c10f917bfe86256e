"""The pictures of pages in ``docs/images``: ``make screenshots`` makes them anew.

Two points a point, so that they are sharp on a good screen, and no more colours than a palette has:
a picture in a repository is there for ever.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
from PIL import Image
from sample_pages import ROOT, write_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = ROOT / "docs" / "images"
WIDTH, HEIGHT, SCALE, COLOURS, MARGIN = 1000, 1100, 2, 256, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture shows.

    Attributes:
        last: the element that it ends below.
        pointed_at: the element with the mouse on it.
    """

    last: str
    pointed_at: str = "h1"


# Of the page of the report of that name.
PICTURES = {
    "matrix": Picture(last=".frame", pointed_at="td.own >> nth=1"),
    "diff": Picture(last="main section >> nth=1"),
    "test": Picture(last=".frame"),
}


def open_page(browser: Browser) -> Page:
    """An empty page of the width that the pictures have."""
    return browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, color_scheme="light"
    )


def keep(page: Page, name: str, last: str) -> None:
    """Put what a page shows now, from its top to below an element, among the pictures."""
    box = page.locator(last).bounding_box()
    assert box is not None, last
    height = box["y"] + box["height"] + MARGIN
    shown = page.screenshot(
        clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, animations="disabled"
    )
    picture = Image.open(BytesIO(shown)).convert("RGB")
    palette = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    palette.save(FOLDER / f"{name}.png", optimize=True)


def main() -> None:
    """All of them."""
    if chromium.EXECUTABLE is None:
        sys.exit(chromium.MISSING)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium.chromium() as browser:
        files = write_pages(Path(folder))
        for name, picture in PICTURES.items():
            page = open_page(browser)
            page.goto(files[name].as_uri())
            page.locator(picture.pointed_at).hover()
            keep(page, name, picture.last)
            page.close()


if __name__ == "__main__":
    main()
