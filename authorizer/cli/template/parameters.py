"""What a deployment chooses, and so what parameters and conditions come to.

Reading takes the defaults. Beside that it takes note of what else a deployment may give to
whatever was looked at, so that the template can be read again as each of them would have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Cause, Mistake
from authorizer.cli.template.nodes import (
    GIVEN,
    Absent,
    Call,
    Completeness,
    Listing,
    Mapping,
    Node,
    Text,
    Unresolvable,
    referred,
    within,
)
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authorizer.cli.location import Location

# The longest that API Gateway remembers an answer: what an open number may come to.
_GREATEST = 3600
# Values of parameters, by their names.
_Chosen = dict[str, str]
_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)
# Functions that conditions are made of, and others that give the same for the same.
_LOGICAL = frozenset({"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
_PURE = frozenset({"Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split"})
_FLAGS = {"true": "false", "false": "true"}


class Choices:
    """What is chosen for one reading, and what could be chosen instead.

    Attributes:
        chosen: by name of the parameter, or pseudo-parameter such as ``AWS::Region``.
        others: further values of what was looked at, by name, in the order in which they came up.
        together: values of several that make a difference only together.
        is_impossible: whether nobody can deploy what is chosen.
    """

    def __init__(self, chosen: _Chosen | None = None) -> None:
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

    def offer_together(self, chosen: _Chosen) -> None:
        """Take note that it makes a difference whether several have these values at once."""
        if self.is_watching and len(chosen) > 1:
            self.together.append(chosen)


class Parameters:
    """The parameters of one template.

    Attributes:
        choices: of this reading.
        written: what stands under ``Parameters``.
    """

    def __init__(
        self,
        written: dict[str, Node],
        choices: Choices,
        get: Callable[[Node, str], Node],
        given: dict[str, Node] | None = None,
    ) -> None:
        """Take them as they are written, and what is chosen for them.

        Args:
            written: under ``Parameters``.
            choices: of this reading.
            get: what stands under a name.
            given: what a stack above hands down, which nobody else can choose.
        """
        self.written = written
        self.choices = choices
        self._get = get
        self._given = given

    def value(self, name: str, location: Location) -> Node:
        """What a parameter comes to: the value that is chosen for it, or else its default."""
        if self._given is not None and name in self._given:
            return replace(self._given[name], location=location)
        kind = self._text(name, "Type") or ""
        if kind.startswith("AWS::SSM::Parameter::"):
            why = f"parameter {name} is read from the account's parameter store"
            return Unresolvable(location, why, name)
        self.choices.offer(name, self._others(name))
        value = self._get(self.written[name], "Default")
        match self.choices.chosen.get(name), value, self._allowed(name):
            case (str() as text, _, _) | (None, Absent(), (text,)):
                # It stands where it is used, not where the default is: that is where to look.
                value = Text(location, text)
            case _, Text(text=text, kind=sort), _:
                value = Text(location, text, GIVEN if sort == "str" and not text else sort)
            case _:
                has = "no default" if isinstance(value, Absent) else "a default that is no text"
                return Unresolvable(location, f"parameter {name} has {has}", name)
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            parts = (Text(location, part.strip()) for part in text.split(","))
            return Listing(location, tuple(parts))
        return value

    def compare(self, name: str, texts: Iterable[str]) -> None:
        """Take note that it makes a difference whether something has one of these values."""
        if name in self.written:
            texts = self._allowed(name) or (*self._default(name), *texts, _any(name))
        self.choices.offer(name, texts)

    def value_that(self, name: str, text: str, *, is_equal: bool) -> str | None:
        """A value that a parameter may have, which is this one, or another one."""
        if self._given is not None and name in self._given:
            return None
        allowed = self._allowed(name)
        known = (text,) if is_equal else (*self._default(name), _any(name))
        found = (value for value in (*known, *allowed) if (value == text) is is_equal)
        return next((value for value in found if not allowed or value in allowed), None)

    def is_chosen(self, name: str) -> bool:
        """Whether this reading says what it is."""
        return name in self.choices.chosen or (self._given is not None and name in self.written)

    def _text(self, name: str, what: str) -> str | None:
        value = self._get(self.written[name], what)
        return value.text if isinstance(value, Text) else None

    def _allowed(self, name: str) -> tuple[str, ...]:
        written = self._get(self.written[name], "AllowedValues")
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


# --- conditions ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a condition comes to.

    Attributes:
        value: under the parameters' defaults; nothing where that cannot be decided.
        why: what it depends on; nothing where no deployment can change it.
        making: values of parameters with which it does not hold, and with which it does; nothing
            where none were found.
    """

    value: bool | None
    why: Cause | None
    making: tuple[_Chosen | None, _Chosen | None] = (None, None)


