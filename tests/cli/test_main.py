"""The command line: messages for people, exit codes for scripts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from authorizer import Policy
from authorizer.cli import main
from authorizer.cli.main import cli

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
GOOD = "version: 1\ngroups:\n  reader: {allow: [GET /hello]}\n"
BROKEN = "version: 2\ngroups:\n  reader: {allow: [GET hello]}\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    return path


def test_what_errors_quote_of_a_file_is_not_obeyed(tmp_path: Path) -> None:
    """Marks that turn a text around, or end a line, are escaped; lines stay lines."""
    event = "{Type: HttpApi, Properties: {Method: get, Path: !Sub '/${Nope}'}}"
    template = tmp_path / "template.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n"
        "    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n"
        f'        "a\\u202eb\\u2028c": {event}\n'
    )
    (tmp_path / "policy.yaml").write_text(GOOD)
    result = CliRunner().invoke(
        cli, ["compile", str(tmp_path / "policy.yaml"), "--template", str(template)]
    )
    assert result.exit_code == 1
    assert all(line.isprintable() for line in result.stderr.split("\n"))
    assert "a\\u202eb\\u2028c" in result.stderr


def test_compile_prints_the_compiled_policy(policy: Path) -> None:
    """Without an output file, standard output has the JSON and nothing else."""
    result = CliRunner().invoke(cli, ["compile", str(policy)])

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["groups"]["reader"]["allow"] == [
        {
            "line": 3,
            "rule": "GET /hello",
            "methods": ["GET"],
            "path": ["hello"],
            "tail": False,
            "equals": {},
        }
    ]


def test_compile_writes_a_file_and_says_so(policy: Path, tmp_path: Path) -> None:
    """With an output file, standard output is empty and the summary goes to standard error."""
    output = tmp_path / "policy.json"
    result = CliRunner().invoke(cli, ["compile", str(policy), "--output", str(output)])

    loaded = Policy.load(output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"-> {output} (digest {loaded.digest})" in result.stderr


def test_compile_counts_in_words_that_fit(policy: Path, tmp_path: Path) -> None:
    """One group is a group."""
    policy.write_text("version: 1\ngroups: {a: {allow: [GET /x]}}\n")
    arguments = ["compile", "--policy", str(policy), "--output", str(tmp_path / "policy.json")]

    assert f"{policy}: 1 rule for 1 group -> " in CliRunner().invoke(cli, arguments).stderr


def test_compile_reads_policy_yaml_by_default(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project, ``authorizer compile`` is enough."""
    monkeypatch.chdir(policy.parent)
    assert CliRunner().invoke(cli, ["compile"]).exit_code == 0


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Write: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: "/a/{id}"}}
        Read: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /a}}
"""


@pytest.fixture
def template(policy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the folder of the policy, which is the current one."""
    monkeypatch.chdir(policy.parent)
    path = policy.parent / "template.yaml"
    path.write_text(TEMPLATE)
    return path


def test_compile_puts_the_routes_of_a_template_into_the_policy(template: Path) -> None:
    """All of them, sorted, so that the same files give the same bytes."""
    arguments = ["compile", "--template", template.name]
    result = CliRunner().invoke(cli, arguments)

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["routes"] == ["GET /a", "POST /a/{id}"]
    assert CliRunner().invoke(cli, arguments).stdout == result.stdout


def test_compile_knows_no_routes_without_a_template(template: Path) -> None:
    """That is another thing than an API without routes."""
    result = CliRunner().invoke(cli, ["compile"])
    assert json.loads(result.stdout)["routes"] is None


def test_the_routes_of_a_websocket_api_are_its_connect_route(template: Path) -> None:
    """The only one that an authorizer is asked about."""
    template.write_text(
        "Resources:\n"
        "  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}\n"
        "  Send: {Type: AWS::ApiGatewayV2::Route, Properties: "
        "{ApiId: !Ref Api, RouteKey: send}}\n"
    )
    result = CliRunner().invoke(cli, ["compile", "-t", template.name])
    assert json.loads(result.stdout)["routes"] == ["$connect"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            ("Path: /a}", "Path: !ImportValue x}"),
            "template.yaml:3:3: expected an API whose routes are all in the file, found Api with "
            "routes that are not decidable; give the parameter a default, or write the route out",
            id="undecidable",
        ),
        pytest.param(
            ("Path: /a}", "Path: /a/*}"),
            "expected a route whose segments are literal, {name} or, at the end, {name+}, "
            "found 'GET /a/*'",
            id="wildcard",
        ),
        pytest.param(("HttpApi", "Table"), "template.yaml: expected an API, found none", id="none"),
    ],
)
def test_routes_that_cannot_be_known_are_an_error(
    template: Path, change: tuple[str, str], message: str
) -> None:
    """A policy with half of the routes would take the other half for nobody's."""
    template.write_text(TEMPLATE.replace(*change))
    result = CliRunner().invoke(cli, ["compile", "-t", template.name])

    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


