"""A function's package, run as Lambda runs it: by the runtime interface emulator.

The emulator is Amazon's, and comes with the SAM CLI; the runtime interface client is Amazon's,
too. Neither needs Docker. The package runs on the standard library and itself alone. One call at
a time: an overlapping one ends the emulator.

Run by ``make invoke``, in the project's folder.
"""

from __future__ import annotations

import json
import platform
import re
import socket
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import requests

from authorizer.cli.event.samples import load_sample
from authorizer.cli.event.tokens import SOURCES, bundle_keys, token_source
from authorizer.cli.local.emulator import direct_session
from authorizer.cli.local.project import LocalStackError, read_project
from authorizer.cli.local.supervisor import (
    LOG,
    free_port,
    last_words,
    own_folder,
    supervised,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authorizer.cli.event.samples import Sample
    from authorizer.cli.local.project import Project

_EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
# What `make package` builds into, and `make runtime`.
PACKAGES, _CLIENT = "build/local", "build/dependencies/runtime"
# What Lambda does before a Python function: its package first, the runtime's client behind it. An
# interpreter that ignores the environment and has no site-packages (``-I -S``) runs it: what is
# missing in the package is missing here, too.
_BOOTSTRAP = """\
import os, runpy, sys
package, client, handler = sys.argv[1:]
os.chdir(package)
sys.path[:0] = [package, client]
sys.argv = ["awslambdaric", handler]
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""
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
        self._new_lines = NewLines(log)

    def invoke(self, event: object) -> Invocation:
        """Send an event and wait for the answer.

        Raises:
            LocalStackError: the emulator did not answer.
        """
        try:
            with direct_session() as http:
                answer = http.post(self._url, json=event, timeout=_CALL_SECONDS).json()
        except (requests.RequestException, ValueError) as error:
            words = "\n".join(self._new_lines()[-5:])
            raise LocalStackError(f"the function did not answer\n{words}".strip()) from error
        lines = [line for line in self._lines_of_call() if line and not _OWN_LINE.match(line)]
        return Invocation(answer=without_trace(answer), log=tuple(lines))

    def _lines_of_call(self) -> list[str]:
        """The answer may come before the last lines: wait for the one that closes the call."""
        lines: list[str] = []

        def is_closed() -> bool:
            lines.extend(self._new_lines())
            return any(line.startswith("REPORT RequestId") for line in lines)

        wait_until(is_closed, _LOG_SECONDS)
        return lines


def without_trace(answer: Any) -> Any:
    """An error without where in our files it was raised, which makes outputs differ."""
    if isinstance(answer, dict) and "errorType" in answer:
        return {name: answer.get(name) for name in ("errorType", "errorMessage")}
    return answer


@contextmanager
def running_function(
    project: Path, name: str, environment: Mapping[str, str], handler: str | None = None
) -> Iterator[Function]:
    """Start a function from its package in build/local, and stop it in the end.

    Args:
        project: the checkout.
        name: the function's logical id.
        environment: the function's variables.
        handler: such as ``handlers.hello.handler``; by default the one in its package.

    Raises:
        LocalStackError: something is missing, or it did not start.
    """
    package = package_of(project, name, handler)
    handler = handler or _handler_in(package)
    with running_package(project, package, handler, environment, name=name) as function:
        yield function


@contextmanager
def running_package(
    project: Path, package: Path, handler: str, environment: Mapping[str, str], *, name: str
) -> Iterator[Function]:
    """Start a function from its package, wherever that is, and stop it in the end.

    Raises:
        LocalStackError: something is missing, or it did not start.
    """
    with own_folder() as folder:
        port = free_port()
        command = [
            str(_emulator(project)),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
            *(sys.executable, "-I", "-S", "-B", "-c", _BOOTSTRAP),
            *(str(package), str(_client(project)), handler),
        ]
        with supervised(command, folder, _environment(name, package, environment)) as process:
            if not wait_until(partial(is_listening, port), _START_SECONDS, process):
                words = last_words(process)
                raise LocalStackError(f"the emulator did not start\n{words}".strip())
            yield Function(f"http://127.0.0.1:{port}", folder / LOG)


def package_of(folder: Path, function: str, handler: str | None = None) -> Path:
    """The built package of a function: the one of its name, or the one with its handler.

    Args:
        folder: the checkout.
        function: its logical id.
        handler: such as ``handlers.hello.handler``; a function may have another name than the
            Makefile's target.

    Raises:
        LocalStackError: it was not built.
    """
    packages = (folder / PACKAGES).resolve()
    package = packages / function
    if any(package.glob("*")):
        return package
    module = str(handler).rpartition(".")[0].replace(".", "/")
    for found in sorted(packages.glob(f"*/{module}.py")) if handler else ():
        return packages / found.relative_to(packages).parts[0]
    raise LocalStackError(f"no function package in {package}: {made_by('package', folder)}")


def made_by(target: str, folder: Path) -> str:
    """What brings what is missing: a target of the project's Makefile, where there is one."""
    if (folder / "Makefile").is_file():
        return f"run `make {target}` first"
    return "run this in a clone of the project, whose Makefile makes it"


def _handler_in(package: Path) -> str:
    (module,) = {path.stem for path in package.glob("handlers/*.py")} - {"__init__"}
    return f"handlers.{module}.handler"


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
            "with Docker, 'make sam-invoke' does the same"
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


# --- what a function writes -----------------------------------------------------------------------


class NewLines:
    """What a process has written to a file since the last time: whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def __call__(self) -> list[str]:
        """Read on."""
        text = self._path.read_bytes()[self._read :]
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


@click.command()
@click.argument("name")
@click.option("--token-from", type=click.Choice(SOURCES), default=SOURCES[0])
def main(name: str, token_from: str) -> None:
    """Run the sample event NAME in its function's package."""
    sample = load_sample(Path("events"), name)
    source = token_source(token_from, sample)
    event = sample.filled(source.token, source.sub)
    with tempfile.TemporaryDirectory(prefix="authorizer-keys-") as keys:
        environment = {} if sample.is_for_hello else bundle_keys(source, Path(keys))
        project = project_in(Path())
        function = function_for(project, sample)
        handler = project.functions[function].code[0]
        with running_function(Path(), function, environment, handler) as running:
            invocation = running.invoke(event)
    click.echo("\n".join(invocation.log), err=True)
    click.echo(json.dumps(invocation.answer, indent=2))


def project_in(folder: Path) -> Project:
    """The project in a checkout."""
    return read_project(folder / "template.yaml", folder / "policy.yaml")


def function_for(project: Project, sample: Sample) -> str:
    """The logical id of the function that gets such an event."""
    backends = [route.backend for route in project.api.routes if isinstance(route.backend, str)]
    return backends[0] if sample.is_for_hello and backends else project.authorizers[0]


def is_listening(port: int) -> bool:
    """Whether somebody listens on a port on loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    try:
        main()
    except LocalStackError as error:
        raise SystemExit(f"Error: {error}") from error
