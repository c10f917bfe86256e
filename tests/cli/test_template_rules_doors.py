"""Other ways to the function behind a guarded route, and none where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_templates
import pytest
from overlay import base, resources

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.run import run_checks
from authorizer.cli.template.reader import parse_template
from authorizer.cli.template.stacks import join

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.check.finding import Finding

POLICY = "version: 1\ngroups: {reader: {allow: [ANY /**]}}\n"
URI = (
    '!Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/'
    '${FUNCTION.Arn}/invocations"'
)
PERMITTED = "AuthorizerCredentialsArn: arn:aws:iam::111122223333:role/invoke"
# The policy's function, two that answer, and what a test adds.
BASE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {{Given: {{Type: String}}}}
Conditions: {{Odd: !Equals [!Ref Given, odd]}}
{common}
Resources:
  Ours:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Environment: {{Variables: {{AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=client}}}}
  Backend:
    Type: AWS::Serverless::Function
    Properties: {{Handler: b.c, FunctionName: backend, {backend}}}
  Another:
    Type: AWS::Serverless::Function
    Properties: {{Handler: b.c, {another}}}
{api}
{more}
"""
HTTP = f"""\
  Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP, Name: a}}}}
  Rbac:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Authorization]
      {PERMITTED}
      AuthorizerUri: {URI.replace("FUNCTION", "Ours")}
  Target:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: {URI.replace("FUNCTION", "Backend")}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /hello
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Rbac
      Target: !Sub "integrations/${{Target}}"
"""
SAM = resources(base("http-api", "uncached"))["Api"].replace("AuthorizerFunction", "Ours")
EVENT = "Events: {E: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /hello}}}"
BODY = f"""\
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        DefaultAuthorizer: Rbac
        Authorizers:
          Rbac:
            FunctionArn: !GetAtt Ours.Arn
            FunctionPayloadType: REQUEST
            Identity: {{Headers: [Authorization], ReauthorizeEvery: 0}}
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /hello:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: {URI.replace("FUNCTION", "Backend")}
"""
REST = f"""\
  Api: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: a}}}}
  Rbac:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      RestApiId: !Ref Api
      Type: TOKEN
      IdentitySource: method.request.header.Authorization
      AuthorizerResultTtlInSeconds: 0
      AuthorizerCredentials: arn:aws:iam::111122223333:role/invoke
      AuthorizerUri: {URI.replace("FUNCTION", "Ours")}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Rbac
      Integration: {{Type: AWS_PROXY, Uri: {URI.replace("FUNCTION", "Backend")}}}
"""
SOCKET = """\
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Ours.Arn}
      Routes:
        $connect: {FunctionArn: !GetAtt Another.Arn}
        $default: {FunctionArn: !GetAtt Backend.Arn}
"""


def template(
    *, api: str = HTTP, more: str = "", backend: str = "", another: str = "", common: str = ""
) -> str:
    return BASE.format(api=api, more=more, backend=backend, another=another, common=common)


def findings(text: str) -> list[Finding]:
    return made_templates.findings(parse_template(text.encode(), "t.yaml"), POLICY)


def codes(text: str) -> list[str]:
    return [one.code for one in findings(text)]


def resource(kind: str, properties: str) -> str:
    return f"  Door: {{Type: {kind}, Properties: {{{properties}}}}}\n"


ALIAS = (
    "  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Backend, "
    'Name: live, FunctionVersion: "1"}}\n'
)
OPEN_URL = "FunctionUrlConfig: {AuthType: NONE}"
URL_OF = {
    "function": "!Ref Backend",
    "ARN": "!GetAtt Backend.Arn",
    "name": "backend",
    "alias": "!Ref Live",
    "qualified ARN": '!Sub "${Backend.Arn}:live"',
    "condition": "!If [Odd, !Ref Backend, !Ref Another]",
}


# --- T134: function URLs ---


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(OPEN_URL, id="open"),
        pytest.param("FunctionUrlConfig: {AuthType: !Ref Given}", id="parameter"),
        pytest.param("FunctionUrlConfig: {AuthType: !If [Odd, NONE, AWS_IAM]}", id="condition"),
        pytest.param(
            "FunctionUrlConfig: !If [Odd, {AuthType: NONE}, !Ref AWS::NoValue]", id="optional"
        ),
    ],
)
def test_a_url_that_asks_nobody_is_a_warning(written: str) -> None:
    """It stands at the URL, and names the function and a route that is guarded."""
    text = template(backend=written)
    (one,) = findings(text)
    assert (one.code, one.severity) == ("T134", Severity.WARNING)
    assert one.location.line == text.split("FunctionUrlConfig")[0].count("\n") + 1
    assert "'Backend'" in one.message
    assert "'GET /hello'" in one.message


