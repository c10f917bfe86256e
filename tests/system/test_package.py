"""What is deployed holds the runtime and the compiled policy, and nothing else."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest
from sam_local import sam_environment

from authorizer.cli.package import fill

pytestmark = pytest.mark.system

PROJECT = Path(__file__).parents[2]
AUTHORIZER = PROJECT / "build" / "local" / "AuthorizerFunction"
HELLO = PROJECT / "build" / "local" / "HelloFunction"
LEFT_OUT = [
    line
    for line in (PROJECT / "authorizer" / "cli" / "left_out.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_our_part_of_the_package_is_the_runtime() -> None:
    """Every module that may run in Lambda, and no file that merely lay beside it."""
    runtime = {
        f"authorizer/{name}"
        for name in files_below(PROJECT / "authorizer")
        if not name.startswith(("cli/", "middleware/"))
        and (name.endswith(".py") or name == "py.typed")
    }
    packaged = {
        name
        for name in files_below(AUTHORIZER)
        if name.startswith(("authorizer/", "handlers/")) or "/" not in name
    }
    handlers = {"handlers/__init__.py", "handlers/authorize.py"}
    # Single modules that belong to dependencies stand at the top, as pip puts them there.
    ours = {name for name in packaged if "/" in name or name.endswith(".json")}
    assert ours == runtime | handlers | {"policy.json"}


def test_a_layer_has_the_middleware_too(tmp_path: Path) -> None:
    """It is for functions that guard themselves, and has no policy."""
    fill(tmp_path / "layer", None, None)
    assert (tmp_path / "layer" / "authorizer" / "middleware" / "function.py").is_file()
    assert not (tmp_path / "layer" / "policy.json").exists()


def test_hello_needs_nothing_but_itself() -> None:
    """The sample backend is two files."""
    assert files_below(HELLO) == {"handlers/__init__.py", "handlers/hello.py"}


# Whatever comes with a new version of a library is looked at, and left out or written down here.
CONTENTS = {
    *("authorizer", "handlers", "policy.json", "aws_lambda_powertools", "cachetools", "certifi"),
    *("cryptography", "idna", "jose", "requests", "urllib3"),
}
MOST_BYTES = 6_000_000


def test_the_package_holds_what_runs() -> None:
    """No tools, no tests, no library that another one requires and never loads."""
    found = {
        path.name
        for path in AUTHORIZER.iterdir()
        if path.suffix != ".dist-info" and not path.name.startswith("_cffi_backend.")
    }
    assert found == CONTENTS


@pytest.mark.parametrize("pattern", LEFT_OUT)
def test_the_package_leaves_out(pattern: str) -> None:
    """What stands in the list is not there, byte code included."""
    found = {path.relative_to(AUTHORIZER).as_posix() for path in AUTHORIZER.glob(pattern)}
    assert found <= {"authorizer/py.typed"}


def test_the_licences_stay() -> None:
    """And the names and versions, for whoever looks for known weaknesses."""
    for folder in AUTHORIZER.glob("*.dist-info"):
        assert (folder / "METADATA").is_file()
        assert list(folder.glob("**/LICEN[CS]E*")) != []


def test_the_package_is_small() -> None:
    """As it is zipped to be deployed. Size is download, and that is part of a cold start."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(path for path in AUTHORIZER.rglob("*") if path.is_file()):
            packed.write(name, name.relative_to(AUTHORIZER))
    assert len(archive.getvalue()) <= MOST_BYTES


def test_the_package_has_byte_code_that_needs_no_comparing() -> None:
    """Lambda cannot write any; and the times of files do not survive an archive."""
    sources = [path for path in AUTHORIZER.rglob("*.py") if path.stat().st_size]
    assert sources != []
    for source in sources:
        compiled = Path(cache_from_source(str(source))).read_bytes()
        assert compiled[:4] == MAGIC_NUMBER
        # PEP 552: hashed, and not to be checked.
        assert int.from_bytes(compiled[4:8], "little") == 0b01, source
        assert str(PROJECT).encode() not in compiled


def test_two_builds_are_one(tmp_path: Path) -> None:
    """The same sources give the same bytes: what is deployed again is what was there."""
    digests = []
    for name in ("one", "another"):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "authorizer.cli", "package", "--for-this-machine"),
                *("--template", "template.yaml", "--output", str(tmp_path / name)),
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.append(digest_of(tmp_path / name))
    assert digests[0] == digests[1]


