"""The parameters of template.yaml for production: off, they make nothing; on, what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_stack import load_template

from authorizer.tokens.revocation import ENTRY_KEY, EXPIRY, LIST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text()
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


def made_with(**parameters: str) -> dict[str, Any]:
    """The resources that SAM's own translator makes, conditions not judged yet."""
    template = load_template(PROJECT / "template.yaml")
    for name in ("AuthorizerFunction", "HelloFunction"):
        template["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/key"  # as packaged
    session = boto3.Session(region_name="eu-west-1")
    stack = Translator({}, Parser(), boto_session=session).translate(template, parameters)
    return dict(stack["Resources"])


def alarms(resources: dict[str, Any]) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_every_alarm_is_explained_and_off_by_default() -> None:
    """Whoever is woken by one finds it by its name."""
    resources = made_with()
    assert [*alarms(resources)] == re.findall(r"^### (\w+)$", OPERATIONS, re.MULTILINE)
    off = {"AWS::CloudWatch::Alarm": "MakesAlarms", "AWS::CloudWatch::Dashboard": "MakesDashboard"}
    for resource in resources.values():
        assert resource.get("Condition") == off.get(resource["Type"], resource.get("Condition"))
    assert not any(
        resource["Type"].startswith("AWS::CodeDeploy") for resource in resources.values()
    )


def test_alarms_watch_what_the_function_counts() -> None:
    """A metric of another name, or without its dimension, would be silent for ever."""
    handler = (PROJECT / "authorizer" / "aws_lambda.py").read_text()
    template = load_template(PROJECT / "template.yaml")["Resources"]["AuthorizerFunction"][
        "Properties"
    ]
    variables = template["Environment"]["Variables"]
    own = [one for one in alarms(made_with()).values() if not one["Namespace"].startswith("AWS/")]
    assert {one["MetricName"].partition(".")[0] for one in own} == {
        "Failed",
        "JwksFetchFailures",
        "Refused",
    }
    assert "Failed.KeysUnavailableError" in {one["MetricName"] for one in own}
    assert '"Failed": 1, f"Failed.{type(error).__name__}": 1' in handler
    assert '"JwksFetchFailures": failures' in handler
    for one in own:
        assert one["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        name = variables["POWERTOOLS_SERVICE_NAME"]
        assert one["Dimensions"] == [{"Name": "service", "Value": name}]


def test_the_dashboard_shows_what_a_team_asks_first() -> None:
    """It is a document that CloudWatch takes, of metrics that the function counts."""
    (dashboard,) = (
        resource["Properties"]["DashboardBody"]["Fn::Sub"]
        for resource in made_with(Dashboard="yes").values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    )
    widgets = json.loads(re.sub(r"\$\{[\w:]+\}", "x", dashboard))["widgets"]
    shown = json.dumps(widgets)
    counted = ("Allowed", "Denied", "Refused", "Failed", "JwksFetches", "JwksFetchFailures")
    of_lambda = ("Duration", "Errors", "Throttles")
    for name in (*counted, *of_lambda):
        assert f'"{name}"' in shown
    # By reason; and copies that started, also from a snapshot.
    for words in ("MetricName=(Refused OR Denied)", "@initDuration", "Restore Duration"):
        assert words in shown
    places = [{*cells(one)} for one in widgets]
    assert sum(map(len, places)) == len(set().union(*places))  # none lies on another


def cells(widget: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The cells of the grid that a widget takes: 24 to a row."""
    assert widget["x"] + widget["width"] <= 24
    for x in range(widget["x"], widget["x"] + widget["width"]):
        for y in range(widget["y"], widget["y"] + widget["height"]):
            yield x, y


def test_a_canary_goes_back_when_an_alarm_rings() -> None:
    """CodeDeploy shifts the alias by which the API asks, and hears of the alarms."""
    resources = made_with(CanaryDeployment="true", AlarmTopicArn=TOPIC)
    (group,) = (
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::CodeDeploy::DeploymentGroup"
    )
    condition, watched, _ = group["AlarmConfiguration"]["Fn::If"]
    assert (condition, watched["Enabled"]) == ("MakesAlarms", True)
    assert {one["Name"]["Ref"] for one in watched["Alarms"]} <= alarms(resources).keys()
    alias = resources["AuthorizerFunctionAliaslive"]
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]


def test_the_table_of_revoked_tokens_is_what_the_authorizer_reads() -> None:
    """Off by default; with the keys that are asked for, the right to ask, and no other right."""
    resources = made_with()
    table = resources["RevokedTokens"]
    assert load_template(PROJECT / "template.yaml")["Parameters"]["Revocation"]["Default"] == "no"
    assert table["Condition"] == "RevokesTokens"
    assert [key["AttributeName"] for key in table["Properties"]["KeySchema"]] == [
        LIST_KEY,
        ENTRY_KEY,
    ]
    assert table["Properties"]["TimeToLiveSpecification"]["AttributeName"] == EXPIRY

    variables = resources["AuthorizerFunction"]["Properties"]["Environment"]["Variables"]
    named = [["RevokesTokens", {"Ref": "RevokedTokens"}, {"Ref": "AWS::NoValue"}]]
    assert [*variables["AUTHORIZER_REVOCATION_TABLE"].values()] == named
    policies = resources["AuthorizerRole"]["Properties"]["Policies"]
    chosen = [policy["Fn::If"] for policy in policies if "Fn::If" in policy]
    (may,) = (policy for condition, policy, _ in chosen if condition == "RevokesTokens")
    (statement,) = may["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (
        "dynamodb:Query",
        {"Fn::GetAtt": ["RevokedTokens", "Arn"]},
    )


@pytest.mark.parametrize("name", re.findall(r"^\| `(\w+)` \|", OPERATIONS, re.MULTILINE))
def test_what_the_page_lists_is_a_parameter(name: str) -> None:
    """With a default, so that nobody has to choose."""
    assert "Default" in load_template(PROJECT / "template.yaml")["Parameters"][name]


def test_the_page_says_when_each_alarm_rings() -> None:
    """What it says of times and thresholds is what the template has."""
    rows = dict(re.findall(r"^\| \[(\w+)\]\(#\w+\) \| ([^|]*) \|", OPERATIONS, re.MULTILINE))
    made = alarms(made_with())
    assert [*rows] == [*made]
    words = {60: "minute", 300: "five minutes"}
    counts = {1: "", 2: "two ", 3: "three "}
    for name, alarm in made.items():
        rings = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        threshold = alarm["Threshold"]
        threshold = threshold["Ref"] if isinstance(threshold, dict) else threshold
        assert words[alarm["Period"]] in rows[name]
        assert counts[rings] in rows[name]
        assert threshold == 1 or str(threshold) in rows[name]
