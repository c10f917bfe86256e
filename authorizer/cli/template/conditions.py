"""Conditions: what they come to under the parameters' defaults, and what could change that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.template.assignments import Assignments, as_call
from authorizer.cli.template.model import Mistake
from authorizer.cli.template.nodes import Call, Listing, Mapping, Node, Text, referred
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.template.choices import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a condition comes to.

    Attributes:
        value: under the parameters' defaults; nothing where that cannot be decided.
        why: what it depends on; nothing where no deployment can change it.
    """

    value: bool | None
    why: str | None


class Conditions:
    """The conditions of one template."""

    def __init__(
        self,
        conditions: dict[str, Node],
        resolve: Callable[[Node], Node],
        parameters: Parameters,
        *,
        is_whole: bool,
    ) -> None:
        """Take them, and whether there can be no others."""
        self._conditions = conditions
        self._is_whole = is_whole
        self._resolve = resolve
        self._parameters = parameters
        self._assignments = Assignments(conditions, parameters)
        # What is looked at while nobody watches is looked at again.
        self._verdicts: dict[tuple[str, bool], Verdict] = {}

    def verdict(self, name: str) -> Verdict:
        """What a condition of the template comes to."""
        known = name, self._parameters.are_watched
        if known not in self._verdicts:
            # While it is being worked out, a condition that depends on itself is undecidable.
            self._verdicts[known] = _undecided(f"condition {name} depends on itself")
            self._verdicts[known] = (
                self._judge(self._conditions[name], f"condition {name}")
                if name in self._conditions
                else _undecided(self._why_missing(name))
            )
            self._offer_the_other(name, self._verdicts[known])
        return self._verdicts[known]

    def _offer_the_other(self, name: str, verdict: Verdict) -> None:
        """What several parameters must be for a condition to come out the other way."""
        if verdict.why is not None and name in self._conditions:
            for value in (True, False):
                chosen = self._assignments.making(self._conditions[name], value=value)
                if value is not verdict.value and chosen:
                    self._parameters.offer_together(chosen)

    def _why_missing(self, name: str) -> str:
        why = f"the template has no condition {clip(name)}"
        return Mistake(why + did_you_mean(name, self._conditions)) if self._is_whole else why

    def _judge(self, node: Node, what: str) -> Verdict:
        call = as_call(node)
        if call is None:
            return _undecided(f"{what} is no condition")
        node = call
        if node.name == "Condition" and isinstance(node.argument, Text):
            return self.verdict(node.argument.text)
        if node.name not in {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}:
            return _undecided(f"{what} uses {node.name}")
        if not isinstance(node.argument, Listing):
            return _undecided(f"{what} is no condition")
        if node.name == "Fn::Equals":
            return self._equals(node.argument, what)
        return _combined(node.name, [self._judge(item, what) for item in node.argument.items], what)

    def _equals(self, pair: Listing, what: str) -> Verdict:
        if len(pair.items) != 2:  # noqa: PLR2004 - two values are compared
            return _undecided(f"{what} is no condition")
        sides = [self._resolve(item) for item in pair.items]
        for item, other in zip(pair.items, reversed(sides), strict=True):
            if (name := referred(item)) and isinstance(other, Text):
                self._parameters.compare(name, [other.text])
        reasons = [self._depends_on(item) for item in pair.items]
        dependence = next((reason for reason in reasons if reason), None)
        why = f"{what} depends on {dependence}" if dependence else None
        texts = [side.text for side in sides if isinstance(side, Text)]
        if len(texts) != len(sides):
            return _undecided(why or f"{what} depends on what is known only when deployed")
        return Verdict(value=texts[0] == texts[1], why=why)

    def _depends_on(self, node: Node) -> str | None:
        """The first reference in a node: only literals and mappings are always the same."""
        waiting = [node]
        seen: set[int] = set()
        while waiting:
            part = waiting.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Listing):
                waiting += part.items
            elif isinstance(part, Mapping):
                waiting += part.entries.values()
            elif isinstance(part, Call):
                if part.name == "Ref" and isinstance(part.argument, Text):
                    name = part.argument.text
                    if self._parameters.is_chosen(name):
                        continue
                    return name if name.startswith("AWS::") else f"parameter {name}"
                if part.name not in {"Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split"}:
                    return part.name
                waiting.append(part.argument)
        return None


def _undecided(why: str) -> Verdict:
    return Verdict(value=None, why=why)


def _combined(name: str, parts: list[Verdict], what: str) -> Verdict:
    values = [part.value for part in parts]
    why = next((part.why for part in parts if part.why), None)
    if name == "Fn::Not":
        value = None if len(values) != 1 or values[0] is None else not values[0]
        return Verdict(
            value=value, why=why if value is not None else why or f"{what} is undecidable"
        )
    decisive = name == "Fn::Or"
    sure = any(part.value is decisive and part.why is None for part in parts)
    if decisive in values:
        return Verdict(value=decisive, why=None if sure else why)
    if None in values:
        return _undecided(why or f"{what} is undecidable")
    return Verdict(value=not decisive, why=why)