@pytest.mark.parametrize("of", URL_OF.values(), ids=URL_OF)
def test_a_url_of_cloudformations_is_one_too(of: str) -> None:
    """However it names the function."""
    door = resource("AWS::Lambda::Url", f"AuthType: NONE, TargetFunctionArn: {of}")
    assert codes(template(more=door + ALIAS)) == ["T134"]


def test_a_url_from_globals_is_one_too() -> None:
    """Every function has it then; the one that answers a route counts."""
    assert codes(template(common=f"Globals: {{Function: {{{OPEN_URL}}}}}")) == ["T134"]


@pytest.mark.parametrize(
    ("backend", "another", "more"),
    [
        pytest.param("FunctionUrlConfig: {AuthType: AWS_IAM}", "", "", id="signed"),
        pytest.param("", OPEN_URL, "", id="of a function without route"),
        pytest.param(
            "",
            "",
            resource("AWS::Lambda::Url", "AuthType: AWS_IAM, TargetFunctionArn: !Ref Backend"),
            id="signed, by CloudFormation",
        ),
        pytest.param(
            "",
            "",
            resource("AWS::Lambda::Url", "AuthType: NONE, TargetFunctionArn: !Ref Another"),
            id="of another function",
        ),
    ],
)
def test_other_urls_are_no_doors(backend: str, another: str, more: str) -> None:
    """Who signs requests is known, and a function of no guarded route may have its own."""
    assert codes(template(backend=backend, another=another, more=more)) == []


SIGNED = "{E: {Type: Api, Properties: {Method: GET, Path: /, Auth: {Authorizer: AWS_IAM}}}}"
APIS = {
    "SAM event": (SAM, EVENT),
    "SAM definition": (BODY, ""),
    "REST": (REST, ""),
    "HTTP": (HTTP, ""),
    "WebSocket": (SOCKET, ""),
    "implicit": ("", f"Events: {SIGNED}"),
}


@pytest.mark.parametrize(("api", "backend"), APIS.values(), ids=APIS)
def test_the_function_of_a_route_is_found_in_every_form(api: str, backend: str) -> None:
    """Events, definitions, methods, integrations, and what comes over a connection."""
    written = ", ".join(filter(None, [OPEN_URL, backend]))
    assert "T134" in codes(template(api=api, backend=written))
    assert "T134" not in codes(template(api=api, backend=backend))


def test_a_function_of_open_routes_only_has_no_door() -> None:
    """Where nobody is asked at the API, either, the open route is what is found."""
    route = HTTP.replace("AuthorizationType: CUSTOM", "AuthorizationType: NONE")
    assert codes(template(api=route, backend=OPEN_URL)) == ["X101"]


def test_a_route_that_calls_the_url_is_behind_it() -> None:
    """An integration by the function's URL leads to the function."""
    url = resource("AWS::Lambda::Url", "AuthType: NONE, TargetFunctionArn: !Ref Backend")
    api = HTTP.replace(
        f"AWS_PROXY\n      IntegrationUri: {URI.replace('FUNCTION', 'Backend')}",
        "HTTP_PROXY\n      IntegrationUri: !GetAtt Door.FunctionUrl",
    )
    assert codes(template(api=api, more=url)) == ["T134"]


def test_doors_stay_with_the_functions_of_their_template() -> None:
    """Two templates may call different functions the same."""
    first, second = template(), template(api="", backend=OPEN_URL)
    read = join([parse_template(first.encode(), "a.yaml"), parse_template(second.encode(), "b")])
    assert made_templates.findings(read, POLICY) == []


# --- T135: services ---

