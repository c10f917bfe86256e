"""Event in, answer out: the three questions, one after the other.

``judge`` returns an :class:`Outcome`, a value with all that a log should say; its ``answer()`` is
what API Gateway gets. Whatever prevents judging (no keys, no readable event) is raised: the
gateway makes it a 500, and caches nothing.

==========================  ==================================  =============================
outcome                     HTTP API                            REST and WebSocket API
==========================  ==================================  =============================
allowed                     ``isAuthorized: true``, or Allow    Allow
valid token, not permitted  ``isAuthorized: false``, or Deny    Deny
token refused               the same, or ``Unauthorized``       ``Unauthorized``
==========================  ==================================  =============================

A simple answer, of HTTP APIs with payload 2.0 alone, has ``isAuthorized``, every other one
``principalId`` and ``policyDocument``; each has ``context``. That is flat and made of strings,
since API Gateway answers 500 to a list or an object in it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, Self

from authorizer.errors import InvalidTokenError, Reason, UnauthorizedError
from authorizer.gateway.events import HTTP_APIS, Flavour, Request, parse_request
from authorizer.gateway.iam import (
    MOST_ANSWER_BYTES,
    PolicyDocument,
    caller_document,
    copy_of,
    denying_glob,
    remembered_document,
    request_document,
    why_unnamed,
)
from authorizer.gateway.token_sources import AUTHORIZATION, TokenSources
from authorizer.policy.caller_document import CallerDocuments, Grants, Inexact
from authorizer.policy.decision import Policy
from authorizer.policy.model import Decision
from authorizer.policy.paths import CONNECT
from authorizer.settings import (
    DEFAULT_IAM_MODES,
    HttpApiAnswer,
    HttpApiRefusal,
    IamMode,
    RevocationUnavailable,
    Settings,
)
from authorizer.tokens.claims import AccessToken
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.verifier import TokenVerifier

# Stands for a caller who is nobody, where API Gateway insists on a principal.
_NOBODY = "unauthenticated"
# All that a WebSocket API asks about: whether it may be connected to.
_CONNECTION = (Grants(allow=(), deny=()), Grants(allow=(CONNECT,), deny=()))


class Verdict(StrEnum):
    """How a request came out."""

    ALLOWED = "allowed"
    DENIED = "denied"
    REFUSED = "refused"


class Outcome(NamedTuple):
    """What was found out about one request.

    Attributes:
        request: what was asked.
        token: the caller's token; nothing when it was refused.
        decision: the policy's decision; nothing when the token was refused.
        document: the answer's IAM document; nothing for an answer without one.
        iam_mode: what the document covers; nothing without one, or without a caller.
        inexact: why it covers the request alone, where it was meant to cover all of the caller's.
        refusal: why the token was refused, where it was.
        is_raised: whether API Gateway is to make it a 401, and gets an error in place of an answer.
    """

    request: Request
    token: AccessToken | None = None
    decision: Decision | None = None
    document: PolicyDocument | None = None
    iam_mode: IamMode | None = None
    inexact: Inexact | None = None
    refusal: InvalidTokenError | None = None
    is_raised: bool = False

    @property
    def reason(self) -> Reason | None:
        """Why not; nothing when allowed."""
        outcome = self.decision or self.refusal
        return outcome.reason if outcome else None

    @property
    def verdict(self) -> Verdict:
        """Allowed; denied, with a good token; or refused, without one."""
        if self.token is None:
            return Verdict.REFUSED
        return Verdict.ALLOWED if self.reason is None else Verdict.DENIED

    def answer(self) -> dict[str, Any]:
        """What API Gateway gets.

        Raises:
            UnauthorizedError: where it makes that a 401.
        """
        if self.is_raised:
            raise UnauthorizedError
        token, allowed = self.token, self.decision is not None and self.decision.allowed
        # A document for the caller may be remembered and allow their next request, which then gets
        # this context, whatever was decided about the present one.
        is_told = token is not None and (allowed or self.iam_mode is IamMode.CALLER)
        context = context_of(token) if token is not None and is_told else {}
        if self.document is None:
            return {"isAuthorized": allowed, "context": context}
        return {
            "principalId": _NOBODY if token is None else token.sub,
            "policyDocument": self.document,
            "context": context,
        }


class Authorizer:
    """A verifier and a policy behind API Gateway's events. Thread-safe; make one and keep it.

    Attributes:
        keys: where the keys come from, for metrics.
        policy: the policy that is enforced.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        policy: Policy,
        *,
        http_api_answer: HttpApiAnswer = HttpApiAnswer.SIMPLE,
        http_api_refusal: HttpApiRefusal = HttpApiRefusal.DENY,
        iam_modes: Mapping[Flavour, IamMode] = DEFAULT_IAM_MODES,
        token_sources: TokenSources = TokenSources(),  # noqa: B008 - it is not changed
    ) -> None:
        """Put the parts together; see :class:`Settings` for the choices."""
        self._verifier = verifier
        self.keys, self.policy = verifier.keys, policy
        self._documents = CallerDocuments(policy)
        # The usual one alone is read with the request.
        self._sources = None if token_sources.sources == (AUTHORIZATION,) else token_sources
        # Of which kinds of events answers are simple, or documents for callers, or refusals raised.
        self._simple = (Flavour.HTTP_2,) if http_api_answer is HttpApiAnswer.SIMPLE else ()
        self._for_callers = tuple(one for one in Flavour if iam_modes[one] is IamMode.CALLER)
        self._raised = tuple(
            flavour
            for flavour in Flavour
            if http_api_refusal is HttpApiRefusal.UNAUTHORIZED or flavour not in HTTP_APIS
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The authorizer that a configuration describes.

        Raises:
            ConfigurationError: it revokes tokens, and what reads the list of them is not there.
        """
        keys = JwksCache(
            timing=settings.jwks_timing,
            bundled=settings.bundled_keys,
            never_expiring=settings.never_expiring_keys,
        )
        revocations = None
        if settings.revocation_table is not None:
            # It is for few, and comes with a client of AWS's.
            from authorizer.tokens.revocation import Revocations, reader_of_table  # noqa: PLC0415

            revocations = Revocations(
                reader_of_table(settings.revocation_table),
                time_to_live_seconds=settings.revocation_time_to_live.total_seconds(),
                allow_insecurely=settings.revocation_unavailable
                is RevocationUnavailable.ALLOW_INSECURELY,
            )
        return cls(
            TokenVerifier(settings.pools, keys=keys, revocations=revocations),
            settings.policy,
            http_api_answer=settings.http_api_answer,
            http_api_refusal=settings.http_api_refusal,
            iam_modes=settings.iam_modes,
            token_sources=settings.token_sources,
        )

    def authorize(self, event: object) -> dict[str, Any]:
        """Answer an authorizer event of any flavour.

        Raises:
            UnauthorizedError: the token is refused, where API Gateway makes that a 401.
            KeysUnavailableError: the keys cannot be had; API Gateway makes it a 500.
            RevocationsUnavailableError: the same of the list of revoked tokens.
            MalformedRequestError: the event is not an authorizer event.
        """
        return self.judge(event).answer()

    def judge(self, event: object) -> Outcome:
        """Find out what the answer is, and why.

        Raises:
            KeysUnavailableError: the keys cannot be had.
            RevocationsUnavailableError: the list of revoked tokens cannot be had.
            MalformedRequestError: the event is not an authorizer event.
        """
        request = parse_request(event)
        flavour = request.flavour
        is_simple = flavour in self._simple
        try:
            token = self._verifier.verify(
                request.bearer_token()
                if self._sources is None
                else self._sources.token_of(request, event)
            )
        except InvalidTokenError as error:
            return Outcome(
                request,
                document=None
                if is_simple
                else request_document(*_arn_parts(request), allowed=False),
                refusal=error,
                is_raised=flavour in self._raised,
            )
        decision = self.policy.decide(
            method=request.method,
            route=request.route,
            path=request.path,
            path_parameters=request.path_parameters,
            groups=token.groups,
            scopes=token.scopes,
            claims=token.claims,
        )
        if is_simple:
            return Outcome(request, token, decision)
        found = (
            self._caller_document(request, token, is_allowed=decision.allowed)
            if flavour in self._for_callers
            else None
        )
        if found is not None and not isinstance(found, Inexact):
            return Outcome(request, token, decision, found, IamMode.CALLER)
        arn_parts = _arn_parts(request)
        document = request_document(*arn_parts, allowed=decision.allowed)
        if decision.allowed and document["Statement"][0]["Effect"] == "Deny":  # for its spelling
            decision = Decision(allowed=False, reason=why_unnamed(*arn_parts))
        return Outcome(request, token, decision, document, IamMode.REQUEST, found)

    def _caller_document(
        self, request: Request, token: AccessToken, *, is_allowed: bool
    ) -> PolicyDocument | Inexact:
        grants: Grants | Inexact | None = (
            _CONNECTION[is_allowed]
            if request.flavour is Flavour.WEBSOCKET  # there, nothing else is ever asked
            else self._documents.of(token.groups, token.scopes, token.claims)
        )
        if isinstance(grants, Inexact):
            return grants
        prefix, resource = request.stage_arn, request.resource
        most = MOST_ANSWER_BYTES - _bytes_beside_document(token)
        while grants is not None:
            document, size = remembered_document(prefix, grants)
            if grants.allows(resource) is not is_allowed:
                if is_allowed:
                    return Inexact.REQUEST_DIFFERS  # it is spelt otherwise than its route
                # For its path alone: others are granted.
                denied = (*grants.deny, denying_glob(prefix, resource))
                document = caller_document(prefix, grants.allow, denied)
                size = max(size, len(json.dumps(document)))
            if size <= most:
                return copy_of(document)
            grants = grants.smaller
        return Inexact.TOO_LARGE


def _arn_parts(request: Request) -> tuple[str, str]:
    """The request's ARN as what API Gateway chose, and what the client chose."""
    if request.flavour is Flavour.WEBSOCKET:
        return request.stage_arn + request.resource, ""
    return request.stage_arn, request.resource


def context_of(token: AccessToken) -> dict[str, str]:
    """What the backend learns of the caller: absent values left out, lists joined by blanks.

    Group and scope names contain no white space (a group in which one does is skipped, a scope
    cannot have any), so that the backend can split them again.
    """
    context: dict[str, Any] = {
        "sub": token.sub,
        "username": token.username,
        "client_id": token.client_id,
        "jti": token.jti,
        "groups": " ".join(token.groups),
        "scope": " ".join(token.scopes),
    }
    if token.username is None or token.jti is None:
        return {name: value for name, value in context.items() if value is not None}
    return context


@lru_cache(maxsize=1024)
def _bytes_beside_document(token: AccessToken) -> int:
    """How long an answer with a document is without that, as JSON: the same for each request."""
    answer = {"principalId": token.sub, "policyDocument": 0, "context": context_of(token)}
    return len(json.dumps(answer)) - len("0")
