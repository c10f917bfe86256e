"""The API of tests/realistic on the emulator, as every kind of API that caches answers.

template.yaml there is a REST API with a REQUEST authorizer. The other kinds are derived from it:
the same routes, the same functions, another authorizer in front. All of them remember answers for
``TIME_TO_LIVE`` seconds, longer than any test runs.
"""

from __future__ import annotations

import io
import json
import zipfile
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import realistic_policy
from crud_apis import crud_api
from realistic_policy import FOLDER
from template_stack import load_template, translated, with_own_runtime

from authorizer.cli.local.functions import zipped
from authorizer.cli.local.stack import reason_of
from authorizer.cli.policy_file import dump_policy, with_routes
from authorizer.policy.decision import Policy
from authorizer.policy.paths import split_route_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator import Cognito

    from authorizer.cli.local.emulator import Emulator

PROJECT = Path(__file__).parents[1]
TIME_TO_LIVE = 300
_TEMPLATE = FOLDER / "template.yaml"
_KEYS = "keys.json"
# The backend as it is deployed, and a line in its log: after a call that logged nothing, the
# emulator waits 50 ms for what might still come.
_BACKEND = """
from handlers import hello


def handler(event, context):
    print("called")
    return hello.handler(event, context)
"""
_STAGE = "live"
# A cold start on a machine that is busy with other tests takes more than the deployed five seconds.
_SECONDS = 60
_HANDLER = "handlers.authorize.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of API.

    Attributes:
        name: as the tests call it.
        is_http: an HTTP API, or else a REST API.
        authorizer: the SAM properties of its authorizer, besides the function.
        environment: of the authorizer function.
        knows_route: whether the authorizer is told which route was matched.
        handler: of the authorizer function.
        answers_for_all: whether one answer is meant to do for all routes of the caller.
        is_large: whether it has the 150 routes of a synthetic API in place of the template's.
    """

    name: str
    is_http: bool
    authorizer: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    knows_route: bool = True
    handler: str = _HANDLER
    answers_for_all: bool = True
    is_large: bool = False


def http_kind(name: str, *, simple: bool, context: list[str], **environment: str) -> Kind:
    """An HTTP API, whose answers are remembered by the token and the named context."""
    return Kind(
        name=name,
        is_http=True,
        authorizer={
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": simple,
            "EnableFunctionDefaultPermissions": True,
            "Identity": {
                "Headers": ["Authorization"],
                "Context": context,
                "ReauthorizeEvery": TIME_TO_LIVE,
            },
        },
        environment=environment,
        answers_for_all=not simple,
    )


REST_REQUEST = Kind(
    name="rest-request",
    is_http=False,
    authorizer={
        "FunctionPayloadType": "REQUEST",
        "Identity": {"Headers": ["Authorization"], "ReauthorizeEvery": TIME_TO_LIVE},
    },
    environment={"AUTHORIZER_IAM_MODES": "rest-request=caller"},
)
REST_TOKEN = Kind(
    name="rest-token",
    is_http=False,
    authorizer={
        "FunctionPayloadType": "TOKEN",
        "Identity": {"Header": "Authorization", "ReauthorizeEvery": TIME_TO_LIVE},
    },
    environment={"AUTHORIZER_IAM_MODES": "rest-token=caller"},
    knows_route=False,
)
HTTP_IAM = http_kind(
    "http-iam",
    simple=False,
    context=[],
    AUTHORIZER_HTTP_API_ANSWER="iam",
    AUTHORIZER_IAM_MODES="http-2.0=caller",
)
# A simple answer says yes or no and not to what, so the route is part of what it is remembered by.
HTTP_SIMPLE = http_kind("http-simple", simple=True, context=["routeKey"])
KINDS = (REST_REQUEST, REST_TOKEN, HTTP_IAM, HTTP_SIMPLE)
LARGE_KINDS = tuple(replace(kind, name=f"large-{kind.name}", is_large=True) for kind in KINDS)
_LARGE = crud_api(seed=1, size=150)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of the template.

    Attributes:
        event: its name there.
        path: with its parameters.
        is_public: whether it carries no authorizer.
    """

    event: str
    method: str
    path: str
    is_public: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The API, on the emulator.

    Attributes:
        kind: of API.
        base_url: put a path behind it.
        authorizer_function: its name.
    """

    kind: Kind
    base_url: str
    authorizer_function: str


@cache
def template_of(*, is_large: bool) -> dict[str, Any]:
    """The template that is deployed as one kind of API or another."""
    template = load_template(_TEMPLATE)
    if is_large:
        template["Resources"]["BackendFunction"]["Properties"]["Events"] = {
            f"Route{number}": {
                "Type": "Api",
                "Properties": {"RestApiId": {"Ref": "Api"}, "Method": method, "Path": path},
            }
            for number, (method, path) in enumerate(map(split_route_key, _LARGE.routes))
        }
    return template


@cache
def compiled_for(*, is_large: bool) -> bytes:
    """The policy that ships in front of it."""
    if not is_large:
        return realistic_policy.compiled()
    return dump_policy(with_routes(_LARGE.document(), _LARGE.routes))


@cache
def policy_for(*, is_large: bool) -> Policy:
    """The same, to be asked."""
    return Policy.parse(compiled_for(is_large=is_large))


@cache
def routes(*, is_large: bool) -> tuple[Route, ...]:
    """The API's routes, in the template's order."""
    return tuple(
        Route(
            event=name,
            method=event["Properties"]["Method"],
            path=event["Properties"]["Path"],
            is_public=event["Properties"].get("Auth", {}).get("Authorizer") == "NONE",
        )
        for name, event in _events(template_of(is_large=is_large)).items()
    )


def times_asked(emulator: Emulator, api: Deployed) -> int:
    """How often the authorizer decided, by its log."""
    pages = emulator.client("logs").get_paginator("filter_log_events")
    group = f"/aws/lambda/{api.authorizer_function}"
    lines = (
        event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]
    )
    return sum(1 for line in lines if reason_of(line) is not None)


def looks_at_path(policy: Policy, route: Route) -> bool:
    """Whether a rule for the route compares its parameters with claims.

    ``routeKey`` does not tell them apart, so a simple answer to such a route may not be kept.
    """
    segments = route.path.strip("/").split("/")
    return any(
        rule.pattern.covers_method(route.method)
        and rule.pattern.conditions
        and (rule.pattern.tail or len(rule.pattern.path) == len(segments))
        and len(rule.pattern.path) <= len(segments)
        and all(
            own == segment or segment.startswith("{")
            for own, segment in zip(rule.pattern.path, segments, strict=False)
        )
        for rule in policy.rules
    )


def deployed(emulator: Emulator, cognito: Cognito, kind: Kind) -> Deployed:
    """Put the API on the emulator, through the SAM transform and CloudFormation.

    Args:
        emulator: where to.
        cognito: whose tokens are accepted; its keys come with the authorizer.
        kind: of API; its name is used once on an emulator.
    """
    template = variant(template_of(is_large=kind.is_large), kind)
    files = {"policy.json": compiled_for(is_large=kind.is_large), _KEYS: cognito.jwks()}
    if kind.handler != _HANDLER:
        module = kind.handler.replace(".handler", ".py")
        files[module] = (FOLDER / module).read_bytes()
    _upload(emulator, template, f"realistic-{kind.name}", files)
    parameters = {"UserPoolId": cognito.pool_id, "ClientIds": cognito.client_id}
    stack = translated(template, emulator, parameters)
    function = stack["Resources"]["AuthorizerFunction"]["Properties"]
    function["Handler"] = kind.handler
    function["Environment"]["Variables"] = {
        "AUTHORIZER_USER_POOLS": f"{cognito.pool_id}={cognito.client_id}",
        "AUTHORIZER_JWKS_FILES": f"{cognito.pool_id}={_KEYS}",
        "POWERTOOLS_LOG_LEVEL": "INFO",  # or no decision is in the log, and none is counted
        **kind.environment,
    }
    for name in ("AuthorizerFunction", "BackendFunction"):
        stack["Resources"][name]["Properties"]["Timeout"] = _SECONDS
        with_own_runtime(stack["Resources"][name]["Properties"])
    outputs = _created(stack, emulator, f"realistic-{kind.name}", parameters)
    return Deployed(
        kind=kind,
        base_url=outputs["ApiUrl"] + ("" if kind.is_http else f"/{_STAGE}"),
        authorizer_function=outputs["AuthorizerFunctionName"],
    )


def variant(template: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The template, with another kind of API."""
    changed = deepcopy(template)
    api = changed["Resources"]["Api"]
    authorizer = {"FunctionArn": {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}, **kind.authorizer}
    api["Properties"]["Auth"]["Authorizers"] = {"Rbac": authorizer}
    if kind.is_http:
        _make_http(changed, authorizer, kind)
    return changed


