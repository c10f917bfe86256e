"""Who signs in to the local stack, and with which tokens: good ones, and such as must be refused.

Users follow from the project's groups and its tests. They sign in as a person does, with password
and a code from the phone. Each bad token is a genuine one with exactly one thing wrong.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyotp
from jose import jwt
from jose.utils import base64url_encode

from authorizer.cli.analysis.request import Caller
from authorizer.cli.local.api_client import direct_session
from authorizer.cli.local.project import LocalStackError
from authorizer.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authorizer.cli.local.deploy import Deployment
    from authorizer.cli.local.emulator import Aws
    from authorizer.cli.local.project import Project

_REQUEST_SECONDS = 30
# Claims of a test's caller that a sign-in gives to whoever is made for it.
_CLAIMS_OF_SIGN_INS = frozenset({"sub", "username"})
_CLAIMS_OF_MACHINES = frozenset({"sub", "client_id"})
_UNGROUPED = "ungrouped"
_PASSWORD_FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who calls the API: a user of the pool, or a machine, which has scopes.

    Attributes:
        sub: empty until there is such a user; a machine's app client.
        written: what stands for the ``sub`` in the project's tests.
    """

    name: str
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    sub: str = ""
    written: str = ""
    password: str = field(default="", repr=False)
    totp_secret: str = field(default="", repr=False)

    @property
    def caller(self) -> Caller:
        """As the policy is told of them."""
        key = "client_id" if self.scopes else "username"
        claims = {"sub": self.sub, key: self.sub if self.scopes else self.name}
        return Caller(groups=self.groups, scopes=self.scopes, claims=claims)

    def is_meant_by(self, caller: Caller) -> bool:
        """Whether a test of the project is about them."""
        if self.scopes:
            return caller.is_machine and set(caller.scopes) == set(self.scopes)
        return (
            not caller.scopes
            and caller.claims.keys() <= _CLAIMS_OF_SIGN_INS
            and set(caller.groups) == set(self.groups)
            and caller.claims.get("sub", self.written) == self.written
            and caller.claims.get("username", self.name) == self.name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a sign-in gives."""

    access: str = field(repr=False)
    id: str = field(repr=False)


def people_of(project: Project) -> tuple[Person, ...]:
    """Who is needed: the tests' callers, somebody in each group, and somebody in none.

    Callers that say who they are come first: those that do not may be any of them.
    """
    people: list[Person] = []
    for caller in sorted((test.caller for test in project.tests), key=lambda one: not one.claims):
        wanted = Person(
            name=_unused_name(_name_of(caller), people),
            groups=caller.groups,
            written=str(caller.claims.get("sub", "")),
        )
        if not any(person.is_meant_by(caller) for person in people) and wanted.is_meant_by(caller):
            people.append(wanted)
    taken = {group for person in people for group in person.groups}
    for group in project.groups:
        if group not in taken:
            people.append(Person(name=_unused_name(group, people), groups=(group,)))
    if all(person.groups for person in people):
        people.append(Person(name=_unused_name(_UNGROUPED, people)))
    return tuple(people)


def machines_of(project: Project, client_id: str, allowed: Iterable[str]) -> tuple[Person, ...]:
    """A machine for each set of scopes that the tests' callers have, as far as it can get them."""
    callers = [test.caller for test in project.tests if test.caller.is_machine]
    wanted = dict.fromkeys(
        caller.scopes
        for caller in callers
        if caller.claims.keys() <= _CLAIMS_OF_MACHINES and set(caller.scopes) <= set(allowed)
    )
    return tuple(
        Person(
            name="machine" if len(wanted) == 1 else f"machine with {' '.join(scopes)}",
            scopes=scopes,
            sub=client_id,
        )
        for scopes in wanted
    )


def _name_of(caller: Caller) -> str:
    """A name that Cognito takes; a test may call somebody anything."""
    claims = caller.claims
    name = claims.get("username") or claims.get("sub") or "-".join(caller.groups) or _UNGROUPED
    return re.sub(r"\s+", "-", str(name))


def _unused_name(name: str, people: Iterable[Person]) -> str:
    taken = {person.name for person in people}
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


# --- signing in -----------------------------------------------------------------------------------


def invite(aws: Aws, pool_id: str, name: str, groups: tuple[str, ...]) -> tuple[str, str]:
    """Create a user as an administrator does, and leave the rest to them.

    Returns:
        The user's ``sub``, and the temporary password: the first sign-in demands a new one, and
        an authenticator app.
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
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=group)
    attributes = {entry["Name"]: entry["Value"] for entry in created["User"]["Attributes"]}
    return attributes["sub"], password


def add_user(aws: Aws, pool_id: str, name: str, groups: tuple[str, ...] = ()) -> tuple[str, str]:
    """The same, and let them have chosen a password. Returns their ``sub`` and password."""
    sub, password = invite(aws, pool_id, name, groups)
    aws.client("cognito-idp").admin_set_user_password(
        UserPoolId=pool_id, Username=name, Password=password, Permanent=True
    )
    return sub, password


def enrol(aws: Aws, pool_id: str, client_id: str, name: str, groups: tuple[str, ...]) -> Person:
    """Create a user of a pool that demands TOTP, and register their authenticator app.

    Raises:
        LocalStackError: the app was not asked for, or its code not accepted.
    """
    cognito = aws.client("cognito-idp")
    sub, password = add_user(aws, pool_id, name, groups)
    session = _challenge(aws, client_id, name, password, "MFA_SETUP")
    associated = cognito.associate_software_token(Session=session)
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


def sign_in(aws: Aws, client_id: str, person: Person) -> Tokens:
    """Sign in with password and TOTP.

    Raises:
        LocalStackError: the second factor was not asked for, so the pool does not enforce it.
    """
    session = _challenge(aws, client_id, person.name, person.password, "SOFTWARE_TOKEN_MFA")
    answer = aws.client("cognito-idp").respond_to_auth_challenge(
        ClientId=client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=session,
        ChallengeResponses={
            "USERNAME": person.name,
            "SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(person.totp_secret).now(),
        },
    )
    return _tokens(answer)


def password_sign_in(aws: Aws, client_id: str, name: str, password: str) -> Tokens:
    """Sign in where the password is enough.

    Raises:
        LocalStackError: more was asked for.
    """
    answer = _with_password(aws, client_id, name, password)
    if "AuthenticationResult" not in answer:
        raise LocalStackError(f"expected no challenge for {name}: {answer.get('ChallengeName')}")
    return _tokens(answer)


def _challenge(aws: Aws, client_id: str, name: str, password: str, expected: str) -> str:
    """The session of the challenge that must follow the password."""
    answer = _with_password(aws, client_id, name, password)
    if answer.get("ChallengeName") != expected:
        found = answer.get("ChallengeName", "no challenge")
        raise LocalStackError(f"expected the challenge {expected} for {name}, found {found}")
    session: str = answer["Session"]
    return session


def _with_password(aws: Aws, client_id: str, name: str, password: str) -> dict[str, Any]:
    answer: dict[str, Any] = aws.client("cognito-idp").initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    return answer


def _tokens(answer: Mapping[str, Mapping[str, str]]) -> Tokens:
    result = answer["AuthenticationResult"]
    return Tokens(access=result["AccessToken"], id=result["IdToken"])


# --- tokens without a user, and bad ones ----------------------------------------------------------


def machine_client(aws: Aws, deployment: Deployment) -> dict[str, Any]:
    """The app client for client_credentials: its secret, and the scopes that it may have."""
    if not deployment.machine_client_id:
        return {}
    described: dict[str, Any] = aws.client("cognito-idp").describe_user_pool_client(
        UserPoolId=deployment.user_pool_id, ClientId=deployment.machine_client_id
    )["UserPoolClient"]
    return described


def token_of_machine(
    aws: Aws, deployment: Deployment, emulator_url: str, scopes: Iterable[str]
) -> str:
    """A good token without a user: client_credentials."""
    secret = machine_client(aws, deployment)["ClientSecret"]
    with direct_session() as http:
        answer = http.post(
            f"{emulator_url}/oauth2/token",
            auth=(deployment.machine_client_id, secret),
            data={"grant_type": "client_credentials", "scope": " ".join(scopes)},
            timeout=_REQUEST_SECONDS,
        )
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def bad_headers(
    aws: Aws, deployment: Deployment, person: Person, groups: Iterable[str]
) -> tuple[tuple[str, str, Reason], ...]:
    """What is wrong with a token, the Authorization header with it, and the reason for refusing it.

    Args:
        aws: the emulator's.
        deployment: whose tokens they are, but for the thing that is wrong.
        person: who signs in.
        groups: that they would like to be in.
    """
    good = sign_in(aws, deployment.client_id, person)
    other_client = _of_other_client(aws, deployment, person)
    forged = _with_groups(good.access, groups)
    return (
        ("garbage", "Bearer garbage", Reason.TOKEN_NOT_COMPACT),
        ("Basic scheme", "Basic YWxpY2U6c2VjcmV0", Reason.AUTHORIZATION_NOT_BEARER),
        ("expired token", f"Bearer {expired(aws, deployment, person)}", Reason.EXPIRED),
        ("ID token", f"Bearer {good.id}", Reason.TOKEN_USE_WRONG),
        ("other app client", f"Bearer {other_client}", Reason.CLIENT_UNKNOWN),
        ("other user pool", f"Bearer {_of_other_pool(aws, person)}", Reason.ISSUER_UNKNOWN),
        ("groups rewritten", f"Bearer {forged}", Reason.SIGNATURE_INVALID),
        ("alg none", f"Bearer {_unsigned(good.access)}", Reason.ALGORITHM_NOT_ALLOWED),
    )


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
    while time.time() <= jwt.get_unverified_claims(token)["exp"]:
        time.sleep(0.1)
    return token


def _of_other_client(aws: Aws, deployment: Deployment, person: Person) -> str:
    """A good token of the same pool, issued to an app client that is not in our list."""
    return sign_in(aws, _add_client(aws, deployment.user_pool_id), person).access


def _of_other_pool(aws: Aws, person: Person) -> str:
    """A good token of a pool that is not in our list, from a user of the same name and groups."""
    cognito = aws.client("cognito-idp")
    pool_id = cognito.create_user_pool(PoolName="somebody-elses-pool")["UserPool"]["Id"]
    for group in person.groups:
        cognito.create_group(UserPoolId=pool_id, GroupName=group)
    _, password = add_user(aws, pool_id, person.name, person.groups)
    return password_sign_in(aws, _add_client(aws, pool_id), person.name, password).access


def _add_client(aws: Aws, pool_id: str) -> str:
    made = aws.client("cognito-idp").create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="somebody-elses-app",
        ExplicitAuthFlows=_PASSWORD_FLOWS,
    )
    return str(made["UserPoolClient"]["ClientId"])


def _with_groups(token: str, groups: Iterable[str]) -> str:
    """The token with other groups written into it; the signature is now of another text."""
    header, _, signature = token.split(".")
    claims = {**jwt.get_unverified_claims(token), "cognito:groups": list(groups)}
    return f"{header}.{_encoded(claims)}.{signature}"


def _unsigned(token: str) -> str:
    """The token with ``alg: none``, and the signature left where it was."""
    header = {**jwt.get_unverified_header(token), "alg": "none"}
    return f"{_encoded(header)}.{token.partition('.')[2]}"


def _encoded(part: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(part, separators=(",", ":")).encode()).decode()
