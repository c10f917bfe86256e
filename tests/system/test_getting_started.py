"""Whoever copies the commands of docs/getting-started.md in a clean copy gets what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pexpect
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("serving")]

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs/getting-started.md"
FENCE = re.compile(r"^```(\S*)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
NEW_PASSWORD = "Rainy-Days-in-Taipei-7"
PROMPT = "ready> "
SERVE = "make serve"
PROMPTS = {
    "password": "Password:",
    "new": "New password:",
    "again": "Repeat for confirmation:",
    "secret": "TOTP secret:",
    "code": "Code from the authenticator app:",
}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Step(NamedTuple):
    """A block of commands, and the lines that the page shows of what they print."""

    commands: str
    shown: list[str]


def steps() -> list[Step]:
    """The blocks that are for this machine."""
    found: list[Step] = []
    is_here = False
    for language, kind, text in FENCE.findall(PAGE.read_text()):
        if language == "sh":
            is_here = kind.strip() != "aws"
            found.extend([Step(text.strip(), [])] if is_here else [])
        elif is_here:
            found[-1].shown.extend(text.splitlines())
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What is in a clone, with the environment that is there already: it takes a minute to make."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


class Newcomer:
    """Sits at two terminals, copies, and answers what is asked as the page says."""

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        under_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        self._environment = {name: kept[name] for name in kept if name not in under_make} | {
            "PS1": PROMPT,
            "XDG_STATE_HOME": str(folder / "state"),
            "BASH_SILENCE_DEPRECATION_WARNING": "1",
        }
        self._folder = folder
        self._secret = ""
        self._password = ""
        self._first = self._terminal(SERVE.split())
        self._second = self._terminal(["bash", "--norc", "--noediting", "-i"])
        self._told = ""

    def wait(self) -> None:
        """Until the stack is up, however busy the machine is."""
        self._first.expect_exact("until Ctrl-C", timeout=300)
        self._told = str(self._first.before)
        self._second.expect_exact(PROMPT)

    def _terminal(self, command: list[str]) -> pexpect.spawn[str]:
        return pexpect.spawn(
            command[0],
            command[1:],
            cwd=str(self._folder),
            env=self._environment,
            encoding="utf-8",
            timeout=120,
            echo=False,
            dimensions=(80, 160),
        )

    def end(self) -> None:
        """Ctrl-C in the first terminal, and away."""
        self._second.close()
        self._first.sendintr()
        self._first.expect(pexpect.EOF)
        self._first.wait()

    def copy(self, commands: str) -> str:
        """Paste commands line by line; returns what they printed."""
        return "".join(self._run(line) for line in commands.splitlines())

    def _run(self, line: str) -> str:
        if name := re.search(r"login --username (\S+)", line):
            self._password = self._listed(name[1], r"password (\S+)")
        if "TOTP secret" in line:
            self._secret = self._listed("alice", r"TOTP secret (\S+)")
        self._second.sendline(line)
        printed = ""
        while asked := self._second.expect_exact([PROMPT, *PROMPTS.values()]):
            printed += str(self._second.before)
            self._second.sendline(self._answer(list(PROMPTS)[asked - 1], printed))
        return ESCAPES.sub("", printed + str(self._second.before))

    def _listed(self, name: str, what: str) -> str:
        """What `make serve` has printed last about a user."""
        (line,) = re.findall(rf"^{name} +(.*?)\r?$", self._told, re.MULTILINE)
        found = re.search(what, line)
        assert found
        return found[1]

    def _answer(self, asked: str, printed: str) -> str:
        match asked:
            case "password":
                return self._password
            case "new" | "again":
                return NEW_PASSWORD
            case "secret":
                return self._secret
        if shown := re.search(r"secret: ([A-Z2-7]+)", printed):
            assert "█" in printed  # the QR code
            self._secret = shown[1]
        return self._code()

    def _code(self) -> str:
        """The page's own line, in a third terminal."""
        (line,) = [step.commands for step in steps() if "TOTP secret" in step.commands]
        printed = subprocess.run(
            ["bash", "-c", f".venv/bin/{line}"],
            input=f"{self._secret}\n",
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return printed.split()[-1]


def shows(printed: str, line: str) -> bool:
    """Whether it has the line, whatever stands where the page has three dots."""
    folded = " ".join(printed.replace("\r", "").split("\n"))
    return re.search(re.escape(line).replace(re.escape("..."), ".*"), folded) is not None


@pytest.fixture
def newcomer(copy: Path) -> Iterator[Newcomer]:
    person = Newcomer(copy)
    try:
        person.wait()
        yield person
    finally:
        person.end()


def test_the_commands_of_the_page_lead_to_a_call_with_mfa(newcomer: Newcomer) -> None:
    """Each block, copied as it stands, prints the lines that the page shows below it."""
    first, *others = steps()
    assert first == Step(SERVE, [])
    printed = {commands: newcomer.copy(commands) for commands, _ in others}

    missing = [
        (commands, line, printed[commands])
        for commands, shown in others
        for line in shown
        if not shows(printed[commands], line)
    ]
    assert missing == []
    statuses = [
        re.findall(r"^HTTP\S* (\d+)", text.replace("\r", ""), re.MULTILINE)
        for commands, text in printed.items()
        if re.match(r"curl|authorizer call", commands)
    ]
    assert statuses == [["401"], ["403"], ["200"], ["403"], ["200"]]
