"""Functions: whether the policy's starts with its settings, and other ways to those behind routes.

The policy's function itself is asked, by reading its settings as it does at its start. What is
known only when deployed is left out; a policy is at hand in place of the packed one. Whoever comes
another way than the API's calls a guarded function and is asked nothing.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    SETTINGS,
    DecidedBy,
    our_authorizers,
    route_protections,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file import compile_source, dump_policy
from authorizer.cli.template.model import ApiKind, DoorKind, Unknown
from authorizer.cli.template.parameters import is_any
from authorizer.errors import ConfigurationError
from authorizer.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import FunctionVariables, Template
    from authorizer.policy.decision import Policy

_POOLS = "AUTHORIZER_USER_POOLS"
_POLICY = "AUTHORIZER_POLICY"
_ANY_POOL = "eu-west-1_AbCdEf123=client"
# What the package has where nothing else is said, by its name in the package, and in the function.
_PACKED = frozenset({"policy.json", "./policy.json", "/var/task/policy.json"})
_NO_SUCH_POOL = "is not among"
# In the names of settings that are for trying out only.
_RELAXING = "_INSECURE_"
_DOORS = {
    DoorKind.URL: ("T134", ""),
    DoorKind.SERVICE: ("T135", ""),
    DoorKind.STACK: ("T135", "stack"),
    DoorKind.PERMISSION: ("T136", ""),
}
# The names and values that a deployment chooses; none for the one by the defaults.
_Chosen = tuple[tuple[str, str], ...]


def settings_refused(
    source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T130: settings with which the function does not start."""
    seen: set[tuple[Location, str]] = set()
    packed = dump_policy(compile_source(source) | {"routes": []})
    for function, chosen in _functions(template):
        for problem in _problems(function, packed):
            name = problem.partition(":")[0]
            place = function.places.get(name, function.place)
            if (place, name) in seen:
                continue  # one thing that is wrong with a variable is enough to look at it
            seen.add((place, name))
            yield Finding.of(
                "T130",
                place,
                _variant(chosen),
                problem=problem,
                function=function.id,
                chosen=chosen,
                setting=name,
            )


def other_policies(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T131: functions that read another policy than the one that is packed with them."""
    seen: set[Location] = set()
    for function, chosen in _functions(template, any_value=True):
        value = function.variables.get(_POLICY, "policy.json")
        place = function.places.get(_POLICY, function.place)
        if value in _PACKED or place in seen:
            continue
        seen.add(place)
        yield Finding.of(
            "T131",
            place,
            _variant(chosen),
            value=value,
            function=function.id,
            chosen=chosen,
            setting=_POLICY,
        )


def relaxing_settings(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T137: settings that are for emulators, in a template that is deployed."""
    seen: set[Location] = set()
    for function, chosen in _functions(template):
        for name in sorted(SETTINGS & function.variables.keys()):
            place = function.places.get(name, function.place)
            if _RELAXING in name and place not in seen:
                seen.add(place)
                yield Finding.of("T137", place, function=function.id, chosen=chosen, setting=name)


def _variant(chosen: _Chosen) -> str:
    return "deployment" if chosen else ""


def _functions(
    template: Template, *, any_value: bool = False
) -> Iterator[tuple[FunctionVariables, _Chosen]]:
    """The policy's functions, by the defaults and in each deployment.

    Args:
        template: as read.
        any_value: whether to look at deployments, too, that choose what is not known.
    """
    yield from ((function, ()) for function in _ours(template))
    for deployment in template.deployments:
        if any_value or not any(is_any(name, text) for name, text in deployment.chosen):
            yield from ((function, deployment.chosen) for function in _ours(deployment.template))


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


def doors_beside(_source: SourcePolicy, _policy: Policy, template: Template) -> Iterator[Finding]:
    """T134, T135, T136: other ways to the functions of guarded routes."""
    routes = _routes_by_backend(template)
    by_any = next((keys for function, keys in routes.items() if isinstance(function, Unknown)), {})
    asked = {one.function for api in template.apis for one in api.authorizers}
    for door in template.doors:
        keys = routes.get(door.function, {})
        # What is not known may be any of them, but for the one that an authorizer asks.
        if not keys and door.function not in asked:
            is_any_function = isinstance(door.function, Unknown) and door.kind is not DoorKind.STACK
            keys = next(iter(routes.values()), {}) if is_any_function else by_any
        for key in list(keys)[:1]:
            code, variant = _DOORS[door.kind]
            yield Finding.of(
                code, door.place, variant, function=door.function, route=key, door=door.what
            )


def _routes_by_backend(template: Template) -> dict[str | Unknown, dict[str, None]]:
    """The keys of guarded routes, by the function that answers them."""
    found: dict[str | Unknown, dict[str, None]] = defaultdict(dict)
    for protection in route_protections(template):
        if protection.decided_by is DecidedBy.NOBODY:
            continue
        # Whatever comes over a connection is guarded with it.
        api = protection.api
        later = api.routes if api.kind is ApiKind.WEBSOCKET else ()
        for route in (protection.route, *later):
            if route.backend is not None:
                found[route.backend][route.key] = None
    return dict(found)
