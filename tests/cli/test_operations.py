"""The parameters of template.yaml for production: off, they make nothing; on, what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_stack import load_template

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


@pytest.mark.parametrize("name", re.findall(r"^\| `(\w+)` \|", OPERATIONS, re.MULTILINE))
def test_what_the_page_lists_is_a_parameter(name: str) -> None:
    """With a default, so that nobody has to choose."""
    assert "Default" in load_template(PROJECT / "template.yaml")["Parameters"][name]
