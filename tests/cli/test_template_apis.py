"""Details of APIs, authorizers, permissions and Cognito's resources, one rule each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authorizer.cli.template.model import ApiKind, AuthorizerKind, Unknown
from authorizer.cli.template.reader import parse_template

if TYPE_CHECKING:
    from authorizer.cli.template.model import Api, Authorizer, Template


def template(text: str) -> Template:
    return parse_template(text.encode(), "t.yaml")


def api(text: str) -> Api:
    (only,) = template(text).apis
    return only


def undecided(text: str) -> list[str]:
    return [f"{one.what}: {one.why}" for one in template(text).unresolved]


# --- events ---


@pytest.mark.parametrize("event", ["!Ref P", "{Type: !Ref P}", "!If [C, {Type: HttpApi}, a]"])
@pytest.mark.parametrize("at", [0, 1])
def test_an_event_that_is_not_decidable_may_add_to_an_api_of_sams_own(event: str, at: int) -> None:
    """Whether it stands before or after the event that makes SAM add that API."""
    events = ["A: {Type: HttpApi, Properties: {Path: /a, Method: GET}}"]
    events.insert(at, f"B: {event}")
    text = f"""
        Parameters: {{P: {{Type: String}}}}
        Conditions: {{C: !Equals [!Ref AWS::Region, x]}}
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties: {{Events: {{{", ".join(events)}}}}}
    """
    read = api(text)

    assert (read.id, read.is_complete) == ("ServerlessHttpApi", False)
    assert "GET /a" in read.keys


# --- permissions ---

PERMISSION = """
Parameters: {P: {Type: String}}
Conditions: {C: !Equals [!Ref AWS::Region, x]}
Resources:
  Api: {Type: AWS::ApiGateway::RestApi}
  F: {Type: AWS::Lambda::Function, Properties: {FunctionName: named}}
  G: {Type: AWS::Lambda::Function}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, Name: live}}
  Guard:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      RestApiId: !Ref Api
      Type: TOKEN
      IdentitySource: method.request.header.Authorization
      AuthorizerUri: !Sub "arn:aws:apigateway:x:lambda:path/v/functions/${F.Arn}/invocations"
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: %s, Principal: %s, Action: %s, SourceArn: %s}
"""
ARN = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}"
GOOD = ("!Ref F", "apigateway.amazonaws.com", "lambda:InvokeFunction", f"!Sub '{ARN}:${{Api}}/*'")


def with_permission(**changed: str) -> Authorizer:
    names = ("function", "principal", "action", "source")
    values = [changed.get(name, good) for name, good in zip(names, GOOD, strict=True)]
    (guard,) = api(PERMISSION % tuple(values)).authorizers
    return guard


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"function": "!GetAtt F.Arn"},
        {"function": "named"},
        {"function": "arn:aws:lambda:eu-west-1:123456789012:function:named"},
        {"function": "!Ref Live"},
        {"function": "!Sub '${F.Arn}:live'"},
        {"action": "lambda:*"},
        {"principal": "'*'"},
        {"source": "!Ref AWS::NoValue"},
        {"source": f"!Sub '{ARN}:${{Api}}/authorizers/*'"},
        {"source": f"!Sub '{ARN}:${{Api}}/authorizers/${{Guard}}'"},
        {"source": f"!Sub '{ARN}:${{Api}}/*/*'"},
        {"source": f"!Sub '{ARN}:*/*'"},
        {"source": "arn:aws:execute-api:*:*:*"},
        {"source": f"!Join ['', [!Sub '{ARN}:', !Ref Api, /*]]"},
    ],
)
def test_a_permission_that_covers_the_authorizer_lets_it_be_invoked(
    changed: dict[str, str],
) -> None:
    """However the function and the API are named in it."""
    assert with_permission(**changed).may_be_invoked is True


@pytest.mark.parametrize(
    "changed",
    [
        {"function": "!Ref G"},
        {"principal": "s3.amazonaws.com"},
        {"action": "lambda:GetFunction"},
        {"source": f"!Sub '{ARN}:${{Api}}/*/GET/users'"},
        {"source": f"!Sub '{ARN}:${{Api}}/prod/*'"},
        {"source": f"!Sub '{ARN}:${{G}}/*'"},
        {"source": f"!Sub '{ARN}:${{Api}}/${{G}}/*'"},
        {"source": f"!Sub '{ARN}:${{Api}}/[a]uthorizers/*'"},
        {"source": f"!Sub '{ARN}:other/*'"},
    ],
)
def test_a_permission_for_something_else_does_not(changed: dict[str, str]) -> None:
    """Another function, caller, action, API or part of the API: each call would be a 500."""
    assert with_permission(**changed).may_be_invoked is False


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "!Ref P"},
        {"source": f"!Sub '{ARN}:${{P}}/*'"},
        {"source": f"!Sub '{ARN}:${{Api}}/${{P}}/*'"},
        {"function": "!Ref P"},
        {"principal": "!Ref P"},
        {"action": "!Ref P"},
    ],
)
def test_a_permission_that_may_cover_it_leaves_it_undecided(changed: dict[str, str]) -> None:
    """What depends on the deployment is neither a yes nor a no."""
    assert isinstance(with_permission(**changed).may_be_invoked, Unknown)


def test_a_permission_that_may_not_be_there_leaves_it_undecided() -> None:
    """A condition on the permission is one on the authorizer."""
    text = (PERMISSION % GOOD).replace(
        "AWS::Lambda::Permission", "AWS::Lambda::Permission\n    Condition: C"
    )
    assert isinstance(api(text).authorizers[0].may_be_invoked, Unknown)


# --- SAM ---

SAM = """
Globals:
  HttpApi:
    Auth:
      DefaultAuthorizer: A
      Authorizers:
        A: {FunctionArn: !GetAtt F.Arn, AuthorizerPayloadFormatVersion: "2.0"}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events: {E: {Type: HttpApi, Properties: {ApiId: !Ref TheApi, Path: /x, Method: GET}}}
  TheApi:
    Type: AWS::Serverless::HttpApi
    %s
