"""The examples in ``examples/`` and docs/middleware.md, copied and asked with real events."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from protected import SUB, Callers, alb_multi, callers, function_url
from simulator import CLIENT_ID, POOL_ID
from starlette.testclient import TestClient

from authorizer.cli.policy_file import load_document

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
EVENTS: dict[str, Any] = {"alb": alb_multi, "function-url": function_url}
# Where the handler is, and the policy goes.
CODE = {"alb": ".", "function-url": "orders"}


@pytest.fixture(scope="module")
def given() -> Iterator[Callers]:
    with callers() as made:
        yield made


@pytest.fixture(params=EVENTS)
def example(
    request: pytest.FixtureRequest,
    given: Callers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Call one as Lambda does: package and environment as its template has them."""
    name = request.param
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    code = folder / CODE[name]
    (code / "policy.json").write_bytes(load_document(folder / "policy.yaml")[0])
    monkeypatch.setenv("AUTHORIZER_USER_POOLS", f"{POOL_ID}={CLIENT_ID}")
    monkeypatch.setenv("AUTHORIZER_JWKS_URLS", f"{POOL_ID}={given.server.url}")
    spec = importlib.util.spec_from_file_location(f"{name}_handler", code / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(method: str, path: str, authorization: str | None) -> tuple[int, Any]:
        answer = module.handler(EVENTS[name](method, path, authorization), None)
        return answer["statusCode"], json.loads(answer["body"])

    return call


def test_they_do_as_their_policy_says(example: Any, given: Callers) -> None:
    """Open, permitted, one's own, not permitted, and without a token."""
    reader, clerk = given.bearer("reader"), given.bearer("clerk")
    assert example("GET", "/health", None) == (200, {"status": "ok"})
    assert example("GET", "/orders", reader) == (200, {"orders": ["7", "8"]})
    assert example("GET", "/orders/7", reader) == (200, {"order": "7", "read_by": "alice"})
    assert example("POST", "/orders", clerk) == (201, {"order": "9", "taken_by": "alice"})
    assert example("GET", f"/users/{SUB}/address", reader)[0] == 200
    for method, path in [
        ("POST", "/orders"),
        ("GET", "/users/bob/address"),
        ("GET", "/nowhere"),
        ("GET", "//orders"),
        ("GET", "/orders/"),
        ("GET", "/%6frders"),
        ("DELETE", "/orders/7"),
    ]:
        assert example(method, path, reader)[0] in (403, 404), path
    assert example("GET", "/orders", given.bearer("reader", "suspended"))[0] == 403
    assert example("GET", "/orders", None)[0] == 401


@pytest.fixture
def snippets(
    given: Callers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """Run what docs/middleware.md says can be copied, in its order, beside a policy."""
    (tmp_path / "policy.json").write_bytes(load_document(EXAMPLES / "alb" / "policy.yaml")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHORIZER_USER_POOLS", f"{POOL_ID}={CLIENT_ID}")
    monkeypatch.setenv("AUTHORIZER_JWKS_URLS", f"{POOL_ID}={given.server.url}")
    page = (EXAMPLES.parent / "docs" / "middleware.md").read_text()
    spaces: list[dict[str, Any]] = []
    for text in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        spaces.append({"__file__": str(tmp_path / "handler.py"), "__name__": "copied"})
        exec(text, spaces[-1])
    return spaces


def test_the_snippets_do_what_their_page_says(
    snippets: list[dict[str, Any]], given: Callers
) -> None:
    """Who may is greeted, others are not, and FastAPI's own pages are not there."""
    plain, powertools, fastapi = snippets
    bearer = given.bearer("reader")
    answer = plain["handler"](function_url("GET", "/orders/7", bearer), None)
    assert (answer["statusCode"], answer["body"]) == (200, "Hello alice")
    answer = powertools["handler"](alb_multi("GET", "/orders/7", bearer), None)
    assert json.loads(answer["body"]) == {"order": "7", "by": "alice"}
    client = TestClient(fastapi["app"])
    answered = client.get("/orders/7", headers={"Authorization": bearer})
    assert answered.json() == {"order": "7", "by": "alice"}

    assert plain["handler"](function_url("POST", "/orders", bearer), None)["statusCode"] == 403
    assert powertools["handler"](alb_multi("GET", "/orders/7", None), None)["statusCode"] == 401
    assert client.get("/orders/7").status_code == 401
    assert client.get("/openapi.json").status_code == client.get("/docs").status_code == 404


@pytest.mark.parametrize("name", EVENTS)
def test_their_readme_says_what_is_there(name: str) -> None:
    """Each file that it names: the policy, and how the function gets the package."""
    readme = (EXAMPLES / name / "README.md").read_text()
    for file in ("policy.yaml", {"alb": "requirements.txt"}.get(name, "orders/handler.py")):
        assert file in readme
        assert (EXAMPLES / name / file).is_file()
