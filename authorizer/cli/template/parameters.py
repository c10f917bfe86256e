"""What a deployment chooses: the values of parameters, and of what only the account knows.

Reading takes the defaults. Beside that it takes note of what else a deployment may give to
whatever was looked at, so that the template can be read again as each of them would have it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.template.nodes import Absent, Listing, Node, Text, Unresolvable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from authorizer.cli.location import Location

# The longest that API Gateway remembers an answer: what an open number may come to.
_GREATEST = 3600
_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)
_FLAGS = {"true": "false", "false": "true"}


class Choices:
    """What is chosen for one reading, and what could be chosen instead.

    Attributes:
        chosen: by name of the parameter, or pseudo-parameter such as ``AWS::Region``.
        others: further values of what was looked at, by name, in the order in which they came up.
        together: values of several that make a difference only together.
        is_impossible: whether nobody can deploy what is chosen.
    """

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        """Take what is not left at its default."""
        self.chosen = dict(chosen or {})
        self.others: dict[str, dict[str, None]] = {}
        self.together: list[dict[str, str]] = []
        self.is_watching = True
        self.is_impossible = False

    def offer(self, name: str, texts: Iterable[str]) -> None:
        """Take note of values that make a difference."""
        if self.is_watching:
            self.others.setdefault(name, {}).update(dict.fromkeys(texts))


class Parameters:
    """The parameters of one template."""

    def __init__(
        self,
        written: dict[str, Node],
        choices: Choices,
        get: Callable[[Node, str], Node],
        given: Mapping[str, Node] | None = None,
    ) -> None:
        """Take them as they are written, and what is chosen for them.

        Args:
            written: under ``Parameters``.
            choices: of this reading.
            get: what stands under a name.
            given: what a stack above hands down, which nobody else can choose.
        """
        self._written = written
        self._choices = choices
        self._get = get
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._written

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def value(self, name: str, place: Location) -> Node:
        """What a parameter comes to: the value that is chosen for it, or else its default."""
        if self._given is not None and name in self._given:
            return replace(self._given[name], place=place)
        kind = self._text(name, "Type") or ""
        if kind.startswith("AWS::SSM::Parameter::"):
            why = f"parameter {name} is read from the account's parameter store"
            return Unresolvable(place, why, name)
        self._choices.offer(name, self._others(name))
        allowed, value = self._allowed(name), self._get(self._written[name], "Default")
        if name in self._choices.chosen:
            value = Text(place, self._choices.chosen[name])
        elif isinstance(value, Absent) and len(allowed) == 1:
            value = Text(place, allowed[0])
        if not isinstance(value, Text):
            has = "no default" if isinstance(value, Absent) else "a default that is no text"
            return Unresolvable(place, f"parameter {name} has {has}", name)
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            parts = value.text.split(",")
            return Listing(place, tuple(Text(place, part.strip()) for part in parts))
        # The value stands where it is used, not where the default is: that is where to look.
        return Text(place, value.text, value.kind)

    def compare(self, name: str, texts: Iterable[str]) -> None:
        """Take note that it makes a difference whether something has one of these values."""
        if name in self._written:
            texts = self._allowed(name) or (*self._default(name), *texts, _any(name))
        self._choices.offer(name, texts)

    def offer_together(self, chosen: dict[str, str]) -> None:
        """Take note that it makes a difference whether several have these values at once."""
        if self._choices.is_watching and len(chosen) > 1:
            self._choices.together.append(chosen)

    def value_that(self, name: str, text: str, *, is_equal: bool) -> str | None:
        """A value that a parameter may have, which is this one, or another one."""
        if self._given is not None and name in self._given:
            return None
        allowed = self._allowed(name)
        if is_equal:
            return text if not allowed or text in allowed else None
        known = (*self._default(name), *(allowed or (_any(name),)))
        return next((value for value in known if value != text), None)

    @property
    def are_watched(self) -> bool:
        """Whether note is taken of what is looked at."""
        return self._choices.is_watching

    def is_chosen(self, name: str) -> bool:
        """Whether this reading says what it is."""
        return name in self._choices.chosen or (self._given is not None and name in self._written)

    def _text(self, name: str, what: str) -> str | None:
        value = self._get(self._written[name], what)
        return value.text if isinstance(value, Text) else None

    def _allowed(self, name: str) -> tuple[str, ...]:
        written = self._get(self._written[name], "AllowedValues")
        items = written.items if isinstance(written, Listing) else ()
        return tuple(item.text for item in items if isinstance(item, Text))

    def _default(self, name: str) -> tuple[str, ...]:
        text = self._text(name, "Default")
        return () if text is None else (text,)

    def _others(self, name: str) -> list[str]:
        """What else than its default it may be, as far as that is known to make a difference."""
        own = "".join(self._default(name))
        is_number, most = self._text(name, "Type") == "Number", self._text(name, "MaxValue") or ""
        longest = min(int(most), _GREATEST) if _SECONDS.fullmatch(most) else _GREATEST
        known = self._allowed(name) or (
            own if is_number else _any(name),
            _FLAGS.get(own.lower(), own),
            str(longest) if is_number or (own.isascii() and own.isdigit()) else own,
        )
        return [text for text in known if text != own]


def is_any(name: str, text: str) -> bool:
    """Whether a value stands for any that a deployment may give."""
    return text == _any(name)


def _any(name: str) -> str:
    """Any value that is nothing in particular."""
    return f"any-{name}"
