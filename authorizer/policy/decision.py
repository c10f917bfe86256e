"""The decision: whether a caller may use a route, by the policy's rules.

1. Default deny. A deny overrides every allow. Order never matters; a caller has the union of all
   its groups, with what they include.
2. Group names are compared code point by code point. Unknown groups grant nothing.
3. Scopes grant only to tokens without a user: a person who signs in through an app that holds a
   scope must not gain a machine's rights.
4. A path parameter equals a claim only if both are the same string. Nothing is coerced. An
   encoded value never equals one for an allow, and for a deny equals it by what it decodes to.
5. The policy is judged against the route that API Gateway matched. Where it names none (TOKEN
   authorizers), the concrete path is resolved among the API's routes, if they are known: then a
   rule applies if it covers that route, and a deny also if it covers one that API Gateway might
   prefer. Otherwise, and on ``$default`` and ``{proxy+}``, which do not tell the path, all places
   count that the policy or the API names: an allow applies if it covers the most specific one that
   matches, a deny if it matches the path at all.

``decide`` takes plain values, not a token, so that it can be used and tested without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from authorizer.errors import Reason
from authorizer.policy.compiled import load_policy, parse_policy
from authorizer.policy.model import CompiledPolicy, Decision
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    MOST_SEGMENTS,
    PARAMETER,
    Route,
    parse_route,
    safe_segments,
    split_route_key,
)
from authorizer.policy.route_tree import Place, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from authorizer.policy.model import Rule

# Methods are case-sensitive, and API Gateway knows only upper-case ones.
_METHOD = re.compile(r"[A-Z]{1,32}", re.ASCII)
_USUAL_METHODS = frozenset(METHODS)
# Whose token has one of these has a user behind it.
CLAIMS_OF_USERS = frozenset({"username", "cognito:username", "cognito:groups"})
# Tells nothing of the path, and so does what nobody can read.
_DEFAULT = Route(path=(), names=(), greedy=True)
# Answers are remembered per method, route and set of groups: what the policy, the API and the
# groups' members make of these is far less.
_MOST_ANSWERS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(CompiledPolicy):
    """Who may call what. Immutable, and safe to share among threads.

    Attributes:
        tree: where its rules and routes stand.
    """

    tree: Tree = field(init=False, compare=False, repr=False, default_factory=Tree)
    _answers: dict[tuple[Any, ...], Answer] = field(
        init=False, compare=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Index the rules, and what else is known, by path."""
        for rule in self.rules:
            pattern = rule.pattern
            place = self.tree.place(pattern.path, is_tail=pattern.tail)
            # Of those that say the same, the first one does.
            same = (rule.effect, pattern.methods, pattern.conditions)
            place.rules.setdefault(rule.subject, {}).setdefault(same, rule)
        for pattern in self.public:
            if not pattern.tail:
                self.tree.place(pattern.path, is_tail=False)
        for key in self.routes or ():
            method, template = split_route_key(key)
            route = parse_route(template)
            if route is None:  # $default, which is all paths
                self.tree.place((), is_tail=False).methods.add(ANY)
            path, is_tail = ((), True) if route is None else (route.path, route.greedy)
            self.tree.place(path, is_tail=is_tail).methods.add(method or ANY)

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """Read a compiled policy from a file.

        Raises:
            ConfigurationError: for a file that is missing or not a compiled policy.
        """
        return cls.of(load_policy(path))

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a compiled policy.

        Raises:
            ConfigurationError: with the first thing that does not fit.
        """
        return cls.of(parse_policy(data))

    @classmethod
    def of(cls, compiled: CompiledPolicy) -> Policy:
        """The policy that says what was compiled."""
        return cls(
            rules=compiled.rules,
            groups=compiled.groups,
            public=compiled.public,
            routes=compiled.routes,
            callers=compiled.callers,
            digest=compiled.digest,
        )

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
        elif method not in _USUAL_METHODS and not _METHOD.fullmatch(method):
            return Decision(allowed=False, reason=Reason.METHOD_UNSAFE)
        groups = tuple(groups)
        scopes = counting_scopes(groups, scopes, claims) if scopes else ()
        matched = None if route is None else parse_route(route) or _DEFAULT
        if matched is None or matched.greedy:
            return self._decide_on_path(method, matched, path, (groups, scopes), claims or {})
        # What a caller's groups are told about a route is told once, and then remembered.
        key = (method, route, groups, scopes)
        answer = self._answers.get(key)
        if answer is None:
            places = self.tree.covering(matched.path)
            rules = self._rules_of(places, method, groups, scopes)
            answer = Answer.of(rules, rules, known=bool(places))
            self._remember(key, answer)
        if path is not None and not matched.agrees(path, path_parameters or {}):
            # As for who is told no route: what is wrong has the same name everywhere.
            unsafe = safe_segments(path) is None
            reason = Reason.PATH_UNSAFE if unsafe else Reason.PATH_DISAGREES
            return Decision(allowed=False, reason=reason)
        if answer.decision is not None:
            return answer.decision
        parameters: Mapping[str | None, str] = path_parameters or {}  # type: ignore[assignment]
        return answer.judge(tuple(map(parameters.get, matched.names)), claims or {})

    def _decide_on_path(
        self,
        method: str,
        route: Route | None,
        path: str | None,
        caller: tuple[tuple[str, ...], tuple[str, ...]],
        claims: Mapping[str, Any],
    ) -> Decision:
        if path is None:
            return Decision(allowed=False, reason=Reason.ROUTE_UNKNOWN)
        segments = safe_segments(path)
        if segments is None:
            return Decision(allowed=False, reason=Reason.PATH_UNSAFE)
        # Unlike {proxy+}, $default takes the root, too.
        if route and route is not _DEFAULT and not _starts_with(segments, route.path):
            return Decision(allowed=False, reason=Reason.PATH_DISAGREES)
        places = self.tree.matching(segments)
        if not places:
            return Decision(allowed=False, reason=Reason.ROUTE_UNKNOWN)
        length = min(len(segments), MOST_SEGMENTS + 1)  # no place tells longer ones apart
        key = (method, route and route.path, places, length, caller)
        answer = self._answers.get(key)
        if answer is None:
            granting, denying = self.deciding_places(method, route, places, length)
            answer = Answer.of(
                self._rules_of(granting, method, *caller),
                self._rules_of(denying, method, *caller),
                known=bool(denying),
            )
            self._remember(key, answer)
        return answer.decision or answer.judge(segments, claims)

    def deciding_places(
        self, method: str, route: Route | None, places: tuple[Place, ...], length: int
    ) -> tuple[Sequence[Place], Sequence[Place]]:
        """Where the path decides: the places whose allows count, and those whose denies do.

        Args:
            method: of the request.
            route: a greedy one that was matched; nothing where the event does not tell.
            places: those that match the path, the most specific one first.
            length: how many segments the path has.
        """
        # What is a route for other methods only is none here.
        places = tuple(
            one for one in places if one.rules or not one.methods or one.is_route_of(method, length)
        )
        is_known = self.routes is not None
        routed = [one for one in places if not is_known or one.is_route_of(method, length)]
        if not routed:
            return (), ()
        # The first one is literal where the others have a parameter. Whether API Gateway prefers
        # /{lang}/help or /admin/{proxy+} for /admin/help depends on the kind of API; a rule that
        # says "admin" is never answered for by one that does not. A greedy route does not tell the
        # path; the policy may know places below it, and every deny that matches counts.
        is_resolved = route is None and is_known and not routed[0].is_tail
        best = routed[0] if is_resolved else places[0]
        told = routed[0].path if is_known else ()
        told = route.path if route and route.path else told
        granting = [place for place in places if best.is_below(place) and place.may_be_of(told)]
        rivals = [one for one in routed if one is best or not best.surely_beats(one, method)]
        denying: Sequence[Place] = places
        if is_resolved and not any(one.is_tail for one in rivals):
            denying = [place for place in places if any(one.is_below(place) for one in rivals)]
        return granting, denying

    def _rules_of(
        self,
        places: Iterable[Place],
        method: str,
        groups: Iterable[str],
        scopes: Iterable[str],
    ) -> list[Rule]:
        subjects = self.subjects_of(groups, scopes)
        return [
            rule
            for place in places
            for subject in place.rules.keys() & subjects
            for rule in place.rules[subject].values()
            if rule.pattern.covers_method(method)
        ]

    def rules_of(self, groups: Iterable[str], scopes: Iterable[str]) -> list[Rule]:
        """All rules of a caller, in the file's order; for scopes see ``counting_scopes``."""
        subjects = self.subjects_of(groups, scopes)
        return [rule for rule in self.rules if rule.subject in subjects]

    def subjects_of(self, groups: Iterable[str], scopes: Iterable[str]) -> set[str]:
        """Whose rules a caller has; for scopes see ``counting_scopes``."""
        subjects = {f"scope:{scope}" for scope in scopes}
        for group in groups:
            subjects |= {f"group:{member}" for member in self.groups.get(group, ())}
        return subjects

    def _remember(self, key: tuple[Any, ...], answer: Answer) -> None:
        if key[0] and key[0] not in _USUAL_METHODS:
            return  # made up by the client, and there is no end of them
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()
        self._answers[key] = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the policy says to a caller of a route, but for the values that it compares.

    Attributes:
        decision: the decision, where no value is compared.
    """

    decision: Decision | None = None
    # Each rule's comparisons, and what is decided if they hold; and what, if none do.
    _steps: tuple[tuple[bool, tuple[tuple[int, str], ...], Decision], ...] = ()
    _otherwise: Decision | None = None

    @classmethod
    def of(cls, allows: Iterable[Rule], denies: Iterable[Rule], *, known: bool) -> Answer:
        """Sort out the rules of two sets of places."""
        allowing, denying = (
            tuple(
                sorted(
                    (rule for rule in rules if rule.effect == effect),
                    key=lambda rule: (rule.line, rule.subject, rule.pattern.text),
                )
            )
            for rules, effect in ((allows, "allow"), (denies, "deny"))
        )
        reason = Reason.NOT_GRANTED if known else Reason.ROUTE_UNKNOWN
        answer = cls(
            _steps=tuple(_step(rule) for rule in (*denying, *allowing)),
            _otherwise=Decision(allowed=False, reason=reason),
        )
        if any(compared for _, compared, _ in answer._steps):
            return answer
        return replace(answer, decision=answer.judge((), {}))

    def judge(self, values: Sequence[str | None], claims: Mapping[str, Any]) -> Decision:
        """Decide, with the values of the path's segments and the caller's claims."""
        for denies, compared, decision in self._steps:
            equals = _may_equal if denies else _surely_equals
            if all(equals(values[position], claims.get(claim)) for position, claim in compared):
                return decision
        return cast("Decision", self._otherwise)


def _step(rule: Rule) -> tuple[bool, tuple[tuple[int, str], ...], Decision]:
    denies = rule.effect == "deny"
    reason = Reason.DENIED_BY_RULE if denies else None
    compared = tuple((one.position, one.claim) for one in rule.pattern.conditions)
    return denies, compared, Decision(allowed=not denies, reason=reason, rule=rule)


def counting_scopes(
    groups: Sequence[str], scopes: Iterable[str], claims: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """The scopes that grant something: a machine's, and nobody else's."""
    return tuple(scopes) if scopes and not groups and is_machine(claims or {}) else ()


def is_machine(claims: Mapping[str, Any]) -> bool:
    """Whether these are the claims of a client_credentials token: its subject is the client.

    That a user is missing is no proof: a caller of ours may have passed no claims at all.
    """
    return (
        isinstance(claims.get("sub"), str)
        and claims["sub"] == claims.get("client_id")
        and claims.keys().isdisjoint(CLAIMS_OF_USERS)
    )


def _surely_equals(value: str | None, claim: object) -> bool:
    # An encoded value may reach the backend decoded, as another one: it allows nothing.
    return isinstance(claim, str) and isinstance(value, str) and "%" not in value and value == claim


def _may_equal(value: str | None, claim: object) -> bool:
    # For the same reason it escapes no deny, nor does a value that nobody extracted. It may be
    # encoded once more than the path (see ``Route.agrees``), which the backend may decode, too.
    return isinstance(claim, str) and (value is None or claim in _spellings(value))


@lru_cache(maxsize=64)
def _spellings(value: str) -> frozenset[str]:
    # Found out once: a client may send thousands of encodings, and many denies may compare them.
    return frozenset({value, unquote(value), unquote(unquote(value))})


def _starts_with(segments: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
    """Whether a path lies under a greedy route, which covers one segment or more."""
    return len(segments) > len(prefix) and all(
        expected in (PARAMETER, segment)
        for segment, expected in zip(segments, prefix, strict=False)
    )
