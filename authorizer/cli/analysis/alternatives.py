"""The nearest alternatives: what would have to differ for a denied request to be allowed.

Changes are not derived from the rules but tried: each one that is told was put to the policy, and
the policy allowed it. Single changes come first; where none does, two and three together are tried.
They are sought in what can differ: the caller's groups, scopes and claims, the path and the method.
Each such way is a generator of questions that differ in it, and does not know whether that helps.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING
from urllib.parse import unquote

from authorizer.cli.analysis.request import MACHINE, Caller, Request
from authorizer.cli.analysis.routes import PathPattern, pattern_of_rule
from authorizer.cli.analysis.simulator import Answer, Simulator, Verdict
from authorizer.errors import Reason
from authorizer.policy.decision import CLAIMS_OF_USERS
from authorizer.policy.paths import CONNECT, METHODS, PARAMETER, safe_segments, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.policy.model import Rule

_GROUP, _SCOPE = "group:", "scope:"
# Of the paths that may have been meant, the closest ones.
_MOST_SPELLINGS = 3


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


def with_another_group(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller with one group more, for each group."""
    for group in simulator.policy.groups:
        if group not in caller.groups:
            joined = replace(caller, groups=(*caller.groups, group))
            yield Change(kind=Kind.JOIN, names=(group,), request=request, caller=joined)


