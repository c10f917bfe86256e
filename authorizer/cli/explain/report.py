"""An explanation as text for people, and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from authorizer.cli.analysis.explanation import (
    Explanation,
    alternatives_in_words,
    headline,
    rule_in_words,
)
from authorizer.cli.analysis.request import Candidate, resolve, why_preferred
from authorizer.cli.analysis.routes import named_routes, pattern_of_route
from authorizer.cli.analysis.simulator import Simulator, Verdict
from authorizer.cli.text import print_folded, shown
from authorizer.errors import clip
from authorizer.policy.paths import ANY, CONNECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from authorizer.cli.analysis.alternatives import Alternative
    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.cli.explain.token import JudgedToken
    from authorizer.policy.model import Rule

_STYLES = {
    Verdict.ALLOWED: "bold green",
    Verdict.PUBLIC: "bold yellow",
    Verdict.ELSEWHERE: "bold yellow",
    Verdict.UNREAD: "bold yellow",
    Verdict.AMBIGUOUS: "bold yellow",
}


def show(
    console: Console, simulator: Simulator, explanation: Explanation, token: JudgedToken | None
) -> None:
    """Print the answer first, and then how it came."""
    if token is not None:
        for step, name, word, style in token.steps:
            print_folded(console, Text.assemble(f"  {step} {name:<10} ", (word, style)), 15)
        style = "bold" if token.verification.is_good else "bold red"
        print_folded(console, Text(token.summary, style=style), 2)
        console.print()
        if not token.is_proved:
            console.print(Text("If it were good:"))
    style = _STYLES.get(explanation.answer.verdict, "bold red")
    print_folded(console, Text(headline(simulator, explanation), style=style), 2)
    _section(console, "caller", [_caller_in_words(simulator, explanation.caller)])
    _section(console, "route", _route_in_words(simulator, explanation))
    if explanation.overridden is not None:
        rule = rule_in_words(simulator, explanation.overridden)
        _section(console, "overrides", [f"{rule}, which would allow it: a deny overrides it"])
    _section(console, "note", explanation.notes)
    _section(console, "nearest", _nearest_in_words(simulator, explanation))


def as_json(simulator: Simulator, explanation: Explanation, token: JudgedToken | None) -> str:
    """The same for programs. Of a token's claims, those that the policy compares."""
    answer, request = explanation.answer, explanation.request
    refused = token is not None and not token.verification.is_good
    document: dict[str, Any] = {
        "request": _request(request),
        "caller": _caller(simulator, explanation.caller),
        "verdict": "refused" if refused else answer.verdict.value,
        "policy": {
            "verdict": answer.verdict.value,
            "reason": answer.decision.reason,
            "rule": _rule(simulator, answer.decision.rule),
            "overrides": _rule(simulator, explanation.overridden),
            "public_line": answer.public_line,
        },
        "route": _route(simulator, explanation),
        "notes": list(explanation.notes),
        "nearest": [
            _alternative(simulator, alternative) for alternative in explanation.alternatives
        ],
    }
    if token is not None:
        document["token"] = {
            "steps": [
                {"step": step, "name": name, "word": word} for step, name, word, _ in token.steps
            ],
            "reason": token.verification.reason,
            "summary": token.summary,
        }
    return json.dumps(document, indent=2)


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    for index, line in enumerate(lines):
        label = title if index == 0 else ""
        print_folded(console, Text.assemble((f"  {label:<10} ", "dim"), line), 15)


def _caller_in_words(simulator: Simulator, caller: Caller) -> str:
    parts = [
        f"{what} {', '.join(map(shown, names))}"
        for what, names in (("groups", caller.groups), ("scopes", caller.scopes))
        if names
    ]
    compared = _compared_claims(simulator, caller)
    parts += [f"{shown(name)}={clip(value)}" for name, value in compared.items()]
    return "; ".join(parts) or "no groups, no scopes, no claims"


def _compared_claims(simulator: Simulator, caller: Caller) -> dict[str, Any]:
    """The caller's claims that some rule compares."""
    names = {
        condition.claim for rule in simulator.policy.rules for condition in rule.pattern.conditions
    }
    return {name: value for name, value in caller.claims.items() if name in names}


