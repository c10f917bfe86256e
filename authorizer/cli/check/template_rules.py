"""The rules that look at a template, and at what does not fit between it and the policy.

Each takes the policy with its places, the policy as it decides, and the template. What of the
template could not be decided is neither a finding nor a pass to any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.browser_rules import guarded_preflights, refusals_without_cors
from authorizer.cli.check.cache_rules import (
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
    documents_for_one_request,
)
from authorizer.cli.check.cognito_rules import (
    long_access_tokens,
    pools_without_mfa,
    secrets_with_passwords,
)
from authorizer.cli.check.deciding_rules import (
    functions_not_known,
    functions_that_stay,
    replaced_apis,
    routes_without_policy,
)
from authorizer.cli.check.doors_rules import doors_beside
from authorizer.cli.check.grants_rules import rules_without_route
from authorizer.cli.check.groups_rules import groups_not_created, groups_without_rules
from authorizer.cli.check.inexact_rules import inexact_documents
from authorizer.cli.check.routes_rules import (
    closed_public_routes,
    missing_public_routes,
    open_routes,
    routes_of_others,
    unreachable_routes,
)
from authorizer.cli.check.settings_rules import (
    other_policies,
    relaxing_settings,
    settings_refused,
)
from authorizer.cli.check.shape_rules import (
    answers_at_odds,
    missing_permissions,
    payload_versions,
)
from authorizer.cli.check.unnameable_rules import unnameable_routes
from authorizer.cli.check.unresolved_rules import unresolved_protections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authorizer.cli.check.finding import Finding
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

TEMPLATE_RULES: tuple[Callable[[SourcePolicy, Policy, Template], Iterator[Finding]], ...] = (
    missing_permissions,
    payload_versions,
    answers_at_odds,
    replaced_apis,
    functions_that_stay,
    functions_not_known,
    routes_without_policy,
    doors_beside,
    settings_refused,
    other_policies,
    relaxing_settings,
    guarded_preflights,
    refusals_without_cors,
    pools_without_mfa,
    secrets_with_passwords,
    long_access_tokens,
    unresolved_protections,
    open_routes,
    closed_public_routes,
    missing_public_routes,
    unreachable_routes,
    unnameable_routes,
    rules_without_route,
    routes_of_others,
    answers_for_all_callers,
    answers_for_all_routes,
    answers_for_other_requests,
    documents_for_one_request,
    inexact_documents,
    answers_older_than_tokens,
    backend_answers_for_all_callers,
    groups_not_created,
    groups_without_rules,
)
