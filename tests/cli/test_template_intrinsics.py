"""Intrinsic functions: what each comes to, and what is left to the deployment."""

from __future__ import annotations

import pytest

from authorizer.cli.template.model import Unknown
from authorizer.cli.template.reader import parse_template

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
  Bare: {Type: String}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
  Number: {Type: Number, Default: 7}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a}
  Odd: {Type: String, Default: [1]}
Mappings:
  Of: {dev: {name: developers}, live: {name: [x, y]}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsBare: !Equals [!Ref Bare, x]
  HereOrThere: !Equals [!Ref AWS::Region, eu-west-1]
  Yes: !Equals [a, !Select [0, [a, b]]]
  Mapped: !Equals [!FindInMap [Of, dev, name], developers]
  No: !Not [{Condition: Yes}]
  YesOrBare: !Or [!Condition IsBare, !Condition Yes]
  NoAndBare: !And [!Condition IsBare, !Condition No]
  DevAndBare: !And [!Condition IsDev, !Condition IsBare]
  Loop: !And [!Condition Yes, !Condition Loop]
  Odd: yes
Resources:
  Pool: {Type: AWS::Cognito::UserPool}
  Group:
    Type: AWS::Cognito::UserPoolGroup
    Properties:
      GroupName: %s
"""


def value(expression: str) -> str | Unknown:
    (group,) = parse_template((TEMPLATE % expression).encode(), "t.yaml").groups
    return group.name


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("plain", "plain"),
        ("!Ref Stage", "dev"),
        ("{Ref: Stage}", "dev"),
        ("!Ref Number", "7"),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select ['1', !Ref Names]", "b"),
        ("!Join ['-', !Ref Names]", "a-b-c"),
        ("!Join ['', [x, !Ref Stage, !Ref AWS::NoValue]]", "xdev"),
        ("!Select [2, !Split ['|', 'a|b|c']]", "c"),
        ("!Select [0, !Split ['/', !Sub '${Stage}/x']]", "dev"),
        ("!Sub '${Stage}-${!Stage}-$x-${Number}'", "dev-${Stage}-$x-7"),
        ("!Sub ['${a}${Stage}', {a: !Ref Number}]", "7dev"),
        ("{'Fn::Sub': ['${Stage}', {Stage: mine}]}", "mine"),
        ("!FindInMap [Of, !Ref Stage, name]", "developers"),
        ("!Select [1, !FindInMap [Of, live, name]]", "y"),
        ("!If [IsDev, a, b]", "a"),
        ("!If [Yes, !If [No, a, b], c]", "b"),
        ("!If [Mapped, a, b]", "a"),
        ("!If [YesOrBare, a, b]", "a"),
        ("!If [NoAndBare, a, b]", "b"),
        ("'!Ref Stage'", "!Ref Stage"),
    ],
)
def test_functions_come_to_what_the_defaults_make_of_them(expression: str, expected: str) -> None:
    """What follows from the template alone is worked out."""
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("!Ref Bare", "parameter Bare has no default"),
        ("!Ref Stored", "parameter Stored is read from the account's parameter store"),
        ("!Ref Odd", "parameter Odd has a default that is no text"),
        ("!Ref Pool", "Pool has its name only when deployed"),
        ("!GetAtt Pool.Arn", "Pool has its name only when deployed"),
        ("!GetAtt [Pool, Arn]", "Pool has its name only when deployed"),
        ("!GetAtt Other.Arn", "'Other' is no resource of this template"),
        ("!Ref Other", "'Other' is neither a parameter nor a resource"),
        ("!Ref AWS::Region", "AWS::Region is known only when deployed"),
        ("!Sub 'a-${AWS::StackName}'", "AWS::StackName is known only when deployed"),
        ("!Sub '${Pool.Arn}/x'", "Pool has its name only when deployed"),
        ("!ImportValue x", "Fn::ImportValue is decided only when deployed"),
        ("!Cidr [x, 1, 2]", "Fn::Cidr is decided only when deployed"),
        ("!Unheard x", "expected a function of CloudFormation's, found 'Unheard'"),
        ("!Select [3, [a, b]]", "Fn::Select asks for more than the list has"),
        ("!Select [-1, [a, b]]", "Fn::Select is not written as it must be"),
        ("!Select [a, [a, b]]", "Fn::Select is not written as it must be"),
        ("!Select [0, !ImportValue x]", "Fn::ImportValue is decided only when deployed"),
        ("!Join ['', !ImportValue x]", "Fn::ImportValue is decided only when deployed"),
        ("!Join ['', x]", "Fn::Join is not written as it must be"),
        ("!Join ['', [{a: b}]]", "Fn::Join is not written as it must be"),
        ("!Join [x]", "Fn::Join is not written as it must be"),
        ("!Split ['', x]", "Fn::Split is not written as it must be"),
        ("!Select [0, !Split ['-', !Ref Bare]]", "parameter Bare has no default"),
        ("!Sub [x]", "Fn::Sub is not written as it must be"),
        ("!Sub {a: b}", "Fn::Sub is not written as it must be"),
        ("!Ref [a]", "Ref is not written as it must be"),
        ("!GetAtt {a: b}", "Fn::GetAtt is not written as it must be"),
        ("!FindInMap [Of, none, name]", "the template's mappings have no 'none'"),
        ("!FindInMap [Of, !Ref Bare, name]", "parameter Bare has no default"),
        ("!FindInMap [Of]", "Fn::FindInMap is not written as it must be"),
        ("!If [IsBare, a, b]", "condition IsBare depends on parameter Bare"),
        ("!If [DevAndBare, a, b]", "condition IsDev depends on parameter Stage"),
        ("!If [HereOrThere, a, b]", "condition HereOrThere depends on AWS::Region"),
        ("!If [Loop, a, b]", "condition Loop depends on itself"),
        ("!If [Odd, a, b]", "condition Odd is no condition"),
        ("!If [None, a, b]", "the template has no condition 'None'"),
        ("!If [Yes]", "Fn::If is not written as it must be"),
        ("!Transform {Name: Upper, Parameters: {a: b}}", "the macro 'Upper' runs only when"),
        ("[a, b]", "expected a text, found something else"),
    ],
)
def test_what_only_a_deployment_decides_is_unknown_with_its_reason(
    expression: str, why: str
) -> None:
    """No guess, and a reason that tells what would have to be known."""
    found = value(expression)

    assert isinstance(found, Unknown)
    assert str(found.why).startswith(why)


@pytest.mark.parametrize(
    ("expression", "undecided"),
    [
        ("!If [IsDev, a, b]", ["the name of Group in every deployment"]),
        ("!If [Yes, a, b]", []),
        ("!Sub ['x${a}', {a: !If [IsDev, a, b]}]", ["the name of Group in every deployment"]),
        ("!Ref Stage", []),
        ("!If [IsBare, a, b]", ["the name of Group"]),
    ],
)
def test_a_branch_for_other_parameters_is_said(expression: str, undecided: list[str]) -> None:
    """A value that holds under the defaults alone is given, and said to be no more than that."""
    template = parse_template((TEMPLATE % expression).encode(), "t.yaml")
    assert [str(one.what) for one in template.unresolved] == undecided


@pytest.mark.parametrize("condition", ["No", "!Ref Yes"])
def test_a_resource_is_left_out_only_where_no_deployment_can_have_it(condition: str) -> None:
    """A condition that is false whatever the parameters are takes the resource away."""
    text = (TEMPLATE % "x").replace(
        "UserPoolGroup\n", f"UserPoolGroup\n    Condition: {condition}\n"
    )
    template = parse_template(text.encode(), "t.yaml")
    assert len(template.groups) == (0 if condition == "No" else 1)


@pytest.mark.parametrize("condition", ["IsDev", "IsBare", "HereOrThere", "Yes", "YesOrBare"])
def test_groups_that_may_be_there_are_read(condition: str) -> None:
    """What a deployment may create counts: a check must not miss it."""
    text = (TEMPLATE % "x").replace(
        "UserPoolGroup\n", f"UserPoolGroup\n    Condition: {condition}\n"
    )
    template = parse_template(text.encode(), "t.yaml")
    assert [group.name for group in template.groups] == ["x"]
    assert template.unresolved == ()
