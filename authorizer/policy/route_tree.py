"""Where rules stand: a tree of canonical paths, and the places in it that cover a route or path.

A *place* is a canonical path, alone or with everything below it (``/**``). Every rule stands at
one; so do the routes of the API, and the public ones, which grant nothing but are known, so that a
path of theirs is not taken for another route's.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from authorizer.policy.model import Rule
from authorizer.policy.paths import ANY, PARAMETER

# The place of all that is below another one, among its children. No segment contains a slash.
BELOW = "/**"


@dataclass(slots=True, eq=False)
class Place:
    """A canonical path with the rules that stand there, in a tree. Compared by identity.

    Attributes:
        path: canonical segments.
        is_tail: whether everything below is covered, too.
        is_named: whether it is one; else, only others below it are.
        methods: for which the API has a route there; ``ANY`` for all.
        rules: by subject, and by what they say.
        children: by their next segment, or ``BELOW``.
    """

    path: tuple[str, ...] = ()
    is_tail: bool = False
    is_named: bool = False
    methods: set[str] = field(default_factory=set)
    rules: dict[str, dict[object, Rule]] = field(default_factory=dict)
    children: defaultdict[str, "Place"] = field(default_factory=lambda: defaultdict(Place))

    def place(self, path: tuple[str, ...], *, is_tail: bool) -> "Place":
        """The place of a canonical path; named if it was not."""
        node = self
        for segment in (*path, BELOW) if is_tail else path:
            node = node.children[segment]
        node.path, node.is_tail, node.is_named = path, is_tail, True
        return node

    def covering(self, path: tuple[str, ...]) -> tuple["Place", ...]:
        """The places that cover a route of that canonical path."""
        return tuple(self.found([(word,) for word in path]))

    def matching(self, segments: tuple[str, ...]) -> tuple["Place", ...]:
        """The places that match a concrete path, most specific first: literal before parameter."""
        return tuple(self.found([(word, PARAMETER) for word in segments]))

    def found(self, words: Sequence[tuple[str, ...]], at: int = 0) -> Iterator["Place"]:
        """The places below, of a path that has one of these words at each position."""
        if at < len(words):
            for word in words[at]:
                if word in self.children:
                    yield from self.children[word].found(words, at + 1)
        elif self.is_named:
            yield self
        if BELOW in self.children:
            yield self.children[BELOW]

    def is_route_of(self, method: str, length: int) -> bool:
        """Whether the API has a route there that takes a method, and a path of so many segments."""
        # A greedy route takes one segment more, or several.
        is_shorter = self.is_tail and length == len(self.path)
        return not is_shorter and (method in self.methods or ANY in self.methods)

    def is_below(self, other: "Place") -> bool:
        """Whether the other one covers this one: it is the same, or a /** above it."""
        return self is other or (other.is_tail and self.path[: len(other.path)] == other.path)

    def surely_beats(self, other: "Place", method: str) -> bool:
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
