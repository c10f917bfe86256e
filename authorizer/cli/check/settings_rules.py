"""The settings of the policy's function: whether it starts with them, and what they let in.

The function itself is asked, by reading its settings as it does at its start. What is known only
when deployed is left out; a policy is at hand in place of the packed one.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import SETTINGS, our_authorizers
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.policy_file import compile_source
from authorizer.cli.template.choices import is_any
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.compiled import dump_policy
from authorizer.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import FunctionVariables, Template
    from authorizer.policy.model import Policy

_POOLS = "AUTHORIZER_USER_POOLS"
_POLICY = "AUTHORIZER_POLICY"
_ANY_POOL = "eu-west-1_AbCdEf123=client"
# What the package has where nothing else is said, by its name in the package, and in the function.
_PACKED = frozenset({"policy.json", "./policy.json", "/var/task/policy.json"})
_NO_SUCH_POOL = "is not among"
# In the names of settings that are for trying out only.
_RELAXING = "_INSECURE_"


def settings_refused(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T130: settings with which the function does not start."""
    seen: set[tuple[Location, str]] = set()
    packed = dump_policy(compile_source(source) | {"routes": []})
    for function, where in _functions(template):
        for problem in _problems(function, packed):
            name = problem.partition(":")[0]
            place = function.places.get(name, function.place)
            if (place, name) in seen:
                continue  # one thing that is wrong with a variable is enough to look at it
            seen.add((place, name))
            yield Finding(
                code="T130",
                severity=Severity.WARNING if where else Severity.ERROR,
                place=place,
                message=f"expected settings with which {clip(function.id)} starts, found{where} "
                f"{problem}",
                effect="the function refuses to start with them, so that every call of its routes "
                "is answered 500",
                fix="write the setting as the README has it, or remove it",
            )


def other_policies(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T131: functions that read another policy than the one that is packed with them."""
    seen: set[Location] = set()
    for function, where in _functions(template, any_value=True):
        value = function.variables.get(_POLICY, "policy.json")
        place = function.places.get(_POLICY, function.place)
        if (isinstance(value, str) and value in _PACKED) or place in seen:
            continue
        seen.add(place)
        found = clip(value) if isinstance(value, str) else f"one that is not decidable: {value.why}"
        yield Finding(
            code="T131",
            severity=Severity.WARNING if where else Severity.ERROR,
            place=place,
            message=f"expected {clip(function.id)} to read policy.json, which is made of this "
            f"policy, found{where} {found}",
            effect="another policy decides than the one that was checked, and nobody who reads "
            "this one learns of it",
            fix=f"remove {_POLICY}, or accept this and check the policy that is named there",
        )


def relaxing_settings(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T137: settings that are for emulators, in a template that is deployed."""
    seen: set[Location] = set()
    for function, where in _functions(template):
        for name in sorted(SETTINGS & function.variables.keys()):
            place = function.places.get(name, function.place)
            if _RELAXING not in name or place in seen:
                continue
            seen.add(place)
            yield Finding(
                code="T137",
                severity=Severity.WARNING,
                place=place,
                message=f"expected no setting for emulators on {clip(function.id)}, found{where} "
                f"{name}",
                effect="whoever answers in the place of that emulator says which tokens are "
                "genuine",
                fix="remove it from the template, and set it where the function is tried out",
            )


def _functions(
    template: Template, *, any_value: bool = False
) -> Iterator[tuple[FunctionVariables, str]]:
    """The policy's functions, by the defaults and in each deployment.

    Args:
        template: as read.
        any_value: whether to look at deployments, too, that choose what is not known.
    """
    yield from ((one, "") for one in _ours(template))
    for deployment in template.deployments:
        if not any_value and any(is_any(name, text) for name, text in deployment.chosen):
            continue
        values = " and ".join(f"{clip(name)} is {clip(text)}" for name, text in deployment.chosen)
        yield from ((one, f", where {values},") for one in _ours(deployment.template))


def _ours(template: Template) -> Iterator[FunctionVariables]:
    """Those that have settings at all: with none, they come from elsewhere."""
    asked = {authorizer.function for _, authorizer in our_authorizers(template)}
    for function in template.functions:
        has_settings = any(name.startswith(PREFIX) for name in function.variables)
        if function.id in asked and has_settings:
            yield function


def _problems(function: FunctionVariables, packed: bytes) -> list[str]:
    """What the function says of its variables, as far as they are known."""
    known = {name: value for name, value in function.variables.items() if isinstance(value, str)}
    environment = {**function.likely, **known}
    environment.pop(_POLICY, None)
    knows_pools = _POOLS in environment or (
        _POOLS not in function.variables and function.is_complete
    )
    if not knows_pools:
        environment[_POOLS] = _ANY_POOL
    with TemporaryDirectory() as folder:
        (Path(folder) / "policy.json").write_bytes(packed)
        try:
            Settings.from_environment(environment, Path(folder))
        except ConfigurationError as error:
            return [
                problem
                for problem in error.problems
                # What files say that are packed with the function is not for a template to tell.
                if folder not in problem and (knows_pools or _NO_SUCH_POOL not in problem)
            ]
    return []