def _route_in_words(simulator: Simulator, explanation: Explanation) -> Iterator[str]:
    resolution = explanation.answer.resolution
    if resolution is None:
        yield "not known without --template: judged by the path"
        if explanation.request.path != CONNECT:
            yield from _places_in_words(simulator, explanation.request, explanation.caller)
        return
    where = f" ({simulator.routes_from})" if simulator.routes_from else ""
    winner = resolution.winner
    if winner is None:
        known = "none of those that could be read" if simulator.unread else "none of the API"
        yield f"{'cannot be told' if resolution.readings else known}{where}"
        return
    yield f"{winner.key}{where}"
    protection = explanation.answer.protection
    if (
        protection is not None
        and not protection.names_route
        and protection.asks_policy is not False
    ):
        yield f"{protection.in_words} is not told it, and judges by the path"
    for other in resolution.candidates:
        if other.key != winner.key:
            yield f"rather than {other.key}: {why_preferred(winner, other)}"


def _places_in_words(simulator: Simulator, request: Request, caller: Caller) -> Iterator[str]:
    """The paths that rules speak of and that match, whatever the method: as ``decide`` does."""
    patterns = (*(rule.pattern for rule in simulator.policy.rules), *simulator.policy.public)
    by_any = (replace(pattern, methods=frozenset({ANY})) for pattern in patterns)
    places = resolve(named_routes(by_any), request, is_rest=True)
    if places.winner is None:
        return
    winner, *others = places.candidates
    yield f"{_as_pattern(winner)} is the most specific path of the policy that matches"
    for other in others:
        prefix = other.template.removesuffix("{proxy+}")
        if other.is_greedy and winner.template.startswith(prefix):
            yield from _covering_in_words(simulator, request, caller, other)
        else:
            yield f"rather than {_as_pattern(other)}: {why_preferred(winner, other)}"


def _covering_in_words(
    simulator: Simulator, request: Request, caller: Caller, other: Candidate
) -> Iterator[str]:
    """The rules for everything below a path that count besides, for this method."""
    path, policy = pattern_of_route(other.template).path, simulator.policy
    subjects = policy.subjects_of(caller.groups, caller.scopes if caller.is_machine else ())
    for rule in policy.rules:
        own = rule.pattern
        if own.tail and own.path == path and own.covers_method(request.method):
            rest = "" if rule.subject in subjects else ", but is not for this caller"
            yield f"{rule_in_words(simulator, rule)} covers it, too{rest}"


def _as_pattern(candidate: Candidate) -> str:
    return candidate.template.replace("{proxy+}", "**")


def _nearest_in_words(simulator: Simulator, explanation: Explanation) -> Iterator[str]:
    answer = explanation.answer
    if answer.is_open or answer.verdict is Verdict.ELSEWHERE:
        return
    if not explanation.alternatives and answer.is_known:
        what = "no group, scope, claim or path was found"
        yield f"nothing: {what} by which {simulator.file} allows it"
    yield from alternatives_in_words(simulator, explanation.alternatives)


def _request(request: Request) -> dict[str, str]:
    return {"method": request.method, "path": request.path}


def _caller(simulator: Simulator, caller: Caller) -> dict[str, Any]:
    return {
        "groups": list(caller.groups),
        "scopes": list(caller.scopes),
        "claims": _compared_claims(simulator, caller),
    }


def _rule(simulator: Simulator, rule: Rule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {
        "file": simulator.file,
        "line": rule.line,
        "effect": rule.effect,
        "subject": rule.subject,
        "text": rule.pattern.text,
    }


def _route(simulator: Simulator, explanation: Explanation) -> dict[str, Any]:
    resolution = explanation.answer.resolution
    if resolution is None:
        return {"known": False}
    winner = resolution.winner
    return {
        "known": True,
        "from": simulator.routes_from,
        "key": winner.key if winner else None,
        "rather_than": [
            {"key": other.key, "why": why_preferred(winner, other)}
            for other in (resolution.candidates if winner else ())
            if winner and other.key != winner.key
        ],
        "doubt": resolution.doubt,
        "authorizer": _authorizer(explanation.answer.protection),
        "unread": [
            {"place": str(fact.location), "what": str(fact.what), "why": str(fact.why)}
            for fact in simulator.unread
        ],
    }


def _authorizer(protection: RouteProtection | None) -> dict[str, Any] | None:
    if protection is None:
        return None
    return {
        "name": protection.authorizer_name,
        "kind": protection.authorizer_kind,
        "asks_policy": protection.asks_policy,
    }


def _alternative(simulator: Simulator, alternative: Alternative) -> dict[str, Any]:
    return {
        "sentence": next(alternatives_in_words(simulator, [alternative])),
        "changes": [
            {"kind": change.kind.value, "names": list(change.names)}
            for change in alternative.changes
        ],
        "request": _request(alternative.request),
        "caller": _caller(simulator, alternative.caller),
        "rule": _rule(simulator, alternative.answer.decision.rule),
    }
