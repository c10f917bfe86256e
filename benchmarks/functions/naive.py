"""An authorizer as it is usually written: python-jose, requests, cachetools and Powertools.

It is right about signature, issuer, expiry and client, and knows one policy: who is in the group
may call. Keys come from the pool, or from a file where one is named.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerResponseV2,
)
from aws_lambda_powertools.utilities.typing import LambdaContext  # noqa: TC002 - as people do
from cachetools import TTLCache, cached
from jose import JWTError, jwt

POOL = os.environ["NAIVE_POOL"]
ISSUER = f"https://cognito-idp.{POOL.partition('_')[0]}.amazonaws.com/{POOL}"
JWKS_URL = os.environ.get("NAIVE_JWKS_URL", f"{ISSUER}/.well-known/jwks.json")
logger = Logger(service="naive")
metrics = Metrics(namespace="Naive", service="naive")


@cached(TTLCache(maxsize=1, ttl=3600))
def jwks() -> dict[str, Any]:
    """The pool's keys."""
    if file := os.environ.get("NAIVE_JWKS_FILE"):
        return cast("dict[str, Any]", json.loads(Path(file).read_text(encoding="utf-8")))
    response = requests.get(JWKS_URL, timeout=3)
    response.raise_for_status()
    return cast("dict[str, Any]", response.json())


@metrics.log_metrics
@logger.inject_lambda_context
@event_source(data_class=APIGatewayAuthorizerEventV2)
def handler(event: APIGatewayAuthorizerEventV2, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answer an HTTP API."""
    token = (event.headers or {}).get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, jwks(), algorithms=["RS256"], issuer=ISSUER)
        allowed = (
            claims["token_use"] == "access"
            and claims["client_id"] == os.environ["NAIVE_CLIENT"]
            and "reader" in claims.get("cognito:groups", [])
        )
    except (JWTError, KeyError) as error:
        logger.warning("refused", reason=str(error))
        metrics.add_metric(name="Refused", unit=MetricUnit.Count, value=1)
        return APIGatewayAuthorizerResponseV2(authorize=False).asdict()
    logger.info("decision", allowed=allowed, route=event.route_key)
    metrics.add_metric(name="Allowed" if allowed else "Denied", unit=MetricUnit.Count, value=1)
    context_of_answer = {"sub": claims["sub"]}
    return APIGatewayAuthorizerResponseV2(authorize=allowed, context=context_of_answer).asdict()
