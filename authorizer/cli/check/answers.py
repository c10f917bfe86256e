"""What an authorizer answers, and what API Gateway remembers the answer under.

An answer that is remembered is given to every request that has the same key. A simple answer is
yes or no to whatever is asked next. An IAM document names what it allows: this request alone, or
all that the caller may do.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.answer import KIND_OF_MODE, AnswerKind
from authorizer.cli.check.shapes import shape_of_route
from authorizer.cli.template.model import ApiKind, AuthorizerKind, Unknown
from authorizer.gateway.events import Flavour
from authorizer.policy.iam import IamMode
from authorizer.policy.routes import ANY
from authorizer.settings import DEFAULT_IAM_MODES

if TYPE_CHECKING:
    from authorizer.cli.template.model import Api, Authorizer, FunctionVariables, Route, Template

TOKEN_SOURCE = "header:authorization"
SIMPLE, IAM = "simple", "iam"
_ANSWER = "AUTHORIZER_HTTP_API_ANSWER"
_MODES = "AUTHORIZER_IAM_MODES"
# Methods of routes that take every method: $default has none.
_EVERY = frozenset({"", ANY})


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """What of a request is in the key.

    Attributes:
        token: that of the caller.
        route: the template that was matched, with its method where that has one.
        method: of the request.
        path: the concrete one.
    """

    token: bool
    route: bool
    method: bool
    path: bool

    @property
    def tells_request(self) -> bool:
        """Whether requests with the same key are the same request."""
        return self.method and self.path

    def may_be_shared(self, one: Route, other: Route) -> bool:
        """Whether requests by two routes can have the same key."""
        if self.tells_request or (self.route and one.key != other.key):
            return False
        has_one_method = one.method == other.method
        may_have_one = has_one_method or not _EVERY.isdisjoint((one.method, other.method))
        if not self.path:
            return may_have_one or not self.method
        # Of one method, a path belongs to one route.
        return not has_one_method and shape_of_route(one.path).meets(shape_of_route(other.path))


def cache_key(api: Api, authorizer: Authorizer) -> CacheKey | None:
    """The key that answers are remembered under; nothing where that cannot be decided."""
    if authorizer.kind is AuthorizerKind.TOKEN:
        return CacheKey(token=True, route=False, method=False, path=False)
    sources = authorizer.identity_sources
    if isinstance(sources, Unknown):
        return None
    path = "context:path" in sources
    method = "context:httpMethod" in sources
    if api.kind is ApiKind.HTTP:
        route = "context:routeKey" in sources
    else:
        of_resource = {"context:resourcePath", "context:resourceId"}
        route = method and not of_resource.isdisjoint(sources)
    return CacheKey(token=TOKEN_SOURCE in sources, route=route, method=method, path=path)


def answer_kind(template: Template, api: Api, authorizer: Authorizer) -> AnswerKind | None:
    """What an authorizer of ours answers; nothing where that cannot be decided."""
    flavour = _flavour(api, authorizer)
    if flavour is None or (
        flavour is Flavour.HTTP_2 and isinstance(authorizer.simple_responses, Unknown)
    ):
        return None
    if flavour is Flavour.HTTP_2 and authorizer.simple_responses:
        return AnswerKind.SIMPLE
    modes = setting(template, authorizer, _MODES, "")
    if modes is None:
        return None
    return _mode(modes, flavour)


def http_api_answer(template: Template, authorizer: Authorizer) -> str | None:
    """What the function answers on payload 2.0; nothing where that cannot be decided."""
    return setting(template, authorizer, _ANSWER, SIMPLE)


def setting(template: Template, authorizer: Authorizer, name: str, default: str) -> str | None:
    """A variable of the function behind an authorizer; nothing where it cannot be decided."""
    function = _function(template, authorizer)
    value = function.variables.get(name, default) if function else None
    return value if isinstance(value, str) else None


def _function(template: Template, authorizer: Authorizer) -> FunctionVariables | None:
    return next((one for one in template.functions if one.id == authorizer.function), None)


def _flavour(api: Api, authorizer: Authorizer) -> Flavour | None:
    if api.kind is ApiKind.REST:
        is_token = authorizer.kind is AuthorizerKind.TOKEN
        return Flavour.REST_TOKEN if is_token else Flavour.REST_REQUEST
    if api.kind is ApiKind.HTTP and authorizer.payload_version in ("1.0", "2.0"):
        return Flavour.HTTP_2 if authorizer.payload_version == "2.0" else Flavour.HTTP_1
    return None


def _mode(modes: str, flavour: Flavour) -> AnswerKind:
    """Read ``rest-request=caller http-2.0=request``. What is misspelt fails the start instead."""
    written = dict(pair.partition("=")[::2] for pair in modes.split())
    mode = written.get(flavour.value, "")
    return KIND_OF_MODE[IamMode(mode) if mode in set(IamMode) else DEFAULT_IAM_MODES[flavour]]
