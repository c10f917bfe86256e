"""Whose function decides, and with which policy: templates as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_templates
import pytest
from overlay import base, laid_over

from authorizer.cli.analysis.protection import DecidedBy, protection_by_route
from authorizer.cli.check.finding import Severity
from authorizer.cli.template.reader import parse_template

if TYPE_CHECKING:
    from authorizer.cli.check.finding import Finding

POLICY = "version: 1\ngroups: {reader: {allow: [GET /hello]}}\n"
SETTINGS = "Environment: {Variables: {AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=client}}"
# What is added to an API: whose function its authorizer asks, another function, and more.
CHANGES = """\
Parameters:
  Which: {{Type: String, Default: ours}}
  Alias: {{Type: String}}
  Given: {{Type: String}}
Conditions: {{Odd: !Equals [!Ref Which, odd]}}
Mappings: {{Of: {{here: {{arn: "arn:aws:lambda:eu-west-1:111122223333:function:x"}}}}}}
{common}
Resources:
  Api:
    Properties:
      Auth:
        Authorizers:
          Rbac:
            FunctionArn: {function}
            EnableFunctionDefaultPermissions: !Absent
            FunctionInvokeRole: arn:aws:iam::111122223333:role/invoke
            Identity: {{Headers: [Authorization]}}
  AuthorizerFunction: !Absent
  Ours:
    Type: AWS::Serverless::Function
    Properties: {{Handler: a.b, {ours}}}
  Other:
    Type: AWS::Serverless::Function
    Properties: {{Handler: a.b, {other}}}
{more}
"""


def http(
    function: str = "!GetAtt Ours.Arn",
    *,
    ours: str = SETTINGS,
    other: str = "",
    common: str = "",
    more: str = "",
) -> str:
    changes = CHANGES.format(function=function, ours=ours, other=other, common=common, more=more)
    return laid_over(base("http-api"), changes)


def findings(template: str, policy: str = POLICY) -> list[Finding]:
    return made_templates.findings(parse_template(template.encode(), "t.yaml"), policy)


def codes(template: str, policy: str = POLICY) -> list[str]:
    return sorted(one.code for one in findings(template, policy))


def guard_of(template: str, api: str, key: str) -> DecidedBy:
    read = parse_template(template.encode(), "t.yaml")
    (found,) = [one for one in read.apis if one.id == api]
    return protection_by_route(read, found)[key].decided_by


# --- X130: whose function ---

ELSEWHERE = {
    "another account": "arn:aws:lambda:eu-west-1:111122223333:function:allow-all",
    "another name": '!Sub "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:allow-all"',
    "an import": "!ImportValue another-stack-authorizer",
    "a parameter": "!Ref Given",
    "a parameter in a text": '!Sub "arn:aws:lambda:eu-west-1:111122223333:function:${Given}"',
    "a condition": "!If [Odd, !GetAtt Other.Arn, !GetAtt Ours.Arn]",
    "a condition in a text": '!Sub ["${F}:x", {F: !If [Odd, !GetAtt Other.Arn, !GetAtt Ours.Arn]}]',
    "a mapping": "!FindInMap [Of, here, arn]",
    "a dynamic reference": "'{{resolve:ssm:/authorizer}}'",
    "a stage variable": (
        '!Sub "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/'
        'arn:aws:lambda:eu-west-1:111122223333:function:${!stageVariables.decided_by}/invocations"'
    ),
}


@pytest.mark.parametrize("function", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_function_that_is_not_the_policys_is_not_taken_for_it(function: str) -> None:
    """Beside a function with settings of ours, no other one is ours, and that is said."""
    template = http(function)
    (one,) = findings(template)
    assert (one.code, one.severity) == ("X130", Severity.WARNING)
    assert one.location.line == template.split("FunctionArn")[0].count("\n") + 1
    assert guard_of(template, "Api", "GET /hello") is DecidedBy.UNKNOWN


@pytest.mark.parametrize(
    "where",
    [
        "eu-west-1:999988887777",
        "${AWS::Region}:999988887777",
        "eu-west-1:${AWS::AccountId}",
        "${AWS::Region}:${Given}",
        "${Given}:${AWS::AccountId}",
    ],
)
def test_the_policys_functions_name_in_another_account_is_another_function(where: str) -> None:
    """Or in another region, where the template does not say that it is its own."""
    arn = f'!Sub "arn:aws:lambda:{where}:function:guard"'
    assert codes(http(arn, ours=f"FunctionName: guard, {SETTINGS}")) == ["X130"]


@pytest.mark.parametrize("name", ["guard", "${AWS::StackName}-guard", "${Given}-guard"])
def test_the_policys_function_may_be_named_in_words(name: str) -> None:
    """What a deployment puts into both is the same in both."""
    arn = f'!Sub "arn:aws:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{name}"'
    assert codes(http(arn, ours=f'FunctionName: !Sub "{name}", {SETTINGS}')) == []
    other = arn.replace("guard", "guards")
    assert codes(http(other, ours=f'FunctionName: !Sub "{name}", {SETTINGS}')) == ["X130"]


def test_a_foreign_function_is_named() -> None:
    """Whoever reads the finding learns which function decides."""
    (one,) = findings(http(ELSEWHERE["another account"]))
    assert "'arn:aws:lambda:eu-west-1:111122223333:function:allow-all'" in one.message


def test_a_function_elsewhere_is_said_where_it_is_the_only_one() -> None:
    """A template without the function takes its one authorizer for the policy's, and says so."""
    template = http(ELSEWHERE["another account"], ours="")
    assert codes(template) == ["X130"]
    assert guard_of(template, "Api", "GET /hello") is DecidedBy.POLICY


