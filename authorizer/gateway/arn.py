"""The ARN of an API Gateway request, taken apart.

``arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}``, and for a
WebSocket API ``.../{stage}/{routeKey}``. The path is the client's and may hold anything: colons,
so that everything before it is split with a limit, and wildcards, which must never reach an IAM
document as such.

https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
"""

from __future__ import annotations

import re

from authorizer.errors import MalformedRequestError, clip

# Partition, API, stage and method have something in them; a Region and an account may be missing.
_ARN = re.compile(r"(arn:[^:]+:execute-api:[^:]*:[^:]*:[^/]+/[^/]+/)(([^/]+)(/.*)?)", re.DOTALL)


def parse_arn(text: object) -> tuple[str, str, str, str | None]:
    """Take a request's ARN apart.

    Returns:
        The part up to and including the stage, with the slash after it; the rest, which the client
        chose, or a WebSocket route key; of that the HTTP method, or the route key; and the concrete
        path with its leading slash, as API Gateway spells it; nothing for WebSocket APIs.

    Raises:
        MalformedRequestError: when it is none of API Gateway's.
    """
    found = _ARN.fullmatch(text) if isinstance(text, str) else None
    if found is not None:
        stage_arn, resource, method, path = found.groups()
        return stage_arn, resource, method, path
    raise MalformedRequestError(
        f"expected an execute-api ARN of API, stage and method, found {clip(text, 120)}"
    )
