"""Which version of a function answers: the newest, or one that a deployment leaves behind.

A version never changes, and an alias is at one until somebody moves it. SAM moves the alias that it
publishes; CDK makes a version for each change, and puts a digest into its logical id.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Elsewhere
from authorizer.cli.template.nodes import (
    Absent,
    Composite,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
)
from authorizer.cli.template.permissions import FUNCTION_TYPES, function_behind
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.template.reading import Reading, Resource

_LATEST = "$LATEST"
_WITH_DIGEST = re.compile(r"[0-9A-Fa-f]{32}\Z")
# What SAM makes of a function that publishes an alias.
_NEWEST = frozenset({"Alias", "Version"})


def why_it_stays(reading: Reading, node: Node) -> str | None:
    """Why the function that a name leads to may answer with old code; nothing where it may not."""
    values, _ = reading.resolver.branches(node)
    return next((why for value in values if (why := _why(reading, value))), None)


def _why(reading: Reading, value: Node) -> str | None:
    parts = value.parts if isinstance(value, Composite) else (value,)
    for number, part in enumerate(parts):
        if isinstance(part, Reference) and part.id in reading.resources:
            return _why_of(reading, part, parts[number + 1 :])
        if isinstance(getattr(part, "why", None), Elsewhere):
            return _why_numbered(parts[number + 1 :])
    text = "".join(part.text if isinstance(part, Text) else "*" for part in parts)
    named = re.search(r":function:[^:/]+(:[^/]+)", text)
    function = function_behind(reading, value)
    if named is None or not isinstance(function, str):
        return None
    return _why_qualified(reading, reading.resources[function], Text(value.place, named[1][1:]))


def _why_numbered(rest: tuple[Node, ...]) -> str | None:
    """Of a function in another template, which may move an alias of its own, but no version."""
    text = rest[0].text if rest and isinstance(rest[0], Text) else ""
    found = re.match(r":([0-9]+)(?=/|\Z)", text, re.ASCII)
    return f"version {clip(found[1])} is named, which never changes" if found else None


def _why_of(reading: Reading, found: Reference, rest: tuple[Node, ...]) -> str | None:
    resource = reading.resources[found.id]
    if resource.type == "AWS::Lambda::Version":
        return _why_version(resource)
    if resource.type == "AWS::Lambda::Alias":
        return _why_alias(reading, resource)
    if resource.type in FUNCTION_TYPES and found.attribute in _NEWEST:
        return _why_published(reading, resource)
    head = rest[0] if rest else None
    if not (isinstance(head, Text) and head.text.startswith(":")):
        return None
    qualifier = head.text[1:].partition("/")[0]
    if qualifier or len(rest) < 2:  # noqa: PLR2004 - the colon, and what follows
        return _why_qualified(reading, resource, Text(head.place, qualifier))
    return _why_qualified(reading, resource, rest[1])


def _why_qualified(reading: Reading, function: Resource, qualifier: Node) -> str | None:
    """Of a function that is named with a version or an alias."""
    published = reading.resolver.resolve(child(function.properties, "AutoPublishAlias"))
    if not isinstance(published, Absent) and _same(published, qualifier):
        return _why_published(reading, function)
    if not isinstance(qualifier, Text):
        return "the version or alias is known only when deployed"
    if qualifier.text == _LATEST:
        return None
    if qualifier.text.isdigit():
        return f"version {clip(qualifier.text)} is named, which never changes"
    for alias in reading.of_type("AWS::Lambda::Alias"):
        name = reading.resolver.resolve(child(alias.properties, "Name"))
        behind = function_behind(reading, child(alias.properties, "FunctionName"))
        if behind == function.id and _same(name, qualifier):
            return _why_alias(reading, alias)
    return f"nothing in this template moves the alias {clip(qualifier.text)}"


def _why_alias(reading: Reading, alias: Resource) -> str | None:
    if not isinstance(child(alias.properties, "RoutingConfig"), Absent):
        return f"alias {alias.id} sends a part of the calls to other versions"
    version = reading.resolver.resolve(child(alias.properties, "FunctionVersion"))
    if isinstance(version, Reference) and version.id in reading.resources:
        return _why_of(reading, version, ())
    if isinstance(version, Text) and version.text == _LATEST:
        return None
    at = clip(version.text) if isinstance(version, Text) else "one known only when deployed"
    return f"alias {alias.id} stays at version {at}"


def _why_version(version: Resource) -> str | None:
    if _WITH_DIGEST.search(version.id):
        return None
    return f"{version.id} is made once, and never changes"


def _why_published(reading: Reading, function: Resource) -> str | None:
    """SAM publishes a version when the code changes, unless a digest is written that stays."""
    digest = reading.resolver.branches(child(function.properties, "AutoPublishCodeSha256"))[0]
    return "a version is published only when AutoPublishCodeSha256 is changed" if digest else None


def _same(one: Node, other: Node) -> bool:
    if isinstance(one, Text) and isinstance(other, Text):
        return one.text == other.text
    both = isinstance(one, Unresolvable) and isinstance(other, Unresolvable)
    return both and getattr(one, "why", "") == getattr(other, "why", None)
