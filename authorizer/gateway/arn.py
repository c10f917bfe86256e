"""The ARN of an API Gateway request, taken apart.

``arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}``, and for a
WebSocket API ``.../{stage}/{routeKey}``. The path is the client's and may hold anything: colons,
so that everything before it is split with a limit, and wildcards, which must never reach an IAM
document as such.

https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
"""

from __future__ import annotations

from dataclasses import dataclass

from authorizer.errors import MalformedRequestError, clip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteApiArn:
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
    if isinstance(text, str):
        parts = text.split(":", 5)
        resource = parts[-1].split("/", 3)
        if (
            len(parts) == 6  # noqa: PLR2004 - the six parts of every ARN
            and parts[0] == "arn"
            and parts[2] == "execute-api"
            and len(resource) >= 3  # noqa: PLR2004 - API, stage, method
            and all([parts[1], *resource[:3]])
        ):
            api, stage, method = resource[:3]
            return ExecuteApiArn(
                text=text,
                stage_arn=":".join([*parts[:5], f"{api}/{stage}/"]),
                resource="/".join(resource[2:]),
                method=method,
                path=f"/{resource[3]}" if len(resource) > 3 else None,  # noqa: PLR2004
            )
    raise MalformedRequestError(
        f"expected an execute-api ARN of API, stage and method, found {clip(text, 120)}"
    )
