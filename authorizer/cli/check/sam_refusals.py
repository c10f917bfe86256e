"""What SAM itself says of a template: its translator refuses what it would not deploy.

The translator is no dependency of the command. Where it is installed, as with the extra ``dev``, a
template for SAM is given to it as ``sam deploy`` gives it, with something for whatever is packed or
chosen only then. Loading it takes longer than everything else that check does: only such a
template does that.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.check.finding import Finding
from authorizer.cli.template.nodes import Listing, Mapping, Text
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SAM = "AWS::Serverless-2016-10-31"
# Those that SAM's translator needs nothing else for.
_READABLE = frozenset({_SAM, "AWS::LanguageExtensions"})
_BUCKET = "s3://bucket/key"
# What is packed before SAM sees it, by the property that names it.
_PACKED = ("CodeUri", "DefinitionUri", "ContentUri", "Location")
_FUNCTION = "AWS::Serverless::Function"
_IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:tag"
_LOGICAL_ID = re.compile(r"id \[(.*?)\]")
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
        data = read_source(path)
        root = compose(data, str(path), TEMPLATE)
    except (OSError, ConfigurationError):
        return  # which T001 tells
    if not (isinstance(root, Mapping) and _is_for_sam(root)):
        return
    resources = root.entries["Resources"]
    locations = resources.keys if isinstance(resources, Mapping) else {}
    for message in _refusals(data.decode("utf-8-sig")):
        # A logical id is in no attribute of SAM's refusals.
        found = _LOGICAL_ID.search(message)
        location = locations.get(found[1], root.location) if found else root.location
        plain = " ".join(message.split()).rstrip(".")
        is_long = len(plain) > _LONGEST_REFUSAL
        yield Finding.of("T052", location, why=plain[:_LONGEST_REFUSAL] + "…" * is_long)


def _is_for_sam(root: Mapping) -> bool:
    """Whether SAM is what translates it, and no macro comes before."""
    transform = root.entries.get("Transform")
    items = transform.items if isinstance(transform, Listing) else (transform,)
    names = {item.text if isinstance(item, Text) else "" for item in items}
    return _SAM in names and names <= _READABLE and "Resources" in root.entries


def _refusals(text: str) -> list[str]:
    """What is refused, in SAM's words."""
    import logging  # noqa: PLC0415 - nothing else of check needs it

    # It counts what it does, and complains on standard error, when Python ends, that nobody asked.
    logger = logging.getLogger("samtranslator")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    # Another version may need them: then they are loaded below.
    with suppress(ImportError, AttributeError, TypeError), _stand_ins():
        import_module("samtranslator.translator.translator")
    # Slow, and for few templates.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    session = SimpleNamespace(region_name="eu-west-1")
    try:
        template = _packed(_long_form(text))
        translator = Translator({}, Parser(), boto_session=session)
        translator.translate(template, _values(template.get("Parameters")))
    except InvalidDocumentException as error:
        return [cause.message for cause in error.causes] or [error.message]
    except Exception:  # noqa: BLE001 - a fault of the translator's tells nothing of the template
        return []
    return []


def _long_form(text: str) -> dict[str, Any]:
    """A template as SAM reads it, with functions by their long names."""
    from samtranslator.yaml_helper import intrinsics_multi_constructor  # noqa: PLC0415

    class Loader(TEMPLATE.loader):  # type: ignore[misc, name-defined]
        """Of templates alone: what others load stays as it is."""

    Loader.add_multi_constructor("!", intrinsics_multi_constructor)
    # A version such as 2012-10-17 is a text.
    Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_scalar)
    with suppress(ValueError):
        template: dict[str, Any] = json.loads(text)
        return template
    loaded: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506 - of safe ones
    return loaded


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


def _packed(template: dict[str, Any]) -> dict[str, Any]:
    """With something for what is packed only when it is deployed."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        if not isinstance(properties, dict):
            continue
        properties |= {name: _BUCKET for name in _PACKED if isinstance(properties.get(name), str)}
        if properties.get("PackageType") == "Image":
            properties.setdefault("ImageUri", _IMAGE)
        elif resource.get("Type") == _FUNCTION and "InlineCode" not in properties:
            properties.setdefault("CodeUri", _BUCKET)
    return template


def _values(parameters: object) -> dict[str, Any]:
    """A value for each parameter: its default, or something of its kind."""
    declared = parameters.items() if isinstance(parameters, dict) else ()
    return {name: _value(one if isinstance(one, dict) else {}) for name, one in declared}


def _value(parameter: dict[str, Any]) -> Any:  # noqa: ANN401 - as written
    allowed = parameter.get("AllowedValues")
    usual = ["1" if parameter.get("Type") == "Number" else "value"]
    first, *_ = allowed if isinstance(allowed, list) and allowed else usual
    return parameter.get("Default", first)
