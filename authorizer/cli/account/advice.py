"""What an answer of the API means for the caller, in a sentence, and what to do about it.

The policy is asked about the path that was sent, because a client does not know which route the
gateway matched; and about the claims that the caller's own token makes, which nobody verified
here. So this is advice: what counts is the deployed policy, and the authorizer's judgement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import Change, with_another_scope, with_other_claims
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.text import shown
from authorizer.errors import Reason
from authorizer.policy.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authorizer.cli.analysis.request import Caller, Request

_DECODE = "run 'authorizer decode'"
# Statuses that mean the same to everybody, some by their first digit.
_OF_STATUS = {
    401: (
        f"the API did not accept the token: {_DECODE} to see which step of the procedure refuses "
        "it, or 'authorizer login' for another"
    ),
    404: (
        "either the API has no such route, or the backend has no such thing: "
        "check method, path and the API's URL (with its stage, where it has one)"
    ),
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
_NO_MATTER_OF_TOKENS = (
    "no matter of tokens: in these words a REST API says that it has no such route or stage, or "
    "one with AWS_IAM in the authorizer's place: check method, path and the API's URL with its "
    "stage"
)
_NOWHERE = "the API has no such route, and {} allows it to nobody: check the path and the API's URL"


def advise(
    status: int,
    request: Request,
    caller: Caller,
    *,
    now_seconds: float,
    message: str = "",
    simulator: Simulator | None = None,
    policy_trouble: str | None = None,
) -> str | None:
    """A sentence on a status that is no success; nothing where there is nothing to add.

    Args:
        status: of the answer.
        request: with the path as sent, without the API's stage and without a query.
        caller: as their own token says, which nobody verified; scopes are for machines only.
        now_seconds: when, seconds since the epoch.
        message: the ``message`` in the answer's body, where it has one.
        simulator: of the policy at hand, if there is one.
        policy_trouble: why there is none although there should be.
    """
    exp = caller.claims.get("exp")
    is_expired = type(exp) is int and now_seconds >= exp
    match status:
        case 403 if any(words in message for words in _NO_SUCH_ROUTE):
            return _NO_MATTER_OF_TOKENS
        case 401 | 403 if is_expired:
            return "the token has expired: run 'authorizer login'"
        case 403 if simulator is not None:
            return _on_forbidden(simulator, request, caller)
        case 403:
            why = policy_trouble or "no policy is at hand (--policy) to tell which"
            return (
                f"the policy grants this to no group of yours ({_names(caller.groups)}), or the "
                f"token was refused; {why}: {_DECODE}, and look into the policy"
            )
        case 404 if simulator is not None and not any(_open_to(simulator, request, caller)):
            return _NOWHERE.format(simulator.file)
    return _OF_STATUS.get(status, _OF_STATUS.get(status // 100))


def _on_forbidden(simulator: Simulator, request: Request, caller: Caller) -> str:
    answer, name = simulator.ask(request, caller), simulator.file
    groups = _names(caller.groups)
    if answer.verdict is Verdict.PUBLIC:
        return (
            f"{name} has this route as public, so that no authorizer is asked: the refusal is the "
            "backend's own, or the deployed API differs; look into its logs"
        )
    match answer.decision.reason, answer.decision.rule:
        case None, Rule() as rule:
            return (
                f"{name} line {rule.line} allows this to your groups ({groups}), so the deployed "
                f"policy may be older, or the token was refused: {_DECODE}"
            )
        case Reason.DENIED_BY_RULE, Rule() as rule:
            return (
                f"{name} line {rule.line} denies this to your groups ({groups}): ask whoever keeps "
                f"the groups to take you out of {rule.subject.removeprefix('group:')}"
            )
        case Reason.ROUTE_UNKNOWN, _:
            return f"{name} has no rule for {request}: check the path, or add a rule and deploy"
        case Reason.NOT_GRANTED, _:
            return _on_not_granted(simulator, request, caller)
    # The authorizer may know better: it knows the route that the gateway matched.
    return (
        f"{name} does not say from the path alone whether you may {request} "
        f"({answer.decision.reason}): send it without encoded characters and empty segments, or "
        f"{_DECODE}"
    )


def _on_not_granted(simulator: Simulator, request: Request, caller: Caller) -> str:
    name, groups = simulator.file, _names(caller.groups)
    nobody = f"no group of yours ({groups}) may {request}"
    for change in with_other_claims(simulator, request, caller):
        rule = simulator.ask(change.request, change.caller).decision.rule
        if rule is not None and rule.effect == "allow":
            return (
                f"{name} line {rule.line} allows your groups ({groups}) "
                f"{rule.pattern.text}, and the path does not have your {', '.join(change.names)}: "
                f"{_DECODE} to see it, and ask for your own"
            )
    match _open_to(simulator, request, caller):
        case [], []:
            return f"{nobody}; {name} allows it to nobody: check the path, or add a rule and deploy"
        case [], scopes:
            return f"{nobody}; {name} allows it to machines only, with the scope {_names(scopes)}"
        case others, _:
            return (
                f"{nobody}; {name} allows it to: {_names(others)}. Ask to be put into one of them"
            )


def _open_to(simulator: Simulator, request: Request, caller: Caller) -> tuple[list[str], list[str]]:
    """The groups and the scopes that would do, be it for their own."""
    members = {group: replace(caller, groups=(group,)) for group in simulator.policy.groups}
    groups = [
        group
        for group, member in members.items()
        if simulator.ask(request, member).is_open
        or _is_any_open(simulator, with_other_claims(simulator, request, member))
    ]
    scoped = with_another_scope(simulator, request, caller)
    return groups, sorted(change.names[0] for change in scoped if _is_any_open(simulator, [change]))


def _is_any_open(simulator: Simulator, changes: Iterable[Change]) -> bool:
    return any(simulator.ask(change.request, change.caller).is_open for change in changes)


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names)) or "none"
