"""What is on the page, put together from the policy in force and who is looking at it.

All that is foreign is escaped by the template. A language is a file of sentences in ``languages``;
what a policy or a template says, and what the tools say of it, stays as it is.
"""

from __future__ import annotations

import json
import time
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from authorizer.cli.account.call import indented
from authorizer.cli.account.decode import (
    HEADER_MEANINGS,
    LAST_SECOND,
    TIMES,
    claim_meaning,
    shown_instant,
    shown_value,
)
from authorizer.cli.account.verification import HEADER, STEP_OF, TOKEN_STEPS, read_part
from authorizer.cli.analysis.explanation import alternatives_in_words
from authorizer.cli.analysis.permissions import Extent
from authorizer.cli.analysis.protection import DecidedBy, RouteProtection
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.simulator import Verdict
from authorizer.cli.pages import asset, page_facts
from authorizer.cli.playground.exchange import NO_TOKEN
from authorizer.cli.playground.tokens import Attack
from authorizer.cli.text import render
from authorizer.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.explain.token import JudgedToken
    from authorizer.cli.playground.exchange import Visitor
    from authorizer.cli.playground.stage import PolicyState, Stage

ROOM = "playground"
LANGUAGES = ("en", "zh-TW")
# What stands for a path's parameter until somebody types another value.
_EXAMPLE = "7"
# Of a large API, so many routes are looked at for examples.
_MOST_ROUTES = 60
_EXAMPLES = (NO_TOKEN, Verdict.DENIED, Verdict.ALLOWED)


class Example(NamedTuple):
    """A request that shows something.

    Attributes:
        who: by name; nothing for whoever is at the page.
        fit: how well it shows it.
    """

    request: Request
    who: str | None = None
    fit: int = 0


@cache
def language(name: str) -> dict[str, Any]:
    """The sentences of a language."""
    sentences: dict[str, Any] = json.loads(asset(ROOM, f"languages/{name}.json"))
    return sentences


def preferred_language(accepted: str) -> str:
    """The first of our languages that a browser's ``Accept-Language`` names."""
    ours = {name[:2]: name for name in LANGUAGES}
    named = (ours.get(part.strip()[:2].lower()) for part in accepted.split(","))
    return next(filter(None, named), LANGUAGES[0])


# --- requests -------------------------------------------------------------------------------------


def template_of(protection: RouteProtection) -> str:
    """A route's path; of one that takes whatever no other takes, a path of any length."""
    path = protection.route.path
    return path if path.startswith("/") else "/{proxy+}"


def request_for(protection: RouteProtection, typed: Mapping[str, str], otherwise: str) -> Request:
    """A request for a route.

    Args:
        protection: the route's.
        typed: ``method``, and values of parameters by their names as they are written.
        otherwise: what parameters are that have no value.
    """
    method = typed.get("method", "")
    segments = [
        quote(typed.get(segment[1:-1]) or otherwise, safe="/" if segment.endswith("+}") else "")
        if segment.startswith("{")
        else segment
        for segment in template_of(protection).split("/")
    ]
    return Request(
        method=method if method in protection.methods else protection.methods[0],
        path="/".join(segments),
    )


def first_value(policy: PolicyState, key: str, caller: Caller | None) -> str:
    """What a route's parameters are at first: the caller's id, where it matters whose they are."""
    lines = [line for line in policy.sheet.lines if line.route.key == key]
    extents = {line.permission(who).extent for line in lines for who in policy.sheet.subjects}
    sub = caller.claims.get("sub") if caller is not None else None
    return sub if Extent.OWN in extents and isinstance(sub, str) else _EXAMPLE


def examples_of(
    stage: Stage, policy: PolicyState, caller: Caller | None
) -> dict[str, Example | None]:
    """The same request thrice: without a token, by who may not, and by who may.

    Where nobody can be signed in by a click, they are requests of who has signed in.
    """
    callers: dict[str | None, Caller] = dict(stage.samples.items())
    if not callers and caller is not None:
        callers[None] = caller
    protections = policy.simulator.protections.items()
    guarded = [(key, one) for key, one in protections if one.decided_by is DecidedBy.POLICY]
    found: dict[bool, list[Example]] = {False: [], True: []}
    for (key, protection), (name, asking) in product(guarded[:_MOST_ROUTES], callers.items()):
        request = request_for(protection, {}, first_value(policy, key, asking))
        answer = policy.simulator.ask(request, asking)
        # Who is somebody, and is simply not granted it, shows more than who is denied all.
        fit = bool(asking.groups) + (answer.decision.reason is not Reason.DENIED_BY_RULE)
        found[answer.verdict is Verdict.ALLOWED].append(Example(request, name, fit))
    alike = [pair for pair in product(*found.values()) if pair[0].request == pair[1].request]
    apart = tuple(next(iter(examples), None) for examples in found.values())
    denied, allowed = max(alike, key=lambda pair: pair[0].fit + pair[1].fit, default=apart)
    tokenless = allowed.request if allowed else request_for(guarded[0][1], {}, _EXAMPLE)
    return dict(zip(_EXAMPLES, (Example(tokenless), denied, allowed), strict=True))


# --- the page -------------------------------------------------------------------------------------


def page_of(
    stage: Stage,
    policy: PolicyState,
    visitor: Visitor,
    judged: JudgedToken | None,
    times: tuple[float, ...],
) -> str:
    """The page as it is now."""
    # Whatever a token claims that is not good, its bearer is nobody.
    caller = judged.caller if judged is not None and judged.verification.is_good else None
    examples, routes = examples_of(stage, policy, caller), policy.simulator.protections
    key = next((key for key in routes if key == visitor.route), next(iter(routes)))
    return render(
        ROOM,
        "page.html",
        **page_facts(),
        **_FACTS,
        t=language(visitor.language),
        language=visitor.language,
        languages={name: language(name)["name"] for name in LANGUAGES},
        stage=stage,
        policy=policy,
        visitor=visitor,
        judged=judged,
        caller=caller,
        times=times,
        header=read_part(visitor.token or "", HEADER),
        now=time.time(),
        examples=examples,
        routes=routes,
        chosen=routes[key],
        segments=template_of(routes[key]).split("/"),
        otherwise=first_value(policy, key, caller),
    )


# What the page says the same of to everybody.
_FACTS = {
    "LAST_SECOND": LAST_SECOND,
    "alternatives_in_words": alternatives_in_words,
    "attacks": tuple(Attack),
    "claim_meaning": claim_meaning,
    "header_meanings": HEADER_MEANINGS,
    "indented": indented,
    "pretty": partial(json.dumps, indent=2),
    "shown_instant": shown_instant,
    "shown_value": shown_value,
    "step_of": STEP_OF,
    "steps": TOKEN_STEPS,
    "times_of_claims": TIMES,
}
