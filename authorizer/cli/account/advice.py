"""What an answer of the API means for the caller, in a sentence, and what to do about it.

The policy is asked about the path that was sent, because a client does not know which route the
gateway matched; and about the claims that the caller's own token makes, which nobody verified
here. So this is advice: what counts is the deployed policy, and the authorizer's judgement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import with_another_scope, with_other_claims
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.text import shown
from authorizer.errors import Reason
from authorizer.policy.model import Decision, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.policy.decision import Policy

_DECODE = "run 'authorizer decode'"
# Statuses that mean the same to everybody, by their first digit.
_OF_CLASS = {
    3: "a redirect is not followed, so that the token goes nowhere else: call its target",
    5: (
        "the API broke, or its authorizer could not judge (the pool's keys out of reach, for one): "
        "look into the functions' logs (sam logs), and try again in a minute"
    ),
}
# What REST APIs answer where no route matches: without an Authorization header, and with one that
# is not a signature of AWS's. With AWS_IAM, and so without our authorizer, a route does so, too.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_NO_SUCH_ROUTE = (
    "Missing Authentication Token",
    "key=value pair (missing equal-sign) in Authorization header",
    "Authorization header requires 'Credential' parameter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCall:
    """What was asked, and by whom.

    Attributes:
        request: with the path as sent, without the API's stage and without a query.
        caller: as the caller's own access token says, which nobody verified. Without scopes: they
            count for tokens without a user; here somebody is.
        message: the ``message`` in the answer's body, where it has one.
        now_seconds: when, seconds since the epoch.
        policy: the one at hand, if there is one.
        policy_name: what to call it.
        policy_trouble: why there is none although there should be.
    """

    request: Request
    caller: Caller
    now_seconds: float
    message: str = ""
    policy: Policy | None = None
    policy_name: str = "policy.yaml"
    policy_trouble: str | None = None

    @property
    def groups(self) -> str:
        """The caller's, for a sentence."""
        return _names(self.caller.groups)


def advise(status: int, call: RefusedCall) -> str | None:
    """A sentence on a status that is no success; nothing where there is nothing to add."""
    exp = call.caller.claims.get("exp")
    is_expired = type(exp) is int and call.now_seconds >= exp
    match status:
        case 403 if any(words in call.message for words in _NO_SUCH_ROUTE):
            return (
                "no matter of tokens: in these words a REST API says that it has no such route or "
                "stage, or one with AWS_IAM in the authorizer's place: check method, path and the "
                "API's URL with its stage"
            )
        case 401 | 403 if is_expired:
            return "the token has expired: run 'authorizer login'"
        case 401:
            return (
                f"the API did not accept the token: {_DECODE} to see which step of the procedure "
                "refuses it, or 'authorizer login' for another"
            )
        case 403:
            return _on_forbidden(call)
        case 404:
            return _on_not_found(call)
    return _OF_CLASS.get(status // 100)


def _on_forbidden(call: RefusedCall) -> str:
    if call.policy is None:
        why = call.policy_trouble or "no policy is at hand (--policy) to tell which"
        return (
            f"the policy grants this to no group of yours ({call.groups}), or the token "
            f"was refused; {why}: {_DECODE}, and look into the policy"
        )
    simulator = Simulator(policy=call.policy, file=call.policy_name)
    answer = simulator.ask(call.request, call.caller)
    if answer.verdict is Verdict.PUBLIC:
        return (
            f"{call.policy_name} has this route as public, so that no authorizer is asked: the "
            f"refusal is the backend's own, or the deployed API differs; look into its logs"
        )
    return _on_decision(call, simulator, answer.decision)


def _on_not_found(call: RefusedCall) -> str:
    if call.policy is not None and not any(_open_to(call, Simulator(policy=call.policy))):
        return (
            f"the API has no such route, and {call.policy_name} allows it to nobody: "
            f"check the path and the API's URL"
        )
    return (
        "either the API has no such route, or the backend has no such thing: "
        "check method, path and the API's URL (with its stage, where it has one)"
    )


def _on_decision(call: RefusedCall, simulator: Simulator, decision: Decision) -> str:
    name = call.policy_name
    match decision.reason, decision.rule:
        case None, Rule() as rule:
            return (
                f"{name} line {rule.line} allows this to your groups ({call.groups}), so the "
                f"deployed policy may be older, or the token was refused: {_DECODE}"
            )
        case Reason.DENIED_BY_RULE, Rule() as rule:
            return (
                f"{name} line {rule.line} denies this to your groups ({call.groups}): ask whoever "
                f"keeps the groups to take you out of {rule.subject.removeprefix('group:')}"
            )
        case Reason.ROUTE_UNKNOWN, _:
            return (
                f"{name} has no rule for {call.request}: check the path, or add a rule and deploy"
            )
        case Reason.NOT_GRANTED, _:
            return _on_not_granted(call, simulator)
    # The authorizer may know better: it knows the route that the gateway matched.
    return (
        f"{name} does not say from the path alone whether you may {call.request} "
        f"({decision.reason}): send it without encoded characters and empty segments, or {_DECODE}"
    )


def _on_not_granted(call: RefusedCall, simulator: Simulator) -> str:
    name = call.policy_name
    nobody = f"no group of yours ({call.groups}) may {call.request}"
    for change in with_other_claims(simulator, call.request, call.caller):
        rule = simulator.ask(change.request, change.caller).decision.rule
        if rule is not None and rule.effect == "allow":
            return (
                f"{name} line {rule.line} allows your groups ({call.groups}) "
                f"{rule.pattern.text}, and the path does not have your {', '.join(change.names)}: "
                f"{_DECODE} to see it, and ask for your own"
            )
    match _open_to(call, simulator):
        case [], []:
            return f"{nobody}; {name} allows it to nobody: check the path, or add a rule and deploy"
        case [], scopes:
            return f"{nobody}; {name} allows it to machines only, with the scope {_names(scopes)}"
        case others, _:
            return (
                f"{nobody}; {name} allows it to: {_names(others)}. Ask to be put into one of them"
            )


def _open_to(call: RefusedCall, simulator: Simulator) -> tuple[list[str], list[str]]:
    """The groups and the scopes that would do, be it for their own."""
    groups = [group for group in simulator.policy.groups if _is_open_to(call, simulator, group)]
    scopes = [
        change.names[0]
        for change in with_another_scope(simulator, call.request, call.caller)
        if simulator.ask(change.request, change.caller).is_open
    ]
    return groups, sorted(scopes)


def _is_open_to(call: RefusedCall, simulator: Simulator, group: str) -> bool:
    """Whether somebody in that group may, be it for their own."""
    member = replace(call.caller, groups=(group,))
    changed = (change.caller for change in with_other_claims(simulator, call.request, member))
    return any(simulator.ask(call.request, caller).is_open for caller in (member, *changed))


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names)) or "none"