class Conditions:
    """The conditions of one template."""

    def __init__(
        self,
        conditions: dict[str, Node],
        resolve: Callable[[Node], Node],
        parameters: Parameters,
        *,
        completeness: Completeness,
    ) -> None:
        """Take them, and whether there can be others."""
        self._conditions = conditions
        self._completeness = completeness
        self._resolve = resolve
        self._parameters = parameters
        # What is looked at while nobody watches is looked at again.
        self._verdicts: dict[tuple[str, bool], Verdict] = {}

    def verdict(self, name: str) -> Verdict:
        """What a condition of the template comes to."""
        known = name, self._parameters.choices.is_watching
        if known not in self._verdicts:
            # While it is being worked out, a condition that depends on itself is undecidable.
            self._verdicts[known] = _unresolved(f"condition {name} depends on itself")
            verdict = self._verdicts[known] = self._named(name)
            for value in (True, False):
                chosen = verdict.making[value]
                if verdict.why is not None and value is not verdict.value and chosen:
                    self._parameters.choices.offer_together(chosen)
        return self._verdicts[known]

    def _named(self, name: str) -> Verdict:
        if name in self._conditions:
            return self._judge(self._conditions[name], f"condition {name}")
        why: Cause = f"the template has no condition {clip(name)}"
        if self._completeness.is_complete:
            why = Mistake(f"{why}{did_you_mean(name, self._conditions)}")
        return _unresolved(why)

    def _judge(self, node: Node, what: str) -> Verdict:
        match node:
            case Mapping(entries={"Condition": Text(text=name), **others}) if not others:
                return self.verdict(name)
            case Call(name="Condition", argument=Text(text=name)):
                return self.verdict(name)
            case Call(name="Fn::Equals", argument=Listing(items=(_, _) as pair)):
                return self._equals(pair, what)
            case Call(name="Fn::Not", argument=Listing(items=(one,))):
                return _negated(self._judge(one, what))
            case Call(name="Fn::And" | "Fn::Or" as name, argument=Listing(items=items)):
                return _joined(name, [self._judge(item, what) for item in items])
            case _:
                is_other = isinstance(node, Call) and node.name not in _LOGICAL
                found = f"uses {getattr(node, 'name', '')}" if is_other else "is no condition"
                return _unresolved(f"{what} {found}")

    def _equals(self, pair: Sequence[Node], what: str) -> Verdict:
        sides = [self._resolve(item) for item in pair]
        for item, other in zip(pair, reversed(sides), strict=True):
            if (name := referred(item)) and isinstance(other, Text):
                self._parameters.compare(name, [other.text])
        dependence = next(filter(None, map(self._depends_on, pair)), None)
        why = f"{what} depends on {dependence}" if dependence else None
        making = (self._making(pair, is_equal=False), self._making(pair, is_equal=True))
        match sides:
            case Text(text=first), Text(text=second):
                return Verdict(value=first == second, why=why, making=making)
            case _:
                why = why or f"{what} depends on what is known only when deployed"
                return Verdict(value=None, why=why, making=making)

    def _depends_on(self, node: Node) -> str | None:
        """The first reference in a node: only literals and mappings are always the same."""
        for part in within(node):
            match part:
                case Call(name="Ref", argument=Text(text=name)):
                    if not self._parameters.is_chosen(name):
                        return name if name.startswith("AWS::") else f"parameter {name}"
                case Call(name=name) if name not in _PURE:
                    return name
        return None

    def _making(self, pair: Sequence[Node], *, is_equal: bool) -> _Chosen | None:
        """What makes a parameter equal to a text, or not; two texts are as they are."""
        match sorted(pair, key=lambda side: isinstance(side, Text)):
            case Text(text=first), Text(text=second):
                return {} if (first == second) is is_equal else None
            case side, Text(text=text) if (name := referred(side)) in self._parameters.written:
                chosen = self._parameters.value_that(name, text, is_equal=is_equal)
                return None if chosen is None else {name: chosen}
            case _:
                return None


def _unresolved(why: Cause) -> Verdict:
    return Verdict(value=None, why=why)


def _negated(part: Verdict) -> Verdict:
    value = None if part.value is None else not part.value
    return Verdict(value=value, why=part.why, making=part.making[::-1])


def _joined(name: str, parts: Sequence[Verdict]) -> Verdict:
    """Of several conditions of which one is enough for one value, and all are needed for the other.

    One that holds is enough for ``Fn::Or``, and one that does not for ``Fn::And``.
    """
    decisive = name == "Fn::Or"
    one = next((part.making[decisive] for part in parts if part.making[decisive] is not None), None)
    every = _all_of([part.making[not decisive] for part in parts])
    making = (every, one) if decisive else (one, every)
    values = [part.value for part in parts]
    if any(part.value is decisive and part.why is None for part in parts):
        return Verdict(value=decisive, why=None, making=making)
    other = None if None in values else not decisive
    value = decisive if decisive in values else other
    why = next((part.why for part in parts if part.why), None)
    return Verdict(value=value, why=why, making=making)


def _all_of(parts: Sequence[_Chosen | None]) -> _Chosen | None:
    """All of them together, where none contradicts another one."""
    together: _Chosen = {}
    for part in parts:
        if part is None or any(together.get(name, text) != text for name, text in part.items()):
            return None
        together |= part
    return together
