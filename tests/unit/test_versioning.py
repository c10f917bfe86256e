"""What docs/versioning.md promises is there, and one version stands everywhere."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import authorizer
from authorizer.authorizer import context_of

PROJECT = Path(__file__).parents[2]
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
PAGE = (PROJECT / "docs" / "versioning.md").read_text()
NAMED = set(re.findall(r"`(\w+)`", PAGE))


def test_each_public_name_is_promised() -> None:
    """What is exported is public, and the page has all of it."""
    assert set(authorizer.__all__) <= NAMED


def test_each_field_of_the_log_is_promised() -> None:
    """As the function writes them, with the time that it took."""
    tree = ast.parse((PROJECT / "authorizer" / "aws_lambda.py").read_text())
    (describe,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "describe"
    )
    fields = {
        key.value
        for node in ast.walk(describe)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert fields | {"duration_ms"} <= NAMED


def test_each_member_of_the_context_is_promised() -> None:
    """Backends read them."""
    whole = dict.fromkeys(("sub", "username", "client_id", "jti"), "x")
    token = SimpleNamespace(**whole, groups=("x",), scopes=("x",))
    assert set(context_of(cast("Any", token))) <= NAMED


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("docs/check.md", r"v(\d+\.\d+\.\d+)"),
        ("docs/adopt.md", r"authorizer-(\d+\.\d+\.\d+)-py3"),
        ("examples/alb/requirements.txt", r"==(\S+)"),
        ("CHANGELOG.md", r"^## \[(\d\S*)\]"),
    ],
)
def test_one_version_stands_everywhere(file: str, pattern: str) -> None:
    """Who copies a line gets what this is."""
    found = re.findall(pattern, (PROJECT / file).read_text(), re.MULTILINE)
    assert found
    assert found[0] == VERSION
