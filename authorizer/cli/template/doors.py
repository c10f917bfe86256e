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
    Composite,
    Mapping,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
    children_of,
    key_place,
    parts_of,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading, Resource

_API_GATEWAY = "apigateway.amazonaws.com"
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
_IN_NAMES = {"AWS::URLSuffix": "amazonaws.com", "AWS::Region": "region"}
_OWN_ACCOUNT = "AWS::AccountId"
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


def read_doors(reading: Reading) -> tuple[Door, ...]:
    """Every such way, by its place."""
    found = [
        *_urls(reading),
        *_services(reading),
        *_rules(reading),
        *_stacks(reading),
        *_permissions(reading),
    ]
    return tuple(sorted(found, key=lambda door: (door.place, str(door.function))))


def _urls(reading: Reading) -> Iterator[Door]:
    for resource in reading.of_type("AWS::Serverless::Function"):
        place = key_place(resource.properties, "FunctionUrlConfig") or resource.place
        configured = child(resource.properties, "FunctionUrlConfig")
        for value in reading.resolver.branches(configured)[0]:
            yield from _url(reading, {resource.id}, value, place)
    for resource in reading.of_type("AWS::Lambda::Url"):
        functions = functions_behind(reading, child(resource.properties, "TargetFunctionArn"))
        yield from _url(reading, functions, resource.properties, resource.place)


def _url(
    reading: Reading, functions: set[str | Unknown], properties: Node, place: Location
) -> Iterator[Door]:
    kind = reading.choice(child(properties, "AuthType"))
    if kind != "AWS_IAM":
        what = "a function URL that asks nobody for authorization"
        if isinstance(kind, Unknown):
            what = "a function URL of which the deployment decides whether it asks anybody"
        for function in functions:
            yield Door(place=place, kind=DoorKind.URL, function=function, what=what)


def _services(reading: Reading) -> Iterator[Door]:
    for kind, service, path in _SERVICES:
        for resource in reading.of_type(kind):
            what = f"{resource.id}, by which {service} calls it"
            for node in _at(reading, resource.properties, tuple(path.split("."))):
                for function in functions_behind(reading, node):
                    yield _door_of_service(resource.place, function, what)


def _rules(reading: Reading) -> Iterator[Door]:
    """What SAM makes of events of services that hand over what somebody sends."""
    for resource in reading.of_type("AWS::Serverless::Function"):
        for events in _at(reading, resource.properties, ("Events",)):
            for name, place, node in events if isinstance(events, Mapping) else ():
                for event in _at(reading, node, ()):
                    service = _EVENTS.get(str(reading.choice(child(event, "Type"))))
                    if service is not None:
                        what = f"event {name}, by which {service} calls it"
                        yield _door_of_service(place, resource.id, what)


def _stacks(reading: Reading) -> Iterator[Door]:
    """Stacks whose template is not at hand, which may do with a function what they like."""
    for resource in reading.stacks_elsewhere:
        what = f"{resource.id}, a stack that is given it, whose template is not at hand"
        for node in _at(reading, resource.properties, ("Parameters", "*")):
            for function in functions_behind(reading, node):
                yield Door(place=resource.place, kind=DoorKind.STACK, function=function, what=what)


def _door_of_service(place: Location, function: str | Unknown, what: str) -> Door:
    return Door(place=place, kind=DoorKind.SERVICE, function=function, what=what)


def _at(reading: Reading, node: Node, path: tuple[str, ...]) -> Iterator[Node]:
    """What stands at the end of a path, in one deployment or another."""
    for value in reading.resolver.branches(node)[0]:
        if not path:
            yield value
            continue
        inner: tuple[Node, ...] = (child(value, path[0]),)
        if path[0] == "*":
            inner = () if isinstance(value, Call) else tuple(children_of(value))
        for item in inner:
            yield from _at(reading, item, path[1:])


# --- permissions ---


