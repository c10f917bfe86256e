"""``authorizer package``: the function's folder, as Lambda takes it, for whatever deploys it.

It holds the runtime, its libraries for the function's processor and Python, and the policy. The
same files make the same bytes. Nothing is left half-made: it is put together aside, and then moved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

import authorizer
from authorizer.cli.analysis.protection import our_authorizers
from authorizer.cli.check.commands import to_text
from authorizer.cli.check.finding import Severity
from authorizer.cli.check.run import run_checks
from authorizer.cli.options import FILE, api_option, policy_argument
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.runtime import FunctionRuntime, function_runtime
from authorizer.cli.template.stacks import known_routes
from authorizer.cli.text import columns_of
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.template.model import Template

_SOURCES = Path(authorizer.__file__).parent
_TOOLS = Path(__file__).parent
# In the wheel, and in a checkout.
_LOCKS = (_TOOLS / "lambda.txt", _SOURCES.parent / "requirements" / "lambda.txt")
# What libraries bring along, and the function has no use for.
_LEFT_OUT = _TOOLS / "left_out.txt"
# Of functions that no template tells: Lambda's newest Python, on its cheaper processor.
_USUAL = FunctionRuntime(python="3.14", architecture="arm64")
_ASK_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
# What is in a layer is found here, and what is in a function's folder, there.
_IN_LAYER, _TASK_ROOT, _LAYER_ROOT = "python", "/var/task", "/opt/python"
# Of every file: an archive would otherwise tell when it was made. No ZIP knows an earlier day.
_TIME = 315619200  # 1980-01-02 00:00 UTC


@click.command()
@policy_argument
@click.option(
    *("--template", "-t"),
    type=FILE,
    metavar="FILE",
    required=True,
    help="SAM, CloudFormation or OpenAPI file of the API, or a Terraform plan as JSON.",
)
@api_option
@click.option("--output", "-o", type=FILE, required=True, metavar="DIR", help="Folder to make.")
@click.option(
    "--function",
    metavar="ID",
    help="Logical id of the function; default: the one that the template's authorizers ask.",
)
@click.option(
    "includes",
    "--include",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A file or folder of one's own to put in, at the same place; such as a handler that wraps "
    "ours. Repeatable.",
)
@click.option("--layer", is_flag=True, help="Make a layer for other functions: without a policy.")
@click.option("--for-this-machine", is_flag=True, help="To try it here, instead of for Lambda.")
def package(
    *,
    policy: Path,
    template: Path,
    api: str | None,
    output: Path,
    function: str | None,
    includes: tuple[Path, ...],
    layer: bool,
    for_this_machine: bool,
) -> None:
    """Make the authorizer's function, with POLICY, by default policy.yaml, ready to be deployed.

    Whatever deploys it takes the folder as it is; its handler is authorizer.aws_lambda.handler. The
    libraries are those for the Python and the processor that the template says. Nothing is made
    where 'authorizer check' finds an error, but for this machine.
    """
    if not (layer or for_this_machine):
        _require_no_errors(policy, template)
    _require_replaceable(output)
    read = read_template(template)
    compiled = None if layer else load_document(policy, known_routes(read, api))[0]
    runtime = None if for_this_machine else _runtime(template, read, function)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".package-") as aside:
            made = Path(aside, output.name)
            root = made / _IN_LAYER if layer else made
            fill(root, runtime, compiled, includes, _LAYER_ROOT if layer else _TASK_ROOT)
            for path in (made, *made.rglob("*")):
                os.utime(path, (_TIME, _TIME), follow_symlinks=False)
            if output.exists():
                output.rename(Path(aside, "old"))
            made.rename(output)
    except OSError as error:
        raise ConfigurationError([f"{output}: cannot be made: {error}"]) from error
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    click.echo(f"{output}: {size / 1_000_000:.1f} MB, for Python {_python(runtime)}", err=True)


def _require_replaceable(output: Path) -> None:
    """Refuse to put a package into the place of anything else, before it takes any time."""
    is_ours = any(
        (root / "authorizer" / "aws_lambda.py").is_file() and [*root.glob("python_jose-*")]
        for root in (output, output / _IN_LAYER)
    )
    if output.exists() and not (output.is_dir() and (is_ours or not any(output.iterdir()))):
        raise ConfigurationError(
            [f"{output}: expected a new folder, an empty one or a package, found something else"]
        )


def _python(runtime: FunctionRuntime | None) -> str:
    return "{}.{}".format(*sys.version_info) if runtime is None else runtime.python


def _interpreter(python: str) -> str | None:
    """A Python whose byte code the function can use; nothing where there is none here."""
    for program in filter(None, (sys.executable, shutil.which(f"python{python}"))):
        # What has the name may be a shim for a version that is not installed.
        asked = [program, "-I", "-c", _ASK_VERSION]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if found.stdout.strip() == python:
            return program
    return None


def _runtime(path: Path, template: Template, function: str | None) -> FunctionRuntime:
    """What the function runs on; the usual where the template does not have it."""
    asked = {one.function for _, one in our_authorizers(template)}
    named = function or next((name for name in asked if isinstance(name, str)), None)
    if named is not None:
        return function_runtime(path, named)
    click.echo(
        f"{path} does not have the authorizer's function: made for Python {_USUAL.python} on "
        f"{_USUAL.architecture}",
        err=True,
    )
    return _USUAL


def _require_no_errors(policy: Path, template: Path) -> None:
    report = run_checks(policy, [template])
    if report.count(Severity.ERROR):
        click.echo(to_text(report, columns_of(sys.stdout)), nl=False)
        raise click.ClickException("nothing is packaged before these errors are mended")


def fill(
    root: Path,
    runtime: FunctionRuntime | None,
    compiled: bytes | None,
    includes: Sequence[Path] = (),
    deployed: str = _TASK_ROOT,
) -> None:
    """Put a package together in a new folder.

    Args:
        root: the folder.
        runtime: what it runs on; nothing for this machine and this Python.
        compiled: the policy; nothing for a layer.
        includes: what else to put in, each at its own place.
        deployed: where the folder is found when it runs.

    Raises:
        ConfigurationError: something is included that may not be.
        click.ClickException: the libraries cannot be installed.
    """
    shutil.copytree(_libraries(runtime), root)
    # What is compiled here is for this Python, and the tools are not for Lambda; middleware is for
    # functions that guard themselves, which have a layer.
    ignored = shutil.ignore_patterns("cli", "__pycache__", *["middleware"] * (compiled is not None))
    shutil.copytree(_SOURCES, root / "authorizer", ignore=ignored)
    for path in includes:
        is_here = path.resolve().is_relative_to(Path.cwd()) and not path.is_absolute()
        if not is_here or ".." in path.parts or (path.is_file() and (root / path).exists()):
            raise ConfigurationError(
                [f"{path}: expected a path here or below, in no place of the package's own"]
            )
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, root / path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, root / path)
    if compiled is not None:
        (root / "policy.json").write_bytes(compiled)
    _compile_bytecode(runtime, root, deployed)


def _libraries(runtime: FunctionRuntime | None) -> Path:
    """The libraries, without what the function does not use: installed once, and then kept."""
    options = ["--only-binary=:all:"]
    if runtime is not None:
        options += ["--platform", runtime.platform, "--implementation", "cp"]
        options += ["--python-version", runtime.python]
    lock = next(path for path in _LOCKS if path.exists())
    made_of = "\0".join((lock.read_text(), _LEFT_OUT.read_text(), sys.version, *options))
    kept = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "authorizer"
    folder = kept / sha256(made_of.encode()).hexdigest()[:16]
    if not folder.exists():
        click.echo(f"installing the libraries for Python {_python(runtime)}, once", err=True)
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as aside:
            _install(lock, Path(aside, "new"), options)
            with suppress(OSError):  # somebody else has just made the same
                Path(aside, "new").rename(folder)
    # Of this folder alone: what is in it may be as the umask has it, which others cannot change.
    if kept.stat().st_uid != os.getuid() or kept.stat().st_mode & 0o022:
        raise ConfigurationError([f"{kept}: expected what nobody else can write: remove it"])
    return folder


def _install(lock: Path, folder: Path, options: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own words and paths
        [
            *(sys.executable, "-P", "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
            *("--no-input", "--no-deps", "--no-compile", "--require-hashes"),
            *("--requirement", str(lock), "--target", str(folder), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(
            "the libraries could not be installed. They are, once for each Python and processor, "
            "by this environment's pip and from PyPI or the index that pip is set to: see that "
            "there are both, and the network. pip says:\n"
            + "\n".join(line for line in done.stderr.splitlines() if line[:8] != "WARNING:")
        )
    for pattern in _LEFT_OUT.read_text().splitlines():
        for path in folder.glob(pattern) if pattern and not pattern.startswith("#") else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _compile_bytecode(runtime: FunctionRuntime | None, root: Path, deployed: str) -> None:
    """Lambda cannot keep byte code, and would compile all modules anew at each cold start.

    That nobody compares it with its source ("unchecked") is because archives change the times.
    """
    python = _python(runtime)
    interpreter = _interpreter(python)
    if interpreter is None:
        click.echo(
            f"no python{python} here: the package works, but has no byte code, and starts in about "
            f"twice the time; install Python {python}, and make it again",
            err=True,
        )
        return
    subprocess.run(  # noqa: S603 - an interpreter, and our own folder
        [
            *(interpreter, "-P", "-m", "compileall", "-q", "--invalidation-mode"),
            *("unchecked-hash", "-s", str(root), "-p", deployed, str(root)),
        ],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,  # what does not compile is not needed, or says so when it is imported
    )