"""


@pytest.mark.parametrize(
    ("body", "authorizers", "chosen"),
    [
        ("Properties: {}", ["A"], "A"),
        ("IgnoreGlobals: '*'", [], None),
        ("IgnoreGlobals: [Auth]", [], None),
        ("IgnoreGlobals: [Tags]", ["A"], "A"),
        ("Properties: {Auth: {DefaultAuthorizer: B, Authorizers: {B: {}}}}", ["A", "B"], "B"),
        ("Properties: {Auth: !Ref AWS::NoValue}", [], None),
    ],
)
def test_globals_are_merged_as_sam_merges_them(
    body: str, authorizers: list[str], chosen: str | None
) -> None:
    """Name by name, the API's own winning, unless it wants none of them."""
    read = api(SAM % body)
    assert [one.name for one in read.authorizers] == authorizers
    assert [route.authorizer for route in read.routes] == [chosen]


def test_an_authorizer_that_the_api_has_not_is_no_protection() -> None:
    """A misspelt name is undecided: SAM refuses it, and nobody may take the route for guarded."""
    text = SAM % "Properties: {Auth: {DefaultAuthorizer: Guard}}"
    assert undecided(text) == [
        "the authorizer of GET /x: TheApi has no authorizer 'Guard'",
        "the default authorizer: TheApi has no authorizer 'Guard'",
    ]


def test_security_at_the_root_does_not_protect_a_rest_api() -> None:
    """API Gateway does not use it: an operation without its own is open."""
    text = """
swagger: "2.0"
security: [{Key: []}]
securityDefinitions:
  Key: {type: apiKey, name: a, in: header, x-amazon-apigateway-authtype: awsSigv4}
paths: {/a: {get: {}, put: {security: [{Key: []}]}}}
"""
    assert [route.authorizer for route in api(text).routes] == [None, "Key"]


def test_sams_default_wins_over_security_at_the_root() -> None:
    """SAM writes its default into each operation, which leaves nothing undecided."""
    body = "{openapi: 3.0.1, security: [{X: []}], paths: {/b: {get: {%s: {type: x}}}}}"
    body %= "x-amazon-apigateway-integration"
    read = api(SAM % f"Properties: {{DefinitionBody: {body}}}")
    assert {route.key: route.authorizer for route in read.routes} == {"GET /b": "A", "GET /x": "A"}


def test_signed_requests_need_no_security_scheme() -> None:
    """API Gateway's own extension says it on the operation."""
    text = """
swagger: "2.0"
paths: {/a: {get: {x-amazon-apigateway-auth: {type: AWS_IAM}}}}
"""
    read = api(text)
    assert [route.authorizer for route in read.routes] == ["AWS_IAM"]
    assert [one.kind for one in read.authorizers] == [AuthorizerKind.IAM]


