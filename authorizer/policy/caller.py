"""One IAM document for all that a caller may do: right however API Gateway caches it.

A cached document answers for every route of the API, so it must say of each what ``decide`` says.
The difficulty is that ``*`` in an ARN also crosses ``/``: ``GET/users/*``, meant for
``/users/{id}``, grants ``/users/1/keys``, too, and ``/users/admin``, a route of its own.

Both are words over segments here: the method, then the path's segments. A *shape* is the words of
one route, in which ``*`` is one segment; a *glob* is what IAM makes of the same text: there ``*``
is one segment or more. What a glob has more than its shape is denied again, where no other shape
that is granted loses a word by it. Otherwise there is no exact document, and it is not made.

1. Shapes that are granted: each route of the API, per method, with claims' values filled in.
2. Globs that allow them; those of a ``/**`` in one.
3. Denies: of words with more segments than the shape has, wherever they take nothing away; and of
   each route that is not granted but hit.

What is relied on: that API Gateway prefers a literal segment to a parameter, and a method to ANY,
where one route's words are among another's; that it compares routes and ARNs in one spelling of
the path; and that the policy was compiled with all routes of the API. Where two routes share words
and neither is the more specific one, they must be granted alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authorizer.policy.iam import PolicyDocument, caller_document
from authorizer.policy.model import counting_scopes
from authorizer.policy.routes import ANY, CONNECT, METHODS, PARAMETER, parse_route, split_route_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.policy.model import Answer, Policy, Rule
    from authorizer.policy.routes import Condition, Route

Words = tuple[str, ...]
STAR = "*"
_EVERYTHING = (STAR, STAR)
# Stands for every method that has no name here; API Gateway's ANY takes them, too.
_OTHER_METHOD = "OTHER"
# Literal in an ARN and in a path. A dollar sign is neither wildcard nor variable, but begins one.
_LITERAL_VALUE = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~!&'()+,=:@-]+", re.ASCII)


# Beyond this, the ways in which two of them can meet are too many to go through.
_MOST_PARAMETERS = 8
# More ARNs than that are more than 8 KB, and to find out what they hit takes seconds.
_MOST_RESOURCES = 150
# Documents are remembered per set of groups and the values that rules compare.
_MOST_CALLERS = 512


class Inexact(StrEnum):
    """Why a document covers the request alone. The strings are stable: logs carry them.

    Either there is no exact document for the caller, or it cannot be used for the answer.
    """

    ROUTES_UNKNOWN = "routes_unknown"
    PATH_DECIDES = "path_decides"
    CLAIM_NOT_LITERAL = "claim_not_literal"
    DENY_COMPARES_CLAIM = "deny_compares_claim"
    ROUTES_OVERLAP = "routes_overlap"
    REQUEST_DIFFERS = "request_differs"
    TOO_LARGE = "too_large"


class InexactError(Exception):
    """There is no exact document for a caller."""

    def __init__(self, reason: Inexact) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a caller's document says, without the part of the ARN that API Gateway chooses."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]

    def allows(self, resource: str) -> bool:
        """Whether the document allows the rest of a request's ARN: ``GET/users/1``."""
        words = tuple(resource.split("/"))
        return any(covers(tuple(glob.split("/")), words) for glob in self.allow) and not any(
            covers(tuple(glob.split("/")), words) for glob in self.deny
        )

    def document(self, prefix: str, refused: Iterable[str] = ()) -> PolicyDocument:
        """The document, for the API and stage that the prefix of the ARN names.

        Args:
            prefix: that part of the ARN.
            refused: the rest of others that are denied besides, literal ones.
        """
        return caller_document(prefix, self.allow, (*self.deny, *refused))


@dataclass(slots=True, eq=False)
class _Known:
    """A route of the API: its shape, and the shapes that surely win over it."""

    key: str
    method: str
    route: Route
    shape: Words
    winners: list[Words] = field(default_factory=list)

    def wins(self, words: Words) -> bool:
        """Whether some of the words are this route's."""
        return not any(covers_shape(winner, words) for winner in self.winners)


