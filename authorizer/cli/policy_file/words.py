"""Shapes and globs: what a route's paths are, and what IAM makes of the same text.

Both are words over segments: the method, then the path's segments. A *shape* is the words of one
route, in which ``*`` is one segment; a *glob* is what an ARN with the same text covers: there
``*`` also crosses ``/``, and is one segment or more. In either, ``{sub}`` is the value of a claim,
which is known when somebody calls: here it is like no literal, and may be like another claim's.
"""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Words = tuple[str, ...]
Item = TypeVar("Item")
STAR = "*"
# In how many ways a glob and a shape may meet. Routes as people write them meet in one or two.
_MOST_WAYS = 1_000


class TooManyWaysError(Exception):
    """Routes meet in more ways than anybody can wait for."""


def is_claim(word: str) -> bool:
    """Whether a word is the value of a claim."""
    return word.startswith("{")


def covers(glob: Words, words: Words) -> bool:
    """Whether a glob has all words of a shape, or of a glob."""
    # No segment has a slash, nor any of a rule a bracket, which would be a set of characters.
    pattern = "/".join(glob).replace("[", "[[]")
    return glob == words or (STAR in glob and fnmatchcase("/".join(words), pattern))


def covers_shape(shape: Words, words: Words) -> bool:
    """Whether a shape has all words of another one."""
    return len(shape) == len(words) and all(
        own in (STAR, word) for own, word in zip(shape, words, strict=True)
    )


# Routes share their ends, and so do globs: most are asked for again.
@lru_cache(maxsize=100_000)
def meet(glob: Words, shape: Words) -> tuple[Words, ...]:
    """The shapes of the words that a glob and a shape have in common, each once.

    Args:
        glob: its words are gone through as those of the shape are.
        shape: of one route.

    Raises:
        TooManyWaysError: there are too many of them.
    """
    if not (glob and shape):
        return () if glob or shape else ((),)
    first = _joined(glob[0], shape[0])
    if first is None:
        return ()
    ends = meet(glob[1:], shape[1:])
    if glob[0] == STAR:  # it takes one more
        ends = (*ends, *meet(glob, shape[1:]))
    # In an order that is the same in every process, as what is compiled must be.
    found = tuple(dict.fromkeys((first, *end) for end in ends))
    if len(found) > _MOST_WAYS:
        raise TooManyWaysError
    return found


def _joined(own: str, word: str) -> str | None:
    """What a segment of a glob and one of a shape have in common; nothing if they have not."""
    if own in (STAR, word):
        return word
    if word == STAR:
        return own or None  # no value is empty
    return word if is_claim(own) and is_claim(word) else None


def is_narrower(one: Words, other: Words) -> bool:
    """Whether all words of one shape are another's, and not the reverse."""
    return one != other and covers_shape(other, one)


def wins_over(shape: Words, greedy: Words) -> bool:
    """Whether a route is preferred to a greedy one wherever both match."""
    return len(shape) > len(greedy) and covers_shape(greedy, shape[: len(greedy)])


class Index(Generic[Item]):
    """Things with words, found by those they may share with others.

    Sets of things are integers, with a bit for each.
    """

    def __init__(self, items: Iterable[Item], words_of: Callable[[Item], Words]) -> None:
        """Sort them by their words, and by where a star leaves these open."""
        self._items = list(items)
        words = [words_of(item) for item in self._items]
        deepest = max(map(len, words), default=0)
        self._having: dict[tuple[int | None, str], int] = defaultdict(int)
        self._open: dict[int | None, int] = dict.fromkeys(range(-deepest, deepest), 0)
        self._starred = 0
        for number, one in enumerate(words):
            bit = 1 << number
            for place in _told(one):
                self._having[place] |= bit
            if STAR in one:
                self._starred |= bit
                for at in (
                    *range(one.index(STAR), deepest),
                    *range(-deepest, -one[::-1].index(STAR)),
                ):
                    self._open[at] |= bit

    def near(self, words: Words) -> list[Item]:
        """Those that may have words in common with others, and few that have not."""
        found = (1 << len(self._items)) - 1
        for at, word in _told(words):
            found &= self._having.get((at, word), 0) | self._open.get(at, self._starred)
        near = []
        while found:
            lowest = found & -found
            near.append(self._items[lowest.bit_length() - 1])
            found ^= lowest
        return near


def _told(words: Words) -> Iterator[tuple[int | None, str]]:
    """The words up to a star from either end, which may cross others, and all words anywhere."""
    known = ["{" if is_claim(word) else word for word in words]
    for at, word in enumerate(takewhile(STAR.__ne__, known)):
        yield at, word
    for at, word in enumerate(takewhile(STAR.__ne__, reversed(known))):
        yield ~at, word
    for word in known:
        if word != STAR:
            yield None, word
