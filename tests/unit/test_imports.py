"""The house's floor plan: who may import whom, and what an import may cost."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from naive_policy import NaivePolicy

import authorizer
from authorizer.cli.policy_file import dump_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "authorizer"
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
# The door from Lambda: what it has to do with Powertools, and nothing that decides.
AWS_LAMBDA = Path("authorizer/aws_lambda.py")
# Loaded by nobody who revokes no tokens: what reads the list of them.
REVOCATION = Path("authorizer/tokens/revocation.py")
# The authorizer in an application of somebody's: what it has to do with frameworks. It decides
# nothing, and neither a function nor the verifier loads it.
MIDDLEWARE = [path for path in MODULES if "middleware" in path.parts]
RUNTIME = [
    path for path in MODULES if "cli" not in path.parts and path not in {AWS_LAMBDA, *MIDDLEWARE}
]
HANDLERS = [
    AWS_LAMBDA,
    *sorted(path.relative_to(ROOT) for path in (ROOT / "handlers").glob("*.py")),
]
WINGS = ("tokens", "policy", "gateway")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file; ``a.b`` for ``from a import b``."""
    for node in ast.walk(ast.parse((ROOT / path).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def importers_of(library: str, paths: list[Path]) -> set[str]:
    return {
        path.as_posix()
        for path in paths
        if any(under(module, library) for module in imports_of(path))
    }


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("wing", WINGS)
def test_wings_do_not_import_one_another_to_run(wing: str) -> None:
    """Each wing answers one question; a type to annotate with is all it may borrow."""
    others = [f"authorizer.{other}" for other in WINGS if other != wing]
    for path in (PACKAGE / wing).glob("*.py"):
        tree = ast.parse(path.read_bytes())
        tree.body = [node for node in tree.body if not is_type_checking(node)]
        stripped = ast.unparse(tree)
        for node in ast.walk(ast.parse(stripped)):
            if isinstance(node, ast.ImportFrom):
                assert not under(str(node.module), *others), path
            elif isinstance(node, ast.Import):
                assert not any(under(alias.name, *others) for alias in node.names), path


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        pytest.param("errors.py", (), id="errors"),
        pytest.param("strict_json.py", (), id="strict_json"),
        pytest.param("deferral.py", (), id="deferral"),
    ],
)
def test_the_ground_floor_imports_nothing_of_ours(name: str, allowed: tuple[str, ...]) -> None:
    """Errors, JSON and what puts imports off lie below everything."""
    ours = {m for m in imports_of(Path("authorizer") / name) if under(m, "authorizer")}
    assert ours == set(allowed)


@pytest.mark.parametrize("wing", WINGS)
def test_wings_stand_on_the_ground_floor(wing: str) -> None:
    """A wing imports itself and the ground floor, and nothing that stands above it."""
    allowed = [f"authorizer.{name}" for name in (*WINGS, "errors", "strict_json", "deferral")]
    for path in RUNTIME:
        if path.parts[1] == wing:
            ours = [module for module in imports_of(path) if under(module, "authorizer")]
            assert [module for module in ours if not under(module, *allowed)] == [], path


@pytest.mark.parametrize("path", [*RUNTIME, *HANDLERS, *MIDDLEWARE], ids=str)
def test_nothing_that_ships_imports_the_command_line(path: Path) -> None:
    """``authorizer.cli`` is for building and trying out; it is not in the package."""
    assert not any(under(module, "authorizer.cli") for module in imports_of(path))


# The rooms of the command line, from the ground up: whoever imports, imports what is below.
# Modules of one line are beside one another, and do not know of one another.
FLOORS = (
    ("text", "location", "process"),
    ("yaml_source",),
    ("policy_file",),
    ("template",),
    ("options",),
    ("analysis",),
    ("account", "pages"),
    ("check", "compile", "diff", "event", "explain", "init", "keys", "matrix", "testing"),
    ("package", "playground"),
    ("local",),
    ("smoke",),
    ("main",),
    ("__main__",),
)
LEVELS = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
TOOLS = [path for path in MODULES if "cli" in path.parent.parts]
# What has no floor yet, as (room, room): this may only become less.
NOT_YET_DOWNWARD: frozenset[tuple[str, str]] = frozenset()