SERVICES = {
    "load balancer": (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "TargetType: lambda, Targets: [{Id: !GetAtt FUNCTION.Arn}]",
    ),
    "load balancer, an alias": (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        'TargetType: lambda, Targets: !If [Odd, [{Id: !Sub "${FUNCTION.Arn}:live"}], []]',
    ),
    "VPC Lattice": (
        "AWS::VpcLattice::TargetGroup",
        "Type: LAMBDA, Targets: [{Id: !GetAtt FUNCTION.Arn}]",
    ),
    "AppSync": (
        "AWS::AppSync::DataSource",
        "Type: AWS_LAMBDA, LambdaConfig: {LambdaFunctionArn: !GetAtt FUNCTION.Arn}",
    ),
    "AppSync of SAM's": (
        "AWS::Serverless::GraphQLApi",
        "DataSources: {Lambda: {Source: {FunctionArn: !GetAtt FUNCTION.Arn}}}",
    ),
    "CloudFront": (
        "AWS::CloudFront::Distribution",
        (
            "DistributionConfig: {DefaultCacheBehavior: {LambdaFunctionAssociations: "
            "[{LambdaFunctionARN: !Ref FUNCTION.Version}]}}"
        ),
    ),
    "CloudFront, of a path": (
        "AWS::CloudFront::Distribution",
        (
            "DistributionConfig: {CacheBehaviors: [{LambdaFunctionAssociations: "
            '[{LambdaFunctionARN: !Sub "${FUNCTION.Arn}:1"}]}]}'
        ),
    ),
    "a stack elsewhere": (
        "AWS::CloudFormation::Stack",
        (
            "TemplateURL: https://s3.amazonaws.com/b/c.yaml, Parameters: "
            "{Stage: !Ref Given, Fn: !GetAtt FUNCTION.Arn}"
        ),
    ),
    "an application": (
        "AWS::Serverless::Application",
        "Location: {ApplicationId: a, SemanticVersion: 1.0.0}, Parameters: {Fn: !Ref FUNCTION}",
    ),
    "IoT": (
        "AWS::IoT::TopicRule",
        "TopicRulePayload: {Actions: [{Lambda: {FunctionArn: !GetAtt FUNCTION.Arn}}]}",
    ),
}


@pytest.mark.parametrize(("kind", "properties"), SERVICES.values(), ids=SERVICES)
def test_a_service_that_calls_the_function_is_a_warning(kind: str, properties: str) -> None:
    """It hands over what somebody sends; the API's authorizer is not asked."""
    door = resource(kind, properties.replace("FUNCTION", "Backend"))
    (one,) = findings(template(more=door))
    assert (one.code, one.severity) == ("T135", Severity.WARNING)
    assert "Door" in one.message
    another = resource(kind, properties.replace("FUNCTION", "Another"))
    assert codes(template(more=another)) == []


@pytest.mark.parametrize("function", ["!Ref Given", "!ImportValue x", "'{{resolve:ssm:/x}}'"])
def test_a_door_to_a_function_that_the_deployment_names_is_a_warning(function: str) -> None:
    """It may be the one behind a route; not so, where an authorizer asks the same."""
    url = resource("AWS::Lambda::Url", f"TargetFunctionArn: {function}, AuthType: NONE")
    assert codes(template(more=url)) == ["T134"]

    text = template(more=permission("'*'", function=function))
    assert codes(text) == ["T136"]
    asked = text.replace(URI.replace("FUNCTION", "Ours"), function)
    assert "T136" not in codes(asked)


WHERE_IT_LEADS = 'Target: !Sub "integrations/${Target}"'
HELD_OPEN = {
    "parameter": (URI.replace("FUNCTION", "Backend"), "!Ref Given"),
    "parameter in a URI": ("${Backend.Arn}", "${Given}"),
    "import": (URI.replace("FUNCTION", "Backend"), "!ImportValue x"),
    "stage variable": ("${Backend.Arn}", "${!stageVariables.f}"),
    "integration elsewhere": (WHERE_IT_LEADS, "Target: integrations/abc"),
    "integration by parameter": (WHERE_IT_LEADS, "Target: !Ref Given"),
}


@pytest.mark.parametrize(("old", "new"), HELD_OPEN.values(), ids=HELD_OPEN)
def test_a_door_to_any_function_counts_where_the_backend_is_not_known(old: str, new: str) -> None:
    """It may be the function behind the route; the authorizer's own function is not."""
    api = HTTP.replace(old, new)
    assert codes(template(api=api)) == []
    assert codes(template(api=api, backend=OPEN_URL)) == ["T134"]
    assert codes(template(api=api, another=OPEN_URL)) == ["T134"]
    ours = resource("AWS::Lambda::Url", "AuthType: NONE, TargetFunctionArn: !Ref Ours")
    assert codes(template(api=api, more=ours)) == []


