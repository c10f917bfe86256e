"""Who decides about a route: one answer for every command."""

from __future__ import annotations

import pytest

from authorizer.cli.analysis.protection import DecidedBy, protection_by_route
from authorizer.cli.analysis.unresolved import unread_routes, where_unread
from authorizer.cli.template.reader import parse_template

HTTP = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {{Which: {{Type: String}}}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        EnableIamAuthorizer: true
        Authorizers:
          Rbac:
            FunctionArn: !GetAtt Ours.Arn
            AuthorizerPayloadFormatVersion: "2.0"
          Theirs:
            FunctionArn: !GetAtt Other.Arn
            AuthorizerPayloadFormatVersion: "2.0"
          Either:
            FunctionArn: !If [Odd, !GetAtt Ours.Arn, !GetAtt Other.Arn]
            AuthorizerPayloadFormatVersion: "2.0"
          Login:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {{issuer: "https://login.example.com", audience: [shop]}}
  Ours:
    Type: AWS::Serverless::Function
    Properties: {{Environment: {{Variables: {{AUTHORIZER_USER_POOLS: x}}}}}}
  Other:
    Type: AWS::Serverless::Function
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Read:
          Type: HttpApi
          Properties: {{ApiId: !Ref Api, Method: GET, Path: /x, Auth: {{Authorizer: {name}}}}}
Conditions: {{Odd: !Equals [!Ref Which, odd]}}
"""


@pytest.mark.parametrize(
    ("name", "guard", "words"),
    [
        pytest.param("Rbac", DecidedBy.POLICY, "its authorizer 'Rbac' (request)", id="ours"),
        pytest.param("Login", DecidedBy.OTHER, "its authorizer 'Login' (jwt)", id="jwt"),
        pytest.param("AWS_IAM", DecidedBy.OTHER, "its authorizer 'AWS_IAM' (iam)", id="iam"),
        pytest.param(
            "Theirs",
            DecidedBy.OTHER,
            "its authorizer 'Theirs' (request, by the function 'Other')",
            id="another function",
        ),
        pytest.param("Either", DecidedBy.UNKNOWN, "its authorizer 'Either' (request)", id="either"),
        pytest.param("NONE", DecidedBy.NOBODY, "no authorizer", id="none"),
        pytest.param("!Ref Which", DecidedBy.UNKNOWN, "an authorizer", id="parameter"),
    ],
)
def test_who_decides_about_a_route(name: str, guard: DecidedBy, words: str) -> None:
    """Our function, another one, what is no function at all, nobody; or it cannot be told."""
    template = parse_template(HTTP.format(name=name).encode(), "t.yaml")
    protection = protection_by_route(template, template.apis[0])["GET /x"]
    assert (protection.decided_by, protection.in_words) == (guard, words)
    assert (protection.because != "") is (guard is DecidedBy.UNKNOWN)
    assert protection.asks_policy is {DecidedBy.POLICY: True, DecidedBy.UNKNOWN: None}.get(
        guard, False
    )


def test_a_route_that_is_there_twice_is_decided_once() -> None:
    """Routes that differ by a condition have no one protection, and nobody guesses which it is."""
    routes = "".join(
        f"  R{number}:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: "
        f"{{ApiId: !Ref Api, RouteKey: GET /x, AuthorizationType: {kind}}}\n"
        for number, kind in enumerate(("NONE", "AWS_IAM"))
    )
    text = (
        "Resources:\n  Api:\n    Type: AWS::ApiGatewayV2::Api\n"
        f"    Properties: {{ProtocolType: HTTP, Name: x}}\n{routes}"
    )
    template = parse_template(text.encode(), "t.yaml")
    protection = protection_by_route(template, template.apis[0])["GET /x"]
    assert protection.decided_by is DecidedBy.UNKNOWN
    assert protection.authorizer_name is None
    assert protection.because == ": it is not the same in every deployment"


def sam(properties: str, events: str = "", more: str = "") -> str:
    return (
        f"Transform: {more or 'AWS::Serverless-2016-10-31'}\nParameters: {{P: {{Type: String}}}}\n"
        f"Resources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties: {properties}\n"
        f"  F:\n    Type: AWS::Serverless::Function\n    Properties: {{{events}}}\n"
    )


EVENT = "Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: !Ref P}"
UNREAD = {
    "path": (sam("{}", f"Events: {{Search: {{{EVENT}}}}}"), "t.yaml:9:27 (event Search)"),
    "API": (
        sam("{}", "Events: {S: {Type: HttpApi, Properties: {ApiId: !Ref P, Method: GET}}}"),
        "t.yaml:9:27 (event S)",
    ),
    "events": (sam("{}", "Events: !Ref P"), "t.yaml:9:26 (the events of F)"),
    "definition": (sam("{DefinitionUri: s3://a/b}"), "t.yaml:6:33 (the routes of Api)"),
    "macro": (
        sam("{}", more="[AWS::Serverless-2016-10-31, Mine]"),
        "t.yaml:1:41 (what the macro Mine adds)",
    ),
}


@pytest.mark.parametrize(("text", "where"), UNREAD.values(), ids=UNREAD.keys())
def test_what_could_not_be_read_is_named(text: str, where: str) -> None:
    """The place of the event, the definition or the macro that hides routes."""
    template = parse_template(text.encode(), "t.yaml")
    found = where_unread(unread_routes(template, template.apis[0]))
    assert found == where


def test_of_many_that_could_not_be_read_the_first_are_named() -> None:
    """A sentence stays one that can be read."""
    events = ", ".join(f"E{number}: {{{EVENT}}}" for number in range(5))
    template = parse_template(sam("{}", f"Events: {{{events}}}").encode(), "t.yaml")
    assert where_unread(unread_routes(template, template.apis[0])) == (
        "t.yaml:9:27 (event E0), t.yaml:9:106 (event E1), t.yaml:9:185 (event E2) and 2 others"
    )


def test_nothing_is_unread_of_an_api_that_is_complete() -> None:
    """What else a template leaves undecided hides no route."""
    template = parse_template(HTTP.format(name="!Ref Which").encode(), "t.yaml")
    assert template.unresolved
    assert unread_routes(template, template.apis[0]) == ()
