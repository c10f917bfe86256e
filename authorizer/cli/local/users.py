"""Who signs in to the local stack, and with which tokens: good ones, and such as must be refused.

Users follow from the project's groups and its tests. They sign in as a person does, with password
and a code from the phone. Each bad token is a genuine one with exactly one thing wrong.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyotp
from jose import jwt

from authorizer.cli.analysis.request import Caller
from authorizer.cli.event.tokens import encoded
from authorizer.cli.local.emulator import Emulator, direct_session
from authorizer.cli.local.project import LocalStackError, Project
from authorizer.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authorizer.cli.local.deploy import Deployment

_REQUEST_SECONDS = 30
# Claims of a test's caller that a sign-in gives to whoever is made for it.
_CLAIMS_OF_SIGN_INS = frozenset({"sub", "username"})
_CLAIMS_OF_MACHINES = frozenset({"sub", "client_id"})
_UNGROUPED = "ungrouped"
_TOTP, _SETUP = "SOFTWARE_TOKEN_MFA", "MFA_SETUP"
_PASSWORD_FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who calls the API: a user of the pool, or a machine, which has scopes.

    Attributes:
        sub: empty until there is such a user; a machine's app client.
        written: what stands for the ``sub`` in the project's tests.
        token: an access token, of somebody who has one already.
        claims: what that says.
    """

    name: str
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    sub: str = ""
    written: str = ""
    password: str = field(default="", repr=False)
    totp_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def caller(self) -> Caller:
        """As the policy is told of them."""
        key = "client_id" if self.scopes else "username"
        claims = {"sub": self.sub, key: self.sub if self.scopes else self.name}
        return Caller(groups=self.groups, scopes=self.scopes, claims={**claims, **self.claims})

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
    subs = Counter(str(test.caller.claims.get("sub")) for test in project.tests)
    for caller in sorted((test.caller for test in project.tests), key=lambda one: not one.claims):
        wanted = Person(
            name=unused_name(_name_of(caller, subs), people),
            groups=caller.groups,
            written=str(caller.claims.get("sub", "")),
        )
        if not any(person.is_meant_by(caller) for person in people) and wanted.is_meant_by(caller):
            people.append(wanted)
    taken = {group for person in people for group in person.groups}
    for group in project.groups:
        if group not in taken:
            people.append(Person(name=unused_name(group, people), groups=(group,)))
    if all(person.groups for person in people):
        people.append(Person(name=unused_name(_UNGROUPED, people)))
    return tuple(people)


def machines_of(project: Project, client_id: str, allowed: Iterable[str]) -> tuple[Person, ...]:
    """A machine for each set of scopes that the tests' callers have, as far as it can get them."""
    wanted = dict.fromkeys(
        test.caller.scopes
        for test in project.tests
        if test.caller.is_machine
        and test.caller.claims.keys() <= _CLAIMS_OF_MACHINES
        and set(test.caller.scopes) <= set(allowed)
    )
    return tuple(
        Person(
            name="machine" if len(wanted) == 1 else f"machine with {' '.join(scopes)}",
            scopes=scopes,
            sub=client_id,
        )
        for scopes in wanted
    )


def _name_of(caller: Caller, subs: Mapping[str, int]) -> str:
    """A name that Cognito takes; a test may call somebody anything, or everybody the same."""
    username, sub = (caller.claims.get(name) for name in ("username", "sub"))
    own = sub if subs[str(sub)] == 1 else None
    name = username or own or "-".join(caller.groups) or _UNGROUPED
    return re.sub(r"\s+", "-", str(name))


def unused_name(name: str, people: Iterable[Person]) -> str:
    """The name, with a number where somebody has it."""
    taken = {person.name for person in people}
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


# --- signing in -----------------------------------------------------------------------------------