class CallerDocuments:
    """What each caller may do, found out once. Thread-safe."""

    def __init__(self, policy: Policy, routes: Iterable[str] | None) -> None:
        """Take the routes of one API; nothing where they are not known."""
        self._routes = None if routes is None else KnownRoutes(policy, routes)
        conditions = [one for rule in policy.rules for one in rule.pattern.conditions]
        self._compared = sorted({condition.claim for condition in conditions})
        self._made: dict[tuple[Any, ...], Grants | Inexact] = {}

    def of(
        self, groups: Sequence[str], scopes: Iterable[str], claims: Mapping[str, Any]
    ) -> Grants | Inexact:
        """What the caller may do, or why no document says exactly that.

        Args:
            groups: the caller's.
            scopes: the token's. They count only if the claims show that no user is there.
            claims: the token's.
        """
        if self._routes is None:
            return Inexact.ROUTES_UNKNOWN
        counting = counting_scopes(groups, scopes, claims)
        values = {name: claims.get(name) for name in self._compared}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        key = (tuple(groups), counting, tuple(texts.items()))
        made = self._made.get(key)
        if made is None:
            try:
                made = self._routes.grants(groups, counting, texts)
            except InexactError as error:
                made = error.reason
            if len(self._made) >= _MOST_CALLERS:
                self._made.clear()
            self._made[key] = made
        return made


class KnownRoutes:
    """The routes of an API, and the exact documents for its callers."""

    def __init__(self, policy: Policy, keys: Iterable[str]) -> None:
        """Take all routes of one API, as ``Policy.routes`` has them."""
        self._policy = policy
        self._plain: list[_Known] = []
        self._greedy: list[Words] = []
        for key in keys:
            method, path = split_route_key(key)
            route = parse_route(path)
            shape = _shape(method, route)
            if route is None or route.greedy:
                self._greedy.append(shape)
            else:
                self._plain.append(_Known(key, method, route, shape))
        self._find_winners()

    def grants(
        self, groups: Sequence[str], scopes: Sequence[str], claims: Mapping[str, Any]
    ) -> Grants:
        """What the caller may do.

        Args:
            groups: the caller's.
            scopes: those that count; see ``counting_scopes``.
            claims: for ``{name=claim}``.

        Raises:
            InexactError: no document says exactly that.
        """
        if any(known.shape.count(STAR) > _MOST_PARAMETERS for known in self._plain):
            raise InexactError(Inexact.TOO_LARGE)
        rules = self._policy.rules_of(groups, scopes)
        self._require_nothing_below(rules)
        owned: dict[Words, _Known] = {}
        for known in self._plain:
            for words in self._granted(known, groups, scopes, claims):
                if known.wins(words):
                    owned.setdefault(words, known)
        return _Maker(self._plain, self._greedy, owned).make(rules)

    def _find_winners(self) -> None:
        by_first = defaultdict(list)
        for known in self._plain:
            by_first[_first(known.shape)].append(known.shape)
        everything = [known.shape for known in self._plain]
        for known in self._plain:
            first = _first(known.shape)
            rivals = everything if first == STAR else by_first[first]
            known.winners = [one for one in rivals if _is_narrower(one, known.shape)]

    def _require_nothing_below(self, rules: Iterable[Rule]) -> None:
        """On a greedy route the path is judged, which no document can do: grant nothing there."""
        if not self._greedy:
            return
        shapes = {known.shape for known in self._plain}
        denies = [rule for rule in rules if rule.effect == "deny" and not rule.pattern.conditions]
        for rule in rules:
            if rule.effect == "deny" or any(_outweighs(deny, rule) for deny in denies):
                continue
            for greedy in self._greedy:
                taken = not rule.pattern.tail and all(
                    shape in shapes and _wins_over(shape, greedy) for shape in _rule_shapes(rule)
                )
                if _may_grant(rule, greedy) and not taken:
                    raise InexactError(Inexact.PATH_DECIDES)

    def _granted(
        self,
        known: _Known,
        groups: Sequence[str],
        scopes: Sequence[str],
        claims: Mapping[str, Any],
    ) -> list[Words]:
        """The shapes of a route that the caller is granted: all of it, or with values in it."""

        def paths(method: str) -> list[Words]:
            answer = self._policy.answer_on_route(method, known.route, groups, scopes)
            return _granted_paths(answer, _path_of(known.shape), claims)

        if known.method != ANY:
            start = known.shape[: len(known.shape) - len(_path_of(known.shape))]
            return [(*start, *path) for path in paths(known.method)]
        other = paths(_OTHER_METHOD)
        named = {method: paths(method) for method in METHODS}
        if all(path == other for path in named.values()):
            return [(STAR, *path) for path in other]
        if other:
            raise InexactError(Inexact.ROUTES_OVERLAP)
        return [(method, *path) for method, granted in named.items() for path in granted]


