"""The pages of matrix, diff and test, as a browser shows them: for everybody, and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chromium import (
    SCHEMES,
    WIDTHS,
    accessibility_violations,
    is_cut_off,
    violations_in_light_and_dark,
)

from authorizer.cli.analysis.named_policy import read_policy
from authorizer.cli.analysis.sheet import sheet_of_policy
from authorizer.cli.matrix.report import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from playwright.sync_api import Page

NAMES = ("matrix", "diff", "test")


def wide_sheet(tmp_path: Path, groups: int = 14) -> Path:
    """A page whose table has more columns than a screen has room for."""
    rules = "".join(f"  group-{number}: {{allow: [GET /a]}}\n" for number in range(groups))
    page = tmp_path / "page.html"
    source = read_policy(f"version: 1\ngroups:\n{rules}".encode(), "p.yaml")
    page.write_text(page_of(sheet_of_policy(source)), encoding="utf-8")
    return page


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_for_everybody(
    show: Callable[..., Page], pages: Mapping[str, Path], name: str, width: int
) -> None:
    """Axe finds nothing, light or dark; no more than a table is wider than the window."""
    page = show(pages[name], width=width)
    assert violations_in_light_and_dark(page) == []
    assert not is_cut_off(page)


@pytest.mark.parametrize("name", NAMES)
def test_dark_is_dark(show: Callable[..., Page], pages: Mapping[str, Path], name: str) -> None:
    """The system's choice decides, and nothing on the page."""
    page = show(pages[name])
    colours = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]


@pytest.mark.parametrize("name", NAMES)
def test_paper_has_all_of_it(
    show: Callable[..., Page], pages: Mapping[str, Path], name: str
) -> None:
    """No control, no scroll bar, no shade; a table is as wide as the sheet of paper at most."""
    page = show(pages[name], width=700)
    page.emulate_media(media="print", color_scheme="dark")

    assert page.locator("form:visible, .screen:visible, .card:visible").count() == 0
    assert not is_cut_off(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".sheet").evaluate("one => getComputedStyle(one).overflow") == "visible"
    assert page.locator(".sheet").evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize(("groups", "beyond"), [(3, 0), (14, 6)])
def test_columns_that_have_no_room_are_told_of(
    show: Callable[..., Page], tmp_path: Path, groups: int, beyond: int
) -> None:
    """What is further to the right is counted and pointed to, and later what is to the left."""
    page = show(wide_sheet(tmp_path, groups))
    told = page.locator("#beyond")
    classes = "one => [...one.classList]"

    assert page.locator(".frame").evaluate(classes) == ["frame", *["more"] * bool(beyond)]
    further = f", {beyond} of them further to the right: scroll the table"
    assert told.inner_text() == (further if beyond else "")
    page.locator(".sheet").evaluate("one => one.scrollLeft = one.scrollWidth")
    if beyond:
        page.locator(".frame.less:not(.more)").wait_for()
        assert told.inner_text() == further.replace("right", "left")


def test_the_route_stays_where_columns_are_scrolled(
    show: Callable[..., Page], tmp_path: Path
) -> None:
    """On a telephone, too, a cell is read with its route beside it."""
    page = show(wide_sheet(tmp_path), width=WIDTHS["narrow"])
    route = page.locator("tbody th").first
    before = route.bounding_box()
    page.locator(".sheet").evaluate("one => one.scrollLeft = one.scrollWidth")
    page.locator(".frame.less").wait_for()

    assert route.bounding_box() == before
    assert page.locator("tbody td").last.is_visible()


def test_a_cell_says_why_to_whoever_has_no_mouse(
    show: Callable[..., Page], pages: Mapping[str, Path]
) -> None:
    """Tab leads into the table, arrow keys from cell to cell, and each has its rules beside it."""
    page = show(pages["matrix"])
    page.locator("button").focus()
    page.keyboard.press("Tab")
    card = page.locator("#card")
    card.get_by_text("everyone on GET /hello: none").wait_for()

    page.keyboard.press("ArrowRight")
    card.get_by_text("reader on GET /hello: allow").wait_for()
    assert "policy.yaml:8" in card.inner_text()
    assert page.locator(":focus").get_attribute("aria-describedby") == "card"
    assert accessibility_violations(page) == []
    page.keyboard.press("Escape")
    assert card.is_hidden()


def test_filters_leave_what_was_asked_for(
    show: Callable[..., Page], pages: Mapping[str, Path]
) -> None:
    """By route, by group and by outcome; a reset shows all of it again."""
    page = show(pages["matrix"])
    status = page.locator("#shown")
    page.get_by_label("Route contains").fill("users")
    page.get_by_label("Group or scope contains").fill("admin")
    page.get_by_text("3 of 11 routes and 1 of 6 columns are shown").wait_for()
    page.get_by_label("allow").uncheck()
    page.get_by_text("2 of 11 routes and 1 of 6 columns are shown").wait_for()
    assert page.locator("tbody td:visible").all_inner_texts() == ["own", "own"]
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("11 of 11 routes and 6 of 6 columns are shown").wait_for()
    assert status.is_visible()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded(show: Callable[..., Page], pages: Mapping[str, Path], name: str) -> None:
    """A page is the only thing that is asked for."""
    page = show("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    assert asked == [pages[name].as_uri()]


def test_without_scripts_there_is_nothing_that_needs_them(
    show: Callable[..., Page], pages: Mapping[str, Path]
) -> None:
    """Neither filters nor what tells how to use them; the table and the reasons are there."""
    page = show(pages["matrix"], scripts=False)

    assert page.locator("form:visible, .screen:visible").count() == 0
    assert page.locator("td").first.is_visible()
    assert page.get_by_text("allow GET,PATCH /users/{user=sub} (group reader)").first.is_visible()
