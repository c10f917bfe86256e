"""The project that is adopted: which of its files describes the API, and who deploys it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authorizer.cli.template.reader import read_template
from authorizer.cli.text import listed
from authorizer.cli.yaml_source import TEMPLATE, compose
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.cli.template.model import Api, Template


class Deployer(StrEnum):
    """Who deploys the API. The strings name the pieces of template in ``snippets/``."""

    SAM = "sam"
    CLOUDFORMATION = "cloudformation"
    CDK = "cdk"
    SERVERLESS = "serverless"
    OPENAPI = "openapi"


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


def deployer_of(path: Path, api: Api) -> Deployer:
    """Who deploys an API of a template."""
    if api.stands_alone:
        return Deployer.OPENAPI
    by_folder = {".serverless": Deployer.SERVERLESS, "cdk.out": Deployer.CDK}
    is_sam = "AWS::Serverless" in path.read_text("utf-8", "replace")
    usual = Deployer.SAM if is_sam else Deployer.CLOUDFORMATION
    return by_folder.get(path.absolute().parent.name, usual)


def is_sam_api(path: Path, api: Api) -> bool:
    """Whether an API is one of SAM's resources, which take its authorizers; or SAM makes it."""
    root: Any = compose(path.read_bytes(), str(path), TEMPLATE)
    resource = root.entries["Resources"].entries.get(api.id)
    return resource is None or resource.entries["Type"].text.startswith("AWS::Serverless")


def names_of(template: Template) -> Iterator[str]:
    """The groups that a template creates."""
    for group in template.groups:
        if isinstance(group.name, str):
            yield group.name
