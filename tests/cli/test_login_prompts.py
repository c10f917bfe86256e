"""``authorizer login`` as people use it: through a pseudo-terminal, and from scripts."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
import segno
from cognito_standin import (
    CLIENT_ID,
    CLIENT_SECRET,
    NEW_PASSWORD,
    NEW_TOTP_SECRET,
    PASSWORD,
    POOL_ID,
    TOTP_SECRET,
    USERNAME,
    FailureError,
    StandIn,
    serve_cognito,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The stand-in answers from threads of this process while pexpect forks it.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

TOTP = "SOFTWARE_TOKEN_MFA"
USER = "User name:"
PASS = "Password:"
NEW = "New password:"
AGAIN = "Repeat for confirmation:"
CODE = "Code from the authenticator app:"
HIDDEN = {PASS, NEW, AGAIN}
INTERRUPT = "\x03"
END_OF_INPUT = "\x04"
# How long what never comes is waited for: no test takes that long, however busy the machine is.
PATIENCE_SECONDS = 120
MISMATCH = "mismatch-mismatch-3"

Answer = tuple[str, "str | Callable[[], str]"]


def environment(state: Path, **more: str) -> dict[str, str]:
    """An environment of our own: nothing of this machine's, and no AWS credentials."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        "XDG_STATE_HOME": str(state),
        "AWS_CONFIG_FILE": str(state / "none"),
        "LANG": "C.UTF-8",
        "NO_PROXY": "*",
        "TERM": "xterm",
        **more,
    }


def arguments(url: str, *more: str, command: str = "login") -> list[str]:
    target = ("--region", "eu-west-1", "--client-id", CLIENT_ID, "--endpoint-url", url)
    return ["-m", "authorizer.cli", command, *(target if command == "login" else ()), *more]


def kept(state: Path) -> list[Path]:
    """Every file below the state folder, hidden ones too."""
    return [path for path in state.rglob("*") if path.is_file()]


@dataclass
class Outcome:
    """What one run showed."""

    state: Path
    exit_code: int | None = None
    shown: str = ""
    # What was typed in at prompts that hide it, and at the one that need not.
    hidden: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    command_lines: set[str] = field(default_factory=set)

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.shown.splitlines() if line.strip()]

    def require_discreet(self, pool: StandIn, *, but: tuple[str, ...] = ()) -> None:
        """Nothing secret was shown or could be seen in the list of processes."""
        shown = self.shown
        for code in self.codes:
            # What the terminal echoes while it is typed; the command itself never prints it.
            shown = shown.replace(f"{CODE} {code}", CODE, 1)
        secret = {
            *(PASSWORD, NEW_PASSWORD, TOTP_SECRET, NEW_TOTP_SECRET, CLIENT_SECRET),
            *(*pool.issued, *pool.used_codes, *self.hidden, *self.codes),
        } - set(but)
        assert self.command_lines
        assert not [word for word in secret if word in shown]
        assert not [word for word in secret if any(word in line for line in self.command_lines)]
        assert "Traceback" not in shown


def drive(state: Path, answers: list[Answer], argv: list[str], **more_environment: str) -> Outcome:
    """Answer each prompt in turn through a pseudo-terminal, until the command ends."""
    outcome = Outcome(state)
    transcript = io.StringIO()
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        argv,
        env=environment(state, **more_environment),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        dimensions=(80, 200),
    )
    child.logfile_read = transcript
    child.delaybeforesend = None
    try:
        for prompt, answer in answers:
            child.expect_exact(prompt)
            outcome.command_lines.add(Path(f"/proc/{child.pid}/cmdline").read_text())
            if prompt in HIDDEN:
                child.waitnoecho(PATIENCE_SECONDS)
                assert not child.getecho(), f"{prompt} shows what is typed"
            else:
                child.expect_exact(" ")
            text = answer if isinstance(answer, str) else answer()
            if text in {INTERRUPT, END_OF_INPUT}:
                wait_until_it_reads(child.pid)
                child.send(text)
                continue
            (outcome.hidden if prompt in HIDDEN else outcome.codes).append(text)
            child.sendline(text)
        child.expect(pexpect.EOF)
        child.wait()  # it may take a while to end, and closing would end it by a signal
    finally:
        child.close()
    outcome.codes = [text for text in outcome.codes if text.isdigit()]
    outcome.exit_code = child.exitstatus
    outcome.shown = transcript.getvalue()
    return outcome


