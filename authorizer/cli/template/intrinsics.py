"""Working out intrinsic functions, as far as that can be done without deploying.

A parameter has its default's value, which a deployment may override; one without a default is
undecidable, as is what only the account knows (pseudo-parameters, imports, macros). Conditions
follow from the defaults too, but say whether they depend on a parameter: who asks whether a route
exists, or what protects it, must take every branch (:meth:`Resolver.branches`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.choices import Choices, Parameters
from authorizer.cli.template.conditions import Conditions, Verdict
from authorizer.cli.template.model import Elsewhere, Mistake, Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Composite,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    Undecidable,
    referred,
)
from authorizer.cli.template.whole import Whole
from authorizer.cli.text import did_you_mean
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from authorizer.cli.location import Location

# No text that decides anything is longer, and texts made of texts could grow without end.
MAX_TEXT = 20_000
# What is not worked out here, and what is.
_DEPLOYED = frozenset(
    {
        "Condition",
        "Fn::And",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::Contains",
        "Fn::EachMemberEquals",
        "Fn::EachMemberIn",
        "Fn::Equals",
        "Fn::GetAZs",
        "Fn::GetStackOutput",
        "Fn::Length",
        "Fn::Not",
        "Fn::Or",
        "Fn::RefAll",
        "Fn::ToJsonString",
        "Fn::ValueOf",
        "Fn::ValueOfAll",
    }
)
_FUNCTIONS = _DEPLOYED | {
    "Ref",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::Transform",
}
# What CloudFormation looks up in the parameter store or among secrets.
_DYNAMIC = "{{resolve:"
_VARIABLE = re.compile(r"\$\{(!?)([^${}]*)\}")


class Resolver:
    """The intrinsic functions of one template."""

    def __init__(
        self,
        template: Mapping,
        folder: Path | None,
        choices: Choices | None = None,
        given: dict[str, Node] | None = None,
    ) -> None:
        self.choices = choices or Choices()
        self.parameters = Parameters(
            _section(template, "Parameters"), self.choices, self.get, given
        )
        self._mappings = _section(template, "Mappings")
        self._whole = Whole(template)
        self._conditions = Conditions(
            _section(template, "Conditions"),
            self.resolve,
            self.parameters,
            is_whole=self._whole.is_whole,
        )
        # Logical ids. What an AWS::Include brings is added by whoever reads the resources.
        self.resources = set(_section(template, "Resources"))
        # Those of them that have a template of their own.
        self.stacks: set[str] = set()
        self._folder = folder
        self._files: dict[str, Node] = {}
        # By the node's identity; the nodes are kept, so that no identity is used again.
        self._known: dict[int, tuple[Node, Node]] = {}
        self._branches: dict[int, tuple[Node, tuple[Node, ...], str | None]] = {}
        self._functions: dict[str, Callable[[Call], Node]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Transform": self._transform,
            "Fn::ImportValue": self._import_value,
        }

    def resolve(self, node: Node) -> Node:
        """What a node comes to; what it contains is left as it is."""
        if isinstance(node, Mapping) and "Fn::Transform" in node.entries:
            return self._remembered(node, self._with_transform)
        if isinstance(node, Call):
            function = self._functions.get(node.name)
            if function is None:
                return Undecidable(node.place, _why_not_here(node))
            node = self._remembered(node, function)
        if isinstance(node, Text) and _DYNAMIC in node.text:
            return Undecidable(node.place, f"{clip(node.text)} is looked up when deployed")
        return node

    def get(self, node: Node, name: str) -> Node:
        """A mapping's value under a name, worked out."""
        mapping = self.resolve(node)
        if isinstance(mapping, Undecidable):
            return mapping
        if not isinstance(mapping, Mapping):
            return Absent(mapping.place)
        if name in mapping.entries:
            return self.resolve(mapping.entries[name])
        if mapping.open:
            return Undecidable(mapping.place, mapping.open)
        return Absent(mapping.place)

    def branches(self, node: Node) -> tuple[tuple[Node, ...], str | None]:
        """Every value that a deployment could give a node.

        Returns:
            The values, without ``AWS::NoValue``, and what the choice between them depends on.
        """
        if not (isinstance(node, Call) and node.name == "Fn::If"):
            value = self.resolve(node)
            return (() if isinstance(value, Absent) else (value,)), None
        if id(node) not in self._branches:
            self._branches[id(node)] = (node, *self._both(node))
        return self._branches[id(node)][1:]

    def _both(self, call: Call) -> tuple[tuple[Node, ...], str | None]:
        parts = self._arguments(call, 3)
        if parts is None or not isinstance(parts[0], Text):
            return (self.resolve(call),), None
        verdict = self.condition(parts[0].text)
        if verdict.why is None:
            return self.branches(parts[1] if verdict.value else parts[2])
        both = [value for part in parts[1:] for value in self.branches(part)[0]]
        if all(len(self.branches(part)[0]) == 1 for part in parts[1:]) and both[0] is both[1]:
            return (both[0],), None
        return tuple(both), verdict.why

    def varies(self, node: Node) -> str | None:
        """What a value depends on that has another branch; nothing where it has none."""
        waiting, seen = [node], set()
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
                waiting.append(part.argument)
                why = self.branches(part)[1]
                if why is not None:
                    return why
        return None

    def chosen(self, call: Call) -> tuple[Node, ...]:
        """The side of an ``Fn::If`` that this deployment takes, as it stands."""
        parts = self._arguments(call, 3)
        if parts is None or not isinstance(parts[0], Text):
            return ()
        value = self.condition(parts[0].text).value
        return tuple(parts[1:]) if value is None else (parts[1] if value else parts[2],)

    def is_left_empty(self, name: str, place: Location) -> bool:
        """Whether it is a parameter that is empty, as it is by default and not by choice."""
        if name not in self.parameters or self.parameters.is_chosen(name):
            return False
        value = self.parameters.value(name, place)
        return isinstance(value, Text) and not value.text

    def condition(self, name: str) -> Verdict:
        """What a condition of the template comes to."""
        return self._conditions.verdict(name)

    def _remembered(self, node: Node, function: Callable[..., Node]) -> Node:
        if id(node) not in self._known:
            self._known[id(node)] = (node, Undecidable(node.place, "it is made of itself"))
            self._known[id(node)] = (node, function(node))
        return self._known[id(node)][1]

    def _if(self, call: Call) -> Node:
        parts = self._arguments(call, 3)
        if parts is None or not isinstance(parts[0], Text):
            return _malformed(call)
        verdict = self._conditions.verdict(parts[0].text)
        if verdict.value is None:
            return Undecidable(call.place, verdict.why or "its condition is undecidable")
        return self.resolve(parts[1] if verdict.value else parts[2])

    # --- references ---

    def _ref(self, call: Call) -> Node:
        if not isinstance(call.argument, Text):
            return _malformed(call)
        return self._named(call.argument.text, call.place)

    def _named(self, name: str, place: Location) -> Node:
        if name == "AWS::NoValue":
            return Absent(place)
        if name.startswith("AWS::"):
            if name in self.choices.chosen:
                return Text(place, self.choices.chosen[name])
            return Undecidable(place, f"{name} is known only when deployed", name)
        if name in self.parameters:
            return self.parameters.value(name, place)
        # SAM lets a function's alias be named as ``!Ref Function.Alias``.
        resource, _, attribute = name.partition(".")
        if resource in self.resources:
            return self._attribute(place, resource, attribute or None)
        why = f"{clip(name)} is neither a parameter nor a resource"
        return Undecidable(place, self._why_missing(why, resource, place, self.parameters))

    def _why_missing(self, why: str, name: str, place: Location, others: Iterable[str] = ()) -> str:
        """A mistake, where nothing could bring what is named there."""
        if self._whole.may_be_added(name):
            return why
        return Mistake(f"{why}{did_you_mean(name, [*self.resources, *others])}", place)

    def _get_att(self, call: Call) -> Node:
        argument = self.resolve(call.argument)
        if isinstance(argument, Text):
            name, _, attribute = argument.text.partition(".")
        else:
            texts = self._texts(argument)
            if not texts:
                return _malformed(call)
            name, attribute = texts[0], ".".join(texts[1:])
        if name not in self.resources:
            why = f"{clip(name)} is no resource of this template"
            return Undecidable(call.place, self._why_missing(why, name, call.place))
        return self._attribute(call.place, name, attribute)

    def _attribute(self, place: Location, name: str, attribute: str | None) -> Node:
        """Of a resource; that of another stack is whatever its template says."""
        if name in self.stacks and attribute:
            output = attribute.removeprefix("Outputs.")
            why = f"output {output} of {name} is told by another template"
            return Undecidable(place, Elsewhere(why, "output", name, output))
        return Reference(place, name, attribute)

    def _import_value(self, call: Call) -> Node:
        name = self.resolve(call.argument)
        pattern = pattern_of(name)
        if pattern is None:
            return Undecidable(call.place, _why_not_text(name))
        return Undecidable(call.place, Elsewhere(_why_not_here(call), "import", pattern))

    # --- texts and lists ---

    def _sub(self, call: Call) -> Node:
        template: Node = call.argument
        variables: Node = Absent(call.place)
        if isinstance(template, Listing):
            parts = self._arguments(call, 2)
            if parts is None:
                return _malformed(call)
            template, variables = parts
        if not isinstance(template, Text):
            return _malformed(call)
        pieces: list[Node] = []
        end = 0
        for found in _VARIABLE.finditer(template.text):
            pieces.append(Text(call.place, template.text[end : found.start()]))
            pieces.append(self._substituted(found, variables, call.place))
            end = found.end()
        pieces.append(Text(call.place, template.text[end:]))
        return _joined(call, pieces)

    def _substituted(self, found: re.Match[str], variables: Node, place: Location) -> Node:
        name = found[2].strip()
        if found[1]:
            return Text(place, "${" + name + "}")
        if isinstance(variables, Mapping) and name in variables.entries:
            return self.resolve(variables.entries[name])
        return self._named(name, place)

    def _join(self, call: Call) -> Node:
        parts = self._arguments(call, 2)
        if parts is None or not isinstance(parts[0], Text):
            return _malformed(call)
        listing = self.resolve(parts[1])
        if isinstance(listing, Undecidable):
            return Undecidable(call.place, listing.why)
        if not isinstance(listing, Listing):
            return _malformed(call)
        pieces: list[Node] = []
        for item in listing.items:
            pieces += [parts[0], self.resolve(item)] if pieces else [self.resolve(item)]
        return _joined(call, pieces)

    def _select(self, call: Call) -> Node:
        parts = self._arguments(call, 2)
        if parts is None:
            return _malformed(call)
        index, listing = self.resolve(parts[0]), self.resolve(parts[1])
        if isinstance(listing, Undecidable):
            return Undecidable(call.place, listing.why)
        if not (isinstance(index, Text) and isinstance(listing, Listing)):
            return _malformed(call)
        if not index.text.isascii() or not index.text.isdigit() or len(index.text) > 4:  # noqa: PLR2004
            return _malformed(call)
        if int(index.text) >= len(listing.items):
            return Undecidable(call.place, "Fn::Select asks for more than the list has")
        return self.resolve(listing.items[int(index.text)])

    def _split(self, call: Call) -> Node:
        parts = self._arguments(call, 2)
        if parts is None or not isinstance(parts[0], Text) or not parts[0].text:
            return _malformed(call)
        source = self.resolve(parts[1])
        if not isinstance(source, Text):
            return Undecidable(call.place, _why_not_text(source))
        pieces = source.text.split(parts[0].text)
        return Listing(call.place, tuple(Text(call.place, piece) for piece in pieces))

    def _find_in_map(self, call: Call) -> Node:
        if not isinstance(call.argument, Listing) or len(call.argument.items) < 3:  # noqa: PLR2004
            return _malformed(call)
        value: Node = Mapping(call.place, self._mappings, dict.fromkeys(self._mappings, call.place))
        for item in call.argument.items[:3]:
            if isinstance(value, Mapping) and (name := referred(item)):
                self.parameters.compare(name, value.entries)
            key = self.resolve(item)
            if not isinstance(key, Text):
                return Undecidable(call.place, _why_not_text(key))
            if not isinstance(value, Mapping) or key.text not in value.entries:
                # A mapping without the entry is refused, and so no deployment at all.
                if len(call.argument.items) > 3:  # noqa: PLR2004 - what it is then
                    return self.get(call.argument.items[3], "DefaultValue")
                self.choices.is_impossible |= referred(item) in self.choices.chosen
                return Undecidable(call.place, f"the template's mappings have no {clip(key.text)}")
            value = value.entries[key.text]
        return self.resolve(value)

    # --- files ---

    def _with_transform(self, mapping: Mapping) -> Node:
        """What is included stands beside what is there, which wins."""
        call = Call(
            mapping.keys["Fn::Transform"], "Fn::Transform", mapping.entries["Fn::Transform"]
        )
        included = self._transform(call)
        entries = {name: value for name, _, value in mapping if name != "Fn::Transform"}
        if not isinstance(included, Mapping):
            why = included.why if isinstance(included, Undecidable) else "it includes no mapping"
            return Mapping(mapping.place, entries, mapping.keys, why)
        keys = included.keys | mapping.keys
        return Mapping(mapping.place, included.entries | entries, keys, included.open)

    def _transform(self, call: Call) -> Node:
        name = self.get(call.argument, "Name")
        if not isinstance(name, Text):
            return _malformed(call)
        if name.text != "AWS::Include":
            return Undecidable(call.place, f"the macro {clip(name.text)} runs only when deployed")
        return self.file(self.get(self.get(call.argument, "Parameters"), "Location"), call.place)

    def file(self, location: Node, place: Location) -> Node:
        """What stands in another file, where that is one beside the template."""
        if isinstance(location, Undecidable):
            return location
        if isinstance(location, Mapping):
            return Undecidable(place, "it is kept in a bucket")
        if not isinstance(location, Text):
            return Undecidable(place, _why_not_text(location))
        name = location.text
        if self._folder is None or "://" in name or name.startswith("/") or "\0" in name:
            return Undecidable(place, f"{clip(name)} is not a file beside the template")
        if name not in self._files:
            self._files[name] = Undecidable(place, f"{clip(name)} includes itself")
            self._files[name] = self._read_file(self._folder, name, place)
        return self._files[name]

    def _read_file(self, folder: Path, name: str, place: Location) -> Node:
        path = folder / name
        try:
            if not path.is_file():
                return Undecidable(place, f"there is no file {clip(name)} beside the template")
            return self.resolve(compose(read_source(path), str(path), TEMPLATE))
        except OSError as error:
            return Undecidable(place, f"{clip(name)} cannot be read: {error.strerror}")
        except ConfigurationError as error:
            return Undecidable(place, error.problems[0])

    def _arguments(self, call: Call, count: int) -> list[Node] | None:
        if isinstance(call.argument, Listing) and len(call.argument.items) == count:
            return list(call.argument.items)
        return None

    def _texts(self, node: Node) -> list[str]:
        items = node.items if isinstance(node, Listing) else ()
        values = [self.resolve(item) for item in items]
        texts = [value.text for value in values if isinstance(value, Text)]
        return texts if len(texts) == len(values) else []

    # --- facts ---

    def text(self, node: Node) -> str | Unknown | None:
        """A node as text; nothing where it is absent."""
        value = self.resolve(node)
        if isinstance(value, Absent) or (isinstance(value, Text) and value.kind == "null"):
            return None
        return value.text if isinstance(value, Text) else Unknown(_why_not_text(value))

    def flag(self, node: Node, *, default: bool) -> bool | Unknown:
        """A node as a boolean, as CloudFormation takes it: quoted or not."""
        text = self.text(node)
        if text is None or isinstance(text, Unknown):
            return default if text is None else text
        if text.lower() in {"true", "yes", "on", "1"}:
            return True
        if text.lower() in {"false", "no", "off", "0"}:
            return False
        return Unknown(f"expected true or false, found {clip(text)}")

    def number(self, node: Node, *, default: int) -> int | Unknown:
        """A node as a whole number, quoted or not."""
        text = self.text(node)
        if text is None or isinstance(text, Unknown):
            return default if text is None else text
        if re.fullmatch(r"[+-]?[0-9]{1,9}", text, re.ASCII):
            return int(text)
        return Unknown(f"expected a whole number, found {clip(text)}")

    def texts(self, node: Node) -> tuple[str, ...] | Unknown:
        """A node as a list of texts; a single text is a list of it."""
        value = self.resolve(node)
        if isinstance(value, Absent):
            return ()
        found = []
        for item in value.items if isinstance(value, Listing) else (value,):
            text = self.text(item)
            if isinstance(text, Unknown):
                return text
            if text is not None:
                found.append(text)
        return tuple(found)


