"""What SAM itself says of a template: its translator refuses what it would not deploy.

The translator is no dependency of the command. Where it is installed, as with the extra ``dev``, a
template for SAM is given to it as ``sam deploy`` gives it, with something for whatever is packed or
chosen only then. Loading it takes longer than everything else that check does: only such a
template does that.
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from authorizer.cli.check.finding import Finding
from authorizer.cli.template.nodes import Call, Listing, Mapping, Node, Text
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authorizer.cli.location import Location

_SAM = "AWS::Serverless-2016-10-31"
# Those that SAM's translator needs nothing else for.
_READABLE = frozenset({_SAM, "AWS::LanguageExtensions"})
_BUCKET = "s3://bucket/key"
# What is packed before SAM sees it, by the property that names it.
_PACKED = ("CodeUri", "DefinitionUri", "ContentUri", "Location")
_CONSTANTS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_LONGEST_REFUSAL = 300
# What the translator imports for other callers: AWS, for a region, policies, applications and
# switches that are not given to it; and a validator, for the list of policies in its own package.
_NOT_ASKED = (
    *("boto3", "botocore", "botocore.client", "botocore.config", "botocore.exceptions"),
    *("jsonschema", "jsonschema.exceptions"),
)


def refusals_of_sam(path: Path) -> Iterator[Finding]:
    """T052: what SAM refuses to deploy."""
    if find_spec("samtranslator") is None:
        return
    try:
        root = compose(read_source(path), str(path), TEMPLATE)
        if not (isinstance(root, Mapping) and _is_for_sam(root)):
            return
        template = _plain(root, {})
    except (OSError, ConfigurationError, ValueError, RecursionError):
        return  # which T001 tells
    for resource, why in _refusals(template):
        yield Finding.of("T052", _place_of(root, resource), why=why)


def _is_for_sam(root: Mapping) -> bool:
    """Whether SAM is what translates it, and no macro comes before."""
    transform = root.entries.get("Transform")
    items = transform.items if isinstance(transform, Listing) else (transform,)
    names = {item.text if isinstance(item, Text) else "" for item in items}
    return _SAM in names and names <= _READABLE and "Resources" in root.entries


def _refusals(template: dict[str, Any]) -> list[tuple[str, str]]:
    """What is refused, each with the logical id that it is about, where it is about one."""
    translate = _translator()
    resources = template.get("Resources")
    for resource in resources.values() if isinstance(resources, dict) else ():
        _pack(resource)
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return translate(template)
    finally:
        logging.disable(level)


@cache
def _translator() -> Callable[[dict[str, Any]], list[tuple[str, str]]]:
    # Another version may need them: then they are loaded below.
    with suppress(ImportError, AttributeError, TypeError), _stand_ins():
        import_module("samtranslator.translator.translator")
    # It counts what it does, and complains on standard error, when Python ends, that nobody asked.
    logging.getLogger("samtranslator").addHandler(logging.NullHandler())
    # Slow, and for few templates.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    session = SimpleNamespace(region_name="eu-west-1")

    def translate(template: dict[str, Any]) -> list[tuple[str, str]]:
        try:
            Translator(_Policies(), Parser(), boto_session=session).translate(
                template, _values(template.get("Parameters"))
            )
        except InvalidDocumentException as error:
            return [_refusal(cause.message) for cause in error.causes] or [_refusal(error.message)]
        except Exception:  # noqa: BLE001 - a fault of the translator's tells nothing of the template
            return []
        return []

    return translate


class _StandIn(ModuleType):
    """In the place of a library: whatever is taken from it stands in annotations and ``except``."""

    def __getattr__(self, name: str) -> type[Exception]:
        return type(name, (Exception,), {})


@contextmanager
def _stand_ins() -> Iterator[None]:
    """While the translator is loaded, spare it a third of its imports."""
    absent = [name for name in _NOT_ASKED if name not in sys.modules]
    sys.modules.update({name: _StandIn(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


class _Policies(dict[str, str]):
    """Managed policies by name: every one that is asked for."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"arn:aws:iam::aws:policy/{name}"

    def get(self, name: str, _default: object = None) -> str:
        """The ARN that a policy of that name has."""
        return self[name]


def _refusal(message: str) -> tuple[str, str]:
    """The logical id and the rest of a message of SAM's, which has no attribute for it."""
    found = re.search(r"id \[(.*?)\]", message)
    plain = " ".join(message.split()).rstrip(".")
    if len(plain) > _LONGEST_REFUSAL:
        plain = plain[:_LONGEST_REFUSAL] + "…"
    return (found[1] if found else ""), plain


def _pack(resource: object) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("Properties"), dict):
        return
    properties = resource["Properties"]
    for name in _PACKED:
        if isinstance(properties.get(name), str):
            properties[name] = _BUCKET
    if properties.get("PackageType") == "Image":
        properties.setdefault("ImageUri", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:tag")
    elif resource.get("Type") == "AWS::Serverless::Function" and "InlineCode" not in properties:
        properties.setdefault("CodeUri", _BUCKET)


def _values(parameters: object) -> dict[str, Any]:
    """A value for each parameter: its default, or something of its kind."""
    declared = parameters.items() if isinstance(parameters, dict) else ()
    return {name: _value(one if isinstance(one, dict) else {}) for name, one in declared}


def _value(parameter: dict[str, Any]) -> Any:  # noqa: ANN401 - as written
    allowed = parameter.get("AllowedValues")
    if not (isinstance(allowed, list) and allowed):
        allowed = ["1" if parameter.get("Type") == "Number" else "value"]
    return parameter.get("Default", allowed[0])


def _place_of(root: Mapping, resource: str) -> Location:
    resources = root.entries["Resources"]
    if isinstance(resources, Mapping) and resource in resources.keys:
        return resources.keys[resource]
    return root.place


def _plain(node: Node, known: dict[int, Any]) -> Any:  # noqa: ANN401 - whatever YAML holds
    """As YAML is read where no places matter: what an alias repeats is one and the same."""
    if id(node) not in known:
        known[id(node)] = _plain_of(node, known)
    return known[id(node)]


def _plain_of(node: Node, known: dict[int, Any]) -> Any:  # noqa: ANN401
    if isinstance(node, Mapping):
        return {name: _plain(value, known) for name, _, value in node}
    if isinstance(node, Listing):
        return [_plain(item, known) for item in node.items]
    if isinstance(node, Call):
        argument = _plain(node.argument, known)
        if node.name == "Fn::GetAtt" and isinstance(argument, str):
            argument = argument.split(".", 1)
        return {node.name: argument}
    return _scalar(node) if isinstance(node, Text) else None


def _scalar(node: Text) -> str | int | float | bool | None:
    text = node.text
    if node.kind == "null":
        return None
    if node.kind == "bool":
        return _CONSTANTS.get(text.lower())
    if node.kind == "int" and re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})", text, re.ASCII):
        return int(text)
    if node.kind == "float" and re.fullmatch(r"[-+]?[0-9]{1,17}\.[0-9]{0,17}", text, re.ASCII):
        return float(text)
    return text
