"""A project of somebody else's, with nothing of ours but the wheel: from init to an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from authorizer.cli.event.samples import SampleCallers, load_sample
from authorizer.cli.event.tokens import bundle_keys, throw_away_pool

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("adopters")]

PROJECT = Path(__file__).parents[2]
ADOPTERS = PROJECT / "tests" / "adopters"
# By project, what its deployer makes of it: with what `authorizer init` prints pasted in.
PROJECTS = {
    "sam": "template.yaml",
    "cdk": "cdk.out/Api.template.json",
    "serverless": ".serverless/cloudformation-template-update-stack.json",
    "terraform": "plan.json",
}
ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace
from authorizer.aws_lambda import handler
for event in json.load(sys.stdin):
    answer = handler(event, SimpleNamespace(aws_request_id="1", function_name="rbac"))
    print("answer", json.dumps(answer.get("isAuthorized")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install` would put somewhere, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", str(folder), str(PROJECT)),
        ],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.parametrize("name", PROJECTS)
def test_from_the_wheel_to_an_answer(tmp_path: Path, wheel: Path, name: str) -> None:
    """Begin the policy, grant, check, package; then the function decides as the policy says."""
    project = tmp_path / name
    for file in (ADOPTERS / name).rglob("*"):
        if file.is_file():
            copied = project / file.relative_to(ADOPTERS / name)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(file.read_bytes())
    template = PROJECTS[name]

    def authorizer(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "authorizer.cli", *arguments],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(wheel), "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    authorizer("init", template)
    policy = project / "policy.yaml"
    granted = policy.read_text().replace("# - GET /orders", "- GET /orders")
    assert granted != policy.read_text()
    policy.write_text(granted)
    findings = json.loads(authorizer("check", "--template", template, "--format", "json"))
    # The rest is theirs: a pool without MFA, and whatever route nobody may use.
    assert {one["code"] for one in findings["findings"]} <= {"T000", "T301", "X104"}
    authorizer("package", "-t", template, "-o", "rbac-function", "--for-this-machine")
    package = project / "rbac-function"
    assert (package / "authorizer" / "aws_lambda.py").is_file()

    groups = (next(line.strip()[:-1] for line in granted.splitlines() if line[:4].count(" ") == 2),)
    pool = throw_away_pool(SampleCallers(groups=groups))
    event = load_sample(PROJECT / "events", "http-2.0-allowed").filled(pool.token, pool.sub)
    asked = json.dumps(event)
    events = [
        json.loads(asked.replace("/articles/42", "/orders/42").replace("/articles/", "/orders/")),
        event,
        json.loads(asked.replace("Bearer ", "Bearer x")),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ASK, str(package)],
        env={**bundle_keys(pool, package), "LAMBDA_TASK_ROOT": str(package)},
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("answer")]
    assert answers == ["answer true", "answer false", "answer false"], done.stdout + done.stderr