class _Maker:
    """Makes the document of one caller, or finds that there is none."""

    def __init__(
        self, plain: list[_Known], greedy: list[Words], owned: Mapping[Words, _Known]
    ) -> None:
        self._plain = plain
        self._greedy = greedy
        self._owned = owned
        self._near = _by_first_segment(owned)
        self._deny: list[Words] = []

    def make(self, rules: Iterable[Rule]) -> Grants:
        allow = self._with_tails(rules)
        widest = _widest(allow)
        self._deny_what_is_longer(allow)
        self._deny_what_is_empty(allow)
        if len(widest) + len(_widest(self._deny)) > _MOST_RESOURCES:
            raise InexactError(Inexact.TOO_LARGE)
        self._deny_what_is_hit(_by_first_segment(allow))
        self._require_apart_from_greedy()
        return Grants(
            allow=tuple("/".join(words) for words in sorted(widest)),
            deny=tuple("/".join(words) for words in sorted(_widest(self._deny))),
        )

    def _with_tails(self, rules: Iterable[Rule]) -> list[Words]:
        """The shapes as globs; those of a ``/**`` in one, where that hits nothing else."""
        allow = list(self._owned)
        methods = {words[0] for words in allow}
        for rule in rules:
            pattern = rule.pattern
            if rule.effect == "deny" or pattern.conditions or not pattern.tail:
                continue
            if PARAMETER in pattern.path:
                continue
            for method in sorted(methods | {STAR}):  # the star comes first
                glob = (method, *pattern.path, STAR)
                below = [words for words in allow if covers(glob, words)]
                named = ANY if method == STAR else method
                if len(below) > 1 and pattern.covers_method(named) and not self._hits(glob):
                    allow = [glob, *(words for words in allow if words not in below)]
        return allow

    def _hits(self, glob: Words) -> bool:
        return any(next(self._hit(known, glob), None) for known in self._plain)

    def _hit(self, known: _Known, glob: Words) -> Iterator[Words]:
        """The shapes of a route's words that a glob has, and that are not granted."""
        if known.shape in self._owned:
            return
        for words in meet(glob, known.shape):
            if known.wins(words) and not any(
                self._owned.get(granted) is known and covers_shape(granted, words)
                for granted in self._near_to(words)
            ):
                yield words

    def _deny_what_is_longer(self, allow: Iterable[Words]) -> None:
        """Deny the words of a glob that have more segments than its shape.

        They belong to no route that is granted. With a greedy route in the API, they belong to
        that one: then they must be denied.
        """
        for glob in allow:
            stars = [at for at, word in enumerate(glob) if word == STAR]
            if glob not in self._owned:  # a /**, which is meant to have more
                stars = [] if glob == _EVERYTHING else stars[:-1]
            for at in stars:
                if not self._try_to_deny((*glob[:at], STAR, *glob[at:])) and self._greedy:
                    raise InexactError(Inexact.ROUTES_OVERLAP)

    def _deny_what_is_empty(self, allow: Iterable[Words]) -> None:
        """Deny the words in which a segment is empty: no parameter's value is.

        A REST API gives ``/users/`` to the route ``/users``, which ``GET/users/*`` was not meant
        for. A greedy route takes such paths, too: then they must be denied.
        """
        owned = self._owned
        if not any(STAR in glob[1:] and (glob != _EVERYTHING or glob in owned) for glob in allow):
            return  # no parameters, or all that the API has
        for words in ((STAR, STAR, ""), (STAR, "", STAR)):
            if not self._try_to_deny(words) and self._greedy:
                raise InexactError(Inexact.ROUTES_OVERLAP)

    def _deny_what_is_hit(self, allow: Mapping[str, Sequence[Words]]) -> None:
        for known in self._plain:
            for glob in _near(allow, known.shape):
                for words in self._hit(known, glob):
                    if any(covers(denied, words) for denied in self._deny):
                        continue
                    if not (self._try_to_deny(known.shape) or self._try_to_deny(words)):
                        raise InexactError(Inexact.ROUTES_OVERLAP)

    def _try_to_deny(self, glob: Words) -> bool:
        """Add a deny, if it takes nothing away that is granted."""
        for granted in self._near_to(glob):
            if any(self._owned[granted].wins(words) for words in meet(glob, granted)):
                return False
        self._deny.append(glob)
        return True

    def _near_to(self, words: Words) -> Iterable[Words]:
        return _near(self._near, words)

    def _require_apart_from_greedy(self) -> None:
        for greedy in self._greedy:
            for granted, known in self._owned.items():
                if len(granted) <= len(greedy) or _wins_over(known.shape, greedy):
                    continue
                if all(
                    one == other or STAR in (one, other)
                    for one, other in zip(granted, greedy, strict=False)
                ):
                    raise InexactError(Inexact.ROUTES_OVERLAP)


