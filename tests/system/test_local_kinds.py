"""The local stack on every kind of API that it plays, with functions that run here or do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.cli.local import scenario
from authorizer.cli.local.project import LocalStackError, read_project
from authorizer.cli.local.stack import LocalStack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("local kinds")]

POLICY = """
version: 1
public: [GET /health]
groups:
  reader: {allow: ["GET /", "GET /orders", "GET /orders/{id}", "GET /people/{person=sub}"]}
  writer: {includes: [reader], allow: ["POST /orders", "GET /legacy"]}
scopes:
  orders/read: {allow: ["GET /orders"]}
tests:
  - {as: {groups: [reader]}, allow: [GET /orders], deny: [POST /orders]}
  - {as: {groups: [reader, writer]}, allow: [POST /orders]}
  - {as: {scopes: [orders/read]}, allow: [GET /orders], deny: [POST /orders]}
"""
OURS = {"Runtime": "python3.14", "CodeUri": "src/"}
AUTHORIZER = {
    **OURS,
    "Handler": "authorizer.aws_lambda.handler",
    "Environment": {"Variables": {"AUTHORIZER_USER_POOLS": "eu-west-1_Theirs=client"}},
}
ORDERS = """
def handler(event, context):
    return {"statusCode": 418, "body": "short and stout"}
"""
BACKENDS = {
    "Orders": {**OURS, "Handler": "orders.handler"},
    "People": {**OURS, "Handler": "people.handler"},
    "Legacy": {"Runtime": "nodejs22.x", "CodeUri": "src/", "Handler": "legacy.handler"},
    "Health": {"Runtime": "python3.14", "InlineCode": ORDERS, "Handler": "index.handler"},
}
ROUTES = {
    "Orders": ["GET /", "GET /orders", "GET /orders/{id}", "POST /orders"],
    "People": ["GET /people/{person}"],
    "Legacy": ["GET /legacy"],
    "Health": ["GET /health"],
}
PEOPLE = """
import os

TABLE = os.environ["TABLE"]
"""


def api_of(kind: str, identity: dict[str, Any]) -> dict[str, Any]:
    authorizer: dict[str, Any] = {"FunctionArn": {"Fn::GetAtt": ["Rbac", "Arn"]}}
    if identity:
        authorizer["Identity"] = identity
    if kind in {"TOKEN", "REQUEST"}:
        api_type, authorizer["FunctionPayloadType"] = "AWS::Serverless::Api", kind
    else:
        api_type, authorizer["AuthorizerPayloadFormatVersion"] = "AWS::Serverless::HttpApi", kind
        authorizer["EnableSimpleResponses"] = kind == "2.0"
    auth = {"DefaultAuthorizer": "Rbac", "Authorizers": {"Rbac": authorizer}}
    stage = {"StageName": "live"} if api_type.endswith("::Api") else {}
    return {"Type": api_type, "Properties": {"Auth": auth, **stage}}


def project_of(folder: Path, kind: str, identity: dict[str, Any], **changes: Any) -> Path:
    """A project of such an API; returns its template."""
    api = api_of(kind, identity)
    is_rest = api["Type"].endswith("::Api")
    resources: dict[str, dict[str, Any]] = {"Api": api}
    resources["Rbac"] = {"Properties": {**AUTHORIZER, **changes}}
    for name, properties in BACKENDS.items():
        events = {}
        for number, (method, path) in enumerate(route.split() for route in ROUTES[name]):
            place: dict[str, Any] = {"Method": method, "Path": path}
            place |= {"RestApiId" if is_rest else "ApiId": {"Ref": "Api"}}
            place |= {"Auth": {"Authorizer": "NONE"}} if path == "/health" else {}
            events[f"E{number}"] = {"Type": "Api" if is_rest else "HttpApi", "Properties": place}
        resources[name] = {"Properties": {**properties, "Events": events}}
    for resource in resources.values():
        resource.setdefault("Type", "AWS::Serverless::Function")
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    (folder / "src").mkdir()
    (folder / "src" / "orders.py").write_text(ORDERS)
    (folder / "src" / "people.py").write_text(PEOPLE)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "template.json").write_text(json.dumps(template))
    return folder / "template.json"


HEADER = {"Headers": ["Authorization"], "ReauthorizeEvery": 300}


@pytest.mark.parametrize(
    ("kind", "identity"),
    [
        pytest.param("TOKEN", {"Header": "Authorization", "ReauthorizeEvery": 300}, id="TOKEN"),
        pytest.param("REQUEST", {**HEADER, "Context": ["path"]}, id="REQUEST by context"),
        pytest.param("1.0", {**HEADER, "Context": ["routeKey", "path"]}, id="payload 1.0"),
        pytest.param("2.0", {"Context": ["routeKey"], "ReauthorizeEvery": 0}, id="no identity"),
    ],
)
def test_every_kind_comes_out_as_expected(
    tmp_path: Path, kind: str, identity: dict[str, Any]
) -> None:
    """What is remembered, how a bad token is refused and what a missing one is, differ by kind."""
    project = read_project(project_of(tmp_path, kind, identity), tmp_path / "policy.yaml")
    with LocalStack.running(project) as stack:
        cases = scenario.cases(stack)
        outcomes = list(scenario.play(stack, cases))
        walked = list(scenario.play(stack, scenario.walk(cases, seed=1), reasons=False))
    different = [(o.case.who, o.case.request, *o.differences) for o in outcomes + walked]
    assert [row for row in different if row[2:]] == []

    stubs = {one.answer.function: one.answer.stub for one in outcomes if one.answer.function}
    assert stubs == {
        "Orders": None,
        "People": "KeyError: 'TABLE'",
        "Legacy": "its runtime is nodejs22.x",
        "Health": None,
    }
    answered = {one.answer.status for one in outcomes if one.answer.function == "Orders"}
    assert answered == {418}  # whatever it is, it was let in
    callers = {one.case.who for one in outcomes if one.answer.status == 418}
    assert callers >= {"nobody", "reader-writer", "reader", "machine"}


def test_an_authorizer_of_ones_own_runs_around_ours(tmp_path: Path) -> None:
    """It is imported from where it lies; one that is not there is told before anything is asked.

    What it raises does not end it, as in Lambda, and it is told what Lambda tells.
    """
    identity = {"Headers": ["Authorization"], "ReauthorizeEvery": 0}
    template = project_of(tmp_path, "2.0", identity, Handler="own.handler")
    project = read_project(template, tmp_path / "policy.yaml")
    with (
        pytest.raises(LocalStackError, match=r"authorizer Rbac cannot run here: no own\.py in src"),
        LocalStack.running(project),
    ):
        pass
    (tmp_path / "src" / "own.py").write_text(
        "from authorizer.aws_lambda import handler as ours\n"
        "asked = []\n"
        "def handler(event, context):\n"
        "    asked.append(context.aws_request_id)\n"
        "    answer = ours(event, context)\n"
        "    if not answer['isAuthorized']:\n"
        "        raise LookupError\n"
        "    assert 0 < context.get_remaining_time_in_millis() <= 30_000\n"
        "    assert context.invoked_function_arn.endswith(context.function_name)\n"
        "    answer['context']['sub'] = f'number {len(set(asked))}'\n"
        "    return answer\n"
    )
    with LocalStack.running(project) as stack:
        refused = stack.call("GET", "/orders", "Bearer garbage")
        answer = stack.call("GET", "/orders", f"Bearer {stack.sign_in('reader').access}")
    assert (refused.status, refused.reason) == (500, "token_not_compact")
    assert (answer.reason, answer.told) == ("allowed", "number 2")
