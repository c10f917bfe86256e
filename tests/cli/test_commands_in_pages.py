"""Every block of commands in the pages works when it is copied, or says what it needs.

The convention is in CONTRIBUTING.md, under "Pages".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "events/*.md", "benchmarks/*.md")
    for page in PROJECT.glob(pattern)
)
COMMANDS = ("sh", "console")
LANGUAGES = {*COMMANDS, "html", "javascript", "json", "python", "text", "toml", "yaml"}
NEEDS = {"aws", "docker", "project", "long"}
TESTED_BY = "tested-by="
# What a project has at its top, and pages tell one to use; `.venv` leads to the tests' own.
PARTS = ("events", "examples", "handlers")
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*) *(?P<mark>.*)\n"
    r"(?P<text>(?:.*\n)*?)(?P=indent)```$",
    re.MULTILINE,
)
# The exit code 1 of `explain` is its answer: denied.
ANSWERS = """authorizer() {
    local code=0
    command authorizer "$@" || code=$?
    [[ $code = 0 || $1:$code = explain:1 ]]
}"""
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"


class Block(NamedTuple):
    """A fenced block: where, what stands behind the fence, and what is in it."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    @property
    def folder(self) -> Path:
        """Where its commands are meant to run: at the top, or in the example."""
        page = self.page.relative_to(PROJECT)
        return page.parent if page.parts[0] == "examples" else Path()

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for fence in FENCE.finditer(text):
            lines = [line.removeprefix(fence["indent"]) for line in fence["text"].splitlines()]
            line = text.count("\n", 0, fence.start()) + 1
            found.append(Block(page, line, fence["language"], fence["mark"], "\n".join(lines)))
    return found


BLOCKS = blocks()
# What several pages show alike, such as the same page in two languages, is run once.
RUN = {
    (block.folder, block.text): block
    for block in BLOCKS
    if block.language in COMMANDS and not block.mark
}.values()


def test_each_block_says_what_it_is() -> None:
    """A block without a language could be commands that nobody tries."""
    assert [block.place for block in BLOCKS if block.language not in LANGUAGES] == []


def test_each_mark_is_known() -> None:
    """A block that is not run says why, by a word of the list or by the test that has it."""
    assert [
        block.place
        for block in BLOCKS
        if block.mark
        and block.mark not in NEEDS
        and not (
            block.mark.startswith(TESTED_BY)
            and (PROJECT / block.mark.removeprefix(TESTED_BY)).is_file()
        )
    ] == []


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a person does who has no AWS account, in that folder; errors among the output."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{ANSWERS}\n{command}"],
        cwd=folder,
        env={"PATH": PATH, "HOME": str(folder), "LANG": "C.UTF-8", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as it is after `git clone` and `make ready`, but for what no page uses."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for file in PROJECT.glob("*.yaml"):
        shutil.copy(file, copy)
    for part in PARTS:
        shutil.copytree(PROJECT / part, copy / part)
    (copy / ".venv").symlink_to(sys.prefix)
    run("git init --quiet --initial-branch main", copy)
    run("git add . && git -c user.name=a -c user.email=a@b commit --quiet --message a", copy)
    return copy


@pytest.mark.parametrize("block", RUN, ids=[block.place for block in RUN])
def test_it_works_when_it_is_copied(block: Block, checkout: Path) -> None:
    """Commands end well, and print what the page shows, if it shows that."""
    folder = checkout / block.folder
    if block.language == "sh":
        finished = run(block.text, folder)
        assert finished.returncode == 0, finished.stdout
        return
    transcript = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", f"{block.text}\n", re.MULTILINE)
    assert transcript
    for command, shown in transcript:
        printed = run(command, folder).stdout
        assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()
