"""A project's functions on the emulator: the authorizer's package, and who stands behind a route.

A function's code runs from where the person, or whatever deploys it, has it.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer.cli.local import backend
from authorizer.cli.local.project import LocalStackError, Project, authorizer_function
from authorizer.cli.package import fill
from authorizer.settings import NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.local.emulator import Emulator
    from authorizer.cli.template.model import Authorizer, FunctionVariables

_BUCKET, _LOG = "packages", "/aws/lambda/authorizers"
_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
_OUR_HANDLER = "authorizer.aws_lambda.handler"
# A cold start on a machine that is busy takes more than what is deployed.
_SECONDS = 30
# Settings that count here, too: how to answer. The others name pools, files and hosts.
_KEPT = frozenset({"HTTP_API_ANSWER", "HTTP_API_REFUSAL", "IAM_MODES"})
_LEFT_OUT = frozenset(PREFIX + name for name in NAMES - _KEPT)
_MODULE = "authorizer_local_backend"
RUNTIME = {"Runtime": "provided.al2023", "Handler": "bootstrap"}
# Unbuffered: an invocation's log is what has come by the time of its answer.
_BOOTSTRAP = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -u "$LAMBDA_TASK_ROOT/{_MODULE}.py"
"""


def zipped(package: Path | None = None, inline: str = "") -> bytes:
    """A function as Lambda takes it, with the runtime that it has here.

    It goes no farther than this machine, so that to compress it would only take time.

    Args:
        package: what is in it; nothing for a function whose code runs from where it lies.
        inline: its code, where the template itself has that.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(backend.__file__, f"{_MODULE}.py")
        packed.writestr("bootstrap", _BOOTSTRAP)
        if inline:
            packed.writestr("index.py", inline)
        if package is not None:
            for file in sorted(path for path in package.rglob("*") if path.is_file()):
                packed.write(file, file.relative_to(package))
    return archive.getvalue()


def _authorizer_package(compiled: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="authorizer-package-") as folder:
        package = Path(folder, "package")
        fill(package, None, compiled)
        return zipped(package)


class Functions:
    """The project's functions on the emulator, made when first asked for."""

    def __init__(self, project: Project, emulator: Emulator) -> None:
        self._project = project
        self._emulator = emulator
        self._uris: dict[str, str] = {}
        emulator.client("s3").create_bucket(Bucket=_BUCKET)
        trust = {"Version": "2012-10-17", "Statement": [{**_TRUST, "Action": "sts:AssumeRole"}]}
        self._role = emulator.client("iam").create_role(
            RoleName="local", AssumeRolePolicyDocument=json.dumps(trust)
        )["Role"]["Arn"]

    def make_authorizers(self, settings: Mapping[str, str]) -> None:
        """The policy's own, in its package as it is made for Lambda, but for this machine."""
        content = _authorizer_package(self._project.compiled)
        self._emulator.client("logs").create_log_group(logGroupName=_LOG)
        for authorizer, function in guards_of(self._project).values():
            told = self._project.functions.get(function)
            handler, root = told.code[0] if told and told.code[0] else _OUR_HANDLER, ""
            if handler != _OUR_HANDLER and told:
                # One of their own around ours: it is imported from where it lies.
                root, why = code_root(self._project.folder, told)
                if not root:
                    raise LocalStackError(
                        f"the authorizer {function} cannot run here: "
                        + (why or "its code is written in the template")
                    )
            own = {backend.HANDLER: handler, backend.ROOT: root}
            if authorizer.payload_version == "1.0":
                own[backend.VERSION] = "1.0"
            variables = {**_known(told), **settings, **own}
            if function not in self._uris:
                log = {"LogGroup": _LOG}
                self._make(function, content, variables, LoggingConfig=log)

    def put_in_force(self, compiled: bytes) -> None:
        """Have the authorizers decide by another policy: what they remember goes with the old one.

        API Gateway goes on remembering their answers, as it does where they are deployed.
        """
        content = _authorizer_package(compiled)
        for function in self._project.authorizers:
            name = function_name(function)
            self._emulator.client("s3").put_object(Bucket=_BUCKET, Key=name, Body=content)
            self._emulator.client("lambda").update_function_code(
                FunctionName=name, S3Bucket=_BUCKET, S3Key=name
            )

    def uri(self, function: str, why: str = "") -> str:
        """How an API names it.

        Args:
            function: logical id, or what stands for it.
            why: it cannot be run here.
        """
        if function not in self._uris:
            told = self._project.functions.get(function)
            root, found = code_root(self._project.folder, told) if told else ("", "")
            variables = {
                **_known(told),
                backend.NAME: function,
                backend.WHY: why or found,
                backend.ROOT: root,
                backend.HANDLER: told.code[0] if told else "",
            }
            self._make(function, zipped(inline=told.code[3] if told else ""), variables)
        return self._uris[function]

    def _make(
        self,
        function: str,
        package: bytes,
        variables: Mapping[str, str],
        **more: Any,  # noqa: ANN401 - of boto3
    ) -> None:
        name = function_name(function)
        self._emulator.client("s3").put_object(Bucket=_BUCKET, Key=name, Body=package)
        made = self._emulator.client("lambda").create_function(
            FunctionName=name,
            Role=self._role,
            **RUNTIME,
            Code={"S3Bucket": _BUCKET, "S3Key": name},
            Timeout=_SECONDS,
            Environment={"Variables": {key: value for key, value in variables.items() if value}},
            **more,
        )
        region = self._emulator.client("lambda").meta.region_name
        self._uris[function] = (
            f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
            f"{made['FunctionArn']}/invocations"
        )


def function_name(function: str) -> str:
    """What it is called there: Terraform's addresses are no names, and CDK's digests come last."""
    return re.sub(r"[^A-Za-z0-9]+", "-", function)[-64:]


def _known(function: FunctionVariables | None) -> dict[str, str]:
    """Its variables, as far as they are known; whose tokens count here is known better."""
    return {
        name: value
        for name, value in (function.variables if function else {}).items()
        if isinstance(value, str) and name not in _LEFT_OUT
    }


def code_root(folder: Path, function: FunctionVariables) -> tuple[str, str]:
    """Where a function's code is, and why it cannot be run here: one of the two is "".

    Both are where the template itself has it.

    Args:
        folder: of the template: code is named from there, and CDK and Serverless put it there.
        function: which one.
    """
    handler, uri, code, inline, image, _, _, runtime = function.code
    if runtime and not runtime.startswith("python"):
        return "", f"its runtime is {runtime}"
    if image or not handler:
        return "", "it is a container image"
    if inline:
        return "", ""
    module = f"{handler.rpartition('.')[0].replace('.', '/')}.py"
    key = re.search(r"S3Key: ([^,}]+)", code)
    asset = key[1].rpartition("/")[2] if key else code
    named = (uri, asset, f"asset.{asset.removesuffix('.zip')}")
    for name in (f".aws-sam/build/{function.id}", *filter(None, named), "."):
        if _has(folder / name, module):
            return str((folder / name).resolve()), ""
    return "", f"no {module} in {uri or asset or folder}"


def _has(place: Path, module: str) -> bool:
    with suppress(OSError, ValueError, zipfile.BadZipFile):  # a template may name anything
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                return module in archive.namelist()
        return (place / module).is_file()
    return False


def guards_of(project: Project) -> dict[str, tuple[Authorizer, str]]:
    """The authorizers that the guarded routes ask, by name, and the functions behind them."""
    return {
        protection.authorizer.name: (protection.authorizer, authorizer_function(protection))
        for protection in project.guarded.values()
        if protection.authorizer is not None
    }
