"""All there is to say about one request of one caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.analysis.alternatives import Alternative, nearest_alternatives
from authorizer.cli.analysis.simulator import Answer, Simulator, Verdict
from authorizer.cli.analysis.unresolved import where_unread
from authorizer.cli.document.nodes import did_you_mean
from authorizer.cli.explain.unsafe import unsafe_part
from authorizer.cli.explain.words import listed, rule_in_words
from authorizer.cli.text import shown
from authorizer.errors import Reason, clip
from authorizer.policy.routes import split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.policy.model import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What becomes of a request, and why.

    Attributes:
        overridden: the rule that would allow it if no rule denied it.
        alternatives: what would have to differ, where it is denied.
        notes: what else one must know to understand the answer, a sentence each.
    """

    request: Request
    caller: Caller
    answer: Answer
    overridden: Rule | None = None
    alternatives: tuple[Alternative, ...] = ()
    notes: tuple[str, ...] = ()


def explain(simulator: Simulator, request: Request, caller: Caller) -> Explanation:
    """Explain what becomes of a request."""
    answer = simulator.ask(request, caller)
    alternatives = nearest_alternatives(simulator, request, caller)
    overridden = None
    if answer.decision.reason is Reason.DENIED_BY_RULE:
        overridden = simulator.without_denies().ask(request, caller).decision.rule
    return Explanation(
        request=request,
        caller=caller,
        answer=answer,
        overridden=overridden,
        alternatives=alternatives,
        notes=tuple(_notes(simulator, request, caller, answer)),
    )


def headline(simulator: Simulator, explanation: Explanation) -> str:
    """The answer in a sentence."""
    answer, request = explanation.answer, explanation.request
    rule = answer.decision.rule
    if answer.verdict is Verdict.PUBLIC:
        return f"{request} is public by {_opener(simulator, answer)}: everybody is let in"
    if answer.verdict in {Verdict.NO_ROUTE, Verdict.UNREAD, Verdict.AMBIGUOUS}:
        return f"{request} {_where_it_goes(simulator, answer)}"
    if answer.verdict is Verdict.ELSEWHERE and answer.protection is not None:
        return (
            f"{request} is decided by {answer.protection.in_words}, which does not ask "
            f"{simulator.file}; whoever that lets in may call it"
        )
    if rule is not None:
        verb = "allowed" if answer.is_open else "denied"
        return f"{request} is {verb} by {rule_in_words(simulator, rule)}"
    return f"{request} is denied: {_why_not(simulator, request, answer)}"


def _where_it_goes(simulator: Simulator, answer: Answer) -> str:
    """What is known of a request that is not known to reach a route."""
    if answer.verdict is Verdict.NO_ROUTE:
        return "reaches no route of the API: API Gateway answers it by itself, with 404"
    if answer.verdict is Verdict.AMBIGUOUS:
        return "can be read in several ways: which route it reaches cannot be told"
    where = where_unread(simulator.unread)
    return f"reaches none of the routes that could be read; {where} could not be"


def _opener(simulator: Simulator, answer: Answer) -> str:
    if answer.public_line is None:
        return f"{simulator.routes_from}, which has no authorizer for its route"
    return f"{simulator.file}:{answer.public_line}, no authorizer is asked"


def _why_not(simulator: Simulator, request: Request, answer: Answer) -> str:
    reason = answer.decision.reason
    if reason is Reason.PATH_UNSAFE and unsafe_part(request.path) is None:
        return f"its authorizer's IAM document cannot name its path ({reason})"
    words = {
        Reason.NOT_GRANTED: f"no rule of {simulator.file} grants it to this caller",
        Reason.ROUTE_UNKNOWN: f"no rule of {simulator.file} is about such a path",
        Reason.PATH_UNSAFE: "its path can be read in two ways",
        Reason.PATH_DISAGREES: "its path is not one of the route's",
        Reason.RESOURCE_TOO_LONG: "its ARN is longer than its authorizer's IAM document may name",
        Reason.METHOD_UNSAFE: "its method is none of HTTP's",
    }
    return f"{words.get(reason, 'it is not granted')} ({reason})" if reason else "it is not granted"


