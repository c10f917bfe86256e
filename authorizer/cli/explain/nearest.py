"""The nearest miss: what would have to differ for a denied request to be allowed.

Changes are not derived from the rules but tried: each one that is told was put to the policy, and
the policy allowed it. Single changes come first; where none does, pairs of them are tried. They are
sought in what can differ: the caller's groups, scopes and claims, the path and the method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.cli.explain.question import MACHINE, PERSONAL_CLAIMS, Caller, Request
from authorizer.cli.explain.rulebook import Verdict
from authorizer.cli.explain.unsafe import plain_spellings
from authorizer.errors import Reason
from authorizer.policy.routes import CONNECT, METHODS, PARAMETER, safe_segments, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.explain.rulebook import Answer, Rulebook
    from authorizer.policy.model import Rule
    from authorizer.policy.routes import RoutePattern

_GROUP, _SCOPE = "group:", "scope:"


class Kind(StrEnum):
    """What differs."""

    LEAVE = "leave_group"
    JOIN = "join_group"
    SCOPE = "scope"
    CLAIM = "claim"
    PATH = "own_path"
    METHOD = "method"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A question that differs from the one that was asked.

    Attributes:
        names: the groups left or joined, the scope, the claims, the method or the path.
        rule: which rule the change was made for, where it was made for one.
    """

    kind: Kind
    names: tuple[str, ...]
    request: Request
    caller: Caller
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One way in which the request would be allowed.

    Attributes:
        changes: what differs; each builds on the one before, and the last one is allowed.
        answer: to the last one.
    """

    changes: tuple[Change, ...]
    answer: Answer

    @property
    def request(self) -> Request:
        """What would be asked."""
        return self.changes[-1].request

    @property
    def caller(self) -> Caller:
        """Who would ask."""
        return self.changes[-1].caller

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What differs."""
        return tuple(change.kind for change in self.changes)


def nearest_misses(book: Rulebook, request: Request, caller: Caller) -> tuple[Miss, ...]:
    """Every smallest change that makes the policy allow the request; none where it is allowed.

    Those of the policy itself, such as another rule, are not among them: they are always possible.
    """
    if book.ask(request, caller).is_open:
        return ()
    singles = tuple(_singles(book, request, caller))
    found = tuple(_allowed(book, ((change,) for change in singles)))
    if any(_is_near(miss, caller) for miss in found):
        return found
    return found + tuple(_allowed(book, _pairs(book, singles, caller)))


