"""Routes of APIs that are elsewhere, and what several templates together tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.judge import check
from authorizer.cli.template import read_template
from authorizer.cli.template.choice import chosen_api

if TYPE_CHECKING:
    from pathlib import Path

POLICY = "version: 1\ngroups:\n  reader: {allow: [GET /hello, DELETE /admin]}\n"
FUNCTION = """\
  Rbac:
    Type: AWS::Serverless::Function
    Properties:
      Handler: handlers.authorize.handler
      Runtime: python3.14
      CodeUri: .
      Environment: {Variables: {AUTHORIZER_USER_POOLS: eu-west-1_AbCdEfGhI=client}}
"""
API = """\
  NAME:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Guard
        Authorizers:
          Guard:
            FunctionArn: !GetAtt Rbac.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 0}
"""
BACKEND = """\
  Backend:
    Type: AWS::Serverless::Function
    Properties:
      Handler: backend.handler
      Runtime: python3.14
      CodeUri: .
      Events:
        Hello: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /hello}}
"""
SAM = "Transform: AWS::Serverless-2016-10-31\n"
RESOURCES = "Resources:\n"
WHOLE = SAM + RESOURCES + FUNCTION + API.replace("NAME", "Api") + BACKEND
ROUTE = """\
  Admin:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: THE_API, RouteKey: DELETE /admin, Target: integrations/x}
"""
PARAMETER = "Parameters: {A: {Type: String}}\n"
STAGE = (
    "Parameters: {Stage: {Type: String, Default: prod}}\n"
    "Conditions: {IsProd: !Equals [!Ref Stage, prod]}\n"
)


def failing(folder: Path, **templates: str) -> list[str]:
    """The codes that --strict fails on."""
    (folder / "policy.yaml").write_text(POLICY)
    for name, text in templates.items():
        (folder / f"{name}.yaml").write_text(text)
    report = check(folder / "policy.yaml", [folder / f"{name}.yaml" for name in templates])
    return sorted(one.code for one in report.findings if one.severity is not Severity.NOTE)


@pytest.mark.parametrize(
    ("head", "named", "expected"),
    [
        ("", "!ImportValue the-api", ["T051", "X101"]),
        ("", "!GetAtt Custom.ApiId", ["T002", "T051", "X101"]),
        ("", "a1b2c3d4", ["T002", "T051", "X101"]),
        ("", "'{{resolve:ssm:/api}}'", ["T002", "T051", "X101"]),
        (PARAMETER, "!Ref A", ["T002", "T051", "X101"]),
        (PARAMETER.replace("String", "String, Default: a1"), "!Ref A", ["T002", "T051", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !Ref Other]", ["T002", "T002", "X101", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !ImportValue x]", ["T002", "T051", "X101", "X101"]),
        (STAGE, "!If [IsProd, !Ref Api, !Ref Api]", ["X101"]),
    ],
)
def test_a_route_is_listed_whatever_names_its_api(
    tmp_path: Path, head: str, named: str, expected: list[str]
) -> None:
    """It is judged on the API that it may be on, which is then not complete."""
    other = API.replace("NAME", "Other") if "Other" in named else ""
    custom = "  Custom: {Type: Custom::Api}\n" if "Custom" in named else ""
    text = head + WHOLE + other + custom + ROUTE.replace("THE_API", named)

    assert failing(tmp_path, api=text) == expected
    read = read_template(tmp_path / "api.yaml")
    routes = [route.key for api in read.apis for route in api.routes]
    assert "DELETE /admin" in routes


def test_who_names_no_api_means_the_templates_own(tmp_path: Path) -> None:
    """An API that is elsewhere does not make a template one of several APIs."""
    (tmp_path / "t.yaml").write_text(WHOLE + ROUTE.replace("THE_API", "!ImportValue x"))

    assert chosen_api(read_template(tmp_path / "t.yaml")).id == "Api"


def test_an_authorizer_of_an_api_elsewhere_guards_its_routes(tmp_path: Path) -> None:
    """Routes and authorizers that name the same API belong together."""
    guard = """\
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !ImportValue the-api
      Name: guard
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Authorization]
      AuthorizerUri: !GetAtt Rbac.Arn
      AuthorizerCredentialsArn: arn:aws:iam::111122223333:role/invoke
"""
    key = "DELETE /admin, AuthorizationType: CUSTOM, AuthorizerId: !Ref Guard"
    route = ROUTE.replace("THE_API", "!ImportValue the-api").replace("DELETE /admin", key)

    assert failing(tmp_path, api=WHOLE + guard + route) == ["T051"]
