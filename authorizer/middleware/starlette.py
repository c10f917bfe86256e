"""A dependency of FastAPI's, which endpoints of Starlette's can call as well.

    who_may = protected(rbac)
    Caller = Annotated[AccessToken, Depends(who_may)]
    app = FastAPI(dependencies=[Depends(who_may)])

    @app.get("/users/{user_id}")
    def user(user_id: str, caller: Caller) -> dict[str, str | None]:
        return {"of": user_id, "by": caller.username}

https://fastapi.tiangolo.com/tutorial/dependencies/
https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from authorizer import AccessToken, Authorizer
from authorizer.middleware.gate import NO_ROUTE, Refusal, ask, question

# One spelling for each path, whatever the client's was: what may be written as it is, is.
_written = partial(quote, safe="/-._~!$&'()+,=:@", errors="replace")


def protected(authorizer: Authorizer) -> Callable[[Request], AccessToken]:
    """A dependency that is the caller, if they may; otherwise it raises an ``HTTPException``.

    It may wait for keys, so that FastAPI runs it in a thread. Await it with
    ``run_in_threadpool(who_may, request)`` in an asynchronous endpoint of Starlette's.

    Args:
        authorizer: the verifier and the policy; made once.
    """

    def who_may(request: Request) -> AccessToken:
        caller = ask(authorizer, _question(request))
        if isinstance(caller, Refusal):
            raise HTTPException(caller.status, headers=caller.headers)
        return caller

    return who_may


def _question(request: Request) -> dict[str, Any]:
    scope, headers, query = request.scope, request.headers, request.query_params
    # As Starlette does it: the path is decoded, and begins with what a server in front has taken
    # off ("root path"); an application that is mounted adds to that where it stands.
    root = scope.get("root_path", "")
    outer = scope.get("app_root_path", root)
    path = scope["path"]
    return question(
        {
            "multiValueHeaders": {name: headers.getlist(name) for name in headers},
            "multiValueQueryStringParameters": {name: query.getlist(name) for name in query},
        },
        method=scope["method"],
        path=_written(path[len(outer) :] if f"{path}/".startswith(f"{outer}/") else path),
        route=_route_of(scope, mounted=_written(root.removeprefix(outer))),
        # What a converter changed, such as 007 to 7, does not agree with the path, and is refused.
        parameters={name: str(value) for name, value in request.path_params.items()},
    )


def _route_of(scope: Any, *, mounted: str) -> str:  # noqa: ANN401 - whatever is in it
    """The template of the route that was chosen, below all routers and mounts."""
    route = scope.get("route")
    # Newer versions of FastAPI tell there the route without its router's prefix, and both here.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(
        whole if getattr(whole, "original_route", None) is route else route, "path", None
    )
    # {rest:path} takes several segments, every other converter one.
    return mounted + re.sub(r":\w+\}", "}", path.replace(":path}", "+}")) if path else NO_ROUTE
