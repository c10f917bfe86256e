"""Where rules stand: a tree of canonical paths, and the places in it that cover a route or path.

A *place* is a canonical path, alone or with everything below it (``/**``). Every rule stands at
one; so do the routes of the API, and the public ones, which grant nothing but are known, so that a
path of theirs is not taken for another route's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.policy.routes import ANY, PARAMETER

if TYPE_CHECKING:
    from authorizer.policy.model import Rule


class Place:
    """A canonical path with the rules that stand there. Compared by identity.

    Attributes:
        path: canonical segments.
        is_tail: whether everything below is covered, too.
        methods: for which the API has a route there; ``ANY`` for all.
        rules: by subject, and by what they say.
    """

    __slots__ = ("is_tail", "methods", "path", "rules")

    def __init__(self, path: tuple[str, ...], *, is_tail: bool) -> None:
        self.path = path
        self.is_tail = is_tail
        self.methods: set[str] = set()
        self.rules: dict[str, dict[object, Rule]] = {}

    def is_route_of(self, method: str, length: int) -> bool:
        """Whether the API has a route there that takes a method, and a path of so many segments."""
        if self.is_tail and length == len(self.path):
            return False  # a greedy route takes one segment more, or several
        return method in self.methods or ANY in self.methods

    def is_below(self, other: Place) -> bool:
        """Whether the other one covers this one: it is the same, or a /** above it."""
        return self is other or (other.is_tail and self.path[: len(other.path)] == other.path)

    def surely_beats(self, other: Place, method: str) -> bool:
        """Whether API Gateway prefers this route to another one, of two that match a request.

        It does if this one is literal wherever the other one is, and names the method if that does.
        """
        return (method in self.methods or method not in other.methods) and all(
            theirs in (PARAMETER, own) for own, theirs in zip(self.path, other.path, strict=False)
        )

    def may_be_of(self, route: tuple[str, ...]) -> bool:
        """Whether no parameter of this one stands where a route's canonical path is literal."""
        return not any(
            own == PARAMETER != known for own, known in zip(self.path, route, strict=False)
        )


class Tree:
    """All places."""

    def __init__(self) -> None:
        self._root = _Node()

    def place(self, path: tuple[str, ...], *, is_tail: bool) -> Place:
        """The place of a canonical path; made if it is not there."""
        node = self._root
        for segment in path:
            node = node.children[segment]
        if is_tail:
            node.tail = node.tail or Place(path, is_tail=True)
            return node.tail
        node.exact = node.exact or Place(path, is_tail=False)
        return node.exact

    def covering(self, path: tuple[str, ...]) -> tuple[Place, ...]:
        """The places that cover a route of that canonical path."""
        found: list[Place] = []
        node = self._root
        for segment in path:
            if node.tail is not None:
                found.append(node.tail)
            child = node.children.get(segment)
            if child is None:
                return tuple(found)
            node = child
        return (*found, *(place for place in (node.tail, node.exact) if place is not None))

    def matching(self, segments: tuple[str, ...]) -> tuple[Place, ...]:
        """The places that match a concrete path, most specific first: literal before parameter."""
        return tuple(_match(self._root, segments, 0, []))


class _Node:
    __slots__ = ("children", "exact", "tail")

    def __init__(self) -> None:
        self.children: defaultdict[str, _Node] = defaultdict(_Node)
        self.exact: Place | None = None
        self.tail: Place | None = None


def _match(node: _Node, segments: tuple[str, ...], at: int, found: list[Place]) -> list[Place]:
    if at == len(segments):
        if node.exact is not None:
            found.append(node.exact)
    else:
        for word in (segments[at], PARAMETER):
            child = node.children.get(word)
            if child is not None:
                _match(child, segments, at + 1, found)
    if node.tail is not None:
        found.append(node.tail)
    return found