def covers(glob: Words, words: Words) -> bool:
    """Whether a glob has all words of a shape, of a glob, or the one word.

    The words may be a client's, so this takes no more steps than their number times the glob's.
    """
    at = reached = 0
    last_star = None
    while reached < len(words):
        if at < len(glob) and glob[at] == STAR:
            last_star, taken = at, reached  # it takes one, and more if what follows does not fit
            at, reached = at + 1, reached + 1
        elif at < len(glob) and glob[at] == words[reached]:
            at, reached = at + 1, reached + 1
        elif last_star is not None:
            taken += 1
            at, reached = last_star + 1, taken + 1
        else:
            return False
    return at == len(glob)


def covers_shape(shape: Words, words: Words) -> bool:
    """Whether a shape has all words of another one."""
    return len(shape) == len(words) and all(
        own in (STAR, word) for own, word in zip(shape, words, strict=True)
    )


def meet(glob: Words, shape: Words) -> Iterator[Words]:
    """The shapes of the words that a glob and a shape have in common."""
    if not glob:
        if not shape:
            yield ()
        return
    if len(shape) < len(glob):
        return
    head, first = glob[0], shape[0]
    if head not in (STAR, first) and (first != STAR or not head):  # a segment is not empty
        return
    word = first if head == STAR else head
    for rest in meet(glob[1:], shape[1:]):
        yield (word, *rest)
    if head == STAR:
        for rest in meet(glob, shape[1:]):
            yield (word, *rest)


def _shape(method: str, route: Route | None) -> Words:
    """A route's words; of a greedy one, those with which its words begin."""
    if route is None:
        return (STAR,)
    if not method:
        return (CONNECT,)
    path = tuple(STAR if word == PARAMETER else word for word in route.path)
    return (STAR if method == ANY else method, *(path if path or route.greedy else ("",)))


