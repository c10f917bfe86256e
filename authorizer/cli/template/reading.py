"""What the readers of a template share: resources, the APIs as they grow, what is unresolved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    Elsewhere,
    HiddenRoutes,
    Route,
    Unknown,
    Unresolved,
)
from authorizer.cli.template.nodes import (
    Absent,
    Mapping,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
)
from authorizer.cli.template.undecided import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Cause, Missing
    from authorizer.cli.template.resolver import Resolver

_Fact = TypeVar("_Fact")


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


@dataclass(slots=True, kw_only=True)
class Draft:
    """An API that is still being put together. The fields are those of :class:`Api`."""

    id: str
    kind: ApiKind
    location: Location
    routes: list[Route] = field(default_factory=list)
    authorizers: dict[str, Authorizer] = field(default_factory=dict)
    is_complete: bool = True
    is_private: bool = False
    stands_alone: bool = False
    elsewhere: Elsewhere | None = None
    has_cors: bool | Unknown = False
    cors_responses: set[str] = field(default_factory=set)
    cors_responses_unknown: Unknown | None = None
    replaces: Location | None = None

    @property
    def all_routes(self) -> HiddenRoutes:
        """The name of the fact which routes it has."""
        return HiddenRoutes(f"the routes of {self.id}", api=self.id)

    def finished(self) -> Api:
        """The API, as far as it was read."""
        return Api(
            id=self.id,
            kind=self.kind,
            location=self.location,
            routes=tuple(self.routes),
            authorizers=tuple(self.authorizers.values()),
            is_complete=self.is_complete,
            is_private=self.is_private,
            stands_alone=self.stands_alone,
            elsewhere=self.elsewhere,
            has_cors=self.has_cors,
            cors_gateway_responses=self.cors_responses_unknown or frozenset(self.cors_responses),
            replaces=self.replaces,
        )


class Reading:
    """One template while it is being read."""

    def __init__(self, resolver: Resolver, resources: dict[str, Resource]) -> None:
        self.resolver = resolver
        self.resources = resources
        # What Globals give to functions, and to the APIs that SAM makes by itself, by their type.
        self.common: dict[str, Node] = {}
        # Stacks whose template is not at hand.
        self.stacks_elsewhere: list[Resource] = []
        self.drafts: dict[str, Draft] = {}
        self.unresolved: list[Unresolved] = []

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
            why = self.resolver.varies(node)
            if why is not None:
                self.note(location, f"{what} in every deployment", why)
        return value

    def mappings(self, node: Node, what: Missing, *drafts: Draft) -> Iterator[Mapping]:
        """Every mapping that a node may come to.

        Args:
            node: as it stands.
            what: it says, for what is written down where that cannot be decided.
            drafts: the APIs that are incomplete then.
        """
        values, why = self.resolver.branches(node)
        if why is not None:
            self.note(node.location, what, why)
        for value in values:
            if isinstance(value, Mapping):
                if value.open is not None:
                    self.hide(value.location, what, value.open, *drafts)
                yield value
            elif isinstance(value, Unresolvable):
                self.hide(value.location, what, value.why, *drafts)
            elif not (isinstance(value, Text) and value.kind == "null"):
                why = "expected a mapping, found something else"
                self.hide(value.location, what, why, *drafts)

    def entries(
        self, node: Node, what: Missing, *drafts: Draft
    ) -> Iterator[tuple[str, Location, Node]]:
        """The entries of these mappings: each name, where it stands, and what stands under it."""
        for mapping in self.mappings(node, what, *drafts):
            yield from mapping

    def hide(self, location: Location, what: Missing, why: Cause, *drafts: Draft) -> None:
        """Write down what could not be decided, so that these APIs are incomplete."""
        self.note(location, what, why)
        for draft in drafts:
            draft.is_complete = False

    @contextmanager
    def hiding(self, location: Location, what: Missing, *drafts: Draft) -> Iterator[None]:
        """Whatever is undecided within hides something of these APIs."""
        try:
            yield
        except UndecidedError as error:
            self.hide(location, what, error.why, *drafts)

    def steady(self, node: Node) -> Node:
        """A node that must be the same in every deployment: undecidable where it may not be."""
        values, why = self.resolver.branches(node)
        if why is not None:
            return Unresolvable(node.location, why)
        return values[0] if values else Absent(node.location)

    def is_private(self, properties: Node) -> bool:
        """Whether a REST API has a private endpoint, and no other, in every deployment."""
        written = self.steady(child(properties, "EndpointConfiguration"))
        texts = [self.resolver.texts(child(written, name)) for name in ("Type", "Types")]
        if isinstance(written, Text):
            texts = [(written.text,)]
        return ("PRIVATE",) in texts and self.resolver.varies(written) is None

    def choice(self, node: Node) -> str | Unknown | None:
        """A text that must be the same in every deployment."""
        values, why = self.resolver.branches(node)
        texts = [self.resolver.text(value) for value in values]
        if why is not None and (len(texts) < 2 or len(set(texts)) > 1):  # noqa: PLR2004 - two sides
            return Unknown(why)
        return texts[0] if texts else None

    def draft_elsewhere(self, why: Cause, name: str, kind: ApiKind, location: Location) -> Draft:
        """The API that another template has, or of which no more than a name is known."""
        if not isinstance(why, Elsewhere):
            why = Elsewhere(str(why), ("named", name))
        key = f"{'.'.join(why.key[1:])} (elsewhere)"
        draft = Draft(id=key, kind=kind, location=location, is_complete=False, elsewhere=why)
        return self.drafts.setdefault(key, draft)

    def resource_of(self, part: Node) -> Resource | None:
        """The resource of this template that a part of a text stands for."""
        return self.resources.get(part.id) if isinstance(part, Reference) else None

    def resource_behind(self, node: Node) -> Resource | Unknown | None:
        """The resource that a value names; nothing where it is none of this template's."""
        value = self.steady(node)
        if isinstance(value, Reference):
            return self.resources.get(value.id)
        if isinstance(value, Unresolvable):
            return Unknown(value.why)
        return self.resources.get(value.text) if isinstance(value, Text) else None
