"""What is released: a source archive, the wheel that it makes, and that in an empty environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path
from shutil import copytree

import pytest

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("release")]

PROJECT = Path(__file__).parents[2]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
_OURS = ("AUTHORIZER_", "COV_", "PYTHON", "VIRTUAL_ENV")
UV = PROJECT / ".venv" / "bin" / "uv"
BUILD = "import sys; from hatchling.build import build_sdist; build_sdist(sys.argv[1])"


# To which `init` has everything to say.
OPEN = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Handler: orders.handler
      Runtime: python3.14
      InlineCode: ""
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: /orders}}
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        # What says where packages come from stays.
        env={name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the source archive makes, as an index's users build it."""
    folder = tmp_path_factory.mktemp("dist")
    archived = run(sys.executable, "-c", BUILD, folder, folder=PROJECT)
    assert archived.returncode == 0, archived.stderr
    (archive,) = folder.glob("*.tar.gz")
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, archive),
        folder=folder,
    )
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what its command needs, and with nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    requirement = f"cognito-rbac-authorizer[cli] @ {wheel.as_uri()}"
    installed = (
        run(UV, "pip", "install", "-q", "--python", python, requirement, folder=folder)
        if UV.exists()
        else run(python, "-m", "pip", "install", "-q", requirement, folder=folder)
    )
    assert installed.returncode == 0, installed.stderr
    return folder


def test_the_wheel_has_all_of_the_package(wheel: Path) -> None:
    """Modules, templates, types: whatever lies in the package, and no byte code."""
    source = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "authorizer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        # Only here: in a checkout it is in requirements/.
        assert packed == source | {"authorizer/cli/lambda.txt"}
        locked = (PROJECT / "requirements" / "lambda.txt").read_bytes()
        assert archive.read("authorizer/cli/lambda.txt") == locked
    assert "authorizer/py.typed" in packed


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Version, licence, where it is from, and for which versions of Python."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        said = message_from_string(archive.read(name).decode())
    assert said["Version"] == METADATA["version"]
    assert said["License-Expression"] == "MIT"
    urls = {line.partition(",")[0] for line in said.get_all("Project-URL", [])}
    assert urls == {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert {"cli", "lambda", "local", "starlette"} <= {*said.get_all("Provides-Extra", [])}
    assert "Typing :: Typed" in said.get_all("Classifier", [])


def test_the_command_works_where_nothing_else_is(environment: Path, tmp_path: Path) -> None:
    """As `pipx run` runs it, outside of any checkout; the templates of `init` are inside."""
    command = environment / "bin" / "authorizer"
    version = run(command, "--version", folder=tmp_path)
    assert METADATA["version"] in version.stdout

    copytree(PROJECT / "tests" / "adopters" / "sam", tmp_path / "project")
    project = tmp_path / "project"

    def authorizer(*arguments: str) -> str:
        done = run(command, *arguments, folder=project)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (project / "open.yaml").write_text(OPEN)
    assert "AuthorizerPayloadFormatVersion" in authorizer("init", "open.yaml")
    for made in ("policy.yaml", "policy.policy-test.yaml"):
        (project / made).unlink()
    authorizer("init", "template.yaml")
    policy = project / "policy.yaml"
    policy.write_text(policy.read_text().replace("# - GET /orders", "- GET /orders"))
    found = json.loads(authorizer("check", "--template", "template.yaml", "--format", "json"))
    assert "findings" in found
    authorizer("compile", "policy.yaml", "--output", "policy.json")
    authorizer("matrix", "--template", "template.yaml", "--html", "page.html")
    assert "</html>" in (project / "page.html").read_text()


def test_the_library_needs_no_extra(environment: Path, tmp_path: Path) -> None:
    """Nor does a plain handler's middleware; what does need one says which."""
    python = environment / "bin" / "python"
    program = "import authorizer, authorizer.middleware.function; print(authorizer.__file__)"
    done = run(python, "-c", f"{program}; authorizer.TokenVerifier", folder=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(environment), done.stderr
    done = run(python, "-c", "import authorizer.middleware.starlette", folder=tmp_path)
    assert "No module named 'starlette'" in done.stderr


def test_types_are_told_to_whoever_installs_it(environment: Path, tmp_path: Path) -> None:
    """By the wheel alone, strictly, with the checker that the tests have."""
    text = (PROJECT / "docs" / "middleware.md").read_text()
    (tmp_path / "plain.py").write_text(text.split("```python\n")[1].split("```")[0])
    done = run(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable"),
        *(environment / "bin" / "python", "plain.py"),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
