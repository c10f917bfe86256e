"""Tokens that must be refused: each a genuine one with exactly one thing wrong."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from authorizer.cli.local.api_client import direct_session
from authorizer.cli.local.people import add_user, password_sign_in, sign_in

if TYPE_CHECKING:
    from authorizer.cli.local.deploy import Deployment
    from authorizer.cli.local.emulator import Aws
    from authorizer.cli.local.people import Person

_REQUEST_SECONDS = 30


def expired(aws: Aws, deployment: Deployment, person: Person) -> str:
    """A good token of the right client, a moment past its ``exp``.

    The client's tokens live for a second while this one is made. (Cognito's own minimum is five
    minutes; ministack does not insist on it.)
    """
    cognito = aws.client("cognito-idp")
    ids = {"UserPoolId": deployment.user_pool_id, "ClientId": deployment.client_id}
    client = cognito.describe_user_pool_client(**ids)["UserPoolClient"]
    kept = {name: client[name] for name in ("AccessTokenValidity", "TokenValidityUnits")}
    cognito.update_user_pool_client(
        **ids,
        AccessTokenValidity=1,
        TokenValidityUnits={**kept["TokenValidityUnits"], "AccessToken": "seconds"},
    )
    try:
        token = sign_in(aws, deployment.client_id, person).access
    finally:
        cognito.update_user_pool_client(**ids, **kept)
    while time.time() <= _claims(token)["exp"]:
        time.sleep(0.1)
    return token


def of_other_client(aws: Aws, deployment: Deployment, person: Person) -> str:
    """A good token of the same pool, issued to an app client that is not in our list."""
    client = aws.client("cognito-idp").create_user_pool_client(
        UserPoolId=deployment.user_pool_id,
        ClientName="somebody-elses-app",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    return sign_in(aws, client["UserPoolClient"]["ClientId"], person).access


def of_other_pool(aws: Aws) -> str:
    """A good token of a pool that is not in our list, from a user called alice there, too."""
    cognito = aws.client("cognito-idp")
    pool_id = cognito.create_user_pool(PoolName="somebody-elses-pool")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="app",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    cognito.create_group(UserPoolId=pool_id, GroupName="admin")
    _, password = add_user(aws, pool_id, "alice", ("admin",))
    client_id = client["UserPoolClient"]["ClientId"]
    return password_sign_in(aws, client_id, "alice", password).access


def of_machine(aws: Aws, deployment: Deployment, emulator_url: str) -> str:
    """A good token without a user: client_credentials, with the scope reports/read."""
    described = aws.client("cognito-idp").describe_user_pool_client(
        UserPoolId=deployment.user_pool_id, ClientId=deployment.machine_client_id
    )
    with direct_session() as http:
        answer = http.post(
            f"{emulator_url}/oauth2/token",
            auth=(deployment.machine_client_id, described["UserPoolClient"]["ClientSecret"]),
            data={"grant_type": "client_credentials", "scope": "reports/read"},
            timeout=_REQUEST_SECONDS,
        )
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def promoted(token: str) -> str:
    """The token with ``admin`` written into its groups; the signature is now of another text."""
    header, _, signature = token.split(".")
    claims = {**_claims(token), "cognito:groups": ["admin"]}
    return f"{header}.{_encode(claims)}.{signature}"


def unsigned(token: str) -> str:
    """The token with ``alg: none``, and the signature left where it was."""
    header, payload, signature = token.split(".")
    return f"{_encode({**_decode(header), 'alg': 'none'})}.{payload}.{signature}"


def _claims(token: str) -> dict[str, Any]:
    return _decode(token.split(".")[1])


def _decode(part: str) -> dict[str, Any]:
    padded = part + "=" * (-len(part) % 4)
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return decoded


def _encode(part: dict[str, Any]) -> str:
    text = json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
