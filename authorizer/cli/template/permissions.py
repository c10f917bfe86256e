"""Which function is behind a name, and whether API Gateway may invoke it."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Elsewhere, Unknown
from authorizer.cli.template.nodes import Absent, Composite, Node, Reference, Text, Undecidable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.template.reading import Reading, Resource

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_API, _UNDECIDED = "api", "<>"
_INVOKE_ACTIONS = ("lambda:InvokeFunction", "lambda:*", "*")


def function_behind(reading: Reading, node: Node) -> str | Unknown | None:
    """The logical id of the function that a name, an ARN or an invocation URI leads to."""
    value = reading.resolver.resolve(node)
    if isinstance(value, Undecidable):
        return Unknown(value.why)
    parts = value.parts if isinstance(value, Composite) else (value,)
    found = {_function(reading, part.id) for part in parts if isinstance(part, Reference)}
    found.discard(None)
    if len(found) == 1:
        return found.pop()
    if len(found) > 1:
        return Unknown("it names more than one function")
    named = _function_named(reading, parts)
    unknown = [part for part in parts if isinstance(part, Undecidable)]
    for part in unknown:
        if named is None and not part.why.startswith("AWS::"):
            return Unknown(part.why)
    return named


def steady_function(reading: Reading, node: Node) -> str | Unknown | None:
    """The same, of a name that must lead to one function in every deployment."""
    values, _ = reading.resolver.branches(node)
    found = {function_behind(reading, value) for value in values}
    why = reading.resolver.varies(node)
    is_decided_within = why is not None and any(reading.resolver.varies(one) for one in values)
    if why is not None and (is_decided_within or len(values) < 2 or len(found) > 1):  # noqa: PLR2004 - two sides
        return Unknown(why)
    return found.pop() if found else None


def functions_behind(reading: Reading, node: Node) -> set[str | Unknown]:
    """The functions that a name may lead to, in one deployment or another: all but foreign ones."""
    values, _ = reading.resolver.branches(node)
    found = {function_behind(reading, value) for value in values}
    return {one for one in found if one is not None}


def backend_behind(reading: Reading, node: Node) -> str | Unknown | None:
    """The function that an integration's target leads to, also by its URL."""
    value = reading.resolver.resolve(node)
    parts = value.parts if isinstance(value, Composite) else (value,)
    for part in parts:
        url = reading.resources.get(part.id) if isinstance(part, Reference) else None
        if url is not None and url.type == "AWS::Lambda::Url":
            node = reading.resolver.get(url.properties, "TargetFunctionArn")
    found = functions_behind(reading, node)
    known = min((one for one in found if isinstance(one, str)), default=None)
    elsewhere = [
        one for one in found if isinstance(one, Unknown) and isinstance(one.why, Elsewhere)
    ]
    return known or next(iter(elsewhere), None)


def account_given(reading: Reading, node: Node) -> str | None:
    """Why only a deployment tells whose account an ARN's is; nothing where it is written."""
    for value in reading.resolver.branches(node)[0]:
        parts = value.parts if isinstance(value, Composite) else (value,)
        before: Node = value
        for part in parts:
            is_after = isinstance(part, Text) and part.text.startswith(":function:")
            if is_after and isinstance(before, Undecidable) and not before.why.startswith("AWS::"):
                return before.why
            before = part
    return None


def name_elsewhere(reading: Reading, node: Node) -> str:
    """The name of a function that is none of this template's, as far as it is written out."""
    value = reading.resolver.resolve(node)
    parts = value.parts if isinstance(value, Composite) else (value,)
    text = "".join(part.text if isinstance(part, Text) else "*" for part in parts)
    arn = re.search(r"[^/]*:function:[^/]*", text)
    return arn[0] if arn else text


def _function(reading: Reading, logical_id: str) -> str | Unknown | None:
    resource = reading.resources.get(logical_id)
    if resource is None:
        return None
    if resource.type in {"AWS::Lambda::Alias", "AWS::Lambda::Version"}:
        name = reading.resolver.get(resource.properties, "FunctionName")
        return function_behind(reading, name)
    return logical_id if resource.type in FUNCTION_TYPES else None


