"""``policy.yaml``: read with every place in it, and compiled to the JSON that ships."""

from authorizer.cli.policy_file.compile import (
    compile_source,
    compiled_rule,
    dump_policy,
    include_closure,
    with_routes,
)
from authorizer.cli.policy_file.reader import (
    load_document,
    load_source,
    read_source,
)
from authorizer.cli.yaml_source import MAX_DOCUMENT_BYTES

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "compile_source",
    "compiled_rule",
    "dump_policy",
    "include_closure",
    "load_document",
    "load_source",
    "read_source",
    "with_routes",
]
