"""What a policy is made of: values, without what decides by them (see ``decision``).

A rule is one line of ``policy.yaml``, ``METHOD[,METHOD] /path``. A segment of the path is literal,
``{name}`` (the route's own parameter at that place), or ``{name=claim}`` (the same, equal to that
claim of the caller); ``/**`` at the end stands for zero or more segments. There are no other
wildcards. The text is read when the policy is compiled; what ships is what was read.

A pattern covers a *route*, such as API Gateway's ``/users/{id}``, and a parameter covers a
parameter, whatever either is called: a rule for ``/users/{id}`` says nothing about a route
``/users/admin``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.errors import Reason

Effect = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A path parameter must equal a claim.

    Attributes:
        position: index of the path segment, counted from 0.
        claim: name of the claim.
    """

    position: int
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePattern:
    """What a rule covers.

    Attributes:
        text: as written.
        methods: those covered, or exactly ``{"ANY"}``.
        path: canonical segments, with ``PARAMETER`` for each parameter.
        tail: whether ``/**`` follows.
        conditions: parameters that must equal a claim.
    """

    text: str
    methods: frozenset[str]
    path: tuple[str, ...]
    tail: bool = False
    conditions: tuple[Condition, ...] = ()

    def covers_method(self, method: str) -> bool:
        """Whether a request's method is among those covered. ``GET`` does not imply ``HEAD``."""
        return method in self.methods or ANY in self.methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the policy.

    Attributes:
        effect: ``allow`` or ``deny``.
        subject: who it is for: ``group:<name>`` or ``scope:<name>``.
        pattern: what it covers.
        line: where it stands in ``policy.yaml``, counted from 1.
    """

    effect: Effect
    subject: str
    pattern: RoutePattern
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of the policy.

    Attributes:
        allowed: whether the caller may use the route.
        reason: why not; ``None`` when allowed.
        rule: the rule that decided, where one did; of several, the first in the file.
    """

    allowed: bool
    reason: Reason | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPolicy:
    """What ``policy.json`` says. ``decision.Policy`` is the same, ready to be asked.

    Attributes:
        rules: every line that grants or denies, in the file's order.
        groups: each group with all groups whose rules it has, itself among them.
        public: routes that carry no authorizer. They grant nothing here; they are known, so that
            a path that belongs to them is not taken for another route's.
        routes: every route of the API, as its template has them: ``GET /users/{id}``; nothing
            where the policy was compiled without the template. They grant nothing either.
        callers: what a document for all of a caller's routes is looked up in (see
            ``caller_table``); nothing where the routes are not known, or too many.
        digest: names the compiled document that this came from, for logs.
    """

    rules: tuple[Rule, ...]
    groups: Mapping[str, frozenset[str]]
    public: tuple[RoutePattern, ...] = ()
    routes: tuple[str, ...] | None = None
    callers: Mapping[str, Any] | None = None
    digest: str = ""
