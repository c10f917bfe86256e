"""The files in events/, replayed with live tokens: each has the outcome that the index says."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sample_index import Expected, read_index, status_of

from authorizer.cli.event.samples import SAMPLE_SUB, Placeholder, callers_of_file, load_sample
from authorizer.cli.event.tokens import TokenSource, throw_away_pool
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import known_routes
from handlers import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
INDEX = read_index(EVENTS)
ROUTES = known_routes(read_template(ROOT / "template.yaml"), None)
FOR_HELLO = [name for name in INDEX if name.startswith("hello-")]
FOR_AUTHORIZER = [name for name in INDEX if name not in FOR_HELLO]


@pytest.fixture(scope="module")
def pool() -> TokenSource:
    return throw_away_pool(callers_of_file(ROOT / "policy.yaml"))


@pytest.fixture
def authorize(
    pool: TokenSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The handler with the sample policy, compiled as it ships."""
    compiled, _ = load_document(ROOT / "policy.yaml", ROUTES)
    (tmp_path / "policy.json").write_bytes(compiled)
    ((pool_id, keys),) = pool.key_sets().items()
    (tmp_path / "jwks.json").write_bytes(keys)
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setenv("AUTHORIZER_USER_POOLS", pool.pools)
    monkeypatch.setenv("AUTHORIZER_JWKS_FILES", f"{pool_id}=jwks.json")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    sys.modules.pop("authorizer.aws_lambda", None)
    yield importlib.import_module("authorizer.aws_lambda")
    sys.modules.pop("authorizer.aws_lambda", None)


def read(name: str, pool: TokenSource) -> Any:
    return load_sample(EVENTS, name).filled(pool.token)


def text_of(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def test_the_index_names_every_file() -> None:
    """A sample that nobody replays may be wrong; an expectation without a file is stale."""
    assert {path.stem for path in EVENTS.glob("*.json")} == INDEX.keys()
    assert len(INDEX) > 45


@pytest.mark.parametrize("name", FOR_AUTHORIZER)
def test_an_authorizer_event(authorize: ModuleType, pool: TokenSource, name: str) -> None:
    """The outcome is the one in the file's name."""
    event = read(name, pool)
    outcome = authorize.authorizer.judge(event)
    try:
        answer = authorize.handler(event, SimpleNamespace(aws_request_id="invocation-1"))
    except authorize.AuthorizerError as error:
        answer = {"errorMessage": str(error)}

    found = Expected(status=status_of(answer, event), reason=outcome.reason or "allowed")
    assert found == INDEX[name]
    assert name.startswith(f"{outcome.request.flavour}-")


@pytest.mark.parametrize("name", FOR_HELLO)
def test_a_hello_event(pool: TokenSource, name: str) -> None:
    """With the authorizer's context the backend greets, without it it does not."""
    assert hello.handler(read(name, pool), None)["statusCode"] == INDEX[name].status


def test_a_connection_is_allowed_once_the_policy_grants_it(
    authorize: ModuleType, pool: TokenSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index says which line lets the WebSocket sample in; with it, it is let in."""
    policy = (ROOT / "policy.yaml").read_text()
    source = tmp_path / "policy.yaml"
    source.write_text(policy.replace("- GET /hello", "- GET /hello\n      - $connect", 1))
    (tmp_path / "policy.json").write_bytes(load_document(source)[0])
    monkeypatch.delitem(sys.modules, "authorizer.aws_lambda")
    handler = importlib.import_module("authorizer.aws_lambda").handler

    event = read("websocket-denied-by-role", pool)
    answer = handler(event, SimpleNamespace(aws_request_id="invocation-1"))
    assert status_of(answer, event) == 200


@pytest.mark.parametrize("name", INDEX)
def test_no_file_has_a_token_in_it(name: str) -> None:
    """Samples carry a placeholder, wherever a token belongs, and never a token."""
    text = text_of(name)

    offered = set(re.findall(r'"Bearer ([^"]*)"', text))
    assert offered <= {"garbage", *Placeholder}
    assert text.count("REPLACE_WITH") == sum(text.count(f'"Bearer {kind}"') for kind in Placeholder)
    assert "eyJ" not in text
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


@pytest.mark.parametrize("name", INDEX)
def test_a_record_is_the_token_owners(name: str) -> None:
    """With another person's token, the sample user's record becomes theirs; nobody else's does."""
    sample = load_sample(EVENTS, name)
    filled = json.dumps(sample.filled(lambda _: "token", sub="someone-else"))

    assert SAMPLE_SUB not in filled
    assert filled.count("someone-else") == sample.text.count(SAMPLE_SUB)
