"""Asking the authorizer, in this process, what it answers to an event."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer import Authorizer, Outcome, Settings, UnauthorizedError
from authorizer.cli.policy_file import load_document
from authorizer.cli.template import read_template
from authorizer.cli.template.choice import known_routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.event.sources import TokenSource

# The discard port. Keys that are bundled are never fetched, and this keeps it so.
_NOWHERE = "http://127.0.0.1:9/jwks.json"
_PREFIX = "AUTHORIZER_"


def bundle_keys(source: TokenSource, folder: Path, seen_as: str | None = None) -> dict[str, str]:
    """Write the source's keys into a folder, and tell the authorizer of them.

    Args:
        source: where the tokens are from.
        folder: such as the function's package.
        seen_as: the folder as the authorizer sees it, where that is another; "" for its package.

    Returns:
        Environment variables. For a source without keys, those of this process.
    """
    key_sets = source.key_sets()
    if not key_sets:
        return {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    files = {}
    for pool_id, keys in key_sets.items():
        name = f"{pool_id}.jwks.json"
        (folder / name).write_bytes(keys)
        files[pool_id] = str(Path(str(folder) if seen_as is None else seen_as) / name)
    return {
        f"{_PREFIX}USER_POOLS": source.pools,
        f"{_PREFIX}JWKS_FILES": " ".join(f"{pool}={file}" for pool, file in files.items()),
        f"{_PREFIX}JWKS_URLS": " ".join(f"{pool}={_NOWHERE}" for pool in files),
    }


def judge(
    event: Mapping[str, Any], source: TokenSource, policy: Path
) -> tuple[Outcome, dict[str, Any]]:
    """What the authorizer finds out, and what it tells API Gateway.

    Args:
        event: with a token in it.
        source: where the token is from.
        policy: policy.yaml. With a template.yaml beside it, it is compiled as for the package.

    Raises:
        AuthorizerError: the policy or the pools cannot work, or the keys cannot be had.
    """
    template = policy.with_name("template.yaml")
    routes = known_routes(read_template(template), None) if template.is_file() else None
    compiled, _ = load_document(policy, routes)
    with tempfile.TemporaryDirectory(prefix="authorizer-event-") as temporary:
        folder = Path(temporary)
        (folder / "policy.json").write_bytes(compiled)
        environment = bundle_keys(source, folder)
        environment[f"{_PREFIX}POLICY"] = str(folder / "policy.json")
        authorizer = Authorizer.from_settings(Settings.from_environment(environment))
    outcome = authorizer.judge(event)
    try:
        return outcome, dict(outcome.answer())
    except UnauthorizedError as error:
        return outcome, {"errorType": type(error).__name__, "errorMessage": str(error)}