def _function_named(reading: Reading, parts: Iterable[Node]) -> str | None:
    """A function of this template whose name stands in an ARN, in the same words."""
    unknown: dict[str, str] = {}
    text = _in_words(parts, unknown)
    match = re.search(r":function:([A-Za-z0-9_<>-]+)(?=[:/]|\Z)", text, re.ASCII)
    wanted = match[1] if match else text
    for resource in reading.of_type(*FUNCTION_TYPES):
        name = reading.resolver.get(resource.properties, "FunctionName")
        own = name.parts if isinstance(name, Composite) else (name,)
        if wanted and isinstance(name, Text | Composite) and _in_words(own, unknown) == wanted:
            return resource.id
    return None


def _in_words(parts: Iterable[Node], unknown: dict[str, str]) -> str:
    """A text with a word for each thing that is known only when deployed, the same for the same."""
    words = []
    for part in parts:
        if isinstance(part, Text):
            words.append(part.text)
        else:
            what = str(getattr(part, "id", "") or getattr(part, "why", ""))
            words.append(unknown.setdefault(what, f"<{len(unknown)}>"))
    return "".join(words)


def may_be_invoked(reading: Reading, function: str | Unknown | None, api: str) -> bool | Unknown:
    """Whether an ``AWS::Lambda::Permission`` lets an API's authorizers invoke a function."""
    if isinstance(function, Unknown):
        return function
    if function is None:
        return Unknown("the function and its permissions are not in this template")
    answer: bool | Unknown = False
    for permission in reading.of_type("AWS::Lambda::Permission"):
        permits = _permits(reading, permission, function, api)
        if permits is True:
            return True
        answer = permits or answer
    return answer


def _permits(reading: Reading, permission: Resource, function: str, api: str) -> bool | Unknown:
    properties, resolver = permission.properties, reading.resolver
    behind = function_behind(reading, resolver.get(properties, "FunctionName"))
    principal = resolver.text(resolver.get(properties, "Principal"))
    action = resolver.text(resolver.get(properties, "Action"))
    if isinstance(behind, str) and behind != function:
        return False
    for known, allowed in (
        (principal, ("apigateway.amazonaws.com", "*")),
        (action, _INVOKE_ACTIONS),
    ):
        if isinstance(known, str) and known not in allowed:
            return False
    covers = _covers(resolver.get(properties, "SourceArn"), api)
    if covers is not True:
        return covers
    unknown = [one for one in (behind, principal, action) if isinstance(one, Unknown)]
    if unknown:
        return unknown[0]
    why = permission.depends_on or resolver.varies(properties)
    return behind == function and (Unknown(why) if why else True)


def _covers(source: Node, api: str) -> bool | Unknown:
    """Whether a permission's ``SourceArn`` covers ``<api>/authorizers/<id>``."""
    if isinstance(source, Absent):
        return True
    if isinstance(source, Undecidable):
        return Unknown(source.why)
    parts = source.parts if isinstance(source, Composite) else (source,)
    resource = "".join(_as_pattern(part) for part in parts).split(":", 5)[-1]
    # A name that only the deployment knows is a name, and no wildcard, but for this API's.
    pattern = resource.replace("[", "[[]").replace(f"<{api}>", _API)
    pattern = re.sub(r"(?<=/authorizers/)<[^<>]+>\Z", "0", pattern)
    if fnmatchcase(f"{_API}/authorizers/0", pattern):
        return True
    if fnmatchcase(f"{_API}/authorizers/0", pattern.replace(_UNDECIDED, "*")):
        return Unknown("its SourceArn is known only when deployed")
    return False


def _as_pattern(part: Node) -> str:
    if isinstance(part, Text):
        return part.text
    return f"<{part.id}>" if isinstance(part, Reference) else _UNDECIDED
