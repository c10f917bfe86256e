"""Ways to a function beside the routes of APIs: no authorizer of an API stands at them.

A function URL without authorization; load balancers, VPC Lattice, AppSync and IoT, which hand over
what somebody sends them; and permissions for whoever is not the API. What the account itself makes
of events (a schedule, a queue, a bucket) is no way in for others.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.functions import functions_behind, with_names
from authorizer.cli.template.model import Door, DoorKind, Elsewhere, Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Mapping,
    Node,
    Reference,
    Unresolvable,
    child,
    children_of,
    key_location,
    parts_of,
    why_given,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading, Resource

_FUNCTION = "AWS::Serverless::Function"
_CALLERS = {"*": "everybody", "apigateway.amazonaws.com": "API Gateway"}
# They make events of the account's own doing: nobody else says what is in them.
_EVENT_SOURCES = re.compile(
    r"(?:cloudformation|codecommit|codepipeline|cognito-idp|config|delivery\.logs|dynamodb|"
    r"edgelambda|events|kinesis|lambda|lambda\.alarms\.cloudwatch|logs(?:\.[a-z0-9-]+)?|pipes|"
    r"replicator\.lambda|s3|scheduler|secretsmanager|ses|sns|sqs|states)\.amazonaws\.com(?:\.cn)?"
)
# In lower case: what IAM calls actions does not depend on it.
_INVOKES = frozenset(
    {"lambda:invokefunction", "lambda:invokefunctionurl", "lambda:invokeasync", "lambda:*", "*"}
)
_EVENTS = {"IoTRule": "IoT", "AlexaSkill": "Alexa"}
# What stands in the names of services, and is known only when deployed.
_IN_NAMES = {"<URLSuffix>": "amazonaws.com", "<Region>": "region"}
_OWN = "<AccountId>"
# Where a target stands in a resource: a star is each item of a list, or each entry of a mapping.
_SERVICES = (
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "a load balancer", "Targets.*.Id"),
    ("AWS::VpcLattice::TargetGroup", "VPC Lattice", "Targets.*.Id"),
    ("AWS::AppSync::DataSource", "AppSync", "LambdaConfig.LambdaFunctionArn"),
    ("AWS::Serverless::GraphQLApi", "AppSync", "DataSources.Lambda.*.FunctionArn"),
    ("AWS::IoT::TopicRule", "IoT", "TopicRulePayload.Actions.*.Lambda.FunctionArn"),
    *(
        (
            "AWS::CloudFront::Distribution",
            "CloudFront",
            f"DistributionConfig.{behavior}.LambdaFunctionAssociations.*.LambdaFunctionARN",
        )
        for behavior in ("DefaultCacheBehavior", "CacheBehaviors.*")
    ),
)
# What has function URLs: under which name, and what names the function there, if not the resource.
_URLS = (("AWS::Lambda::Url", "", "TargetFunctionArn"), (_FUNCTION, "FunctionUrlConfig", ""))
# By whether the deployment decides.
_URL_IN_WORDS = (
    "a function URL that asks nobody for authorization",
    "a function URL of which the deployment decides whether it asks anybody",
)
# Which resource leads to a function, the place that says so, the function's name, and in words.
_Way = tuple["Resource", "Location", Node, str]


def read_doors(reading: Reading) -> tuple[Door, ...]:
    """Every such way, by its place."""
    ways = {
        DoorKind.URL: (_urls,),
        DoorKind.SERVICE: (_services, _events),
        DoorKind.STACK: (_stacks,),
        DoorKind.PERMISSION: (_permissions,),
    }
    found = [
        Door(
            location=location,
            kind=kind,
            function=function,
            what=what,
            api=_api_elsewhere(reading, resource),
        )
        for kind, finders in ways.items()
        for finder in finders
        for resource, location, target, what in finder(reading)
        for function in functions_behind(reading, target)
    ]
    return tuple(sorted(found, key=lambda door: (door.location, str(door.function))))


def _urls(reading: Reading) -> Iterator[_Way]:
    for kind, path, name in _URLS:
        for resource in reading.of_type(kind):
            location = key_location(resource.properties, path) or resource.location
            for url in _at(reading, resource.properties, *filter(None, [path])):
                asked = reading.choice(child(url, "AuthType"))
                if asked != "AWS_IAM":
                    target = child(url, name) if name else _name_of(resource)
                    yield resource, location, target, _URL_IN_WORDS[isinstance(asked, Unknown)]


def _services(reading: Reading) -> Iterator[_Way]:
    for kind, service, path in _SERVICES:
        for resource in reading.of_type(kind):
            what = f"{resource.id}, by which {service} calls it"
            for target in _at(reading, resource.properties, *path.split(".")):
                yield resource, resource.location, target, what


def _events(reading: Reading) -> Iterator[_Way]:
    """What SAM makes of events of services that hand over what somebody sends."""
    events = (
        (function, location, name, _EVENTS.get(str(reading.choice(child(event, "Type")))))
        for function in reading.of_type(_FUNCTION)
        for written in _at(reading, function.properties, "Events")
        for name, location, node in (written if isinstance(written, Mapping) else ())
        for event in _at(reading, node)
    )
    for function, location, name, service in events:
        if service is not None:
            what = f"event {name}, by which {service} calls it"
            yield function, location, _name_of(function), what


def _stacks(reading: Reading) -> Iterator[_Way]:
    """Stacks whose template is not at hand, which may do with a function what they like."""
    for resource in reading.stacks_elsewhere:
        what = f"{resource.id}, a stack that is given it, whose template is not at hand"
        for target in _at(reading, resource.properties, "Parameters", "*"):
            yield resource, resource.location, target, what


def _name_of(function: Resource) -> Node:
    return Reference(function.location, function.id)


def _at(reading: Reading, node: Node, *path: str) -> Iterator[Node]:
    """What stands at the end of a path, in one deployment or another."""
    values = reading.branches(node)[0]
    if not path:
        yield from values
        return
    for value in values:
        every = () if isinstance(value, Call) else children_of(value)
        for item in every if path[0] == "*" else (child(value, path[0]),):
            yield from _at(reading, item, *path[1:])


# --- permissions ---


def _permissions(reading: Reading) -> Iterator[_Way]:
    for resource in reading.of_type("AWS::Lambda::Permission"):
        action = reading.choice(child(resource.properties, "Action"))
        whom = _whom(reading, resource)
        if whom and (not isinstance(action, str) or action.lower() in _INVOKES):
            target = child(resource.properties, "FunctionName")
            yield resource, resource.location, target, f"permission {resource.id} for {whom}"


def _whom(reading: Reading, permission: Resource) -> str | None:
    """Who else than the account and its APIs may call; nothing where nobody may."""
    principal = reading.resolve(child(permission.properties, "Principal"))
    if isinstance(principal, Reference | Absent):
        return None  # a role of this template
    service = with_names(principal)
    for mark, text in _IN_NAMES.items():
        service = service.replace(mark, text)
    given = why_given(principal)
    if given is not None:
        return f"whom the deployment names ({given})"
    if "<" in service:
        return None if _OWN in service else "another account"
    if _EVENT_SOURCES.fullmatch(service) or service in _CALLERS:
        behind = _whose(reading, permission, is_source=service not in _CALLERS)
        return behind and f"{_CALLERS.get(service, clip(service))} in {behind}"
    is_account = service.startswith("arn:") or "." not in service.partition("/")[0]
    return f"the account of {clip(service)}" if is_account else clip(service)


def _whose(reading: Reading, permission: Resource, *, is_source: bool) -> str | None:
    """Whose things may call by a service; nothing where they are this account's, or one thing."""
    account = reading.resolve(child(permission.properties, "SourceAccount"))
    source = reading.resolve(child(permission.properties, "SourceArn"))
    if isinstance(source, Reference) or (is_source and isinstance(source, Unresolvable)):
        return None  # one topic, one bucket
    *_, owner, named = [*with_names(source).split(":", 5), "", "", "", "", "", ""][:6]
    api = named.partition("/")[0]
    if not is_source and api not in {"", "*"} and not _is_known_api(reading, source, api):
        return f"another API, {clip(api)}" if api.isalnum() else _whom_given(source)
    if not isinstance(account, Absent):
        owner = with_names(account)
        source = account
    if owner == _OWN or (is_source and named and not owner):
        return None  # a bucket's ARN has no account
    if owner in {"", "*"} and not isinstance(source, Unresolvable):
        return "any account"
    return f"the account of {clip(owner)}" if owner.isdigit() else _whom_given(source)


