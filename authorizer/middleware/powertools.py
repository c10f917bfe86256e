"""Middleware for the Event Handler of Powertools for AWS Lambda, whichever its resolver.

    app = ALBResolver()
    app.use(middlewares=[protected(rbac)])

    @app.get("/users/<user_id>")
    def user(user_id: str) -> dict[str, str | None]:
        return {"of": user_id, "by": caller_of(app).username}

https://docs.powertools.aws.dev/lambda/python/latest/core/event_handler/api_gateway/#middleware
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import (
    ApiGatewayResolver,
    BaseRouter,
    Response,
)

from authorizer import AccessToken, Authorizer
from authorizer.middleware.gate import NO_ROUTE, Refusal, ask, question

_CALLER = "authorizer_caller"
# A rule with any of these is a regular expression, and does not tell the path.
_OF_EXPRESSIONS = frozenset("()[]*+?|^$\\")


_Next = Callable[[ApiGatewayResolver], Response[Any]]


def protected(authorizer: Authorizer) -> Callable[[ApiGatewayResolver, _Next], Response[Any]]:
    """Middleware that lets those pass who may; for all routes (``app.use``) or for one.

    Args:
        authorizer: the verifier and the policy; made once, outside the handler.
    """

    def middleware(app: ApiGatewayResolver, next_middleware: _Next) -> Response[Any]:
        # What Powertools found the handler by: the path without its prefixes, and the rule.
        context, event = app.context, app.current_event
        rule = context["_route"].openapi_path
        caller = ask(
            authorizer,
            question(
                event.raw_event,
                method=event.http_method,
                path=context["_path"],
                route=rule if _OF_EXPRESSIONS.isdisjoint(rule) else NO_ROUTE,
                parameters=context["_route_args"],
            ),
        )
        if isinstance(caller, Refusal):
            return Response(
                caller.status.value,
                "application/json",
                {"message": caller.status.phrase},
                caller.headers,
            )
        context[_CALLER] = event, caller
        return next_middleware(app)

    return middleware


def caller_of(app: BaseRouter) -> AccessToken:
    """Who calls, in a handler behind the middleware.

    Raises:
        LookupError: the middleware was not asked about this event: the route is not protected.
    """
    event, caller = app.context.get(_CALLER, (None, None))
    if event is not app.current_event or not isinstance(caller, AccessToken):
        raise LookupError("expected a route behind protected(...), found no caller")
    return caller