SECURED = """
Parameters: {{Given: {{Type: String, Default: CUSTOM}}, Open: {{Type: String}}}}
Resources:
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        openapi: 3.0.1
        components:
          securitySchemes:
            Guard: {{x-amazon-apigateway-authorizer: {{type: request}}}}
            AWS_IAM: {{x-amazon-apigateway-authtype: awsSigv4}}
        paths:
          /a: {{get: {{security: [{guard}: []], x-amazon-apigateway-auth: {{type: {declared}}}}}}}
"""


@pytest.mark.parametrize(
    ("guard", "declared", "is_known"),
    [
        ("Guard", "CUSTOM", True),
        ("AWS_IAM", "AWS_IAM", True),
        ("Guard", "NONE", False),
        ("Guard", "AWS_IAM", False),
        ("AWS_IAM", "NONE", False),
        ("Guard", "!Ref Open", False),
        ("Guard", "!Ref Given", False),
    ],
)
def test_two_kinds_of_authorization_for_a_route_leave_it_undecided(
    guard: str, declared: str, *, is_known: bool
) -> None:
    """Which of them API Gateway takes is not documented: nobody may take it for guarded."""
    (route,) = api(SECURED.format(guard=guard, declared=declared)).routes
    assert (route.authorizer == guard) is is_known
    assert isinstance(route.authorizer, Unknown) is not is_known


def test_events_that_cannot_be_read_leave_every_api_incomplete() -> None:
    """An event that a loop or a macro makes may be a route of any API."""
    text = (SAM % "Properties: {}").replace("E: {", "Fn::ForEach::E: [N, [a], {}], E: {")
    assert not api(text).is_complete


@pytest.mark.parametrize("cors", ["true", "{AllowOrigins: ['*']}", "!If [C, x, !Ref AWS::NoValue]"])
def test_http_cors_is_there_when_it_is_configured(cors: str) -> None:
    """SAM takes a function in this place for the origins."""
    assert api(SAM % f"Properties: {{CorsConfiguration: {cors}}}").has_cors is True


@pytest.mark.parametrize("cors", ["false", "!Ref AWS::NoValue", "null"])
def test_http_cors_may_be_switched_off(cors: str) -> None:
    """What is false or nothing configures nothing."""
    assert api(SAM % f"Properties: {{CorsConfiguration: {cors}}}").has_cors is False


# --- what depends on a parameter ---

VARYING = """
Parameters: {Stage: {Type: String, Default: live}}
Conditions: {IsLive: !Equals [!Ref Stage, live]}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        E:
          Type: HttpApi
          Properties: {ApiId: %(api)s, Path: %(path)s, Method: %(method)s, Auth: %(auth)s}
  Other: {Type: AWS::Serverless::HttpApi}
  TheApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: %(default)s
        Authorizers:
          B: {FunctionArn: !GetAtt F.Arn, AuthorizerPayloadFormatVersion: "2.0"}
          A:
            FunctionArn: !GetAtt F.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableFunctionDefaultPermissions: %(granted)s
            FunctionInvokeRole: %(role)s
            Identity: %(identity)s
"""
PLAIN = {
    "api": "!Ref TheApi",
    "path": "/x",
    "method": "GET",
    "auth": "{Authorizer: A}",
    "default": "A",
    "granted": "true",
    "role": "NONE",
    "identity": "{Headers: [Authorization], ReauthorizeEvery: 60}",
}


def varying(**changed: str) -> Api:
    return next(one for one in template(VARYING % (PLAIN | changed)).apis if one.id == "TheApi")


@pytest.mark.parametrize(
    "changed",
    [
        {"auth": "!If [IsLive, {Authorizer: A}, {Authorizer: B}]"},
        {"auth": "!If [IsLive, {Authorizer: A}, !Ref AWS::NoValue]"},
        {"auth": "{Authorizer: !If [IsLive, A, NONE]}"},
        {"auth": "{}", "default": "!If [IsLive, A, B]"},
        {"auth": "{}", "default": "!If [IsLive, A, !Ref AWS::NoValue]"},
    ],
)
def test_protection_that_depends_on_a_parameter_is_unknown(changed: dict[str, str]) -> None:
    """Another deployment of the same template may leave the route open."""
    (route,) = varying(**changed).routes
    assert isinstance(route.authorizer, Unknown)


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "!If [IsLive, /x, /y]"},
        {"method": "!If [IsLive, GET, POST]"},
        {"api": "!If [IsLive, !Ref TheApi, !Ref Other]"},
    ],
)
def test_a_route_that_depends_on_a_parameter_leaves_the_api_incomplete(
    changed: dict[str, str],
) -> None:
    """Which route it is in another deployment cannot be told."""
    read = varying(**changed)
    assert (read.routes, read.is_complete) == ((), False)


