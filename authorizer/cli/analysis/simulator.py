"""A policy at hand, with the API in front of which it stands, to be asked about requests.

Where the API's routes are known, a request is resolved to one and the policy is asked about that,
as the authorizer is. Otherwise the policy is asked about the path.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import (
    AnswerKind,
    DecidedBy,
    RouteProtection,
    protection_by_route,
    routes_that_ask,
)
from authorizer.cli.analysis.request import Caller, Request, Resolution, resolve
from authorizer.cli.analysis.unresolved import unread_routes
from authorizer.cli.policy_file.caller_table import with_callers
from authorizer.cli.policy_file.grammar import is_route_key
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Template,
    Unresolved,
)
from authorizer.gateway.iam import why_unnamed
from authorizer.policy.caller_document import CallerDocuments, Inexact
from authorizer.policy.model import Decision, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.errors import Reason
    from authorizer.policy.decision import Policy

# Subjects that are nobody's: a rule of theirs takes up its place and grants nothing.
_NOBODY = "nobody:"
_EVERYBODY = "everybody"
_NOT_ASKED = Decision(allowed=False)


class Verdict(StrEnum):
    """What becomes of a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    # No authorizer is asked, so everybody is let in.
    PUBLIC = "public"
    # API Gateway answers by itself.
    NO_ROUTE = "no_route"
    # Another authorizer decides: what the policy says of it counts for nothing.
    ELSEWHERE = "decided_elsewhere"
    # It reaches none of the routes that could be read, and there are others.
    UNREAD = "route_not_read"
    # Its path can be read in several ways, and what becomes of it depends on which one is chosen.
    AMBIGUOUS = "route_ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of a request, and how that came.

    Attributes:
        decision: the policy's; one without reason and rule where it is not asked.
        resolution: how the route was found; nothing where the routes are not known.
        public_line: which line of the policy says that it is public.
        protection: who decides about the route; nothing where the template does not tell.
        readings: where it depends on how the path is read, the answers.
    """

    verdict: Verdict
    decision: Decision
    resolution: Resolution | None = None
    public_line: int | None = None
    protection: RouteProtection | None = None
    readings: tuple[Answer, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether what becomes of the request can be told from the policy."""
        return self.is_decidable and self.verdict is not Verdict.ELSEWHERE

    @property
    def is_decidable(self) -> bool:
        """Whether it can be told who decides about the request."""
        return self.verdict not in {Verdict.UNREAD, Verdict.AMBIGUOUS}

    @property
    def is_open(self) -> bool:
        """Whether the request gets through."""
        return self.verdict in {Verdict.ALLOWED, Verdict.PUBLIC}


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """A policy, and the routes of the API that it is for.

    Attributes:
        file: the policy's, as the user named it.
        public_lines: line of each public route, in the order of ``policy.public``.
        routes: keys of the API's routes; nothing where they are not known.
        routes_from: the file that tells them.
        is_rest: whether it is a REST API.
        protections: of routes by key, who decides; whether others are public, the policy says.
        unread: which of the API's routes could not be read.
    """

    policy: Policy
    file: str = "policy.yaml"
    public_lines: tuple[int, ...] = ()
    routes: tuple[str, ...] | None = None
    routes_from: str | None = None
    is_rest: bool = False
    protections: Mapping[str, RouteProtection] = field(default_factory=dict)
    unread: tuple[Unresolved, ...] = ()

    @cached_property
    def _public(self) -> Policy:
        """The policy that grants the public routes to everybody, and nothing else."""
        lines = self.public_lines or (0,) * len(self.policy.public)
        public = tuple(
            Rule(effect="allow", subject=f"group:{_EVERYBODY}", pattern=pattern, line=line)
            for pattern, line in zip(self.policy.public, lines, strict=True)
        )
        others = tuple(replace(rule, subject=_NOBODY, effect="allow") for rule in self.policy.rules)
        groups = {_EVERYBODY: frozenset({_EVERYBODY})}
        return replace(self.policy, rules=public + others, groups=groups, public=())

    @cached_property
    def _documents(self) -> CallerDocuments:
        """What documents say. Few requests need it, and of a large API it takes long."""
        return CallerDocuments(with_callers(self.policy))

    @cached_property
    def comparing(self) -> tuple[Rule, ...]:
        """The allows that compare claims. There are few, and they are asked for often."""
        allows = (rule for rule in self.policy.rules if rule.effect == "allow")
        return tuple(rule for rule in allows if rule.pattern.conditions)

    def ask(self, request: Request, caller: Caller) -> Answer:
        """What becomes of a request."""
        resolution = self.resolve(request)
        if resolution is None or not resolution.readings:
            return self.ask_along(request, caller, resolution)
        readings = tuple(
            self.ask_along(request, caller, reading) for reading in resolution.readings
        )
        return _in_common(readings, resolution)

    def ask_along(self, request: Request, caller: Caller, resolution: Resolution | None) -> Answer:
        """What becomes of a request that reaches just that route, or none."""
        protection = None
        if resolution is not None:
            winner = resolution.winner
            if winner is None:
                verdict = Verdict.UNREAD if self.unread else Verdict.NO_ROUTE
                return Answer(verdict=verdict, decision=_NOT_ASKED, resolution=resolution)
            request = replace(request, route=winner.template, path_parameters=winner.parameters)
            protection = self.protections.get(winner.key)
        public = request.put_to(self._public, Caller(groups=(_EVERYBODY,))).rule
        if protection is not None and not protection.names_route:
            request = replace(request, route=None, path_parameters={})
        decision = _NOT_ASKED
        opened = _without_policy(protection, is_listed=public is not None)
        if opened is None:
            decision = self._decide(request, caller, protection)
        asked = Verdict.ALLOWED if decision.allowed else Verdict.DENIED
        return Answer(
            verdict=opened or asked,
            decision=decision,
            resolution=resolution,
            public_line=public.line if public else None,
            protection=protection,
        )

    def _decide(
        self, request: Request, caller: Caller, protection: RouteProtection | None
    ) -> Decision:
        """What the policy decides, and the authorizer can answer."""
        decision = request.put_to(self.policy, caller)
        if protection is None or not decision.allowed:
            return decision
        reason = self._why_no_document(protection.answer, request, caller)
        return decision if reason is None else Decision(allowed=False, reason=reason)

    def _why_no_document(self, kind: AnswerKind, request: Request, caller: Caller) -> Reason | None:
        """Why an answer of that kind cannot allow a request that the policy allows, if so.

        An IAM document for one request cannot name every path: what is a wildcard or begins a
        variable there would open others. A caller's document may cover such a path with others.
        """
        if kind is AnswerKind.SIMPLE:
            return None
        # Before it, an ARN has a part that the deployment decides: here it has none.
        reason = why_unnamed("", request.resource)
        if kind is AnswerKind.REQUEST or reason is None:
            return reason
        grants = self._documents.of(caller.groups, caller.scopes, caller.claims)
        is_covered = not isinstance(grants, Inexact) and grants.allows(request.resource)
        return None if is_covered else reason

    def resolve(self, request: Request) -> Resolution | None:
        """How the request comes to its route; nothing where the routes are not known."""
        routes = self.routes
        return None if routes is None else resolve(routes, request, is_rest=self.is_rest)

    def without_denies(self) -> Simulator:
        """The same where no deny denies: to see what a deny overrides."""
        rules = tuple(
            replace(rule, subject=_NOBODY, effect="allow") if rule.effect == "deny" else rule
            for rule in self.policy.rules
        )
        return replace(self, policy=replace(self.policy, rules=rules))


