"""Every command, whatever its output is, and whenever somebody presses Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from authorizer.cli.main import _ANSWERING, _COMMANDS, cli

ROOT = Path(__file__).parents[2]
# A way to make each command write something to standard output.
COMMANDS = {
    "--help": "--help",
    "--version": "--version",
    "call": "call --help",
    "check": "check policy.yaml",
    "compile": "compile policy.yaml",
    "decode": "decode e30.e30.e30",
    "diff": "diff policy.yaml other.yaml",
    "event": "event http-2.0-allowed",
    "explain": "explain GET /hello --groups reader",
    "init": "init openapi.yaml",
    "keys": "keys pull --help",
    "local": "local --help",
    "login": "login --help",
    "logout": "logout --help",
    "matrix": "matrix policy.yaml",
    "package": "package --help",
    "playground": "playground --help",
    "revoke": "revoke --help",
    "smoke": "smoke --help",
    "test": "test policy.yaml",
    "unrevoke": "unrevoke --help",
}
# A name, an arrow and a rule: what some encodings have no characters for.
POLICY = """\
version: 1
groups:
  reader: {allow: [GET /hello]}
  "Łódź→x": {allow: [GET /hello]}
tests:
  - {as: {groups: ["Łódź→x"]}, deny: [GET /hello]}
"""
pytestmark = pytest.mark.xdist_group("streams")
_FULL = "Error: standard output cannot be written: No space left on device\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the commands read."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    (folder / "other.yaml").write_text(
        POLICY.replace('x": {allow: [GET /hello]', 'x": {allow: [GET /x]'), "utf-8"
    )
    (folder / "openapi.yaml").write_text("openapi: 3.0.1\npaths: {/hello: {get: {}}}\n")
    (folder / "events").symlink_to(ROOT / "events")
    return folder


def environment(project: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(project), "LANG": "C.UTF-8", **more}


# Loads everything once. Each command then runs in a process of its own, with streams such as Python
# makes them; what is left in them is flushed, as Python does in the end.
FORKS = """\
import io, json, os, sys
from authorizer.cli.__main__ import main
from authorizer.cli.main import _COMMANDS, cli

def stream(descriptor, mode, encoding):
    try:
        os.fstat(descriptor)
    except OSError:
        return None
    return io.TextIOWrapper(open(descriptor, mode, closefd=False), encoding, "strict")

def run(arguments, output="/dev/null", closed=(), encoding="utf-8"):
    os.dup2(os.open(output, os.O_WRONLY), 1)
    for descriptor in closed:
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        stream(descriptor, mode, encoding) for descriptor, mode in enumerate(("rb", "wb", "wb"))
    )
    sys.argv[1:] = arguments
    try:
        main()
    finally:
        for last in filter(None, (sys.stdout, sys.stderr)):
            last.flush()

for name in _COMMANDS:
    cli.get_command(None, name)

def fork(arguments, streams):
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.dup2(writer, 2)
        for descriptor in (reader, writer):
            os.close(descriptor)
        try:
            run(arguments.split(), **streams)
        except SystemExit as ended:
            os._exit(ended.code or 0)
        except BaseException:
            import traceback
            os.write(2, traceback.format_exc().encode())
        os._exit(99)
    os.close(writer)
    with open(reader, "rb") as stderr:
        text = stderr.read().decode("utf-8", "replace")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text

asked = json.load(sys.stdin)
found = {
    kind: {name: fork(arguments, streams) for name, arguments in asked["commands"].items()}
    for kind, streams in asked["streams"].items()
}
json.dump(found, sys.stdout)
"""


CLOSED = {"out": [1], "out and error": [1, 2], "in": [0]}
ENCODINGS = ("ascii", "latin-1", "utf-16")
STREAMS: dict[str, dict[str, object]] = {
    "usual": {},
    **{kind: {"closed": descriptors} for kind, descriptors in CLOSED.items()},
    **{encoding: {"encoding": encoding} for encoding in ENCODINGS},
    **({"full disk": {"output": "/dev/full"}} if Path("/dev/full").exists() else {}),
}


@dataclass(frozen=True)
class Ended:
    """The exit code of each command, and what it wrote to standard error."""

    codes: dict[str, int]
    errors: dict[str, str]

    def tracebacks(self) -> list[str]:
        return [name for name, text in self.errors.items() if "Traceback" in text]


@pytest.fixture(scope="module")
def ended(project: Path) -> dict[str, Ended]:
    """How every command ends, by what its streams are."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        cwd=project,
        env=environment(project),
        input=json.dumps({"commands": COMMANDS, "streams": STREAMS}),
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        kind: Ended(
            {name: code for name, (code, _) in found.items()},
            {name: text for name, (_, text) in found.items()},
        )
        for kind, found in json.loads(done.stdout).items()
    }