def _created(
    stack: dict[str, Any], emulator: Emulator, name: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    """The stack's outputs. Its template is larger than a request may be."""
    emulator.client("s3").put_object(Bucket=name, Key="template", Body=json.dumps(stack).encode())
    formation = emulator.client("cloudformation")
    formation.create_stack(
        StackName=name,
        TemplateURL=f"https://s3.amazonaws.com/{name}/template",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    made = formation.get_waiter("stack_create_complete")
    made.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 10 * _SECONDS})
    (found,) = formation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def _make_http(template: dict[str, Any], authorizer: dict[str, Any], kind: Kind) -> None:
    forgetful = deepcopy(authorizer)
    forgetful["Identity"]["ReauthorizeEvery"] = 0
    template["Resources"]["Api"] = {
        "Type": "AWS::Serverless::HttpApi",
        "Properties": {
            "Auth": {
                "DefaultAuthorizer": "Rbac",
                "Authorizers": {"Rbac": authorizer, "RbacForgetful": forgetful},
            }
        },
    }
    is_simple = authorizer["EnableSimpleResponses"]
    for route in routes(is_large=kind.is_large):
        event = _events(template)[route.event]
        event["Type"] = "HttpApi"
        event["Properties"]["ApiId"] = event["Properties"].pop("RestApiId")
        if is_simple and looks_at_path(policy_for(is_large=kind.is_large), route):
            event["Properties"]["Auth"] = {"Authorizer": "RbacForgetful"}