def wait_until_it_reads(pid: int | None) -> None:
    """Python looks for a signal before it reads, and not again before something can be read."""
    give_up_at = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def run(
    state: Path, argv: list[str], stdin: str | bytes = b"", **more_environment: str
) -> subprocess.CompletedProcess[str]:
    """Run from a script: no terminal anywhere, standard output and error apart."""
    process = subprocess.run(
        [sys.executable, *argv],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(state, **more_environment),
        timeout=PATIENCE_SECONDS,
        check=False,
        start_new_session=True,
    )
    return subprocess.CompletedProcess(
        argv, process.returncode, process.stdout.decode(), process.stderr.decode()
    )


@pytest.fixture
def pool() -> Iterator[StandIn]:
    with serve_cognito() as standin:
        yield standin


def test_a_first_sign_in_at_the_terminal(pool: StandIn, tmp_path: Path) -> None:
    """Each prompt once: name, passwords unseen, a mismatch, an attribute, QR code, wrong code."""
    pool.asks = ["NEW_PASSWORD_REQUIRED", "MFA_SETUP"]
    pool.attributes = ["userAttributes.email"]
    outcome = drive(
        tmp_path,
        [
            (USER, USERNAME),
            (PASS, PASSWORD),
            ("email:", "alice@example.com"),
            (NEW, NEW_PASSWORD),
            (AGAIN, MISMATCH),
            (NEW, NEW_PASSWORD),
            (AGAIN, NEW_PASSWORD),
            (CODE, "000000"),
            (CODE, pool.code),
        ],
        arguments(pool.url),
    )

    assert outcome.exit_code == 0, outcome.shown
    outcome.require_discreet(pool, but=(NEW_TOTP_SECRET,))
    assert outcome.shown.count(NEW_TOTP_SECRET) == 1
    assert f"secret: {NEW_TOTP_SECRET}" in outcome.lines
    assert "Error: The two entered values do not match." in outcome.lines
    assert "wrong code: check that the clock of the phone is right" in outcome.lines
    qr = io.StringIO()
    name = f"{CLIENT_ID}:{USERNAME}?secret={NEW_TOTP_SECRET}&issuer={CLIENT_ID}"
    segno.make(f"otpauth://totp/{name}", error="l").terminal(out=qr, compact=True)
    assert qr.getvalue() in outcome.shown.replace("\r\n", "\n")
    (path,) = kept(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert outcome.lines[-1] == (
        f"signed in as {USERNAME} for 60 minutes; session default is in {path}"
    )
    assert json.loads(path.read_text())["refresh_token"] in pool.refresh_tokens


def test_a_second_sign_in_at_the_terminal(pool: StandIn, tmp_path: Path) -> None:
    """Name, password and a code, as people type it with a space in it."""
    pool.asks = ["SELECT_MFA_TYPE"]
    outcome = drive(
        tmp_path,
        [
            (USER, USERNAME),
            (PASS, PASSWORD),
            (CODE, lambda: f"{pool.code()[:3]} {pool.code()[3:]}"),
        ],
        arguments(pool.url, "--profile", "alice"),
        COGNITO_CLIENT_SECRET=CLIENT_SECRET,
    )

    assert outcome.exit_code == 0, outcome.shown
    outcome.require_discreet(pool)
    assert [path.name for path in kept(tmp_path)] == ["alice.json"]


@pytest.mark.parametrize(
    ("answers", "key", "expected"),
    [
        ([], INTERRUPT, "Aborted!"),
        ([(USER, USERNAME)], INTERRUPT, "Aborted!"),
        ([(USER, USERNAME), (PASS, PASSWORD)], INTERRUPT, "Aborted!"),
        (
            [],
            END_OF_INPUT,
            "Error: nobody to ask for: user name; give it with --username or COGNITO_USERNAME",
        ),
        (
            [(USER, USERNAME)],
            END_OF_INPUT,
            "Error: nobody to ask for: password; give it with --password-stdin or COGNITO_PASSWORD",
        ),
    ],
    ids=["^C name", "^C password", "^C code", "^D name", "^D password"],
)
def test_leaving_at_a_prompt(
    pool: StandIn, tmp_path: Path, answers: list[Answer], key: str, expected: str
) -> None:
    """Ctrl-C and Ctrl-D end it with exit code 1 and a line, and nothing is kept."""
    pool.asks = [TOTP]
    prompt = [USER, PASS, CODE][len(answers)]
    outcome = drive(tmp_path, [*answers, (prompt, key)], arguments(pool.url))

    assert (outcome.exit_code, outcome.lines[-1]) == (1, expected)
    outcome.require_discreet(pool)
    assert kept(tmp_path) == []


@dataclass
class Failure:
    """A sign-in that cannot work, and the sentence it ends with."""

    sentence: str
    answers: list[Answer] = field(default_factory=lambda: [(USER, USERNAME), (PASS, PASSWORD)])
    error: FailureError | None = None
    more: tuple[str, ...] = ()
    pool: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    no_network: bool = False


NOT_AUTHORIZED = "NotAuthorizedException"
FAILURES = {
    "wrong password": Failure(
        "wrong user name or password", answers=[(USER, USERNAME), (PASS, "wrong-wrong-wrong")]
    ),
    "unknown user": Failure(
        "wrong user name or password", answers=[(USER, "mallory"), (PASS, PASSWORD)]
    ),
    "wrong code three times": Failure(
        "3 codes were not accepted: check the authenticator app's entry and the clock, "
        "and start again",
        answers=[(USER, USERNAME), (PASS, PASSWORD), *[(CODE, "000000")] * 3],
        pool={"asks": [TOTP]},
    ),
    "throttling": Failure(
        "Cognito is being asked too often: wait a minute and try again",
        error=FailureError("TooManyRequestsException", "Rate exceeded"),
    ),
    "unconfirmed user": Failure(
        "this user is not confirmed yet: use the code from the mail, or ask an administrator",
        error=FailureError("UserNotConfirmedException", "User is not confirmed."),
    ),
    "disabled user": Failure(
        "this user is disabled: ask an administrator",
        error=FailureError(NOT_AUTHORIZED, "User is disabled."),
    ),
    "password to be reset": Failure(
        "this user's password must be reset first: use the application's 'forgot password'",
        error=FailureError("PasswordResetRequiredException", "Password reset required"),
    ),
    "no network": Failure(
        "URL cannot be reached (EndpointConnectionError): "
        "start the emulator again, or sign in elsewhere",
        no_network=True,
    ),
    "wrong region": Failure(
        "there is no such app client in this region: check client id and region",
        more=("--region", "eu-central-1", "--client-id", "ofanotherregion"),
    ),
    "no region": Failure(
        "Cognito cannot be asked: Provided region_name 'eu west' doesn't match a supported "
        "format.; check --region, --endpoint-url and AWS_PROFILE",
        more=("--region", "eu west"),
    ),
    "unknown client": Failure(
        "there is no such app client in this region: check client id and region",
        more=("--client-id", "unknownclient"),
    ),
    "client without the flow": Failure(
        "this app client does not allow USER_PASSWORD_AUTH: add ALLOW_USER_PASSWORD_AUTH to it",
        error=FailureError(
            "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"
        ),
    ),
    "client secret missing": Failure(
        "this app client has a secret: put it into COGNITO_CLIENT_SECRET",
        pool={"client_secret": CLIENT_SECRET},
    ),
    "client secret wrong": Failure(
        "the app client's secret is wrong: check COGNITO_CLIENT_SECRET",
        pool={"client_secret": CLIENT_SECRET},
        environment={"COGNITO_CLIENT_SECRET": "x" * 40},
    ),
    "weak new password": Failure(
        "the new password breaks the pool's rules: longer, with Capitals, small letters, 1 and %",
        answers=[
            *((USER, USERNAME), (PASS, PASSWORD)),
            *[(NEW, "weak-1"), (AGAIN, "weak-1")] * 3,
        ],
        pool={"asks": ["NEW_PASSWORD_REQUIRED"]},
    ),
    "no authenticator app": Failure(
        "Cognito asks for SMS_MFA, which this command cannot answer: it knows passwords and "
        "authenticator apps",
        pool={"asks": ["SMS_MFA"]},
    ),
    "bad profile": Failure(
        "expected a profile name of letters, digits, '.', '-' and '_', found '../x'",
        answers=[],
        more=("--profile", "../x"),
    ),
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outcome, StandIn]]:
    """Every failure once, some at a time: most of each is Python starting."""

    def fail(name: str) -> tuple[Outcome, StandIn]:
        failure = FAILURES[name]
        with socket.socket() as unused, serve_cognito(**failure.pool) as pool:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}" if failure.no_network else pool.url
            if failure.error is not None:
                pool.fail = {"InitiateAuth": [failure.error]}
            outcome = drive(
                tmp_path_factory.mktemp("state"),
                failure.answers,
                arguments(url, *failure.more),
                **failure.environment,
            )
        outcome.shown = outcome.shown.replace(url, "URL")
        return outcome, pool

    tmp_path_factory.getbasetemp()  # of its own, or two of the threads may both make it
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(FAILURES, threads.map(fail, FAILURES), strict=True))


