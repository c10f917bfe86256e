"""Settings of the policy's function in a template: judged as the function judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_templates import analysis_of
from overlay import base, laid_over

from authorizer.cli.check.finding import Severity
from authorizer.cli.check.function_rules import other_policies, relaxing_settings, settings_refused
from authorizer.cli.check.run import run_checks
from authorizer.cli.template.reader import parse_template

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.check.finding import Finding

POLICY = "version: 1\ngroups: {reader: {allow: [GET /hello]}}\n"
POOLS = "AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=client"
# The API that is written out, but for its function's variables; and what they may refer to.
BARE = laid_over(
    base("http-api", "uncached"),
    "Resources:\n  AuthorizerFunction:\n    Properties:\n      Environment: !Absent\n",
)
CHANGES = """\
Parameters:
  Given: {{Type: String}}
  Stored: {{Type: "AWS::SSM::Parameter::Value<String>", Default: /pools}}
  File: {{Type: String, Default: policy.json}}
  Empty: {{Type: String, Default: ""}}
  Mode: {{Type: String, Default: request, AllowedValues: [request, caller]}}
  Odd: {{Type: String, Default: request, AllowedValues: [request, requests]}}
  Stage: {{Type: String, Default: prod, AllowedValues: [prod, dev]}}
Conditions: {{IsProd: !Equals [!Ref Stage, prod], HasPool: !Not [!Equals [!Ref Empty, ""]]}}
Mappings: {{Of: {{prod: {{answer: simple}}, dev: {{answer: simpel}}}}}}
{common}
Resources:
  AuthorizerFunction:
    Properties:
      Environment: {environment}
  Backend:
    Properties:
      Environment: {{Variables: {{AUTHORIZER_URL: https://login.example}}}}
  Pool: {{Type: AWS::Cognito::UserPool, Properties: {{MfaConfiguration: "ON"}}}}
  Client: {{Type: AWS::Cognito::UserPoolClient, Properties: {{UserPoolId: !Ref Pool}}}}
"""


def template(*variables: str, common: str = "", environment: str = "") -> str:
    """With the variables one below the other."""
    written = "\n        Variables:\n" + "".join(f"          {one}\n" for one in variables)
    return laid_over(BARE, CHANGES.format(environment=environment or written, common=common))


def findings(text: str) -> list[Finding]:
    analysis = analysis_of(parse_template(text.encode(), "t.yaml"), POLICY)
    rules = (settings_refused, other_policies, relaxing_settings)
    return [found for rule in rules for found in rule(analysis)]


def found(text: str) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in findings(text)]


ERROR = [("T130", Severity.ERROR)]
# Each is wrong by itself beside the pools.
REFUSED = [
    "AUTHORIZER_CLIENT_IDS: abc",
    "AUTHORIZER_IAM_MODE: rest-request=caller",
    "AUTHORIZER_IAM_MODES: rest-request=everything",
    "AUTHORIZER_IAM_MODES: rest=caller",
    "AUTHORIZER_HTTP_API_ANSWER: Simple",
    "AUTHORIZER_HTTP_API_REFUSAL: 401",
    "AUTHORIZER_JWKS_DEADLINE_SECONDS: 0",
    "AUTHORIZER_JWKS_DEADLINE_SECONDS: soon",
    "AUTHORIZER_JWKS_TIME_TO_LIVE_SECONDS: 7200000",
    "AUTHORIZER_ISSUERS: eu-west-1_Other1234=https://login.example",
    "AUTHORIZER_JWKS_FILES: eu-west-1_AbCdEf123",
    '"AUTHORIZER_HTTP_API_ANSWER": !FindInMap [Of, dev, answer]',
    'AUTHORIZER_IAM_MODES: !Sub "rest-request=${Mode}s"',
    'AUTHORIZER_IAM_MODES: !Join ["=", [rest-request, all]]',
]


@pytest.mark.parametrize("variable", REFUSED)
def test_a_setting_that_the_function_refuses_is_an_error(variable: str) -> None:
    """It stands at the variable, and says what the function would."""
    text = template(POOLS, variable)
    (one,) = findings(text)
    assert (one.code, one.severity) == ERROR[0]
    name = variable.partition(":")[0].strip('"')
    assert one.location.line == text[: text.index(name)].count("\n") + 1
    assert name in one.message


@pytest.mark.parametrize(
    "variable",
    [
        "AUTHORIZER_USER_POOL: eu-west-1_AbCdEf123=client",
        "AUTHORIZER_USER_POOL: !ImportValue pools",
        "AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123",
        'AUTHORIZER_USER_POOLS: ""',
        "AUTHORIZER_USER_POOLS: eu-west-1_AbCdEf123=",
        "AUTHORIZER_USER_POOLS: AbCdEf123=client",
        "AUTHORIZER_USER_POOLS: !Ref Pool",
        'AUTHORIZER_USER_POOLS: !Sub "${Pool}:${Client}"',
        "AUTHORIZER_IAM_MODES: rest-request=caller",
    ],
)
def test_a_function_without_a_pool_does_not_start(variable: str) -> None:
    """Misspelt, of another form, or left out, also where Cognito makes up the ids."""
    assert {*found(template(variable))} == {*ERROR}


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param((POOLS,), id="pools"),
        pytest.param(("LOG_LEVEL: INFO",), id="none of ours: they come from elsewhere"),
        pytest.param(('AUTHORIZER_USER_POOLS: !Sub "${Pool}=${Client}"',), id="the template's"),
        pytest.param(
            ('AUTHORIZER_USER_POOLS: !Join ["=", [!GetAtt Pool.UserPoolId, !Ref Client]]',),
            id="by attribute",
        ),
        pytest.param(
            ("AUTHORIZER_USER_POOLS: !ImportValue pools", "AUTHORIZER_ISSUERS: a_B=https://x.y"),
            id="pools by import",
        ),
        pytest.param(("AUTHORIZER_USER_POOLS: !Ref Given",), id="by parameter"),
        pytest.param(("AUTHORIZER_USER_POOLS: !Ref Empty",), id="by a parameter left empty"),
        pytest.param(
            ('AUTHORIZER_USER_POOLS: !If [HasPool, !Sub "${Empty}=x", !Sub "${Pool}=${Client}"]',),
            id="by a side that is not taken",
        ),
        pytest.param(("AUTHORIZER_USER_POOLS: '{{resolve:ssm:/pools}}'",), id="looked up"),
        pytest.param((POOLS, "AUTHORIZER_POLICY: policy.json"), id="the packed policy"),
        pytest.param((POOLS, "AUTHORIZER_POLICY: /var/task/policy.json"), id="by its path"),
        pytest.param(
            (POOLS, "AUTHORIZER_JWKS_FILES: eu-west-1_AbCdEf123=keys.json"), id="packed keys"
        ),
        pytest.param((POOLS, "AUTHORIZER_IAM_MODES: rest-token=caller"), id="caller documents"),
        pytest.param((POOLS, 'AUTHORIZER_IAM_MODES: !Sub "rest-request=${Mode}"'), id="a choice"),
        pytest.param((POOLS, "AUTHORIZER_X: !Ref AWS::NoValue"), id="no value"),
    ],
)
def test_settings_that_the_function_takes_are_none(variables: tuple[str, ...]) -> None:
    """What is known only when deployed is left to that."""
    assert found(template(*variables)) == []


@pytest.mark.parametrize(
    ("variable", "times"),
    [
        ("AUTHORIZER_USER_POOLS: !Ref Given", 1),
        ("AUTHORIZER_USER_POOLS: !Ref Stored", 1),
        ("AUTHORIZER_USER_POOLS: !ImportValue pools", 1),
        ('AUTHORIZER_USER_POOLS: !Sub ["${P}=c", {P: !ImportValue pool}]', 1),
        ("AUTHORIZER_USER_POOLS: '{{resolve:ssm:/pools}}=client'", 1),
        ("AUTHORIZER_ISSUERS: !Sub '${AWS::StackName}'", 1),
        (POOLS, 0),
        ('AUTHORIZER_USER_POOLS: !Sub "${Pool}=${Client}"', 0),
        ("LOG_LEVEL: !ImportValue level", 0),
    ],
)
def test_a_setting_that_only_a_deployment_knows_is_told(variable: str, times: int) -> None:
    """By its name and its place; not where the template makes what it names."""
    text = template(variable)
    told = parse_template(text.encode(), "t.yaml").unresolved
    name = variable.partition(":")[0]
    line = text[: text.index(name)].count("\n") + 1
    assert [(fact.what, fact.location.line) for fact in told] == [(name, line)] * times


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param('AUTHORIZER_IAM_MODES: !Sub "rest-request=${Odd}"', id="an allowed value"),
        pytest.param(
            "AUTHORIZER_HTTP_API_ANSWER: !FindInMap [Of, !Ref Stage, answer]", id="a mapping"
        ),
        pytest.param("AUTHORIZER_HTTP_API_ANSWER: !If [IsProd, simple, no]", id="a condition"),
        pytest.param("AUTHORIZER_POLCY: !If [IsProd, !Ref AWS::NoValue, x]", id="there or not"),
    ],
)
def test_a_value_of_another_deployment_is_a_warning(variable: str) -> None:
    """Each value that a deployment may choose is judged."""
    (one,) = findings(template(POOLS, variable))
    assert (one.code, one.severity) == ("T130", Severity.WARNING)
    assert " where '" in one.message


def test_globals_give_settings_too() -> None:
    """What all functions have is judged at the policy's."""
    common = "Globals: {Function: {Environment: {Variables: {AUTHORIZER_USER_POOLS: x}}}}"
    assert found(template("LOG_LEVEL: INFO", common=common)) == ERROR


@pytest.mark.parametrize("environment", ["!Ref Given", "{Variables: !Ref Given}"])
def test_variables_that_are_not_written_are_not_judged(environment: str) -> None:
    """Neither as wrong nor as missing."""
    assert found(template(environment=environment)) == []


def test_variables_that_are_written_in_part_are_judged_in_part() -> None:
    """A macro may bring the pools, and makes no other setting right."""
    macro = "'Fn::Transform': {Name: More}"
    variables = "{Variables: {%s, AUTHORIZER_IAM_MODES: %s}}"
    assert found(template(environment=variables % (macro, "http-1.0=caller"))) == []
    assert found(template(environment=variables % (macro, "http-1=caller"))) == ERROR


@pytest.mark.parametrize(
    "environment",
    [
        "!If [IsProd, {Variables: GOOD}, {Variables: BAD}]",
        "{Variables: !If [IsProd, GOOD, BAD]}",
        "!If [IsProd, {Variables: GOOD}, !If [IsProd, {}, {Variables: BAD}]]",
    ],
)
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (f"{{{POOLS}, AUTHORIZER_POLICY: other.json}}", "T131"),
        ("{AUTHORIZER_USER_POOLS: x, AUTHORIZER_POLICY: policy.json}", "T130"),
    ],
)
def test_a_condition_may_choose_all_variables_at_once(
    environment: str, bad: str, code: str
) -> None:
    """Each side is judged."""
    good = f"{{{POOLS}, AUTHORIZER_POLICY: policy.json}}"
    text = template(environment=environment.replace("GOOD", good).replace("BAD", bad))
    assert {one for one, _ in found(text)} == {code}


# --- T131, T137 ---


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("other.json", Severity.ERROR),
        ("/opt/policy.json", Severity.ERROR),
        ("!Ref Given", Severity.ERROR),
        ("!If [IsProd, /opt/policy.json, policy.json]", Severity.ERROR),
        ("!If [IsProd, policy.json, /opt/policy.json]", Severity.WARNING),
        ("!Ref File", Severity.WARNING),
    ],
)
def test_another_policy_is_found(value: str, severity: Severity) -> None:
    """What was checked is not what decides, or not in every deployment."""
    assert found(template(POOLS, f"AUTHORIZER_POLICY: {value}")) == [("T131", severity)]


def test_an_emulators_setting_is_a_warning() -> None:
    """Keys over plain HTTP are for the machine one works on."""
    variable = "AUTHORIZER_INSECURE_EMULATOR_HOSTS: emulator.example"
    assert found(template(POOLS, variable)) == [("T137", Severity.WARNING)]


def test_a_policy_may_accept_another_one(tmp_path: Path) -> None:
    """As each finding of this kind, with its reason."""
    (tmp_path / "t.yaml").write_text(template(POOLS, "AUTHORIZER_POLICY: other.json"))
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY + "accept: {T131: the layer has it, T132: x}\n")
    report = run_checks(policy, [tmp_path / "t.yaml"])
    assert [one.code for one, _ in report.accepted] == ["T131"]
