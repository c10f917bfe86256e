"""What a template is made of, before anything is read into it: values, each with its place.

A scalar keeps the text that stands there, so that a version ``2.0`` can be told from ``"2.0"``.
Intrinsic functions are :class:`Call` until :mod:`~authorizer.cli.template.intrinsics` works them
out; what it makes of them are nodes as well, down to :class:`Undecidable`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A scalar.

    Attributes:
        kind: what YAML takes it for: ``str``, ``int``, ``float``, ``bool``, ``null``, ...
    """

    place: Location
    text: str
    kind: str = "str"


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A list."""

    place: Location
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping from texts.

    Attributes:
        entries: in the order in which they stand.
        keys: where each name stands.
        open: why there may be more entries than are known; nothing where there are none.
    """

    place: Location
    entries: dict[str, Node]
    keys: dict[str, Location]
    open: str | None = None

    def __iter__(self) -> Iterator[tuple[str, Location, Node]]:
        return ((name, self.keys[name], value) for name, value in self.entries.items())


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An intrinsic function, by its long name: ``Ref``, ``Fn::GetAtt``, ``Condition``."""

    place: Location
    name: str
    argument: Node


@dataclass(frozen=True, slots=True, eq=False)
class Absent:
    """Nothing at all: ``AWS::NoValue``, or a name that a mapping has not."""

    place: Location


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A resource's name (``Ref``) or one of its attributes (``Fn::GetAtt``)."""

    place: Location
    id: str
    attribute: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """A text of which parts are known only once deployed."""

    place: Location
    parts: tuple[Text | Reference | Undecidable, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Undecidable:
    """What cannot be worked out offline, and why.

    Attributes:
        name: the parameter, or pseudo-parameter, that a deployment gives; nothing for others.
    """

    place: Location
    why: str
    name: str | None = None

    @property
    def is_pseudo(self) -> bool:
        """Whether it is what CloudFormation knows: this account, this region, this stack."""
        return self.name is not None and self.name.startswith("AWS::")


Node: TypeAlias = Text | Listing | Mapping | Call | Absent | Reference | Composite | Undecidable


@dataclass(slots=True)
class Frame:
    """A list or a mapping whose end has not been read yet."""

    place: Location
    tag: str | None
    anchor: str | None
    is_mapping: bool
    children: list[Node] = field(default_factory=list)


def parts_of(node: Node) -> tuple[Node, ...]:
    """What a text is put together of: itself, where that is one piece."""
    return node.parts if isinstance(node, Composite) else (node,)


def referred(node: Node) -> str | None:
    """The name that stands alone in a ``Ref``, or in a ``Sub`` of nothing else."""
    if not (isinstance(node, Call) and isinstance(node.argument, Text)):
        return None
    text = node.argument.text
    if node.name == "Ref":
        return text
    is_alone = node.name == "Fn::Sub" and text.startswith("${") and text.find("}") == len(text) - 1
    return text[2:-1].strip() if is_alone else None
