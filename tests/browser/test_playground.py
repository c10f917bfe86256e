"""The playground in a browser, beside a real local stack: what its buttons do, and for whom."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from chromium import WIDTHS, accessibility_violations, is_cut_off, violations_in_light_and_dark

from authorizer.cli.analysis.request import Request
from authorizer.cli.local.playground import served_beside
from authorizer.cli.local.project import read_project
from authorizer.cli.local.stack import LocalStack
from authorizer.cli.playground.tokens import Attack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

PROJECT = Path(__file__).parents[2]
STEPS = {
    Attack.CUT: 1,
    Attack.ALG_NONE: 2,
    Attack.OTHER_KEY: 3,
    Attack.CHANGED: 4,
    Attack.EXPIRED: 5,
    Attack.OTHER_CLIENT: 5,
    Attack.ID_TOKEN: 5,
}
# What the button sends, without showing all of the page again: what was asked, and what came back.
SEND = """async (route) => {
  const answer = await fetch("send", { method: "POST", body: new URLSearchParams({ route }) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const of = (selector) => page.querySelector(".asked " + selector).textContent;
  return [of("code"), of(".verdict")];
}"""


class Served:
    """The project in a folder of its own, its stack, and the page beside it."""

    def __init__(self, stack: LocalStack, url: str, policy: Path) -> None:
        self.stack, self.url, self.policy = stack, url, policy
        self.good = policy.read_text("utf-8")


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("project")
    for name in ("template.yaml", "policy.yaml", "policy.policy-test.yaml"):
        shutil.copy(PROJECT / name, folder)
    (folder / "handlers").symlink_to(PROJECT / "handlers")
    template, policy = folder / "template.yaml", folder / "policy.yaml"
    with (
        LocalStack.running(read_project(template, policy)) as stack,
        served_beside(stack, policy, 0) as url,
    ):
        yield Served(stack, url, policy)


def press(page: Page, selector: str) -> None:
    """Press a button, and wait for what comes of it."""
    page.locator(selector).first.click()
    page.locator("body:not([aria-busy])").wait_for()
    assert page.locator("#trouble").count() == 0, page.locator("#trouble").inner_text()


def be(page: Page, name: str) -> None:
    press(page, f'.people button[value="{name}"]')


def ask(page: Page, route: str) -> str:
    """Ask for a route by the table; what came back, such as ``200 OK``."""
    press(page, f'table button[value="{route}"]')
    press(page, ".ask button.go")
    return page.locator(".asked .verdict").inner_text()


def marks(page: Page) -> list[str | None]:
    """How far the last request came: a mark for each of the five places."""
    return [one.get_attribute("class") for one in page.locator(".way li").all()]


def test_three_clicks_tell_401_403_and_200_apart(
    show: Callable[..., Page], playground: Served
) -> None:
    """The first thing on the page: the same request of nobody, of who may not, and of who may."""
    page = show(playground.url)
    for name, status, way, why in (
        ("no_token", "401", ["passed", "stopped", *["skipped"] * 3], "No token came"),
        ("denied", "403", [*["passed"] * 3, "stopped", "skipped"], "No rule grants it"),
        ("allowed", "200", ["passed"] * 5, "allows it in line 14, for editor"),
    ):
        press(page, f'.examples button[value="{name}"]')
        tile = page.locator(f".tile.{name}")
        assert tile.locator(".verdict").inner_text().startswith(status)
        assert why in tile.inner_text()
        assert marks(page) == way
        # Whoever uses the keyboard is where they were.
        assert page.locator(":focus").get_attribute("value") == name
    assert len(set(page.locator(".asks code").all_inner_texts())) == 1
    assert "← this line decided" in page.locator(".source .lit").inner_text()
    assert "Not from the cache" in page.locator("#answer").inner_text()


def test_signing_in_takes_password_and_code(show: Callable[..., Page], playground: Served) -> None:
    """As anybody else than a sample: a wrong code is told of, and a good one signs in."""
    person = playground.stack.people["edgar"]
    page = show(playground.url)

    def sign_in(code: str) -> None:
        if not page.locator("#typed").evaluate("one => one.open"):
            page.locator("#typed summary").click()
        page.get_by_label("User name").fill(person.name)
        page.get_by_label("Password", exact=True).fill(person.password)
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.locator("body:not([aria-busy])").wait_for()

    sign_in("12")
    assert "code" in page.locator("#trouble").inner_text()
    sign_in(pyotp.TOTP(person.totp_secret).now())
    assert "You are signed in as edgar" in page.locator("#who").inner_text()
    assert page.locator("th.own-column .subject").inner_text() == "editor"
    assert "expires in" in page.locator(".timer").inner_text()
    assert "eyJ" not in page.content()
    assert page.evaluate("document.cookie") == ""
    press(page, "form[action='sign-out'] button")
    assert "You are nobody" in page.locator("#who").inner_text()


def test_every_user_on_every_route_is_answered_as_the_policy_says(
    show: Callable[..., Page], playground: Served
) -> None:
    """What really comes back is what the table of the same page says; own records among them."""
    simulator, page = playground.stack.project.simulator, show(playground.url)
    for name, person in playground.stack.people.items():
        be(page, name)
        for route in simulator.protections:
            asked, status = page.evaluate(SEND, route)
            method, _, path = asked.partition(" ")
            request = Request(method=method, path=path)
            is_open = simulator.ask(request, person.caller).is_open
            assert (status[:3] not in {"401", "403"}) is is_open, (name, route, status)
    be(page, "machine")
    assert ask(page, "GET /reports/{id}") == "200 OK"


def test_an_answer_that_is_remembered_is_told_of(
    show: Callable[..., Page], playground: Served
) -> None:
    """The second time, API Gateway does not ask again, where it remembers answers at all."""
    page = show(playground.url)
    be(page, "alice")
    ask(page, "GET /hello")
    remembers = any(
        authorizer.ttl_seconds for authorizer in playground.stack.project.api.authorizers
    )
    ask(page, "GET /hello")
    said = page.locator("#answer").inner_text()
    assert ("From the cache" in said) is remembers
    assert '"isAuthorized": true' in said


def test_each_spoilt_token_is_stopped_at_its_step(
    show: Callable[..., Page], playground: Served
) -> None:
    """Here and by the API: every step before passes, one fails, none after is reached."""
    page = show(playground.url)
    be(page, "edgar")
    for attack, step in STEPS.items():
        press(page, f'.spoil button[value="{attack}"]')
        found = [one.get_attribute("class") for one in page.locator(".steps li").all()]
        assert found == ["passed"] * (step - 1) + ["failed"] + ["not_reached"] * (5 - step)
        assert ask(page, "GET /hello") == "403 Forbidden"
        assert marks(page) == ["passed", "passed", "stopped", "skipped", "skipped"]
    press(page, '.spoil button[value=""]')
    assert ask(page, "GET /hello") == "200 OK"


def test_a_pasted_token_is_judged_here(show: Callable[..., Page], playground: Served) -> None:
    """A genuine one is good, and can be sent."""
    token = playground.stack.sign_in("ada").access
    page = show(playground.url)
    page.locator("#pasting summary").click()
    page.get_by_label("Token", exact=True).fill(f"Bearer {token}")
    press(page, "#pasting button")
    assert page.locator("#token .verdict").inner_text() == "The token is good"
    assert ask(page, "GET /admin/users") == "200 OK"
    assert page.locator(".asked .chip").inner_text() == "the pasted token"


def test_a_changed_policy_is_in_force_at_once(
    show: Callable[..., Page], playground: Served
) -> None:
    """Nobody touches the page: it shows who gains, or the mistake, and all is as before."""
    page = show(playground.url)
    be(page, "alice")
    assert ask(page, "POST /articles") == "403 Forbidden"
    try:
        playground.policy.write_text(
            playground.good.replace("- GET /hello", "- GET /hello\n      - POST /articles", 1)
        )
        page.get_by_text("Gains: group reader: POST /articles").wait_for()
        be(page, "alice")  # with a token for which nothing is remembered
        assert ask(page, "POST /articles") == "200 OK"

        playground.policy.write_text(playground.good.replace("GET /hello", "GTE /hello", 1))
        page.locator("#policy-trouble").wait_for()
        assert "policy.yaml:8" in page.locator("#policy-trouble").inner_text()
        assert "GTE /hello" in page.locator(".source .bad").inner_text()
        assert accessibility_violations(page) == []
        be(page, "alice")
        assert ask(page, "POST /articles") == "200 OK"
    finally:
        playground.policy.write_text(playground.good)
    page.locator("#policy-trouble").wait_for(state="detached")
    page.get_by_text("Loses: group reader: POST /articles").wait_for()
    be(page, "alice")
    assert ask(page, "POST /articles") == "403 Forbidden"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_page_is_for_everybody(
    show: Callable[..., Page], playground: Served, language: str, width: int
) -> None:
    """Axe finds nothing, light or dark, in both languages, before and after; nothing is cut off."""
    page = show(f"{playground.url}?language={language}", width=width)
    assert accessibility_violations(page) == []
    for selector in ('.examples button[value="denied"]', '.spoil button[value="changed"]'):
        press(page, selector)
    assert violations_in_light_and_dark(page) == []
    assert not is_cut_off(page)
    assert page.evaluate("document.documentElement.lang") == language


def test_it_works_without_its_script(browser: Browser, playground: Served) -> None:
    """Buttons are forms: whoever has scripts turned off loads the page anew."""
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(playground.url)
        page.locator('.examples button[value="allowed"]').click()
        assert page.locator(".asked .verdict").inner_text() == "200 OK"
    finally:
        context.close()


def test_against_a_deployed_api_one_signs_in_oneself(
    show: Callable[..., Page], playground: Served
) -> None:
    """Where there are no samples: with password and code, and the examples are one's own then."""
    deployment, person = playground.stack.deployment, playground.stack.people["edgar"]
    process = subprocess.Popen(
        [sys.executable, "-m", "authorizer.cli", "playground"],
        cwd=playground.policy.parent,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": deployment.emulator.url,
            "API_URL": deployment.base_url,
            "COGNITO_USER_POOL_ID": deployment.user_pool_id,
            "COGNITO_CLIENT_ID": deployment.client_id,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        page = show(process.stdout.readline().split()[4])
        assert page.get_by_text("Sign in first").count() == 2
        press(page, '.examples button[value="no_token"]')
        page.get_by_label("User name").fill(person.name)
        page.get_by_label("Password", exact=True).fill(person.password)
        page.get_by_label("Code").fill(pyotp.TOTP(person.totp_secret).now())
        press(page, "#typed button")
        for name, status in (("denied", "403"), ("allowed", "200")):
            press(page, f'.examples button[value="{name}"]')
            assert page.locator(f".tile.{name} .verdict").inner_text().startswith(status)
        assert "only the function's log can tell" in page.locator("#answer").inner_text()
        assert "keeps the policy that it was deployed with" in page.locator("#policy").inner_text()
        page.close()  # it would ask on, and be answered by nobody
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_that_it_has_ended_is_seen_wherever_one_is(browser: Browser, playground: Served) -> None:
    """Far down on the page, too, a button that does nothing any more says why."""
    context = browser.new_context(viewport={"width": WIDTHS["narrow"], "height": 600})
    try:
        page = context.new_page()
        page.goto(playground.url)
        page.route("**/sign-in", lambda route: route.abort())
        page.locator('.people button[value="ada"]').click()
        gone = page.locator("#gone")
        gone.wait_for()
        box = gone.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 600 - box["height"]
        assert page.evaluate("scrollY") > 600
        assert accessibility_violations(page) == []
    finally:
        context.close()
