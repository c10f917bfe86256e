"""What the values of a template come to, as facts: texts, flags, numbers, in every deployment.

Who asks whether a route exists, or what protects it, must take every branch
(:meth:`Resolver.branches`): a deployment may choose another one than the defaults do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.intrinsics import Intrinsics
from authorizer.cli.template.model import Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Listing,
    Node,
    Text,
    why_not_text,
    within,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Cause


# As CloudFormation takes them, quoted or not.
_FLAGS: dict[str, bool | Unknown] = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class Resolver(Intrinsics):
    """The values of one template."""

    def branches(self, node: Node) -> tuple[tuple[Node, ...], Cause | None]:
        """Every value that a deployment could give a node.

        Returns:
            The values, without ``AWS::NoValue``, and what the choice between them depends on.
        """
        if not (isinstance(node, Call) and node.name == "Fn::If"):
            value = self.resolve(node)
            return (() if isinstance(value, Absent) else (value,)), None
        if node not in self._branches:
            self._branches[node] = self._both(node)
        return self._branches[node]

    def _both(self, call: Call) -> tuple[tuple[Node, ...], Cause | None]:
        sides = self.sides(call)
        if sides is None:
            return (self.resolve(call),), None
        verdict, *parts = sides
        if verdict.why is None:
            return self.branches(parts[0] if verdict.value else parts[1])
        values = [self.branches(part)[0] for part in parts]
        if all(len(side) == 1 for side in values) and values[0][0] is values[1][0]:
            return values[0], None
        return (*values[0], *values[1]), verdict.why

    def varies(self, node: Node) -> Cause | None:
        """What a value depends on that has another branch; nothing where it has none."""
        whys = (self.branches(part)[1] for part in within(node) if isinstance(part, Call))
        return next((why for why in whys if why is not None), None)

    def chosen(self, call: Call) -> tuple[Node, ...]:
        """The side of an ``Fn::If`` that this deployment takes, as it stands."""
        sides = self.sides(call)
        if sides is None:
            return ()
        verdict, *parts = sides
        return tuple(parts) if verdict.value is None else (parts[not verdict.value],)

    def is_left_empty(self, name: str, location: Location) -> bool:
        """Whether it is a parameter that is empty, as it is by default and not by choice."""
        if name not in self.parameters or self.parameters.is_chosen(name):
            return False
        value = self.parameters.value(name, location)
        return isinstance(value, Text) and not value.text

    # --- facts ---

    def text(self, node: Node) -> str | Unknown | None:
        """A node as text; nothing where it is absent."""
        value = self.resolve(node)
        if isinstance(value, Absent) or (isinstance(value, Text) and value.kind == "null"):
            return None
        return value.text if isinstance(value, Text) else Unknown(why_not_text(value))

    def flag(self, node: Node, *, default: bool) -> bool | Unknown:
        """A node as a boolean."""
        text = self.text(node)
        if not isinstance(text, str):
            return text or default
        return _FLAGS.get(text.lower(), Unknown(f"expected true or false, found {clip(text)}"))

    def number(self, node: Node, *, default: int) -> int | Unknown:
        """A node as a whole number, quoted or not."""
        text = self.text(node)
        if not isinstance(text, str):
            return text or default
        if re.fullmatch(r"[+-]?[0-9]{1,9}", text, re.ASCII):
            return int(text)
        return Unknown(f"expected a whole number, found {clip(text)}")

    def texts(self, node: Node) -> tuple[str, ...] | Unknown:
        """A node as a list of texts; a single text is a list of it."""
        value = self.resolve(node)
        texts = [
            self.text(item) for item in (value.items if isinstance(value, Listing) else [value])
        ]
        unknown = next((text for text in texts if isinstance(text, Unknown)), None)
        return unknown or tuple(text for text in texts if isinstance(text, str))
