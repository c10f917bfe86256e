"""``sam build`` and ``sam local invoke``, with keys in the package.

The deployed template names Amazon's processors and a pool that is not there yet. What runs here
is therefore derived from it: the same functions, routes and authorizers, built for a container on
this machine. Containers cannot reach this machine's loopback, so the pool's keys are put into the
authorizer's package.

Run by ``make sam-local`` and ``make sam-invoke``, in the project's folder.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
from lambda_runtime import Invocation, function_for, made_by, project_in, without_trace
from template_stack import load_template

from authorizer.cli.event.samples import load_sample
from authorizer.cli.event.tokens import SOURCES, TokenSource, bundle_keys, token_source
from authorizer.cli.local.emulator import REGION
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.template.runtime import PYTHONS, function_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# This machine's processor, as Lambda calls it.
_PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_FOLDER = "build/sam-local"
_DERIVED, _BUILT, _RUNNING = "template.json", "built", "running.json"
_BUILD_SECONDS = 600
_INVOKE_SECONDS = 600  # the first one may pull an image
_STOP_SECONDS = 15
_FIND_ENGINE = """\
from samcli.local.docker.container_client_factory import ContainerClientFactory
ContainerClientFactory.create_client()
"""


def build(project: Path, python: str | None = None) -> None:
    """Derive a template for containers on this machine, and have the SAM CLI build it.

    Args:
        project: the checkout.
        python: the version of the functions' Python, such as "3.12"; by default the deployed one.

    Raises:
        ConfigurationError: the template does not say which is deployed.
        LocalStackError: the machine is of an unknown kind, or `sam build` failed.
    """
    architecture = _PROCESSORS.get(platform.machine().lower())
    if architecture is None:
        raise LocalStackError(f"Lambda has no {platform.machine()} processors")
    folder = project / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    deployed = project / "template.yaml"
    python = python or function_runtime(deployed, project_in(project).authorizers[0]).python
    derived = derived_template(load_template(deployed), project.resolve(), python, architecture)
    (folder / _DERIVED).write_text(json.dumps(derived, indent=2))
    code, _, err = _run(
        project,
        ["build", "--build-in-source", "-t", folder / _DERIVED, "-b", folder / _BUILT],
        timeout_seconds=_BUILD_SECONDS,
        # Given to the `make` that `sam build` runs, as on its command line.
        environment={"MAKEFLAGS": f"BUILT_TEMPLATE={_FOLDER}/{_DERIVED}"},
    )
    if code:
        raise LocalStackError(f"sam build failed\n{err.strip()}")


def derived_template(
    template: dict[str, Any], project: Path, python: str, architecture: str
) -> dict[str, Any]:
    """The template for containers here: another place, another processor, perhaps another Python.

    The deployed one is not touched, and nothing else differs.
    """
    common = template.get("Globals", {}).get("Function", {})
    # Taken from there, because SAM would join two lists of processors.
    runtime = common.pop("Runtime", "")
    common.pop("Architectures", None)
    for resource in template.get("Resources", {}).values():
        properties, metadata = resource.get("Properties", {}), resource.get("Metadata", {})
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        if "CodeUri" in properties:
            properties["CodeUri"] = str(project / properties["CodeUri"])
        for key in ("ContextPath", "WorkingDirectory"):
            if key in metadata:
                metadata[key] = str(project / metadata[key])
        own = properties.get("Runtime", runtime)
        properties["Runtime"] = f"python{python}" if str(own).startswith("python") else own
        properties["Architectures"] = [architecture]
    return template


@dataclass(frozen=True, slots=True, kw_only=True)
class SamLocal:
    """What was built, with the keys of a pool in it.

    Attributes:
        template: of what was built, with the pool in the authorizer's environment.
    """

    project: Path
    template: Path

    def invoke(self, function: str, event: object) -> Invocation:
        """``sam local invoke``. The event goes through a pipe: it may hold a live token.

        Raises:
            LocalStackError: the function did not answer.
        """
        _, out, err = _run(
            self.project,
            ["local", "invoke", function, "-e", "-", *self.options()],
            timeout_seconds=_INVOKE_SECONDS,
            stdin=json.dumps(event),
        )
        try:
            answer = json.loads(out.strip().splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise LocalStackError(f"sam local invoke failed\n{err.strip()[-2000:]}") from error
        return Invocation(answer=without_trace(answer), log=tuple(err.strip().splitlines()))

    def options(self) -> list[str | Path]:
        """What every ``sam local`` command is told."""
        # Not "never pull": an image that is not here yet is pulled all the same.
        return ["-t", self.template, "--region", REGION, "--skip-pull-image"]


@contextmanager
def with_keys(
    project: Path, source: TokenSource, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[SamLocal]:
    """Put the keys into the built package, and take them out in the end.

    Args:
        project: the checkout.
        source: where the tokens are from.
        settings: further variables of the authorizer.

    Raises:
        LocalStackError: nothing was built yet.
    """
    built = (project / _FOLDER / _BUILT).resolve()
    if not built.is_dir():
        raise LocalStackError(f"nothing in {_FOLDER}: {made_by('sam-local', project)}")
    (authorizer,) = project_in(project).authorizers
    package = built / authorizer
    before = set(package.iterdir())
    try:
        environment = bundle_keys(source, package, seen_as="")
        template = load_template(built / "template.yaml")
        function = template["Resources"][authorizer]["Properties"]
        function["Environment"]["Variables"] |= {**environment, **settings}
        (built / _RUNNING).write_text(json.dumps(template, indent=2))
        yield SamLocal(project=project, template=built / _RUNNING)
    finally:
        for added in set(package.iterdir()) - before:
            added.unlink()


def require_engine(project: Path, command: str, instead: str) -> None:
    """Look for a container engine before anything is built or started for it.

    Args:
        project: the checkout.
        command: what needs it, as it was typed.
        instead: what comes closest without.

    Raises:
        LocalStackError: none answers, or the SAM CLI is not installed.
    """
    sam_binary(project)
    if not engine_answers(project):
        raise LocalStackError(
            f"'{command}' needs a container engine, and none answers: install Docker and start it, "
            f"or use '{instead}', which needs none"
        )


def engine_answers(project: Path) -> bool:
    """Whether the SAM CLI finds an engine: asked the way it asks itself."""
    return not subprocess.run(
        [
            project / ".venv-sam/bin/python",
            *("-W", "ignore", "-c", _FIND_ENGINE),
        ],
        env=sam_environment(),
        capture_output=True,
        check=False,
    ).returncode


def sam_environment() -> dict[str, str]:
    """This machine's, but for its AWS configuration: containers would be given credentials.

    Nor are any made up: with some, the SAM CLI would ask AWS whose they are.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def sam_binary(project: Path) -> Path:
    """The SAM CLI of this checkout.

    Raises:
        LocalStackError: it is not installed.
    """
    binary = (project / ".venv-sam/bin/sam").resolve()
    if not binary.is_file():
        raise LocalStackError(f"no SAM CLI in .venv-sam: {made_by('sam-local', project)}")
    return binary


