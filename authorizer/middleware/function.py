"""A plain Lambda handler behind a load balancer, a function URL, or API Gateway without authorizer.

    rbac = Authorizer.from_settings(Settings.from_environment(os.environ, Path(__file__).parent))

    @protected(rbac)
    def handler(event, context, caller):
        return {"statusCode": 200, "body": f"Hello {caller.username}"}

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from authorizer import AccessToken, Authorizer, MalformedRequestError
from authorizer.middleware.gate import Refusal, ask, question

Event = dict[str, Any]
_Context = TypeVar("_Context")
_Answer = TypeVar("_Answer")


def protected(
    authorizer: Authorizer,
) -> Callable[
    [Callable[[Event, _Context, AccessToken], _Answer]],
    Callable[[Event, _Context], _Answer | Event],
]:
    """Call a handler for those alone who may, with the caller as its third argument.

    Args:
        authorizer: the verifier and the policy; made once, outside the handler.

    The handler it makes raises a ``MalformedRequestError`` for an event that is no HTTP request.
    """

    def protect(
        handler: Callable[[Event, _Context, AccessToken], _Answer],
    ) -> Callable[[Event, _Context], _Answer | Event]:
        @wraps(handler)
        def protected_handler(event: Event, context: _Context) -> _Answer | Event:
            caller = ask(authorizer, _question(event))
            if isinstance(caller, Refusal):
                return _answer_of(caller, is_many="multiValueHeaders" in event)
            return handler(event, context, caller)

        return protected_handler

    return protect


def _answer_of(refusal: Refusal, *, is_many: bool) -> Event:
    """A refusal, as Lambda gives it back.

    Args:
        refusal: what is answered.
        is_many: whether headers are lists, as they are in the event of a load balancer that wants
            them so.
    """
    return {
        "statusCode": refusal.status.value,
        "body": json.dumps({"message": refusal.status.phrase}),
        "multiValueHeaders" if is_many else "headers": {
            name: [value] if is_many else value
            for name, value in {"Content-Type": "application/json", **refusal.headers}.items()
        },
    }


def _question(event: Event) -> Event:
    """Which kind of event it is follows from what AWS puts into it, never from a client's part."""
    match event:
        case {"httpMethod": str(method), "path": str(path), "requestContext": {"elb": _}}:
            return question(event, method=method, path=path)
        case {"httpMethod": str(method), "path": str(path), "resource": str(key)}:
            pass
        case {
            "version": "2.0",
            "rawPath": str(path),
            "routeKey": str(key),
            "requestContext": {"http": {"method": str(method)}, **context},
        }:
            stage = context.get("stage", "$default")
            # At an API's own address the path begins with the stage. Behind a domain of one's own
            # it does not, and who has it begin so is a client.
            if stage != "$default" and context.get("domainPrefix") == context.get("apiId"):
                path = path.removeprefix(f"/{stage}")
        case _:
            raise MalformedRequestError(
                "expected an event of a load balancer, a function URL or API Gateway's proxy "
                "integration, found another one"
            )
    route, values = key.rpartition(" ")[2], event.get("pathParameters") or {}
    # A greedy value may be what the application chooses by. Behind a base path the path has more
    # segments than that, and nobody knows which of them is meant.
    above, _, name = route.rpartition("{")
    rest = str(values.get(name.removesuffix("+}"))) if name.endswith("+}") else ""
    if rest and path.count("/") != above.count("/") + rest.count("/"):
        path = f"//{path}"
    return question(event, method=method, path=path, route=route, parameters=values)
