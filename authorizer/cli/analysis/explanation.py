"""All there is to say about one request of one caller, in sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import unquote

from authorizer.cli.analysis.alternatives import (
    Alternative,
    Change,
    Kind,
    nearest_alternatives,
)
from authorizer.cli.analysis.simulator import Answer, Simulator, Verdict
from authorizer.cli.analysis.unresolved import where_unread
from authorizer.cli.text import did_you_mean, listed, shown
from authorizer.errors import Reason, clip
from authorizer.policy.paths import safe_segments, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.policy.model import Rule

# Encoded characters that follow one another may be one character beyond ASCII.
_PIECES = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%|.", re.DOTALL)
_UNSAFE_SEGMENTS = {
    "": "an empty segment (two slashes in a row, or one at the end)",
    ".": "the dot segment '.'",
    "..": "the dot segment '..'",
}
_ONE_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# Where HTTP APIs answer 404.
_NO_ROUTE_OF_REST = "403 (Missing Authentication Token)"


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


# --- the answer -----------------------------------------------------------------------------------


def headline(simulator: Simulator, explanation: Explanation) -> str:
    """The answer in a sentence."""
    return f"{explanation.request} {_predicate(simulator, explanation.request, explanation.answer)}"


def _predicate(simulator: Simulator, request: Request, answer: Answer) -> str:
    match answer.verdict:
        case Verdict.PUBLIC:
            opener = f"{simulator.file}:{answer.public_line}, no authorizer is asked"
            if answer.public_line is None:
                opener = f"{simulator.routes_from}, which has no authorizer for its route"
            predicate = f"is public by {opener}: everybody is let in"
        case Verdict.NO_ROUTE:
            predicate = (
                "reaches no route of the API: API Gateway answers it by itself, with "
                f"{_NO_ROUTE_OF_REST if simulator.is_rest else 404}"
            )
        case Verdict.AMBIGUOUS:
            predicate = "can be read in several ways: which route it reaches cannot be told"
        case Verdict.UNREAD:
            where = where_unread(simulator.unread)
            predicate = f"reaches none of the routes that could be read; {where} could not be"
        case Verdict.ELSEWHERE if answer.protection is not None:
            predicate = (
                f"is decided by {answer.protection.in_words}, which does not ask "
                f"{simulator.file}; whoever that lets in may call it"
            )
        case _ if (rule := answer.decision.rule) is not None:
            verb = "allowed" if answer.is_open else "denied"
            predicate = f"is {verb} by {rule_in_words(simulator, rule)}"
        case _:
            predicate = f"is denied: {_why_not(simulator, request, answer.decision.reason)}"
    return predicate


def _why_not(simulator: Simulator, request: Request, reason: Reason | None) -> str:
    if reason is None:
        return "it is not granted"
    words = {
        Reason.NOT_GRANTED: f"no rule of {simulator.file} grants it to this caller",
        Reason.ROUTE_UNKNOWN: f"no rule of {simulator.file} is about such a path",
        Reason.PATH_UNSAFE: "its path can be read in two ways",
        Reason.PATH_DISAGREES: "its path is not one of the route's",
        Reason.RESOURCE_TOO_LONG: "its ARN is longer than its authorizer's IAM document may name",
        Reason.METHOD_UNSAFE: "its method is none of HTTP's",
    }
    if reason is Reason.PATH_UNSAFE and unsafe_part(request.path) is None:
        return f"its authorizer's IAM document cannot name its path ({reason})"
    return f"{words.get(reason, 'it is not granted')} ({reason})"


# --- what else one must know ----------------------------------------------------------------------


def _notes(simulator: Simulator, request: Request, caller: Caller, answer: Answer) -> Iterator[str]:
    if answer.resolution is not None and answer.resolution.doubt is not None:
        yield answer.resolution.doubt
    yield from dict.fromkeys(
        _reading_in_words(simulator, request, reading) for reading in answer.readings
    )
    yield from _notes_on_the_api(simulator, request, answer)
    if answer.public_line is not None and answer.verdict is not Verdict.PUBLIC:
        yield (
            f"{simulator.file}:{answer.public_line} says that it is public, but "
            f"{simulator.routes_from} has an authorizer for its route"
        )
    if answer.decision.reason is Reason.PATH_UNSAFE:
        yield from _notes_on_the_path(request.path)
    yield from notes_on_the_caller(simulator, caller)
    if answer.is_known and not answer.is_open:
        yield from _notes_on_conditions(simulator, request, caller)


def _reading_in_words(simulator: Simulator, request: Request, reading: Answer) -> str:
    """What becomes of the request if its path is read so."""
    winner = reading.resolution.winner if reading.resolution is not None else None
    outcome = f"{request} {_predicate(simulator, request, reading)}"
    return f"if it reaches {winner.key}: {outcome}" if winner is not None else f"or else: {outcome}"


def _notes_on_the_api(simulator: Simulator, request: Request, answer: Answer) -> Iterator[str]:
    """What the API does, or may do, without asking the policy."""
    resolution, protection = answer.resolution, answer.protection
    if answer.verdict is Verdict.NO_ROUTE and resolution is not None and resolution.methods:
        yield f"the API has such a path with {listed(resolution.methods)} only"
    if answer.verdict is Verdict.NO_ROUTE and request.method == "OPTIONS":
        yield "an API with CORS answers a browser's preflight by itself, and asks no authorizer"
    if answer.verdict is Verdict.UNREAD:
        yield from (
            f"{fact.location}: {shown(str(fact.what))}: {shown(str(fact.why))}"
            for fact in simulator.unread
        )
    if answer.verdict is Verdict.ELSEWHERE:
        yield f"whatever {simulator.file} grants or denies there counts for nothing"
    elif protection is not None and protection.asks_policy is None:
        asks, if_so = f"{protection.in_words} asks {simulator.file}", "it does"
        if answer.verdict is Verdict.PUBLIC:
            asks, if_so = "the route has an authorizer", "it has none"
        doubt = f"whether {asks} cannot be told from {simulator.routes_from}{protection.because}"
        yield f"{doubt}; this holds if {if_so}"
    winner = resolution.winner if resolution is not None else None
    if simulator.unread and winner is not None and not winner.is_literal:
        yield f"{where_unread(simulator.unread)} could not be read, and may take it instead"


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


def notes_on_the_caller(simulator: Simulator, caller: Caller) -> Iterator[str]:
    """Groups that do not exist, and scopes that do not count."""
    known = simulator.policy.groups
    for group in [group for group in caller.groups if group not in known]:
        hint = did_you_mean(group, known)
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


def _notes_on_conditions(simulator: Simulator, request: Request, caller: Caller) -> Iterator[str]:
    """Claims that look equal and are not, and values that equal nothing; of each claim once."""
    notes: dict[str, str] = {}
    segments = split_path(request.path)
    conditions = chain.from_iterable(rule.pattern.conditions for rule in simulator.comparing)
    for condition in conditions:
        name, claim = shown(condition.claim), caller.claims.get(condition.claim)
        for value in segments[condition.position : condition.position + 1]:
            if isinstance(claim, str) and "%" in value:
                encoded = f"{clip(value)} in the path is percent-encoded"
                notes.setdefault(name, f"{encoded}: it equals no claim")
            elif claim is not None and not isinstance(claim, str) and str(claim) == value:
                no_text = f"the claim {name} is no text ({clip(claim)})"
                notes.setdefault(name, f"{no_text}: it equals nothing")
    yield from notes.values()


def unsafe_part(path: str) -> str | None:
    """What makes the path unsafe, in words; nothing where it is safe."""
    if safe_segments(path) is not None:
        return None
    if not path.startswith("/"):
        return "it does not start with /"
    for segment in path[1:].split("/"):
        if segment in _UNSAFE_SEGMENTS:
            return _UNSAFE_SEGMENTS[segment]
        for piece in _PIECES.findall(segment):
            if safe_segments(f"/a{piece}a") is None:
                return _unsafe_piece(piece)
    return "its parts together"


def _unsafe_piece(piece: str) -> str:
    if len(piece) == 1:
        name = "the character" if piece.isprintable() else "the control character or white space"
        return f"{name} {clip(piece)}"
    for encoded in _ONE_ENCODED.findall(piece):
        if int(encoded[1:], 16) < 0x80 and encoded != "%20":  # noqa: PLR2004 - ASCII
            return f"{clip(encoded)}, which another program may read as {clip(unquote(encoded))}"
    return f"{clip(piece)}, which is not valid UTF-8"


# --- what would have to differ --------------------------------------------------------------------


def rule_in_words(simulator: Simulator, rule: Rule) -> str:
    """``policy.yaml:16 (group editor: POST /articles)``."""
    kind, _, name = rule.subject.partition(":")
    deny = ", deny" if rule.effect == "deny" else ""
    return f"{simulator.file}:{rule.line} ({kind} {shown(name)}{deny}: {rule.pattern.text})"


def alternatives_in_words(
    simulator: Simulator, alternatives: Iterable[Alternative]
) -> Iterator[str]:
    """A sentence for each alternative; those that differ by the group alone in one."""
    merged: dict[tuple[object, ...], list[Alternative]] = {}
    for alternative in alternatives:
        others = tuple(
            () if change.kind is Kind.JOIN else (change.kind, change.names, change.request)
            for change in alternative.changes
        )
        merged.setdefault((alternative.rule, others), []).append(alternative)
    own = {alike[0].rule for alike in merged.values() if Kind.PATH in alike[0].kinds}
    for alike in merged.values():
        # A path that would do says what another claim would say, and is easier to come by.
        if not (Kind.CLAIM in alike[0].kinds and alike[0].rule in own):
            yield _sentence(simulator, alike)


def _sentence(simulator: Simulator, alike: Sequence[Alternative]) -> str:
    rule = alike[0].rule
    parts = [
        _phrase(simulator, [alternative.changes[index] for alternative in alike])
        for index, _ in enumerate(alike[0].changes)
    ]
    what = f"{rule_in_words(simulator, rule)} would allow it" if rule else "it would be allowed"
    return f"{what} {', and '.join(parts)}"


_PHRASES = {
    Kind.LEAVE: "without the group {names}",
    Kind.JOIN: "to a member of {groups}",
    Kind.SCOPE: "to a machine (a token without user and groups) with the scope {names}",
    Kind.METHOD: "with the method {names}",
    Kind.SPELLING: "for the path {path}",
    Kind.PATH: "for {path}: {segments}",
    Kind.CLAIM: "if {claims}",
}
_SEGMENT = "{segment} must equal the claim {claim}, which is {value}"
_CLAIM = "the claim {claim} were {value}, which {segment} must equal"


def _phrase(simulator: Simulator, alike: Sequence[Change]) -> str:
    change = alike[0]
    return _PHRASES[change.kind].format(
        names=listed(change.names, "and"),
        groups=_groups(simulator, [one.names[0] for one in alike]),
        path=shown(change.request.path),
        segments=_comparison(change, _SEGMENT),
        claims=_comparison(change, _CLAIM),
    )


def _groups(simulator: Simulator, names: list[str]) -> str:
    """The groups that have a rule; those that only include another one are named so."""
    members = simulator.policy.groups
    owners = [
        name
        for name in names
        if not any(member in members[name] for member in names if member != name)
    ]
    including = [name for name in names if name not in owners]
    if not owners or not including:
        return listed(names)
    verb = "which includes it" if len(including) == 1 else "which include it"
    return f"{listed(owners)}, or of {listed(including)}, {verb}"


def _comparison(change: Change, template: str) -> str:
    """Each comparison of the rule: the segment as written, the claim and what that is."""
    if change.rule is None:
        return ""
    segments = split_path(change.rule.pattern.text.partition(" ")[2])
    return " and ".join(
        template.format(
            segment=segments[condition.position].partition("=")[0] + "}",
            claim=shown(condition.claim),
            value=clip(change.caller.claims.get(condition.claim)),
        )
        for condition in change.rule.pattern.conditions
    )