def _whom_given(node: Node) -> str:
    return f"an account or API that the deployment names ({why_given(node) or 'a wildcard'})"


def _is_known_api(reading: Reading, source: Node, api: str) -> bool:
    """Whether an ARN's API is one whose routes are at hand, or one that routes here belong to."""
    parts = parts_of(source)
    elsewhere = {draft.elsewhere.key for draft in reading.drafts.values() if draft.elsewhere}
    keys = {why.key for why in _elsewhere(source)}
    keys |= {("named", name) for name in (api, *(str(getattr(part, "name", "")) for part in parts))}
    is_here = any(isinstance(part, Reference) and part.id in reading.drafts for part in parts)
    return is_here or not elsewhere.isdisjoint(keys)


def _api_elsewhere(reading: Reading, permission: Resource) -> Elsewhere | None:
    """The one API of this account that may call, where another template has it."""
    source = reading.resolve(child(permission.properties, "SourceArn"))
    is_one = re.match(rf"arn:[^:]+:execute-api:[^:]*:{_OWN}:<>", with_names(source))
    return next(iter(_elsewhere(source)), None) if is_one else None


def _elsewhere(node: Node) -> list[Elsewhere]:
    whys = (getattr(part, "why", None) for part in parts_of(node))
    return [why for why in whys if isinstance(why, Elsewhere)]
