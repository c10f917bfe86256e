"""One request, really sent, and everything that can be told of what became of it.

The answer is the API's own. What the authorizer told API Gateway is worked out here, by the same
code, for the event that API Gateway makes of the request: API Gateway shows nobody what it got.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from authorizer.cli.account.http_client import require_path, send
from authorizer.cli.analysis.explanation import Explanation, explain
from authorizer.cli.analysis.protection import DecidedBy, flavour_of
from authorizer.cli.analysis.simulator import Verdict
from authorizer.cli.event.flavours import made_event
from authorizer.errors import AuthorizerError
from authorizer.gateway.events import Flavour

if TYPE_CHECKING:
    from authorizer import Outcome
    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.cli.playground.stage import PolicyState, Stage
    from authorizer.cli.playground.tokens import Attack, Tokens

# What becomes of a request that has no token where one is needed.
NO_TOKEN = "no_token"
_MOST_CHARACTERS = 4000
# A log is read for one request at a time, or they mix.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what became of it.

    Attributes:
        who: whose token it was; nothing where there was none.
        story: what becomes of such a request: a verdict of the authorizer, or of the API's routes,
            or ``NO_TOKEN``.
        is_remembered: whether API Gateway gave an answer that it remembered, and asked nobody;
            nothing where that cannot be told.
        policy: what the policy in force says.
        outcome: what the authorizer finds out; nothing where it is not asked.
    """

    request: Request
    who: str | None
    status: int
    body: str
    story: str
    is_remembered: bool | None
    policy: Explanation
    outcome: Outcome | None


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Who is at the page, and what they see there.

    Tokens stay here: a browser has a random name for its session, and no more.

    Attributes:
        name: of whom they have signed in; nothing where nobody is.
        tokens: of the sign-in.
        token: what is looked at and sent: of the sign-in, spoilt, or pasted.
        attack: what was done to it.
        is_judged_by_own_keys: whether a key made for this run stands in for the pool's.
        route: the key of the route that was chosen.
        values: of its parameters, and its method, as they were typed.
        tried: by the name of an example, what came of it.
        trouble: what did not work, a sentence.
    """

    language: str
    name: str | None = None
    tokens: Tokens | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    attack: Attack | None = None
    is_judged_by_own_keys: bool = False
    route: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    exchange: Exchange | None = None
    tried: dict[str, Exchange] = field(default_factory=dict)
    trouble: str = ""

    def hold(self, name: str | None = None, tokens: Tokens | None = None) -> None:
        """Be somebody from now on, or nobody."""
        self.name, self.tokens, self.token = name, tokens, tokens[0] if tokens else None
        self.attack, self.is_judged_by_own_keys = None, False


def exchange(
    stage: Stage, policy: PolicyState, visitor: Visitor, caller: Caller, request: Request
) -> Exchange:
    """Send a request with the token that somebody has, and find out what became of it.

    Raises:
        AccountError: no answer came, or nothing can be sent so.
    """
    token, path = visitor.token, require_path(request.path)
    explanation = explain(policy.simulator, request, caller)
    with _ONE_AT_A_TIME:
        response = send(
            request.method, stage.api_url, path, unverified_token=token, headers={}, data=None
        )
        logged = stage.reason() if stage.reason is not None else None
    outcome = _asked(policy, explanation, token)
    return Exchange(
        request=request,
        who=visitor.name,
        status=response.status_code,
        body=response.text[:_MOST_CHARACTERS],
        story=_story(explanation, outcome, has_token=token is not None),
        is_remembered=logged is None if outcome is not None and stage.reason is not None else None,
        policy=explanation,
        outcome=outcome,
    )


def _asked(
    policy: PolicyState, explanation: Explanation, unverified_token: str | None
) -> Outcome | None:
    """What the authorizer finds out; nothing where it is not asked.

    Nor is there anything where it cannot tell, as without the pool's keys.
    """
    protection, resolution = explanation.answer.protection, explanation.answer.resolution
    if not unverified_token or protection is None or protection.decided_by is not DecidedBy.POLICY:
        return None
    told = protection.authorizer
    flavour = told and flavour_of(protection.api, told)
    winner = resolution.winner if resolution is not None else None
    authorization = f"Bearer {unverified_token}"
    event = made_event(flavour or Flavour.HTTP_2, explanation.request, winner, authorization)
    try:
        return policy.authorizer.judge(event)
    except AuthorizerError:
        return None


def _story(explanation: Explanation, outcome: Outcome | None, *, has_token: bool) -> str:
    if outcome is not None:
        return outcome.verdict
    verdict = explanation.answer.verdict
    is_guarded = verdict in {Verdict.ALLOWED, Verdict.DENIED}
    return verdict if has_token or not is_guarded else NO_TOKEN
