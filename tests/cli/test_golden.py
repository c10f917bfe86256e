"""What people are told, to the letter: ``tests/golden``, which ``make golden`` writes anew.

A transcript has commands, what they print on both streams, and their exit codes. They run in a
folder with the sample project, and with what is in ``tests/golden/files``. To have another command
in it, write its line.
"""

from __future__ import annotations

import re
import shlex
import shutil
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import golden
import pytest
from annotated import read_cases
from click.testing import CliRunner
from golden import GOLDEN, assert_golden
from simulator import CLIENT_ID, Cognito, serve_jwks

from authorizer.cli.account.sessions import Session, SessionStore
from authorizer.cli.check.finding import catalogue
from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SAMPLE = ("policy.yaml", "policy.policy-test.yaml", "template.yaml")
TRANSCRIPTS = sorted(path.stem for path in GOLDEN.glob("*.txt") if path.stem != "findings")
INDEX_HEAD = """\
# Findings of `authorizer check`

`P1`: the policy file cannot be used. `P2`: its rules. `P3`: its names. `P4`: its acceptances.
`T`: the template alone. `X`: what does not fit together. [How to run and accept](../check.md).

| code | what it is about |
|---|---|"""
# What differs from run to run.
PASSING = [
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE AND TIME"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "SUB"),
    (r"expired \d+ s ago", "expired SECONDS s ago"),
]


@dataclass
class Terminal:
    """Where the commands run.

    Attributes:
        names: what a transcript writes for addresses that are others in every run.
    """

    names: dict[str, str] = field(default_factory=dict)

    def run(self, line: str) -> str:
        """What a command prints, standard output first, and its exit code."""
        for name, value in self.names.items():
            line = line.replace(name, value)
        line, _, file = line.partition(" < ")
        result = CliRunner(env={"COLUMNS": "100"}).invoke(
            cli, shlex.split(line)[1:], input=Path(file).read_text() if file else ""
        )
        assert result.exception is None or isinstance(result.exception, SystemExit)
        text = result.stdout + result.stderr
        text += "" if text.endswith("\n") or not text else "\n"
        for name, value in self.names.items():
            text = text.replace(value, name)
        for pattern, name in PASSING:
            text = re.sub(pattern, name, text)
        return re.sub(r" +$", "", f"{text}[{result.exit_code}]\n", flags=re.MULTILINE)


class Answers(BaseHTTPRequestHandler):
    """An API that answers with the status that the path names, 403 to a POST, and else with 200."""

    def do_GET(self) -> None:
        named = re.fullmatch(r"/(\d{3})", self.path)
        status = int(named[1]) if named else 403 if self.command == "POST" else 200
        body = b'{"message":"hello"}' if status == 200 else b'{"message":"Forbidden"}'
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the server's own spelling

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: str) -> Iterator[Terminal]:
    """The sample project's folder, somebody signed in, and tokens in files."""
    for name in ("API_URL", "COGNITO_PROFILE", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / "files", folder)
    shutil.copytree(ROOT / "events", folder / "events")
    for name in SAMPLE:
        shutil.copy(ROOT / name, folder)
    monkeypatch.chdir(folder)

    cognito, now = Cognito(), int(time.time())
    times = {"iat": now - 60, "auth_time": now - 60, "exp": now + 770}
    token = cognito.token(**times)
    (folder / "token.jwt").write_text(token)
    (folder / "expired.jwt").write_text(cognito.token(**times | {"exp": now - 200}))
    (folder / "id.jwt").write_text(cognito.id_token(**times))
    (folder / "empty").write_text("")
    session = Session(
        region="eu-west-1",
        client_id=CLIENT_ID,
        username="alice",
        access_token=token,
        id_token="",
        refresh_token=None,
        expires_at_seconds=now + 770,
        api_url=api,
    )
    SessionStore().save("default", session)
    with serve_jwks(cognito.jwks()) as server:
        yield Terminal({"KEYS": server.url, "THE_API": api})


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_what_a_command_prints(terminal: Terminal, name: str) -> None:
    """Standard output and error, and the exit code."""
    kept = (GOLDEN / f"{name}.txt").read_text()
    blocks = [kept.partition("\n")[0] + "\n"]
    for title, line in re.findall(r"^(# .*\n)\$ (authorizer .*\n)", kept, re.MULTILINE):
        blocks.append(f"{title}$ {line}{terminal.run(line.strip())}")

    assert_golden(f"{name}.txt", "\n".join(blocks))


def test_what_is_said_of_each_case(tmp_path: Path) -> None:
    """Severity, message, effect and fix of every finding, to the letter."""
    sentences = {
        f"{case.name}: {finding.severity} {finding.code} {finding.message}\n"
        f"  {finding.effect}\n"
        f"  fix: {finding.fix}\n": None
        for case in read_cases()
        for finding, _ in case.findings(tmp_path)
    }

    assert_golden("findings.txt", "".join(sentences))


def test_what_is_not_as_it_is_kept_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line; and it is kept where somebody says so."""
    monkeypatch.setattr(golden, "GOLDEN", tmp_path)
    monkeypatch.delenv("REWRITE_GOLDEN", raising=False)
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    assert_golden("a.txt", "one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)-two\n\+three\n.*make golden"):
        assert_golden("a.txt", "one\nthree\n")

    monkeypatch.setenv("REWRITE_GOLDEN", "1")
    assert_golden("a.txt", "one\nthree\n")
    assert (tmp_path / "a.txt").read_text() == "one\nthree\n"


def test_the_index_of_findings() -> None:
    """Every code has its line, with its title, and its page."""
    rows = [f"| [{code}]({code}.md) | {entry['title']} |" for code, entry in catalogue().items()]
    assert_golden("../../docs/findings/README.md", "\n".join([INDEX_HEAD, *sorted(rows), ""]))