URI = (
    '!Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/FUNCTION/invocations"'
)
FOREIGN_URI = URI.replace("FUNCTION", "arn:aws:lambda:eu-west-1:111122223333:function:allow-all")
RAW_HTTP = f"""\
  A:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: a
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Authorization]
      AuthorizerCredentialsArn: arn:aws:iam::111122223333:role/invoke
      AuthorizerUri: {FOREIGN_URI}
  R:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: DELETE /hello
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref A
"""
RAW_REST = f"""\
  Rest: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: r}}}}
  A:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      RestApiId: !Ref Rest
      Type: TOKEN
      Name: a
      IdentitySource: method.request.header.Authorization
      AuthorizerResultTtlInSeconds: 0
      AuthorizerCredentials: arn:aws:iam::111122223333:role/invoke
      AuthorizerUri: {FOREIGN_URI}
  M:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref A
"""
OPENAPI = f"""\
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /:
            get:
              security: [{{Check: []}}]
              x-amazon-apigateway-integration: {{type: aws_proxy, httpMethod: POST, uri: x}}
        components:
          securitySchemes:
            Check:
              type: apiKey
              name: Authorization
              in: header
              x-amazon-apigateway-authtype: custom
              x-amazon-apigateway-authorizer:
                type: token
                authorizerResultTtlInSeconds: 0
                authorizerCredentials: arn:aws:iam::111122223333:role/invoke
                authorizerUri: {FOREIGN_URI}
"""
SOCKET = """\
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Auth: {AuthType: CUSTOM, AuthArn: "arn:aws:lambda:eu-west-1:111122223333:function:allow-all"}
      Routes: {$connect: {FunctionArn: !GetAtt Backend.Arn}}
"""
FORMS = {"HTTP": RAW_HTTP, "REST": RAW_REST, "OpenAPI": OPENAPI, "WebSocket": SOCKET}
EVERYTHING = "version: 1\ngroups: {reader: {allow: [ANY /**]}}\n"


@pytest.mark.parametrize("more", FORMS.values(), ids=FORMS)
def test_a_foreign_function_is_said_in_every_form(more: str) -> None:
    """CloudFormation's own authorizers, those of definitions, and handshakes."""
    assert codes(http(more=more), EVERYTHING) == ["X130"]


@pytest.mark.parametrize(
    ("common", "ours", "other", "expected"),
    [
        pytest.param("", SETTINGS, "", ["X108"], id="one has settings"),
        pytest.param(
            "", SETTINGS, SETTINGS.replace("USER_POOLS", "MODE"), ["X108"], id="no setting of ours"
        ),
        pytest.param(
            f"Globals: {{Function: {{{SETTINGS}}}}}", "", "", ["X130", "X130"], id="all have them"
        ),
        pytest.param(
            f"Globals: {{Function: {{{SETTINGS}}}}}",
            "Environment: {Variables: {AUTHORIZER_IAM_MODES: http-1.0=request}}",
            "",
            ["X108"],
            id="one has one more",
        ),
        pytest.param("", "", "", ["X130", "X130"], id="none has any"),
        pytest.param("", SETTINGS, SETTINGS, [], id="both have them, and the same code"),
        pytest.param(
            "", SETTINGS, f"CodeUri: other, {SETTINGS}", ["X130", "X130"], id="and other code"
        ),
        pytest.param(
            "", SETTINGS, f"Layers: [a, b], {SETTINGS}", ["X130", "X130"], id="and other layers"
        ),
        pytest.param(
            "",
            f"ImageConfig: {{Command: [a.b]}}, {SETTINGS}",
            f"ImageConfig: {{Command: [c.d]}}, {SETTINGS}",
            ["X130", "X130"],
            id="and another command in the image",
        ),
        pytest.param(
            "", f"Layers: [a], {SETTINGS}", f"Layers: [a], {SETTINGS}", [], id="and the same layers"
        ),
    ],
)
def test_which_of_two_functions_is_the_policys(
    common: str, ours: str, other: str, expected: list[str]
) -> None:
    """Settings of ours tell, but not those that every function has, nor others of that prefix."""
    more = RAW_HTTP.replace(FOREIGN_URI, URI.replace("FUNCTION", "${Other.Arn}"))
    template = http(common=common, ours=ours, other=other, more=more)
    assert codes(template, EVERYTHING) == expected


