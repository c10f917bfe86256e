"""The policy in its compiled form, and the decision.

1. Default deny. A deny overrides every allow. Order never matters; a caller has the union of all
   its groups, with what they include.
2. Group names are compared code point by code point. Unknown groups grant nothing.
3. Scopes grant only to tokens without a user: a person who signs in through an app that holds a
   scope must not gain a machine's rights.
4. A path parameter equals a claim only if both are the same string. Nothing is coerced. An
   encoded value never equals one for an allow, and for a deny equals it by what it decodes to.
5. The policy is judged against the route that API Gateway matched. Only where that does not tell
   the path (``$default``, ``{proxy+}``, TOKEN authorizers) is the concrete path resolved: an allow
   applies if it belongs to the most specific route that matches, a deny if it matches at all.

``decide`` takes plain values, not a token, so that it can be used and tested without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from authorizer.errors import Reason
from authorizer.policy.routes import (
    CONNECT,
    PARAMETER,
    Route,
    RoutePattern,
    parse_route,
    safe_segments,
    split_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Effect = Literal["allow", "deny"]
# Methods are case-sensitive, and API Gateway knows only upper-case ones.
_METHOD = re.compile(r"[A-Z]{1,32}", re.ASCII)


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


@dataclass(slots=True)
class _Node:
    """A place in the tree of canonical paths."""

    children: dict[str, _Node] = field(default_factory=dict)
    exact: dict[str, list[Rule]] = field(default_factory=dict)
    tails: dict[str, list[Rule]] = field(default_factory=dict)
    is_route: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may call what. Immutable, and safe to share among threads.

    Attributes:
        rules: every line that grants or denies, in the file's order.
        groups: each group with all groups whose rules it has, itself among them.
        public: routes that carry no authorizer. They grant nothing here; they are known, so that
            a path that belongs to them is not taken for another route's.
        digest: names the compiled document that this came from, for logs.
    """

    rules: tuple[Rule, ...]
    groups: Mapping[str, frozenset[str]]
    public: tuple[RoutePattern, ...] = ()
    digest: str = ""
    _root: _Node = field(init=False, compare=False, repr=False, default_factory=_Node)
    _subjects: dict[str, frozenset[str]] = field(
        init=False, compare=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Index the rules by path, and the groups by what they have."""
        for rule in self.rules:
            node = _grow(self._root, rule.pattern)
            where = node.tails if rule.pattern.tail else node.exact
            where.setdefault(rule.subject, []).append(rule)
        for pattern in self.public:
            _grow(self._root, pattern)
        for group, members in self.groups.items():
            self._subjects[group] = frozenset(f"group:{member}" for member in members)

    @staticmethod
    def load(path: Path | str) -> Policy:
        """Read a compiled policy from a file.

        Raises:
            ConfigurationError: for a file that is missing or not a compiled policy.
        """
        from authorizer.policy.compiled import load_policy  # noqa: PLC0415 - it builds on this one

        return load_policy(path)

    def decide(
        self,
        *,
        method: str,
        route: str | None = None,
        path: str | None = None,
        path_parameters: Mapping[str, str] | None = None,
        groups: Iterable[str] = (),
        scopes: Iterable[str] = (),
        claims: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Whether a caller may use a route.

        Args:
            method: of the request; ignored for ``$connect``.
            route: the template that API Gateway matched, such as ``/users/{id}``, ``$default``,
                ``$connect``; nothing where the event does not tell.
            path: the concrete path, without stage; needed where ``route`` does not tell it.
            path_parameters: the values that API Gateway extracted.
            groups: the caller's groups.
            scopes: the token's scopes. They count only if the claims show that no user is there.
            claims: the token's claims, for ``{name=claim}``, and for whether there is a user: a
                machine's ``sub`` is its ``client_id``, and it has no username and no groups.
        """
        if route == CONNECT:
            method = ""  # a connection has none, so that only ANY covers it
        elif not _METHOD.fullmatch(method):
            return Decision(allowed=False, reason=Reason.METHOD_UNSAFE)
        caller = self._caller(groups, scopes, claims or {})
        matched = parse_route(route) if route is not None else None
        if matched is not None and not matched.greedy:
            return self._decide_on_route(method, matched, path, path_parameters or {}, caller)
        return self._decide_on_path(method, matched, path, caller)

    def _caller(
        self, groups: Iterable[str], scopes: Iterable[str], claims: Mapping[str, Any]
    ) -> _Caller:
        groups = tuple(groups)
        subjects: set[str] = set()
        for group in groups:
            subjects |= self._subjects.get(group, frozenset())
        if not groups and _is_machine(claims):
            subjects.update(f"scope:{scope}" for scope in scopes)
        return _Caller(subjects, claims)

    def _decide_on_route(
        self,
        method: str,
        route: Route,
        path: str | None,
        parameters: Mapping[str, str],
        caller: _Caller,
    ) -> Decision:
        if path is not None and not _agrees(path, route, parameters):
            return Decision(allowed=False, reason=Reason.PATH_DISAGREES)
        values = tuple(parameters.get(name) if name else None for name in route.names)
        nodes = list(_walk(self._root, route.path))
        reached_end = len(nodes) == len(route.path) + 1
        rules: list[Rule] = []
        for node in nodes:
            rules += _rules_of(node.tails, caller.subjects)
        if reached_end:
            rules += _rules_of(nodes[-1].exact, caller.subjects)
        known = any(node.tails for node in nodes) or (reached_end and nodes[-1].is_route)
        applying = [rule for rule in rules if _applies(rule, method, values, caller.claims)]
        return _conclude(applying, applying, known=known)

    def _decide_on_path(
        self,
        method: str,
        route: Route | None,
        path: str | None,
        caller: _Caller,
    ) -> Decision:
        if path is None:
            return Decision(allowed=False, reason=Reason.ROUTE_UNKNOWN)
        segments = safe_segments(path)
        if segments is None:
            return Decision(allowed=False, reason=Reason.PATH_UNSAFE)
        if route is not None and not _starts_with(segments, route.path):
            return Decision(allowed=False, reason=Reason.PATH_DISAGREES)
        matches = list(_matches(self._root, segments, 0, ()))
        if not matches:
            return Decision(allowed=False, reason=Reason.ROUTE_UNKNOWN)

        def applying(match: _Match) -> list[Rule]:
            found = _rules_of(match.own, caller.subjects)
            return [rule for rule in found if _applies(rule, method, segments, caller.claims)]

        # The first one is literal where the others have a parameter. Whether API Gateway prefers
        # /{lang}/help or /admin/{proxy+} for /admin/help depends on the kind of API; a rule that
        # says "admin" is never answered for by one that does not.
        best = matches[0]
        allows = [
            rule
            for match in matches
            if best.is_below(match) and match.may_be_of(route)
            for rule in applying(match)
        ]
        denies = [rule for match in matches for rule in applying(match)]
        return _conclude(allows, denies, known=True)


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whose rules count, and what parameters are compared with."""

    subjects: set[str]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Match:
    """A pattern's place in the tree that matches a path: its canonical path and its rules."""

    path: tuple[str, ...]
    own: Mapping[str, Sequence[Rule]]
    is_tail: bool

    def is_below(self, other: _Match) -> bool:
        """Whether the other one covers this one: it is the same, or a /** above it."""
        return self is other or (other.is_tail and self.path[: len(other.path)] == other.path)

    def may_be_of(self, route: Route | None) -> bool:
        """Whether no parameter of this one stands where a known route is literal."""
        return route is None or not any(
            own == PARAMETER != known for own, known in zip(self.path, route.path, strict=False)
        )


def _is_machine(claims: Mapping[str, Any]) -> bool:
    """Whether these are the claims of a client_credentials token: its subject is the client.

    That a user is missing is no proof: a caller of ours may have passed no claims at all.
    """
    return (
        isinstance(claims.get("sub"), str)
        and claims["sub"] == claims.get("client_id")
        and claims.keys().isdisjoint({"username", "cognito:username", "cognito:groups"})
    )


def _grow(root: _Node, pattern: RoutePattern) -> _Node:
    node = root
    for segment in pattern.path:
        node = node.children.setdefault(segment, _Node())
    node.is_route = node.is_route or not pattern.tail
    return node


def _walk(root: _Node, path: tuple[str, ...]) -> Iterator[_Node]:
    """The nodes along a canonical path, as far as the tree goes."""
    node: _Node | None = root
    for segment in path:
        if node is None:
            return
        yield node
        node = node.children.get(segment)
    if node is not None:
        yield node


def _matches(
    node: _Node, segments: tuple[str, ...], at: int, path: tuple[str, ...]
) -> Iterator[_Match]:
    """Every pattern that matches a concrete path, most specific first: literal before parameter."""
    if at == len(segments):
        if node.is_route:
            yield _Match(path, node.exact, is_tail=False)
    else:
        for step in (segments[at], PARAMETER):
            child = node.children.get(step)
            if child is not None:
                yield from _matches(child, segments, at + 1, (*path, step))
    if node.tails:
        yield _Match(path, node.tails, is_tail=True)


def _rules_of(by_subject: Mapping[str, Sequence[Rule]], subjects: set[str]) -> list[Rule]:
    if not by_subject:
        return []
    return [rule for subject in subjects for rule in by_subject.get(subject, ())]


def _applies(
    rule: Rule, method: str, values: Sequence[str | None], claims: Mapping[str, Any]
) -> bool:
    equals = _surely_equals if rule.effect == "allow" else _may_equal
    return rule.pattern.covers_method(method) and all(
        equals(values[condition.position], claims.get(condition.claim))
        for condition in rule.pattern.conditions
    )


def _surely_equals(value: str | None, claim: object) -> bool:
    # An encoded value may reach the backend decoded, as another one: it allows nothing.
    return isinstance(claim, str) and isinstance(value, str) and "%" not in value and value == claim


def _may_equal(value: str | None, claim: object) -> bool:
    # For the same reason it escapes no deny, nor does a value that nobody extracted.
    return isinstance(claim, str) and (value is None or claim in {value, unquote(value)})


def _conclude(allows: Sequence[Rule], denies: Sequence[Rule], *, known: bool) -> Decision:
    denying = [rule for rule in denies if rule.effect == "deny"]
    if denying:
        rule = min(denying, key=_place)
        return Decision(allowed=False, reason=Reason.DENIED_BY_RULE, rule=rule)
    allowing = [rule for rule in allows if rule.effect == "allow"]
    if allowing:
        return Decision(allowed=True, rule=min(allowing, key=_place))
    return Decision(allowed=False, reason=Reason.NOT_GRANTED if known else Reason.ROUTE_UNKNOWN)


def _place(rule: Rule) -> tuple[int, str, str]:
    return (rule.line, rule.subject, rule.pattern.text)


def _agrees(path: str, route: Route, parameters: Mapping[str, str]) -> bool:
    """Whether a concrete path is one of the route's, with the parameters that were extracted."""
    segments = split_path(path)
    if len(segments) != len(route.path) or not path.startswith("/"):
        return False
    for segment, expected, name in zip(segments, route.path, route.names, strict=True):
        if name is None:
            if unquote(segment) != expected:
                return False
        elif name in parameters and unquote(segment) != unquote(parameters[name]):
            return False
    return True


def _starts_with(segments: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
    """Whether a path lies under a greedy route, which covers one segment or more."""
    return len(segments) > len(prefix) and all(
        expected in (PARAMETER, segment)
        for segment, expected in zip(segments, prefix, strict=False)
    )