def _notes(simulator: Simulator, request: Request, caller: Caller, answer: Answer) -> Iterator[str]:
    resolution = answer.resolution
    if resolution is not None and resolution.doubt is not None:
        yield resolution.doubt
    said = (_reading_in_words(simulator, request, caller, one) for one in answer.readings)
    yield from dict.fromkeys(said)
    yield from _notes_on_the_api(simulator, request, answer)
    if answer.public_line is not None and answer.verdict is not Verdict.PUBLIC:
        yield (
            f"{simulator.file}:{answer.public_line} says that it is public, but "
            f"{simulator.routes_from} has an authorizer for its route"
        )
    if answer.decision.reason is Reason.PATH_UNSAFE:
        yield from _notes_on_the_path(request.path)
    for group in caller.groups:
        if group not in simulator.policy.groups:
            hint = did_you_mean(group, simulator.policy.groups)
            if " " in group:
                hint = f"; commas separate groups: --groups {shown(','.join(group.split()))}"
            unknown = f"{simulator.file} does not know the group {clip(group)}"
            yield f"{unknown}, which grants nothing{hint}"
    granting = {rule.subject for rule in simulator.policy.rules}
    scopes = [scope for scope in caller.scopes if f"scope:{scope}" in granting]
    if scopes and not caller.is_machine:
        yield (
            f"scopes ({listed(scopes, 'and')}) count only in a token without a user and "
            f"groups, whose sub is its client_id"
        )
    if answer.is_known and not answer.is_open:
        yield from _notes_on_conditions(simulator, request, caller)


def _notes_on_the_path(path: str) -> Iterator[str]:
    """What is wrong with a path that is refused, and what to do."""
    part = unsafe_part(path)
    if part is None:
        yield (
            "*, ? and $ are more than characters in an IAM document: write the path without them, "
            "or have an HTTP API with simple responses"
        )
        return
    yield f"the path has {part}: it is refused, never cleaned up"
    if path.endswith("/"):
        yield f"leave the slash at the end away: {shown(path.rstrip('/') or '/')}"


def _reading_in_words(
    simulator: Simulator, request: Request, caller: Caller, reading: Answer
) -> str:
    """What becomes of the request if its path is read so."""
    winner = reading.resolution.winner if reading.resolution is not None else None
    said = headline(simulator, Explanation(request=request, caller=caller, answer=reading))
    return f"if it reaches {winner.key}: {said}" if winner is not None else f"or else: {said}"


def _notes_on_the_api(simulator: Simulator, request: Request, answer: Answer) -> Iterator[str]:
    """What the API does, or may do, without asking the policy."""
    resolution, protection = answer.resolution, answer.protection
    if answer.verdict is Verdict.NO_ROUTE and resolution is not None and resolution.methods:
        yield f"the API has such a path with {listed(resolution.methods)} only"
    if answer.verdict is Verdict.NO_ROUTE and request.method == "OPTIONS":
        yield "an API with CORS answers a browser's preflight by itself, and asks no authorizer"
    if answer.verdict is Verdict.UNREAD:
        yield from (f"{one.place}: {shown(one.what)}: {shown(one.why)}" for one in simulator.unread)
    if answer.verdict is Verdict.ELSEWHERE:
        yield f"whatever {simulator.file} grants or denies there counts for nothing"
    elif protection is not None and protection.asks_policy is None:
        why = f": {shown(protection.doubt)}" if protection.doubt else ""
        asks, if_so = f"{protection.in_words} asks {simulator.file}", "it does"
        if answer.verdict is Verdict.PUBLIC:
            asks, if_so = "the route has an authorizer", "it has none"
        told = f"whether {asks} cannot be told from {simulator.routes_from}{why}"
        yield f"{told}; this holds if {if_so}"
    winner = resolution.winner if resolution is not None else None
    if simulator.unread and winner is not None and not winner.is_literal:
        yield f"{where_unread(simulator.unread)} could not be read, and may take it instead"


def _notes_on_conditions(simulator: Simulator, request: Request, caller: Caller) -> Iterator[str]:
    """Claims that look equal and are not, and values that equal nothing."""
    told = set()
    segments = split_path(request.path)
    for rule in simulator.policy.rules:
        for condition in rule.pattern.conditions if rule.effect == "allow" else ():
            claim = caller.claims.get(condition.claim)
            if condition.position >= len(segments) or condition.claim in told:
                continue
            value = segments[condition.position]
            if claim is not None and not isinstance(claim, str) and str(claim) == value:
                told.add(condition.claim)
                name = shown(condition.claim)
                yield f"the claim {name} is no text ({clip(claim)}): it equals nothing"
            elif "%" in value and isinstance(claim, str):
                told.add(condition.claim)
                yield f"{clip(value)} in the path is percent-encoded: it equals no claim"
