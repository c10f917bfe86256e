"""Cognito, asked for what needs no AWS credentials: who is signed in to, refreshed and signed out.

What boto3 raises leaves as an error of ours. boto3 takes long to load: that is done where somebody
is asked.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetTokensFromRefreshToken.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.account.errors import (
    REFRESHING,
    SIGNING_IN,
    AccountError,
    Refusals,
    RefusedError,
    refused,
)
from authorizer.cli.account.http_client import is_on_loopback, require_base_url
from authorizer.cli.account.sessions import Session, SessionStore, Target
from authorizer.cli.account.verification import CLAIMS, read_part
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.exceptions import BotoCoreError


Answer = dict[str, Any]
_TIMEOUT_SECONDS = 15
# How REFRESH_TOKEN_AUTH is refused to an app client with refresh-token rotation is not documented.
_NOT_BY_FLOW = frozenset(
    {
        *("InvalidParameterException", "NotAuthorizedException"),
        *("UnsupportedOperationException", "OperationNotEnabledException"),
    }
)


class GoneError(AccountError):
    """Nobody listens where an emulator was, on this machine: nothing is left of its sessions."""


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
            self._client = boto3.Session().client(
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
        from botocore.exceptions import (  # noqa: PLC0415
            BotoCoreError,
            ClientError,
            ParamValidationError,
        )

        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer: Answer = getattr(self._client, operation)(**given)
        except ClientError as error:
            told = error.response["Error"]
            raise refused(told.get("Code", ""), told.get("Message", ""), asked_for) from None
        except ParamValidationError:
            # Its text quotes what was given, and is not passed on.
            raise AccountError(
                "boto3 finds something too short or malformed to be sent to Cognito: check the "
                "client id and, where the app client has one, COGNITO_CLIENT_SECRET"
            ) from None
        except BotoCoreError as error:
            raise unreachable(self._target, error) from None
        return answer


def unreachable(target: Target, error: BotoCoreError) -> AccountError:
    """What it means that nothing came back."""
    from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415

    kind = type(error).__name__
    if target.endpoint_url is None:
        return AccountError(
            f"Cognito in {target.region} cannot be reached ({kind}): check the network and the "
            "region"
        )
    is_gone = isinstance(error, EndpointConnectionError) and is_on_loopback(target.endpoint_url)
    return (GoneError if is_gone else AccountError)(
        f"{target.endpoint_url} cannot be reached ({kind}): "
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
    """Put together what was said, which wins, what the stack's outputs say, and the environment.

    Raises:
        AccountError: something is missing, or the stack cannot be asked.
    """
    endpoint_url = endpoint_url and require_base_url(endpoint_url, "the endpoint URL")
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    outputs = stack_outputs(stack_name, region, endpoint_url) if stack_name else {}
    pool_id = pool_id or outputs.get("UserPoolId")
    client_id = client_id or outputs.get("UserPoolClientId")
    if pool_id:  # its region is part of its id
        region, underscore, _ = pool_id.partition("_")
        if not underscore:
            raise AccountError(
                f"expected a pool id such as eu-west-1_AbCdEfGhI, found {clip(pool_id)}: check "
                "--pool-id and COGNITO_USER_POOL_ID"
            )
    if not client_id:
        raise AccountError(
            "expected an app client: give --stack-name of the deployed stack, or --client-id"
        )
    if not region:
        raise AccountError("expected a region: give --region or --pool-id, or set AWS_REGION")
    return Target(
        region=region,
        client_id=client_id,
        pool_id=pool_id,
        api_url=api_url or outputs.get("ApiUrl"),
        endpoint_url=endpoint_url or None,
    )


def stack_outputs(stack_name: str, region: str | None, endpoint_url: str | None) -> dict[str, str]:
    """What a stack says of itself.

    Raises:
        AccountError: it cannot be asked.
    """
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        client = boto3.Session().client(
            "cloudformation", region_name=region, endpoint_url=endpoint_url
        )
        stacks = client.describe_stacks(StackName=stack_name)["Stacks"]
    except (BotoCoreError, ClientError, ValueError) as error:
        raise AccountError(
            f"stack {stack_name!r} cannot be read: {error}; check its name, --region and your AWS "
            "credentials, or say by the other options what its outputs would"
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


# --- sessions -------------------------------------------------------------------------------------


def session_of(target: Target, result: Answer, clock: Callable[[], float]) -> Session:
    """What a sign-in gave, as a session. The tokens are our own, so they are read unverified."""
    try:
        claims = read_part(result["AccessToken"], CLAIMS) or {}
        username, id_token = str(claims["username"]), str(result["IdToken"])
        lasts_seconds = int(result["ExpiresIn"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise AccountError("Cognito answered with something that is no access token") from None
    pool_id = str(claims.get("iss", "")).rpartition("/")[2] or None
    if target.pool_id not in {None, pool_id}:
        # Of an app client, Cognito is not told the pool: it is whichever has the client.
        raise AccountError(
            f"expected a token of the pool {target.pool_id}, found one of {clip(pool_id)}: "
            "check --pool-id and --client-id (COGNITO_USER_POOL_ID, COGNITO_CLIENT_ID)"
        )
    return Session(
        region=target.region,
        pool_id=pool_id,
        client_id=target.client_id,
        username=username,
        endpoint_url=target.endpoint_url,
        api_url=target.api_url,
        access_token=result["AccessToken"],
        id_token=id_token,
        refresh_token=result.get("RefreshToken"),
        expires_at_seconds=int(clock()) + lasts_seconds,
    )


def fresh_session(profile: str, store: SessionStore | None = None) -> Session:
    """A profile's session, with an access token that is good for a minute at least.

    Raises:
        AccountError: nobody is signed in, or the session has ended.
    """
    store = store or SessionStore()
    session = store.load(profile)
    if session.is_fresh:
        return session
    with store.locked():
        session = store.load(profile)
        if session.is_fresh:
            return session  # another command has just refreshed it
        # Where it cannot be kept, that is found out before a refresh token is spent on it.
        store.save(profile, session)
        refreshed = refresh(session)
        store.save(profile, refreshed)
    click.echo(f"the access token of session {profile} was refreshed", err=True)
    return refreshed


def refresh(session: Session, clock: Callable[[], float] = time.time) -> Session:
    """New tokens for a session. What is kept must be replaced at once: the old ones may be void.

    Raises:
        AccountError: the session has ended, or Cognito cannot be asked.
    """
    if session.refresh_token is None:
        raise AccountError("the session has ended: run 'authorizer login' again")
    cognito = _cognito_of(session)
    try:
        # As app clients do without rotation. With it, Cognito refuses, and the token stays good.
        answer = cognito.ask(
            "initiate_auth",
            REFRESHING,
            ClientId=session.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={
                "REFRESH_TOKEN": session.refresh_token,
                **secret_hash(session.client_id, session.username),
                **({} if session.device_key is None else {"DEVICE_KEY": session.device_key}),
            },
        )
    except RefusedError as error:
        if error.code not in _NOT_BY_FLOW:
            raise
        answer = _refresh_by_rotation(cognito, session, error)
    result = {"RefreshToken": session.refresh_token, **answer["AuthenticationResult"]}
    return replace(session_of(session, result, clock), device_key=session.device_key)


def _cognito_of(session: Session) -> Cognito:
    if session.endpoint_url:
        require_base_url(session.endpoint_url, "the session's endpoint URL")
    return Cognito(session)


def _refresh_by_rotation(cognito: Cognito, session: Session, refusal: RefusedError) -> Answer:
    """As app clients do with rotation: the answer has the next refresh token."""
    try:
        return cognito.ask(
            "get_tokens_from_refresh_token",
            REFRESHING,
            RefreshToken=session.refresh_token,
            ClientId=session.client_id,
            ClientSecret=_client_secret(),
            DeviceKey=session.device_key,
        )
    except RefusedError as error:
        # Of an emulator that does not know the action, what it said before is what counts.
        knows = error.code.endswith("Exception") and error.code != "UnknownOperationException"
        raise (error if knows else refusal) from None


def revoke(session: Session) -> None:
    """End a session at Cognito: its refresh token gives no more tokens.

    Raises:
        AccountError: it could not be ended.
    """
    if session.refresh_token is None:
        return
    try:
        _cognito_of(session).ask(
            "revoke_token",
            Token=session.refresh_token,
            ClientId=session.client_id,
            ClientSecret=_client_secret(),
        )
    except RefusedError as error:
        if error.code != "UnauthorizedException":
            raise


def secret_hash(client_id: str, username: str) -> dict[str, str]:
    """What proves that the app client's secret is known, where it has one."""
    secret = _client_secret()
    if secret is None:
        return {}
    digest = hmac.new(secret.encode(), f"{username}{client_id}".encode(), hashlib.sha256).digest()
    return {"SECRET_HASH": base64.b64encode(digest).decode()}


def _client_secret() -> str | None:
    """From the environment only: every user of the machine can read arguments."""
    return os.environ.get("COGNITO_CLIENT_SECRET") or None
