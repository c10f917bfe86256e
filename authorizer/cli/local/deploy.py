"""Putting template.yaml on the emulator: the packages, the transform, the stack, its outputs."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from authorizer.cli.local.emulator import blind_session
from authorizer.cli.local.openapi import explicit_apis
from authorizer.cli.local.project import LocalStackError, load_template, made_by
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authorizer.cli.local.emulator import Emulator

STACK = "authorizer-local"
_BUCKET = "packages"
_DEPLOY_SECONDS = 120
_AUTHORIZER = "AuthorizerFunction"
_FUNCTIONS = (_AUTHORIZER, "HelloFunction")
_OUTPUTS = (
    *("ApiUrl", "UserPoolId", "UserPoolClientId"),
    *("AuthorizerFunctionName", "HelloFunctionName"),
)
# The pool's domain, and with it an app client for client_credentials, which the template makes
# only when asked.
WITH_OWN_POOL = {"MachineClientDomain": "authorizer-local", "LogLevel": "INFO"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the template's outputs say, and where the API answers on this machine.

    Attributes:
        base_url: put a path behind it.
        machine_client_id: of the app client for client_credentials; empty where there is none.
    """

    base_url: str
    user_pool_id: str
    client_id: str
    machine_client_id: str
    authorizer_function: str
    hello_function: str


def deploy(
    project: Path,
    emulator: Emulator,
    *,
    stack: str = STACK,
    parameters: Mapping[str, str] = WITH_OWN_POOL,
) -> Deployment:
    """Deploy the project's template, with the packages in build/local, to the emulator.

    Args:
        project: the checkout.
        emulator: where to.
        stack: its name; each is an environment of its own.
        parameters: of the template.

    Raises:
        LocalStackError: the template lacks what is used here, a package is missing, or the stack
            could not be made.
    """
    template = sample_template(project)
    emulator.aws.client("s3").create_bucket(Bucket=_BUCKET)
    for name in _FUNCTIONS:
        package = _zipped(project / "build" / "local" / name)
        emulator.aws.client("s3").put_object(Bucket=_BUCKET, Key=name, Body=package)
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": _BUCKET, "Key": name}
    translated = _translate(template, emulator, parameters)
    outputs = _create_stack(translated, emulator, stack, parameters)
    _require_outputs(outputs)
    return Deployment(
        base_url=outputs["ApiUrl"],
        user_pool_id=outputs["UserPoolId"],
        client_id=outputs["UserPoolClientId"],
        machine_client_id=outputs.get("MachineClientId", ""),
        authorizer_function=outputs["AuthorizerFunctionName"],
        hello_function=outputs["HelloFunctionName"],
    )


def sample_template(project: Path) -> dict[str, Any]:
    """The project's template, which has what this deployment, and who plays on it, name.

    Raises:
        LocalStackError: it is not there, or lacks some of that, or a package is missing.
    """
    template = load_template(project / "template.yaml")
    resources, outputs = (_mapping(template.get(part)) for part in ("Resources", "Outputs"))
    functions = [
        name
        for name, resource in resources.items()
        if _mapping(resource).get("Type") == "AWS::Serverless::Function"
        and isinstance(_mapping(resource).get("Properties"), dict)
    ]
    for expected, found, what in (
        (_FUNCTIONS, functions, "function"),
        (_OUTPUTS, [name for name, output in outputs.items() if _mapping(output)], "output"),
    ):
        missing = [name for name in expected if name not in found]
        if missing:
            raise LocalStackError(
                f"expected the {what} {' and '.join(missing)} in template.yaml, found "
                f"{clip(', '.join(map(str, found)) or 'none')}: the local stack plays the sample's "
                "scenario on the sample's functions; keep them beside yours, or try your own with "
                "'authorizer event FILE --invoke' and 'sam local'"
            )
    for name in _FUNCTIONS:
        _files(project / "build" / "local" / name)
    return template


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _files(package: Path) -> list[Path]:
    """What a package is made of, without the byte code that a test may have left there."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    if not files:
        needed = made_by("package", package.parents[2])
        raise LocalStackError(f"no function package in {package}: {needed}")
    return files


def _zipped(package: Path) -> bytes:
    """The package as Lambda takes it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for file in _files(package):
            packed.write(file, file.relative_to(package))
    return archive.getvalue()


def _translate(
    template: dict[str, Any], emulator: Emulator, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """What the SAM transform makes of the template, with what the emulator needs to differ.

    Those are three things: an HTTP API's routes stand outside its body (see ``openapi``), the API's
    URL is one of this machine, and the authorizer fetches the pool's keys from the emulator. The
    tokens name amazonaws.com as their issuer, as real ones do, so without that one variable it
    would ask AWS for them.
    """
    try:
        translated = Translator({}, Parser(), boto_session=blind_session()).translate(
            template, dict(parameters)
        )
    except InvalidDocumentException as error:
        problems = "\n".join(cause.message for cause in error.causes)
        raise LocalStackError(f"template.yaml cannot be transformed\n{problems}") from error
    stack: dict[str, Any] = translated
    stack["Resources"] = explicit_apis(stack["Resources"])
    function = stack["Resources"][_AUTHORIZER]["Properties"]
    pools = [
        parameters.get("ExistingUserPoolId") or "${UserPool}",
        *(entry.partition("=")[0] for entry in parameters.get("FurtherUserPools", "").split()),
    ]
    urls = " ".join(f"{pool}={emulator.jwks_url(pool)}" for pool in pools)
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables["AUTHORIZER_JWKS_URLS"] = {"Fn::Sub": urls} if "${" in urls else urls
    stack["Outputs"]["ApiUrl"]["Value"] = {"Fn::Sub": f"{emulator.url}/_aws/execute-api/${{Api}}"}
    return stack


def _create_stack(
    template: dict[str, Any], emulator: Emulator, name: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    cloudformation = emulator.aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise LocalStackError(
                f"the stack could not be made: {_first_failure(cloudformation, name)}"
            )
        time.sleep(0.1)
    raise LocalStackError(f"the stack was not made within {_DEPLOY_SECONDS} seconds")


def _require_outputs(found: Mapping[str, str]) -> None:
    missing = [name for name in _OUTPUTS if name not in found]
    if missing:
        raise LocalStackError(
            f"expected the output {' and '.join(missing)} of template.yaml, found none: "
            "it has a Condition that does not hold with the parameters' defaults"
        )


def _first_failure(cloudformation: Any, name: str) -> str:  # noqa: ANN401 - boto3 ships no types
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    if not failures:
        return "no reason given"
    first = min(failures, key=lambda event: event["Timestamp"])
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"
