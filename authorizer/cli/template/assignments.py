"""Values of parameters that make a condition true, or false: one such choice, where one is found.

Where it takes several parameters at once, no single choice would tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.template.nodes import Call, Listing, Mapping, Node, Text, referred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.template.choices import Parameters

# Conditions that name conditions; more is a circle.
_DEEPEST = 20


class Assignments:
    """The choices that conditions depend on."""

    def __init__(self, conditions: dict[str, Node], parameters: Parameters) -> None:
        """Take the conditions of a template, and its parameters."""
        self._conditions = conditions
        self._parameters = parameters

    def making(self, node: Node, *, value: bool, depth: int = _DEEPEST) -> dict[str, str] | None:
        """What to choose for a condition to come out so; nothing where that was not found.

        Args:
            node: the condition.
            value: what it is to come to.
            depth: how many conditions it may go through.
        """
        call = as_call(node)
        if call is None or depth == 0:
            return None
        if call.name == "Condition" and isinstance(call.argument, Text):
            named = self._conditions.get(call.argument.text, call.argument)
            return self.making(named, value=value, depth=depth - 1)
        parts = call.argument.items if isinstance(call.argument, Listing) else ()
        if call.name == "Fn::Equals":
            return self._equal(parts, value=value)
        if call.name == "Fn::Not":
            value = not value
        found = [self.making(part, value=value, depth=depth - 1) for part in parts]
        is_enough = value is (call.name == "Fn::Or")
        chosen = [one for one in found if one is not None]
        return next(iter(chosen), None) if is_enough else _all_of(found)

    def _equal(self, pair: Sequence[Node], *, value: bool) -> dict[str, str] | None:
        """For a parameter and a text; two texts are as they are."""
        texts = [one.text for one in pair if isinstance(one, Text)]
        if len(texts) == 2:  # noqa: PLR2004 - both sides
            return {} if (texts[0] == texts[1]) is value else None
        names = [name for one in pair if (name := referred(one)) and name in self._parameters]
        if not (names and texts):
            return None
        chosen = self._parameters.value_that(names[0], texts[0], is_equal=value)
        return None if chosen is None else {names[0]: chosen}


def as_call(node: Node) -> Call | None:
    """A condition as the function that it is."""
    if isinstance(node, Mapping) and set(node.entries) == {"Condition"}:
        return Call(node.place, "Condition", node.entries["Condition"])
    return node if isinstance(node, Call) else None


def _all_of(parts: Sequence[dict[str, str] | None]) -> dict[str, str] | None:
    """All of them together, where none contradicts another one."""
    together: dict[str, str] = {}
    for part in parts:
        if part is None or any(together.get(name, text) != text for name, text in part.items()):
            return None
        together |= part
    return together
