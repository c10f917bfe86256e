"""What a template is made of, before anything is read into it: values, each with its place.

Intrinsic functions are :class:`Call` until :mod:`~authorizer.cli.template.intrinsics` works them
out; what it makes of them are nodes as well, down to :class:`Unresolvable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from authorizer.cli.template.model import Cause, Repetition, Unknown, Unresolved
from authorizer.cli.yaml_source import Call, Listing, Mapping, Node, Text
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authorizer.cli.location import Location

__all__ = [
    "GIVEN",
    "Absent",
    "Call",
    "Completeness",
    "Composite",
    "Listing",
    "Mapping",
    "Node",
    "Reference",
    "Text",
    "UndecidedError",
    "Unresolvable",
    "child",
    "children_of",
    "has_all_entries",
    "key_location",
    "known",
    "mapping_at",
    "moved",
    "or_unknown",
    "parts_of",
    "pattern_of",
    "referred",
    "repetitions",
    "spelled",
    "why_given",
    "why_not_text",
    "within",
]

_Given = ParamSpec("_Given")
_Fact = TypeVar("_Fact")
_ALONE = re.compile(r"\$\{[^}]*\}")
# What kind of text it is that a parameter is left empty in, for a deployment to give.
GIVEN = "given"
# Transforms that bring no names, but for SAM's.
_KNOWN = ("AWS::Serverless-2016-10-31", "AWS::SecretsManager-", "AWS::CodeDeployBlueGreen")
_SECTIONS = ("Conditions", "Mappings", "Parameters", "Resources")
# SAM's own resources that are made for none of the template's.
_OF_SAM = ("Serverless", "CodeDeployServiceRole")


@dataclass(frozen=True, slots=True, eq=False)
class Absent(Node):
    """Nothing at all: ``AWS::NoValue``, or a name that a mapping has not."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference(Node):
    """A resource's name (``Ref``) or one of its attributes (``Fn::GetAtt``)."""

    id: str
    attribute: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Composite(Node):
    """A text of which parts are known only once deployed."""

    parts: tuple[Text | Reference | Unresolvable, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unresolvable(Node):
    """What cannot be worked out offline, and why.

    Attributes:
        name: the parameter, or pseudo-parameter, that a deployment gives; nothing for others.
    """

    why: Cause
    name: str | None = None

    @property
    def is_pseudo(self) -> bool:
        """Whether it is what CloudFormation knows: this account, this region, this stack."""
        return self.name is not None and self.name.startswith("AWS::")


# --- what is not decided ---

# It is an exception while a fact is worked out, and a value once that is there. Whoever works out a
# fact asks for what it needs with known(), and goes straight on; or_unknown() makes a fact of what
# then comes up. A fact that is not decided is never left out.


class UndecidedError(Exception):
    """What a fact depends on cannot be decided offline."""

    def __init__(self, why: Cause) -> None:
        """Take why, for the fact."""
        super().__init__(str(why))
        self.why = why


def known(fact: _Fact | Unknown) -> _Fact:
    """A fact that is decided.

    Raises:
        UndecidedError: it is not.
    """
    if isinstance(fact, Unknown):
        raise UndecidedError(fact.why)
    return fact


def or_unknown(decide: Callable[_Given, _Fact]) -> Callable[_Given, _Fact | Unknown]:
    """A function that gives a fact, or what it raises as undecided as an unknown one."""

    @wraps(decide)
    def decided(*given: _Given.args, **named: _Given.kwargs) -> _Fact | Unknown:
        try:
            return decide(*given, **named)
        except UndecidedError as error:
            return Unknown(error.why)

    return decided


# --- what nodes are made of ---


def parts_of(node: Node) -> tuple[Node, ...]:
    """What a text is put together of: itself, where that is one piece."""
    return node.parts if isinstance(node, Composite) else (node,)


def why_given(node: Node) -> Cause | None:
    """Why a text is not known of which the deployment gives a part, and not the account."""
    parts = parts_of(node)
    whys = (part.why for part in parts if isinstance(part, Unresolvable) and not part.is_pseudo)
    return next(whys, None)


def referred(node: Node) -> str | None:
    """The name that stands alone in a ``Ref``, or in a ``Sub`` of nothing else."""
    match node:
        case Call(name="Ref", argument=Text(text=name)):
            return name
        case Call(name="Fn::Sub", argument=Text(text=text)) if _ALONE.fullmatch(text):
            return text[2:-1].strip()
        case _:
            return None


def child(node: Node, name: str) -> Node:
    """What stands under a name, as it stands; undecidable under what is undecidable itself."""
    if isinstance(node, Mapping) and name in node.entries:
        return node.entries[name]
    return node if isinstance(node, Unresolvable) else Absent(node.location)


def mapping_at(location: Location, entries: dict[str, Node]) -> Mapping:
    """A mapping that is made up, of things with places of their own."""
    return Mapping(location, entries, {name: node.location for name, node in entries.items()})


def moved(node: Node, location: Location) -> Node:
    """A node of which everything stands at one place."""
    match node:
        case Listing(items=items):
            return Listing(location, tuple(moved(item, location) for item in items))
        case Mapping():
            return mapping_at(location, {name: moved(value, location) for name, _, value in node})
        case _:
            return replace(node, location=location)


def has_all_entries(node: Node) -> bool:
    """Whether it is a mapping of which every entry is known, or nothing."""
    return isinstance(node, Absent) or (isinstance(node, Mapping) and node.open is None)


def children_of(node: Node) -> Iterable[Node]:
    """What a node is made of, as it stands."""
    match node:
        case Listing():
            return node.items
        case Mapping():
            return node.entries.values()
        case Call():
            return (node.argument,)
        case _:
            return ()


def within(node: Node) -> Iterator[Node]:
    """A node and all that is in it, each once."""
    waiting, seen = [node], set()
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            yield part
            waiting += children_of(part)


def repetitions(root: Node) -> Iterator[Unresolved]:
    """The names in a document that stand there twice, each where it counts for nothing."""
    for mapping in within(root):
        for key in mapping.rejected if isinstance(mapping, Mapping) else ():
            if isinstance(key, Text) and isinstance(mapping, Mapping):
                again = mapping.keys[key.text].line
                why = f"expected each name once, found {clip(key.text)} again on line {again}"
                lost = Repetition(f"{why}, which counts", key.location)
                yield Unresolved(location=key.location, what=f"what {clip(key.text)} is", why=lost)


def key_location(node: Node, name: str) -> Location | None:
    """Where a name stands in a mapping."""
    return node.keys.get(name) if isinstance(node, Mapping) else None


def spelled(node: Node, mark: Callable[[Node], str] = lambda _: "*") -> str:
    """A text, with a mark, by default a star, for each part that is known only when deployed."""
    parts = parts_of(node)
    return "".join(part.text if isinstance(part, Text) else mark(part) for part in parts)


def pattern_of(node: Node) -> str | None:
    """A text, with a star for each part that is not known; nothing where no part is known."""
    is_known = any(isinstance(part, Text) for part in parts_of(node))
    return spelled(node) if is_known else None


def why_not_text(node: Node) -> Cause:
    """Why a value is none that can be read."""
    match node:
        case Composite(parts=parts):
            return why_not_text(next(part for part in parts if not isinstance(part, Text)))
        case Unresolvable(why=why):
            return why
        case Reference(id=name):
            return f"{name} has its name only when deployed"
        case _:
            return "expected a text, found something else"


class Completeness:
    """Whether a template is all there is, so that a name that nothing in it has is a mistake.

    Macros, loops and includes may bring what a name stands for; SAM brings resources whose names
    begin with those that they are made for, such as ``HelloRole`` for ``Hello``.

    Attributes:
        is_complete: whether nothing but SAM can add names.
    """

    def __init__(self, template: Mapping) -> None:
        """Take the template as it is written."""
        resources = child(template, "Resources")
        self._of_sam = [
            *_OF_SAM,
            *(
                name
                for name, _, body in (resources if isinstance(resources, Mapping) else ())
                if isinstance(kind := child(body, "Type"), Text)
                and kind.text.startswith("AWS::Serverless::")
            ),
        ]
        self.is_complete = "Resources" in template.entries and not (
            _runs_macros(child(template, "Transform"))
            or any(name.startswith("Fn::") for name in template.entries)
            or any(_has_loops(child(template, name)) for name in _SECTIONS)
        )

    def may_be_added(self, name: str) -> bool:
        """Whether a resource of that name may come to be, although it is not written."""
        return not self.is_complete or any(
            name.startswith(known) and not name[len(known) :][:1].islower()
            for known in self._of_sam
        )


def _runs_macros(transform: Node) -> bool:
    items = transform.items if isinstance(transform, Listing) else (transform,)
    return not all(
        isinstance(item, Absent) or (isinstance(item, Text) and item.text.startswith(_KNOWN))
        for item in items
    )


def _has_loops(section: Node) -> bool:
    match section:
        case Absent():
            return False
        case Mapping(entries=entries, open=None):
            return any(name.startswith("Fn::") for name in entries)
        case _:
            return True
