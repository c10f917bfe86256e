"""Shapes and globs: what a route's paths are, and what IAM makes of the same text.

Both are words over segments: the method, then the path's segments. A *shape* is the words of one
route, in which ``*`` is one segment; a *glob* is what an ARN with the same text covers: there
``*`` also crosses ``/``, and is one segment or more.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Words = tuple[str, ...]
STAR = "*"


def steps_of(words: Words) -> int:
    """What it counts to compare them with others: more, where they are long."""
    return 1 + len(words) // 8


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


def meet(glob: Words, shape: Words, take: Callable[[int], None]) -> set[Words]:
    """The shapes of the words that a glob and a shape have in common.

    Args:
        glob: its words are gone through as those of the shape are.
        shape: of one route.
        take: is told of each step, and may raise.
    """
    # From either end they go in step up to a star: most that have nothing in common show it there.
    for own_words, its_words in ((glob, shape), (glob[::-1], shape[::-1])):
        for own, word in zip(own_words, its_words, strict=False):
            if own == STAR:
                break
            if own != word and (word != STAR or not own):  # a segment is not empty
                return set()
    found: dict[int, set[Words]] = {0: {()}}
    for length, word in enumerate(shape, 1):
        after: dict[int, set[Words]] = {}
        for at, heads in found.items():
            take((1 + length // 8) * len(heads))
            wanted = glob[at] if at < len(glob) else None
            if wanted in (STAR, word) or (word == STAR and wanted):
                end = (wanted if word == STAR and wanted else word,)
                after.setdefault(at + 1, set()).update([head + end for head in heads])
            if at and glob[at - 1] == STAR:  # it takes one more
                after.setdefault(at, set()).update([(*head, word) for head in heads])
        found = after
    return found.get(len(glob), set())


def first_segment(shape: Words) -> str:
    """Of the path; nothing of what has none."""
    return shape[1] if len(shape) > 1 else ""


def is_narrower(one: Words, other: Words) -> bool:
    """Whether all words of one shape are another's, and not the reverse."""
    return one != other and covers_shape(other, one)


def wins_over(shape: Words, greedy: Words) -> bool:
    """Whether a route is preferred to a greedy one wherever both match."""
    return len(shape) > len(greedy) and covers_shape(greedy, shape[: len(greedy)])


def widest(globs: Iterable[Words], take: Callable[[int], None]) -> list[Words]:
    """The globs that no other one covers."""
    found: list[Words] = []
    # Whatever covers a glob is shorter, or as long and has more stars.
    for glob in sorted(set(globs), key=lambda glob: (len(glob), -glob.count(STAR))):
        take(steps_of(glob) * len(found))
        if not any(covers(other, glob) for other in found):
            found.append(glob)
    return found


def by_first_segment(globs: Iterable[Words]) -> dict[str, list[Words]]:
    """Sorted for ``near``."""
    found = defaultdict(list)
    for glob in globs:
        # A method's star may cross into the path.
        found[STAR if glob[0] == STAR else first_segment(glob)].append(glob)
    return found


def near(globs: Mapping[str, Sequence[Words]], words: Words) -> Sequence[Words]:
    """Those that may have words in common with others, and few that have not."""
    first = first_segment(words)
    if words[0] == STAR or first in ("", STAR):
        return [glob for some in globs.values() for glob in some]
    return [*globs.get(first, ()), *globs.get(STAR, ())]
