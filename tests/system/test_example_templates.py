"""Each of `examples/` is deployed as it stands by somebody: it must fit together, and say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
import pytest
from chromium import SCHEMES, WIDTHS, accessibility_violations, is_cut_off
from example_stacks import EXAMPLES, SCENARIOS, Stacks, resource, running_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

PROJECT = Path(__file__).parents[2]
# The others guard themselves, and have no API: their policy is checked by itself.
WITH_TESTS = sorted(tests.parent for tests in EXAMPLES.glob("*/policy.policy-test.yaml"))
COMMANDS = [
    *(
        (example, [command, "--template=template.yaml"])
        for example in WITH_TESTS
        for command in ("check", "test")
    ),
    *((EXAMPLES / name, ["check"]) for name in ("alb", "function-url")),
]
pytestmark = [pytest.mark.system, pytest.mark.xdist_group("examples")]


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """All of them on one emulator."""
    with running_examples() as running:
        yield running


@pytest.mark.parametrize(
    ("example", "arguments"),
    [pytest.param(*case, id=f"{case[1][0]} {case[0].name}") for case in COMMANDS],
)
def test_an_example_fits_together(example: Path, arguments: list[str]) -> None:
    """Nothing is found that fails; and what its policy must allow and deny, it does."""
    done = subprocess.run(
        [sys.executable, "-m", "authorizer.cli", *arguments, "--strict"],
        cwd=example,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", SCENARIOS)
def test_an_example_answers_as_it_must(stacks: Stacks, example: str) -> None:
    """CloudFormation makes it; without a token, with garbage, and in each group."""
    outcomes = [*stacks.play(example)]
    wrong = [one for one in outcomes if one.answered != one.expected]
    assert wrong == []
    assert len({one.who for one in outcomes}) >= 3
    assert {path.name for path in EXAMPLES.iterdir()} == {
        name.partition(",")[0] for name in SCENARIOS
    }


def test_a_stack_tells_who_signs_in_of_its_pool(stacks: Stacks) -> None:
    """`authorizer login --stack-name` asks it; a parameter of Systems Manager has been read."""
    cloudformation = stacks.emulator.client("cloudformation")

    def outputs(name: str) -> dict[str, str]:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    pool = outputs("users")
    assert pool.keys() == {"UserPoolId", "UserPoolClientId"}
    for name in ("existing-pool", "rest-api-waf", "websocket"):
        assert outputs(name).items() >= pool.items()


def test_the_function_behind_a_connection_takes_a_subprotocol(stacks: Stacks) -> None:
    """The emulator drops that header; without it a browser closes the connection."""
    answered = stacks.emulator.client("lambda").invoke(
        FunctionName=resource(stacks.emulator, "websocket", "ChatFunction"),
        Payload=json.dumps({"requestContext": {"routeKey": "$connect"}}),
    )
    answer = json.load(answered["Payload"])
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "bearer"}}


def test_the_web_acl_has_its_rules_in_order(stacks: Stacks) -> None:
    """The emulator keeps them, and is asked by none; floods are turned away first."""
    firewall = stacks.emulator.client("wafv2")
    (found,) = firewall.list_web_acls(Scope="REGIONAL")["WebACLs"]
    told = firewall.get_web_acl(Name=found["Name"], Id=found["Id"], Scope="REGIONAL")["WebACL"]
    names = [rule["Name"] for rule in sorted(told["Rules"], key=lambda rule: rule["Priority"])]
    assert names == ["rate", "reputation", "known-bad-inputs", "common"]


def require_good_looks(page: Page) -> None:
    """For everybody, on a telephone, too, light and dark."""
    assert not is_cut_off(page)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert accessibility_violations(page) == [], scheme


@pytest.mark.skipif(chromium.EXECUTABLE is None, reason=chromium.MISSING)
def test_the_page_connects_in_a_browser(stacks: Stacks) -> None:
    """By keyboard alone; whoever is not let in, or has copied something else, reads what helps."""
    with chromium.chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTHS["narrow"], "height": 800})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((EXAMPLES / "websocket" / "page.html").as_uri())
        status, token = page.get_by_role("status"), page.get_by_label("Access token")
        assert status.inner_text() == "Not connected"

        page.keyboard.press("Tab")
        page.keyboard.type(stacks.urls["websocket"])
        page.keyboard.press("Tab")
        page.keyboard.type(stacks.tokens["member"])
        page.keyboard.press("Enter")
        page.get_by_text("Connected", exact=True).wait_for()
        assert "took the subprotocol “bearer”" in status.inner_text()
        require_good_looks(page)
        for _ in range(2):  # past the button that connects
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Closed", exact=True).wait_for()
        assert "ended with code 1000" in status.inner_text()

        for said, given in {
            "Refused, or out of reach": stacks.tokens["suspended"],
            "Not tried": "two words",
        }.items():
            token.fill(given)
            page.keyboard.press("Enter")
            page.get_by_text(said, exact=True).wait_for()
            assert page.get_by_role("button", name="Disconnect").is_disabled()
        require_good_looks(page)
        page.get_by_label("Address of the API").fill("https://example.com")
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('#url').validity.patternMismatch")
        assert faults == []
