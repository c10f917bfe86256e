"""The realistic API of tests/realistic: its policy, its routes, and who calls it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from authorizer.cli.analysis.protection import routes_that_ask
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import chosen_api
from authorizer.policy.decision import Policy

FOLDER = Path(__file__).parent / "realistic"
SUB = "5f1c9e52-6d0c-4a0e-9a51-0b8d2f1f7c11"
GROUPS = ("reader", "member", "editor", "moderator", "support", "admin", "suspended")
SCOPES = ("articles/sync", "reports/read", "reports/finance")


@cache
def routes() -> tuple[str, ...]:
    """Every route of the template."""
    return tuple(routes_that_ask(chosen_api(read_template(FOLDER / "template.yaml"))))


@cache
def compiled() -> bytes:
    """The policy as it ships, with the template's routes."""
    return load_document(FOLDER / "policy.yaml", list(routes()))[0]


@cache
def policy() -> Policy:
    """The policy, compiled with the template's routes."""
    return Policy.parse(compiled())


def callers() -> dict[str, dict[str, Any]]:
    """One caller for each group, and for each scope."""
    people = {
        group: {"groups": (group,), "scopes": (), "claims": {"sub": SUB, "username": "someone"}}
        for group in GROUPS
    }
    machines = {
        scope: {"groups": (), "scopes": (scope,), "claims": {"sub": "m", "client_id": "m"}}
        for scope in SCOPES
    }
    return people | machines
