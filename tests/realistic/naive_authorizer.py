"""What is usually written: an Allow for each rule, with ``*`` for every parameter.

It runs in place of the authorizer, to show that the walks notice what is wrong with it. It does
not verify the token; it is for tests alone.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

policy = Policy.load(Path(os.environ["LAMBDA_TASK_ROOT"]) / "policy.json")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Allow all that the groups' rules say, with stars; below ``/**``, too."""
    token = event["authorizationToken"].removeprefix("Bearer ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    stage = event["methodArn"].split("/", 2)
    resources = [f"{stage[0]}/{stage[1]}/{rest}" for rest in _allowed(claims)]
    resources = resources or [f"{stage[0]}/{stage[1]}/NOTHING"]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resources}
    return {
        "principalId": claims["sub"],
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"sub": claims["sub"]},
    }


def _allowed(claims: dict[str, Any]) -> Iterator[str]:
    subjects = {
        f"group:{member}"
        for group in claims.get("cognito:groups", ())
        for member in policy.groups.get(group, ())
    }
    for rule in policy.rules:
        if rule.subject in subjects and rule.effect == "allow":
            values = {
                condition.position: claims[condition.claim] for condition in rule.pattern.conditions
            }
            segments = [
                values.get(position, "*") if segment == "{}" else segment
                for position, segment in enumerate(rule.pattern.path)
            ]
            for method in rule.pattern.methods:
                tail = "*" if rule.pattern.tail else ""
                yield f"{method.replace('ANY', '*')}/{'/'.join(segments)}{tail}"
