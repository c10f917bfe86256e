"""What a sign-in leaves: the session of a profile, ready to be used, refreshed or ended.

A pool that remembers devices binds the refresh token to a device that it names at the sign-in, and
refuses it until the device is confirmed. Confirming takes an SRP verifier of a password, with which
the device could stand in for the second factor at the next sign-in. Ours never does: the password
is thrown away.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetTokensFromRefreshToken.html
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from authorizer.cli.account import AccountError
from authorizer.cli.account.cognito import Answer, Cognito, Target, client_secret
from authorizer.cli.account.http_client import require_base_url
from authorizer.cli.account.refusals import REFRESHING, RefusedError
from authorizer.cli.account.session_store import Session, SessionStore
from authorizer.errors import clip
from authorizer.tokens.compact import decode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A token that expires while the request is under way is as bad as an expired one.
_EARLY_SECONDS = 60
# How REFRESH_TOKEN_AUTH is refused to an app client with refresh-token rotation is not documented.
_NOT_BY_FLOW = frozenset(
    {
        *("InvalidParameterException", "NotAuthorizedException"),
        *("UnsupportedOperationException", "OperationNotEnabledException"),
    }
)
_DEVICE_NAME = "authorizer login"
# The 3072-bit group of RFC 5054, appendix A, with Cognito's generator.
_PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
    "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c"
    "bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
    16,
)
_GENERATOR = 2


def fresh_session(profile: str, store: SessionStore | None = None) -> Session:
    """A profile's session, with an access token that is good for a minute at least.

    Raises:
        AccountError: nobody is signed in, or the session has ended.
    """
    store = store or SessionStore()
    session = store.load(profile)
    if _is_fresh(session):
        return session
    with store.locked():
        session = store.load(profile)
        if _is_fresh(session):
            return session  # another command has just refreshed it
        # Where it cannot be kept, that is found out before a refresh token is spent on it.
        store.save(profile, session)
        refreshed = refresh(target_of(session), session)
        store.save(profile, refreshed)
    click.echo(f"the access token of session {profile} was refreshed", err=True)
    return refreshed


def _is_fresh(session: Session) -> bool:
    return session.expires_at_seconds - time.time() > _EARLY_SECONDS


def target_of(session: Session) -> Target:
    """Where a session came from. Only the client's secret is not kept with it.

    Raises:
        AccountError: the session names an address that nothing may be sent to.
    """
    if session.endpoint_url:
        require_base_url(session.endpoint_url, "the session's endpoint URL")
    return Target(
        region=session.region,
        client_id=session.client_id,
        client_secret=client_secret(),
        pool_id=session.pool_id,
        api_url=session.api_url,
        endpoint_url=session.endpoint_url,
    )


def refresh(target: Target, session: Session, clock: Callable[[], float] = time.time) -> Session:
    """New tokens for a session. What is kept must be replaced at once: the old ones may be void.

    Raises:
        AccountError: the session has ended, or Cognito cannot be asked.
    """
    if session.refresh_token is None:
        raise AccountError("the session has ended: run 'authorizer login' again")
    cognito = Cognito(target)
    try:
        answer = _refresh_by_flow(cognito, target, session)
    except RefusedError as error:
        if error.code not in _NOT_BY_FLOW:
            raise
        answer = _refresh_by_rotation(cognito, target, session, error)
    result = {"RefreshToken": session.refresh_token, **answer["AuthenticationResult"]}
    return replace(session_of(target, result, clock), device_key=session.device_key)


def _refresh_by_flow(cognito: Cognito, target: Target, session: Session) -> Answer:
    """As app clients do without rotation. With it, Cognito refuses, and the token stays good."""
    device = {} if session.device_key is None else {"DEVICE_KEY": session.device_key}
    return cognito.ask(
        "initiate_auth",
        REFRESHING,
        ClientId=target.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={
            "REFRESH_TOKEN": session.refresh_token,
            **secret_hash(target, session.username),
            **device,
        },
    )


def _refresh_by_rotation(
    cognito: Cognito, target: Target, session: Session, refusal: RefusedError
) -> Answer:
    """As app clients do with rotation: the answer has the next refresh token."""
    try:
        return cognito.ask(
            "get_tokens_from_refresh_token",
            REFRESHING,
            RefreshToken=session.refresh_token,
            ClientId=target.client_id,
            ClientSecret=target.client_secret,
            DeviceKey=session.device_key,
        )
    except RefusedError as error:
        # Of an emulator that does not know the action, what it said before is what counts.
        knows = error.code.endswith("Exception") and error.code != "UnknownOperationException"
        raise (error if knows else refusal) from None


def revoke(target: Target, session: Session) -> None:
    """End a session at Cognito: its refresh token gives no more tokens.

    Raises:
        AccountError: it could not be ended.
    """
    if session.refresh_token is None:
        return
    try:
        Cognito(target).ask(
            "revoke_token",
            Token=session.refresh_token,
            ClientId=target.client_id,
            ClientSecret=target.client_secret or None,
        )
    except RefusedError as error:
        if error.code != "UnauthorizedException":
            raise


def session_of(target: Target, result: Answer, clock: Callable[[], float]) -> Session:
    """What a sign-in gave, as a session. The tokens are our own, so they are read unverified."""
    try:
        claims = json.loads(decode_base64url(result["AccessToken"].split(".")[1].encode()))
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


def secret_hash(target: Target, username: str) -> dict[str, str]:
    """What proves that the app client's secret is known, where it has one."""
    if target.client_secret is None:
        return {}
    text = f"{username}{target.client_id}".encode()
    digest = hmac.new(target.client_secret.encode(), text, hashlib.sha256).digest()
    return {"SECRET_HASH": base64.b64encode(digest).decode()}


def confirm_device(cognito: Cognito, access_token: str, metadata: Mapping[str, str]) -> str:
    """Confirm the device that Cognito has named, and return its key, for refreshing.

    Args:
        cognito: of the sign-in.
        access_token: what it gave.
        metadata: ``NewDeviceMetadata`` of its answer.

    Raises:
        AccountError: Cognito declined, or cannot be asked.
    """
    key = metadata["DeviceKey"]
    cognito.ask(
        "confirm_device",
        AccessToken=access_token,
        DeviceKey=key,
        DeviceSecretVerifierConfig=device_verifier(
            metadata.get("DeviceGroupKey", ""),
            key,
            secrets.token_urlsafe(40),
            secrets.randbits(128),
        ),
        DeviceName=_DEVICE_NAME,
    )
    return key


def device_verifier(group_key: str, key: str, password: str, salt: int) -> dict[str, Any]:
    """What Cognito keeps of a device's password (RFC 5054, 2.4, with SHA-256)."""
    inner = hashlib.sha256(f"{group_key}{key}:{password}".encode()).digest()
    exponent = int.from_bytes(hashlib.sha256(_octets(salt) + inner).digest())
    return {
        "PasswordVerifier": _base64(pow(_GENERATOR, exponent, _PRIME)),
        "Salt": _base64(salt),
    }


def _octets(number: int) -> bytes:
    """A number as Java writes it, and so Cognito: a leading zero where it would be negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def _base64(number: int) -> str:
    return base64.b64encode(_octets(number)).decode()