def test_a_backends_variable_of_that_prefix_tells_nothing() -> None:
    """A function with its settings in a file is the policy's, whatever others have."""
    backend = "Environment: {Variables: {AUTHORIZER_URL: https://login.example}}"
    assert codes(http(ours="", other=backend)) == []


# --- X131: routes that no rule names ---

LOGIN = """\
  J:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: j
      AuthorizerType: JWT
      IdentitySource: [$request.header.Authorization]
      JwtConfiguration: {Audience: [x], Issuer: https://accounts.example}
"""
OTHERS = {"JWT": ("JWT, AuthorizerId: !Ref J", LOGIN), "IAM": ("AWS_IAM", "")}


@pytest.mark.parametrize(("kind", "more"), OTHERS.values(), ids=OTHERS)
def test_a_route_that_another_authorizer_opens_is_said(kind: str, more: str) -> None:
    """Though no rule names it: whoever reads the policy believes that it is all there is."""
    more += (
        "  R: {Type: AWS::ApiGatewayV2::Route, Properties: "
        f"{{ApiId: !Ref Api, RouteKey: DELETE /admin, AuthorizationType: {kind}}}}}\n"
    )
    (one,) = findings(http(more=more))
    assert (one.code, one.severity) == ("X131", Severity.WARNING)
    assert "'DELETE /admin' of 'Api'" in one.message
    assert codes(http(more=more), EVERYTHING) == ["X108"]


# --- T132: versions that stay ---

ALIAS = (
    "  Live: {{Type: AWS::Lambda::Alias, Properties: {{FunctionName: !Ref Ours, Name: live, "
    "FunctionVersion: {version}{more}}}}}\n"
)
VERSION = "  {id}: {{Type: AWS::Lambda::Version, Properties: {{FunctionName: !Ref Ours}}}}\n"
DIGEST = "OursCurrentVersion0123ABCDe5f4a7c19d3b4f6e8c2a1b0d9e8f7a6b"
STAYS = {
    "a version in a text": ('!Sub "${Ours.Arn}:1"', "", "1"),
    "a version by join": ('!Join [":", [!GetAtt Ours.Arn, "7"]]', "", "7"),
    "a version parameter": ('!Sub "${Ours.Arn}:${Given}"', "", "only when deployed"),
    "a version resource": ("!Ref First", VERSION.format(id="First"), "First"),
    "an alias in a text": ('!Sub "${Ours.Arn}:live"', "", "'live'"),
    "an alias of one version": ("!Ref Live", ALIAS.format(version='"1"', more=""), "'1'"),
    "an alias by its name": (
        '!Sub "${Ours.Arn}:live"',
        ALIAS.format(version='"1"', more=""),
        "'1'",
    ),
    "an alias of a version resource": (
        "!Ref Live",
        ALIAS.format(version="!GetAtt First.Version", more="") + VERSION.format(id="First"),
        "First",
    ),
    "an alias of a parameter": ("!Ref Live", ALIAS.format(version="!Ref Given", more=""), "Live"),
    "a part of an alias": (
        "!Ref Live",
        ALIAS.format(
            version='"$LATEST"',
            more=", RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: 1}]}",
        ),
        "a part",
    ),
    "one side of a condition": (
        '!If [Odd, !Sub "${Ours.Arn}:1", !GetAtt Ours.Arn]',
        "",
        "'1'",
    ),
}


@pytest.mark.parametrize(
    ("account", "expected"), [("${AWS::AccountId}", []), ("${Given}", ["X130"])]
)
def test_an_account_that_the_deployment_names_need_not_be_this_one(
    account: str, expected: list[str]
) -> None:
    """A function there may have the same name, and is another one."""
    named = f'!Sub "arn:aws:lambda:${{AWS::Region}}:{account}:function:ours"'
    assert codes(http(named, ours=f"FunctionName: ours, {SETTINGS}")) == expected


