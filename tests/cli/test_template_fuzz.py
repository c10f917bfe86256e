"""Whatever the bytes: a template is read, or refused with places; nothing else is ever raised."""

from __future__ import annotations

from pathlib import Path

from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_facts import facts

from authorizer.cli.template.reader import parse_template
from authorizer.errors import ConfigurationError

REAL = Path(__file__).parents[1] / "templates" / "real"
SOURCES = [
    path.read_bytes() for path in sorted(REAL.rglob("*")) if path.suffix in {".yaml", ".json"}
]
# What changes meaning where it lands: structure, functions, kinds, names that everything asks for.
PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b"- ", b"\n", b"\t", b" ", b"'", b'"', b"&a ", b"*a", b"<<: "),
    *(b"!Ref ", b"!Sub ", b"!If ", b"!GetAtt ", b"!Join ", b"!Select ", b"!Split ", b"!Foo "),
    *(b"Fn::If", b"Fn::Transform", b"Fn::ForEach::X", b"Ref", b"AWS::NoValue", b"AWS::Region"),
    *(b"null", b"~", b"true", b"-1", b"1e999", b"\xff", b"\x00", b"\\ud800", b"${", b"${a}"),
    *(b"Resources", b"Type", b"Properties", b"Api", b"Guard", b"paths", b"security", b"$default"),
    *(b"AWS::Serverless::Function", b"AWS::Serverless::HttpApi", b"AWS::ApiGateway::Method"),
]
BUDGET = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def read_or_refuse(data: bytes) -> None:
    try:
        template = parse_template(data, "t.yaml")
    except ConfigurationError as error:
        for problem in error.problems:
            assert problem.startswith("t.yaml:")
            assert "\n" not in problem
            problem.encode()
    else:
        facts(template).encode()
        for one in template.unresolved:
            assert one.location.line > 0
            assert one.why


@BUDGET
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    """No bytes give anything but a template or our own error."""
    read_or_refuse(data)


@BUDGET
@given(st.data())
def test_mutated_templates_are_read_or_refused(data: st.DataObject) -> None:
    """Templates with pieces cut out, doubled and put in elsewhere are still only that."""
    source = data.draw(st.sampled_from(SOURCES))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(source)))
        end = min(len(source), start + data.draw(st.integers(0, 40)))
        piece = data.draw(st.sampled_from(PIECES) | st.just(source[start:end]))
        source = source[:start] + piece + source[data.draw(st.sampled_from([start, end])) :]
    read_or_refuse(source)


LEAVES = st.sampled_from(
    [
        *("GET", "/a", "$default", "NONE", "Guard", "Api", "2.0", "true", "", "a,b", "${P}", "C"),
        *(
            "AWS::NoValue",
            "HttpApi",
            "REQUEST",
            "arn:aws:lambda:x:y:function:f",
            None,
            True,
            1,
            2.0,
        ),
    ]
)
NAMES = st.sampled_from(
    [
        *(
            "Ref",
            "Fn::If",
            "Fn::Sub",
            "Fn::Join",
            "Fn::GetAtt",
            "Fn::Select",
            "Fn::Split",
            "Fn::Bar",
        ),
        *("Fn::FindInMap", "Fn::Transform", "Condition", "Type", "Properties", "Events", "Auth"),
        *(
            "Authorizer",
            "Authorizers",
            "DefaultAuthorizer",
            "Identity",
            "Headers",
            "DefinitionBody",
        ),
        *("paths", "/a", "get", "security", "Guard", "components", "securitySchemes", "Method"),
        *("x-amazon-apigateway-authorizer", "Path", "ApiId", "RestApiId", "RouteKey", "Cors"),
    ]
)
FUNCTIONS = st.sampled_from(
    [
        *("Ref", "Fn::If", "Fn::Sub", "Fn::Join", "Fn::GetAtt", "Fn::Select", "Fn::Split"),
        *("Fn::FindInMap", "Fn::Transform", "Fn::Equals", "Fn::And", "Fn::Not", "Condition"),
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.dictionaries(FUNCTIONS, inner | st.lists(inner, max_size=3), min_size=1, max_size=1)
    ),
    max_leaves=25,
)
TYPES = st.sampled_from(
    [
        *("AWS::Serverless::HttpApi", "AWS::Serverless::Api", "AWS::Serverless::Function"),
        *("AWS::Serverless::WebSocketApi", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Method"),
        *("AWS::ApiGateway::Resource", "AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Api"),
        *("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Authorizer", "AWS::Lambda::Permission"),
        *("AWS::ApiGateway::GatewayResponse", "AWS::Cognito::UserPool", "AWS::Lambda::Alias"),
        *("AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolGroup", "AWS::Lambda::Function"),
    ]
)
PROPERTIES = st.dictionaries(
    st.sampled_from(
        [
            *("Auth", "Events", "DefinitionBody", "DefinitionUri", "Body", "ApiId", "RestApiId"),
            *("RouteKey", "ResourceId", "ParentId", "PathPart", "HttpMethod", "AuthorizationType"),
            *("AuthorizerId", "AuthorizerUri", "IdentitySource", "FunctionName", "SourceArn"),
            *("MfaConfiguration", "ExplicitAuthFlows", "AccessTokenValidity", "GroupName"),
            *("GatewayResponses", "ResponseParameters", "ResponseType", "Cors", "Routes", "Type"),
            *("TokenValidityUnits", "Environment", "CorsConfiguration", "ProtocolType", "Target"),
        ]
    ),
    VALUES,
    max_size=6,
)
RESOURCES = st.dictionaries(
    st.sampled_from(["Api", "Guard", "F", "R", "M", "ServerlessRestApi"]),
    st.fixed_dictionaries(
        {"Type": TYPES}, optional={"Properties": PROPERTIES | VALUES, "Condition": LEAVES}
    ),
    min_size=1,
    max_size=5,
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": RESOURCES},
    optional={
        "Globals": st.dictionaries(st.sampled_from(["Api", "HttpApi", "Function"]), PROPERTIES),
        "Parameters": st.dictionaries(st.sampled_from(["P", "Api"]), VALUES),
        "Conditions": st.dictionaries(st.sampled_from(["C", "D"]), VALUES),
        "Mappings": VALUES,
        "Transform": VALUES,
    },
)


@BUDGET
@given(TEMPLATES)
def test_templates_of_the_wrong_shape_are_read_or_refused(template: dict[str, object]) -> None:
    """Anything may stand where something else is expected: it is undecided, and no more."""
    import json

    read_or_refuse(json.dumps(template).encode())