@pytest.mark.parametrize(
    ("changed", "attribute", "expected"),
    [
        ({"granted": "!If [IsLive, true, false]"}, "may_be_invoked", None),
        (
            {"granted": "!If [IsLive, true, false]", "role": "arn:aws:iam::1:role/x"},
            "may_be_invoked",
            True,
        ),
        (
            {"granted": "false", "role": "!If [IsLive, arn:aws:iam::1:role/x, NONE]"},
            "may_be_invoked",
            None,
        ),
        ({"granted": "false", "role": "!If [IsLive, arn:a, arn:b]"}, "may_be_invoked", True),
        ({"granted": "false"}, "may_be_invoked", False),
        ({"identity": "!If [IsLive, {ReauthorizeEvery: 0}, {}]"}, "ttl_seconds", None),
        ({"identity": "!If [IsLive, {Headers: [a]}, {}]"}, "identity_sources", None),
    ],
)
def test_an_authorizers_facts_do_not_hide_their_other_branch(
    changed: dict[str, str], attribute: str, expected: object
) -> None:
    """Unknown where the branches differ, and the value where they come to the same."""
    one = varying(**changed).authorizer("A")
    value = getattr(one, attribute)
    assert isinstance(value, Unknown) if expected is None else value == expected


# --- OpenAPI on its own ---


def scheme(authorizer: str) -> str:
    return (
        f"openapi: 3.0.1\ncomponents: {{securitySchemes: {{A: {{AWS-authorizer: {authorizer}}}}}}}"
    )


def operation(integration: str) -> str:
    return f"openapi: 3.0.1\npaths: {{/a: {{get: {{AWS-integration: {integration}}}}}}}"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("swagger: '2.0'\npaths: {}", ApiKind.REST),
        ("openapi: 3.0.1\nAWS-gateway-responses: {}", ApiKind.REST),
        ("openapi: 3.0.1\nAWS-cors: {}", ApiKind.HTTP),
        (scheme("{type: request, authorizerPayloadFormatVersion: '2.0'}"), ApiKind.HTTP),
        (scheme("{type: jwt}"), ApiKind.HTTP),
        (scheme("{type: token}"), ApiKind.REST),
        (operation("{payloadFormatVersion: '1.0'}"), ApiKind.HTTP),
        (operation("{type: mock}"), ApiKind.REST),
    ],
)
def test_the_kind_of_a_definition_follows_from_what_only_one_kind_has(
    body: str, kind: ApiKind
) -> None:
    """A definition that stands alone does not name its kind."""
    text = body.replace("AWS-", "x-amazon-apigateway-")
    assert api(text).kind is kind
    assert not any("HTTP or a REST" in one for one in undecided(text))


def test_a_definition_of_either_kind_is_read_as_rest_and_said_to_be_undecided() -> None:
    """Of the two, REST keeps answers by default: nothing is taken for safer than it is."""
    text = "openapi: 3.0.1\npaths: {/a: {get: {}}}"
    assert api(text).kind is ApiKind.REST
    assert undecided(text) == [
        "whether this is an HTTP or a REST API: nothing in it is of one kind of API only"
    ]


# --- CloudFormation ---


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("['$request.header.X-Key']", ("header:x-key",)),
        (
            "'$request.querystring.Token, $context.routeKey'",
            ("querystring:Token", "context:routeKey"),
        ),
        ("[$stageVariables.Color, $context.path]", ("stagevariable:color", "context:path")),
        ("[]", ()),
        ("!Ref AWS::NoValue", ()),
    ],
)
def test_identity_sources_have_one_spelling(source: str, expected: tuple[str, ...]) -> None:
    """Names of headers are the same in any case, those of others are not."""
    assert v2_authorizer(f"IdentitySource: {source}").identity_sources == expected


@pytest.mark.parametrize(
    "source", ["[nonsense]", "[$request.body.x]", "[!Ref AWS::Region]", "{a: b}"]
)
def test_an_identity_source_that_is_none_is_unknown(source: str) -> None:
    """What API Gateway would make of it cannot be told."""
    assert isinstance(v2_authorizer(f"IdentitySource: {source}").identity_sources, Unknown)


