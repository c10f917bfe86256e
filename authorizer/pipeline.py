"""Event in, answer out: the three questions, one after the other.

``judge`` returns an :class:`Outcome`, a value with all that a log should say; its ``answer()`` is
what API Gateway gets. Whatever prevents judging (no keys, no readable event) is raised: the
gateway makes it a 500, and caches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.errors import InvalidTokenError, Reason, UnauthorizedError
from authorizer.gateway.events import Flavour, Request, parse_request
from authorizer.gateway.responses import (
    NOBODY,
    Answer,
    Context,
    caller_context,
    iam_answer,
    simple_answer,
)
from authorizer.policy.iam import is_literal, request_document
from authorizer.policy.model import Decision, Policy
from authorizer.settings import HttpApiAnswer, HttpApiRefusal, Settings
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from authorizer.tokens.claims import AccessToken


class Verdict(StrEnum):
    """How a request came out."""

    ALLOWED = "allowed"
    DENIED = "denied"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found out about one request.

    Attributes:
        request: what was asked.
        token: the caller's token; nothing when it was refused.
        decision: the policy's decision; nothing when the token was refused.
        reason: why not; nothing when allowed.
        detail: the refusal in words, for logs. Never for the client.
    """

    request: Request
    token: AccessToken | None = None
    decision: Decision | None = None
    reason: Reason | None = None
    detail: str | None = None
    _http_api_answer: HttpApiAnswer
    _http_api_refusal: HttpApiRefusal

    @property
    def verdict(self) -> Verdict:
        """Allowed; denied, with a good token; or refused, without one."""
        if self.token is None:
            return Verdict.REFUSED
        return Verdict.ALLOWED if self.reason is None else Verdict.DENIED

    def answer(self) -> Answer:
        """What API Gateway gets.

        Raises:
            UnauthorizedError: where it makes that a 401.
        """
        if self.verdict is Verdict.REFUSED and self._refusal_is_raised():
            raise UnauthorizedError
        allowed = self.verdict is Verdict.ALLOWED
        context = self._context() if allowed else {}
        if _is_simple(self.request, self._http_api_answer):
            return simple_answer(allowed=allowed, context=context)
        prefix, client_part = _arn_parts(self.request)
        return iam_answer(
            principal=self.token.sub if self.token else NOBODY,
            document=request_document(prefix, client_part, allowed=allowed),
            context=context,
        )

    def _refusal_is_raised(self) -> bool:
        return (
            not self.request.flavour.is_http_api
            or self._http_api_refusal is HttpApiRefusal.UNAUTHORIZED
        )

    def _context(self) -> Context:
        token = self.token
        if token is None:  # pragma: no cover - only an allowed caller has a context
            return {}
        return caller_context(
            texts={
                "sub": token.sub,
                "username": token.username,
                "client_id": token.client_id,
                "jti": token.jti,
            },
            lists={"groups": token.groups, "scope": token.scopes},
        )


class Authorizer:
    """A verifier and a policy behind API Gateway's events. Thread-safe; make one and keep it."""

    def __init__(
        self,
        verifier: TokenVerifier,
        policy: Policy,
        *,
        http_api_answer: HttpApiAnswer = HttpApiAnswer.SIMPLE,
        http_api_refusal: HttpApiRefusal = HttpApiRefusal.DENY,
    ) -> None:
        """Put the parts together; see :class:`Settings` for the two choices."""
        self._verifier = verifier
        self._policy = policy
        self._http_api_answer = http_api_answer
        self._http_api_refusal = http_api_refusal

    @classmethod
    def from_settings(cls, settings: Settings) -> Authorizer:
        """The authorizer that a configuration describes."""
        keys = JwksCache(timing=settings.jwks_timing, bundled=settings.bundled_keys)
        return cls(
            TokenVerifier(settings.pools, keys=keys),
            settings.policy,
            http_api_answer=settings.http_api_answer,
            http_api_refusal=settings.http_api_refusal,
        )

    @property
    def keys(self) -> JwksCache:
        """Where the keys come from, for metrics."""
        return self._verifier.keys

    @property
    def policy(self) -> Policy:
        """The policy that is enforced."""
        return self._policy

    def authorize(self, event: object) -> Answer:
        """Answer an authorizer event of any flavour.

        Raises:
            UnauthorizedError: the token is refused, where API Gateway makes that a 401.
            KeysUnavailableError: the keys cannot be had; API Gateway makes it a 500.
            MalformedRequestError: the event is not an authorizer event.
        """
        return self.judge(event).answer()

    def judge(self, event: object) -> Outcome:
        """Find out what the answer is, and why.

        Raises:
            KeysUnavailableError: the keys cannot be had.
            MalformedRequestError: the event is not an authorizer event.
        """
        request = parse_request(event)
        outcome = Outcome(
            request=request,
            _http_api_answer=self._http_api_answer,
            _http_api_refusal=self._http_api_refusal,
        )
        try:
            token = self._verifier.verify(request.bearer_token())
        except InvalidTokenError as error:
            return replace(outcome, reason=error.reason, detail=str(error))
        decision = self._decide(request, token)
        return replace(outcome, token=token, decision=decision, reason=decision.reason)

    def _decide(self, request: Request, token: AccessToken) -> Decision:
        decision = self._policy.decide(
            method=request.method,
            route=request.route,
            path=request.path,
            path_parameters=request.path_parameters,
            groups=token.groups,
            scopes=token.scopes,
            claims=token.claims,
        )
        nameable = _is_simple(request, self._http_api_answer) or is_literal(_arn_parts(request)[1])
        if decision.allowed and not nameable:
            # No document can allow this request and no other one.
            return Decision(allowed=False, reason=Reason.PATH_UNSAFE)
        return decision


def _is_simple(request: Request, http_api_answer: HttpApiAnswer) -> bool:
    return request.flavour is Flavour.HTTP_2 and http_api_answer is HttpApiAnswer.SIMPLE


def _arn_parts(request: Request) -> tuple[str, str]:
    """The request's ARN as what API Gateway chose, and what the client chose."""
    if request.flavour is Flavour.WEBSOCKET:
        return request.arn.text, ""
    return request.arn.stage_arn, request.arn.resource