def _run(
    project: Path,
    arguments: list[str | Path],
    *,
    timeout_seconds: int,
    environment: Mapping[str, str] = MappingProxyType({}),
    stdin: str = "",
) -> tuple[int, str, str]:
    """Exit code, output, and what is said beside it."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started_sam(project, arguments, environment, cwd=project, text=True, **streams) as process:
        try:
            out, err = process.communicate(stdin, timeout=timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise LocalStackError(f"sam gave no answer within {timeout_seconds} s") from error
        return process.returncode, out, err


@contextmanager
def started_sam(
    project: Path,
    arguments: list[str | Path],
    environment: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> Iterator[subprocess.Popen[Any]]:
    """Start the SAM CLI, and end it as Ctrl-C does: it takes its containers with it.

    Killed, it would leave them.
    """
    process = subprocess.Popen(
        [sam_binary(project), *arguments],
        env=sam_environment() | dict(environment),
        start_new_session=True,  # a Ctrl-C at the terminal is for us; we end it in order
        **options,
    )
    try:
        yield process
    finally:
        for end in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(end)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)


@click.group()
def main() -> None:
    """Functions in containers, by the SAM CLI."""


@main.command("build")
@click.option("--python", type=click.Choice(PYTHONS), help="Default: the template's.")
def build_command(python: str | None) -> None:
    """Build for a container on this machine, from a template derived from template.yaml."""
    build(Path(), python)


@main.command()
@click.argument("command")
@click.argument("instead")
def engine(command: str, instead: str) -> None:
    """Say that COMMAND needs a container engine, and INSTEAD none, if none answers."""
    require_engine(Path(), command, instead)


@main.command()
@click.argument("name")
@click.option("--token-from", type=click.Choice(SOURCES), default=SOURCES[0])
def invoke(name: str, token_from: str) -> None:
    """Run the sample event NAME with `sam local invoke`."""
    sample = load_sample(Path("events"), name)
    source = token_source(token_from, sample)
    event = sample.filled(source.token, source.sub)
    with with_keys(Path(), source) as built:
        invocation = built.invoke(function_for(project_in(Path()), sample), event)
    click.echo("\n".join(invocation.log), err=True)
    click.echo(json.dumps(invocation.answer, indent=2))


if __name__ == "__main__":
    try:
        main()
    except LocalStackError as error:
        raise SystemExit(f"Error: {error}") from error
