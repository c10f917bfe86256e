"""The project that is adopted: which of its files describes the API, and who deploys it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.template.model import ApiKind
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.sam import IMPLICIT
from authorizer.cli.text import listed
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from authorizer.cli.template.model import Api


# Where deployers keep what they deploy, the first that is there.
_USUAL = (
    *("template.yaml", "template.yml", "template.json"),
    ".serverless/cloudformation-template-update-stack.json",
    "cdk.out/*.template.json",
    *("openapi.yaml", "openapi.yml", "openapi.json"),
    *("swagger.yaml", "swagger.yml", "swagger.json"),
)
# What is made into a template first.
_SOURCES = {
    "cdk.json": "run 'cdk synth', which writes cdk.out, and then this again",
    "serverless.yml": "run 'serverless package', which writes .serverless, and then this again",
    "serverless.yaml": "run 'serverless package', which writes .serverless, and then this again",
}
_BY_FOLDER = {".serverless": "serverless", "cdk.out": "cdk"}
_OF_SAM = {ApiKind.HTTP: "HttpApi", ApiKind.REST: "Api", ApiKind.WEBSOCKET: "WebSocketApi"}


def find_template(folder: Path) -> Path:
    """The file that describes the project's API.

    Raises:
        ConfigurationError: there is none, or there are several that could be meant.
    """
    for pattern in _USUAL:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            found = [path for path in found if read_template(path).apis]
        if len(found) > 1:
            names = listed([str(path) for path in found])
            raise ConfigurationError([f"expected to be told which template is meant: {names}"])
        if found:
            return found[0]
    for name, advice in _SOURCES.items():
        if (folder / name).exists():
            raise ConfigurationError([f"{name}: expected what is made of it, found none: {advice}"])
    expected = "a SAM or CloudFormation template, cdk.out, .serverless or an OpenAPI file"
    raise ConfigurationError([f"expected {expected} here, found none: name the file"])


def deployer_of(path: Path, api: Api) -> str:
    """Who deploys an API of a template: the name of a piece of template in ``snippets/``."""
    if api.stands_alone:
        return "openapi"
    folder = path.absolute().parent.name
    if folder in _BY_FOLDER:
        return _BY_FOLDER[folder]
    resource = f"AWS::Serverless::{_OF_SAM[api.kind]}"
    is_sam = api.id in IMPLICIT.values() or resource in path.read_text("utf-8", "replace")
    return "sam" if is_sam else "cloudformation"