def _in_common(readings: tuple[Answer, ...], resolution: Resolution) -> Answer:
    """The answer that holds, however the path is read: in whichever way, it does not get through.

    Otherwise there is none, though all of them may let the request in: by different rules.
    """
    denied = [reading for reading in readings if reading.verdict is Verdict.DENIED]
    shut = {Verdict.DENIED, Verdict.NO_ROUTE}
    if denied and all(reading.verdict in shut for reading in readings):
        return replace(denied[0], resolution=resolution)
    return Answer(
        verdict=Verdict.AMBIGUOUS, decision=_NOT_ASKED, resolution=resolution, readings=readings
    )


def _without_policy(protection: RouteProtection | None, *, is_listed: bool) -> Verdict | None:
    """The verdict where the policy is not asked. What the template says is what will be.

    Only where it does not tell whether there is an authorizer at all, the list of public routes is
    believed.
    """
    who = protection.decided_by if protection is not None else DecidedBy.UNKNOWN
    if who is DecidedBy.OTHER:
        return Verdict.ELSEWHERE
    is_unnamed = protection is None or protection.authorizer_name is None
    is_open = is_listed and who is DecidedBy.UNKNOWN and is_unnamed
    return Verdict.PUBLIC if is_open or who is DecidedBy.NOBODY else None


def simulator_of(named: NamedPolicy, in_front_of: tuple[Template, Api] | None = None) -> Simulator:
    """A policy for an API of a template; or for what API it may be."""
    lines = tuple(line.line for line in named.source.public)
    if in_front_of is None:
        return Simulator(policy=named.policy, file=named.name, public_lines=lines)
    template, api = in_front_of
    # As it is when it was compiled with them; what else is there, such as a WebSocket API's
    # messages, asks no policy.
    routes = tuple(filter(is_route_key, routes_that_ask(api)))
    return Simulator(
        policy=replace(named.policy, routes=routes),
        file=named.name,
        public_lines=lines,
        routes=routes,
        routes_from=template.file,
        is_rest=api.kind is ApiKind.REST,
        protections=protection_by_route(template, api),
        unread=unread_routes(template, api),
    )
