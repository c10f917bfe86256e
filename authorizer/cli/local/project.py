"""The checkout that runs here: what its template, its policy and its tests say of it.

Who signs in to the local stack, what they ask for and what must come of it follows from this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from authorizer.cli.analysis.cases import Case, read_cases
from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.analysis.protection import our_authorizers
from authorizer.cli.analysis.simulator import Simulator, simulator_of
from authorizer.cli.policy_file import load_source
from authorizer.cli.template.choice import chosen_api
from authorizer.cli.template.model import Api, ApiKind, Template
from authorizer.cli.template.reader import read_template
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authorizer.cli.event.samples import Sample
    from authorizer.cli.policy_file.source import SourcePolicy

TEMPLATE, POLICY = "template.yaml", "policy.yaml"
# What `make package` builds into.
PACKAGES = "build/local"
# Both the tools that sign in and the local stack read these of a deployed stack.
OUTPUTS = ("ApiUrl", "UserPoolId", "UserPoolClientId")
_ELSEWHERE = "try your own with 'authorizer event FILE --invoke' and 'sam local'"


class LocalStackError(Exception):
    """The local stack cannot go on. The text says what happened and, where known, what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the template calls the parts of the API.

    Attributes:
        source: as it is read for the tools.
        api: logical id of the HTTP API.
        pool: of the user pool.
        authorizer: of the function that the policy's routes ask.
        backends: of the functions behind them, in the order of the routes.
        groups: names of the groups that the template makes.
        handlers: of functions, by logical id.
    """

    source: tuple[Template, Api]
    api: str
    pool: str
    authorizer: str
    backends: tuple[str, ...]
    groups: tuple[str, ...]
    handlers: Mapping[str, str]

    def function_for(self, sample: Sample) -> str:
        """The logical id of the function that gets such an event."""
        return self.backends[0] if sample.is_for_hello else self.authorizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is played on the local stack, and by whom.

    Attributes:
        groups: of the user pool: the template's, or where it makes none, the policy's.
        tests: the cases of the policy and its files of tests.
    """

    parts: Parts
    policy: SourcePolicy
    simulator: Simulator
    groups: tuple[str, ...]
    tests: tuple[Case, ...]


def read_project(folder: Path) -> Project:
    """Read policy, template and tests.

    Raises:
        LocalStackError: the template is none that can be played, or a package is missing.
        ConfigurationError: something in them is wrong.
    """
    parts = read_parts(folder)
    for function in (parts.authorizer, *parts.backends):
        package_of(folder, function, parts.handlers.get(function))
    policy = load_source(folder / POLICY)
    return Project(
        parts=parts,
        policy=policy,
        simulator=simulator_of(NamedPolicy(source=policy), parts.source),
        groups=parts.groups or tuple(group.name for group in policy.groups),
        tests=tuple(read_cases(policy, folder / POLICY, may_be_none=True)),
    )


def read_parts(folder: Path) -> Parts:
    """What is where in the template.

    Raises:
        LocalStackError: it lacks what the local stack needs.
        ConfigurationError: it cannot be read.
    """
    outputs = load_template(folder / TEMPLATE).get("Outputs")
    _require("output", OUTPUTS, list(outputs) if isinstance(outputs, dict) else [])
    template = read_template(folder / TEMPLATE)
    api = chosen_api(template)
    _require("API of kind", (ApiKind.HTTP,), [api.kind])
    asked = [authorizer.function for own, authorizer in our_authorizers(template) if own is api]
    functions = [function for function in asked if isinstance(function, str)]
    backends = dict.fromkeys(
        route.backend for route in api.routes if isinstance(route.backend, str)
    )
    for what, found in (
        ("authorizer function", functions),
        ("function behind a route", backends),
        ("user pool", template.pools),
    ):
        if not found:
            raise LocalStackError(
                f"expected a {what} in {TEMPLATE}, found none: the local stack plays an API with "
                f"the policy's authorizer; {_ELSEWHERE}"
            )
    return Parts(
        source=(template, api),
        api=api.id,
        pool=template.pools[0].id,
        authorizer=functions[0],
        backends=tuple(dict.fromkeys(backends)),
        groups=tuple(group.name for group in template.groups if isinstance(group.name, str)),
        handlers={one.id: one.code[0] for one in template.functions if one.code},
    )


def _require(what: str, names: tuple[str, ...], found: list[str]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise LocalStackError(
            f"expected the {what} {' and '.join(missing)} in {TEMPLATE}, found "
            f"{clip(', '.join(map(str, found)) or 'none')}: the local stack needs it; {_ELSEWHERE}"
        )


def load_template(path: Path) -> dict[str, Any]:
    """The template with every short form (``!Ref``) in its long one.

    Raises:
        LocalStackError: it is not there, or not a YAML mapping.
    """
    try:
        template = yaml_parse(path.read_text("utf-8"))
    except OSError as error:
        hint = "run this in a clone of the project, or a folder with a template like its own"
        raise LocalStackError(f"cannot read {path}: {error.strerror}; {hint}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LocalStackError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(template, dict):
        raise LocalStackError(f"expected a mapping in {path}, found {type(template).__name__}")
    return template


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
