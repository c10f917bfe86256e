"""Which function is behind a name, whether API Gateway may invoke it, and which version answers.

A version never changes, and an alias is at one until somebody moves it. SAM moves the alias that it
publishes; CDK makes a version for each change, and puts a digest into its logical id.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from hashlib import sha256

from authorizer.cli.template.model import Cause, Elsewhere, Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Composite,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
    parts_of,
    spelled,
    why_given,
)
from authorizer.cli.template.parameters import is_any
from authorizer.cli.template.reading import Reading, Resource
from authorizer.errors import clip

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_API, _UNDECIDED = "api", "<>"
_API_GATEWAY = ("apigateway.amazonaws.com", "*")
_INVOKE_ACTIONS = ("lambda:InvokeFunction", "lambda:*", "*")
# What API Gateway puts there, of the stage that is called.
_STAGE_VARIABLE = "${stageVariables."
_OWN = ("<Region>", "<AccountId>")
_LATEST = "$LATEST"
_WITH_DIGEST = re.compile(r"[0-9A-Fa-f]{32}\Z")
# What SAM makes of a function that publishes an alias.
_NEWEST = frozenset({"Alias", "Version"})


def function_behind(reading: Reading, node: Node) -> str | Unknown | None:
    """The logical id of the function that a name, an ARN or an invocation URI leads to."""
    value = reading.resolve(node)
    if isinstance(value, Unresolvable):
        return Unknown(value.why)
    found = {_function(reading, reading.resource_of(part)) for part in parts_of(value)} - {None}
    if len(found) > 1:
        return Unknown("it names more than one function")
    return next(iter(found), _function_named(reading, value)) or _why_not_named(reading, value)


def steady_function(reading: Reading, node: Node) -> str | Unknown | None:
    """The same, of a name that must lead to one function in every deployment."""
    values, _ = reading.branches(node)
    found = {function_behind(reading, value) for value in values}
    why = reading.varies(node)
    is_decided_within = why is not None and any(reading.varies(value) for value in values)
    function = next(iter(found), None)
    if why is None or not (is_decided_within or len(values) < 2 or len(found) > 1):  # noqa: PLR2004 - two sides
        why = _account_given(reading, node) if isinstance(function, str) else None
    return Unknown(why) if why is not None else function


def functions_behind(reading: Reading, node: Node) -> set[str | Unknown]:
    """The functions that a name may lead to, in one deployment or another: all but foreign ones."""
    found = (function_behind(reading, value) for value in reading.branches(node)[0])
    return {function for function in found if function is not None}


def backend_behind(reading: Reading, node: Node) -> str | Unknown | None:
    """The function that an integration's target leads to, also by its URL."""
    parts = parts_of(reading.resolve(node))
    for url in map(reading.resource_of, parts):
        if url is not None and url.type == "AWS::Lambda::Url":
            node, parts = reading.get(url.properties, "TargetFunctionArn"), ()
    if parts and isinstance(parts[0], Text) and parts[0].text.startswith(("http:", "https:")):
        return None  # a server of its own
    found = functions_behind(reading, node)
    return min(
        found, key=lambda function: (isinstance(function, Unknown), str(function)), default=None
    )


def _account_given(reading: Reading, node: Node) -> Cause | None:
    """Why an ARN in words may be of another account or region; nothing where it is of this one."""
    for value in reading.branches(node)[0]:
        found = re.search(r":lambda:([^:]*):([^:]*):function:", with_names(value))
        if found is not None and found.groups() != _OWN:
            region, account = map(clip, found.groups())
            given = why_given(value) if _UNDECIDED in found.groups() else None
            return given or f"region {region} and account {account} may be others than its own"
    return None


def with_names(node: Node) -> str:
    """A text with pseudo-parameters by their names, and a mark for all else that is not known."""
    return spelled(node, _name_of) or _name_of(node)


def _name_of(part: Node) -> str:
    name = part.name if isinstance(part, Unresolvable) and part.is_pseudo else None
    return f"<{(name or '').removeprefix('AWS::')}>"


def name_elsewhere(reading: Reading, node: Node) -> str:
    """The name of a function that is none of this template's, as far as it is written out."""
    text = spelled(reading.resolve(node))
    arn = re.search(r"[^/]*:function:[^/]*", text)
    return arn[0] if arn else text


