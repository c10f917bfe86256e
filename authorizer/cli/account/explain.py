"""What an answer of the API means for the caller, in a sentence, and what to do about it.

The policy is asked about the path that was sent, because a client does not know which route the
gateway matched; and about the claims that the caller's own token makes, which nobody verified
here. So this is advice: what counts is the deployed policy, and the authorizer's judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authorizer.cli.account.unverified import groups_of
from authorizer.errors import Reason, clip
from authorizer.policy.model import Decision, Policy, Rule
from authorizer.policy.routes import split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_JUDGE = "run 'authorizer decode'"
_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)
_ME = "me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, and by whom.

    Attributes:
        path: as sent, without the API's stage and without a query.
        unverified_claims: of the caller's own access token.
        now_seconds: when, seconds since the epoch.
        policy: the one at hand, if there is one.
        policy_name: what to call it.
        policy_trouble: why there is none although there should be.
    """

    method: str
    path: str
    unverified_claims: Mapping[str, Any]
    now_seconds: float
    policy: Policy | None = None
    policy_name: str = "policy.yaml"
    policy_trouble: str | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """The caller's groups."""
        return groups_of(self.unverified_claims)


def explain(status: int, asked: Asked) -> str | None:
    """A sentence on a status that is no success; nothing where there is nothing to add."""
    if status in _REDIRECTS:
        return "a redirect is not followed, so that the token goes nowhere else: call its target"
    if status >= _SERVER_ERROR:
        return (
            "the API broke, or its authorizer could not judge (the pool's keys out of reach, for "
            "one): look into the functions' logs (sam logs), and try again in a minute"
        )
    explainer = {401: _on_unauthorized, 403: _on_forbidden, 404: _on_not_found}.get(status)
    return None if explainer is None else explainer(asked)


def _on_unauthorized(asked: Asked) -> str:
    if _is_expired(asked):
        return "the token has expired: run 'authorizer login'"
    return (
        "the API did not accept the token: "
        f"{_JUDGE} to see which step of the procedure refuses it, or 'authorizer login' for another"
    )


def _on_forbidden(asked: Asked) -> str:
    if _is_expired(asked):
        return "the token has expired: run 'authorizer login'"
    if asked.policy is None:
        why = asked.policy_trouble or "no policy is at hand (--policy) to tell which"
        return (
            f"the policy grants this to no group of yours ({_names(asked.groups)}), or the token "
            f"was refused; {why}: {_JUDGE}, and look into the policy"
        )
    if _is_public(asked, asked.policy):
        return (
            f"{asked.policy_name} has this route as public, so that no authorizer is asked: the "
            f"refusal is the backend's own, or the deployed API differs; look into its logs"
        )
    return _on_decision(asked, asked.policy, _decide(asked, asked.policy, asked.groups))


def _on_not_found(asked: Asked) -> str:
    policy = asked.policy
    if policy is not None and not _is_public(asked, policy) and not any(_open_to(asked, policy)):
        return (
            f"the API has no such route, and {asked.policy_name} allows it to nobody: "
            f"check the path and the API's URL"
        )
    return (
        "either the API has no such route, or the backend has no such thing: "
        "check method, path and the API's URL (with its stage, where it has one)"
    )


def _on_decision(asked: Asked, policy: Policy, decision: Decision) -> str:
    name, mine = asked.policy_name, _names(asked.groups)
    if decision.allowed and decision.rule is not None:
        return (
            f"{name} line {decision.rule.line} allows this to your groups ({mine}), so the "
            f"deployed policy may be older, or the token was refused: {_JUDGE}"
        )
    if decision.reason is Reason.DENIED_BY_RULE and decision.rule is not None:
        return (
            f"{name} line {decision.rule.line} denies this to your groups ({mine}): ask whoever "
            f"keeps the groups to take you out of {decision.rule.subject.removeprefix('group:')}"
        )
    if decision.reason is Reason.ROUTE_UNKNOWN:
        return f"{name} has no rule for {_request(asked)}: check the path, or add a rule and deploy"
    if decision.reason is Reason.NOT_GRANTED:
        return _on_not_granted(asked, policy)
    # The authorizer may know better: it knows the route that the gateway matched.
    return (
        f"{name} does not say from the path alone whether you may {_request(asked)} "
        f"({decision.reason}): send it without encoded characters and empty segments, or {_JUDGE}"
    )