def invite(emulator: Emulator, pool_id: str, person: Person) -> Person:
    """Create a user as an administrator does, and leave the rest to them.

    Returns:
        The same, with their ``sub`` and a temporary password: the first sign-in demands a new one,
        and an authenticator app.
    """
    password = f"{secrets.token_urlsafe(16)}aA1!"
    created = emulator.cognito.admin_create_user(
        UserPoolId=pool_id,
        Username=person.name,
        MessageAction="SUPPRESS",
        # Cognito makes one up where none is given; ministack's breaks the pool's own rules.
        TemporaryPassword=password,
    )
    for group in person.groups:
        emulator.cognito.admin_add_user_to_group(
            UserPoolId=pool_id, Username=person.name, GroupName=group
        )
    attributes = {entry["Name"]: entry["Value"] for entry in created["User"]["Attributes"]}
    return replace(person, sub=attributes["sub"], password=password)


def add_user(emulator: Emulator, pool_id: str, person: Person) -> Person:
    """The same, and let them have chosen the password."""
    added = invite(emulator, pool_id, person)
    emulator.cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=added.name, Password=added.password, Permanent=True
    )
    return added


def enrol(deployment: Deployment, person: Person) -> Person:
    """Create a user of a pool that demands TOTP, and register their authenticator app.

    Raises:
        LocalStackError: the app was not asked for, or its code not accepted.
    """
    emulator, client_id = deployment.emulator, deployment.client_id
    added = add_user(emulator, deployment.user_pool_id, person)
    session = _after_password(emulator, client_id, added, _SETUP)["Session"]
    associated = emulator.cognito.associate_software_token(Session=session)
    secret = associated["SecretCode"]
    verified = emulator.cognito.verify_software_token(
        Session=associated["Session"], UserCode=pyotp.TOTP(secret).now()
    )
    if verified["Status"] != "SUCCESS":
        found = verified["Status"]
        raise LocalStackError(f"{added.name}'s authenticator app was not accepted: {found}")
    _respond(emulator, client_id, added, _SETUP, verified["Session"])
    return replace(added, totp_secret=secret)


def sign_in(emulator: Emulator, client_id: str, person: Person) -> Tokens:
    """Sign in with password, and with TOTP where the person has an authenticator app.

    Raises:
        LocalStackError: the second factor was not asked for, so the pool does not enforce it; or
            more was.
    """
    expected = _TOTP if person.totp_secret else None
    answer = _after_password(emulator, client_id, person, expected)
    if expected is not None:
        code = {"SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(person.totp_secret).now()}
        answer = _respond(emulator, client_id, person, expected, answer["Session"], **code)
    result = answer["AuthenticationResult"]
    return Tokens(access=result["AccessToken"], id=result["IdToken"])


def _after_password(
    emulator: Emulator, client_id: str, person: Person, expected: str | None
) -> dict[str, Any]:
    """The answer to the password, once it is known to ask for what it must."""
    answer: dict[str, Any] = emulator.cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.name, "PASSWORD": person.password},
    )
    found = answer.get("ChallengeName")
    if found != expected:
        raise LocalStackError(f"expected the challenge {expected} for {person.name}, found {found}")
    return answer


def _respond(
    emulator: Emulator, client_id: str, person: Person, challenge: str, session: str, **code: str
) -> dict[str, Any]:
    answer: dict[str, Any] = emulator.cognito.respond_to_auth_challenge(
        ClientId=client_id,
        ChallengeName=challenge,
        Session=session,
        ChallengeResponses={"USERNAME": person.name, **code},
    )
    return answer


# --- tokens without a user, and bad ones ----------------------------------------------------------


def machine_client(deployment: Deployment) -> dict[str, Any]:
    """The app client for client_credentials: its secret, and the scopes that it may have."""
    if not deployment.machine_client_id:
        return {}
    described: dict[str, Any] = deployment.emulator.cognito.describe_user_pool_client(
        UserPoolId=deployment.user_pool_id, ClientId=deployment.machine_client_id
    )["UserPoolClient"]
    return described


