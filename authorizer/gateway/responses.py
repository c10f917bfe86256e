"""The answers that API Gateway understands, one per outcome and flavour.

==========================  ==================================  =============================
outcome                     HTTP API                            REST and WebSocket API
==========================  ==================================  =============================
allowed                     ``isAuthorized: true``, or Allow    Allow
valid token, not permitted  ``isAuthorized: false``, or Deny    Deny
token refused               the same, or ``Unauthorized``       ``Unauthorized``
==========================  ==================================  =============================

A simple answer, of HTTP APIs with payload 2.0 alone, has ``isAuthorized``, every other one
``principalId`` and ``policyDocument``; each has ``context``. That is flat and made of strings,
since API Gateway answers 500 to a list or an object in it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authorizer.tokens.claims import AccessToken

# What API Gateway takes from an authorizer of a WebSocket API. For the other kinds it documents no
# limit, and this one is kept.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MOST_ANSWER_BYTES = 8192
# Stands for a caller who is nobody, where API Gateway insists on a principal.
NOBODY = "unauthenticated"


def context_of(token: AccessToken) -> dict[str, str]:
    """What the backend learns of the caller: absent values left out, lists joined by blanks.

    Group and scope names contain no white space (a group in which one does is skipped, a scope
    cannot have any), so that the backend can split them again.
    """
    context: dict[str, Any] = {
        "sub": token.sub,
        "username": token.username,
        "client_id": token.client_id,
        "jti": token.jti,
        "groups": " ".join(token.groups),
        "scope": " ".join(token.scopes),
    }
    if token.username is None or token.jti is None:
        return {name: value for name, value in context.items() if value is not None}
    return context


@lru_cache(maxsize=1024)
def bytes_beside_document(token: AccessToken) -> int:
    """How long an answer with a document is without that, as JSON: the same for each request."""
    answer = {"principalId": token.sub, "policyDocument": 0, "context": context_of(token)}
    return len(json.dumps(answer)) - len("0")
