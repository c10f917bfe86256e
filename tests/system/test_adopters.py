"""A project of somebody else's, with nothing of ours but the wheel: from init to an answer."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import FLAVOURS, Call, http_2
from lambda_runtime import running_package
from naive_gateway import iam_allows
from sam_local import sam_binary, sam_environment

from authorizer.cli.event.samples import Placeholder, SampleCallers
from authorizer.cli.event.tokens import bundle_keys, throw_away_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("adopters")]

PROJECT = Path(__file__).parents[2]
ADOPTERS = PROJECT / "tests" / "adopters"
# By project, what its deployer makes of it: with what `authorizer init` prints pasted in.
PROJECTS = {
    "sam": "template.yaml",
    "sam-rest": "template.yaml",
    "cdk": "cdk.out/Api.template.json",
    "serverless": ".serverless/cloudformation-template-update-stack.json",
    "terraform": "plan.json",
}
HANDLER = "authorizer.aws_lambda.handler"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What there is to install."""
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
    return built


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment with the wheel in it, and with our libraries, but not with this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Of a folder that is named like this, the files that name others, as ours does, do not count.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


@dataclass(frozen=True)
class Adopter:
    """A project of somebody else's, and the installed command."""

    folder: Path
    python: Path

    def __call__(self, *arguments: str) -> str:
        """Run the command, and give what it prints."""
        done = subprocess.run(
            [self.python, "-m", "authorizer.cli", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @classmethod
    def begun(cls, folder: Path, python: Path, name: str) -> Adopter:
        """A copy of one, in which the first group was granted some of its routes."""
        adopter = cls(folder, python)
        shutil.copytree(ADOPTERS / name, folder)
        adopter("init", PROJECTS[name])
        adopter.grant("GET /orders")
        return adopter

    def grant(self, routes: str) -> str:
        """Take lines of the policy that begin so out of their comments."""
        policy = self.folder / "policy.yaml"
        granted = policy.read_text().replace(f"# - {routes}", f"- {routes}")
        assert granted != policy.read_text()
        policy.write_text(granted)
        return granted


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator is a Linux program")
@pytest.mark.parametrize("name", PROJECTS)
def test_from_the_wheel_to_an_answer(tmp_path: Path, python: Path, name: str) -> None:
    """Begin the policy, grant, check, package; in Lambda's runtime each route gets its answer."""
    project, template = tmp_path / name, PROJECTS[name]
    authorizer = Adopter.begun(project, python, name)
    granted = authorizer.grant("")
    checked = authorizer("check", "--template", template, "--strict", "--format", "json")
    # What only a deployment decides is a note.
    assert {one["code"] for one in json.loads(checked)["findings"]} <= {"T000"}
    authorizer("package", "-t", template, "-o", "rbac-function", "--for-this-machine")
    package = project / "rbac-function"

    keys = re.findall(r"^ +- (\w+) (\S+)$", granted, re.MULTILINE)
    assert len(keys) >= 3
    group = next(line.strip()[:-1] for line in granted.splitlines() if line[:4].count(" ") == 2)
    pool = throw_away_pool(SampleCallers(groups=(group,)))
    make = FLAVOURS["rest-request" if name == "sam-rest" else "http-2.0"]
    with running_package(
        PROJECT, package, HANDLER, bundle_keys(pool, package), name="rbac"
    ) as function:
        for method, route in keys:
            ids = {"id": "42"} if "{id}" in route else {}
            path = route.replace("{id}", "42")
            for placeholder, may in ((Placeholder.ACCESS, True), (Placeholder.MACHINE, False)):
                token = f"Bearer {pool.token(placeholder)}"
                call = Call(
                    method=method, route=route, path=path, parameters=ids, authorization=token
                )
                event = make(call)
                assert is_allowed(event, function.invoke(event).answer) is may, (event, route)
            refused = function.invoke(make(Call(method=method, route=route, path=path)))
            assert refused.answer in (
                {"isAuthorized": False, "context": {}},
                {"errorType": "UnauthorizedError", "errorMessage": "Unauthorized"},
            )


def is_allowed(event: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether API Gateway would let the request pass."""
    if "policyDocument" in answer:
        return iam_allows(answer["policyDocument"], event["methodArn"])
    return bool(answer["isAuthorized"])


@pytest.mark.parametrize(
    ("name", "functions", "stub"),
    [
        ("sam", {"404"}, None),
        ("cdk", {"200 stub"}, "OrdersA9B65338, which cannot run here: its runtime is nodejs22.x"),
    ],
)
def test_it_is_played_on_this_machine(
    tmp_path: Path, python: Path, name: str, functions: set[str], stub: str | None
) -> None:
    """Their routes, functions and policy, with real tokens; a stub where a function cannot run."""
    authorizer = Adopter.begun(tmp_path / name, python, name)
    before = sorted((tmp_path / name).rglob("*"))
    printed = authorizer("local", "run", "--template", PROJECTS[name])

    rows = [line.split("  ") for line in printed.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    reached = {row[2] for row in cells if row[:2] == ["GET /orders/7", "writer"]}
    assert reached == functions
    assert ["DELETE /orders/7", "writer", "403", "not_granted", "403 not_granted"] in cells
    refused = ["algorithm_not_allowed", "403 algorithm_not_allowed"]
    assert ["GET /orders", "alg none", "403", *refused] in cells
    told = [line for line in printed.splitlines() if line.startswith("a stub answers for ")]
    assert told == ([f"a stub answers for {stub}"] if stub else [])
    assert printed.endswith("all as expected\n")
    assert sorted((tmp_path / name).rglob("*")) == before  # nothing of ours is left there


def test_served_tokens_are_sourced(tmp_path: Path, python: Path) -> None:
    """A shell calls the API; ending a second stack takes nothing from the first."""
    authorizer = Adopter.begun(tmp_path / "sam", python, "sam")
    with serving(authorizer) as (first, _), serving(authorizer) as (second, end):
        assert (first, second) == (".local/tokens.sh", ".local/2/tokens.sh")
        assert status_of_sourced(authorizer, second) == "200"
        end()
        assert not (authorizer.folder / second).exists()
        assert status_of_sourced(authorizer, first) == "200"
        asked = ("GET", "/orders/7", "--token-from", "local", "--invoke")
        assert json.loads(authorizer("event", *asked))["isAuthorized"] is True


@contextmanager
def serving(authorizer: Adopter) -> Iterator[tuple[str, Callable[[], None]]]:
    """The command that serves; yields the file to source, and what ends it."""
    process = subprocess.Popen(
        [authorizer.python, "-m", "authorizer.cli", "local", "serve"],
        cwd=authorizer.folder,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)

    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Serving "):
            break
    try:
        (sourced,) = (line.split()[1] for line in lines if line.startswith("source "))
        yield sourced, end
    finally:
        if process.poll() is None:
            end()


def status_of_sourced(authorizer: Adopter, tokens: str) -> str:
    """What the API answers a shell that has sourced the file."""
    script = (
        f'. {tokens} && curl -s -o /dev/null -w "%{{http_code}}" '
        '-H "Authorization: Bearer $WRITER" "$API/orders"'
    )
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=authorizer.folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_sam_builds_the_function_with_pip(tmp_path: Path, python: Path, wheel: Path) -> None:
    """With one line in requirements.txt and the compiled policy, its own builder makes it."""
    (tmp_path / "rbac").mkdir()
    (tmp_path / "policy.yaml").write_text(
        "version: 1\ngroups: {writer: {allow: ['GET /orders/{id}']}}\n"
    )
    Adopter(tmp_path, python)("compile", "policy.yaml", "--output", "rbac/policy.json")
    requirement = f"cognito-rbac-authorizer[lambda] @ {wheel.as_uri()}\n"
    (tmp_path / "rbac" / "requirements.txt").write_text(requirement)
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.{1}".format(*sys.version_info),
            "Architectures": ["arm64" if platform.machine() == "aarch64" else "x86_64"],
            "CodeUri": "rbac/",
            "Handler": "authorizer.aws_lambda.handler",
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Rbac": function}}
    (tmp_path / "template.json").write_text(json.dumps(template))
    done = subprocess.run(
        [sam_binary(PROJECT), "build", "--template", "template.json"],
        cwd=tmp_path,
        # Of what pip tells to have found in a folder, the builder has it make a wheel once more.
        env=sam_environment() | {"PIP_QUIET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    package = tmp_path / ".aws-sam" / "build" / "Rbac"
    pool = throw_away_pool(SampleCallers(groups=("writer",)))
    asked = Call(route="/orders/{id}", path="/orders/42", parameters={"id": "42"})
    with running_package(
        PROJECT, package, HANDLER, bundle_keys(pool, tmp_path), name="Rbac"
    ) as running:
        for placeholder, may in ((Placeholder.ACCESS, True), (Placeholder.MACHINE, False)):
            event = http_2(replace(asked, authorization=f"Bearer {pool.token(placeholder)}"))
            assert is_allowed(event, running.invoke(event).answer) is may