def room_of(module: str) -> str:
    """``check`` for ``authorizer.cli.check.finding``."""
    return module.split(".")[2]


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def test_the_rooms_of_the_command_line_stand_on_one_another() -> None:
    """Imports run downward, those for types included, and no room imports one beside it."""
    rooms = {
        (room_of(module_of(path)), room_of(module))
        for path in TOOLS
        for module in imports_of(path)
        if module.startswith("authorizer.cli.")
    }
    wrong = {(own, used) for own, used in rooms if own != used and LEVELS[used] >= LEVELS[own]}
    assert wrong <= NOT_YET_DOWNWARD


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Whoever reads a module can begin with what it imports, and comes to an end."""
    names = {module_of(path): path for path in MODULES}
    imports = {
        name: {own for own in _modules(path, names) if own != name} for name, path in names.items()
    }
    while leaves := {name for name, used in imports.items() if not used & imports.keys()}:
        imports = {name: used for name, used in imports.items() if name not in leaves}
    while roots := imports.keys() - set().union(*imports.values()):
        imports = {name: used for name, used in imports.items() if name not in roots}
    assert imports.keys() == set()


def _modules(path: Path, names: Mapping[str, Path]) -> Iterator[str]:
    for imported in imports_of(path):
        module = imported if imported in names else imported.rpartition(".")[0]
        if module in names:
            yield module


@pytest.mark.parametrize(
    ("library", "importer"),
    [
        ("jose", "authorizer/tokens/keys.py"),
        ("requests", "authorizer/tokens/fetch.py"),
        ("cachetools", "authorizer/tokens/verifier.py"),
        ("aws_lambda_powertools", REVOCATION.as_posix()),
        ("botocore", REVOCATION.as_posix()),
    ],
)
def test_each_dependency_has_one_door(library: str, importer: str) -> None:
    """What a library can do to us is dealt with in one module."""
    assert importers_of(library, RUNTIME) == {importer}


def test_powertools_belongs_to_the_handlers() -> None:
    """Whatever else is imported has the price of three dependencies, anywhere."""
    foreign = {
        module.partition(".")[0]
        for path in RUNTIME
        for module in imports_of(path)
        if module.partition(".")[0] not in sys.stdlib_module_names and path != REVOCATION
    }
    assert foreign == {"authorizer", "jose", "requests", "cachetools"}


@pytest.mark.parametrize(
    ("name", "libraries"),
    [("powertools", {"aws_lambda_powertools"}), ("starlette", {"starlette"})],
)
def test_middleware_is_one_module_for_each_framework(name: str, libraries: set[str]) -> None:
    """Who has one framework needs no other, and a plain handler none."""
    own = Path("authorizer/middleware") / f"{name}.py"
    foreign = {
        path: {module.partition(".")[0] for module in imports_of(path)} - sys.stdlib_module_names
        for path in MIDDLEWARE
    }
    assert foreign.pop(own) == {"authorizer", *libraries}
    assert all(libraries.isdisjoint(modules) for modules in foreign.values())


def test_nothing_that_ships_imports_middleware() -> None:
    """It is for applications; what an authorizer's function loads is not more for it."""
    for path in [*RUNTIME, *HANDLERS]:
        assert not any(under(module, "authorizer.middleware") for module in imports_of(path))


