"""The local stack on a template that is no longer the sample's: a line says what it lacks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from lambda_runtime import made_by, package_of, running_function
from sam_local import derived_template
from template_stack import explicit_apis, load_template

from authorizer.cli.local.functions import code_root
from authorizer.cli.local.project import LocalStackError, read_project
from authorizer.cli.main import cli
from authorizer.cli.template.reader import read_template

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
POLICY = TEMPLATE.with_name("policy.yaml")
ADOPTERS = Path(__file__).parents[1] / "adopters"
INTEGRATION = "x-amazon-apigateway-integration"


def without(*path: str) -> dict[str, Any]:
    """The sample's template without one of its parts."""
    template = load_template(TEMPLATE)
    found: Any = template
    for name in path[:-1]:
        found = found[name]
    del found[path[-1]]
    return template


def test_a_template_without_a_route_that_is_guarded(tmp_path: Path) -> None:
    """Whoever has no authorizer yet is told what prints the piece that is missing."""
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(without("Resources", "Api", "Properties", "Auth")))
    with pytest.raises(LocalStackError, match=f"a route of Api in {template} that asks the pol"):
        read_project(template, POLICY)


@pytest.mark.parametrize(
    "path",
    [
        ("Resources", "HelloFunction", "Properties", "Environment"),
        ("Resources", "UserPool"),
        ("Resources", "AuthorizerLogs"),
        ("Outputs",),
        ("Parameters", "CorsOrigin", "Default"),
    ],
)
def test_what_need_not_be_in_a_template(tmp_path: Path, path: tuple[str, ...]) -> None:
    """Neither outputs nor a pool, nor a value of each parameter: routes and authorizers do."""
    changed = load_template(TEMPLATE)
    if path[-1] != "Environment":
        changed = without(*path)
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(changed))
    assert read_project(template, POLICY).authorizers == ("AuthorizerFunction",)


def test_a_websocket_api_is_not_played(tmp_path: Path) -> None:
    """It is told what asks the authorizer of one."""
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}}
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"Resources": {"Chat": api}}))
    # For a shell "$connect" is a variable, and an empty one.
    with pytest.raises(LocalStackError, match=r"Chat, .* event '\$connect' --invoke"):
        read_project(template, POLICY)


@pytest.mark.parametrize(
    ("sources", "is_played"),
    [("cookie:session", False), ("cookie:session header:authorization", True)],
)
def test_users_need_a_place_for_their_tokens(
    tmp_path: Path, sources: str, *, is_played: bool
) -> None:
    """They have them in the Authorization header, and would all be refused."""
    changed = yaml.safe_load(yaml.safe_dump(load_template(TEMPLATE)))
    function = changed["Resources"]["AuthorizerFunction"]["Properties"]
    function["Environment"]["Variables"]["AUTHORIZER_TOKEN_SOURCES"] = sources
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(changed))
    if is_played:
        assert read_project(template, POLICY).authorizers == ("AuthorizerFunction",)
    else:
        with pytest.raises(LocalStackError, match="expected header:authorization in"):
            read_project(template, POLICY)


def functions_of(path: Path) -> dict[str, Any]:
    return {function.id: function for function in read_template(path).functions}


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({"CodeUri": "src/", "Handler": "app.handler"}, "src"),
        ({"CodeUri": "src/", "Handler": "api.users.handler"}, "src"),
        ({"CodeUri": "code.zip", "Handler": "zipped.handler"}, "code.zip"),
        ({"CodeUri": "elsewhere/", "Handler": "built.handler"}, ".aws-sam/build/Orders"),
        ({"CodeUri": "handlers/", "Handler": "src.app.handler"}, "."),
    ],
)
def test_where_a_functions_code_is(tmp_path: Path, properties: dict[str, str], place: str) -> None:
    """What SAM has built comes first; then what the template names, folder or archive."""
    for file in ("src/app.py", "src/api/users.py", ".aws-sam/build/Orders/built.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped.py", "")
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"Resources": {"Orders": function}}))
    found = code_root(tmp_path, functions_of(template)["Orders"])
    assert found == (str((tmp_path / place).resolve()), "")


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"CodeUri": "src/", "Handler": "app.handler"}, "no app.py in src/"),
        ({"CodeUri": "x" * 5000, "Handler": "a.b"}, f"no a.py in {'x' * 5000}"),
        ({"CodeUri": "nul\0", "Handler": "a.b"}, "no a.py in nul\0"),
        ({"CodeUri": "broken.zip", "Handler": "a.b"}, "no a.py in broken.zip"),
        ({"Handler": "app.handler", "Runtime": "nodejs22.x"}, "its runtime is nodejs22.x"),
        ({"PackageType": "Image", "ImageUri": "x"}, "it is a container image"),
        ({"InlineCode": "x", "Handler": "index.x"}, ""),  # it can: it is in the template
    ],
)
def test_why_a_function_cannot_run_here(
    tmp_path: Path, properties: dict[str, str], why: str
) -> None:
    """Each is told in the table."""
    (tmp_path / "broken.zip").write_bytes(b"PK\5\6" + bytes(18))
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"Resources": {"Orders": function}}))
    assert code_root(tmp_path, functions_of(template)["Orders"]) == ("", why)


@pytest.mark.parametrize("asset", ["orders.zip", "asset.orders"])
def test_code_that_a_deployer_has_put_beside_its_template(tmp_path: Path, asset: str) -> None:
    """CDK's assets and Serverless' archives are named in S3, and found here."""
    code = {"S3Bucket": "bucket", "S3Key": "serverless/x/orders.zip"}
    properties = {"Code": code, "Handler": "app.handler", "Runtime": "python3.14"}
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"Resources": {"Orders": function}}))
    if asset.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / asset, "w") as archive:
            archive.writestr("app.py", "")
    else:
        (tmp_path / asset).mkdir()
        (tmp_path / asset / "app.py").touch()
    found = code_root(tmp_path, functions_of(template)["Orders"])
    assert found == (str((tmp_path / asset).resolve()), "")


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
        (None, "template.yaml: cannot be read: No such file or directory"),
        ("Resources: [\n", "template.yaml:2:1: expected YAML"),
        ("Resources: {}\n", "template.yaml: expected an API, found none"),
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