def test_a_backend_that_is_a_server_has_no_door() -> None:
    """What answers by HTTP is no function of the template's, whatever its address."""
    api = HTTP.replace(URI.replace("FUNCTION", "Backend"), '!Sub "https://${Given}/x"')
    assert codes(template(api=api, backend=OPEN_URL)) == []


@pytest.mark.parametrize("default", ["x", "arn:aws:lambda:eu-west-1:111122223333:function:x"])
def test_a_backend_by_a_parameter_with_a_default_may_be_any(tmp_path: Path, default: str) -> None:
    """Another value may name the function that has a URL."""
    text = template(
        api=HTTP.replace(URI.replace("FUNCTION", "Backend"), "!Ref Given"), backend=OPEN_URL
    ).replace("{Type: String}", f"{{Type: String, Default: '{default}'}}", 1)
    (tmp_path / "t.yaml").write_text(text)
    (tmp_path / "policy.yaml").write_text("version: 1\ngroups: {reader: {allow: [GET /hello]}}\n")
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings
    assert [one.code for one in found if "T134" in one.message] == ["X250"]


@pytest.mark.parametrize("kind", ["IoTRule, Properties: {Sql: 'SELECT * FROM x'}", "AlexaSkill"])
def test_an_event_that_somebody_sends_is_a_warning(kind: str) -> None:
    """SAM makes what is needed of it, and the permission."""
    assert codes(template(backend=f"Events: {{T: {{Type: {kind}}}}}")) == ["T135"]
    schedule = "Events: {T: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}}"
    assert codes(template(backend=schedule)) == []


# --- T136: permissions ---


def permission(principal: str, more: str = "", function: str = "!Ref Backend") -> str:
    action = "" if "Action" in more else "Action: lambda:InvokeFunction, "
    return resource(
        "AWS::Lambda::Permission",
        f"{action}FunctionName: {function}, Principal: {principal}{more}",
    )


ACCOUNT = ", SourceAccount: !Ref AWS::AccountId"
OF_API = (
    ', SourceArn: !Sub "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/hello"'
)
EVERYWHERE = ', SourceArn: "arn:aws:execute-api:*:*:*"'
IN_REGION = ', SourceArn: !Sub "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}'
OF_TOPIC = ', SourceArn: !Sub "arn:aws:sns:${{AWS::Region}}:{}:topic"'
OTHERS = ", SourceAccount: '999988887777'"


