"""What a function's package is built for, read from the template or refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sam_local import derived_template

from authorizer.cli.main import cli
from authorizer.cli.template.runtime import function_runtime
from authorizer.errors import ConfigurationError

PROJECT = Path(__file__).parents[2]
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Version: {Type: String, Default: python3.14}
  Processor: {Type: String, Default: arm64}
Conditions:
  Cheap: !Equals [!Ref Processor, arm64]
Mappings:
  Of: {it: {processor: arm64}}
GLOBALS
Resources:
  Authorizer:
    Type: AWS::Serverless::Function
    Properties: {OWN}
"""
EXPECTED_PYTHON = (
    "expected Runtime: one of python3.11, python3.12, python3.13, python3.14, written as it is, "
    "for a package that fits"
)
EXPECTED_PROCESSOR = (
    "expected Architectures: [arm64] or [x86_64], written as it is, in Globals or in the function, "
    "for a package that fits"
)


def written(folder: Path, common: str, own: str, template: str = TEMPLATE) -> Path:
    path = folder / "template.yaml"
    globals_ = f"Globals: {{Function: {{{common}}}}}" if common else ""
    path.write_text(template.replace("GLOBALS", globals_).replace("OWN", own))
    return path


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ("Runtime: python3.14, Architectures: [arm64]", "", ("3.14", "manylinux2014_aarch64")),
        ("Runtime: python3.14, Architectures: [x86_64]", "", ("3.14", "manylinux2014_x86_64")),
        ("", "Runtime: python3.11, Architectures: [arm64]", ("3.11", "manylinux2014_aarch64")),
        ("Architectures: [arm64]", "Runtime: python3.13", ("3.13", "manylinux2014_aarch64")),
        # The function's own counts; what nobody says is Lambda's default.
        ("Runtime: python3.14", "Runtime: python3.12", ("3.12", "manylinux2014_x86_64")),
        (
            "Runtime: python3.14, Architectures: [x86_64]",
            "Architectures: [arm64]",
            ("3.14", "manylinux2014_aarch64"),
        ),
    ],
)
def test_globals_and_the_function_are_read(
    tmp_path: Path, common: str, own: str, expected: tuple[str, str]
) -> None:
    """The version of Python, and the platform as pip calls it."""
    runtime = function_runtime(written(tmp_path, common, own), "Authorizer")
    assert (runtime.python, runtime.platform) == expected


@pytest.mark.parametrize("type_", ["AWS::Serverless::Function", "AWS::Lambda::Function"])
def test_a_plain_function_has_no_globals(tmp_path: Path, type_: str) -> None:
    """Globals are SAM's, and for SAM's functions."""
    path = written(
        tmp_path,
        "Architectures: [arm64]",
        "Runtime: python3.14",
        TEMPLATE.replace("AWS::Serverless::Function", type_),
    )
    expected = "arm64" if type_ == "AWS::Serverless::Function" else "x86_64"
    assert function_runtime(path, "Authorizer").architecture == expected


@pytest.mark.parametrize(
    ("common", "own", "message"),
    [
        ("", "", f"11:3: {EXPECTED_PYTHON}; found none"),
        ("Runtime: nodejs22.x", "", f"9:31: {EXPECTED_PYTHON}; found 'nodejs22.x'"),
        ("Runtime: python3.9", "", f"9:31: {EXPECTED_PYTHON}; found 'python3.9'"),
        ("Runtime: python3.15", "", f"9:31: {EXPECTED_PYTHON}; found 'python3.15'"),
        ("Runtime: python3.140", "", f"9:31: {EXPECTED_PYTHON}; found 'python3.140'"),
        ("Runtime: python3.14t", "", f"9:31: {EXPECTED_PYTHON}; found 'python3.14t'"),
        ("Runtime: [python3.14]", "", f"9:31: {EXPECTED_PYTHON}; found ['python3.14']"),
        (
            "Runtime: !Ref Version",
            "",
            f"9:31: {EXPECTED_PYTHON}; found what only a deployment decides",
        ),
        (
            "Runtime: python3.14, Architectures: [!Ref Processor]",
            "",
            f"9:58: {EXPECTED_PROCESSOR}; found [what only a deployment decides]",
        ),
        (
            "Runtime: python3.14, Architectures: !If [Cheap, [arm64], [x86_64]]",
            "",
            f"9:58: {EXPECTED_PROCESSOR}; found what only a deployment decides",
        ),
        (
            "Runtime: python3.14, Architectures: [!FindInMap [Of, it, processor]]",
            "",
            f"9:58: {EXPECTED_PROCESSOR}; found [what only a deployment decides]",
        ),
        (
            "Runtime: python3.14",
            "Architectures: [arm64, x86_64]",
            f"13:33: {EXPECTED_PROCESSOR}; found ['arm64', 'x86_64']",
        ),
        (
            "Runtime: python3.14, Architectures: arm64",
            "",
            f"9:58: {EXPECTED_PROCESSOR}; found 'arm64'",
        ),
        (
            "Runtime: python3.14, Architectures: []",
            "",
            f"9:58: {EXPECTED_PROCESSOR}; found []",
        ),
        (
            "",
            "Runtime: python3.14, 'Fn::Transform': {Name: Macro}",
            f"13:17: {EXPECTED_PROCESSOR}; found what only a deployment decides",
        ),
        (
            "'Fn::Transform': {Name: Macro}",
            "Runtime: python3.14, Architectures: [arm64]",
            "9:22: expected Globals that are written in the template, found an include",
        ),
    ],
)
def test_what_a_deployment_decides_is_refused(
    tmp_path: Path, common: str, own: str, message: str
) -> None:
    """A package for another Python would be deployed, and die: the build must not go on."""
    path = written(tmp_path, common, own)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'{path}:{message}')}$"):
        function_runtime(path, "Authorizer")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openapi: 3.0.1", "1:1: expected a template with Resources, found none"),
        ("Resources: {Api: {Type: AWS::Serverless::Api}}", " expected a function 'Authorizer'"),
    ],
)
def test_a_template_without_the_function(tmp_path: Path, text: str, message: str) -> None:
    """What is missing is named."""
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'{path}:{message}')}"):
        function_runtime(path, "Authorizer")
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        function_runtime(tmp_path / "none", "Authorizer")


def test_a_template_for_containers_differs_in_both() -> None:
    """Each function gets this machine's processor, wherever it had one; a Python, its version."""
    function = {"Type": "AWS::Serverless::Function", "Metadata": {}}
    given = {
        "Globals": {"Function": {"Runtime": "python3.14", "Architectures": ["arm64"]}},
        "Resources": {
            "A": {**function, "Properties": {"CodeUri": "."}},
            "B": {
                **function,
                "Properties": {
                    "CodeUri": ".",
                    "Runtime": "nodejs24.x",
                    "Architectures": ["x86_64"],
                },
            },
        },
    }
    derived = derived_template(given, Path("/project"), "3.11", "x86_64")
    assert derived["Globals"]["Function"] == {}
    for name, runtime in (("A", "python3.11"), ("B", "nodejs24.x")):
        properties = derived["Resources"][name]["Properties"]
        assert (properties["Runtime"], properties["Architectures"]) == (runtime, ["x86_64"])


def test_make_is_told_by_a_command() -> None:
    """The Makefile's variables, of the project's own template."""
    arguments = ["local", "platform", str(PROJECT / "template.yaml"), "AuthorizerFunction"]
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stdout) == (
        0,
        "LAMBDA_PYTHON=3.14 LAMBDA_PLATFORM=manylinux2014_aarch64\n",
    )
