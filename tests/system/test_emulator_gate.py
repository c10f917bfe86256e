"""Whoever reaches the emulator may have it run code, so hardly anything of it can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from authorizer.cli.local.emulator import Emulator, running_emulator
from authorizer.cli.local.gate import is_open

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "LOCAL0123"
COGNITO = "AWSCognitoIdentityProviderService"


def scope(path: str = "/", kind: str = "http", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "path": path, "headers": named}


@pytest.mark.parametrize(
    ("request_", "passes"),
    [
        pytest.param(scope("/_aws/execute-api/abc/hello"), True, id="the API"),
        pytest.param(scope("/us-east-1_x/.well-known/jwks.json"), True, id="keys"),
        pytest.param(scope("/oauth2/token"), True, id="token endpoint"),
        pytest.param(scope(x_amz_target=f"{COGNITO}.InitiateAuth"), True, id="signing in"),
        pytest.param(
            scope(authorization=f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/x"), True, id="the key"
        ),
        pytest.param(scope(kind="lifespan"), True, id="the server's own"),
        pytest.param(scope(), False, id="nothing"),
        pytest.param(scope("/2015-03-31/functions"), False, id="functions"),
        pytest.param(scope("/_ministack/reset"), False, id="its own control plane"),
        pytest.param(scope("/x/_aws/execute-api/abc"), False, id="the API's path elsewhere"),
        pytest.param(scope(x_amz_target=f"{COGNITO}.AdminCreateUser"), False, id="administering"),
        pytest.param(scope(x_amz_target="Other.InitiateAuth"), False, id="another service"),
        pytest.param(
            scope(authorization="AWS4-HMAC-SHA256 Credential=LOCAL/2026"), False, id="another key"
        ),
        pytest.param(scope(kind="websocket"), False, id="web socket"),
    ],
)
def test_only_what_the_apis_clients_need_is_open(request_: dict[str, Any], passes: bool) -> None:  # noqa: FBT001
    """All else takes the access key of this run."""
    assert is_open(request_, KEY) is passes


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@pytest.mark.system
def test_a_web_page_cannot_make_a_function(emulator: Emulator) -> None:
    """A request such as a page can send without asking, to what would run code, is refused."""
    answer = requests.post(
        f"{emulator.url}/2015-03-31/functions",
        data="{}",
        headers={"Content-Type": "text/plain", "Origin": "https://evil.example"},
        timeout=10,
    )
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.system
def test_this_run_can(emulator: Emulator) -> None:
    """The clients of this run have the key."""
    assert emulator.aws.client("lambda").list_functions()["Functions"] == []
