"""A function's package, run as Lambda runs it: by the runtime interface emulator.

The emulator is Amazon's, and comes with the SAM CLI; the runtime interface client is Amazon's,
too. Neither needs Docker. The package runs on the standard library and itself alone. One call at
a time: an overlapping one ends the emulator.
"""

from __future__ import annotations

import platform
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from authorizer.cli.local import bootstrap
from authorizer.cli.local.errors import LocalStackError, made_by
from authorizer.cli.local.guarded import LOG, emulator_folder, free_port, guarded

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
_CLIENT = "build/dependencies/runtime"
_HANDLERS = {
    "AuthorizerFunction": "handlers.authorize.handler",
    "HelloFunction": "handlers.hello.handler",
}
_START_SECONDS = 30
_CALL_SECONDS = 60
_LOG_SECONDS = 1  # a function that did not start has no such line
# Lines of the emulator itself; the others are the function's.
_OWN_LINE = re.compile(r"^(START|END|REPORT) RequestId|^\d\d \w{3} \d{4} [\d:,]+ \[\w+\] \(rapid\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a function answered, and what it wrote.

    Attributes:
        answer: the JSON document; of a function that raised, ``errorType`` and ``errorMessage``.
        log: line by line.
    """

    answer: Any
    log: tuple[str, ...]


class Function:
    """A function that waits for events."""

    def __init__(self, url: str, log: Path) -> None:
        self._url = f"{url}/2015-03-31/functions/function/invocations"
        self._log = log
        self._read = 0

    def invoke(self, event: object) -> Invocation:
        """Send an event and wait for the answer.

        Raises:
            LocalStackError: the emulator did not answer.
        """
        try:
            with requests.Session() as http:
                http.trust_env = False  # no proxy, no .netrc
                answer = http.post(self._url, json=event, timeout=_CALL_SECONDS).json()
        except (requests.RequestException, ValueError) as error:
            words = "\n".join(self._new_lines()[-5:])
            raise LocalStackError(f"the function did not answer\n{words}".strip()) from error
        if isinstance(answer, dict):
            # Where in our files it was raised says nothing here, and makes outputs differ.
            answer = {
                name: value
                for name, value in answer.items()
                if "errorType" not in answer or name in {"errorType", "errorMessage"}
            }
        lines = [line for line in self._lines_of_call() if line and not _OWN_LINE.match(line)]
        return Invocation(answer=answer, log=tuple(lines))

    def _lines_of_call(self) -> list[str]:
        """The answer may come before the last lines: wait for the one that closes the call."""
        give_up_at = time.monotonic() + _LOG_SECONDS
        lines = self._new_lines()
        while time.monotonic() < give_up_at and not any(
            line.startswith("REPORT RequestId") for line in lines
        ):
            time.sleep(0.005)
            lines += self._new_lines()
        return lines

    def _new_lines(self) -> list[str]:
        text = self._log.read_bytes()[self._read :]
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


@contextmanager
def running_function(
    project: Path, name: str, environment: Mapping[str, str]
) -> Iterator[Function]:
    """Start a function from its package in build/local, and stop it in the end.

    Args:
        project: the checkout.
        name: the function's logical id.
        environment: the function's variables.

    Raises:
        LocalStackError: something is missing, or it did not start.
    """
    package = (project / "build" / "local" / name).resolve()
    if not package.is_dir():
        raise LocalStackError(f"no function package in {package}: {made_by('package', project)}")
    with emulator_folder() as folder:
        address, runtime_address = (f"127.0.0.1:{free_port()}" for _ in range(2))
        command = [
            str(_emulator(project)),
            *("--runtime-interface-emulator-address", address),
            *("--runtime-api-address", runtime_address),
            *(sys.executable, "-I", "-S", "-B", bootstrap.__file__),
            *(str(package), str(_client(project)), _HANDLERS[name]),
        ]
        with guarded(command, folder, _environment(name, package, environment)) as process:
            _wait_until_up(f"http://{address}", process)
            yield Function(f"http://{address}", folder / LOG)


def _emulator(project: Path) -> Path:
    """The emulator for this machine.

    Raises:
        LocalStackError: there is none, or it is not installed.
    """
    name = _EMULATORS.get(platform.machine())
    if sys.platform != "linux" or name is None:
        raise LocalStackError(
            "the Lambda runtime interface emulator is a Linux program for x86_64 and aarch64, "
            f"and this is {sys.platform} on {platform.machine()}: "
            "with Docker, 'authorizer local sam invoke' does the same"
        )
    found = sorted(project.glob(f".venv-sam/lib/python3*/site-packages/samcli/local/rapid/{name}"))
    if not found:
        raise LocalStackError(f"no SAM CLI in .venv-sam: {made_by('runtime', project)}")
    return found[0].resolve()


def _client(project: Path) -> Path:
    folder = (project / _CLIENT).resolve()
    if not (folder / "awslambdaric").is_dir():
        raise LocalStackError(
            f"no runtime interface client in {_CLIENT}: {made_by('runtime', project)}"
        )
    return folder


def _environment(name: str, package: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What Lambda sets, and the function's own; nothing of this machine's."""
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LAMBDA_TASK_ROOT": str(package),
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "5",
        "POWERTOOLS_SERVICE_NAME": "authorizer",
        "POWERTOOLS_METRICS_NAMESPACE": "CognitoRbacAuthorizer",
        **environment,
    }


def _wait_until_up(url: str, process: subprocess.Popen[str]) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    with requests.Session() as http:
        http.trust_env = False
        while time.monotonic() < give_up_at and process.poll() is None:
            try:
                http.get(url, timeout=1)
            except requests.RequestException:
                time.sleep(0.01)
            else:
                return
    words = process.communicate()[0].strip() if process.poll() is not None else ""
    raise LocalStackError(f"the emulator did not start\n{words}".strip())
