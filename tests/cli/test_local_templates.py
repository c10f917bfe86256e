"""The local stack on a template that is no longer the sample's: a line says what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from click.testing import CliRunner

from authorizer.cli.local.deploy import _require_outputs, deploy, explicit_apis
from authorizer.cli.local.project import LocalStackError, load_template, made_by, package_of
from authorizer.cli.local.runtime import running_function
from authorizer.cli.local.sam import derived_template
from authorizer.cli.main import cli

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
INTEGRATION = "x-amazon-apigateway-integration"
# What must not be asked before the template was looked at.
NO_EMULATOR = cast("Any", None)


def without(*path: str) -> dict[str, Any]:
    """The sample's template without one of its parts."""
    template = load_template(TEMPLATE)
    found: Any = template
    for name in path[:-1]:
        found = found[name]
    del found[path[-1]]
    return template


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("Resources", "HelloFunction"), "function behind a route"),
        (("Resources", "AuthorizerFunction"), "authorizer function"),
        (("Resources", "HelloFunction", "Type"), "function behind a route"),
        (("Resources", "UserPool"), "user pool"),
        (("Outputs", "ApiUrl"), "output ApiUrl"),
        (("Outputs",), "output ApiUrl and UserPoolId and UserPoolClientId"),
    ],
)
def test_a_template_without_what_is_played(
    tmp_path: Path, path: tuple[str, ...], missing: str
) -> None:
    """Whoever made the template their own is told what is missed, and what else to do."""
    require_told(tmp_path, without(*path), missing)


def test_a_template_with_lists_for_what_is_named(tmp_path: Path) -> None:
    """So is whoever has something else there."""
    missing = "output ApiUrl and UserPoolId and UserPoolClientId"
    require_told(tmp_path, {"Resources": [], "Outputs": "x"}, missing)


def require_told(tmp_path: Path, template: dict[str, Any], missing: str) -> None:
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    with pytest.raises(LocalStackError) as caught:
        deploy(tmp_path, NO_EMULATOR)

    assert f" {missing} in template.yaml, found" in str(caught.value)
    assert "'authorizer event FILE --invoke'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_of_another_name_is_found_by_its_handler(tmp_path: Path) -> None:
    """The Makefile's targets have the sample's names; what counts is what the package runs."""
    package = tmp_path / "build" / "local" / "HelloFunction"
    (package / "handlers").mkdir(parents=True)
    (package / "handlers" / "hello.py").touch()

    assert package_of(tmp_path, "Backend", "handlers.hello.handler") == package.resolve()
    for handler in (None, "handlers.other.handler"):
        with pytest.raises(LocalStackError, match="Backend: run this in a clone"):
            package_of(tmp_path, "Backend", handler)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file or directory; run this in a clone of the project"),
        ("Resources: [\n", "expected the node content"),
        ("Resources: {}\n", "expected the output ApiUrl and UserPoolId and UserPoolClientId in"),
        (TEMPLATE.read_text(), "no function package in "),
    ],
)
@pytest.mark.parametrize("command", ["run", "serve"])
def test_the_template_is_looked_at_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, text: str | None, words: str
) -> None:
    """Outside a project the command fails in one line, and no emulator was started for it."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("template.yaml").write_text(text)
    result = CliRunner().invoke(cli, ["local", command])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_an_output_that_a_condition_takes_away() -> None:
    """What the deployed stack does not say is missed by name."""
    with pytest.raises(LocalStackError, match="expected the output ApiUrl and UserPoolId"):
        _require_outputs({})


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        ({}, "expected a Lambda proxy behind /x, found None"),
        ({INTEGRATION: {"type": "http_proxy"}}, "expected a Lambda proxy behind /x, found"),
        ({INTEGRATION: {"type": "aws_proxy"}}, "expected uri and payloadFormatVersion in"),
    ],
)
def test_a_route_that_the_emulator_could_not_have(operation: dict[str, Any], sentence: str) -> None:
    """An OpenAPI body of one's own may lack what the sample's has."""
    body = {"paths": {"/x": {"get": operation}}}
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}
    with pytest.raises(LocalStackError, match=sentence):
        explicit_apis({"Api": api})


def test_a_makefile_is_named_to_those_who_have_one(tmp_path: Path) -> None:
    """Elsewhere there is no target to run: the project's folder is the place."""
    for folder, words in (
        (TEMPLATE.parent, "run `make package` first"),
        (tmp_path, "run this in a clone of the project, whose Makefile makes it"),
    ):
        assert made_by("package", folder) == words
    with (
        pytest.raises(LocalStackError, match="AuthorizerFunction: run this in a clone"),
        running_function(tmp_path, "AuthorizerFunction", {}),
    ):
        pass


def test_a_template_for_containers_needs_no_globals(tmp_path: Path) -> None:
    """Neither Globals nor other resources than functions are missed."""
    properties = {"CodeUri": "src", "Runtime": "python3.13"}
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    inline = {"Type": "AWS::Serverless::Function", "Properties": {"InlineCode": "x"}}
    derived = derived_template(
        {"Resources": {"A": function, "B": inline, "C": {"Type": "AWS::S3::Bucket"}}},
        tmp_path,
        "3.14",
        "x86_64",
    )
    assert derived["Resources"]["A"]["Properties"] == {
        "CodeUri": str(tmp_path / "src"),
        "Runtime": "python3.14",
        "Architectures": ["x86_64"],
    }
