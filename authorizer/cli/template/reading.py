"""What the readers of a template share: values as facts, the APIs as they grow, what is unresolved.

Who asks whether a route exists, or what protects it, must take every branch
(:meth:`Reading.branches`): a deployment may choose another one than the defaults do.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from authorizer.cli.template.intrinsics import Intrinsics
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Cause,
    Elsewhere,
    Missing,
    Unknown,
    Unresolved,
)
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    UndecidedError,
    Unresolvable,
    child,
    why_not_text,
    within,
)
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.cli.location import Location
    from authorizer.cli.template.parameters import Choices

_Fact = TypeVar("_Fact")
# As CloudFormation takes them, quoted or not.
_FLAGS: dict[str, bool | Unknown] = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}

# What is read of the assets that CDK wrote: an API's definition, and templates.
_ASSETS = frozenset({"TemplateURL", "BodyS3Location"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of the template.

    Attributes:
        location: of its logical id.
        properties: with those that ``Globals`` adds.
        depends_on: what decides whether it exists at all; nothing where it always does.
    """

    id: str
    location: Location
    type: str
    properties: Node
    depends_on: Cause | None = None


class Reading(Intrinsics):
    """One template while it is being read."""

    def __init__(
        self,
        template: Mapping,
        folder: Path | None,
        choices: Choices | None = None,
        given: dict[str, Node] | None = None,
    ) -> None:
        super().__init__(template, folder, choices, given)
        self.constructs: dict[Location, str] = {}
        self.resources: dict[str, Resource] = {}
        # What Globals give to functions, and to the APIs that SAM makes by itself, by their type.
        self.common: dict[str, Node] = {}
        # Stacks whose template is not at hand.
        self.stacks_elsewhere: list[Resource] = []
        self.drafts: dict[str, Api] = {}
        self.unresolved: list[Unresolved] = []

    # --- values, in every deployment ---

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
        same = {
            value.text if isinstance(value, Text) else value for side in values for value in side
        }
        if len(same) == 1 and all(values):
            return values[0][:1], None
        return (*values[0], *values[1]), verdict.why

    def varies(self, node: Node) -> Cause | None:
        """What a value depends on that has another branch; nothing where it has none."""
        whys = (self.branches(part)[1] for part in within(node) if isinstance(part, Call))
        return next((why for why in whys if why is not None), None)

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

    # --- what the readers share ---

    def of_type(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, in the template's order."""
        return (resource for resource in self.resources.values() if resource.type in types)

    def note(self, location: Location, what: Missing, why: Cause) -> None:
        """Write down what could not be decided."""
        self.unresolved.append(Unresolved(location=location, what=what, why=why))

    def note_existence(self, resource: Resource, what: str) -> None:
        """Write down that a resource may not be there."""
        if resource.depends_on:
            self.note(resource.location, f"whether {what} there", resource.depends_on)

    def fact(self, value: _Fact, location: Location, what: Missing, *written: Node) -> _Fact:
        """A value as it is, written down where it is unknown.

        Args:
            value: the fact.
            location: where to look, if nothing is written.
            what: which fact it is.
            written: what it was read from, which is where to look. A value that holds under the
                defaults of parameters only is written down, too.
        """
        location = next(
            (node.location for node in written if not isinstance(node, Absent)), location
        )
        if isinstance(value, Unknown):
            self.note(location, what, value.why)
            return value
        for node in written:
            why = self.varies(node)
            if why is not None:
                self.note(location, f"{what} in every deployment", why)
        return value

    def mappings(self, node: Node, what: Missing, *drafts: Api) -> Iterator[Mapping]:
        """Every mapping that a node may come to.

        Args:
            node: as it stands.
            what: it says, for what is written down where that cannot be decided.
            drafts: the APIs that are incomplete then.
        """
        values, depends_on = self.branches(node)
        if depends_on is not None:
            self.note(node.location, what, depends_on)
        for value in values:
            match value:
                case Mapping(open=why) | Unresolvable(why=why) if why is not None:
                    self.hide(value.location, what, why, *drafts)
                case Mapping() | Text(kind="null"):
                    pass
                case _:
                    why = "expected a mapping, found something else"
                    self.hide(value.location, what, why, *drafts)
            if isinstance(value, Mapping):
                yield value

    def entries(
        self, node: Node, what: Missing, *drafts: Api
    ) -> Iterator[tuple[str, Location, Node]]:
        """The entries of these mappings: each name, where it stands, and what stands under it."""
        for mapping in self.mappings(node, what, *drafts):
            yield from mapping

    def hide(self, location: Location, what: Missing, why: Cause, *drafts: Api) -> None:
        """Write down what could not be decided, so that these APIs are incomplete."""
        self.note(location, what, why)
        for draft in drafts:
            draft.is_complete = False

    @contextmanager
    def hiding(self, location: Location, what: Missing, *drafts: Api) -> Iterator[None]:
        """Whatever is undecided within hides something of these APIs."""
        try:
            yield
        except UndecidedError as error:
            self.hide(location, what, error.why, *drafts)

    def steady(self, node: Node) -> Node:
        """A node that must be the same in every deployment: undecidable where it may not be."""
        values, why = self.branches(node)
        if why is not None:
            return Unresolvable(node.location, why)
        return values[0] if values else Absent(node.location)

    def as_cdk_wrote(self, location: Location, body: Node, properties: Node) -> Node:
        """A resource's properties with the file that CDK wrote, not where it uploads that."""
        metadata = self.get(body, "Metadata")
        construct = self.text(self.get(metadata, "aws:cdk:path"))
        if isinstance(construct, str):
            self.constructs[location] = construct
        path = self.get(metadata, "aws:asset:path")
        name = self.text(self.get(metadata, "aws:asset:property"))
        if name in _ASSETS and isinstance(path, Text) and isinstance(properties, Mapping):
            return replace(properties, entries={**properties.entries, str(name): path})
        return properties

    def is_private(self, properties: Node) -> bool:
        """Whether a REST API has a private endpoint, and no other, in every deployment."""
        written = self.steady(child(properties, "EndpointConfiguration"))
        types = (written, child(written, "Type"), child(written, "Types"))
        return ("PRIVATE",) in map(self.texts, types) and self.varies(written) is None

    def choice(self, node: Node) -> str | Unknown | None:
        """A text that must be the same in every deployment."""
        return self.text(self.steady(node))

    def draft_elsewhere(self, why: Cause, name: str, kind: ApiKind, location: Location) -> Api:
        """The API that another template has, or of which no more than a name is known."""
        if not isinstance(why, Elsewhere):
            why = Elsewhere(str(why), ("named", name))
        key = f"{'.'.join(why.key[1:])} (elsewhere)"
        draft = Api(id=key, kind=kind, location=location, is_complete=False, elsewhere=why)
        return self.drafts.setdefault(key, draft)

    def resource_of(self, part: Node) -> Resource | None:
        """The resource of this template that a part of a text stands for."""
        return self.resources.get(part.id) if isinstance(part, Reference) else None

    def resource_behind(self, node: Node) -> Resource | Unknown | None:
        """The resource that a value names; nothing where it is none of this template's."""
        match self.steady(node):
            case Reference(id=name) | Text(text=name):
                return self.resources.get(name)
            case Unresolvable(why=why):
                return Unknown(why)
            case _:
                return None
