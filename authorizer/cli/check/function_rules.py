"""Authorizers and their functions: whether they can be asked, whose they are, and how they start.

The policy's function itself is asked, by reading its settings as it does at its start. What is
known only when deployed is left out; a policy is at hand in place of the packed one. Whoever comes
another way than the API's calls a guarded function and is asked nothing. Where only a deployment
decides that, it is said; what of the template is a mistake, T003 tells.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    LAMBDA_KINDS,
    SETTINGS,
    DecidedBy,
    RouteProtection,
    answers_simply,
    our_authorizers,
)
from authorizer.cli.check.finding import Finding
from authorizer.cli.policy_file import compile_source, dump_policy
from authorizer.cli.template.authorizers import VERSIONS
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    Deployment,
    DoorKind,
    FunctionVariables,
    Mistake,
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

# A function's newest code, with nothing left open.
_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+", re.ASCII)
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


def missing_permissions(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T101: Lambda authorizers that API Gateway has no permission to invoke."""
    return (
        Finding.of("T101", authorizer.location, api=api.id, authorizer=authorizer.name)
        for api, authorizer in _lambda_authorizers(analysis.template)
        if authorizer.may_be_invoked is False
    )


def payload_versions(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T102, T103, T150: payload versions that are none, or cannot have simple responses."""
    for api, authorizer in _lambda_authorizers(analysis.template):
        if api.kind is not ApiKind.HTTP:
            continue
        name, version = authorizer.name, authorizer.payload_version
        location = authorizer.payload_version_location or authorizer.location
        is_text = authorizer.payload_version_is_text
        if version not in VERSIONS and (is_text or not isinstance(version, str)):
            given = "given" if isinstance(version, Unknown) else ""
            yield Finding.of("T150", location, given, authorizer=name, version=version)
        if not is_text:
            number = version if isinstance(version, str) else "a number"
            yield Finding.of("T102", location, authorizer=name, version=number)
        if version == "1.0" and authorizer.simple_responses is True:
            yield Finding.of("T103", _simple_location(authorizer), authorizer=name)


def answers_at_odds(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T104: a function that answers in another format than its HTTP API was told."""
    for api, authorizer in our_authorizers(analysis.template):
        if api.kind is not ApiKind.HTTP or authorizer.payload_version != "2.0":
            continue
        simple = authorizer.simple_responses
        is_simple = answers_simply(analysis.template, authorizer)
        if is_simple is not None and isinstance(simple, bool) and simple != is_simple:
            iam = "" if is_simple else "iam"
            yield Finding.of("T104", _simple_location(authorizer), iam, authorizer=authorizer.name)


def functions_not_redeployed(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T132: authorizers that may ask an old version of the function."""
    return (
        Finding.of("T132", _function_location(one), authorizer=one.name, why=one.stays)
        for _, one in our_authorizers(analysis.template)
        if one.stays is not None
    )


def unresolved_protections(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """T050: routes of which a deployment decides who guards them, if anybody does."""
    for protection in filter(is_unresolved, analysis.protections):
        route = protection.route
        if not isinstance(route.authorizer, Unknown):
            yield Finding.of(
                "T050",
                route.location,
                "no such authorizer",
                route=route.key,
                api=protection.api.id,
                authorizer=route.authorizer,
            )
        elif not isinstance(route.authorizer.why, Mistake):
            yield Finding.of("T050", route.location, route=route.key, why=route.authorizer.why)


def is_unresolved(protection: RouteProtection) -> bool:
    """Whether it is not known which authorizer a route has. X130 is about one that is known."""
    return protection.decided_by is DecidedBy.UNKNOWN and protection.authorizer is None


def functions_not_known(analysis: TemplateAnalysis) -> Iterator[Finding]:
    """X130: authorizers of which it is not known whether they ask the policy's function."""
    may_be_ours = {
        id(protection.authorizer): (protection, protection.authorizer)
        for protection in analysis.protections
        if protection.decided_by in (DecidedBy.POLICY, DecidedBy.UNKNOWN)
        and protection.authorizer is not None
    }
    for protection, authorizer in may_be_ours.values():
        yield from _not_known(protection, authorizer)


def _not_known(protection: RouteProtection, authorizer: Authorizer) -> Iterator[Finding]:
    """Why an authorizer may ask another function than the policy's."""
    location, name = _function_location(authorizer), authorizer.name
    for fact in (authorizer.kind, authorizer.function):
        if isinstance(fact, Unknown):
            if not isinstance(fact.why, Mistake):  # of which T003 tells
                yield Finding.of("X130", location, authorizer=name, why=fact.why)
            return
    if authorizer.function is None:
        note = "note" if _is_written_out(protection, authorizer) else ""
        yield Finding.of(
            "X130", location, "elsewhere", note, authorizer=name, function=authorizer.elsewhere
        )
    elif protection.decided_by is not DecidedBy.POLICY:
        function = authorizer.function
        yield Finding.of("X130", location, "several", authorizer=name, function=function)


def _is_written_out(protection: RouteProtection, authorizer: Authorizer) -> bool:
    """Whether a definition that stands alone names one function in full: no deployment decides."""
    is_only_one = protection.api.stands_alone and protection.decided_by is DecidedBy.POLICY
    return is_only_one and _ARN.fullmatch(authorizer.elsewhere or "") is not None


def _lambda_authorizers(template: Template) -> Iterator[tuple[Api, Authorizer]]:
    apis = template.apis
    return ((api, one) for api in apis for one in api.authorizers if one.kind in LAMBDA_KINDS)


def _function_location(authorizer: Authorizer) -> Location:
    return authorizer.function_location or authorizer.location


def _simple_location(authorizer: Authorizer) -> Location:
    return authorizer.simple_responses_location or authorizer.location


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
    ours = (function for function in template.functions if function.id in asked)
    return (one for one in ours if any(name.startswith(PREFIX) for name in one.variables))


def _problems(function: FunctionVariables, packed: bytes) -> Iterator[_Wrong]:
    """What the function says of its variables, as far as they are known."""
    # A name that is no setting's is wrong whatever its value turns out to be.
    known = {
        name: value if isinstance(value, str) else ""
        for name, value in function.variables.items()
        if isinstance(value, str) or name not in SETTINGS
    }
    environment = {**known, **function.likely}
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


def _other_policy(function: FunctionVariables) -> list[_Wrong]:
    value = function.variables.get(_POLICY, "policy.json")
    return [] if value in _PACKED else [(_POLICY, {"value": value})]


def _relaxing(function: FunctionVariables) -> list[_Wrong]:
    return [(name, {}) for name in SETTINGS & function.variables.keys() if _RELAXING in name]


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
