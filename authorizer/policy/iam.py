"""IAM policy documents that grant no more than ``decide`` did.

``request`` mode: the document names exactly the one request that was decided. A client chooses
method and path, and ``*`` and ``?`` are wildcards in an ARN, ``$`` begins a variable: a request
that contains one is never allowed by a document, and is denied by an escaped name that matches
nothing, which leaves it without an Allow.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

from typing import Literal, TypedDict

_ESCAPES = {ord("*"): "%2A", ord("?"): "%3F", ord("$"): "%24"}


class Statement(TypedDict):
    """One statement of an IAM policy document."""

    Action: Literal["execute-api:Invoke"]
    Effect: Literal["Allow", "Deny"]
    Resource: str


class PolicyDocument(TypedDict):
    """An IAM policy document as API Gateway reads it."""

    Version: Literal["2012-10-17"]
    Statement: list[Statement]


def is_literal(client_part: str) -> bool:
    """Whether the part of an ARN that the client chose stands for itself alone in a document."""
    return client_part.translate(_ESCAPES) == client_part


def request_document(prefix: str, client_part: str, *, allowed: bool) -> PolicyDocument:
    """The document for exactly one request.

    Args:
        prefix: the part of its ARN that API Gateway chose.
        client_part: the rest, which the client chose.
        allowed: what was decided. An ARN that is not literal is denied all the same.
    """
    effect: Literal["Allow", "Deny"] = "Allow" if allowed and is_literal(client_part) else "Deny"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": effect,
                "Resource": prefix + client_part.translate(_ESCAPES),
            }
        ],
    }
