"""The Python and the processor that a template deploys a function on: its package must fit them.

A package holds compiled libraries, which load on one version of Python and one processor only. Both
must therefore be known before the deployment: what a parameter or a condition chooses is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.template.functions import FUNCTION_TYPES
from authorizer.cli.template.nodes import (
    Absent,
    Listing,
    Mapping,
    Node,
    Text,
    Unresolvable,
    child,
    has_all_entries,
)
from authorizer.cli.template.reader import read_document, read_resources
from authorizer.cli.template.reading import Reading, Resource
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


# Lambda's processors, and what pip calls a package for them. The oldest Amazon Linux that Lambda
# has for our versions of Python is older than what the later names ask for.
PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
# What Lambda takes where a template says nothing.
_DEFAULT_ARCHITECTURE = "x86_64"
# Which Lambda has, and requirements/lambda.txt has compiled libraries for. A newer one is tried
# before it is put here: pip would install a package for it that dies at its first import.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRuntime:
    """What a function runs on.

    Attributes:
        python: the version of Python, such as ``3.14``.
        architecture: Lambda's name of the processor.
    """

    python: str
    architecture: str

    @property
    def platform(self) -> str:
        """The processor and its system, as pip names them."""
        return PLATFORMS[self.architecture]


def function_runtime(path: Path, function: str) -> FunctionRuntime:
    """Read what a function of a template runs on, with what Globals say.

    Args:
        path: of the template.
        function: logical id.

    Raises:
        ConfigurationError: there is no such function, or a deployment decides what it runs on, or
            it is nothing that a package can be built for.
    """
    root = read_document(path, str(path))
    if not isinstance(root, Mapping) or "Resources" not in root.entries:
        raise ConfigurationError(
            [f"{root.location}: expected a template with Resources, found none"]
        )
    reading = Reading(root, path.parent)
    read_resources(reading, root)
    _require_globals(reading, root)
    resource = reading.resources.get(function)
    if resource is None or resource.type not in FUNCTION_TYPES:
        raise ConfigurationError([f"{path}: expected a function {clip(function)}, found none"])
    versions = [f"python{version}" for version in PYTHONS]
    one = f"one of {', '.join(versions)}, written as it is"
    python = _written(resource, "Runtime", versions, one)
    listed = " or ".join(f"[{platform}]" for platform in PLATFORMS)
    listed += ", written as it is, in Globals or in the function"
    return FunctionRuntime(
        python=python.removeprefix("python"),
        architecture=_written(resource, "Architectures", PLATFORMS, listed),
    )


def _require_globals(reading: Reading, root: Mapping) -> None:
    """Refuse Globals that come from elsewhere: what they say of functions is not known."""
    globals_ = reading.get(root, "Globals")
    for node in (globals_, reading.get(globals_, "Function")):
        if not has_all_entries(node):
            message = "expected Globals that are written in the template, found an include"
            raise ConfigurationError([f"{node.location}: {message}"])


def _written(function: Resource, name: str, allowed: Collection[str], expected: str) -> str:
    """A property that must stand there as it is: not decidable where an include may have it."""
    node = child(function.properties, name)
    if isinstance(node, Absent) and not has_all_entries(function.properties):
        node = Unresolvable(node.location, f"an include may have {name}")
    match name, node:
        case "Architectures", Absent():
            return _DEFAULT_ARCHITECTURE
        # Lambda refuses a list of two.
        case "Architectures", Listing(items=(Text(text=text),)) if text in allowed:
            return text
        case "Runtime", Text(text=text) if text in allowed:
            return text
    location = function.location if isinstance(node, Absent) else node.location
    message = f"expected {name}: {expected}, for a package that fits; found {_shown(node)}"
    raise ConfigurationError([f"{location}: {message}"])


def _shown(node: Node) -> str:
    match node:
        case Absent():
            return "none"
        case Text():
            return clip(node.text)
        case Listing():
            return f"[{', '.join(_shown(item) for item in node.items[:3])}]"
        case _:
            return "what only a deployment decides"
