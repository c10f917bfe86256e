"""Reading a CloudFormation template: YAML with tags for the intrinsic functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.local.errors import LocalStackError

if TYPE_CHECKING:
    from pathlib import Path

# Functions whose long form has no "Fn::" before the name.
_WITHOUT_PREFIX = frozenset({"Condition", "Ref"})


class _Loader(yaml.SafeLoader):
    """Safe YAML, and CloudFormation's short forms."""


def _intrinsic(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in _WITHOUT_PREFIX else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path) -> dict[str, Any]:
    """The template with every short form (``!Ref``) in its long one.

    Raises:
        LocalStackError: it is not there, or not a YAML mapping.
    """
    try:
        template = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        hint = "run this in a clone of the project, or a folder with a template like its own"
        raise LocalStackError(f"cannot read {path}: {error.strerror}; {hint}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LocalStackError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(template, dict):
        raise LocalStackError(f"expected a mapping in {path}, found {type(template).__name__}")
    return template
