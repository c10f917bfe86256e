"""What must not be found, because it is deployed as it should be; and its neighbours that must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from overlay import base, replaced

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.run import run_checks

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.check.finding import Finding

POLICY = "version: 1\ngroups:\n  reader: {allow: [GET /hello]}\n"
TEMPLATE = base("http-api", "uncached")
EVENT = "        More: {Type: HttpApi, Properties: {ApiId: !Ref Api, PROPERTIES}}\n"
OPEN = "Auth: {Authorizer: NONE}"
PUBLIC = POLICY + "public: [ANY /**]\n"


def failing(folder: Path, template: str, policy: str = POLICY) -> list[Finding]:
    """What --strict fails on."""
    (folder / "policy.yaml").write_text(policy)
    (folder / "template.yaml").write_text(template)
    report = run_checks(folder / "policy.yaml", [folder / "template.yaml"])
    return [one for one in report.findings if one.severity is not Severity.NOTE]


def codes(folder: Path, template: str, policy: str = POLICY) -> list[str]:
    """Their codes."""
    return [one.code for one in failing(folder, template, policy)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"2.0"', []),
        ("2.0", []),
        ("1.0", ["T103"]),
        ("2", ["T102"]),
        ("1", ["T102"]),
        ("2.00", ["T102"]),
    ],
)
def test_a_payload_version_without_quotes_is_one(
    tmp_path: Path, written: str, expected: list[str]
) -> None:
    """SAM deploys the numbers 2.0 and 1.0; others are no version."""
    assert codes(tmp_path, replaced(TEMPLATE, '"2.0"', written)) == expected


def test_an_authorizer_without_a_payload_version_is_an_error(tmp_path: Path) -> None:
    """There is no default, so that nobody knows what it is asked."""
    line = '            AuthorizerPayloadFormatVersion: "2.0"\n'

    assert "T150" in codes(tmp_path, replaced(TEMPLATE, line, ""))


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("AUTHORIZER_AUDIENCES: x", []),
        ("AUTHORIZER_POLICY: x, AUTHORIZER_URL: x", []),
        # It could be ours: then the one that is asked is another.
        ("AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=4k2example", ["X108"]),
    ],
)
def test_an_authorizer_without_settings_beside_a_backend_with_a_name_like_ours(
    tmp_path: Path, backend: str, expected: list[str]
) -> None:
    """Ours does not start without pools, so that the backend is not it."""
    settings = "AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=4k2example"
    template = replaced(TEMPLATE, settings, "LOG_LEVEL: info").replace(
        "backend.handler", f"backend.handler\n      Environment: {{Variables: {{{backend}}}}}"
    )

    assert codes(tmp_path, template) == expected


def test_a_function_that_has_settings_and_is_never_asked_makes_the_asked_one_doubtful(
    tmp_path: Path,
) -> None:
    """It may be ours, without pools as yet; then whoever is asked decides in its place."""
    settings = "AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=4k2example"
    template = replaced(TEMPLATE, settings, "LOG_LEVEL: info")
    function = """
  Idle:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: authorizer.handler
      Runtime: python3.14
      Environment: {Variables: {AUTHORIZER_POLICY: policy.json}}
"""

    assert "X130" in codes(tmp_path, template + function)


@pytest.mark.parametrize(
    ("properties", "policy", "expected"),
    [
        (f"Method: ANY, Path: $default, {OPEN}", PUBLIC, []),
        (f"Method: ANY, Path: '/{{proxy+}}', {OPEN}", PUBLIC, []),
        (f"Method: ANY, Path: $default, {OPEN}", POLICY, ["X101"]),
        # What is public without being open, or granted without being guarded, is wrong as ever.
        ("Method: GET, Path: /more", PUBLIC, ["X102", "P206", "P204", "X102"]),
        (f"Method: GET, Path: /more, {OPEN}", PUBLIC, ["X102", "P206", "P204"]),
    ],
)
def test_an_open_route_for_the_rest_beside_guarded_ones(
    tmp_path: Path, properties: str, policy: str, expected: list[str]
) -> None:
    """A public line for all that no other route takes says nothing of the routes in front of it."""
    template = TEMPLATE + EVENT.replace("PROPERTIES", properties)

    assert sorted(codes(tmp_path, template, policy)) == sorted(expected)


def test_a_granted_route_that_is_open_stays_an_error_beside_an_open_default(tmp_path: Path) -> None:
    """The rule for it is never asked."""
    more = EVENT.replace("PROPERTIES", f"Method: ANY, Path: $default, {OPEN}")
    template = replaced(TEMPLATE, "Path: /hello", f"Path: /hello, {OPEN}") + more

    assert codes(tmp_path, template, PUBLIC) == ["P206"]


def test_a_guarded_route_without_a_rule_is_said_to_be_closed_beside_an_open_default(
    tmp_path: Path,
) -> None:
    """Being public grants nothing, and the line is not about it."""
    more = EVENT.replace("PROPERTIES", f"Method: ANY, Path: $default, {OPEN}")
    other = more.replace("More", "Other").replace(
        "Method: ANY, Path: $default", "Method: GET, Path: /x"
    )
    template = TEMPLATE + more + other.replace(f", {OPEN}", "")

    assert codes(tmp_path, template, PUBLIC) == ["X104"]


@pytest.mark.parametrize("method", ["DEFAULT", "default"])
def test_an_event_for_the_method_default_is_read_at_its_worst(tmp_path: Path, method: str) -> None:
    """SAM deploys it; it counts as a route for every method."""
    guarded = TEMPLATE + EVENT.replace("PROPERTIES", f"Method: {method}, Path: /more")
    policy = POLICY.replace("GET /hello", "GET /hello, ANY /more")

    assert codes(tmp_path, guarded, policy) == []
    assert codes(tmp_path, guarded.replace("/more", f"/more, {OPEN}"), policy) == ["X101"]


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("{Types: [PRIVATE]}", "who reaches its VPC endpoint"),
        ("{Types: [REGIONAL]}", "on the internet"),
        ("!If [Odd, {Types: [PRIVATE]}, {Types: [EDGE]}]", "on the internet"),
        ("{Types: [!If [Odd, PRIVATE, EDGE]]}", "on the internet"),
    ],
)
def test_a_private_api_is_not_on_the_internet(tmp_path: Path, endpoint: str, where: str) -> None:
    """An open route of it is open to a network."""
    template = f"""\
