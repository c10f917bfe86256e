"""Whom to sign in with: pool, app client and API, from a deployed stack or said outright.

And how Cognito is asked: what boto3 raises leaves as an error of ours. boto3 takes long to load,
so that it is loaded when somebody is asked.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authorizer.cli.account import AccountError
from authorizer.cli.account.http_client import is_on_loopback, require_base_url
from authorizer.cli.account.refusals import SIGNING_IN, Refusals, refused
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = dict[str, Any]
_TIMEOUT_SECONDS = 15


class GoneError(AccountError):
    """Nobody listens where an emulator was, on this machine: nothing is left of its sessions."""


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


class Cognito:
    """Cognito, for what needs no AWS credentials: none are looked for, or sent."""

    def __init__(self, target: Target) -> None:
        """Get ready to ask.

        Raises:
            AccountError: there can be no such region or endpoint.
        """
        import boto3  # noqa: PLC0415
        from botocore import UNSIGNED  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        self._target = target
        try:
            self._client = boto3.client(
                "cognito-idp",
                region_name=target.region,
                endpoint_url=target.endpoint_url,
                config=Config(
                    signature_version=UNSIGNED,
                    connect_timeout=_TIMEOUT_SECONDS,
                    read_timeout=_TIMEOUT_SECONDS,
                    # A session of AWS's must not go to an emulator that the environment names: whom
                    # to talk to was decided when the endpoint was.
                    ignore_configured_endpoint_urls=True,
                    # On loopback, nothing may pass through a proxy.
                    proxies={} if (target.endpoint_url or "").startswith("http:") else None,
                    # A wrong password must not be tried three times over.
                    retries={"total_max_attempts": 1},
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise AccountError(
                f"Cognito cannot be asked: {error}; check --region, --endpoint-url and AWS_PROFILE"
            ) from error
        self.url: str = self._client.meta.endpoint_url

    def ask(
        self, operation: str, asked_for: Refusals = SIGNING_IN, /, **parameters: object
    ) -> Answer:
        """Call one of Cognito's operations.

        Args:
            operation: as boto3 calls it, such as ``initiate_auth``.
            asked_for: what a refusal means that says no more than its code.
            parameters: the operation's. Those without a value are left out.

        Raises:
            RefusedError: Cognito declined.
            GoneError: an emulator is not there any more.
            AccountError: Cognito could not be asked.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        with translated_errors(self._target, asked_for):
            answer: Answer = getattr(self._client, operation)(**given)
        return answer


@contextmanager
def translated_errors(target: Target, asked_for: Refusals = SIGNING_IN) -> Iterator[None]:
    """Turn what boto3 raises into ours, as :meth:`Cognito.ask` does."""
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        ParamValidationError,
    )

    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        raise refused(told.get("Code", ""), told.get("Message", ""), asked_for) from None
    except ParamValidationError:
        # Its text quotes what was given, and is not passed on.
        raise AccountError(
            "boto3 finds something too short or malformed to be sent to Cognito: check the client "
            "id and, where the app client has one, COGNITO_CLIENT_SECRET"
        ) from None
    except BotoCoreError as error:
        nobody_listens = isinstance(error, EndpointConnectionError)
        raise _unreachable(target, type(error).__name__, nobody_listens=nobody_listens) from None


def _unreachable(target: Target, error: str, *, nobody_listens: bool) -> AccountError:
    if target.endpoint_url is None:
        return AccountError(
            f"Cognito in {target.region} cannot be reached ({error}): "
            "check the network and the region"
        )
    is_gone = nobody_listens and is_on_loopback(target.endpoint_url)
    return (GoneError if is_gone else AccountError)(
        f"{target.endpoint_url} cannot be reached ({error}): "
        "start the emulator again, or sign in elsewhere"
    )


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
    pool_id = pool_id or outputs.get("UserPoolId")
    client_id = client_id or outputs.get("UserPoolClientId")
    if pool_id:
        region = _region_of(pool_id)
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


def _region_of(pool_id: str) -> str:
    region, underscore, _ = pool_id.partition("_")
    if not underscore:
        raise AccountError(
            f"expected a pool id such as eu-west-1_AbCdEfGhI, found {clip(pool_id)}: check "
            "--pool-id and COGNITO_USER_POOL_ID"
        )
    return region


def client_secret() -> str | None:
    """The app client's, from the environment: nobody is to write it down anywhere else."""
    return os.environ.get("COGNITO_CLIENT_SECRET") or None


def _outputs(stack_name: str, region: str | None, endpoint_url: str | None) -> dict[str, str]:
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

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
