"""What kinds of answers an authorizer gives, and which requests it can allow by them.

An IAM document for one request cannot name every path: what is a wildcard or begins a variable
there would open others. A caller's document may cover such a path along with others.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from authorizer.cli.template.model import ApiKind, AuthorizerKind, Unknown
from authorizer.gateway.events import Flavour
from authorizer.policy.caller import CallerDocuments
from authorizer.policy.grants import Inexact
from authorizer.policy.iam import IamMode, why_unnamed
from authorizer.policy.routes import CONNECT
from authorizer.settings import DEFAULT_IAM_MODES, PREFIX, HttpApiAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from authorizer.cli.analysis.request import PolicyRequest
    from authorizer.cli.template.model import Api, Authorizer, Template
    from authorizer.errors import Reason
    from authorizer.policy.model import Policy


class AnswerKind(Enum):
    """What an answer says."""

    SIMPLE = auto()
    # An IAM document for all that the caller may do, and one for this request alone.
    CALLER = auto()
    REQUEST = auto()


# What a document covers, in the words of the function's settings.
_KINDS = {IamMode.CALLER: AnswerKind.CALLER, IamMode.REQUEST: AnswerKind.REQUEST}


def answer_kind(template: Template, api: Api, authorizer: Authorizer) -> AnswerKind | None:
    """What an authorizer of ours answers; nothing where that cannot be decided."""
    flavour = _flavour(api, authorizer)
    if flavour is Flavour.HTTP_2 and authorizer.simple_responses:
        is_known = not isinstance(authorizer.simple_responses, Unknown)
        return AnswerKind.SIMPLE if is_known else None
    modes = _setting(template, authorizer, "IAM_MODES", "")
    if flavour is None or modes is None:
        return None
    # Such as "rest-request=caller http-2.0=request". What is misspelt fails the start instead.
    mode = dict(pair.partition("=")[::2] for pair in modes.split()).get(flavour, "")
    return _KINDS[IamMode(mode) if mode in set(IamMode) else DEFAULT_IAM_MODES[flavour]]


def likely_answer(template: Template, api: Api, authorizer: Authorizer) -> AnswerKind:
    """The same, with the usual for what cannot be decided."""
    known = answer_kind(template, api, authorizer)
    if known is not None:
        return known
    if api.kind is ApiKind.REST:
        return AnswerKind.CALLER
    is_simple = authorizer.payload_version != "1.0" and authorizer.simple_responses is not False
    is_http = api.kind is ApiKind.HTTP
    return AnswerKind.SIMPLE if is_http and is_simple else AnswerKind.REQUEST


def http_api_answer(template: Template, authorizer: Authorizer) -> HttpApiAnswer | None:
    """What the function answers on payload 2.0; nothing where that cannot be decided."""
    answer = _setting(template, authorizer, "HTTP_API_ANSWER", HttpApiAnswer.SIMPLE)
    return HttpApiAnswer(answer) if answer in set(HttpApiAnswer) else None


def _setting(template: Template, authorizer: Authorizer, name: str, default: str) -> str | None:
    """A variable of the function behind an authorizer; nothing where it cannot be decided."""
    function = next((one for one in template.functions if one.id == authorizer.function), None)
    value = function.variables.get(f"{PREFIX}{name}", default) if function else None
    return value if isinstance(value, str) else None


def _flavour(api: Api, authorizer: Authorizer) -> Flavour | None:
    if api.kind is ApiKind.REST:
        is_token = authorizer.kind is AuthorizerKind.TOKEN
        return Flavour.REST_TOKEN if is_token else Flavour.REST_REQUEST
    if api.kind is ApiKind.HTTP and authorizer.payload_version in ("1.0", "2.0"):
        return Flavour.HTTP_2 if authorizer.payload_version == "2.0" else Flavour.HTTP_1
    return None


class Documents:
    """The documents of a policy's callers."""

    def __init__(self, policy: Policy) -> None:
        """Take a policy that was compiled with its API's routes, or without."""
        routes = policy.routes and tuple(key for key in policy.routes if key != CONNECT)
        self._of_callers = CallerDocuments(policy, routes)

    def why_not(
        self,
        kind: AnswerKind,
        request: PolicyRequest,
        *,
        groups: Iterable[str],
        scopes: Iterable[str],
        claims: Mapping[str, Any],
    ) -> Reason | None:
        """Why an answer of that kind cannot allow a request that the policy allows, if so."""
        resource = f"{request.method}{request.path or ''}"
        # Before it, an ARN has a part that the deployment decides: here it has none.
        reason = why_unnamed("", resource)
        if kind is AnswerKind.SIMPLE or reason is None:
            return None
        if kind is AnswerKind.REQUEST:
            return reason
        grants = self._of_callers.of(tuple(groups), scopes, claims)
        is_covered = not isinstance(grants, Inexact) and grants.allows(resource)
        return None if is_covered else reason