def _function(reading: Reading, resource: Resource | None) -> str | Unknown | None:
    match resource:
        case Resource(type="AWS::Lambda::Alias" | "AWS::Lambda::Version", properties=properties):
            return function_behind(reading, reading.get(properties, "FunctionName"))
        case Resource(type=kind, id=name) if kind in FUNCTION_TYPES:
            return name
        case _:
            return None


def _function_named(reading: Reading, value: Node) -> str | None:
    """A function of this template whose name stands in an ARN, in the same words."""
    text = _in_words(value)
    match = re.search(r":function:([A-Za-z0-9_<>-]+)(?=[:/]|\Z)", text, re.ASCII)
    wanted = match[1] if match else text
    names = (
        (resource.id, reading.get(resource.properties, "FunctionName"))
        for resource in reading.of_type(*FUNCTION_TYPES)
    )
    same = (
        function
        for function, name in names
        if isinstance(name, Text | Composite) and wanted and _in_words(name) == wanted
    )
    return next(same, None)


def _why_not_named(reading: Reading, named: Node) -> Unknown | None:
    """Of a name that a deployment, a stage's variable or any value of a parameter puts together."""
    text = "".join(part.text for part in parts_of(named) if isinstance(part, Text))
    chosen = reading.choices.chosen.items()
    whys = (
        why_given(named),
        "a stage variable names it" if _STAGE_VARIABLE in text else None,
        *(
            f"parameter {name} may name any"
            for name, value in chosen
            if is_any(name, value) and value in text
        ),
    )
    return next((Unknown(why) for why in whys if why is not None), None)


def _in_words(node: Node) -> str:
    """A text, with a word for what is known only when deployed, the same for the same."""
    return spelled(
        node,
        lambda part: (
            f"<{sha256(str(getattr(part, 'id', getattr(part, 'why', ''))).encode()).hexdigest()}>"
        ),
    )


def may_be_invoked(reading: Reading, function: str | Unknown | None, api: str) -> bool | Unknown:
    """Whether an ``AWS::Lambda::Permission`` lets an API's authorizers invoke a function."""
    match function:
        case Unknown():
            return function
        case None:
            return Unknown("the function and its permissions are not in this template")
    permissions = reading.of_type("AWS::Lambda::Permission")
    answers = [_permits(reading, permission, function, api) for permission in permissions]
    unknown = [answer for answer in answers if isinstance(answer, Unknown)]
    return True in answers or (unknown[-1] if unknown else False)


def _permits(reading: Reading, permission: Resource, function: str, api: str) -> bool | Unknown:
    properties = permission.properties
    behind = function_behind(reading, reading.get(properties, "FunctionName"))
    stated = (
        (behind, (function,)),
        (reading.text(reading.get(properties, "Principal")), _API_GATEWAY),
        (reading.text(reading.get(properties, "Action")), _INVOKE_ACTIONS),
    )
    if any(isinstance(value, str) and value not in allowed for value, allowed in stated):
        return False
    covers = _covers(reading.get(properties, "SourceArn"), api)
    if covers is not True:
        return covers
    why = permission.depends_on or reading.varies(properties)
    unknown = next((value for value, _ in stated if isinstance(value, Unknown)), None)
    return unknown or (behind == function and (Unknown(why) if why else True))


def _covers(source: Node, api: str) -> bool | Unknown:
    """Whether a permission's ``SourceArn`` covers ``<api>/authorizers/<id>``."""
    match source:
        case Absent():
            return True
        case Unresolvable(why=why):
            return Unknown(why)
    resource = spelled(source, _as_pattern).split(":", 5)[-1]
    # A name that only the deployment knows is a name, and no wildcard, but for this API's.
    pattern = resource.replace(f"<{api}>", _API).replace("[", "[[]")
    pattern = re.sub(r"(?<=/authorizers/)<[^<>]+>\Z", "0", pattern)
    wanted = f"{_API}/authorizers/0"
    may_cover = fnmatchcase(wanted, pattern.replace(_UNDECIDED, "*"))
    unknown = may_cover and Unknown("its SourceArn is known only when deployed")
    return fnmatchcase(wanted, pattern) or unknown


