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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from authorizer.errors import ConfigurationError, Reason
from authorizer.policy.model import (
    Decision,
    Effect,
    RoutePattern,
    Rule,
    contents_of,
    opened,
)
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHOD,
    METHODS,
    MOST_SEGMENTS,
    Route,
    parse_route,
    safe_segments,
    spellings_of,
    split_route_key,
)
from authorizer.policy.route_tree import Place

# Rules that compare values, with what each decides; and what is decided if none holds.
_Answer = tuple[Sequence[tuple[Rule, Decision]], Decision]
# Whose token has one of these has a user behind it.
CLAIMS_OF_USERS = frozenset({"username", "cognito:username", "cognito:groups"})
# Tells nothing of the path, and so does what nobody can read.
_DEFAULT = Route(path=(), names=(), greedy=True)
# Answers are remembered per method, path of a route and set of groups: what the policy, the API and
# the groups' members make of these is far less.
_MOST_ANSWERS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may call what. Immutable, and safe to share among threads.

    Attributes:
        rules: every line that grants or denies, in the file's order.
        groups: each group with all groups whose rules it has, itself among them.
        public: routes that carry no authorizer. They grant nothing here; they are known, so that
            a path that belongs to them is not taken for another route's.
        routes: every route of the API, as its template has them: ``GET /users/{id}``; nothing
            where the policy was compiled without the template. They grant nothing either.
        callers: what a document for all of a caller's routes is looked up in (see
            ``caller_document``); nothing where the routes are not known, or too many.
        digest: names the compiled document that this came from, for logs.
        tree: where its rules and routes stand.
    """

    rules: tuple[Rule, ...]
    groups: Mapping[str, frozenset[str]]
    public: tuple[RoutePattern, ...] = ()
    routes: tuple[str, ...] | None = None
    callers: Mapping[str, Any] | None = None
    digest: str = ""
    tree: Place = field(init=False, compare=False, repr=False, default_factory=Place)
    # What was found out before, of as many as there are.
    _remembered: Callable[..., _Answer] = field(init=False, compare=False, repr=False)

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
            route = parse_route(template) or _DEFAULT
            self.tree.place(route.path, is_tail=route.greedy).methods.add(method or ANY)
            if route is _DEFAULT:  # unlike {proxy+}, it takes the root, too
                self.tree.place((), is_tail=False).methods.add(ANY)
        object.__setattr__(self, "_remembered", lru_cache(maxsize=_MOST_ANSWERS)(self._answer))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a compiled policy from a file.

        Raises:
            ConfigurationError: for a file that is missing or not a compiled policy.
        """
        try:
            return cls.parse(Path(path).read_bytes())
        except (OSError, ValueError, ConfigurationError) as error:
            raise ConfigurationError(
                [f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]
            ) from error

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a compiled policy.

        Raises:
            ConfigurationError: it is none.
        """
        try:
            return cls(**contents_of(opened(data)))
        except Exception as error:  # whatever it is, no policy came of it
            problem = (
                "expected a policy made by 'authorizer compile', found another file, or one of "
                "another version, or changed since: run 'authorizer compile' again, with the "
                "--template that it had"
            )
            raise ConfigurationError([problem]) from error

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
        if method not in METHODS or route == CONNECT:
            if route != CONNECT and not METHOD.fullmatch(method):
                return Decision(allowed=False, reason=Reason.METHOD_UNSAFE)
            # A connection has none. Others are in no rule and no route, and there is no end of
            # them: only ANY covers both.
            method = ""
        groups, claims, parameters = tuple(groups), claims or {}, path_parameters or {}
        matched = None if route is None else parse_route(route) or _DEFAULT
        values: Sequence[str | None] = ()
        where = None
        if (
            matched is None
            or matched.greedy
            or (path is not None and not matched.agrees(path, parameters))
        ):
            segments = _segments(matched, path)
            if isinstance(segments, Reason):
                return Decision(allowed=False, reason=segments)
            # No place tells longer paths apart.
            where = self.tree.matching(segments), min(len(segments), MOST_SEGMENTS + 1)
            values = segments
        scopes = tuple(scopes) if scopes and is_machine(groups, claims) else ()
        told = matched and matched.path
        # What a caller's groups are told about a route is told once, and then remembered.
        compared, otherwise = self._remembered(method, told, where, groups, scopes)
        if compared and matched and not values:
            values = [name and parameters.get(name) for name in matched.names]
        for rule, decision in compared:
            if _holds(rule, values, claims):
                return decision
        return otherwise

    def deciding_places(
        self,
        method: str,
        told: tuple[str, ...] | None,
        places: tuple[Place, ...],
        length: int,
    ) -> tuple[Sequence[Place], Sequence[Place]]:
        """Where the path decides: the places whose allows count, and those whose denies do.

        Args:
            method: of the request.
            told: the path of a greedy route that was matched; nothing where the event does not
                tell.
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
        is_resolved = told is None and is_known and not routed[0].is_tail
        best = routed[0] if is_resolved else places[0]
        known = told or (routed[0].path if is_known else ())
        granting = [place for place in places if best.is_below(place) and place.may_be_of(known)]
        rivals = [one for one in routed if one is best or not best.surely_beats(one, method)]
        is_any_deny = not is_resolved or any(one.is_tail for one in rivals)
        denying = [
            place for place in places if is_any_deny or any(one.is_below(place) for one in rivals)
        ]
        return granting, denying

    def _answer(
        self,
        method: str,
        told: tuple[str, ...] | None,
        where: tuple[tuple[Place, ...], int] | None,
        groups: tuple[str, ...],
        scopes: tuple[str, ...],
    ) -> _Answer:
        """What the policy says, but for the values.

        Args:
            method: of the request.
            told: the path of the route that was matched; nothing where the event does not tell.
            where: the places that match the path, and how many segments that has; nothing where
                the route tells it.
            groups: the caller's.
            scopes: the caller's that count.
        """
        if where is not None:
            granting, denying = self.deciding_places(method, told, *where)
        else:
            granting = denying = self.tree.covering(told or ())
        subjects = self.subjects_of(groups, scopes)
        denies = _rules_of(denying, "deny", method, subjects)
        compared: list[tuple[Rule, Decision]] = []
        for rule in (*denies, *_rules_of(granting, "allow", method, subjects)):
            reason = Reason.DENIED_BY_RULE if rule.effect == "deny" else None
            decision = Decision(allowed=reason is None, reason=reason, rule=rule)
            if not rule.pattern.conditions:
                return tuple(compared), decision
            compared.append((rule, decision))
        reason = Reason.NOT_GRANTED if denying else Reason.ROUTE_UNKNOWN
        return tuple(compared), Decision(allowed=False, reason=reason)

    def subjects_of(self, groups: Iterable[str], scopes: Iterable[str]) -> set[str]:
        """Whose rules a caller has. Its scopes are those that count: a machine's."""
        return {f"scope:{scope}" for scope in scopes} | {
            f"group:{member}" for group in groups for member in self.groups.get(group, ())
        }