@pytest.mark.parametrize(
    ("principal", "more", "told"),
    [
        pytest.param("'*'", "", "everybody", id="everybody"),
        pytest.param("'*'", ", Action: 'lambda:*'", "everybody", id="every action"),
        pytest.param("'*'", ", Action: lambda:InvokeFunctionUrl", "everybody", id="by a URL"),
        pytest.param("'*'", ", Action: !Ref Given", "everybody", id="action by parameter"),
        pytest.param("'*'", ", Action: lambda:InvokeAsync", "everybody", id="another way to call"),
        pytest.param("'*'", ", Action: lambda:invokefunction", "everybody", id="lower case"),
        pytest.param("'*'", ", PrincipalOrgID: o-abc", "everybody", id="an organization"),
        pytest.param("'*'", EVERYWHERE, "everybody", id="any API"),
        pytest.param("apigateway.amazonaws.com", "", "any account", id="any account's API"),
        pytest.param("apigateway.amazonaws.com", EVERYWHERE, "any account", id="any API's"),
        pytest.param("'999988887777'", "", "'999988887777'", id="account"),
        pytest.param("arn:aws:iam::999988887777:root", "", "999988887777", id="root of account"),
        pytest.param("!Ref Given", "", "parameter Given", id="parameter"),
        pytest.param(
            '!Sub "arn:aws:iam::${Given}:root"', "", "parameter Given", id="account by parameter"
        ),
        pytest.param("elasticloadbalancing.amazonaws.com", "", "elastic", id="load balancers"),
        pytest.param("vpc-lattice.amazonaws.com", ACCOUNT, "lattice", id="VPC Lattice"),
        pytest.param("iot.amazonaws.com", ACCOUNT, "iot", id="IoT"),
        pytest.param('!Sub "apigateway.${AWS::URLSuffix}"', "", "any account", id="partition"),
        pytest.param("!If [Odd, '*', s3.amazonaws.com]", "", "parameter Given", id="condition"),
        pytest.param("bedrock.amazonaws.com", "", "bedrock", id="an agent"),
        pytest.param("apigateway.amazonaws.com", OTHERS, "'999988887777'", id="another's APIs"),
        pytest.param("'*'", OTHERS, "'999988887777'", id="everybody of another account"),
        pytest.param("'*'", ", SourceAccount: !Ref Given", "Given", id="of a given account"),
        pytest.param(
            "apigateway.amazonaws.com",
            OF_API.replace("${AWS::AccountId}", "999988887777"),
            "'999988887777'",
            id="the API's id in another account",
        ),
        pytest.param(
            "apigateway.amazonaws.com", IN_REGION + ':abcdef/*"', "API, 'abcdef'", id="another API"
        ),
        pytest.param(
            "apigateway.amazonaws.com", IN_REGION + ':${Given}/*"', "Given", id="a given API"
        ),
        pytest.param("apigateway.amazonaws.com", ", SourceArn: !Ref Given", "Given", id="an API"),
        pytest.param(
            "apigateway.amazonaws.com", ", SourceArn: !ImportValue x", "Import", id="imported"
        ),
        pytest.param("events.amazonaws.com", "", "any account", id="anybody's schedule"),
        pytest.param("sns.amazonaws.com", "", "any account", id="anybody's topic"),
        pytest.param("s3.amazonaws.com", OTHERS, "'999988887777'", id="another's bucket"),
        pytest.param(
            "sns.amazonaws.com", OF_TOPIC.format("999988887777"), "'9999", id="another's topic"
        ),
        pytest.param("sns.amazonaws.com", OF_TOPIC.format("*"), "any account", id="all topics"),
        pytest.param("sns.amazonaws.com", OF_TOPIC.format("${Given}"), "Given", id="given topic"),
    ],
)
def test_a_permission_for_others_is_a_warning(principal: str, more: str, told: str) -> None:
    """Whoever may invoke the function needs no API, and no token."""
    (one,) = findings(template(more=permission(principal, more)))
    assert (one.code, one.severity) == ("T136", Severity.WARNING)
    assert told in one.message
    by_name = permission(principal, more, function="backend")
    assert codes(template(more=by_name)) == ["T136"]
    assert codes(template(more=permission(principal, more, function="!Ref Another"))) == []


@pytest.mark.parametrize(
    ("principal", "more"),
    [
        pytest.param("apigateway.amazonaws.com", OF_API, id="the API"),
        pytest.param("apigateway.amazonaws.com", ACCOUNT, id="the account's APIs"),
        pytest.param("'*'", OF_API, id="whatever comes from the API"),
        pytest.param("'*'", ", Action: lambda:GetFunction", id="another action"),
        pytest.param("!Ref AWS::AccountId", "", id="this account"),
        pytest.param(
            '!Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"', "", id="root of this one"
        ),
        pytest.param("!GetAtt Role.Arn", "", id="a role of the template"),
        pytest.param("events.amazonaws.com", ", SourceArn: !GetAtt Rule.Arn", id="a schedule"),
        pytest.param("s3.amazonaws.com", ACCOUNT, id="a bucket"),
        pytest.param("s3.amazonaws.com", ", SourceArn: 'arn:aws:s3:::b'", id="a bucket by name"),
        pytest.param("sns.amazonaws.com", ", SourceArn: !Ref Given", id="a topic by parameter"),
        pytest.param("sns.amazonaws.com", ", SourceArn: !ImportValue t", id="a topic by import"),
        pytest.param("sns.amazonaws.com", OF_TOPIC.format("${AWS::AccountId}"), id="own topic"),
        pytest.param("logs.eu-west-1.amazonaws.com", ACCOUNT, id="logs"),
        pytest.param('!Sub "logs.${AWS::Region}.amazonaws.com"', ACCOUNT, id="logs of this region"),
        pytest.param("apigateway.amazonaws.com", IN_REGION + ':*"', id="any API of the account"),
        pytest.param('!Sub "apigateway.${AWS::URLSuffix}"', OF_API, id="of any partition"),
    ],
)
def test_the_apis_own_permission_is_none(principal: str, more: str) -> None:
    """Nor what the account itself may do, or makes events of."""
    role = "  Role: {Type: AWS::IAM::Role}\n  Rule: {Type: AWS::Events::Rule}\n"
    assert codes(template(more=permission(principal, more) + role)) == []


