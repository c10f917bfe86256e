"""Functions: whether the policy's starts with its settings, and other ways to those behind routes.

The policy's function itself is asked, by reading its settings as it does at its start. What is
known only when deployed is left out; a policy is at hand in place of the packed one. Whoever comes
another way than the API's calls a guarded function and is asked nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    SETTINGS,
    DecidedBy,
    RouteProtection,
    our_authorizers,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file import compile_source, dump_policy
from authorizer.cli.template.model import (
    ApiKind,
    Deployment,
    DoorKind,
    FunctionVariables,
    Template,
    Unknown,
)
from authorizer.cli.template.parameters import is_any
from authorizer.errors import ConfigurationError
from authorizer.settings import PREFIX, SettingsReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authorizer.cli.analysis.api import TemplateAnalysis
    from authorizer.cli.location import Location

_POOLS = "AUTHORIZER_USER_POOLS"
_POLICY = "AUTHORIZER_POLICY"
_ANY_POOL = "eu-west-1_AbCdEf123=client"
# What the package has where nothing else is said, by its name in the package, and in the function.
_PACKED = frozenset({"policy.json", "./policy.json", "/var/task/policy.json"})
# In the names of settings that are for trying out only.
_RELAXING = "_INSECURE_"
_DOORS = {
    DoorKind.URL: ("T134", ""),
    DoorKind.SERVICE: ("T135", ""),
    DoorKind.STACK: ("T135", "stack"),
    DoorKind.PERMISSION: ("T136", ""),
}
# The variable that is wrong, where it is one alone, and what else there is to say of it.
_Wrong = tuple[str | None, dict[str, object]]


def settings_refused(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T130: settings with which the function does not start."""
    packed = dump_policy(compile_source(analysis.source) | {"routes": []})
    yield from _wrong_settings("T130", analysis, lambda function: _problems(function, packed))


def other_policies(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T131: functions that read another policy than the one that is packed with them."""
    yield from _wrong_settings("T131", analysis, _other_policy, any_value=True)


def relaxing_settings(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T137: settings that are for emulators, in a template that is deployed."""
    yield from _wrong_settings("T137", analysis, _relaxing, variant="")


def _wrong_settings(
    code: str,
    analysis: TemplateAnalysis,
    wrong: Callable[[FunctionVariables], Iterable[_Wrong]],
    *,
    any_value: bool = False,
    variant: str = "deployment",
) -> Iterator[Finding]:
    """What is wrong with settings of the policy's functions, by the defaults or in a deployment.

    One thing that is wrong with a variable is enough to look at it.

    Args:
        code: of the findings.
        analysis: of the template.
        wrong: what is wrong with those of one function.
        any_value: whether to look at deployments, too, that choose what is not known.
        variant: of the finding where a deployment chooses what is wrong.
    """
    template = analysis.template
    seen: set[tuple[Location, str]] = set()
    for deployment in (Deployment(chosen=(), template=template), *template.deployments):
        if not any_value and any(is_any(name, text) for name, text in deployment.chosen):
            continue
        for function in _ours(deployment.template):
            for name, facts in wrong(function):
                location = function.locations.get(name or "", function.location)
                known = location, name or str(facts)
                if known not in seen:
                    seen.add(known)
                    yield Finding.of(
                        code,
                        location,
                        variant if deployment.chosen else "",
                        function=function.id,
                        chosen=deployment.chosen,
                        setting=name,
                        **facts,
                    )


def _ours(template: Template) -> Iterator[FunctionVariables]:
    """Those that have settings at all: with none, they come from elsewhere."""
    asked = {authorizer.function for _, authorizer in our_authorizers(template)}
    for function in template.functions:
        has_settings = any(name.startswith(PREFIX) for name in function.variables)
        if function.id in asked and has_settings:
            yield function


def _problems(function: FunctionVariables, packed: bytes) -> Iterator[_Wrong]:
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
        reader = SettingsReader(environment, Path(folder))
        with suppress(ConfigurationError):
            reader.read()
    for problem in reader.problems:
        # What files say that are packed with the function is not for a template to tell.
        if problem.beside is None or (problem.beside == _POOLS and knows_pools):
            yield problem.name, {"problem": problem.text}


def _other_policy(function: FunctionVariables) -> Iterator[_Wrong]:
    value = function.variables.get(_POLICY, "policy.json")
    if value not in _PACKED:
        yield _POLICY, {"value": value}


def _relaxing(function: FunctionVariables) -> Iterator[_Wrong]:
    yield from ((name, {}) for name in SETTINGS & function.variables.keys() if _RELAXING in name)


def doors_beside(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T134, T135, T136: other ways to the functions of guarded routes."""
    routes = _routes_by_backend(analysis.protections)
    of_any = next((key for function, key in routes.items() if isinstance(function, Unknown)), None)
    asked = {one.function for api in analysis.template.apis for one in api.authorizers}
    for door in analysis.template.doors:
        key = routes.get(door.function)
        # What is not known may be any of them, but for the one that an authorizer asks.
        if key is None and door.function not in asked:
            is_any_function = isinstance(door.function, Unknown) and door.kind is not DoorKind.STACK
            key = next(iter(routes.values()), None) if is_any_function else of_any
        if key is not None:
            code, variant = _DOORS[door.kind]
            yield Finding.of(
                code, door.location, variant, function=door.function, route=key, door=door.what
            )


def _routes_by_backend(protections: Iterable[RouteProtection]) -> dict[str | Unknown, str]:
    """The key of the first guarded route, by the function that answers it."""
    found: dict[str | Unknown, str] = {}
    for protection in protections:
        # Whatever comes over a connection is guarded with it.
        api = protection.api
        later = api.routes if api.kind is ApiKind.WEBSOCKET else ()
        for route in (protection.route, *later):
            if protection.decided_by is not DecidedBy.NOBODY and route.backend is not None:
                found.setdefault(route.backend, route.key)
    return found
