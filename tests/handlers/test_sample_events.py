"""The files in events/, replayed with a live token: each has the outcome that its name says."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from simulator import CLIENT_ID, POOL_ID, Cognito

from authorizer.cli.document import load_document
from handlers import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
PLACEHOLDER = "REPLACE_WITH_ACCESS_TOKEN"
COGNITO = Cognito()

# For a reader, whose sub is the simulator's. What API Gateway makes of it: 200, 401 or 403.
EXPECTED = {
    "http-2.0-allowed": (200, None),
    "http-2.0-denied-by-role": (403, "not_granted"),
    "http-2.0-own-record": (200, None),
    "http-2.0-anothers-record": (403, "not_granted"),
    "http-2.0-no-token": (403, "token_missing"),
    "http-2.0-garbage-token": (403, "token_not_compact"),
    "http-1.0-allowed": (200, None),
    "http-1.0-denied-by-role": (403, "not_granted"),
    "rest-request-allowed": (200, None),
    "rest-request-denied-by-role": (403, "not_granted"),
    "rest-token-allowed": (200, None),
    "rest-token-denied-by-role": (403, "not_granted"),
    # The sample policy grants nobody a connection.
    "websocket-connect": (403, "not_granted"),
}
HELLO = {"hello-http-2.0": 200, "hello-without-context": 401}


@pytest.fixture
def authorize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The handler with the sample policy."""
    compiled, _ = load_document(ROOT / "policy.yaml")
    (tmp_path / "policy.json").write_bytes(compiled)
    (tmp_path / "jwks.json").write_bytes(COGNITO.jwks())
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setenv("AUTHORIZER_USER_POOLS", f"{POOL_ID}={CLIENT_ID}")
    monkeypatch.setenv("AUTHORIZER_JWKS_FILES", f"{POOL_ID}=jwks.json")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    sys.modules.pop("handlers.authorize", None)
    yield importlib.import_module("handlers.authorize")
    sys.modules.pop("handlers.authorize", None)


def read(name: str) -> Any:
    """The event, with the placeholder replaced as a person would."""
    now = int(time.time())
    token = COGNITO.token(iat=now - 60, auth_time=now - 60, exp=now + 3540)
    return json.loads((EVENTS / f"{name}.json").read_text().replace(PLACEHOLDER, token))


def status_of(answer: dict[str, Any]) -> int:
    if "policyDocument" in answer:
        (statement,) = answer["policyDocument"]["Statement"]
        return 200 if statement["Effect"] == "Allow" else 403
    return 200 if answer["isAuthorized"] is True else 403


def test_every_file_has_an_expectation() -> None:
    """A sample that nobody replays may be wrong; an expectation without a file is stale."""
    assert {path.stem for path in EVENTS.iterdir()} == EXPECTED.keys() | HELLO.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_authorizer_event(authorize: ModuleType, name: str) -> None:
    """The outcome is the one in the file's name."""
    event = read(name)
    outcome = authorize.authorizer.judge(event)
    answer = authorize.handler(event, SimpleNamespace(aws_request_id="invocation-1"))

    assert (status_of(answer), outcome.reason) == EXPECTED[name]
    assert name.startswith(outcome.request.flavour)


@pytest.mark.parametrize("name", HELLO)
def test_a_hello_event(name: str) -> None:
    """With the authorizer's context the backend greets, without it it does not."""
    assert hello.handler(read(name), None)["statusCode"] == HELLO[name]


@pytest.mark.parametrize("name", [*EXPECTED, *HELLO])
def test_no_file_has_a_token_in_it(name: str) -> None:
    """Samples carry the placeholder, wherever a token belongs, and never a token."""
    text = (EVENTS / f"{name}.json").read_text()

    assert "eyJ" not in text
    assert text.count("Bearer ") == text.count(f"Bearer {PLACEHOLDER}") + text.count(
        "Bearer garbage"
    )
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