def _on_not_granted(asked: Asked, policy: Policy) -> str:
    name = asked.policy_name
    nobody = f"no group of yours ({_names(asked.groups)}) may {_request(asked)}"
    for fitting_claims in _fitting_claims(asked, policy):
        rule = _decide(asked, policy, asked.groups, fitting_claims).rule
        if rule is not None and rule.effect == "allow":
            claims = ", ".join(condition.claim for condition in rule.pattern.conditions)
            return (
                f"{name} line {rule.line} allows your groups ({_names(asked.groups)}) "
                f"{rule.pattern.text}, and the path does not have your {claims}: "
                f"{_JUDGE} to see it, and ask for your own"
            )
    others, scopes = _open_to(asked, policy)
    if others:
        return f"{nobody}; {name} allows it to: {_names(others)}. Ask to be put into one of them"
    if scopes:
        return f"{nobody}; {name} allows it to machines only, with the scope {_names(scopes)}"
    return f"{nobody}; {name} allows it to nobody: check the path, or add a rule and deploy"


def _open_to(asked: Asked, policy: Policy) -> tuple[list[str], list[str]]:
    """The groups and the scopes that would do."""
    groups = [group for group in policy.groups if _is_open_to(asked, policy, group)]
    return groups, sorted(_scopes(asked, policy))


def _is_open_to(asked: Asked, policy: Policy, group: str) -> bool:
    """Whether somebody in that group may, be it for their own."""
    if _decide(asked, policy, (group,)).allowed:
        return True
    return any(
        _decide(asked, policy, (group,), claims).allowed
        for claims in _fitting_claims(asked, policy)
    )


def _decide(
    asked: Asked,
    policy: Policy,
    groups: tuple[str, ...],
    claims: Mapping[str, Any] | None = None,
) -> Decision:
    # Without scopes: they count for tokens without a user, and here somebody signed in.
    return policy.decide(
        method=asked.method,
        path=asked.path,
        groups=groups,
        claims=asked.unverified_claims if claims is None else claims,
    )


def _fitting_claims(asked: Asked, policy: Policy) -> Iterator[dict[str, Any]]:
    """For each allow with conditions, the caller's claims changed so that the path fulfils them."""
    segments = split_path(asked.path)
    for rule in policy.rules:
        conditions = rule.pattern.conditions
        reached = all(condition.position < len(segments) for condition in conditions)
        if rule.effect == "allow" and conditions and reached:
            fitting = {condition.claim: segments[condition.position] for condition in conditions}
            yield {**asked.unverified_claims, **fitting}


def _scopes(asked: Asked, policy: Policy) -> Iterator[str]:
    """The scopes that would do for a machine."""
    subjects = {rule.subject for rule in policy.rules if rule.subject.startswith("scope:")}
    for scope in (subject.removeprefix("scope:") for subject in subjects):
        decision = policy.decide(
            method=asked.method,
            path=asked.path,
            scopes=(scope,),
            claims={"sub": _ME, "client_id": _ME},
        )
        if decision.allowed:
            yield scope


def _is_public(asked: Asked, policy: Policy) -> bool:
    """Whether the most specific route for the path is a public one."""
    rules = tuple(
        Rule(effect="allow", subject=f"group:{_ME}", pattern=pattern, line=0)
        for pattern in policy.public
    )
    others = tuple(rule.pattern for rule in policy.rules)
    public = Policy(rules=rules, groups={_ME: frozenset({_ME})}, public=others)
    return public.decide(method=asked.method, path=asked.path, groups=(_ME,)).allowed


def _is_expired(asked: Asked) -> bool:
    exp = asked.unverified_claims.get("exp")
    return type(exp) is int and asked.now_seconds >= exp


def _request(asked: Asked) -> str:
    return f"{asked.method} {clip(asked.path, 120)[1:-1]}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(name if name.isprintable() else clip(name) for name in names) or "none"
