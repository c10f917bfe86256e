"""Whom to sign in with: pool, app client and API, from a deployed stack or said outright."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.request import require_base_url
from authorizer.errors import clip

_TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An app client of a pool, and the API that its tokens are for.

    Attributes:
        region: of the pool.
        client_id: the app client.
        client_secret: where the app client has one.
        pool_id, api_url: where they are known; signing in needs neither.
        endpoint_url: of an emulator; nothing for AWS.
    """

    region: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    pool_id: str | None = None
    api_url: str | None = None
    endpoint_url: str | None = None

    def cognito(self) -> Any:  # noqa: ANN401 - boto3 ships no types
        """Cognito's client for what needs no AWS credentials: none are looked for, or sent.

        Raises:
            AccountError: there can be no such region or endpoint.
        """
        try:
            return boto3.client(
                "cognito-idp",
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                config=Config(
                    signature_version=UNSIGNED,
                    connect_timeout=_TIMEOUT_SECONDS,
                    read_timeout=_TIMEOUT_SECONDS,
                    # A session of AWS's must not go to an emulator that the environment names: whom
                    # to talk to was decided when the endpoint was.
                    ignore_configured_endpoint_urls=True,
                    # On loopback, nothing may pass through a proxy.
                    proxies={} if (self.endpoint_url or "").startswith("http:") else None,
                    # A wrong password must not be tried three times over.
                    retries={"total_max_attempts": 1},
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise AccountError(
                f"Cognito cannot be asked: {error}; check --region, --endpoint-url and AWS_PROFILE"
            ) from error


def find_target(
    *,
    stack_name: str | None = None,
    region: str | None = None,
    pool_id: str | None = None,
    client_id: str | None = None,
    api_url: str | None = None,
    endpoint_url: str | None = None,
) -> Target:
    """Put together what was said, what the stack's outputs say, and the environment.

    What was said wins over the stack. A pool's region is part of its id. The client's secret comes
    from COGNITO_CLIENT_SECRET only: arguments can be read by every user of the machine.

    Raises:
        AccountError: something is missing, or the stack cannot be asked.
    """
    if endpoint_url:
        endpoint_url = require_base_url(endpoint_url, "the endpoint URL")
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    outputs = _outputs(stack_name, region, endpoint_url) if stack_name else {}
    if pool_id and "_" not in pool_id:
        raise AccountError(
            f"expected a pool id such as eu-west-1_AbCdEfGhI, found {clip(pool_id)}: check "
            "--pool-id and COGNITO_USER_POOL_ID"
        )
    pool_id = pool_id or outputs.get("UserPoolId")
    client_id = client_id or outputs.get("UserPoolClientId")
    if pool_id:
        region = pool_id.partition("_")[0]
    if not client_id:
        raise AccountError(
            "expected an app client: give --stack-name of the deployed stack, or --client-id"
        )
    if not region:
        raise AccountError("expected a region: give --region or --pool-id, or set AWS_REGION")
    return Target(
        region=region,
        client_id=client_id,
        client_secret=client_secret(),
        pool_id=pool_id,
        api_url=api_url or outputs.get("ApiUrl"),
        endpoint_url=endpoint_url,
    )


def client_secret() -> str | None:
    """The app client's, from the environment: nobody is to write it down anywhere else."""
    return os.environ.get("COGNITO_CLIENT_SECRET") or None


def _outputs(stack_name: str, region: str | None, endpoint_url: str | None) -> dict[str, str]:
    try:
        client = boto3.client(
            "cloudformation", region_name=region, endpoint_url=endpoint_url, config=Config()
        )
        stacks = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        raise AccountError(
            f"stack {stack_name!r} cannot be read: {error.response['Error'].get('Message')}; "
            "check its name, the region and your AWS credentials"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise AccountError(
            f"stack {stack_name!r} cannot be read: {error}; check --region and your AWS "
            "credentials, or give --pool-id and --client-id instead"
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