def is_machine(groups: Sequence[str], claims: Mapping[str, Any]) -> bool:
    """Whether a caller has a client_credentials token, whose subject is the client.

    Only then its scopes grant something. That a user is missing is no proof: a caller of ours may
    have passed no claims at all.
    """
    return (
        not groups
        and isinstance(claims.get("sub"), str)
        and claims["sub"] == claims.get("client_id")
        and claims.keys().isdisjoint(CLAIMS_OF_USERS)
    )


def _segments(route: Route | None, path: str | None) -> tuple[str, ...] | Reason:
    """The segments of a path that a route does not tell, or why it is no good.

    What is wrong has the same name for a route that tells it, and is not one of the path.
    """
    segments = None if path is None else safe_segments(path)
    if segments is None:
        return Reason.ROUTE_UNKNOWN if path is None else Reason.PATH_UNSAFE
    # Unlike {proxy+}, $default takes the root, too.
    if route is None or route is _DEFAULT:
        return segments
    return segments if route.is_above(segments) else Reason.PATH_DISAGREES


def _rules_of(
    places: Iterable[Place], effect: Effect, method: str, subjects: set[str]
) -> list[Rule]:
    """The rules that count there, as they stand in the file."""
    rules = (
        rule
        for place in places
        for subject in place.rules.keys() & subjects
        for rule in place.rules[subject].values()
        if rule.effect == effect and rule.pattern.covers_method(method)
    )
    return sorted(rules, key=lambda rule: (rule.line, rule.subject, rule.pattern.text))


def _holds(rule: Rule, values: Sequence[str | None], claims: Mapping[str, Any]) -> bool:
    equals = _surely_equals if rule.effect == "allow" else _may_equal
    return all(
        equals(values[one.position], claims.get(one.claim)) for one in rule.pattern.conditions
    )


def _surely_equals(value: str | None, claim: object) -> bool:
    # An encoded value may reach the backend decoded, as another one: it allows nothing.
    return isinstance(claim, str) and value == claim and "%" not in claim


def _may_equal(value: str | None, claim: object) -> bool:
    # For the same reason it escapes no deny, nor does a value that nobody extracted. It may be
    # encoded once more than the path (see ``Route.agrees``), which the backend may decode, too.
    return isinstance(claim, str) and (value is None or claim in spellings_of(value))
