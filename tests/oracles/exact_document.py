"""The globs that allow what is granted, and the denies that take the rest away again.

What a glob has more than its shape is denied, where no other shape that is granted loses a word by
it. Otherwise there is no exact document, and it is not made.

1. Globs that allow the shapes; those of a ``/**`` in one.
2. Denies: of words with more segments than the shape has, or with empty ones, wherever they take
   nothing away; and of each route that is not granted but hit.

Where two routes share words and neither is the more specific one, they must be granted alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authorizer.policy.caller_document import Inexact
from authorizer.policy.paths import ANY, PARAMETER
from oracles.globs import (
    STAR,
    Words,
    by_first_segment,
    covers,
    covers_shape,
    meet,
    near,
    steps_of,
    widest,
    wins_over,
)
from oracles.grants import Grants, InexactError, Steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authorizer.policy.model import RoutePattern
    from authorizer.policy.route_tree import Place

# More ARNs than that are more than 8 KB, and to find out what they hit takes seconds.
_MOST_RESOURCES = 150


@dataclass(slots=True, eq=False)
class KnownRoute:
    """A route of the API: its shape, its places with rules, and the shapes that surely win."""

    method: str
    shape: Words
    places: tuple[Place, ...]
    winners: list[Words] = field(default_factory=list)

    def wins(self, words: Words, steps: Steps) -> bool:
        """Whether some of the words are this route's."""
        steps.take(steps_of(words) * len(self.winners))
        return not any(covers_shape(winner, words) for winner in self.winners)


class Maker:
    """Makes the document of one caller, or finds that there is none."""

    def __init__(
        self,
        plain: list[KnownRoute],
        greedy: list[Words],
        owned: Mapping[Words, KnownRoute],
        steps: Steps,
    ) -> None:
        self._plain = plain
        self._steps = steps
        self._greedy = greedy
        self._owned = owned
        self._near = by_first_segment(owned)
        self._deny: list[Words] = []

    def make(self, allows: Iterable[RoutePattern]) -> Grants:
        """The document.

        Args:
            allows: what the caller's rules allow, for those with a ``/**``.

        Raises:
            InexactError: there is none.
        """
        allow, take = self._with_tails(allows), self._steps.take
        allowed = widest(allow, take)
        self._deny_what_is_longer(allow)
        self._deny_what_is_empty(allow)
        if len(allowed) + len(widest(self._deny, take)) > _MOST_RESOURCES:
            raise InexactError(Inexact.TOO_LARGE)
        self._deny_what_is_hit(by_first_segment(allow))
        self._require_apart_from_greedy()
        return Grants(
            allow=tuple("/".join(words) for words in sorted(allowed)),
            deny=tuple("/".join(words) for words in sorted(widest(self._deny, take))),
        )

    def _with_tails(self, allows: Iterable[RoutePattern]) -> list[Words]:
        """The shapes as globs; those of a ``/**`` in one, where that hits nothing else."""
        allow = list(self._owned)
        methods = {words[0] for words in allow}
        for pattern in allows:
            if not pattern.tail or PARAMETER in pattern.path:  # without one, nothing is compared
                continue
            for method in sorted(methods | {STAR}):  # the star comes first
                glob = (method, *pattern.path, STAR)
                self._steps.take(2 + sum(map(steps_of, allow)))
                below = {words for words in allow if covers(glob, words)}
                named = ANY if method == STAR else method
                if (
                    len(below) > 1
                    and pattern.covers_method(named)
                    and not any(next(self._hit(known, glob), None) for known in self._plain)
                ):
                    allow = [glob, *(words for words in allow if words not in below)]
        return allow

    def _hit(self, known: KnownRoute, glob: Words) -> Iterator[Words]:
        """The shapes of a route's words that a glob has, and that are not granted."""
        self._steps.take(steps_of(glob))
        if known.shape in self._owned:
            return
        for words in meet(glob, known.shape, self._steps.take):
            if known.wins(words, self._steps) and not any(
                self._owned.get(granted) is known and covers_shape(granted, words)
                for granted in near(self._near, words)
            ):
                yield words

    def _deny_what_is_longer(self, allow: Iterable[Words]) -> None:
        """Deny the words of a glob that have more segments than its shape.

        They belong to no route that is granted. With a greedy route in the API, they belong to
        that one: then they must be denied.
        """
        for glob in allow:
            stars = [at for at, word in enumerate(glob) if word == STAR]
            if glob not in self._owned:  # a /**, which is meant to have more
                stars = [] if glob == (STAR, STAR) else stars[:-1]
            for at in stars:
                if not self._try_to_deny((*glob[:at], STAR, *glob[at:])) and self._greedy:
                    raise InexactError(Inexact.ROUTES_OVERLAP)

    def _deny_what_is_empty(self, allow: Iterable[Words]) -> None:
        """Deny the words in which a segment is empty: no parameter's value is.

        A REST API gives ``/users/`` to the route ``/users``, which ``GET/users/*`` was not meant
        for. A greedy route takes such paths, too: then they must be denied.
        """
        owned = self._owned
        if not any(STAR in glob and (glob != (STAR, STAR) or glob in owned) for glob in allow):
            return  # no parameters, or all that the API has
        # The root ends in a slash, too, and is $default's where there is no other route for it.
        roots = [(glob[0], "") for glob in allow if self._greedy and glob[1:] == (STAR,)]
        for words in ((STAR, STAR, ""), (STAR, "", STAR), *roots):
            if words not in owned and not self._try_to_deny(words) and self._greedy:
                raise InexactError(Inexact.ROUTES_OVERLAP)

    def _deny_what_is_hit(self, allow: Mapping[str, Sequence[Words]]) -> None:
        for known in self._plain:
            for glob in near(allow, known.shape):
                for words in self._hit(known, glob):
                    self._steps.take(steps_of(words) * len(self._deny))
                    if any(covers(denied, words) for denied in self._deny):
                        continue
                    if not (self._try_to_deny(known.shape) or self._try_to_deny(words)):
                        raise InexactError(Inexact.ROUTES_OVERLAP)

    def _try_to_deny(self, glob: Words) -> bool:
        """Add a deny, if it takes nothing away that is granted."""
        for granted in near(self._near, glob):
            self._steps.take(steps_of(granted))
            wins, take = self._owned[granted].wins, self._steps.take
            if any(wins(words, self._steps) for words in meet(glob, granted, take)):
                return False
        self._deny.append(glob)
        return True

    def _require_apart_from_greedy(self) -> None:
        for greedy in self._greedy:
            self._steps.take(steps_of(greedy) * len(self._owned))
            for granted, known in self._owned.items():
                if len(granted) <= len(greedy) or wins_over(known.shape, greedy):
                    continue
                if all(
                    one == other or STAR in (one, other)
                    for one, other in zip(granted, greedy, strict=False)
                ):
                    raise InexactError(Inexact.ROUTES_OVERLAP)
