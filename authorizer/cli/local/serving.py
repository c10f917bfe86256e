"""Telling other commands which stack is up: its pool, and tokens of its users."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from authorizer.cli.event.samples import Placeholder
from authorizer.cli.event.sources import ServedPool
from authorizer.cli.local import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from authorizer.cli.local.stack import LocalStack


def served_pool(stack: LocalStack, issued: Mapping[str, str] | None = None) -> ServedPool:
    """The stack's pool as a source of tokens: none of them, where none were issued."""
    deployment = stack.deployment
    clients = [deployment.client_id, deployment.machine_client_id]
    return ServedPool(
        sub=stack.people["alice"].sub,
        pools=f"{deployment.user_pool_id}={','.join(client for client in clients if client)}",
        jwks_url=stack.jwks_url,
        tokens=issued or {},
    )


@contextmanager
def announced(stack: LocalStack, project: Path) -> Iterator[None]:
    """Leave tokens in the project's folder for ``authorizer event --token-from local``."""
    alice = stack.sign_in("alice")
    issued: dict[str, str] = {
        Placeholder.ACCESS: alice.access,
        Placeholder.ID: alice.id,
        Placeholder.SUSPENDED: stack.sign_in("sam").access,
        Placeholder.MACHINE: stack.machine_token(),
        Placeholder.EXPIRED: tokens.expired(stack.aws, stack.deployment, stack.people["alice"]),
    }
    path = served_pool(stack, issued).write(project)
    written = path.read_bytes()
    try:
        yield
    finally:
        if path.exists() and path.read_bytes() == written:  # or another `make serve` is up
            path.unlink()