def _permissions(reading: Reading) -> Iterator[Door]:
    for resource in reading.of_type("AWS::Lambda::Permission"):
        action = reading.choice(child(resource.properties, "Action"))
        whom = _whom(reading, resource)
        if whom is None or (isinstance(action, str) and action.lower() not in _INVOKES):
            continue
        what = f"permission {resource.id} for {whom}"
        for function in functions_behind(reading, child(resource.properties, "FunctionName")):
            yield Door(
                place=resource.place,
                kind=DoorKind.PERMISSION,
                function=function,
                what=what,
                api=_api_elsewhere(reading, resource),
            )


def _whom(reading: Reading, permission: Resource) -> str | None:
    """Who else than the account and its APIs may call; nothing where nobody may."""
    principal = _service(reading.resolver.resolve(child(permission.properties, "Principal")))
    if isinstance(principal, Reference | Absent):
        return None  # a role of this template
    if not isinstance(principal, Text):
        return _whom_unwritten(principal)
    service = principal.text
    is_service = service == "*" or "." in service.partition("/")[0]
    if not is_service or service.startswith("arn:"):
        return f"the account of {clip(service)}"
    name = {"*": "everybody", _API_GATEWAY: "API Gateway"}.get(service, clip(service))
    is_source = _EVENT_SOURCES.fullmatch(service) is not None
    if not is_source and service not in {"*", _API_GATEWAY}:
        return name
    behind = _whose(reading, permission, is_source=is_source)
    return behind and f"{name} in {behind}"


def _api_elsewhere(reading: Reading, permission: Resource) -> Elsewhere | None:
    """The one API of this account that may call, where another template has it."""
    source = reading.resolver.resolve(child(permission.properties, "SourceArn"))
    if not re.match(rf"arn:[^:]+:execute-api:[^:]*:{_OWN}:<>", with_names(source)):
        return None
    whys = [part.why for part in parts_of(source) if isinstance(part, Unresolvable)]
    return next((why for why in whys if isinstance(why, Elsewhere)), None)


def _service(principal: Node) -> Node:
    """A service's name with what the region and the partition put into it."""
    if not isinstance(principal, Composite):
        return principal
    names = [_IN_NAMES.get(getattr(part, "name", None) or "") for part in principal.parts]
    texts = [getattr(part, "text", name) for part, name in zip(principal.parts, names, strict=True)]
    known = [text for text in texts if text is not None]
    return Text(principal.place, "".join(known)) if known == texts else principal


def _whom_unwritten(principal: Node) -> str | None:
    """Of a principal that is known only when deployed: this account, or another one."""
    unknown = [part for part in parts_of(principal) if isinstance(part, Unresolvable)]
    others = [part for part in unknown if not part.is_pseudo]
    if others:
        return f"whom the deployment names ({others[0].why})"
    is_own = any(part.name == _OWN_ACCOUNT for part in unknown)
    return None if is_own else "another account"


def _whose(reading: Reading, permission: Resource, *, is_source: bool) -> str | None:
    """Whose things may call by a service; nothing where they are this account's, or one thing."""
    account = reading.resolver.resolve(child(permission.properties, "SourceAccount"))
    source = reading.resolver.resolve(child(permission.properties, "SourceArn"))
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
    unknown = [
        part for part in parts_of(node) if isinstance(part, Unresolvable) and not part.is_pseudo
    ]
    why = unknown[0].why if unknown else "a wildcard"
    return f"an account or API that the deployment names ({why})"


def _is_known_api(reading: Reading, source: Node, api: str) -> bool:
    """Whether an ARN's API is one whose routes are at hand, or one that routes here belong to."""
    names = {getattr(part, "id", None) for part in parts_of(source)}
    whys = [part.why for part in parts_of(source) if isinstance(part, Unresolvable)]
    elsewhere = {draft.elsewhere.key for draft in reading.drafts.values() if draft.elsewhere}
    given = {("named", str(getattr(part, "name", ""))) for part in parts_of(source)}
    return (
        not names.isdisjoint(reading.drafts)
        or any(isinstance(why, Elsewhere) and why.key in elsewhere for why in whys)
        or not elsewhere.isdisjoint({*given, ("named", api)})
    )