Parameters: {{A: {{Type: String, Default: b}}}}
Conditions: {{Odd: !Equals [!Ref A, b]}}
Resources:
  Api: {{Type: AWS::ApiGateway::RestApi, Properties: {{EndpointConfiguration: {endpoint}}}}}
  Hello:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: NONE
"""
    found = failing(tmp_path, template, POLICY.replace("/hello", "/"))

    assert [one.code for one in found] == ["X101"]
    assert found[0].effect.startswith(f"anybody {where} may call")


def test_globals_make_sams_implicit_api_private(tmp_path: Path) -> None:
    """They are all that says something of it."""
    template = """\
Transform: AWS::Serverless-2016-10-31
Globals: {Api: {EndpointConfiguration: {Type: PRIVATE}}}
Resources:
  Backend:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.14
      CodeUri: .
      Events: {Hello: {Type: Api, Properties: {Method: GET, Path: /hello}}}
"""
    (found,) = failing(tmp_path, template, POLICY)

    assert found.effect.startswith("anybody who reaches its VPC endpoint may call")


def test_a_definition_that_is_packed_with_the_template_is_read(tmp_path: Path) -> None:
    """BodyS3Location is a file, as long as nobody has packed it."""
    (tmp_path / "api.yaml").write_text("openapi: 3.0.1\npaths: {/open: {get: {}}}\n")
    template = (
        "Resources:\n  Api: {Type: AWS::ApiGateway::RestApi, Properties: {BodyS3Location: %s}}\n"
    )

    assert sorted(codes(tmp_path, template % "api.yaml")) == ["X101", "X105"]
    assert codes(tmp_path, template % "{Bucket: b, Key: k}") == ["T002"]
    assert codes(tmp_path, template % "elsewhere.yaml") == ["T002"]


DEFINITION = """\
openapi: 3.0.1
components:
  securitySchemes:
    rbac:
      type: apiKey
      name: Authorization
      in: header
      x-amazon-apigateway-authorizer:
        type: request
        identitySource: $request.header.Authorization
        authorizerPayloadFormatVersion: "2.0"
        authorizerResultTtlInSeconds: 0
        enableSimpleResponses: true
        authorizerUri: URI
paths:
  /hello: {get: {security: [{rbac: []}]}}
"""
INVOKED = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}/invocations"
WRITTEN = "arn:aws:lambda:eu-west-1:111122223333:function:rbac"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (WRITTEN, []),
        (f"{WRITTEN}:3", ["X130"]),
        (f"{WRITTEN}:live", ["X130"]),
        ("${authorizer_arn}", ["X130"]),
        (WRITTEN.replace("rbac", "${stageVariables.guard}"), ["X130"]),
        (WRITTEN.replace("rbac", "${name}"), ["X130"]),
        (WRITTEN.replace("111122223333", "${account}"), ["X130"]),
    ],
)
def test_a_definition_alone_that_names_its_function_in_full_is_a_note(
    tmp_path: Path, function: str, expected: list[str]
) -> None:
    """It can have no function itself; what a deployment, a stage or a tool fills in is open."""
    definition = DEFINITION.replace("URI", INVOKED.format(function))
    assert codes(tmp_path, definition) == expected
    found = run_checks(tmp_path / "policy.yaml", [tmp_path / "template.yaml"]).findings
    assert "X130" in [one.code for one in found]

    # The same in a template, which could have the function: another template may.
    body = definition.replace("\n", "\n        ")
    kind = "Type: AWS::ApiGatewayV2::Api\n    Properties:\n      ProtocolType: HTTP"
    inline = f"Resources:\n  Api:\n    {kind}\n      Body:\n        {body}"
    assert codes(tmp_path, inline) == ["X130"]


def test_a_definition_alone_with_two_functions_does_not_tell_which_is_the_policys(
    tmp_path: Path,
) -> None:
    """Each of them may be."""
    definition = DEFINITION.replace("URI", INVOKED.format(WRITTEN))
    scheme = definition.partition("    rbac:\n")[2].partition("paths:")[0]
    both = definition.replace("paths:", f"    other:\n{scheme.replace(':rbac', ':other')}paths:")
    more = both + "  /more: {get: {security: [{other: []}]}}\n"
    policy = POLICY.replace("GET /hello", "GET /hello, GET /more")

    assert codes(tmp_path, more, policy) == ["X130", "X130"]


def test_a_name_that_stands_twice_is_read_as_sam_reads_it(tmp_path: Path) -> None:
    """The last one counts, also where it opens the route; that it stands twice is a warning."""
    once = "Path: /hello}"

    assert codes(tmp_path, replaced(TEMPLATE, once, "Path: /hello, Path: /hello}")) == ["T005"]
    opened = replaced(TEMPLATE, "        DefaultAuthorizer: Rbac\n", "")
    found = codes(tmp_path, opened.replace(once, f"Auth: {{Authorizer: Rbac}}, {OPEN}, {once}"))
    assert found == ["T052", "X101", "T005"]
