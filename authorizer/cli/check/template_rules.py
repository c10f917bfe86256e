"""The rules that look at a template, and at what does not fit between it and the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authorizer.cli.check.finding import Finding
from authorizer.cli.source import SourcePolicy
from authorizer.cli.template.model import Template
from authorizer.policy.model import Policy

TEMPLATE_RULES: tuple[Callable[[SourcePolicy, Policy, Template], Iterator[Finding]], ...] = ()