@pytest.mark.xdist_group("failed sign-ins")
@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_one_sentence_and_exit_code_1(
    failed: dict[str, tuple[Outcome, StandIn]], name: str
) -> None:
    """At the terminal: 'Error: ' and what to do, no traceback, nothing secret, nothing stored."""
    outcome, pool = failed[name]

    assert outcome.exit_code == 1, outcome.shown
    assert outcome.lines[-1] == f"Error: {FAILURES[name].sentence}"
    assert sum(line.startswith("Error: ") for line in outcome.lines) == 1
    if FAILURES[name].answers:
        outcome.require_discreet(pool)
    assert "Traceback" not in outcome.shown
    assert kept(outcome.state) == []


def test_a_script_gets_the_token_and_nothing_else(pool: StandIn, tmp_path: Path) -> None:
    """Everything from environment and standard input: the token alone is on standard output."""
    pool.asks = [TOTP]
    pool.client_secret = CLIENT_SECRET
    done = run(
        tmp_path,
        ["-m", "authorizer.cli", "login", "--password-stdin", "--print", "access"],
        stdin=f"{PASSWORD}\r\nanother line\n",
        COGNITO_USERNAME=USERNAME,
        COGNITO_TOTP_SECRET=TOTP_SECRET,
        COGNITO_CLIENT_SECRET=CLIENT_SECRET,
        COGNITO_USER_POOL_ID=POOL_ID,
        COGNITO_CLIENT_ID=CLIENT_ID,
        COGNITO_PROFILE="script",
        AWS_ENDPOINT_URL=pool.url,
    )

    (path,) = kept(tmp_path)
    access_token = json.loads(path.read_text())["access_token"]
    assert (done.returncode, done.stdout) == (0, f"{access_token}\n"), done.stderr
    assert done.stderr.splitlines() == [
        f"signed in as {USERNAME} for 60 minutes; session script is in {path}"
    ]
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", access_token)
    # Where standard input is not a terminal, nothing is shown that belongs on one.
    for word in (PASSWORD, TOTP_SECRET, CLIENT_SECRET, *pool.used_codes):
        assert word not in done.stdout + done.stderr


