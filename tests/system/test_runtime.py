"""The built packages in Lambda's own runtime: every sample, one emulator for each function."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dynamodb_standin import serve_table
from lambda_runtime import Function, running_function
from sample_index import Expected, read_index, status_of
from start_api import seen

from authorizer.cli.event.samples import callers_of_file, load_sample
from authorizer.cli.event.tokens import TokenSource, bundle_keys, throw_away_pool
from authorizer.cli.local.project import LocalStackError
from benchmarks.cold import served

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("runtime"),
    pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator is a Linux program"),
]

PROJECT = Path(__file__).parents[2]
EVENTS = PROJECT / "events"
INDEX = read_index(EVENTS)


@pytest.fixture(scope="module")
def pool() -> TokenSource:
    return throw_away_pool(callers_of_file(PROJECT / "policy.yaml"))


@pytest.fixture(scope="module")
def functions(
    pool: TokenSource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Function]]:
    environment = bundle_keys(pool, tmp_path_factory.mktemp("keys"))
    with (
        running_function(PROJECT, "AuthorizerFunction", environment) as authorizer,
        running_function(PROJECT, "HelloFunction", {}) as hello,
    ):
        yield {"authorizer": authorizer, "hello": hello}


@pytest.mark.parametrize("name", INDEX)
def test_a_sample_answers_as_its_name_says(
    functions: dict[str, Function], pool: TokenSource, name: str
) -> None:
    """The package, in Lambda's runtime, gives the status and the reason of the index."""
    sample = load_sample(EVENTS, name)
    event = sample.filled(pool.token)
    invocation = functions["hello" if sample.is_for_hello else "authorizer"].invoke(event)
    assert seen(event, invocation) == INDEX[name]


def test_no_token_is_in_any_log(functions: dict[str, Function], pool: TokenSource) -> None:
    """What a function writes while it handles a token holds no part of one."""
    for name in ("http-2.0-allowed", "http-2.0-expired-token", "rest-token-id-token"):
        event = load_sample(EVENTS, name).filled(pool.token)
        log = "\n".join(functions["authorizer"].invoke(event).log)
        assert "decision" in log
        assert "eyJ" not in log


@pytest.mark.parametrize("is_trusted", [True, False])
def test_keys_are_fetched_with_what_is_in_the_package(
    pool: TokenSource, tmp_path: Path, *, is_trusted: bool
) -> None:
    """Nothing that was left out is needed to ask over TLS, to believe the answer, or not to."""
    ((pool_id, keys),) = pool.key_sets().items()
    event = load_sample(EVENTS, "http-2.0-allowed").filled(pool.token)
    with served(keys, tmp_path) as (url, certificates):
        environment = {
            "AUTHORIZER_USER_POOLS": pool.pools,
            "AUTHORIZER_JWKS_URLS": f"{pool_id}={url}",
        } | ({"REQUESTS_CA_BUNDLE": str(certificates)} if is_trusted else {})
        with running_function(PROJECT, "AuthorizerFunction", environment) as function:
            invocation = function.invoke(event)
    if is_trusted:
        assert seen(event, invocation) == INDEX["http-2.0-allowed"]
        assert not [line for line in invocation.log if not line.startswith("{")]
    else:
        assert invocation.answer["errorType"] == "KeysUnavailableError"
        assert "CERTIFICATE_VERIFY_FAILED" in invocation.answer["errorMessage"]


def test_the_list_of_revoked_tokens_is_read_with_what_the_runtime_has(
    pool: TokenSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package has no boto3, and what it has of Powertools is enough: the caller is refused."""
    event = load_sample(EVENTS, "http-2.0-allowed").filled(pool.token)
    with serve_table(monkeypatch) as table:
        environment = {
            **bundle_keys(pool, tmp_path),
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
            "AUTHORIZER_REVOCATION_TABLE": "revoked",
        }
        table.entries = [f"sub#{pool.sub}"]
        with running_function(PROJECT, "AuthorizerFunction", environment) as function:
            invocation = function.invoke(event)
    assert len(table.questions) == 1
    assert seen(event, invocation) == Expected(status=403, reason="revoked")


def test_a_package_without_a_dependency_does_not_start(pool: TokenSource, tmp_path: Path) -> None:
    """Nothing of this environment stands in for what a package lacks."""
    project = tmp_path / "project"
    package = project / "build" / "local" / "AuthorizerFunction"
    shutil.copytree(PROJECT / "build" / "local" / "AuthorizerFunction", package)
    shutil.rmtree(package / "cachetools")
    (project / "build" / "dependencies").symlink_to(PROJECT / "build" / "dependencies")
    (project / ".venv-sam").symlink_to(PROJECT / ".venv-sam")

    with running_function(project, "AuthorizerFunction", bundle_keys(pool, tmp_path)) as function:
        invocation = function.invoke(load_sample(EVENTS, "http-2.0-allowed").filled(pool.token))
    assert invocation.answer["errorType"] == "Runtime.ImportModuleError"
    assert "cachetools" in invocation.answer["errorMessage"]


def test_a_broken_configuration_fails_the_start(tmp_path: Path) -> None:
    """A function that cannot start answers nothing that would let anybody in."""
    environment = {"AUTHORIZER_USER_POOL": "misspelt"}
    event = load_sample(EVENTS, "http-2.0-no-token").filled(lambda _: "")
    with running_function(PROJECT, "AuthorizerFunction", environment) as function:
        answer = function.invoke(event).answer
    assert status_of(answer, event) == 500
    assert "did you mean AUTHORIZER_USER_POOLS" in answer["errorMessage"]


def test_nothing_is_built_yet(tmp_path: Path) -> None:
    """What is missing is said, with what makes it."""
    (tmp_path / "Makefile").touch()
    with (
        pytest.raises(LocalStackError, match="make package"),
        running_function(tmp_path, "HelloFunction", {}),
    ):
        pass


def test_an_emulator_ends_with_its_starter(tmp_path: Path) -> None:
    """However we end, the emulator, the function and their folder end with us."""
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from lambda_runtime import running_function\n"
        "environment = {'STARTED_BY': sys.argv[2]}\n"
        "with running_function(Path(sys.argv[1]), 'HelloFunction', environment) as hello:\n"
        "    hello.invoke({})\n    print('up', flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(PROJECT), str(tmp_path)],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT / "tests")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    assert len(processes_of(tmp_path)) >= 3  # the supervisor, the emulator, the function
    process.kill()
    process.communicate(timeout=120)

    give_up_at = time.monotonic() + 60
    while any(tmp_path.iterdir()) or processes_of(tmp_path):
        assert time.monotonic() < give_up_at, (list(tmp_path.iterdir()), processes_of(tmp_path))
        time.sleep(0.05)


def processes_of(folder: Path) -> list[str]:
    """Processes in whose environment the folder is."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            text = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in text:
            found.append(entry.parent.name)
    return found