def pattern_of(node: Node) -> str | None:
    """A text, with a star for each part that is not known; nothing where no part is known."""
    parts = node.parts if isinstance(node, Composite) else (node,)
    if not any(isinstance(part, Text) for part in parts):
        return None
    return "".join(part.text if isinstance(part, Text) else "*" for part in parts)


def _section(template: Mapping, name: str) -> dict[str, Node]:
    section = template.entries.get(name)
    return section.entries if isinstance(section, Mapping) else {}


def _why_not_here(call: Call) -> str:
    name = call.name.removeprefix("Fn::")
    if call.name in {*_DEPLOYED, "Fn::ImportValue"} or name.startswith("ForEach"):
        return f"{call.name} is decided only when deployed"
    known = [one.removeprefix("Fn::") for one in _FUNCTIONS]
    why = f"expected a function of CloudFormation's, found {clip(name)}{did_you_mean(name, known)}"
    return Mistake(why, call.place)


def _malformed(call: Call) -> Undecidable:
    return Undecidable(call.place, f"{call.name} is not written as it must be")


def _joined(call: Call, pieces: list[Node]) -> Node:
    parts: list[Text | Reference | Undecidable] = []
    for piece in pieces:
        if isinstance(piece, Composite):
            parts += piece.parts
        elif isinstance(piece, Reference | Undecidable) or (isinstance(piece, Text) and piece.text):
            parts.append(piece)
        elif not isinstance(piece, Text | Absent):
            return _malformed(call)
    if sum(len(part.text) if isinstance(part, Text) else 1 for part in parts) > MAX_TEXT:
        return Undecidable(
            call.place, f"{call.name} makes a text of more than {MAX_TEXT} characters"
        )
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        return Text(call.place, "".join(texts))
    return parts[0] if len(parts) == 1 else Composite(call.place, tuple(parts))


def _why_not_text(node: Node) -> str:
    if isinstance(node, Composite):
        node = next(part for part in node.parts if not isinstance(part, Text))
    if isinstance(node, Undecidable):
        return node.why
    if isinstance(node, Reference):
        return f"{node.id} has its name only when deployed"
    return "expected a text, found something else"