def digest_of(folder: Path) -> list[tuple[str, float, str]]:
    return sorted(
        (
            path.relative_to(folder).as_posix(),
            path.stat().st_mtime,
            sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_the_package_stands_alone() -> None:
    """With nothing else to import from, it verifies with cryptography as jose's backend."""
    program = (
        f"import sys; sys.path.insert(0, {str(AUTHORIZER)!r}); import handlers.authorize; "
        "from jose.backends import RSAKey; print(RSAKey.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env={"AUTHORIZER_USER_POOLS": "eu-west-1_AbCdEfGhI=client"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("CryptographyRSAKey", "")


@pytest.mark.parametrize(
    ("file", "change", "code"),
    [
        pytest.param(
            "template.yaml",
            (
                "Path: /hello, Auth: {Authorizer: RbacCached}",
                "Path: /hello, Auth: {Authorizer: NONE}",
            ),
            "X101",
            id="a route that nobody guards",
        ),
        pytest.param(
            "template.yaml",
            ('Path: "/users/{user}"}', 'Path: "/users/{user}", Auth: {Authorizer: RbacCached}}'),
            "X202",
            id="an own record from the cache",
        ),
        pytest.param("policy.yaml", ("GET /hello", "FETCH /hello"), "P1", id="no method"),
    ],
)
def test_what_is_unsafe_is_not_built(
    tmp_path: Path, file: str, change: tuple[str, str], code: str
) -> None:
    """`sam build` runs this target: it fails, says why and where, and leaves the package empty."""
    copy_project(tmp_path, {file: change})
    done = make_package(tmp_path)

    assert done.returncode != 0
    assert f"{file}:" in done.stdout
    assert f"error {code}" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            ("Architectures: [arm64]", "Architectures: [!Ref LogLevel]"), id="a parameter"
        ),
        pytest.param(("Runtime: python3.14", "Runtime: nodejs24.x"), id="no Python"),
    ],
)
def test_what_has_no_platform_is_not_built(tmp_path: Path, change: tuple[str, str]) -> None:
    """Where the template does not say what a package must fit, none is made."""
    copy_project(tmp_path, {"template.yaml": change})
    done = make_package(tmp_path)

    assert done.returncode != 0
    assert "template.yaml:" in done.stderr
    assert f"expected {change[0].partition(':')[0]}: " in done.stderr
    assert not (tmp_path / "package").exists()


def test_a_package_fits_what_its_template_deploys(tmp_path: Path) -> None:
    """Another processor and another Python: `sam build` ships the libraries for those."""
    copy_project(
        tmp_path,
        {
            "template.yaml": (
                "Runtime: python3.14\n    Architectures: [arm64]",
                "Runtime: python3.13\n    Architectures: [x86_64]",
            )
        },
    )
    # Never a link: make would tidy up in it.
    shutil.copytree(PROJECT / "authorizer", tmp_path / "authorizer")
    shutil.copy2(PROJECT / "samconfig.toml", tmp_path)
    # One library that is compiled stands for all of them.
    lock = (PROJECT / "requirements" / "lambda.txt").read_text()
    (locked,) = re.findall(r"^cffi==.*?(?=^\w)", lock, re.MULTILINE | re.DOTALL)
    (tmp_path / "requirements" / "lambda.txt").write_text(locked)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    done = subprocess.run(
        [PROJECT / ".venv-sam" / "bin" / "sam", "build"],
        cwd=tmp_path,
        env=sam_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    package = tmp_path / ".aws-sam" / "build" / "AuthorizerFunction"
    assert [path.name for path in package.glob("*.so")] == [
        "_cffi_backend.cpython-313-x86_64-linux-gnu.so"
    ]


def copy_project(folder: Path, changes: dict[str, tuple[str, str]]) -> None:
    """What `make build-AuthorizerFunction` begins with, changed."""
    for name in ("Makefile", "policy.yaml", "template.yaml", "pyproject.toml"):
        shutil.copy2(PROJECT / name, folder / name)
    shutil.copytree(PROJECT / "handlers", folder / "handlers")
    (folder / "requirements").mkdir()
    shutil.copy2(PROJECT / "requirements" / "dev.txt", folder / "requirements")
    for file, change in changes.items():
        text = (folder / file).read_text()
        assert change[0] in text
        (folder / file).write_text(text.replace(*change))


def make_package(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("make", "--silent", "build-AuthorizerFunction", "ARTIFACTS_DIR=package"),
            f"VENV={Path(sys.executable).parents[1]}",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