def joinings(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller with one group more, for each group."""
    for group in book.policy.groups:
        if group not in caller.groups:
            joined = replace(caller, groups=(*caller.groups, group))
            yield Change(kind=Kind.JOIN, names=(group,), request=request, caller=joined)


def scopings(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    """A machine with one scope more, for each scope."""
    machine = caller if caller.is_machine else _as_machine(caller)
    scopes = (rule.subject for rule in book.policy.rules if rule.subject.startswith(_SCOPE))
    for scope in dict.fromkeys(subject.removeprefix(_SCOPE) for subject in scopes):
        if not (caller.is_machine and scope in caller.scopes):
            scoped = replace(machine, scopes=tuple(dict.fromkeys((*machine.scopes, scope))))
            yield Change(kind=Kind.SCOPE, names=(scope,), request=request, caller=scoped)


def claimings(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller with the claims that the path wants, for each rule that compares some."""
    for rule, segments in _comparing(book, request):
        wanted = {
            condition.claim: segments[condition.position] for condition in rule.pattern.conditions
        }
        if any(caller.claims.get(name) != value for name, value in wanted.items()):
            yield Change(
                kind=Kind.CLAIM,
                names=tuple(wanted),
                request=request,
                caller=replace(caller, claims={**caller.claims, **wanted}),
                rule=rule,
            )


def _is_near(miss: Miss, caller: Caller) -> bool:
    """Whether it is still the same caller who wants the same thing."""
    kind = miss.kinds[0]
    return kind is not Kind.METHOD and (kind is not Kind.SCOPE or caller.is_machine)


def _pairs(
    book: Rulebook, singles: Iterable[Change], caller: Caller
) -> Iterator[tuple[Change, Change]]:
    own = {Kind.PATH, Kind.CLAIM}
    seconds = {Kind.LEAVE: {*own, Kind.JOIN}, Kind.JOIN: own, Kind.SPELLING: {*own, Kind.JOIN}}
    if caller.is_machine:
        seconds[Kind.SCOPE] = own
    for first in singles:
        for second in _singles(book, first.request, first.caller) if first.kind in seconds else ():
            if second.kind in seconds[first.kind]:
                yield first, second


def _singles(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    yield from _leavings(book, request, caller)
    yield from _own_paths(book, request, caller)
    yield from claimings(book, request, caller)
    yield from joinings(book, request, caller)
    yield from scopings(book, request, caller)
    yield from _methods(request, caller)
    yield from _spellings(book, request, caller)


def _allowed(book: Rulebook, ways: Iterable[tuple[Change, ...]]) -> Iterator[Miss]:
    """Those that the policy allows, told once."""
    told: set[object] = set()
    for changes in ways:
        last = changes[-1]
        claims = tuple(sorted(last.caller.claims.items(), key=repr))
        key = (last.request, last.caller.groups, last.caller.scopes, repr(claims))
        if key in told:
            continue
        answer = book.ask(last.request, last.caller)
        if answer.verdict is Verdict.ALLOWED and _is_by(answer, last):
            told.add(key)
            yield Miss(changes=changes, answer=answer)


def _is_by(answer: Answer, change: Change) -> bool:
    """Whether the rule that the change was made for is the one that allows."""
    return change.rule is None or change.rule == answer.decision.rule


def _leavings(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller without the groups that a deny comes from."""
    left: list[str] = []
    now = caller
    decision = book.ask(request, now).decision
    while decision.reason is Reason.DENIED_BY_RULE and decision.rule is not None:
        subject = decision.rule.subject.removeprefix(_GROUP)
        denied = [one for one in now.groups if subject in book.policy.groups.get(one, ())]
        left += denied
        now = replace(now, groups=tuple(one for one in now.groups if one not in denied))
        decision = book.ask(request, now).decision
    if left:
        yield Change(kind=Kind.LEAVE, names=tuple(dict.fromkeys(left)), request=request, caller=now)


def _own_paths(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    """The path with the caller's own claims in it, for each rule that compares some."""
    for rule, segments in _comparing(book, request):
        own: list[object] = list(segments)
        for condition in rule.pattern.conditions:
            own[condition.position] = caller.claims.get(condition.claim)
        path = _path_of(own)
        if path is not None and path != request.path:
            names = tuple(condition.claim for condition in rule.pattern.conditions)
            yield Change(
                kind=Kind.PATH,
                names=names,
                request=replace(request, path=path),
                caller=caller,
                rule=rule,
            )


def _methods(request: Request, caller: Caller) -> Iterator[Change]:
    if request.path == CONNECT:
        return
    for method in METHODS:
        if method != request.method:
            other = replace(request, method=method)
            yield Change(kind=Kind.METHOD, names=(method,), request=other, caller=caller)


def _spellings(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    if request.path == CONNECT:
        return
    for path in dict.fromkeys((*plain_spellings(request.path), *_similar(book, request.path))):
        other = replace(request, path=path)
        yield Change(kind=Kind.SPELLING, names=(path,), request=other, caller=caller)


def _similar(book: Rulebook, path: str) -> Iterator[str]:
    """Paths of the policy that differ from this one by a slip of the pen in a literal segment."""
    segments = safe_segments(path)
    if not segments:
        return
    patterns = (rule.pattern for rule in book.policy.rules if rule.effect == "allow")
    for pattern in dict.fromkeys((one.path, one.tail) for one in patterns):
        corrected = _corrected(pattern[0], segments, is_tail=pattern[1])
        if corrected is not None and corrected != segments:
            yield "/" + "/".join(corrected)


def _corrected(
    pattern: tuple[str, ...], segments: tuple[str, ...], *, is_tail: bool
) -> tuple[str, ...] | None:
    own = len(pattern)
    if not (len(segments) >= own if is_tail else len(segments) == own):
        return None
    corrected = []
    for expected, found in zip(pattern, segments, strict=False):
        if expected in {PARAMETER, found}:
            corrected.append(found)
        elif get_close_matches(found, [expected], n=1):
            corrected.append(expected)
        else:
            return None
    return (*corrected, *segments[own:])


def _comparing(book: Rulebook, request: Request) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """The allows that compare claims and cover the request but for that."""
    segments = split_path(request.path)
    for rule in book.policy.rules:
        pattern = rule.pattern
        if rule.effect == "allow" and pattern.conditions and _covers(pattern, request, segments):
            yield rule, segments


def _covers(pattern: RoutePattern, request: Request, segments: tuple[str, ...]) -> bool:
    own = len(pattern.path)
    return (
        pattern.covers_method(request.method)
        and (len(segments) >= own if pattern.tail else len(segments) == own)
        and all(
            expected in {PARAMETER, found}
            for expected, found in zip(pattern.path, segments, strict=False)
        )
    )


def _path_of(segments: list[object]) -> str | None:
    """The path of these segments; nothing where a value cannot stand in one."""
    if not all(isinstance(one, str) and one and "/" not in one for one in segments):
        return None
    path = "/" + "/".join(str(one) for one in segments)
    return path if safe_segments(path) is not None else None


def _as_machine(caller: Caller) -> Caller:
    """The caller as a token of client_credentials would show it."""
    impersonal = {
        name: value for name, value in caller.claims.items() if name not in PERSONAL_CLAIMS
    }
    return Caller(claims={**impersonal, "sub": MACHINE, "client_id": MACHINE})