def test_every_command_is_tried() -> None:
    """A new command is added to the table above."""
    assert COMMANDS.keys() - {"--help", "--version"} == _COMMANDS.keys()


def test_where_there_is_room_no_command_breaks(ended: dict[str, Ended]) -> None:
    """What the others are compared with."""
    assert ended["usual"].tracebacks() == []
    assert COMMANDS.keys() == ended["usual"].codes.keys()


@pytest.mark.skipif("full disk" not in STREAMS, reason="this system has no full device")
def test_a_full_disk_is_told_in_a_line(ended: dict[str, Ended]) -> None:
    """Exit code 2 and one line: what could not be written is no answer, and no success."""
    full = ended["full disk"]
    assert {name: code for name, code in full.codes.items() if code != 2} == {}
    assert {name: text for name, text in full.errors.items() if not text.endswith(_FULL)} == {}
    assert full.tracebacks() == []


@pytest.mark.parametrize("kind", CLOSED)
def test_a_stream_that_is_closed_is_none(ended: dict[str, Ended], kind: str) -> None:
    """Nobody reads what is written there, and nothing can be read: the exit code is the same."""
    assert ended[kind].codes == ended["usual"].codes
    assert ended[kind].tracebacks() == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_without_the_character_escapes_it(
    ended: dict[str, Ended], encoding: str
) -> None:
    """The arrow of a difference and the name of a group are shown as far as they can be."""
    assert ended[encoding].codes == ended["usual"].codes


def test_a_python_told_to_write_ascii_shows_an_arrow_as_it_can(project: Path) -> None:
    """The same from the outside, as a terminal without UTF-8 has it."""
    done = subprocess.run(
        [sys.executable, "-m", "authorizer.cli", *COMMANDS["diff"].split()],
        cwd=project,
        env=environment(project, PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"/hello" in done.stdout


def test_a_reader_that_goes_away_is_no_answer(project: Path) -> None:
    """As with other programs: a closed pipe is not the "no" of a command, and nothing is said."""
    for name in ("matrix", "--help"):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "authorizer.cli", *COMMANDS[name].split()],
            cwd=project,
            env=environment(project),
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b""), name


def test_standard_input_that_cannot_be_read_is_told(project: Path) -> None:
    """A descriptor that is open for writing alone is a line, too; bytes that are no text, none."""
    command = [sys.executable, "-m", "authorizer.cli"]
    with (project / "written").open("wb") as unreadable:
        done = subprocess.run(
            [*command, "decode", "-"],
            env=environment(project),
            stdin=unreadable,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: standard input cannot be read: ")
    done = subprocess.run(
        [*command, "event", "http-2.0-allowed", "--token-from", "-"],
        cwd=project,
        env=environment(project),
        input=b"\xff\xfe\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


# Loaded by Python before anything of ours: presses Ctrl-C when a module is looked for.
PRESSES_CTRL_C = """\
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["PRESS_AT"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(
    "module",
    [
        *("authorizer.cli.main", "click", "authorizer.errors"),
        *("authorizer.cli.check.commands", "yaml", "authorizer.policy.paths"),
    ],
)
def test_ctrl_c_while_modules_load_ends_it_without_a_word(
    project: Path, tmp_path: Path, module: str
) -> None:
    """Whoever changes their mind at once sees no traceback of an import."""
    (tmp_path / "sitecustomize.py").write_text(PRESSES_CTRL_C)
    done = subprocess.run(
        [sys.executable, "-m", "authorizer.cli", "check", "policy.yaml"],
        cwd=project,
        env=environment(project, PYTHONPATH=str(tmp_path), PRESS_AT=module),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("command", ["check", "compile"])
def test_ctrl_c_at_work_is_no_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """An interrupted check has not found that something is wrong."""
    monkeypatch.chdir(project)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("click.core.Command.invoke", interrupt)
    result = CliRunner().invoke(cli, [command])
    assert result.stderr == "\nAborted!\n"
    assert result.exit_code == (130 if command in _ANSWERING else 1)


def test_an_ignored_ctrl_c_stays_ignored(project: Path, tmp_path: Path) -> None:
    """Below ``nohup`` and in a script's background the command goes on."""
    (tmp_path / "sitecustomize.py").write_text(PRESSES_CTRL_C)
    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' INT; exec {sys.executable} -m authorizer.cli check"],
        cwd=project,
        env=environment(project, PYTHONPATH=str(tmp_path), PRESS_AT="yaml"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no findings\n", "")