# --- X205: what stages remember ---

FOR_ALL = "{HttpMethod: '*', ResourcePath: '/*', CachingEnabled: true}"
CACHED = f"CacheClusterEnabled: true, MethodSettings: [{FOR_ALL}]"
STAGED = {
    "all": (CACHED, ["X205"]),
    "the route": (
        CACHED.replace("'*'", "GET").replace("/*", "/~1"),
        ["X205"],
    ),
    "by parameter": (CACHED.replace("true", "!Ref Given"), ["X205"]),
    "settings by parameter": ("CacheClusterEnabled: true, MethodSettings: !Ref Given", ["X205"]),
    "no cache": (CACHED.replace("Enabled: true, M", "Enabled: false, M"), []),
    "no cluster": (f"MethodSettings: [{FOR_ALL}]", []),
    "no settings": ("CacheClusterEnabled: true", []),
    "for no time": (CACHED.replace("}]", ", CacheTtlInSeconds: 0}]"), []),
    "another route": (CACHED.replace("/*", "/~1other"), []),
    "another method": (CACHED.replace("'*'", "POST"), []),
    "but not the route": (
        CACHED.replace("]", ", {HttpMethod: GET, ResourcePath: /, CachingEnabled: false}]"),
        [],
    ),
}


@pytest.mark.parametrize(("stage", "expected"), STAGED.values(), ids=STAGED)
def test_a_stage_that_gives_one_callers_answer_to_another_is_a_warning(
    stage: str, expected: list[str]
) -> None:
    """The authorizer lets both in, and the second is given what was for the first."""
    more = resource("AWS::ApiGateway::Stage", f"RestApiId: !Ref Api, {stage}")
    assert codes(template(api=REST, more=more)) == expected

    every = REST.replace("HttpMethod: GET", "HttpMethod: ANY")
    assert codes(template(api=every, more=more)) == (["X205"] if "POST" in stage else expected)
    keyed = REST.replace(
        "{Type: AWS_PROXY",
        "{CacheKeyParameters: [method.request.header.Authorization], Type: AWS_PROXY",
    )
    assert codes(template(api=keyed, more=more)) == []
    by_path = keyed.replace("header.Authorization", "path.id")
    assert codes(template(api=by_path, more=more)) == expected
    assert codes(template(api=REST.replace("CUSTOM", "NONE"), more=more)) == ["X101"]


def test_the_token_is_in_the_key_of_a_stage_where_it_may_be() -> None:
    """With a token in a cookie, a key without cookies is everybody's."""
    more = resource("AWS::ApiGateway::Stage", f"RestApiId: !Ref Api, {CACHED}")
    by_cookie = REST.replace("header.Authorization", "header.Cookie").replace("TOKEN", "REQUEST")
    for name, expected in (("Authorization", ["X205"]), ("Cookie", [])):
        keyed = by_cookie.replace(
            "{Type: AWS_PROXY",
            f"{{CacheKeyParameters: [method.request.header.{name}], Type: AWS_PROXY",
        )
        text = template(api=keyed, more=more)
        pools = "AUTHORIZER_USER_POOLS:"
        assert pools in text
        sources = "AUTHORIZER_TOKEN_SOURCES: cookie:a, AUTHORIZER_COOKIE_ORIGINS: https://a, "
        assert codes(text.replace(pools, sources + pools)) == expected


def test_a_deployments_stage_is_one_too() -> None:
    """It says the same in other words."""
    stage = "RestApiId: !Ref Api, StageDescription: {CacheClusterEnabled: true"
    for more in ("CachingEnabled: true", f"MethodSettings: [{FOR_ALL}]"):
        door = resource("AWS::ApiGateway::Deployment", f"{stage}, {more}}}")
        assert codes(template(api=REST, more=door)) == ["X205"]
    door = resource("AWS::ApiGateway::Deployment", stage + "}")
    assert codes(template(api=REST, more=door)) == []


def test_a_stage_that_remembers_in_another_deployment_is_found(tmp_path: Path) -> None:
    """What is off by default may be on by a parameter's other value."""
    stage = "RestApiId: !Ref Api, " + CACHED.replace("true", "!Ref Given", 1)
    text = template(api=REST, more=resource("AWS::ApiGateway::Stage", stage))
    text = text.replace("{Type: String}", "{Type: String, Default: 'false'}", 1)
    (tmp_path / "t.yaml").write_text(text)
    (tmp_path / "policy.yaml").write_text("version: 1\ngroups: {reader: {allow: [GET /]}}\n")
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings
    assert [one.code for one in found if "X205" in one.message] == ["X250"]