def with_another_scope(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """A machine with one scope more, for each scope."""
    machine = caller if caller.is_machine else _as_machine(caller)
    scopes = (rule.subject for rule in simulator.policy.rules if rule.subject.startswith(_SCOPE))
    for scope in dict.fromkeys(subject.removeprefix(_SCOPE) for subject in scopes):
        if not (caller.is_machine and scope in caller.scopes):
            scoped = replace(machine, scopes=tuple(dict.fromkeys((*machine.scopes, scope))))
            yield Change(kind=Kind.SCOPE, names=(scope,), request=request, caller=scoped)


def with_other_claims(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller with the claims that the path wants, for each rule that compares some."""
    for rule, segments in _comparing(simulator, request):
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


def without_groups(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The caller without the groups that a deny comes from."""
    left: list[str] = []
    now = caller
    decision = simulator.ask(request, now).decision
    while decision.reason is Reason.DENIED_BY_RULE and decision.rule is not None:
        subject = decision.rule.subject.removeprefix(_GROUP)
        denied = [
            group for group in now.groups if subject in simulator.policy.groups.get(group, ())
        ]
        left += denied
        now = replace(now, groups=tuple(group for group in now.groups if group not in denied))
        decision = simulator.ask(request, now).decision
    if left:
        yield Change(kind=Kind.LEAVE, names=tuple(dict.fromkeys(left)), request=request, caller=now)


def own_paths(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The path with the caller's own claims in it, for each rule that compares some."""
    for rule, segments in _comparing(simulator, request):
        wanted: list[object] = list(segments)
        for condition in rule.pattern.conditions:
            wanted[condition.position] = caller.claims.get(condition.claim)
        path = _path_of(wanted)
        if path is not None and path != request.path:
            names = tuple(condition.claim for condition in rule.pattern.conditions)
            yield Change(
                kind=Kind.PATH,
                names=names,
                request=replace(request, path=path),
                caller=caller,
                rule=rule,
            )


def with_another_method(_: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The same path by each other method."""
    if request.path == CONNECT:
        return
    for method in METHODS:
        if method != request.method:
            other = replace(request, method=method)
            yield Change(kind=Kind.METHOD, names=(method,), request=other, caller=caller)


def spellings(simulator: Simulator, request: Request, caller: Caller) -> Iterator[Change]:
    """The path written plainly, or as the policy has it where it differs by a slip."""
    if request.path == CONNECT:
        return
    for path in dict.fromkeys((*plain_spellings(request.path), *_similar(simulator, request.path))):
        other = replace(request, path=path)
        yield Change(kind=Kind.SPELLING, names=(path,), request=other, caller=caller)


def _similar(simulator: Simulator, path: str) -> list[str]:
    """Paths of the policy that differ from this one by a slip of the pen in a literal segment."""
    segments = safe_segments(path) or ()
    allows = (rule.pattern for rule in simulator.policy.rules if rule.effect == "allow")
    meant = {
        pattern: _as_meant(segments, pattern)
        for pattern in map(pattern_of_rule, allows)
        if pattern.takes(len(segments)) and all(map(_may_be_meant, segments, pattern.path))
    }
    if any(pattern.more is None and own == segments for pattern, own in meant.items()):
        return []  # it is a path of the policy's as it stands
    paths = {"/" + "/".join(own) for own in meant.values() if own != segments}
    return get_close_matches(path, sorted(paths), n=_MOST_SPELLINGS, cutoff=0)


def _as_meant(segments: tuple[str, ...], pattern: PathPattern) -> tuple[str, ...]:
    """The path with the pattern's literal segments."""
    pairs = zip_longest(segments, pattern.path, fillvalue=PARAMETER)
    return tuple(found if expected == PARAMETER else expected for found, expected in pairs)


@lru_cache(maxsize=4096)
def _may_be_meant(found: str, expected: str) -> bool:
    return expected in {PARAMETER, found} or bool(get_close_matches(found, [expected], n=1))


def _comparing(simulator: Simulator, request: Request) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """The allows that compare claims and cover the request but for that."""
    segments = split_path(request.path)
    for rule in simulator.comparing:
        covers = pattern_of_rule(rule.pattern).covers(segments)
        if covers and rule.pattern.covers_method(request.method):
            yield rule, segments


def _path_of(segments: list[object]) -> str | None:
    """The path of these segments; nothing where a value cannot stand in one."""
    if not all(isinstance(segment, str) and segment and "/" not in segment for segment in segments):
        return None
    path = "/" + "/".join(str(segment) for segment in segments)
    return path if safe_segments(path) is not None else None


def _as_machine(caller: Caller) -> Caller:
    """The caller as a token of client_credentials would show it."""
    impersonal = {
        name: value for name, value in caller.claims.items() if name not in CLAIMS_OF_USERS
    }
    return Caller(claims={**impersonal, "sub": MACHINE, "client_id": MACHINE})


# The nearest first.
ALL = (
    without_groups,
    own_paths,
    with_other_claims,
    with_another_group,
    with_another_scope,
    with_another_method,
    spellings,
)


def plain_spellings(path: str) -> Iterator[str]:
    """Paths that say plainly what this one may have meant."""
    decoded = unquote(path)
    cleaned = posixpath.normpath("/" + decoded.lstrip("/"))
    for candidate in (decoded, cleaned, decoded.partition(";")[0]):
        if candidate != path and safe_segments(candidate) is not None:
            yield candidate


# --- which of them help ---------------------------------------------------------------------------

# Such as to leave one group, to join another, and to ask for one's own.
_MOST_CHANGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
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
    def rule(self) -> Rule | None:
        """Which rule would allow it."""
        return self.answer.decision.rule

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What differs."""
        return tuple(change.kind for change in self.changes)


def nearest_alternatives(
    simulator: Simulator, request: Request, caller: Caller
) -> tuple[Alternative, ...]:
    """Every smallest change that makes the policy allow the request; none where it is allowed.

    Those of the policy itself, such as another rule, are not among them: they are always possible.
    """
    answer = simulator.ask(request, caller)
    if answer.is_open or answer.verdict is Verdict.ELSEWHERE:
        return ()
    chains: list[tuple[Change, ...]] = [
        (change,) for changes in ALL for change in changes(simulator, request, caller)
    ]
    found: list[Alternative] = []
    for _ in range(_MOST_CHANGES):
        found += _allowed(simulator, chains)
        if any(_is_near(alternative, caller) for alternative in found):
            break
        chains = [
            (*chain, further) for chain in chains for further in _further(simulator, chain, caller)
        ]
    return tuple(found)


def _is_near(alternative: Alternative, caller: Caller) -> bool:
    """Whether it is still the same caller who wants the same thing."""
    kind = alternative.kinds[0]
    return kind is not Kind.METHOD and (kind is not Kind.SCOPE or caller.is_machine)


def _further(simulator: Simulator, chain: tuple[Change, ...], caller: Caller) -> Iterator[Change]:
    """What may be changed besides: first the groups, then what is compared with claims."""
    last = chain[-1]
    for_own = (own_paths, with_other_claims)
    further = {
        Kind.LEAVE: (*for_own, with_another_group),
        Kind.JOIN: for_own,
        Kind.SPELLING: (*for_own, with_another_group),
    }
    if caller.is_machine:
        further[Kind.SCOPE] = for_own
    for changes in further.get(last.kind, ()):
        yield from changes(simulator, last.request, last.caller)


def _allowed(simulator: Simulator, ways: Iterable[tuple[Change, ...]]) -> Iterator[Alternative]:
    """Those that the policy allows, told once."""
    tried: set[object] = set()
    for changes in ways:
        last = changes[-1]
        claims = tuple(sorted(last.caller.claims.items(), key=repr))
        key = (last.request, last.caller.groups, last.caller.scopes, repr(claims))
        if key in tried:
            continue
        answer = simulator.ask(last.request, last.caller)
        # A change that was made for a rule must be allowed by that rule.
        is_meant = last.rule in {None, answer.decision.rule}
        if answer.verdict is Verdict.ALLOWED and is_meant:
            tried.add(key)
            yield Alternative(changes=changes, answer=answer)
