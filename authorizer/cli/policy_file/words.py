"""Shapes and globs: what a route's paths are, and what IAM makes of the same text.

Both are words over segments: the method, then the path's segments. A *shape* is the words of one
route, in which ``*`` is one segment; a *glob* is what an ARN with the same text covers: there
``*`` also crosses ``/``, and is one segment or more. In either, ``{sub}`` is the value of a claim,
which is known when somebody calls: here it is like no literal, and may be like another claim's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Words = tuple[str, ...]
Item = TypeVar("Item")
STAR = "*"
# Before a literal that stands where the other one has a claim.
COLLIDING = "\0"
# In how many ways a glob and a shape may meet. Routes as people write them meet in one or two.
_MOST_WAYS = 1_000


class TooManyWaysError(Exception):
    """Routes meet in more ways than anybody can wait for."""


def is_claim(word: str) -> bool:
    """Whether a word is the value of a claim."""
    return word.startswith("{")


def covers(glob: Words, words: Words) -> bool:
    """Whether a glob has all words of a shape, or of a glob."""
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


def meet(glob: Words, shape: Words, *, colliding: bool = False) -> set[Words]:
    """The shapes of the words that a glob and a shape have in common.

    Args:
        glob: its words are gone through as those of the shape are.
        shape: of one route.
        colliding: whether a claim may have a literal's value. The literal is marked then.

    Raises:
        TooManyWaysError: there are too many of them.
    """
    # From either end they go in step up to a star: most that have nothing in common show it there.
    if _differ(glob, shape, colliding) or _differ(glob[::-1], shape[::-1], colliding):
        return set()
    found: dict[int, set[Words]] = {0: {()}}
    for word in shape:
        after: dict[int, set[Words]] = defaultdict(set)
        for at, heads in found.items():
            if at < len(glob):
                end = _joined(glob[at], word, colliding=colliding)
                if end is not None:
                    after[at + 1].update([(*head, end) for head in heads])
            if at and glob[at - 1] == STAR:  # it takes one more
                after[at].update([(*head, word) for head in heads])
        found = after
        if sum(map(len, found.values())) > _MOST_WAYS:
            raise TooManyWaysError
    return found.get(len(glob), set())


def _differ(glob: Words, shape: Words, colliding: bool) -> bool:  # noqa: FBT001
    """Whether they have nothing in common, as far as they go in step."""
    for own, word in zip(glob, shape, strict=False):
        if own == STAR:
            return False
        if own != word and _joined(own, word, colliding=colliding) is None:
            return True
    return len(glob) != len(shape)


def _joined(own: str, word: str, *, colliding: bool) -> str | None:
    """What a segment of a glob and one of a shape have in common; nothing if they have not."""
    if own in (STAR, word):
        return word
    if word == STAR:
        return own or None  # no value is empty
    if is_claim(own) and is_claim(word):
        return word
    if colliding and (is_claim(own) or is_claim(word)):
        literal = word if is_claim(own) else own
        return COLLIDING + literal if literal else None
    return None


def is_narrower(one: Words, other: Words) -> bool:
    """Whether all words of one shape are another's, and not the reverse."""
    return one != other and covers_shape(other, one)


def wins_over(shape: Words, greedy: Words) -> bool:
    """Whether a route is preferred to a greedy one wherever both match."""
    return len(shape) > len(greedy) and covers_shape(greedy, shape[: len(greedy)])


class Index(Generic[Item]):
    """Things with words, found by those they may share with others."""

    def __init__(self, items: Iterable[Item], words_of: Callable[[Item], Words]) -> None:
        """Sort them by the first segment in which they differ."""
        self._items = list(items)
        words = [words_of(item) for item in self._items]
        self._depth = 1
        while len({one[1 : self._depth + 1] for one in words if len(one) > self._depth}) == 1:
            self._depth += 1
        self._by_word: dict[tuple[str, str], list[Item]] = defaultdict(list)
        for item, one in zip(self._items, words, strict=True):
            self._by_word[self._key(one)].append(item)

    def near(self, words: Words) -> list[Item]:
        """Those that may have words in common with others, and few that have not."""
        method, word = self._key(words)
        return [
            item
            for (own_method, own), items in self._by_word.items()
            if STAR in (method, own_method) or method == own_method
            if STAR in (word, own) or word == own
            for item in items
        ]

    def _key(self, words: Words) -> tuple[str, str]:
        # A star before it may cross it, and a claim may have any value.
        head = words[: self._depth + 1]
        is_told = len(words) > self._depth and not any(
            word == STAR or is_claim(word) for word in head
        )
        method = words[0]
        return method, words[self._depth] if is_told and method != STAR else STAR
