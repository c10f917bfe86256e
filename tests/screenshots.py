"""The pictures of pages in ``docs/images``: ``make screenshots`` makes them anew.

Two points a point, so that they are sharp on a good screen, and no more colours than a palette has:
a picture in a repository is there for ever.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
from PIL import Image
from sample_pages import ROOT, write_pages

from authorizer.cli.local.playground import served_beside
from authorizer.cli.local.project import read_project
from authorizer.cli.local.stack import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, FloatRect, Page

FOLDER = ROOT / "docs" / "images"
WIDTH, HEIGHT, SCALE, COLOURS, MARGIN = 1000, 1100, 2, 256, 14
PROJECT = ("template.yaml", "policy.yaml", "policy.policy-test.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture shows.

    Attributes:
        page: a report's, or the playground.
        last: the element that it ends below.
        first: the one that it begins above; nothing for the page's top.
        pressed: the buttons that are pressed before, one after the other.
        pointed_at: the element with the mouse on it.
        language: of the browser.
    """

    page: str
    last: str
    first: str | None = None
    pressed: tuple[str, ...] = ()
    pointed_at: str = "h1"
    language: str = "en"


_EXAMPLES = tuple(f'.examples button[value="{one}"]' for one in ("no_token", "allowed", "denied"))
PICTURES = {
    "matrix": Picture(page="matrix", last=".frame", pointed_at="td.own >> nth=1"),
    "diff": Picture(page="diff", last="main section >> nth=1"),
    "test": Picture(page="test", last=".frame"),
    "playground": Picture(page="playground", last="#answer .story + p", pressed=_EXAMPLES),
    "playground-zh-TW": Picture(
        page="playground", last="#answer .story + p", pressed=_EXAMPLES, language="zh-TW"
    ),
    "playground-token": Picture(
        page="playground",
        first="#token",
        last="#token .steps",
        pressed=(_EXAMPLES[1], '.spoil button[value="changed"]'),
    ),
}


def take(browser: Browser, address: str, name: str, picture: Picture) -> None:
    """Make one."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
        locale=picture.language,
    )
    page = context.new_page()
    page.goto(address)
    for button in picture.pressed:
        page.locator(button).click()
        page.locator("body:not([aria-busy])").wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.locator(picture.pointed_at).hover()
    start = _box(page, picture.first)["y"] if picture.first else 0
    end = _box(page, picture.last)
    height = end["y"] + end["height"] + MARGIN - start
    shown = page.screenshot(
        clip={"x": 0, "y": start, "width": WIDTH, "height": height},
        full_page=True,
        animations="disabled",
    )
    coloured = Image.open(BytesIO(shown)).convert("RGB")
    palette = coloured.quantize(COLOURS, dither=Image.Dither.NONE)
    palette.save(FOLDER / f"{name}.png", optimize=True)
    context.close()


def _box(page: Page, selector: str) -> FloatRect:
    box = page.locator(selector).bounding_box()
    assert box is not None, selector
    return box


def main() -> None:
    """All of them, or those that are named."""
    if chromium.EXECUTABLE is None:
        sys.exit(chromium.MISSING)
    wanted = {name: one for name, one in PICTURES.items() if name in (sys.argv[1:] or PICTURES)}
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium.chromium() as browser, ExitStack() as at:
        files = write_pages(Path(folder))
        addresses = {name: file.as_uri() for name, file in files.items()}
        for name, picture in wanted.items():
            if picture.page not in addresses:
                addresses[picture.page] = at.enter_context(playground())
            take(browser, addresses[picture.page], name, picture)


@contextmanager
def playground() -> Iterator[str]:
    """The sample's, beside a local stack; its address. Files are named as in the project."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in (*PROJECT, "handlers"):
            Path(name).symlink_to(ROOT / name)
        template, policy = Path(PROJECT[0]), Path(PROJECT[1])
        with (
            LocalStack.running(read_project(template, policy)) as stack,
            served_beside(stack, policy, 0) as url,
        ):
            yield url


if __name__ == "__main__":
    main()
