"""What a project of somebody else's writes with the library: each public name, with its types.

Nobody runs it. Both mypy and pyright, strict, must have nothing to say of it (``make types``).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, assert_type

from aws_lambda_powertools.event_handler import ALBResolver
from aws_lambda_powertools.utilities.typing import LambdaContext  # noqa: TC002 - as one writes it
from fastapi import Depends, FastAPI

from authorizer import (
    AccessToken,
    Authorizer,
    AuthorizerError,
    ConfigurationError,
    Decision,
    IdToken,
    InvalidTokenError,
    JwksCache,
    JwksTiming,
    KeySet,
    KeysUnavailableError,
    MalformedRequestError,
    Outcome,
    Policy,
    Reason,
    Request,
    RevocationsUnavailableError,
    Settings,
    TokenVerifier,
    UnauthorizedError,
    UserPool,
)
from authorizer.aws_lambda import handler as authorize
from authorizer.aws_lambda import logger
from authorizer.middleware import function, powertools, starlette

pool = UserPool("eu-west-1_AbCdEfGhI", ["4k2example"], audiences=["https://api.example.com"])
timing = JwksTiming(time_to_live=timedelta(hours=1), cool_down=timedelta(seconds=10))
keys = JwksCache(timing=timing, bundled={pool: KeySet.parse(Path("jwks.json").read_bytes())})
verifier = TokenVerifier([pool], keys=keys, remember=100)


def verify(text: str) -> AccessToken | Reason:
    """The verifier alone."""
    try:
        token = verifier.verify(text)
    except InvalidTokenError as error:
        assert_type(error.reason, Reason)
        return error.reason
    except (KeysUnavailableError, RevocationsUnavailableError):
        raise SystemExit(1) from None
    assert_type(token, AccessToken)
    assert_type(token.username, str | None)
    assert_type(token.groups, tuple[str, ...])
    assert_type(token.scopes, tuple[str, ...])
    assert_type(verifier.verify_id_token(text), IdToken)
    return token


def decide(token: AccessToken) -> Decision:
    """The policy alone."""
    try:
        policy = Policy.load("policy.json")
    except ConfigurationError as error:
        raise SystemExit("\n".join(error.problems)) from error
    decision = policy.decide(
        method="GET",
        route="/users/{user}",
        path_parameters={"user": token.sub},
        groups=token.groups,
        scopes=token.scopes,
        claims=token.claims,
    )
    assert_type(decision.allowed, bool)
    assert_type(decision.reason, Reason | None)
    return decision


rbac = Authorizer.from_settings(Settings.from_environment(os.environ, Path(__file__).parent))


def judge(event: dict[str, Any]) -> Outcome:
    """The authorizer by hand."""
    try:
        outcome = rbac.judge(event)
        rbac.authorize(event)
    except (MalformedRequestError, UnauthorizedError) as error:
        raise AuthorizerError from error
    assert_type(outcome.request, Request)
    assert_type(outcome.token, AccessToken | None)
    return outcome


def wrapped(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The authorizer's function, wrapped."""
    logger.append_keys(team="payments")
    answer: dict[str, Any] = authorize(event, context)
    answer["context"]["tenant"] = "7"
    return answer


@function.protected(rbac)
def plain(event: dict[str, Any], context: LambdaContext, caller: AccessToken) -> dict[str, Any]:
    """A plain handler."""
    return {"statusCode": 200, "body": f"{caller.username} {event['path']} {context.function_name}"}


def ask_plain(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What the decorator makes takes no caller."""
    answer = plain(event, context)
    assert_type(answer, dict[str, Any])
    return answer


app = ALBResolver()
# Powertools does not say of what its middleware's responses are.
app.use(middlewares=[powertools.protected(rbac)])  # pyright: ignore[reportUnknownMemberType]


@app.get("/orders/<order>")
def order_of(order: str) -> dict[str, Any]:
    """A route of Powertools'."""
    caller = powertools.caller_of(app)
    assert_type(caller, AccessToken)
    return {"order": order, "by": caller.username}


who_may = starlette.protected(rbac)
api = FastAPI(dependencies=[Depends(who_may)])


def read_order(order: str, caller: Annotated[AccessToken, Depends(who_may)]) -> dict[str, Any]:
    """An endpoint of FastAPI's."""
    return {"order": order, "by": caller.username}


api.add_api_route("/orders/{order}", read_order)