def execution_arn(value: Node, api: Reference, rest: str) -> Composite:
    """An API's ARN that Terraform writes, as CloudFormation does.

    What follows, where only applying tells, is taken to cover the API. Where it does not, the
    authorizer cannot be called, and nobody gets in.
    """
    region, account = (
        Unresolvable(value.location, f"{name} is known only when deployed", name)
        for name in ("AWS::Region", "AWS::AccountId")
    )
    before, colon = Text(value.location, "arn:aws:execute-api:"), Text(value.location, ":")
    # Which authorizer may call is not looked at, as it is not in templates.
    after = Text(value.location, re.sub(r"(?<=^/authorizers/)\w+\Z", "*", rest))
    return Composite(value.location, (before, region, colon, account, colon, api, after))


def _as_pattern(part: Node) -> str:
    return f"<{part.id}>" if isinstance(part, Reference) else _UNDECIDED


# --- which version answers ---


def why_it_stays(reading: Reading, node: Node) -> str | None:
    """Why the function that a name leads to may answer with old code; nothing where it may not."""
    whys = (_why(reading, value) for value in reading.branches(node)[0])
    return next(filter(None, whys), None)


def _why(reading: Reading, value: Node) -> str | None:
    text = _in_words(value)
    for part in parts_of(value):
        following = re.match(":([^/]+)", text.partition(_in_words(part))[2])
        qualifier = following[1] if following else ""
        match part:
            case Reference(id=name) if name in reading.resources:
                return _why_of(reading, part, qualifier)
            case Unresolvable(why=Elsewhere()):
                # Another template may move an alias of its own, but no version.
                return _why_numbered(qualifier)
    named = re.search(":function:[^:/]+:([^/]+)", text)
    function = function_behind(reading, value)
    if named is None or not isinstance(function, str):
        return None
    return _why_qualified(reading, reading.resources[function], named[1])


def _why_numbered(qualifier: str) -> str | None:
    is_version = re.fullmatch("[0-9]+", qualifier, re.ASCII)
    return f"version {clip(qualifier)} is named, which never changes" if is_version else None


def _why_of(reading: Reading, found: Reference, qualifier: str = "") -> str | None:
    resource = reading.resources[found.id]
    match resource.type:
        case "AWS::Lambda::Version":
            is_made_anew = _WITH_DIGEST.search(resource.id)
            return None if is_made_anew else f"{resource.id} is made once, and never changes"
        case "AWS::Lambda::Alias":
            return _why_alias(reading, resource)
        case kind if kind in FUNCTION_TYPES and found.attribute in _NEWEST:
            return _why_published(reading, resource)
        case _:
            return _why_qualified(reading, resource, qualifier) if qualifier else None


def _why_qualified(reading: Reading, function: Resource, qualifier: str) -> str | None:
    """Of a function that is named with a version or an alias, in words."""
    published = reading.resolve(child(function.properties, "AutoPublishAlias"))
    if not isinstance(published, Absent) and _in_words(published) == qualifier:
        return _why_published(reading, function)
    if "<" in qualifier:
        return "the version or alias is known only when deployed"
    if qualifier == _LATEST:
        return None
    for alias in reading.of_type("AWS::Lambda::Alias"):
        name, named = (child(alias.properties, key) for key in ("Name", "FunctionName"))
        is_named_so = _in_words(reading.resolve(name)) == qualifier
        if is_named_so and function_behind(reading, named) == function.id:
            return _why_alias(reading, alias)
    moves = f"nothing in this template moves the alias {clip(qualifier)}"
    return _why_numbered(qualifier) or moves


def _why_alias(reading: Reading, alias: Resource) -> str | None:
    if not isinstance(child(alias.properties, "RoutingConfig"), Absent):
        return f"alias {alias.id} sends a part of the calls to other versions"
    match reading.resolve(child(alias.properties, "FunctionVersion")):
        case Reference(id=name) as version if name in reading.resources:
            return _why_of(reading, version)
        case Text(text=text):
            return None if text == _LATEST else f"alias {alias.id} stays at version {clip(text)}"
        case _:
            return f"alias {alias.id} stays at version one known only when deployed"


def _why_published(reading: Reading, function: Resource) -> str | None:
    """SAM publishes a version when the code changes, unless a digest is written that stays."""
    digest = reading.branches(child(function.properties, "AutoPublishCodeSha256"))[0]
    return "a version is published only when AutoPublishCodeSha256 is changed" if digest else None