def test_passwords_from_the_environment(pool: StandIn, tmp_path: Path) -> None:
    """A first sign-in without a terminal, with the ID token asked for; then a sign-out."""
    pool.asks = ["NEW_PASSWORD_REQUIRED"]
    done = run(
        tmp_path,
        arguments(pool.url, "--username", USERNAME, "--print", "id"),
        COGNITO_PASSWORD=PASSWORD,
        COGNITO_NEW_PASSWORD=NEW_PASSWORD,
    )

    (path,) = kept(tmp_path)
    assert (done.returncode, done.stdout) == (0, json.loads(path.read_text())["id_token"] + "\n")
    assert pool.password == NEW_PASSWORD
    assert PASSWORD not in done.stderr
    assert NEW_PASSWORD not in done.stderr

    pool.fail = {"RevokeToken": [FailureError("TooManyRequestsException")]}
    throttled = run(tmp_path, arguments(pool.url, command="logout"))
    assert (throttled.returncode, kept(tmp_path)) == (1, [path])
    pool.fail = {}
    done = run(tmp_path, arguments(pool.url, command="logout"))
    assert (done.returncode, done.stdout, kept(tmp_path)) == (0, "", [])
    assert done.stderr == f"signed out {USERNAME}: session default is revoked and removed\n"
    assert pool.refresh_tokens == set()