def test_an_api_is_named_of_a_template(template: Path) -> None:
    """Without a template there is nothing to name."""
    result = CliRunner().invoke(cli, ["compile", "--api", "Api"])
    assert result.exit_code == 2
    assert "--api names an API of the --template" in result.stderr


@pytest.mark.parametrize("before", [None, "the last one"], ids=["new", "present"])
def test_a_broken_policy_leaves_no_output(policy: Path, tmp_path: Path, before: str | None) -> None:
    """Exit code 1, every problem located, and the output file as it was."""
    policy.write_text(BROKEN)
    output = tmp_path / "policy.json"
    if before is not None:
        output.write_text(before)
    result = CliRunner().invoke(cli, ["compile", str(policy), "-o", str(output)])

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{policy}:1:10: expected version 1, found '2'" in result.stderr
    assert f"{policy}:3:24: expected one blank and a path" in result.stderr
    assert result.stderr.endswith(f"\n'authorizer check {policy}' says how to mend what is wrong\n")
    assert (output.read_text() if output.exists() else None) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["none.yaml"], "none.yaml: cannot be read: No such file", id="no policy"),
        pytest.param(
            ["policy.yaml", "-o", "no/x"], "no/x: cannot be written: No such", id="folder"
        ),
    ],
)
def test_files_that_fail_are_named(
    policy: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """A file that cannot be read or written is a message, not a traceback."""
    monkeypatch.chdir(policy.parent)
    result = CliRunner().invoke(cli, ["compile", *arguments])

    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_the_commands(option: str) -> None:
    """Lazy commands are listed, too."""
    result = CliRunner().invoke(cli, [option])

    assert result.exit_code == 0
    assert "compile" in result.stdout
    assert "local" in result.stdout


def test_a_lazy_command_is_loaded_when_called_for() -> None:
    """``local`` has a help of its own, once its dependencies are there."""
    assert CliRunner().invoke(cli, ["local", "--help"]).exit_code == 0


@pytest.mark.parametrize("arguments", ["", "run", "run --seed 1", "--help"])
def test_a_lazy_command_without_its_dependencies_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    """Who installed less is told what more to install, and sees no traceback."""
    monkeypatch.setitem(main._COMMANDS, "local", ("no_such_dependency", "local", ""))
    result = CliRunner().invoke(cli, ["local", *arguments.split()])

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: 'authorizer local' needs no_such_dependency: "
        "install cognito-rbac-authorizer with its extra 'local'\n"
    )


def test_the_emulator_is_a_dependency(tmp_path: Path) -> None:
    """It is run in another process, and looked for before anything is started."""
    script = "import sys; sys.modules['ministack'] = None; from authorizer.cli.main import cli; "
    command = [sys.executable, "-c", f"{script}cli(['local', 'run'])"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (
        1,
        (
            "Error: 'authorizer local' needs ministack: "
            "install cognito-rbac-authorizer with its extra 'local'\n"
        ),
    )


def test_the_help_needs_no_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installed less sees the commands that there are, and which want more."""
    monkeypatch.setitem(main._EXTRAS, "local", ("no_such_dependency",))
    result = CliRunner().invoke(cli, ["--help"])

    assert result.exit_code == 0
    assert "local       (needs the extra 'local')" in result.stdout
    assert "  check " in result.stdout


def test_the_help_loads_no_command() -> None:
    """Who wants to know what there is does not wait for all of it."""
    script = (
        "import sys; from authorizer.cli.main import cli; cli(['--help'], standalone_mode=False)"
    )
    command = [sys.executable, "-c", f"{script}; print(*sys.modules)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert not {module for module, _, _ in main._COMMANDS.values()} & set(printed.split())


def test_the_packages_of_an_extra_are_known() -> None:
    """As the project declares them, by the names that they are imported by."""
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    imported = {"PyYAML": "yaml", "aws-sam-translator": "samtranslator"}
    for extra, packages in main._EXTRAS.items():
        names = {re.split(r"[>=\[]", requirement)[0] for requirement in declared[extra]}
        found = {imported.get(name, name) for name in names - {"click", "cognito-rbac-authorizer"}}
        assert found == set(packages)


def test_an_unknown_command_is_an_error() -> None:
    """Exit code 2, as for every wrong usage."""
    result = CliRunner().invoke(cli, ["compil"])
    assert result.exit_code == 2


@pytest.mark.parametrize("command", ["matrix none.yaml", "explain GET /x --policy none.yaml"])
def test_no_answer_is_not_a_no(template: Path, command: str) -> None:
    """Where exit code 1 is an answer, 2 says that there is none."""
    result = CliRunner().invoke(cli, command.split())

    assert result.exit_code == 2
    assert "none.yaml: cannot be read: No such file" in result.stderr
