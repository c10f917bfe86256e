"""What all middleware shares: the question as API Gateway would have put it, and the answers.

A request becomes the event that an HTTP API asks its authorizer with, so that the code that decides
is the authorizer's own. The path in it is the one by which the application chooses what runs: a
decision about any other spelling would be one about another request. Where the application says
which of its routes it chose, that decides, and the path must agree with it; elsewhere the path
decides, and one that can be read in two ways is refused.

Answers are those of RFC 6750, section 3. The client learns no reason; the log does.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from authorizer import (
    AccessToken,
    Authorizer,
    KeysUnavailableError,
    Reason,
    RevocationsUnavailableError,
)
from authorizer.authorizer import Verdict

_log = logging.getLogger(__name__)
# The application names no route of its own: the path decides.
NO_ROUTE = "$default"
# The status, and what follows the realm. Who brought no token is told of no error.
_STATUSES: dict[object, tuple[HTTPStatus, str]] = {
    Verdict.DENIED: (HTTPStatus.FORBIDDEN, ', error="insufficient_scope"'),
    Verdict.REFUSED: (HTTPStatus.UNAUTHORIZED, ', error="invalid_token"'),
    Reason.TOKEN_MISSING: (HTTPStatus.UNAUTHORIZED, ""),
    Reason.AUTHORIZATION_NOT_BEARER: (HTTPStatus.UNAUTHORIZED, ""),
    Reason.AUTHORIZATION_AMBIGUOUS: (HTTPStatus.BAD_REQUEST, ', error="invalid_request"'),
    # The token was not looked at: a page of another site sent it along.
    Reason.ORIGIN_NOT_ALLOWED: (HTTPStatus.FORBIDDEN, ""),
}
_UNCACHED = {"Cache-Control": "no-store"}


class Refusal(NamedTuple):
    """An answer in place of the application's.

    Attributes:
        status: 400, 401, 403 or 503; its phrase is all that the body says.
        headers: what belongs to the status: ``WWW-Authenticate`` or ``Retry-After``.
    """

    status: HTTPStatus
    headers: dict[str, str]


def question(
    event: Mapping[str, Any],
    *,
    method: str,
    path: str,
    route: str = NO_ROUTE,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The event that an HTTP API would have asked its authorizer with.

    Args:
        event: what holds headers, cookies and query, as a Lambda function gets them.
        method: as the client sent it.
        path: by which the application chooses what runs; without a query.
        route: the template that it chose: ``/users/{id}``.
        parameters: what it takes for that template's parameters.
    """
    return {
        **event,
        "type": "REQUEST",
        "version": "2.0",
        # A path that begins with no slash names nothing here, and must not become the root.
        "routeArn": f"arn:aws:execute-api:::-/-/-{'' if path.startswith('/') else '//'}{path}",
        "routeKey": f"- {route}",
        "pathParameters": parameters,
        "requestContext": {"http": {"method": method}},
    }


def ask(authorizer: Authorizer, event: Mapping[str, Any]) -> AccessToken | Refusal:
    """Who calls, if they may; or what to answer instead.

    Args:
        authorizer: the verifier and the policy.
        event: a ``question``.

    Raises:
        MalformedRequestError: what it is made of is not of the kind that it should be.
    """
    try:
        outcome = authorizer.judge(event)
    except (KeysUnavailableError, RevocationsUnavailableError) as unavailable:
        _log.error("%s", unavailable)
        # Between the first and the longest back-off of ``JwksTiming``: the pool is asked again.
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, _UNCACHED | {"Retry-After": "10"})
    _log.info("%s, reason %s", outcome.verdict, outcome.reason)
    if outcome.token is not None and outcome.verdict is Verdict.ALLOWED:
        return outcome.token
    status, error = _STATUSES.get(outcome.reason) or _STATUSES[outcome.verdict]
    return Refusal(status, _UNCACHED | {"WWW-Authenticate": f'Bearer realm="api"{error}'})