@pytest.mark.parametrize(
    ("stdin", "sentence"),
    [
        (b"", "expected the password on standard input, found nothing"),
        (b"\n", "expected the password on standard input, found nothing"),
        (b"\xff\xfe\n", "the password on standard input is not UTF-8"),
        (
            PASSWORD.encode(),
            "nobody to ask for: code from the authenticator app; give it with COGNITO_TOTP_SECRET",
        ),
    ],
    ids=["empty", "empty line", "not text", "no code"],
)
def test_standard_input_that_does_not_do(
    pool: StandIn, tmp_path: Path, stdin: bytes, sentence: str
) -> None:
    """A script that forgot something is told what, and not left waiting."""
    pool.asks = [TOTP]
    done = run(
        tmp_path, arguments(pool.url, "--username", USERNAME, "--password-stdin"), stdin=stdin
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"Error: {sentence}"
    assert "Traceback" not in done.stderr
    assert kept(tmp_path) == []


def test_a_new_secret_is_written_to_no_log(pool: StandIn, tmp_path: Path) -> None:
    """Where standard error is no terminal, the secret of an authenticator app is not shown."""
    pool.asks = ["MFA_SETUP"]
    done = run(tmp_path, arguments(pool.url, "--username", USERNAME), COGNITO_PASSWORD=PASSWORD)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: an authenticator app has to be set up first: run 'authorizer login' at a terminal\n"
    )
    assert kept(tmp_path) == []


def test_a_password_is_no_argument(tmp_path: Path) -> None:
    """There is no option to put a secret into, so that nobody gets used to it."""
    done = run(tmp_path, ["-m", "authorizer.cli", "login", "--help"])

    options = set(re.findall(r"--[a-z-]+", done.stdout))
    assert {name for name in options if re.search("password|secret|code|totp|token", name)} == {
        "--password-stdin"
    }


def test_an_unsafe_folder_is_found_out_before_anybody_types(pool: StandIn, tmp_path: Path) -> None:
    """Nobody types a password and a code for a session that could not be kept."""
    (tmp_path / "authorizer").mkdir()
    (tmp_path / "authorizer").chmod(0o755)
    outcome = drive(tmp_path, [], arguments(pool.url))

    assert outcome.exit_code == 1
    (line,) = outcome.lines
    assert line.startswith("Error: ")
    assert "chmod 700" in line
    assert pool.requests == []


def test_without_a_terminal_nothing_is_warned_of() -> None:
    """Nobody sees a password that comes from nowhere: what is missing is all that is said."""
    command = [sys.executable, "-m", "authorizer.cli", "login", "--region", "eu-west-1"]
    done = subprocess.run(
        [*command, "--client-id", CLIENT_ID, "--username", USERNAME],
        env={name: value for name, value in os.environ.items() if "COGNITO" not in name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Password: ",
        "Error: nobody to ask for: password; give it with --password-stdin or COGNITO_PASSWORD",
    ]