def test_a_stage_of_sams_is_one_too() -> None:
    """Its API has the settings itself; a definition or an event says what is in the key."""
    cached = BODY.replace(
        "StageName: prod",
        f"StageName: prod\n      {CACHED}".replace(", MethodSettings", "\n      MethodSettings"),
    )
    assert codes(template(api=cached)) == ["X205"]
    key = "cacheKeyParameters: [method.request.header.Authorization]"
    keyed = cached.replace("httpMethod: POST", f"httpMethod: POST\n                {key}")
    assert codes(template(api=keyed)) == []

    events = cached.partition("      DefinitionBody")[0]
    event = EVENT.replace("HttpApi", "Api").replace("ApiId", "RestApiId")
    assert codes(template(api=events, backend=event)) == ["X205"]
    named = "method.request.header.Authorization: {Required: true, Caching: true}"
    key = f"Path: /hello, RequestParameters: [{{{named}}}]"
    assert codes(template(api=events, backend=event.replace("Path: /hello", key))) == []


# --- X101: connections ---


@pytest.mark.parametrize("keys", [("$default",), ("$disconnect", "send")])
@pytest.mark.parametrize("form", ["SAM", "raw"])
def test_a_websocket_api_without_a_handshake_is_open(keys: tuple[str, ...], form: str) -> None:
    """Anybody connects where there is no route to authorize it, and sends what they like."""
    if form == "SAM":
        routes = ", ".join(f"{key}: {{FunctionArn: !GetAtt Backend.Arn}}" for key in keys)
        api = (
            "  Api: {Type: AWS::Serverless::WebSocketApi, Properties: "
            f"{{RouteSelectionExpression: $request.body.action, Routes: {{{routes}}}}}}}\n"
        )
    else:
        api = "  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}\n"
        for number, key in enumerate(keys):
            properties = f"{{ApiId: !Ref Api, RouteKey: {key}}}"
            api += f"  R{number}: {{Type: AWS::ApiGatewayV2::Route, Properties: {properties}}}\n"
    (one,) = findings(template(api=api))
    assert (one.code, one.severity) == ("X101", Severity.ERROR)
    assert "'$connect' of 'Api'" in one.message


def test_a_handshake_that_may_be_missing_is_open_then(tmp_path: Path) -> None:
    """In the deployment that leaves it out, anybody connects."""
    api = SOCKET.replace(
        "$connect: {FunctionArn: !GetAtt Another.Arn}",
        "$connect: !If [Odd, {FunctionArn: !GetAtt Another.Arn}, !Ref AWS::NoValue]",
    )
    (tmp_path / "t.yaml").write_text(template(api=api))
    (tmp_path / "policy.yaml").write_text("version: 1\ngroups: {reader: {allow: [$connect]}}\n")
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings
    assert [one.code for one in found if "X101" in one.message] == ["X250"]


def test_a_websocket_api_with_a_handshake_is_guarded_by_it() -> None:
    """Its other routes need no authorizer, and an API without routes takes nobody."""
    assert codes(template(api=SOCKET)) == []
    empty = "  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}\n"
    assert codes(template(api=empty)) in ([], ["X105"])


def test_a_door_that_another_deployment_opens_is_found(tmp_path: Path) -> None:
    """What is closed by default may be open by a parameter's other value."""
    given = "Parameters: {Auth: {Type: String, Default: AWS_IAM, AllowedValues: [AWS_IAM, NONE]}}\n"
    text = template(backend="FunctionUrlConfig: {AuthType: !Ref Auth}")
    text = text.replace("Parameters: {Given: {Type: String}}\n", given)
    text = text.replace("Conditions: {Odd: !Equals [!Ref Given, odd]}\n", "")
    (tmp_path / "t.yaml").write_text(text)
    (tmp_path / "policy.yaml").write_text("version: 1\ngroups: {reader: {allow: [GET /hello]}}\n")
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "t.yaml"]).findings
    (one,) = (each for each in found if each.code != "T052")  # its functions have no handler
    assert (one.code, "T134" in one.message) == ("X250", True)
