"""In which form an authorizer answers, and which requests it can allow in that form.

An IAM document for one request cannot name every path: what is a wildcard or begins a variable
there would open others. A caller's document may cover such a path along with others.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from authorizer.cli.template.model import ApiKind
from authorizer.policy.caller import CallerDocuments
from authorizer.policy.grants import Inexact
from authorizer.policy.iam import why_unnamed
from authorizer.policy.routes import CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from authorizer.cli.analysis.request import PolicyRequest
    from authorizer.cli.template.model import Authorizer
    from authorizer.errors import Reason
    from authorizer.policy.model import Policy


class AnswerForm(Enum):
    """What an allowed request is answered by, unless the function's settings say otherwise."""

    SIMPLE = auto()
    REQUEST_DOCUMENT = auto()
    CALLER_DOCUMENT = auto()


def answer_form(kind: ApiKind, authorizer: Authorizer) -> AnswerForm:
    """The form of an authorizer's answers. What is not known is taken for the usual."""
    if kind is ApiKind.REST:
        return AnswerForm.CALLER_DOCUMENT
    is_simple = authorizer.payload_version != "1.0" and authorizer.simple_responses is not False
    is_http = kind is ApiKind.HTTP
    return AnswerForm.SIMPLE if is_http and is_simple else AnswerForm.REQUEST_DOCUMENT


class Documents:
    """The documents of a policy's callers."""

    def __init__(self, policy: Policy) -> None:
        """Take a policy that was compiled with its API's routes, or without."""
        routes = policy.routes and tuple(key for key in policy.routes if key != CONNECT)
        self._of_callers = CallerDocuments(policy, routes)

    def why_not(
        self,
        form: AnswerForm,
        request: PolicyRequest,
        *,
        groups: Iterable[str],
        scopes: Iterable[str],
        claims: Mapping[str, Any],
    ) -> Reason | None:
        """Why an answer of that form cannot allow a request that the policy allows, if so."""
        resource = f"{request.method}{request.path or ''}"
        # Before it, an ARN has a part that the deployment decides: here it has none.
        reason = why_unnamed("", resource)
        if form is AnswerForm.SIMPLE or reason is None:
            return None
        if form is AnswerForm.REQUEST_DOCUMENT:
            return reason
        grants = self._of_callers.of(tuple(groups), scopes, claims)
        is_covered = not isinstance(grants, Inexact) and grants.allows(resource)
        return None if is_covered else reason
