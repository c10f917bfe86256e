"""What concrete paths a rule or a route stands for, and which of many share some with another.

A *path pattern* is canonical segments, and how many more may follow: none for ``/users/{id}``, one
or more for ``/files/{proxy+}``, any number for ``/admin/**`` and ``$default``. Patterns stand in
the tree that the policy decides by, where those that have a path in common with another one are
found without trying all of them: a policy has thousands of rules, an API hundreds of routes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from authorizer.policy.paths import MOST_SEGMENTS, PARAMETER, parse_route
from authorizer.policy.route_tree import BELOW, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.policy.model import RoutePattern

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPattern:
    """The concrete paths of a rule or route.

    Attributes:
        path: canonical segments.
        more: least number of further segments; nothing where none may follow.
    """

    path: tuple[str, ...]
    more: int | None = None

    def has_length_of(self, other: PathPattern) -> bool:
        """Whether a path can be as long as both want it."""
        if self.more is None:
            return other.takes(len(self.path))
        return other.more is not None or self.takes(len(other.path))

    def overlaps(self, other: PathPattern) -> bool:
        """Whether some path has both shapes."""
        return self.has_length_of(other) and all(
            own == theirs or PARAMETER in (own, theirs)
            for own, theirs in zip(self.path, other.path, strict=False)
        )

    def covers(self, segments: tuple[str, ...]) -> bool:
        """Whether a concrete path is one of these: no parameter is empty."""
        return self.takes(len(segments)) and all(
            own == segment or (own == PARAMETER and segment != "")
            for own, segment in zip(self.path, segments, strict=False)
        )

    def takes(self, length: int) -> bool:
        """Whether it has paths of that many segments."""
        if self.more is None:
            return length == len(self.path)
        return length >= len(self.path) + self.more


def pattern_of_rule(pattern: RoutePattern) -> PathPattern:
    """The paths that a rule covers."""
    return PathPattern(path=pattern.path, more=0 if pattern.tail else None)


@lru_cache(maxsize=4096)
def pattern_of_route(template: str) -> PathPattern:
    """The paths that a route takes: any, where the template does not tell."""
    route = parse_route(template)
    if route is None:
        return PathPattern(path=(), more=0)
    return PathPattern(path=route.path, more=1 if route.greedy else None)


def overlapping(tree: Place, pattern: PathPattern) -> Iterator[Place]:
    """The places of a tree that may have a concrete path in common with a pattern.

    All that have it but for the length of what follows a ``/**``.
    """
    # No recursion: a path may have more segments than Python has frames.
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        is_below = depth >= len(pattern.path)
        if node.is_named and pattern.takes(depth):
            yield node
        if BELOW in node.children:
            yield node.children[BELOW]
        if is_below and pattern.more is None:
            continue
        names: Iterable[str] = [name for name in node.children if name != BELOW]
        if not is_below and pattern.path[depth] != PARAMETER:
            names = (pattern.path[depth], PARAMETER)
        children = [node.children[name] for name in names if name in node.children]
        waiting += [(child, depth + 1) for child in reversed(children)]


class Placed(Generic[Item]):
    """Things that stand in a tree, each at its path pattern."""

    def __init__(self, items: Iterable[tuple[PathPattern, Item]]) -> None:
        self._tree = Place()
        self._items: dict[Place, list[tuple[PathPattern, Item]]] = defaultdict(list)
        for pattern, item in items:
            # A template may have any length.
            is_tail = pattern.more is not None or len(pattern.path) > MOST_SEGMENTS
            place = self._tree.place(pattern.path[:MOST_SEGMENTS], is_tail=is_tail)
            self._items[place].append((pattern, item))

    def overlapping(self, pattern: PathPattern) -> Iterator[Item]:
        """The things that have a concrete path in common with a pattern."""
        for place in overlapping(self._tree, pattern):
            yield from (item for own, item in self._items[place] if own.overlaps(pattern))