def modules_after(statement: str, **environment: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    finished = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        env={**_quiet_environment(), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(finished.stdout.split())


def _quiet_environment() -> dict[str, str]:
    """This process's environment without what would configure the authorizer or measure it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTHORIZER_", "POWERTOOLS_", "COV_", "AWS_"))
    }


def test_import_authorizer_is_cheap() -> None:
    """It loads what is asked for, and none of what the command line and the handlers need."""
    assert (
        modules_after("import authorizer") & {"jose", "requests", "authorizer.authorizer"} == set()
    )
    loaded = modules_after("from authorizer import Authorizer")

    assert "jose" in loaded
    assert (
        loaded
        & {
            *("click", "rich", "yaml", "boto3", "botocore", "pyotp"),
            *("aws_lambda_powertools", "samtranslator", "ministack", "handlers"),
            *("fastapi", "starlette", "authorizer.middleware"),
        }
        == set()
    )
    plain = modules_after("import authorizer.middleware.function")
    assert plain & {"aws_lambda_powertools", "starlette"} == set()


def test_the_handler_loads_nothing_that_only_tools_need(tmp_path: Path) -> None:
    """A cold start pays for Powertools, and not for an AWS client."""
    policy = tmp_path / "policy.json"
    policy.write_bytes(dump_policy(NaivePolicy().document()))
    loaded = modules_after(
        "import handlers.authorize",
        AUTHORIZER_USER_POOLS="eu-west-1_AbCdEfGhI=client",
        AUTHORIZER_POLICY=str(policy),
    )

    assert "aws_lambda_powertools" in loaded
    # Powertools imports the bare name botocore, where it is installed, to add a user agent to it:
    # under a millisecond. What costs is a session.
    assert {module for module in loaded if under(module, "botocore")} <= {"botocore"}
    assert loaded & {"boto3", "click", "rich", "yaml", "pyotp"} == set()
    assert "authorizer.tokens.revocation" not in loaded
    revoking = modules_after(
        "import handlers.authorize",
        AUTHORIZER_USER_POOLS="eu-west-1_AbCdEfGhI=client",
        AUTHORIZER_POLICY=str(policy),
        AUTHORIZER_REVOCATION_TABLE="revoked",
        AWS_DEFAULT_REGION="eu-west-1",
    )
    assert {"authorizer.tokens.revocation", "boto3"} <= revoking


# Of a dependency, what a cold start with shipped keys has no use for, by what would bring it.
DEFERRED = {
    "requests": ("requests", "urllib3", "charset_normalizer", "idna", "certifi", "http", "ssl"),
    "jose": ("cryptography.x509", "cryptography.hazmat.primitives.serialization", "ecdsa", "rsa"),
    "Powertools": (
        *("aws_lambda_powertools.tracing", "aws_lambda_powertools.event_handler", "jmespath"),
        *("aws_lambda_powertools.utilities.jmespath_utils", "typing_extensions"),
    ),
}
# Modules of all kinds, the standard library's among them, on any Python that we know.
MOST_MODULES_AT_START = 240


def test_the_handler_starts_without_what_it_does_not_use(tmp_path: Path) -> None:
    """A cold start is imports, and time is not what a test can hold on to: their number is."""
    policy = tmp_path / "policy.json"
    policy.write_bytes(dump_policy(NaivePolicy().document()))
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\nimport handlers.authorize\nprint(*sys.modules)"
    )
    finished = subprocess.run(
        # Without `site`, which may load something of its own.
        [sys.executable, "-I", "-S", "-c", program, str(ROOT), *filter(None, sys.path)],
        env={
            "AUTHORIZER_USER_POOLS": "eu-west-1_AbCdEfGhI=client",
            "AUTHORIZER_POLICY": str(policy),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(finished.stdout.split())

    assert {"jose.jwk", "aws_lambda_powertools.logging", "cachetools"} <= loaded
    for modules in DEFERRED.values():
        assert {name for name in loaded if under(name, *modules)} == set()
    assert len(loaded) <= MOST_MODULES_AT_START


def test_the_hello_handler_needs_the_standard_library_alone() -> None:
    """The sample backend ships without any dependency, and without the authorizer."""
    assert {name.partition(".")[0] for name in imports_of(Path("handlers/hello.py"))} <= (
        sys.stdlib_module_names
    )


def test_the_public_names_are_there() -> None:
    """What users import keeps its name."""
    promised = {
        *("AccessToken", "Authorizer", "AuthorizerError", "ConfigurationError", "Decision"),
        *("InvalidTokenError", "JwksCache", "KeySet", "KeysUnavailableError"),
        *("MalformedRequestError", "Policy", "Reason", "Request", "Settings", "TokenVerifier"),
        "UserPool",
    }
    assert promised <= set(authorizer.__all__)
    assert authorizer.__all__ == sorted(authorizer.__all__)
    assert all(hasattr(authorizer, name) for name in authorizer.__all__)
    assert not hasattr(authorizer, "import_module_of_nothing")


def statements_of(paths: list[Path]) -> int:
    """As `test_sizes` counts those of the command line: no docstrings, imports among them."""
    nodes = [node for path in paths for node in ast.walk(ast.parse((ROOT / path).read_text()))]
    docstrings = sum(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for node in nodes
    )
    return sum(isinstance(node, ast.stmt) for node in nodes) - docstrings


# All that the function is made of, and of that what decides who may. They may only become less.
MOST_STATEMENTS, MOST_OF_POLICY = 1_560, 364


def test_the_runtime_package_stays_small() -> None:
    """What decides about access can be read in one sitting."""
    policy = [path for path in RUNTIME if "policy" in path.parts]
    assert statements_of([*RUNTIME, AWS_LAMBDA]) <= MOST_STATEMENTS
    assert statements_of(policy) <= MOST_OF_POLICY


# Apart from the runtime: an application that has middleware has all of that besides.
MOST_STATEMENTS_OF_MIDDLEWARE = 110


def test_middleware_stays_small() -> None:
    """It puts a question and gives an answer, and does nothing else."""
    assert statements_of(MIDDLEWARE) <= MOST_STATEMENTS_OF_MIDDLEWARE
