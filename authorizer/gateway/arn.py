"""The ARN of an API Gateway request, taken apart.

``arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}``, and for a
WebSocket API ``.../{stage}/{routeKey}``. The path is the client's and may hold anything: colons,
so that everything before it is split with a limit, and wildcards, which must never reach an IAM
document as such.

https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from authorizer.errors import MalformedRequestError, clip

# Partition, API, stage and method have something in them; a Region and an account may be missing.
_ARN = re.compile(r"(arn:[^:]+:execute-api:[^:]*:[^:]*:[^/]+/[^/]+/)(([^/]+)(/.*)?)", re.DOTALL)


class ExecuteApiArn(NamedTuple):
    """What a request's ARN says.

    Attributes:
        text: the whole ARN, as received.
        stage_arn: the part up to and including the stage, with the slash after it.
        resource: the rest: method and path, which the client chose, or a WebSocket route key.
        method: the HTTP method; for WebSocket APIs the route key.
        path: the concrete path with its leading slash, as API Gateway spells it; nothing for
            WebSocket APIs.
    """

    text: str
    stage_arn: str
    resource: str
    method: str
    path: str | None


def parse_arn(text: object) -> ExecuteApiArn:
    """Take a request's ARN apart.

    Raises:
        MalformedRequestError: when it is none of API Gateway's.
    """
    found = _ARN.fullmatch(text) if isinstance(text, str) else None
    if found is not None:
        stage_arn, resource, method, path = found.groups()
        return ExecuteApiArn(found[0], stage_arn, resource, method, path)
    raise MalformedRequestError(
        f"expected an execute-api ARN of API, stage and method, found {clip(text, 120)}"
    )