@pytest.mark.parametrize(
    ("ttl", "expected"), [("60", 60), ("'60'", 60), ("0", 0), ("!Ref AWS::NoValue", 0)]
)
def test_time_to_live_may_be_quoted(ttl: str, expected: int) -> None:
    """CloudFormation takes numbers as texts, too; an HTTP API keeps nothing by default."""
    assert v2_authorizer(f"AuthorizerResultTtlInSeconds: {ttl}").ttl_seconds == expected


@pytest.mark.parametrize("ttl", ["1e2", "soon", "[1]", "99999999999999999999"])
def test_a_time_to_live_that_is_no_number_is_unknown(ttl: str) -> None:
    """Neither cached nor uncached: not decidable."""
    found = v2_authorizer(f"AuthorizerResultTtlInSeconds: {ttl}").ttl_seconds
    assert isinstance(found, Unknown)


def v2_authorizer(line: str) -> Authorizer:
    text = f"""
Resources:
  Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      AuthorizerType: REQUEST
      {line}
"""
    (guard,) = api(text).authorizers
    return guard


def test_overrides_of_a_managed_route_leave_its_authorizer_undecided() -> None:
    """The route that API Gateway makes for a target is changed from outside."""
    text = """
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Target: "https://a.b"}}
  Over:
    Type: AWS::ApiGatewayV2::ApiGatewayManagedOverrides
    Properties: {ApiId: !Ref Api, Route: {AuthorizationType: AWS_IAM}}
"""
    assert undecided(text) == ["the authorizer of $default: Over overrides it"]


def test_resources_in_a_circle_have_no_path() -> None:
    """A resource that is its own parent is undecided, not endless."""
    text = """
Resources:
  Api: {Type: AWS::ApiGateway::RestApi}
  R: {Type: AWS::ApiGateway::Resource, Properties: {ParentId: !Ref R, PathPart: a}}
  M:
    Type: AWS::ApiGateway::Method
    Properties: {RestApiId: !Ref Api, ResourceId: !Ref R, HttpMethod: GET}
"""
    assert not api(text).is_complete
    assert undecided(text) == ["the route of M: the resource above it is not in this template"]


# --- Cognito ---


@pytest.mark.parametrize(
    ("mfa", "expected"),
    [("ON", "ON"), ("'ON'", "ON"), ("OPTIONAL", "OPTIONAL"), ("OFF", "OFF"), ("false", "OFF")],
)
def test_mfa_is_read_quoted_or_not(mfa: str, expected: str) -> None:
    """YAML takes ON for a boolean; CloudFormation takes it back."""
    text = "Resources: {P: {Type: AWS::Cognito::UserPool, Properties: {MfaConfiguration: %s}}}"
    assert template(text % mfa).pools[0].mfa == expected


@pytest.mark.parametrize(
    ("properties", "seconds"),
    [
        ("", 3600),
        ("AccessTokenValidity: 2", 7200),
        ("AccessTokenValidity: 2, TokenValidityUnits: {IdToken: days}", 7200),
        ("AccessTokenValidity: 5, TokenValidityUnits: {AccessToken: minutes}", 300),
        ("AccessTokenValidity: 300, TokenValidityUnits: {AccessToken: seconds}", 300),
        ("AccessTokenValidity: 1, TokenValidityUnits: {AccessToken: days}", 86_400),
    ],
)
def test_access_tokens_are_valid_for_hours_unless_another_unit_is_named(
    properties: str, seconds: int
) -> None:
    """An hour by default; the number counts hours by default."""
    text = f"Resources: {{C: {{Type: AWS::Cognito::UserPoolClient, Properties: {{{properties}}}}}}}"
    assert template(text).clients[0].access_token_seconds == seconds


def test_an_app_client_that_names_no_flows_has_cognitos_own() -> None:
    """Values are those in effect: SRP, custom and refresh, not passwords."""
    text = "Resources: {C: {Type: AWS::Cognito::UserPoolClient}}"
    flows = template(text).clients[0].auth_flows
    assert flows == ("ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH")


def test_a_group_without_a_name_is_undecided() -> None:
    """Nobody can tell which name it will have."""
    text = "Resources: {G: {Type: AWS::Cognito::UserPoolGroup}}"
    assert isinstance(template(text).groups[0].name, Unknown)


def test_three_hundred_routes_are_read_in_a_fraction_of_a_second() -> None:
    """A check before every deploy must not be waited for."""
    import time

    events = "".join(
        f"        E{n}: {{Type: HttpApi, Properties: {{Method: GET, Path: /p/{n}}}}}\n"
        for n in range(300)
    )
    text = (
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n"
        + events
    )
    start = time.process_time()
    assert len(api(text).routes) == 300
    assert time.process_time() - start < 1