def _path_of(shape: Words) -> Words:
    return shape if shape == (CONNECT,) else shape[1:]


def _first(shape: Words) -> str:
    return shape[1] if len(shape) > 1 else ""


def _is_narrower(one: Words, other: Words) -> bool:
    return one != other and covers_shape(other, one)


def _wins_over(shape: Words, greedy: Words) -> bool:
    """Whether a route is preferred to a greedy one wherever both match."""
    return len(shape) > len(greedy) and covers_shape(greedy, shape[: len(greedy)])


def _rule_shapes(rule: Rule) -> Iterator[Words]:
    """The routes that a rule without ``/**`` names."""
    path = tuple(STAR if word == PARAMETER else word for word in rule.pattern.path) or ("",)
    for method in rule.pattern.methods:
        yield (STAR if method == ANY else method, *path)


def _granted_paths(answer: Answer, path: Words, claims: Mapping[str, Any]) -> list[Words]:
    if any(not rule.pattern.conditions for rule in answer.denies):
        return []
    granted = {
        filled
        for rule in answer.allows
        if (filled := _filled(path, rule.pattern.conditions, claims)) is not None
    }
    if granted and any(_compares(rule.pattern.conditions, claims) for rule in answer.denies):
        # It also denies other spellings of the value, and there is no end of them.
        raise InexactError(Inexact.DENY_COMPARES_CLAIM)
    return [path] if path in granted else sorted(granted)


def _compares(conditions: Iterable[Condition], claims: Mapping[str, Any]) -> bool:
    return all(isinstance(claims.get(condition.claim), str) for condition in conditions)


def _filled(
    path: Words, conditions: Iterable[Condition], claims: Mapping[str, Any]
) -> Words | None:
    """The path with the values of claims in it; nothing where no value could be equal."""
    words = list(path)
    for condition in conditions:
        value = claims.get(condition.claim)
        if not isinstance(value, str) or "%" in value:
            return None
        if not _LITERAL_VALUE.fullmatch(value):
            raise InexactError(Inexact.CLAIM_NOT_LITERAL)
        words[condition.position] = value
    return tuple(words)


def _may_grant(rule: Rule, greedy: Words) -> bool:
    """Whether a rule grants anything on a greedy route."""
    method, prefix = greedy[0], greedy[1:]
    pattern = rule.pattern
    return (
        (method == STAR or pattern.covers_method(method))
        and (pattern.tail or len(pattern.path) > len(prefix) or not prefix)
        and all(known in (STAR, own) for own, known in zip(pattern.path, prefix, strict=False))
    )


def _outweighs(deny: Rule, allow: Rule) -> bool:
    """Whether a deny leaves nothing of an allow."""
    own, theirs = deny.pattern, allow.pattern
    return (
        own.tail
        and len(own.path) <= len(theirs.path)
        and all(one in (PARAMETER, two) for one, two in zip(own.path, theirs.path, strict=False))
        and (ANY in own.methods or theirs.methods <= own.methods)
    )


def _widest(globs: Iterable[Words]) -> list[Words]:
    """The globs that no other one covers."""
    found: list[Words] = []
    for glob in sorted(set(globs), key=len):
        if not any(covers(other, glob) for other in found):
            found.append(glob)
    return found


def _by_first_segment(globs: Iterable[Words]) -> dict[str, list[Words]]:
    found = defaultdict(list)
    for glob in globs:
        # A method's star may cross into the path.
        found[STAR if glob[0] == STAR else _first(glob)].append(glob)
    return found


def _near(globs: Mapping[str, Sequence[Words]], words: Words) -> Iterable[Words]:
    """Those that may have words in common with others, and few that have not."""
    first = _first(words)
    if words[0] == STAR or first in ("", STAR):
        return [glob for some in globs.values() for glob in some]
    return [*globs.get(first, ()), *globs.get(STAR, ())]
