"""What kinds of answers an authorizer gives, and which requests it can allow by them.

An IAM document for one request cannot name every path: what is a wildcard or begins a variable
there would open others. A caller's document may cover such a path along with others.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from authorizer.cli.template.model import ApiKind
from authorizer.policy.caller import CallerDocuments
from authorizer.policy.grants import Inexact
from authorizer.policy.iam import IamMode, why_unnamed
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from authorizer.cli.analysis.request import PolicyRequest
    from authorizer.cli.template.model import Authorizer
    from authorizer.errors import Reason
    from authorizer.policy.model import Policy


class AnswerKind(Enum):
    """What an answer says."""

    SIMPLE = auto()
    # An IAM document for all that the caller may do, and one for this request alone.
    CALLER = auto()
    REQUEST = auto()


# What a document covers, in the words of the function's settings.
KIND_OF_MODE = {IamMode.CALLER: AnswerKind.CALLER, IamMode.REQUEST: AnswerKind.REQUEST}


def usual_answer(kind: ApiKind, authorizer: Authorizer) -> AnswerKind:
    """The answers of an authorizer whose settings are not looked at.

    What is not known is taken for the usual.
    """
    if kind is ApiKind.REST:
        return AnswerKind.CALLER
    is_simple = authorizer.payload_version != "1.0" and authorizer.simple_responses is not False
    is_http = kind is ApiKind.HTTP
    return AnswerKind.SIMPLE if is_http and is_simple else AnswerKind.REQUEST


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
