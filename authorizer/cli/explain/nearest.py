"""The nearest miss: what would have to differ for a denied request to be allowed.

Changes are not derived from the rules but tried: each one that is told was put to the policy, and
the policy allowed it. Single changes come first; where none does, two and three together are tried.
They are sought in what can differ: the caller's groups, scopes and claims, the path and the method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.explain.changes import ALL, Change, Kind, claimings, joinings, own_paths
from authorizer.cli.explain.rulebook import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.explain.question import Caller, Request
    from authorizer.cli.explain.rulebook import Answer, Rulebook

# Such as to leave one group, to join another, and to ask for one's own.
_MOST_CHANGES = 3


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
    answer = book.ask(request, caller)
    if answer.is_open or answer.verdict is Verdict.ELSEWHERE:
        return ()
    chains: list[tuple[Change, ...]] = [(change,) for change in _singles(book, request, caller)]
    found: list[Miss] = []
    for _ in range(_MOST_CHANGES):
        found += _allowed(book, chains)
        if any(_is_near(miss, caller) for miss in found):
            break
        chains = [
            (*chain, further) for chain in chains for further in _further(book, chain, caller)
        ]
    return tuple(found)


def _singles(book: Rulebook, request: Request, caller: Caller) -> Iterator[Change]:
    for changes in ALL:
        yield from changes(book, request, caller)


def _is_near(miss: Miss, caller: Caller) -> bool:
    """Whether it is still the same caller who wants the same thing."""
    kind = miss.kinds[0]
    return kind is not Kind.METHOD and (kind is not Kind.SCOPE or caller.is_machine)


def _further(book: Rulebook, chain: tuple[Change, ...], caller: Caller) -> Iterator[Change]:
    """What may be changed besides: first the groups, then what is compared with claims."""
    last = chain[-1]
    own = (own_paths, claimings)
    further = {Kind.LEAVE: (*own, joinings), Kind.JOIN: own, Kind.SPELLING: (*own, joinings)}
    if caller.is_machine:
        further[Kind.SCOPE] = own
    for changes in further.get(last.kind, ()):
        yield from changes(book, last.request, last.caller)


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
