"""``policy.yaml``: read with every place in it, and compiled to the JSON that ships."""

from authorizer.cli.policy_file.reader import (
    compile_source,
    load_document,
    load_source,
    read_document,
    read_source,
)
from authorizer.cli.yaml_source import MAX_DOCUMENT_BYTES

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "compile_source",
    "load_document",
    "load_source",
    "read_document",
    "read_source",
]
