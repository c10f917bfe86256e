"""The rules that look at the policy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.claims import check_claims
from authorizer.cli.check.grants import check_rules
from authorizer.cli.check.names import check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authorizer.cli.check.finding import Finding
    from authorizer.cli.policy_file.source import SourcePolicy

POLICY_RULES: tuple[Callable[[SourcePolicy], Iterator[Finding]], ...] = (
    check_names,
    check_rules,
    check_claims,
)
