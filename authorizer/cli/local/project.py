"""The checkout that runs here: its template, its built packages, and what is said without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from pathlib import Path


class LocalStackError(Exception):
    """The local stack cannot go on. The text says what happened and, where known, what helps."""


def made_by(target: str, project: Path) -> str:
    """What brings what is missing: a target of the project's Makefile, where there is one."""
    if (project / "Makefile").is_file():
        return f"run `make {target}` first"
    return "run this in a clone of the project, whose Makefile makes it"


def load_template(path: Path) -> dict[str, Any]:
    """The template with every short form (``!Ref``) in its long one.

    Raises:
        LocalStackError: it is not there, or not a YAML mapping.
    """
    try:
        template = yaml_parse(path.read_text("utf-8"))
    except OSError as error:
        hint = "run this in a clone of the project, or a folder with a template like its own"
        raise LocalStackError(f"cannot read {path}: {error.strerror}; {hint}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LocalStackError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(template, dict):
        raise LocalStackError(f"expected a mapping in {path}, found {type(template).__name__}")
    return template
