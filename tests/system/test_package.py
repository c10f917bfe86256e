"""What is deployed holds the runtime and the compiled policy, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

PROJECT = Path(__file__).parents[2]
AUTHORIZER = PROJECT / "build" / "local" / "AuthorizerFunction"
HELLO = PROJECT / "build" / "local" / "HelloFunction"


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
        if not name.startswith("cli/") and (name.endswith(".py") or name == "py.typed")
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


def test_hello_needs_nothing_but_itself() -> None:
    """The sample backend is two files."""
    assert files_below(HELLO) == {"handlers/__init__.py", "handlers/hello.py"}


@pytest.mark.parametrize(
    "name", ["boto3", "yaml", "click", "rich", "ministack", "pytest", "ecdsa", "rsa", "pyasn1"]
)
def test_the_package_leaves_out(name: str) -> None:
    """Tools, tests, and what python-jose requires but never loads."""
    assert not (AUTHORIZER / name).exists()


def test_the_package_stands_alone() -> None:
    """With nothing else to import from, it verifies with cryptography as jose's backend."""
    program = (
        f"import sys; sys.path.insert(0, {str(AUTHORIZER)!r}); import authorizer, jose.jwk; "
        "import aws_lambda_powertools; from jose.backends import RSAKey; print(RSAKey.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("CryptographyRSAKey", "")