def _events(template: dict[str, Any]) -> dict[str, Any]:
    events: dict[str, Any] = template["Resources"]["BackendFunction"]["Properties"]["Events"]
    return events


def _upload(
    emulator: Emulator, template: dict[str, Any], bucket: str, files: Mapping[str, bytes]
) -> None:
    """Both packages as built, the authorizer's with other files in place of, or beside, its own."""
    storage = emulator.client("s3")
    storage.create_bucket(Bucket=bucket)
    packages = {
        "AuthorizerFunction": _package("AuthorizerFunction", files),
        "BackendFunction": _package("HelloFunction", {"backend.py": _BACKEND.encode()}),
    }
    template["Resources"]["BackendFunction"]["Properties"]["Handler"] = "backend.handler"
    for function, package in packages.items():
        storage.put_object(Bucket=bucket, Key=function, Body=package)
        code = {"Bucket": bucket, "Key": function}
        template["Resources"][function]["Properties"]["CodeUri"] = code


def _package(function: str, files: Mapping[str, bytes]) -> bytes:
    built, changed = zipped(PROJECT / "build" / "local" / function), io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(built)) as before,
        zipfile.ZipFile(changed, "w") as after,
    ):
        for name in set(before.namelist()) - files.keys():
            after.writestr(name, before.read(name))
        for name, content in files.items():
            after.writestr(name, content)
    return changed.getvalue()
