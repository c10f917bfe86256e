"""User pools and app clients: what makes tokens easier to come by, or worth more, than need be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Template
    from authorizer.policy.model import Policy

# The newer and the older name of the flow in which a client passes a user's password on.
_PASSWORD_FLOWS = frozenset({"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"})
# The longest that Cognito gives access tokens.
_DAY_SECONDS = 24 * 3600


def pools_without_mfa(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T301: user pools without a second factor."""
    for pool in template.pools:
        if pool.mfa == "OFF":
            yield Finding(
                code="T301",
                severity=Severity.WARNING,
                place=pool.mfa_place or pool.place,
                message=f"expected MFA in the user pool {clip(pool.id)}, found it off",
                effect="whoever gets hold of a password has everything that its groups may do",
                fix='set MfaConfiguration: "ON" and EnabledMfas: [SOFTWARE_TOKEN_MFA]',
            )


def secrets_with_passwords(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T302: app clients with a secret that users' passwords go through."""
    for client in template.clients:
        flows = client.auth_flows
        if client.has_secret is True and isinstance(flows, tuple) and _PASSWORD_FLOWS & set(flows):
            yield Finding(
                code="T302",
                severity=Severity.WARNING,
                place=client.place,
                message=f"expected the app client {clip(client.id)} to have a secret or a password "
                "flow, found both",
                effect="programs on users' machines cannot keep the secret, and sign-in without "
                "its SECRET_HASH fails",
                fix="make a client without a secret for people, and one with client_credentials "
                "and no password flow for machines",
            )


def long_access_tokens(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T303: access tokens that are valid for longer than a day."""
    for client in template.clients:
        seconds = client.access_token_seconds
        if isinstance(seconds, int) and seconds > _DAY_SECONDS:
            yield Finding(
                code="T303",
                severity=Severity.ERROR,
                place=client.access_token_place or client.place,
                message=f"expected access tokens of {clip(client.id)} to be valid for at most "
                f"{_DAY_SECONDS} s, found {seconds} s",
                effect="Cognito refuses the deployment; were it not to, a user who lost a group "
                "would keep what it may do for as long",
                fix="set AccessTokenValidity to an hour or so; refresh tokens are for the rest",
            )
