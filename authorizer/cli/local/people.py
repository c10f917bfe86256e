"""The sample users, and signing in as a person does: password, then a code from the phone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyotp

from authorizer.cli.local.project import LocalStackError

if TYPE_CHECKING:
    from authorizer.cli.local.emulator import Aws

# Who is in which group. What that lets them do is written down in ``scenario``.
SAMPLE_USERS = {
    "alice": ("reader",),
    "edgar": ("editor",),
    "ada": ("admin",),
    "sam": ("reader", "suspended"),
    "nora": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of a pool, with what they know (a password) and have (a TOTP secret)."""

    name: str
    groups: tuple[str, ...]
    sub: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a sign-in gives."""

    access: str = field(repr=False)
    id: str = field(repr=False)


def add_user(aws: Aws, pool_id: str, name: str, groups: tuple[str, ...] = ()) -> tuple[str, str]:
    """Create a user as an administrator does, and let them have chosen a password.

    Returns:
        The user's ``sub`` and password.
    """
    cognito = aws.client("cognito-idp")
    password = f"{secrets.token_urlsafe(16)}aA1!"
    created = cognito.admin_create_user(
        UserPoolId=pool_id,
        Username=name,
        MessageAction="SUPPRESS",
        # Cognito makes one up where none is given; ministack's breaks the pool's own rules.
        TemporaryPassword=password,
    )
    cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=name, Password=password, Permanent=True
    )
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=group)
    attributes = {entry["Name"]: entry["Value"] for entry in created["User"]["Attributes"]}
    return attributes["sub"], password


def invite(aws: Aws, pool_id: str, name: str, groups: tuple[str, ...]) -> str:
    """Create a user as an administrator does, and leave the rest to them.

    Returns:
        The temporary password: the first sign-in demands a new one, and an authenticator app.
    """
    cognito = aws.client("cognito-idp")
    password = f"{secrets.token_urlsafe(12)}aA1!"
    cognito.admin_create_user(
        UserPoolId=pool_id, Username=name, MessageAction="SUPPRESS", TemporaryPassword=password
    )
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=group)
    return password


def enrol(aws: Aws, pool_id: str, client_id: str, name: str, groups: tuple[str, ...]) -> Person:
    """Create a user of a pool that demands TOTP, and register their authenticator app.

    Raises:
        LocalStackError: the app was not asked for, or its code not accepted.
    """
    cognito = aws.client("cognito-idp")
    sub, password = add_user(aws, pool_id, name, groups)
    challenge = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    if challenge.get("ChallengeName") != "MFA_SETUP":
        raise LocalStackError(f"expected {name} to be asked for an authenticator app")
    associated = cognito.associate_software_token(Session=challenge["Session"])
    secret = associated["SecretCode"]
    verified = cognito.verify_software_token(
        Session=associated["Session"], UserCode=pyotp.TOTP(secret).now()
    )
    if verified["Status"] != "SUCCESS":
        raise LocalStackError(f"{name}'s authenticator app was not accepted: {verified['Status']}")
    cognito.respond_to_auth_challenge(
        ClientId=client_id,
        ChallengeName="MFA_SETUP",
        Session=verified["Session"],
        ChallengeResponses={"USERNAME": name},
    )
    return Person(name=name, groups=groups, sub=sub, password=password, totp_secret=secret)


def password_sign_in(aws: Aws, client_id: str, name: str, password: str) -> Tokens:
    """Sign in where the password is enough.

    Raises:
        LocalStackError: more was asked for.
    """
    answer = aws.client("cognito-idp").initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    if "AuthenticationResult" not in answer:
        raise LocalStackError(f"expected no challenge for {name}: {answer.get('ChallengeName')}")
    return _tokens(answer)


def sign_in(aws: Aws, client_id: str, person: Person) -> Tokens:
    """Sign in with password and TOTP.

    Raises:
        LocalStackError: the second factor was not asked for, so the pool does not enforce it.
    """
    cognito = aws.client("cognito-idp")
    challenge = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.name, "PASSWORD": person.password},
    )
    if challenge.get("ChallengeName") != "SOFTWARE_TOKEN_MFA":
        raise LocalStackError(f"expected to be asked for {person.name}'s TOTP code")
    answer = cognito.respond_to_auth_challenge(
        ClientId=client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=challenge["Session"],
        ChallengeResponses={
            "USERNAME": person.name,
            "SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(person.totp_secret).now(),
        },
    )
    return _tokens(answer)


def _tokens(answer: dict[str, dict[str, str]]) -> Tokens:
    result = answer["AuthenticationResult"]
    return Tokens(access=result["AccessToken"], id=result["IdToken"])