def token_of_machine(deployment: Deployment, scopes: Iterable[str]) -> str:
    """A good token without a user: client_credentials."""
    with direct_session() as http:
        answer = http.post(
            f"{deployment.emulator.url}/oauth2/token",
            auth=(deployment.machine_client_id, machine_client(deployment)["ClientSecret"]),
            data={"grant_type": "client_credentials", "scope": " ".join(scopes)},
            timeout=_REQUEST_SECONDS,
        )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def bad_headers(
    deployment: Deployment, person: Person, groups: Iterable[str]
) -> tuple[tuple[str, str, Reason], ...]:
    """What is wrong with a token, the Authorization header with it, and the reason for refusing it.

    Args:
        deployment: whose tokens they are, but for the thing that is wrong.
        person: who signs in.
        groups: that they would like to be in.
    """
    emulator, pool_id = deployment.emulator, deployment.user_pool_id
    good = sign_in(emulator, deployment.client_id, person)
    of_other_client = sign_in(emulator, _add_client(emulator, pool_id), person)
    header, payload, signature = good.access.split(".")
    claims = {**jwt.get_unverified_claims(good.access), "cognito:groups": list(groups)}
    unsigned = {**jwt.get_unverified_header(good.access), "alg": "none"}
    bad = (
        ("garbage", "garbage", Reason.TOKEN_NOT_COMPACT),
        ("Basic scheme", None, Reason.AUTHORIZATION_NOT_BEARER),
        ("expired token", expired(deployment, person), Reason.EXPIRED),
        ("ID token", good.id, Reason.TOKEN_USE_WRONG),
        ("other app client", of_other_client.access, Reason.CLIENT_UNKNOWN),
        ("other user pool", _of_other_pool(emulator, person), Reason.ISSUER_UNKNOWN),
        # The signature is now of another text.
        ("groups rewritten", f"{header}.{encoded(claims)}.{signature}", Reason.SIGNATURE_INVALID),
        ("alg none", f"{encoded(unsigned)}.{payload}.{signature}", Reason.ALGORITHM_NOT_ALLOWED),
    )
    return tuple(
        (who, f"Bearer {token}" if token else "Basic YWxpY2U6c2VjcmV0", reason)
        for who, token, reason in bad
    )


def expired(deployment: Deployment, person: Person) -> str:
    """A good token of the right client, a moment past its ``exp``.

    The client's tokens live for a second while this one is made. (Cognito's own minimum is five
    minutes; ministack does not insist on it.)
    """
    cognito = deployment.emulator.cognito
    ids = {"UserPoolId": deployment.user_pool_id, "ClientId": deployment.client_id}
    client = cognito.describe_user_pool_client(**ids)["UserPoolClient"]
    kept = {name: client[name] for name in ("AccessTokenValidity", "TokenValidityUnits")}
    cognito.update_user_pool_client(
        **ids,
        AccessTokenValidity=1,
        TokenValidityUnits={**kept["TokenValidityUnits"], "AccessToken": "seconds"},
    )
    try:
        token = sign_in(deployment.emulator, deployment.client_id, person).access
    finally:
        cognito.update_user_pool_client(**ids, **kept)
    while time.time() <= jwt.get_unverified_claims(token)["exp"]:
        time.sleep(0.1)
    return token


def _of_other_pool(emulator: Emulator, person: Person) -> str:
    """A good token of a pool that is not in our list, from a user of the same name and groups."""
    pool_id = emulator.cognito.create_user_pool(PoolName="somebody-elses-pool")["UserPool"]["Id"]
    for group in person.groups:
        emulator.cognito.create_group(UserPoolId=pool_id, GroupName=group)
    other = add_user(emulator, pool_id, replace(person, totp_secret=""))
    return sign_in(emulator, _add_client(emulator, pool_id), other).access


def _add_client(emulator: Emulator, pool_id: str) -> str:
    """An app client that is not in our list."""
    made = emulator.cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="somebody-elses-app",
        ExplicitAuthFlows=_PASSWORD_FLOWS,
    )
    return str(made["UserPoolClient"]["ClientId"])