@pytest.mark.parametrize(("kind", "is_known"), [("CUSTOM", True), ("JWT", False)])
def test_a_route_asks_for_an_authorizer_of_its_kind(kind: str, *, is_known: bool) -> None:
    """What API Gateway does where it is another one is not documented."""
    more = RAW_HTTP.replace(FOREIGN_URI, URI.replace("FUNCTION", "${Ours.Arn}"))
    assert "AuthorizationType: CUSTOM" in more
    asked = more.replace("AuthorizationType: CUSTOM", f"AuthorizationType: {kind}")
    assert ("T050" in codes(http(more=asked), EVERYTHING)) is not is_known


@pytest.mark.parametrize(("function", "more", "told"), STAYS.values(), ids=STAYS)
def test_a_version_that_stays_is_a_warning(function: str, more: str, told: str) -> None:
    """It answers with the policy that it was published with."""
    found = findings(http(function, more=more))
    (one,) = [one for one in found if one.code != "X130"]
    assert (one.code, one.severity) == ("T132", Severity.WARNING)
    assert told in one.message


def test_a_version_in_an_authorizers_uri_is_a_warning() -> None:
    """The qualifier stands within the text there."""
    own = "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:ours:3"
    for written in ("${Ours.Arn}:3", own):
        more = RAW_HTTP.replace(FOREIGN_URI, URI.replace("FUNCTION", written))
        template = http(ours=f"FunctionName: ours, {SETTINGS}", more=more)
        assert codes(template, EVERYTHING) == ["T132"]


@pytest.mark.parametrize(
    ("function", "ours", "more"),
    [
        pytest.param("!Ref Ours", "", "", id="its name"),
        pytest.param('!Sub "${Ours.Arn}:$LATEST"', "", "", id="latest"),
        pytest.param("!Ref Ours.Alias", "AutoPublishAlias: live,", "", id="SAM's alias"),
        pytest.param("!Ref Ours.Version", "AutoPublishAlias: live,", "", id="SAM's version"),
        pytest.param('!Sub "${Ours.Arn}:live"', "AutoPublishAlias: live,", "", id="by its name"),
        pytest.param(
            '!Sub "${Ours.Arn}:${Alias}"', "AutoPublishAlias: !Ref Alias,", "", id="by a parameter"
        ),
        pytest.param(
            "!Ref Live", "", ALIAS.format(version='"$LATEST"', more=""), id="alias of latest"
        ),
        pytest.param(
            "!Ref Live",
            "",
            ALIAS.format(version=f"!GetAtt {DIGEST}.Version", more="") + VERSION.format(id=DIGEST),
            id="CDK's version",
        ),
    ],
)
def test_the_newest_version_is_nothing_to_warn_of(function: str, ours: str, more: str) -> None:
    """Latest code, the alias that SAM moves, and CDK's versions, which follow the code."""
    assert codes(http(function, ours=ours + SETTINGS, more=more)) == []


@pytest.mark.parametrize("digest", ["abc", "!Ref Given", "!If [Odd, abc, !Ref AWS::NoValue]"])
def test_an_alias_that_is_published_by_hand_is_a_warning(digest: str) -> None:
    """With a digest that stays, or that a deployment gives, SAM may publish no new version."""
    ours = f"AutoPublishAlias: live, AutoPublishCodeSha256: {digest}, {SETTINGS}"
    assert codes(http("!Ref Ours.Alias", ours=ours)) == ["T132"]
    none = ours.replace(digest, "!Ref AWS::NoValue")
    assert codes(http("!Ref Ours.Alias", ours=none)) == []


# --- what SAM replaces ---


def test_the_routes_of_an_api_that_sam_replaces_are_open_to_every_command() -> None:
    """What its Auth said is lost, and no command calls such a route guarded."""
    template = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  ServerlessHttpApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Rbac
        Authorizers: {Rbac: {FunctionArn: !GetAtt Ours.Arn, AuthorizerPayloadFormatVersion: "2.0"}}
  Ours: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}
  Backend:
    Type: AWS::Serverless::Function
    Properties:
      Events: {E: {Type: HttpApi, Properties: {Path: /hello, Method: GET}}}
"""
    assert codes(template) == ["T133", "X101"]
    assert guard_of(template, "ServerlessHttpApi", "GET /hello") is DecidedBy.NOBODY
