"""What concrete paths a rule or a route stands for, and which of many share some with another.

A *path pattern* is canonical segments, and how many more may follow: none for ``/users/{id}``, one
or more for ``/files/{proxy+}``, any number for ``/admin/**`` and ``$default``. :class:`PathIndex`
finds the patterns that have a path in common with another one without trying all of them: a policy
has thousands of rules, an API hundreds of routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from authorizer.policy.paths import PARAMETER, parse_route

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


@dataclass(slots=True)
class _Node(Generic[Item]):
    children: dict[str, _Node[Item]] = field(default_factory=dict)
    items: list[tuple[PathPattern, Item]] = field(default_factory=list)


class PathIndex(Generic[Item]):
    """Things by their path patterns."""

    def __init__(self, items: Iterable[tuple[PathPattern, Item]]) -> None:
        """Keep each thing under its pattern."""
        self._root: _Node[Item] = _Node()
        for pattern, item in items:
            node = self._root
            for segment in pattern.path:
                node = node.children.setdefault(segment, _Node())
            node.items.append((pattern, item))

    def covering(self, pattern: PathPattern) -> Iterator[Item]:
        """The things that have the whole of a pattern, as a rule has a route's paths."""
        node: _Node[Item] | None = self._root
        for segment in pattern.path:
            if node is None:
                return
            yield from (item for own, item in node.items if own.more == 0)
            node = node.children.get(segment)
        if node is not None:
            yield from (item for own, item in node.items if own.more in (0, pattern.more))

    def overlapping(self, pattern: PathPattern, *, literally: bool = False) -> Iterator[Item]:
        """The things that have a concrete path in common with a pattern.

        Args:
            pattern: theirs.
            literally: leaves out those that have a parameter where the pattern is literal.
        """
        # No recursion: a path may have more segments than Python has frames.
        waiting = [(self._root, 0)]
        while waiting:
            node, depth = waiting.pop()
            yield from (item for own, item in node.items if own.has_length_of(pattern))
            further = _children(node, pattern, depth, literally=literally)
            waiting += [(child, depth + 1) for child in reversed(further)]


def _children(
    node: _Node[Item], pattern: PathPattern, depth: int, *, literally: bool
) -> list[_Node[Item]]:
    """Where the next segment of a pattern leads."""
    if depth >= len(pattern.path) and pattern.more is None:
        return []
    if depth >= len(pattern.path) or pattern.path[depth] == PARAMETER:
        return list(node.children.values())
    names = (pattern.path[depth],) if literally else (pattern.path[depth], PARAMETER)
    return [node.children[name] for name in names if name in node.children]
